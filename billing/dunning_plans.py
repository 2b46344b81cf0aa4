"""Plans of what is done about unpaid invoices: when customers are reminded, and what follows.

A customer without a plan of its own has its group's, else the company's (inheritance.FIELDS). Changes hold from the
next dunning run on: what was done already stays done, and nothing that lies behind is made up for with a fee.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import func, or_, select, text, update

from models import (
    Company,
    Customer,
    CustomerGroup,
    DunningAmount,
    DunningPlan,
    FeeKind,
    FieldError,
    Invoice,
    Money,
    Suspends,
    db,
)
from models.bulk import among, rows_changed
from models.currencies import DECIMALS
from models.invoice import WAITING

from . import audit, company
from .actor import Actor
from .texts import one_line

PERMISSION = "settings.edit"
MAIL, TEXT, PRINT = CHANNELS = ("mail", "text", "print")
BEFORE, AFTER, FEE, WARNING, SUSPENDED, CANCELLED, BACK = SAYINGS = (
    "before", "after", "fee", "warning", "suspended", "cancelled", "back",
)  # fmt: skip
"""What a plan says to customers, each by channels of its own."""
PRINTED = (BEFORE, AFTER, WARNING)
"""What may also be a letter."""
MOST_DAYS, MOST_STEPS = 730, 12
NAMES = (
    "name", "description", "before", "after", "channels", "together", "attach", "skip_weekends", "fee_after",
    "fee_kind", "fee_percent", "fee_tax", "fee_invoice", "warn_before", "suspend_after", "suspends", "copy_to",
    "cancel_after",
)  # fmt: skip
BY_MAIL = {saying: [MAIL] for saying in SAYINGS}
STANDARD, STRICT, NOTHING = "Standard", "Reminders and suspension", "No reminders"


class PlanRefused(FieldError):
    """A plan cannot be like this; `field` names what is wrong."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """The figures of a plan in one currency."""

    fee: Money
    fee_least: Money
    fee_most: Money
    least_open: Money

    @property
    def currency(self) -> str:
        return self.fee.currency


def days_of(words: str) -> tuple[int, ...]:
    """The days of a list that a plan holds, in order: "3, 7" -> (3, 7)."""
    return tuple(int(each) for each in words.split(",") if each.strip())


def read_days(words: str, field: str, *, least: int = 0) -> str:
    """A list of days as it is kept, in order and each once. Raises PlanRefused."""
    parts = [part for part in words.replace(";", ",").replace(" ", ",").split(",") if part]
    if not all(part.isascii() and part.isdigit() and least <= int(part) <= MOST_DAYS for part in parts):
        raise PlanRefused(
            f"Write whole numbers of days from {least} to {MOST_DAYS}, with commas between: 3, 7, 14.", field
        )
    found = sorted({int(part) for part in parts})
    if len(found) > MOST_STEPS:
        raise PlanRefused(f"At most {MOST_STEPS} days are enough.", field)
    return ", ".join(map(str, found))


def in_use() -> list[DunningPlan]:
    """The plans one may choose, by name."""
    return list(
        db.session.scalars(select(DunningPlan).where(DunningPlan.archived_on.is_(None)).order_by(DunningPlan.name))
    )


def used_by() -> dict[int, int]:
    """How many customers each plan is in force for, themselves or by group or company."""
    ours = company.settings().dunning_plan_id
    mine = func.coalesce(Customer.dunning_plan_id, CustomerGroup.dunning_plan_id, ours)
    rows = select(mine, func.count()).outerjoin(CustomerGroup, CustomerGroup.id == Customer.group_id)
    return {plan_id: count for plan_id, count in db.session.execute(rows.group_by(mine)) if plan_id is not None}


def create(values: Mapping[str, Any], amounts: Sequence[Amounts] = (), *, by: Actor) -> DunningPlan:
    """Add a plan with these values of NAMES; those left out are as in a new one. Raises PlanRefused, NotAllowed."""
    by.require(PERMISSION)
    plan = DunningPlan(**_read(values))
    _check(plan)
    plan.amounts = [_row(one) for one in _read_amounts(plan, amounts)]
    db.session.add(plan)
    db.session.flush()
    audit.record(by, "dunning_plan.created", plan, after=_plain(plan))
    db.session.flush()
    return plan


def change(plan: DunningPlan, values: Mapping[str, Any], amounts: Sequence[Amounts], *, by: Actor) -> None:
    """Change a plan, with all its figures. All open invoices are looked at again by the next run.

    Raises PlanRefused, NotAllowed. Flushes.
    """
    by.require(PERMISSION)
    before = _plain(plan)
    with db.session.no_autoflush:
        for name, value in _read(values, plan).items():
            setattr(plan, name, value)
        _check(plan)
        _set_amounts(plan, _read_amounts(plan, amounts))
    db.session.flush()
    after = _plain(plan)
    if after != before:
        changed = {name for name in after.keys() | before.keys() if after.get(name) != before.get(name)}
        was, now = ({name: side[name] for name in changed if name in side} for side in (before, after))
        audit.record(by, "dunning_plan.changed", plan, before=was, after=now)
        look_again()
    db.session.flush()


def archive(plan: DunningPlan, *, by: Actor) -> None:
    """It can be chosen no more; those who have it keep it. Raises PlanRefused for the company's, NotAllowed."""
    by.require(PERMISSION)
    if company.settings().dunning_plan_id == plan.id:
        raise PlanRefused("This plan is in force for everybody. Choose another one for everybody first.")
    if plan.archived_on is None:
        plan.archived_on = by.today
        audit.record(by, "dunning_plan.archived", plan)
        db.session.flush()


