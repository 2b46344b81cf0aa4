"""Fields of the shop's own: what they may hold, what each customer has in them, and how customers are found by them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select

from models import BillingError, Customer, CustomField, CustomValue, FieldError, FieldKind, db

from . import audit
from .actor import Actor
from .customer_fields import InvalidCustomer
from .texts import InvalidText, many_lines, one_line

MOST_FIELDS, MOST_CHOICES = 100, 200
PREFIX = "custom."
"""Begins the name of such a field in mappings, rules and errors: ``custom.loyalty_no``."""
COLUMN = {
    FieldKind.TEXT: "text",
    FieldKind.LONG_TEXT: "long_text",
    FieldKind.CHOICE: "text",
    FieldKind.DATE: "day",
    FieldKind.NUMBER: "number",
    FieldKind.YES_NO: "flag",
}
"""Which column of CustomValue holds a field's value."""
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DIGITS = 12
_YES, _NO = {"yes", "true", "1", "y"}, {"no", "false", "0", "n"}


class FieldRefused(FieldError):
    """A field cannot be like this; `field` names what is wrong."""


def fields(*, archived: bool = False) -> list[CustomField]:
    """The fields in their order; archived ones too if asked for."""
    wanted = select(CustomField).order_by(CustomField.position, CustomField.id)
    return list(db.session.scalars(wanted if archived else wanted.where(CustomField.archived_on.is_(None))))


def named(key: str) -> CustomField | None:
    """The field with this key, archived or not."""
    return db.session.scalars(select(CustomField).where(CustomField.key == key)).first()


# What a field may be


def create(values: Mapping[str, Any], *, by: Actor) -> CustomField:
    """A new field. `values`: name, kind, and if wished key, help, choices, required, on_list, position.

    Without a key one is made of the name. Raises FieldRefused, NotAllowed.
    """
    by.require("settings.edit")
    read = _read(
        {"key": _key_of(values.get("name") or ""), **{n: v for n, v in values.items() if n != "key" or v}}, None
    )
    if (db.session.scalar(select(func.count()).select_from(CustomField)) or 0) >= MOST_FIELDS:
        raise FieldRefused(f"There are {MOST_FIELDS} fields already. Delete one that is not needed.")
    field = CustomField(**read)
    _check_choices(field.kind, field.choices or [])
    db.session.add(field)
    db.session.flush()
    audit.record(by, "custom_field.created", field, after=_traced(read))
    return field


def change(field: CustomField, values: Mapping[str, Any], *, by: Actor) -> None:
    """Change a field; its key and kind stay. A choice that a customer has cannot be taken out. Raises FieldRefused,
    NotAllowed."""
    by.require("settings.edit")
    for name in ("key", "kind"):
        if name in values and values[name] != getattr(field, name):
            raise FieldRefused("This stays as it is: values are kept under it. Make another field instead.", name)
    read = _read(values, field.id)
    if "choices" in read:
        _check_choices(field.kind, read["choices"])
        _keep_used_choices(field, read["choices"])
    changed = {name: value for name, value in read.items() if getattr(field, name) != value}
    before = _traced({name: getattr(field, name) for name in changed})
    for name, value in changed.items():
        setattr(field, name, value)
    db.session.flush()
    if changed:
        audit.record(by, "custom_field.changed", field, before=before, after=_traced(changed))


def archive(field: CustomField, *, by: Actor) -> None:
    """Take a field off forms, pages and lists; what customers have in it is kept. Raises NotAllowed."""
    by.require("settings.edit")
    field.archived_on = by.today
    audit.record(by, "custom_field.archived", field)
    db.session.flush()


def restore(field: CustomField, *, by: Actor) -> None:
    """Bring an archived field back, with all its values. Raises NotAllowed."""
    by.require("settings.edit")
    field.archived_on = None
    audit.record(by, "custom_field.restored", field)
    db.session.flush()


