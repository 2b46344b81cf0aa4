"""The shop's own words: groups, tags, resellers, contract types and projects of customers; why services end."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, select, update

from models import (
    BillingError,
    ContractType,
    Customer,
    CustomerGroup,
    Discount,
    DunningPlan,
    EndReason,
    FieldError,
    FxRate,
    PaymentMethod,
    Project,
    Reseller,
    Service,
    Tag,
    customer_project,
    customer_tag,
    db,
)
from models.currencies import DECIMALS

from . import audit, document_templates, settings, staff
from .actor import Actor
from .countries import COUNTRIES
from .texts import many_lines, one_line

Kind = type[CustomerGroup] | type[Tag] | type[Reseller] | type[ContractType] | type[Project] | type[EndReason]
Entry = CustomerGroup | Tag | Reseller | ContractType | Project | EndReason
ADDRESS = ("street", "street2", "postal_code", "city", "region", "country")
COLOURS = ("", "blue", "teal", "green", "olive", "amber", "orange", "red", "pink", "purple", "slate")
"""The colours of groups and tags, each readable in light and dark; "" is none."""
_LANGUAGE = re.compile(r"|[a-z]{2,3}(?:[_-][A-Za-z0-9]{2,8})?")

Cleaner = Callable[[Any], Any]


class EntryRefused(FieldError):
    """An entry cannot be like this; `field` names what is wrong."""


class InUse(BillingError):
    """Somebody still has it, so it stays."""


def _line(longest: int, empty: bool = True) -> Cleaner:
    return lambda value: one_line(value or "", longest, "This", empty=empty)


def _lines(value: Any) -> str:
    return many_lines(value or "", "The text")


def _email(value: Any) -> str:
    return staff.clean_email(value) if value else ""


def _chosen(known: Any) -> Cleaner:
    def read(value: Any) -> str:
        if value and value not in known:
            raise EntryRefused("Choose one from the list.")
        return str(value or "")

    return read


def _maybe(read: Cleaner) -> Cleaner:
    return lambda value: None if value is None or value == "" else read(value)


def _whole(least: int, most: int, what: str) -> Cleaner:
    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise EntryRefused(f"{what} is a whole number from {least} to {most}.")
        return value

    return read


def _language(value: Any) -> str:
    if not isinstance(value or "", str) or not _LANGUAGE.fullmatch(value or ""):
        raise EntryRefused("Choose one from the list.")
    return value or ""


def _percent(value: Any) -> Decimal:
    if not isinstance(value, Decimal) or not 0 <= value <= 100 or value != round(value, 4):
        raise EntryRefused("This is a percentage from 0 to 100, with at most four decimals.")
    return value


def _methods(value: Any) -> list[str]:
    wanted = {PaymentMethod(one) for one in value or ()}
    return [str(one) for one in PaymentMethod if one in wanted]


def _plan(value: Any) -> int:
    if type(value) is not int or db.session.get(DunningPlan, value) is None:
        raise EntryRefused("This does not exist any more. Choose another one from the list.")
    return value


def _key(value: Any) -> str:
    """Names a template; billing.document_templates says whether it may be chosen."""
    return one_line(value or "", 60, "This", empty=True)


_PLACE: dict[str, Cleaner] = {
    "street": _line(200), "street2": _line(200), "postal_code": _line(24), "city": _line(120), "region": _line(120),
    "country": _chosen(COUNTRIES),
}  # fmt: skip
FIELDS: dict[Any, dict[str, Cleaner]] = {
    CustomerGroup: {
        "name": _line(120, empty=False), "description": _line(300), "colour": _chosen(COLOURS),
        "priority": _whole(0, 9999, "The priority"), "automatic": bool, "rules": list,
        "payment_days": _maybe(_whole(0, 365, "The number of days")), "payment_method": _maybe(PaymentMethod),
        "dunning_plan_id": _maybe(_plan), "never_suspend": _maybe(bool), "charge_tax": _maybe(bool),
        "language": _language, "currency": _chosen(DECIMALS), "invoice_note": _lines, "payment_methods": _methods,
        "invoice_template": _key, "web_template": _key,
    },
    Tag: {"name": _line(60, empty=False), "colour": _chosen(COLOURS)},
    Reseller: {
        "name": _line(120, empty=False), "contact_name": _line(200), "email": _email, "phone": _line(40),
        "website": settings.website, "commission": _maybe(_percent), "about": _lines, **_PLACE,
    },
    ContractType: {"name": _line(120, empty=False), "description": _line(300)},
    EndReason: {"name": _line(120, empty=False), "description": _line(300)},
    Project: {
        "name": _line(120, empty=False), "legal_name": _line(200), "email": _email, "sender_email": _email,
        "phone": _line(40), "website": settings.website, "tax_id": _line(40), "registration": _line(200),
        "bank_details": _lines, "currency": _chosen(DECIMALS), "invoice_terms": _lines, "invoice_note": _lines,
        "payment_methods": _methods, "open_to_all": bool, "invoice_template": _key, "web_template": _key, **_PLACE,
    },
}  # fmt: skip
"""What can be set of each kind, and what makes a value fit to be stored."""
_HELD_BY = {
    CustomerGroup: Customer.group_id,
    Reseller: Customer.reseller_id,
    ContractType: Customer.contract_type_id,
    Project: Customer.project_id,
    EndReason: Service.end_reason_id,
}


def create(kind: Kind, values: Mapping[str, Any], *, by: Actor) -> Entry:
    """Add an entry. Raises NotAllowed, EntryRefused."""
    by.require("settings.edit")
    entry = kind(**_read(kind, values, None))
    db.session.add(entry)
    db.session.flush()
    read = {name: getattr(entry, name) for name in values}
    audit.record(by, f"{kind.__tablename__}.created", entry, after=_plain(read))
    return entry


def change(entry: Entry, values: Mapping[str, Any], *, by: Actor) -> None:
    """Change an entry for everybody who has it. Raises NotAllowed, EntryRefused."""
    by.require("settings.edit")
    read = _read(type(entry), values, entry.id)
    changed = {name: value for name, value in read.items() if getattr(entry, name) != value}
    before = _plain({name: getattr(entry, name) for name in changed})
    for name, value in changed.items():
        setattr(entry, name, value)
    db.session.flush()
    if changed:
        audit.record(by, f"{entry.__tablename__}.changed", entry, before=before, after=_plain(changed))


def delete(entry: Entry, *, by: Actor) -> None:
    """Delete an entry that nobody has; a tag is taken off its customers. Raises NotAllowed, InUse."""
    by.require("settings.edit")
    before: dict[str, Any] = {"name": entry.name}
    if isinstance(entry, Tag):
        before["customers"] = customers_of(entry)
        db.session.execute(sql_delete(customer_tag).where(customer_tag.c.tag_id == entry.id))
    elif in_use(entry):
        raise InUse(f"{entry.name} is in use, so it stays. Archive it instead, and nobody new can be given it.")
    audit.record(by, f"{entry.__tablename__}.deleted", entry, before=before)
    db.session.delete(entry)
    db.session.flush()
    db.session.expire_all()


def archive(entry: Entry, *, by: Actor) -> None:
    """Nobody new can be given it; those who have it keep it. Raises NotAllowed."""
    by.require("settings.edit")
    assert not isinstance(entry, Tag)
    entry.archived_on = by.today
    audit.record(by, f"{entry.__tablename__}.archived", entry)
    db.session.flush()


def restore(entry: Entry, *, by: Actor) -> None:
    """It can be given again. Raises NotAllowed."""
    by.require("settings.edit")
    assert not isinstance(entry, Tag)
    entry.archived_on = None
    audit.record(by, f"{entry.__tablename__}.restored", entry)
    db.session.flush()


def merge_tags(tag: Tag, into: Tag, *, by: Actor) -> int:
    """Whoever has `tag` has `into` instead, and `tag` is gone; how many customers had it. Raises NotAllowed,
    EntryRefused."""
    by.require("settings.edit")
    if tag.id == into.id:
        raise EntryRefused("Choose another tag to merge it into.", "into")
    had = customers_of(tag)
    both = select(customer_tag.c.customer_id).where(customer_tag.c.tag_id == into.id)
    theirs = customer_tag.c.tag_id == tag.id
    db.session.execute(sql_delete(customer_tag).where(theirs, customer_tag.c.customer_id.in_(both)))
    db.session.execute(update(customer_tag).where(theirs).values(tag_id=into.id))
    before = {"name": tag.name, "customers": had}
    audit.record(by, "tag.merged", into, before=before, after={"name": into.name, "customers": customers_of(into)})
    db.session.delete(tag)
    db.session.flush()
    db.session.expire_all()
    return had


def customers_of(entry: Entry) -> int:
    """How many customers have it; of a reason, how many services ended for it."""
    return counts(type(entry), [entry.id]).get(entry.id, 0)


def counts(kind: Kind, ids: Sequence[int]) -> dict[int, int]:
    """How many customers have each of these entries; those nobody has are left out."""
    column = customer_tag.c.tag_id if kind is Tag else _HELD_BY[kind]
    wanted = select(column, func.count()).where(column.in_(ids)).group_by(column)
    return dict(db.session.execute(wanted).all())


def in_use(entry: Entry) -> bool:
    """Whether any customer, an exchange rate or a discount still has it."""
    if isinstance(entry, Tag):
        return _any(select(customer_tag.c.customer_id).where(customer_tag.c.tag_id == entry.id))
    if isinstance(entry, CustomerGroup) and _any(select(FxRate.id).where(FxRate.group_id == entry.id)):
        return True
    column = {CustomerGroup: Discount.group_id, Project: Discount.project_id}.get(type(entry))
    if column is not None and _any(select(Discount.id).where(column == entry.id)):
        return True
    if isinstance(entry, Project) and _any(select(customer_project).where(customer_project.c.project_id == entry.id)):
        return True
    return _any(select(_HELD_BY[type(entry)]).where(_HELD_BY[type(entry)] == entry.id))


def size(picture: bytes | None) -> str:
    """A picture as the audit log knows it."""
    return f"{len(picture):,} bytes" if picture else ""


def _any(wanted: Any) -> bool:
    return db.session.execute(wanted.limit(1)).first() is not None


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**audit.plain(values), **{name: value for name, value in values.items() if isinstance(value, list)}}


def _read(kind: Any, values: Mapping[str, Any], own_id: int | None) -> dict[str, Any]:
    unknown = set(values) - set(FIELDS[kind])
    if unknown:
        raise KeyError(f"{kind.__name__} has no {', '.join(sorted(unknown))} to choose")
    read: dict[str, Any] = {}
    for name, value in values.items():
        try:
            read[name] = FIELDS[kind][name](value)
        except (BillingError, ValueError) as refusal:
            sentence = str(refusal) if isinstance(refusal, BillingError) else "Choose one from the list."
            raise EntryRefused(sentence, name) from refusal
    _keep_names_apart(kind, read.get("name"), own_id)
    for name, why in document_templates.why_not(read, db.session.get(kind, own_id) if own_id else None).items():
        raise EntryRefused(why, name)
    return read


def _keep_names_apart(kind: Any, name: str | None, own_id: int | None) -> None:
    if name is None:
        return
    same = select(kind.id).where(func.lower(kind.name) == name.lower(), kind.id != (own_id or 0))
    if db.session.scalar(same.limit(1)):
        raise EntryRefused("There is one of this name already. Choose another name.")