def restore(plan: DunningPlan, *, by: Actor) -> None:
    """It can be chosen again. Raises NotAllowed."""
    by.require(PERMISSION)
    if plan.archived_on is not None:
        plan.archived_on = None
        audit.record(by, "dunning_plan.restored", plan)
        db.session.flush()


def use_for_all(plan: DunningPlan, *, by: Actor) -> None:
    """In force for every customer and group that says nothing else. Raises PlanRefused, NotAllowed."""
    by.require(PERMISSION)
    if plan.archived_on is not None:
        raise PlanRefused("This plan is archived. Restore it first.")
    seller = db.session.get(Company, 1, with_for_update=True)
    if seller is None or seller.dunning_plan_id == plan.id:
        return
    before = db.session.get(DunningPlan, seller.dunning_plan_id) if seller.dunning_plan_id else None
    seller.dunning_plan_id = plan.id
    audit.record(
        by, "company.dunning_plan_chosen", seller, before={"plan": str(before or "")}, after={"plan": plan.name}
    )
    look_again()
    db.session.flush()


def look_again(*, group_id: int | None = None, customers: Iterable[int] | None = None) -> int:
    """The next run looks at the open invoices and proformas of these customers, or of all, whatever was planned.

    How many. For whoever changes which plan is in force. Flushes.
    """
    mine: list[Any] = [Invoice.dunning_on.is_not(None)]
    if group_id is not None:
        mine.append(Invoice.customer_id.in_(select(Customer.id).where(Customer.group_id == group_id)))
    if customers is not None:
        mine.append(among(db.session, Invoice.customer_id, list(customers)))
    db.session.flush()
    again = update(Invoice).where(or_(text("open_minor > 0"), text(WAITING)), *mine).values(dunning_on=None)
    return rows_changed(db.session.execute(again, execution_options={"synchronize_session": "fetch"}))


def add_usual(*, by: Actor) -> int:
    """The plans a shop begins with, where there are none; none is put in force. How many. Raises NotAllowed."""
    by.require(PERMISSION)
    if db.session.scalar(select(DunningPlan.id).limit(1)) is not None:
        return 0
    made = _usual(company.settings())
    db.session.add_all(made)
    db.session.flush()
    for plan in made:
        audit.record(by, "dunning_plan.created", plan, after=_plain(plan))
    db.session.flush()
    return len(made)


def begin(seller: Company) -> None:
    """The plans a shop begins with; the first is in force. Flushes."""
    made = _usual(seller)
    db.session.add_all(made)
    db.session.flush()
    seller.dunning_plan_id = made[0].id
    db.session.flush()


def _usual(seller: Company) -> list[DunningPlan]:
    first = DunningPlan(name=STANDARD, before="3", after="3, 7, 14", channels=BY_MAIL,
                        description="A word before the day, and three reminders after it.")  # fmt: skip
    strict = DunningPlan(
        name=STRICT, before="3", after="3, 7, 14", warn_before="1", suspend_after=21, cancel_after=60,
        channels=BY_MAIL, copy_to=seller.email,
        description="As the standard; then services are suspended after three weeks, and cancelled after two months.",
    )  # fmt: skip
    nothing = DunningPlan(name=NOTHING, channels={}, description="Nothing is sent and nothing is done by itself.")
    return [first, strict, nothing]


def _read(values: Mapping[str, Any], plan: DunningPlan | None = None) -> dict[str, Any]:
    found = {name: value for name, value in values.items() if name in NAMES}
    if "name" in found or plan is None:
        found["name"] = _free_name(found.get("name", ""), plan)
    for name, longest, what in (("description", 300, "The description"), ("copy_to", 254, "The address")):
        if name in found:
            found[name] = one_line(found[name], longest, what, empty=True)
    for name, least in (("before", 1), ("after", 0), ("warn_before", 1)):
        if name in found:
            found[name] = read_days(found[name], name, least=least)
    if "channels" in found:
        found["channels"] = _read_channels(found["channels"])
    for name, kind in (("fee_kind", FeeKind), ("suspends", Suspends)):
        if name in found:
            found[name] = kind(found[name])
    return found


