"""Automatic groups: customers nobody put into a group by hand go into the first group whose every condition they meet.

Groups are asked in the order of their priority number, then id. The conditions become one expression of the database,
so that a million customers are placed without reading them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, case, cast, func, null, select

from models import (
    AccountType,
    Attitude,
    AuditEvent,
    BillingError,
    ContractType,
    Customer,
    CustomerGroup,
    CustomerStatus,
    CustomField,
    FieldKind,
    Payer,
    Project,
    Reseller,
    Tag,
    customer_tag,
    db,
)
from models.bulk import insert_rows, update_rows
from models.currencies import DECIMALS

from . import audit, custom_fields, inheritance
from .actor import Actor
from .countries import COUNTRIES
from .texts import one_line

CHUNK = 2000
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


# Placing customers


@dataclass(frozen=True, slots=True)
class Move:
    """How many customers go from one group to another; None is no group."""

    before: int | None
    after: int | None
    customers: int


def automatic() -> list[CustomerGroup]:
    """The groups that place customers, in the order they are asked."""
    wanted = select(CustomerGroup).where(CustomerGroup.automatic, CustomerGroup.archived_on.is_(None))
    return list(db.session.scalars(wanted.order_by(CustomerGroup.priority, CustomerGroup.id)))


def place(customers: Sequence[int], *, by: Actor) -> int:
    """Put these customers (ids), unless somebody put them by hand, where the rules say. How many moved."""
    groups = automatic() if customers else []
    if not groups:
        return 0
    db.session.flush()
    return _move(_wrong(_target(groups)).where(Customer.id.in_(customers)), by)


def preview() -> tuple[list[Move], list[Any]]:
    """What `apply` would do: moves by group, and the first ten customers (id, name, group now, group then)."""
    groups = automatic()
    if not groups:
        return [], []
    db.session.flush()
    wrong = _wrong(_target(groups)).subquery()
    counted = select(wrong.c.before, wrong.c.after, func.count()).group_by(wrong.c.before, wrong.c.after)
    first = select(wrong.c.id, wrong.c.name, wrong.c.before, wrong.c.after).order_by(wrong.c.id).limit(10)
    return [Move(*row) for row in db.session.execute(counted)], list(db.session.execute(first).all())


def apply(*, by: Actor) -> Iterator[int]:
    """Put every customer where the rules say, some thousand at a time: commit after each number, which says how many
    moved. Raises NotAllowed."""
    by.require("settings.edit")
    groups = automatic()
    if not groups:
        return
    ids = [group.id for group in groups]
    last = db.session.scalar(select(func.max(Customer.id))) or 0
    for start in range(0, last, CHUNK):
        known = [group for group in automatic() if group.id in ids]
        if known:
            part = Customer.id > start, Customer.id <= start + CHUNK
            yield _move(_wrong(_target(known)).where(*part), by)


def _target(groups: Sequence[CustomerGroup]) -> ColumnElement[Any]:
    return case(*((where(group.rules), cast(group.id, BigInteger)) for group in groups), else_=cast(null(), BigInteger))


def _wrong(target: ColumnElement[Any]) -> Select[Any]:
    """The customers who are not where `target` says."""
    return select(Customer.id, Customer.name, Customer.group_id.label("before"), target.label("after")).where(
        Customer.group_by_hand.is_(False),
        Customer.status != CustomerStatus.ARCHIVED,
        Customer.group_id.is_distinct_from(target),
    )


def _move(wrong: Select[Any], by: Actor) -> int:
    # Held until the commit: who is put into a group by hand meanwhile stays there.
    rows = db.session.execute(wrong.order_by(Customer.id).with_for_update(of=Customer, key_share=True)).all()
    if not rows:
        return 0
    session = db.session()
    update_rows(session, Customer.__table__, ("group_id",), [(row.after, row.id) for row in rows])
    inheritance.hand_down(customers=[row.id for row in rows])
    names: Mapping[int, str] = dict(db.session.execute(select(CustomerGroup.id, CustomerGroup.name)).all())
    insert_rows(session, AuditEvent.__table__, audit.COLUMNS, [_event(row, names, by) for row in rows])
    return len(rows)


def _event(row: Any, names: Mapping[int, str], by: Actor) -> tuple[Any, ...]:
    before, after = ({"group": names.get(one)} if one else None for one in (row.before, row.after))
    who = by.at, "customer.placed", by.name, by.staff_id, by.portal_user_id, by.real_staff_id, by.address
    return (*who, "customer", row.id, row.name[:200], row.id, before, after or {"group": None})