def remove(field: CustomField, *, by: Actor) -> int:
    """Delete a field and what every customer has in it, for good; how many customers that were. Raises NotAllowed."""
    by.require("settings.edit")
    had = count(field)
    audit.record(by, "custom_field.deleted", field, before={"name": field.name, "key": field.key, "customers": had})
    db.session.flush()
    db.session.execute(delete(CustomValue).where(CustomValue.field_id == field.id))
    db.session.delete(field)
    db.session.flush()
    return had


def count(field: CustomField) -> int:
    """How many customers have something in it."""
    return counts([field.id]).get(field.id, 0)


def counts(ids: Sequence[int]) -> dict[int, int]:
    """How many customers have something in each of these fields."""
    wanted = select(CustomValue.field_id, func.count()).where(CustomValue.field_id.in_(ids))
    return dict(db.session.execute(wanted.group_by(CustomValue.field_id)).all())


def _key_of(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40].strip("_")
    return plain if plain[:1].isalpha() else f"field_{plain}"[:40].rstrip("_")


def _read(values: Mapping[str, Any], own_id: int | None) -> dict[str, Any]:
    unknown = set(values) - {"key", "name", "kind", "help", "choices", "required", "on_list", "position"}
    if unknown:
        raise KeyError(f"a field has no {', '.join(sorted(unknown))} to choose")
    read: dict[str, Any] = {}
    for name, value in values.items():
        try:
            read[name] = _ABOUT[name](value)
        except FieldRefused:
            raise
        except (BillingError, ValueError) as refusal:
            raise FieldRefused(str(refusal), name) from refusal
    for name in ("name", "key"):
        if name in read and _taken(name, read[name], own_id):
            raise FieldRefused("There is a field with this already. Choose another one.", name)
    return read


def _taken(name: str, value: str, own_id: int | None) -> bool:
    same = select(CustomField.id).where(func.lower(getattr(CustomField, name)) == value.lower())
    return db.session.scalar(same.where(CustomField.id != (own_id or 0)).limit(1)) is not None


def _key(value: Any) -> str:
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise FieldRefused(
            "A key begins with a letter and holds small letters, digits and _, such as loyalty_no.", "key"
        )
    return value


def _kind(value: Any) -> FieldKind:
    try:
        return FieldKind(value)
    except ValueError:
        raise FieldRefused("Choose one from the list.", "kind") from None


def _choices(value: Any) -> list[str]:
    words = [one_line(word, 120, "A choice") for word in value or () if str(word).strip()]
    if len(words) > MOST_CHOICES:
        raise FieldRefused(f"A field has at most {MOST_CHOICES} choices.", "choices")
    if len({word.lower() for word in words}) < len(words):
        raise FieldRefused("Each choice stands once.", "choices")
    return words