def _free_name(name: str, plan: DunningPlan | None) -> str:
    found = one_line(name, 120, "The name")
    same = func.lower(DunningPlan.name) == found.lower(), DunningPlan.id != (plan.id if plan else 0)
    if db.session.scalar(select(DunningPlan.id).where(*same).limit(1)):
        raise PlanRefused(f"There is a plan {found} already.")
    return found


def _read_channels(given: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    found = {}
    for saying in SAYINGS:
        wanted = set(given.get(saying, ()))
        if wanted - set(CHANNELS) or (PRINT in wanted and saying not in PRINTED):
            raise PlanRefused("Choose by which way it is said from the list.", "channels")
        if wanted:
            found[saying] = [each for each in CHANNELS if each in wanted]
    return found


def _check(plan: DunningPlan) -> None:
    """What belongs together fits together."""
    for name in ("fee_after", "suspend_after", "cancel_after"):
        days = getattr(plan, name)
        if days is not None and not 0 <= days <= MOST_DAYS:
            raise PlanRefused(f"Write a whole number of days from 0 to {MOST_DAYS}, or nothing.", name)
    kind = plan.fee_kind or FeeKind.NONE
    if (kind != FeeKind.NONE) != (plan.fee_after is not None):
        raise PlanRefused("A late fee needs its day and its kind; without one, leave both.", "fee_after")
    percent = plan.fee_percent
    if kind == FeeKind.PERCENT and not (percent and 0 < percent <= 100 and percent == round(percent, 4)):
        raise PlanRefused("Write a percentage above 0, at most 100, with at most four decimals.", "fee_percent")
    if plan.suspend_after is None and plan.warn_before:
        raise PlanRefused(
            "A warning announces a suspension. Say after how many days services are suspended.", "warn_before"
        )
    if plan.suspend_after is not None and max(days_of(plan.warn_before or ""), default=0) > plan.suspend_after:
        raise PlanRefused("No warning lies before the due day: warn at most as many days before.", "warn_before")
    if plan.suspend_after is None and plan.cancel_after is not None:
        raise PlanRefused("Services are suspended before they are cancelled. Say after how many days.", "cancel_after")
    if plan.cancel_after is not None and plan.suspend_after is not None and plan.cancel_after <= plan.suspend_after:
        raise PlanRefused("Services are cancelled later than they are suspended.", "cancel_after")
    if plan.copy_to and "@" not in plan.copy_to:
        raise PlanRefused("Write an e-mail address, or nothing.", "copy_to")


def _read_amounts(plan: DunningPlan, amounts: Sequence[Amounts]) -> list[Amounts]:
    for one in amounts:
        if one.currency not in DECIMALS or min(one.fee, one.fee_least, one.fee_most, one.least_open).minor < 0:
            raise PlanRefused("Amounts are zero or more, in a currency from the list.", "amounts")
        if one.fee_most and one.fee_most < one.fee_least:
            raise PlanRefused("The most that a fee may be is not below the least.", "amounts")
    if len({one.currency for one in amounts}) != len(amounts):
        raise PlanRefused("Write each currency once.", "amounts")
    if plan.fee_kind == FeeKind.FIXED and not any(one.fee for one in amounts):
        raise PlanRefused("Write how much the late fee is.", "amounts")
    return [one for one in amounts if one.fee or one.fee_least or one.fee_most or one.least_open]


def _set_amounts(plan: DunningPlan, amounts: Sequence[Amounts]) -> None:
    known = {row.currency: row for row in plan.amounts}
    wanted = {one.currency: one for one in amounts}
    plan.amounts = [row for row in plan.amounts if row.currency in wanted]
    for currency, one in wanted.items():
        if currency in known:
            row = known[currency]
            row.fee_minor, row.fee_least_minor = one.fee.minor, one.fee_least.minor
            row.fee_most_minor, row.least_open_minor = one.fee_most.minor, one.least_open.minor
        else:
            plan.amounts.append(_row(one))


def _row(one: Amounts) -> DunningAmount:
    return DunningAmount(
        currency=one.currency, fee_minor=one.fee.minor, fee_least_minor=one.fee_least.minor,
        fee_most_minor=one.fee_most.minor, least_open_minor=one.least_open.minor,
    )  # fmt: skip


def _plain(plan: DunningPlan) -> dict[str, Any]:
    """All that a plan says, for the audit log; what says nothing is left out."""
    found = {name: value for name in NAMES if (value := getattr(plan, name)) not in (None, "", {}, [])}
    ways = found.pop("channels", {})
    found |= {f"{saying}_by": ", ".join(by) for saying, by in ways.items()}
    for row in plan.amounts:
        for name in ("fee", "fee_least", "fee_most", "least_open"):
            if amount := getattr(row, name):
                found[f"{name}_{row.currency}"] = str(amount)
    return audit.plain({name: str(value) if isinstance(value, Decimal) else value for name, value in found.items()})
