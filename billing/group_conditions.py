"""What an automatic group may ask about a customer: typed by people, kept as JSON, asked of the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, null, select

from models import (
    AccountType,
    Attitude,
    BillingError,
    ContractType,
    Customer,
    CustomField,
    FieldKind,
    Payer,
    Project,
    Reseller,
    Tag,
    customer_tag,
    db,
)
from models.currencies import DECIMALS

from . import custom_fields
from .countries import COUNTRIES
from .texts import one_line

MOST = 20
"""Conditions of one group."""


class BadRule(BillingError):
    """A condition that cannot be met by anybody; `row` is its place, `part` what is wrong: field, way or value."""

    def __init__(self, sentence: str, row: int = 0, part: str = "value") -> None:
        super().__init__(sentence)
        self.row, self.part = row, part


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a condition may ask about a customer. `kind`: record, choice, text, number, day or yes_no.

    `test` makes the condition from a comparison with the value; `table` are the rows a record is chosen from.
    """

    kind: str
    test: Callable[[Callable[[Any], Any]], ColumnElement[bool]]
    table: Any = None
    words: Sequence[str] = ()


def _column(column: Any) -> Callable[[Callable[[Any], Any]], ColumnElement[bool]]:
    return lambda compare: compare(column)


def _tagged(compare: Callable[[Any], Any]) -> ColumnElement[bool]:
    theirs = select(customer_tag.c.tag_id).where(
        customer_tag.c.customer_id == Customer.id, compare(customer_tag.c.tag_id)
    )
    return theirs.correlate(Customer).exists()


def _has(expression: Any) -> Callable[[Callable[[Any], Any]], ColumnElement[bool]]:
    return lambda compare: compare(case((expression, True), else_=False))


def _payers() -> ColumnElement[bool]:
    return select(Payer.id).where(Payer.customer_id == Customer.id).correlate(Customer).exists()


FACTS: dict[str, Fact] = {
    "project": Fact("record", _column(Customer.project_id), Project),
    "country": Fact("choice", _column(Customer.country), words=tuple(COUNTRIES)),
    "account_type": Fact("choice", _column(Customer.account_type), words=tuple(AccountType)),
    "has_payer": Fact("yes_no", _has(_payers())),
    "has_tax_id": Fact("yes_no", _has(Customer.tax_id != "")),
    "tax_exempt": Fact("yes_no", _has(Customer.tax_exempt)),
    "has_own_tax_rate": Fact("yes_no", _has(Customer.tax_rate.is_not(None))),
    "tag": Fact("record", _tagged, Tag),
    "reseller": Fact("record", _column(Customer.reseller_id), Reseller),
    "contract_type": Fact("record", _column(Customer.contract_type_id), ContractType),
    "currency": Fact("choice", _column(Customer.currency), words=tuple(DECIMALS)),
    "language": Fact("text", _column(Customer.language)),
    "attitude": Fact("choice", _column(Customer.attitude), words=tuple(Attitude)),
    "service_count": Fact("number", _column(Customer.service_count)),
    "registered_on": Fact("day", _column(Customer.registered_on)),
    "starts_on": Fact("day", _column(Customer.starts_on)),
    "email": Fact("text", _column(Customer.email)),
    "name": Fact("text", _column(Customer.name)),
    "company_name": Fact("text", _column(Customer.company_name)),
    "city": Fact("text", _column(Customer.city)),
    "region": Fact("text", _column(Customer.region)),
    "postal_code": Fact("text", _column(Customer.postal_code)),
}
"""What can be asked about any customer; fields of the shop's own come as ``custom.<key>``."""
WAYS: dict[str, tuple[str, ...]] = {
    "record": ("is", "not"),
    "choice": ("is", "not"),
    "text": ("is", "not", "has", "begins", "ends"),
    "number": ("is", "above", "below"),
    "day": ("from", "before"),
    "yes_no": ("is",),
}
"""kind -> the ways its values are compared, the first one for a new condition."""
_KINDS = {
    FieldKind.TEXT: "text",
    FieldKind.LONG_TEXT: "text",
    FieldKind.CHOICE: "choice",
    FieldKind.DATE: "day",
    FieldKind.NUMBER: "number",
    FieldKind.YES_NO: "yes_no",
}


