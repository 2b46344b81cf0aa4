"""What holds for a customer that says nothing itself: what its group says, else its brand, else the company.

Most fields are empty on a customer that follows, and are looked up when they are needed. Three are asked so often,
in lists, taxes and bills, that the customer's column always holds what is in force (`STORED`); `own_<name>` beside it
says whether that is the customer's own. Whoever changes a group or the company hands them down in one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, literal, or_, select, true, update

from models import Company, Customer, CustomerGroup, Project, db
from models.bulk import among, rows_changed

from . import company, dunning_plans

CUSTOMER, GROUP, PROJECT, COMPANY = "customer", "group", "project", "company"


@dataclass(frozen=True, slots=True)
class Field:
    """A field that is handed down. `stored`: the customer's column holds what is in force."""

    of_company: Callable[[Company], Any]
    stored: bool = False
    of_project: bool = False


FIELDS: dict[str, Field] = {
    "payment_method": Field(lambda seller: seller.payment_method, stored=True),
    "payment_days": Field(lambda seller: seller.payment_days),
    "charge_tax": Field(lambda seller: seller.charge_tax, stored=True),
    "never_suspend": Field(lambda seller: seller.never_suspend, stored=True),
    "dunning_plan_id": Field(lambda seller: seller.dunning_plan_id),
    "language": Field(lambda seller: seller.locale),
    "invoice_template": Field(lambda seller: seller.invoice_template or "standard", of_project=True),
    "web_template": Field(lambda seller: seller.web_template or "standard", of_project=True),
    "invoice_note": Field(lambda seller: seller.invoice_note, of_project=True),
}
"""Every field that is handed down from company to group to customer."""
STORED = tuple(name for name, field in FIELDS.items() if field.stored)


@dataclass(frozen=True, slots=True)
class Effective:
    """What is in force, where it comes from (one of CUSTOMER, GROUP, PROJECT, COMPANY), and what would be without
    the customer's own."""

    value: Any
    source: str
    inherited: Any
    inherited_from: str

    @property
    def own(self) -> bool:
        return self.source == CUSTOMER


def effective(customer: Customer, name: str) -> Effective:
    """What holds for the customer in the field `name` of FIELDS."""
    below, source = inherited(name, customer.group, customer.project)
    value = getattr(customer, name)
    own = getattr(customer, f"own_{name}") if name in STORED else not nothing(value)
    return Effective(value, CUSTOMER, below, source) if own else Effective(below, source, below, source)


def everything(customer: Customer) -> dict[str, Effective]:
    """`effective` of every field."""
    return {name: effective(customer, name) for name in FIELDS}


def inherited(name: str, group: Any, project: Any = None, seller: Any = None) -> tuple[Any, str]:
    """(value, source) of the field for a customer of this group and brand that says nothing itself."""
    field = FIELDS[name]
    if group is not None and not nothing(getattr(group, name)):
        return getattr(group, name), GROUP
    if field.of_project and project is not None and not nothing(getattr(project, name)):
        return getattr(project, name), PROJECT
    return field.of_company(seller or company.settings()), COMPANY


def nothing(value: Any) -> bool:
    """Whether a column of customer, group or brand says nothing."""
    return value is None or value == ""


def currency_for(group: CustomerGroup | None, project: Project | None) -> str:
    """The currency of a new customer that names none; empty without a company."""
    return (group.currency if group else "") or (project.currency if project else "") or company.settings().currency


def columns(values: Mapping[str, Any], customer: Customer | None = None) -> dict[str, Any]:
    """The columns to set for `values` of a new customer, or of `customer`: the stored fields with their own_….

    None for a stored field gives it back to the group; so does a change of group, for those that are not own.
    """
    found = dict(values)
    if "group_id" in values:
        found["group_by_hand"] = values["group_id"] is not None
    moved = customer is None or ("group_id" in values and values["group_id"] != customer.group_id)
    follow = [
        name for name in STORED
        if (name in values and values[name] is None)
        or (name not in values and moved and not (customer is not None and getattr(customer, f"own_{name}")))
    ]  # fmt: skip
    group_id = values.get("group_id", customer.group_id if customer else None)
    group = db.session.get(CustomerGroup, group_id) if group_id and follow else None
    found |= {name: inherited(name, group)[0] for name in follow}
    found |= {f"own_{name}": name not in follow for name in STORED if name in found}
    return found


def hand_down(*, group_id: int | None = None, customers: Iterable[int] | None = None) -> int:
    """Bring the stored fields of all that follow up to date: of a group, of `customers` (ids), or of everybody.

    How many customers that changed. Customers in the session are read anew when they are next asked. Their unpaid
    invoices are looked at again by the next dunning run.
    """
    seller = company.settings()
    where: ColumnElement[bool] = true()
    customers = None if customers is None else list(customers)
    if group_id is not None:
        where = Customer.group_id == group_id
    if customers is not None:
        where = among(db.session, Customer.id, customers)
    changed = 0
    db.session.flush()
    for name in STORED:
        value = _in_force(name, seller)
        wrong = update(Customer).where(where, ~getattr(Customer, f"own_{name}"), getattr(Customer, name) != value)
        done = db.session.execute(wrong.values({name: value}), execution_options={"synchronize_session": False})
        changed = max(changed, rows_changed(done))
    for known in db.session.identity_map.values():
        if isinstance(known, Customer):
            db.session.expire(known, [*STORED, "group_id", "group"])
    dunning_plans.look_again(group_id=group_id, customers=customers)
    return changed


def astray() -> Any:
    """`SELECT id, name` of the customers whose stored fields are not what their group and the company say."""
    seller = company.settings()
    wrong = [
        ~getattr(Customer, f"own_{name}") & (getattr(Customer, name) != _in_force(name, seller)) for name in STORED
    ]
    return select(Customer.id, Customer.name).where(or_(*wrong))


def _in_force(name: str, seller: Company) -> ColumnElement[Any]:
    column = getattr(CustomerGroup, name)
    of_group = select(column).where(CustomerGroup.id == Customer.group_id).correlate(Customer).scalar_subquery()
    return func.coalesce(of_group, literal(FIELDS[name].of_company(seller), getattr(Customer, name).type))


class Defaults:
    """The groups of many customers, read at once: what renewals ask for each bill."""

    def __init__(self, groups: Iterable[int | None], seller: Any) -> None:
        self._seller = seller
        wanted = {one for one in groups if one is not None}
        read = select(CustomerGroup.id, *(getattr(CustomerGroup, name) for name in FIELDS))
        rows = db.session.execute(read.where(CustomerGroup.id.in_(wanted))) if wanted else ()
        self._groups = {row.id: row for row in rows}

    def of(self, name: str, own: Any, group_id: int | None, project: Project | None = None) -> Any:
        """What is in force where the customer's column holds `own`."""
        if name in STORED or not nothing(own):
            return own
        return inherited(name, self._groups.get(group_id) if group_id else None, project, self._seller)[0]