def _position(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 9999:
        raise FieldRefused("The place is a whole number from 0 to 9,999.", "position")
    return value


_ABOUT: dict[str, Any] = {
    "key": _key,
    "name": lambda value: one_line(value or "", 80, "The name"),
    "kind": _kind,
    "help": lambda value: one_line(value or "", 200, "The help", empty=True),
    "choices": _choices,
    "required": bool,
    "on_list": bool,
    "position": _position,
}


def _check_choices(kind: FieldKind, words: Sequence[str]) -> None:
    if kind is FieldKind.CHOICE and not words:
        raise FieldRefused("Write what can be chosen, one on each line.", "choices")


def _keep_used_choices(field: CustomField, words: Sequence[str]) -> None:
    gone = set(field.choices) - set(words)
    if field.kind is not FieldKind.CHOICE or not gone:
        return
    used = select(CustomValue.text).where(CustomValue.field_id == field.id, CustomValue.text.in_(gone)).limit(1)
    word = db.session.scalar(used)
    if word is not None:
        raise FieldRefused(f"Customers still have {word}, so it stays. Change theirs first.", "choices")


def _traced(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**audit.plain(values), **{n: list(v) for n, v in values.items() if n == "choices"}}


# What a customer has


def values_of(customer_id: int) -> dict[int, Any]:
    """What the customer has, by id of the field."""
    return values_for([customer_id]).get(customer_id, {})


def values_for(customers: Sequence[int], only: Sequence[int] | None = None) -> dict[int, dict[int, Any]]:
    """What these customers have (in the fields `only`, if given), by customer and field, in one statement."""
    wanted = select(CustomValue).where(CustomValue.customer_id.in_(customers))
    if only is not None:
        wanted = wanted.where(CustomValue.field_id.in_(only))
    found: dict[int, dict[int, Any]] = {}
    for row in db.session.scalars(wanted):
        found.setdefault(row.customer_id, {})[row.field_id] = _value(row)
    return found


def clean(field: CustomField, value: Any) -> Any:
    """The value as it is stored; None for nothing. Texts are read as people type them. Raises InvalidText."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return _CLEAN[field.kind](field, value)


def set_values(customer: Customer, values: Mapping[str, Any], *, new: bool = False, by: Actor) -> dict[str, Any]:
    """Set what the customer has in the fields named by key; None or an empty text empties one. The names of those
    that differ now, with what they hold.

    With `new` all required fields must be among them. Raises InvalidCustomer (`errors` by ``custom.<key>``),
    NotAllowed.
    """
    by.require("customers.edit")
    known = {field.key: field for field in fields()}
    cleaned = _checked(known, values, new)
    if not cleaned:
        return {}
    old = {} if new else values_of(customer.id)
    changed = {key: value for key, value in cleaned.items() if old.get(known[key].id) != value}
    for key, value in changed.items():
        _put(customer.id, known[key], value, known[key].id in old)
    if changed:
        before = {known[key].name: old.get(known[key].id) for key in changed}
        after = {known[key].name: value for key, value in changed.items()}
        audit.record(by, "customer.fields_set", customer, before=audit.plain(before), after=audit.plain(after))
        db.session.flush()
    return {known[key].name: value for key, value in changed.items()}


def check(values: Mapping[str, Any], *, new: bool = False) -> dict[str, Any]:
    """The values as they would be stored; raises InvalidCustomer as `set_values` would."""
    return _checked({field.key: field for field in fields()}, values, new)


def _checked(known: Mapping[str, CustomField], values: Mapping[str, Any], new: bool) -> dict[str, Any]:
    cleaned, errors = {}, {}
    for key, value in values.items():
        if key not in known:
            errors[PREFIX + key] = "There is no such field any more. Load the page again."
            continue
        try:
            cleaned[key] = clean(known[key], value)
        except BillingError as refusal:
            errors[PREFIX + key] = str(refusal)
    for key, field in known.items():
        if field.required and (new or key in values) and cleaned.get(key) is None and PREFIX + key not in errors:
            errors[PREFIX + key] = f"{field.name} is needed."
    if errors:
        raise InvalidCustomer(errors)
    return cleaned


def _put(customer_id: int, field: CustomField, value: Any, there: bool) -> None:
    where = CustomValue.customer_id == customer_id, CustomValue.field_id == field.id
    if there:
        db.session.execute(delete(CustomValue).where(*where))
    if value is not None:
        row = {"customer_id": customer_id, "field_id": field.id, COLUMN[field.kind]: value}
        db.session.execute(insert(CustomValue).values(row))


def _value(row: CustomValue) -> Any:
    for name in ("text", "long_text", "day", "number"):
        if getattr(row, name) is not None:
            return getattr(row, name)
    return row.flag


def _text(field: CustomField, value: Any) -> str:
    return one_line(_str(value), 300, field.name)


def _long_text(field: CustomField, value: Any) -> str:
    return many_lines(_str(value), field.name)


def _choice(field: CustomField, value: Any) -> str:
    wanted = _str(value).strip().lower()
    for word in field.choices:
        if word.lower() == wanted:
            return word
    raise InvalidText(f"Choose one of: {', '.join(field.choices[:12])}{', …' if len(field.choices) > 12 else ''}.")


def day(value: Any) -> date:
    """A day, from itself or as it is typed. Raises InvalidText."""
    try:
        found = date.fromisoformat(value.strip()) if isinstance(value, str) else value
    except ValueError:
        found = None
    if isinstance(found, datetime) or not isinstance(found, date) or not 1800 <= found.year <= 2200:
        raise InvalidText("Write the day as year-month-day, such as 2026-11-22.")
    return found


def number(value: Any) -> Decimal:
    """A number of at most twelve digits and six decimals, from itself or as it is typed. Raises InvalidText."""
    typed = not isinstance(value, str) or (value.isascii() and "_" not in value and len(value) <= 40)
    try:
        found = Decimal(value.strip() if isinstance(value, str) else value) if typed else Decimal("NaN")
    except (InvalidOperation, TypeError, ValueError):
        raise InvalidText("Write a number, such as 12 or 12.5.") from None
    if isinstance(value, float | bool) or not found.is_finite() or found.adjusted() >= _DIGITS:
        raise InvalidText("Write a number of at most twelve digits, such as 12 or 12.5.")
    if found.adjusted() < -_DIGITS or found != round(found, 6):
        raise InvalidText("A number has at most six decimals.")
    return found


def flag(value: Any) -> bool:
    """Yes or no, from itself or as it is typed. Raises InvalidText."""
    word = str(value).strip().lower()
    if word not in _YES | _NO:
        raise InvalidText("Write yes or no.")
    return word in _YES


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidText("This is text.")
    return value


_CLEAN: dict[FieldKind, Any] = {
    FieldKind.TEXT: _text,
    FieldKind.LONG_TEXT: _long_text,
    FieldKind.CHOICE: _choice,
    FieldKind.DATE: lambda field, value: day(value),
    FieldKind.NUMBER: lambda field, value: number(value),
    FieldKind.YES_NO: lambda field, value: flag(value),
}


# How customers are found


def customers_where(field: CustomField, compare: Any) -> ColumnElement[bool]:
    """The customers with a value that `compare(column)` holds for, by EXISTS along the index of the field's kind."""
    column = getattr(CustomValue, COLUMN[field.kind])
    theirs = select(CustomValue.customer_id).where(CustomValue.field_id == field.id, compare(column))
    return theirs.where(CustomValue.customer_id == Customer.id).correlate(Customer).exists()


def written(value: Any) -> str:
    """A value as files have it: ISO days, plain numbers, yes and no."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)


def import_values(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> dict[int, tuple[dict[str, Any], dict[str, Any]]]:
    """Set checked values of many customers, (customer, key -> value) each, with few statements.

    Returns (before, after) by name of the field for every customer that differs now. Writes no audit events.
    """
    given = list(rows)
    known = {field.key: field for field in fields()}
    there = values_for([number for number, _values in given])
    changed: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
    gone: dict[int, list[int]] = {}
    fresh: dict[str, list[dict[str, Any]]] = {}
    for number, values in given:
        old = there.get(number, {})
        for key, value in values.items():
            field = known[key]
            if old.get(field.id) == value:
                continue
            before, after = changed.setdefault(number, ({}, {}))
            before[field.name], after[field.name] = old.get(field.id), value
            if field.id in old:
                gone.setdefault(field.id, []).append(number)
            if value is not None:
                column = COLUMN[field.kind]
                row = {"customer_id": number, "field_id": field.id, column: value}
                fresh.setdefault(column, []).append(row)
    for field_id, numbers in gone.items():
        where = CustomValue.field_id == field_id, CustomValue.customer_id.in_(numbers)
        db.session.execute(delete(CustomValue).where(*where))
    for new_rows in fresh.values():
        db.session.execute(insert(CustomValue), new_rows)
    return changed