def fact(name: str) -> Fact | None:
    """What `name` asks; None if there is no such thing (any more)."""
    if not name.startswith(custom_fields.PREFIX):
        return FACTS.get(name)
    field = custom_fields.named(name.removeprefix(custom_fields.PREFIX))
    return _of_field(field) if field else None


def _of_field(field: CustomField) -> Fact:
    return Fact(_KINDS[field.kind], lambda compare: custom_fields.customers_where(field, compare), words=field.choices)


def facts() -> dict[str, Fact]:
    """Everything that can be asked now."""
    return FACTS | {custom_fields.PREFIX + field.key: _of_field(field) for field in custom_fields.fields()}


# From what people type to what is stored: [field, way, value], the value as plain JSON


def read(rules: Sequence[Sequence[str]]) -> list[list[Any]]:
    """Conditions as they are stored, from (field, way, typed value) each. Raises BadRule."""
    if len(rules) > MOST:
        raise BadRule(f"A group has at most {MOST} conditions.", MOST)
    return [[name, way, _read_one(row, name, way, value)] for row, (name, way, value) in enumerate(rules)]


def _read_one(row: int, name: str, way: str, typed: str) -> Any:
    asked = fact(name)
    if asked is None:
        raise BadRule("Choose what the condition is about.", row, "field")
    if way not in WAYS[asked.kind]:
        raise BadRule("This way of comparing does not fit. Choose another one.", row, "way")
    try:
        return _READ[asked.kind](asked, typed.strip())
    except BadRule as wrong:
        raise BadRule(str(wrong), row) from wrong
    except BillingError as wrong:
        raise BadRule(str(wrong), row) from wrong


def _record(asked: Fact, typed: str) -> int:
    same = select(asked.table.id).where(func.lower(asked.table.name) == typed.lower())
    found = db.session.scalar(same)
    if found is None:
        raise BadRule("There is none of this name. Type it as it stands in its list.")
    return int(found)


def _word(asked: Fact, typed: str) -> str:
    for word in asked.words:
        if word.lower() == typed.lower():
            return str(word)
    raise BadRule("Choose one of the list.")


def _text(asked: Fact, typed: str) -> str:
    return one_line(typed, 120, "The value")


def _number(asked: Fact, typed: str) -> str:
    return custom_fields.written(custom_fields.number(typed))


def _day(asked: Fact, typed: str) -> str:
    return custom_fields.day(typed).isoformat()


def _yes_no(asked: Fact, typed: str) -> bool:
    return custom_fields.flag(typed)


_READ: dict[str, Callable[[Fact, str], Any]] = {
    "record": _record, "choice": _word, "text": _text, "number": _number, "day": _day, "yes_no": _yes_no,
}  # fmt: skip


# From what is stored to the database


def where(rules: Sequence[Sequence[Any]]) -> ColumnElement[bool]:
    """Customers that meet every condition; one about something that is gone is met by nobody."""
    tests = [_test(*rule) for rule in rules]
    return and_(*tests) if tests else null().is_not(None)


def _test(name: str, way: str, value: Any) -> ColumnElement[bool]:
    asked = fact(name)
    if asked is None:
        return null().is_not(None)
    if asked.kind == "day":
        value = date.fromisoformat(value)
    if asked.kind == "number":
        value = custom_fields.number(value)
    if way == "not":
        met = asked.test(lambda column: column == value)
        return func.coalesce(met, False).is_(False)
    return asked.test(_COMPARE[way](value))


_COMPARE: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "is": lambda value: (
        lambda column: func.lower(column) == value.lower() if _is_text(column, value) else column == value
    ),
    "has": lambda value: lambda column: column.icontains(value, autoescape=True),
    "begins": lambda value: lambda column: column.istartswith(value, autoescape=True),
    "ends": lambda value: lambda column: column.iendswith(value, autoescape=True),
    "above": lambda value: lambda column: column > value,
    "below": lambda value: lambda column: column < value,
    "from": lambda value: lambda column: column >= value,
    "before": lambda value: lambda column: column < value,
}


def _is_text(column: Any, value: Any) -> bool:
    return isinstance(value, str) and getattr(column.type, "enum_class", None) is None
