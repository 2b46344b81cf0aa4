"""Discounts: making and changing them, and the one that wins for a line. The rule itself is in discount_rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, select

from models import (
    Customer,
    CustomerGroup,
    Discount,
    DiscountAmount,
    DiscountAudience,
    DiscountCovers,
    DiscountKind,
    DiscountLasts,
    DiscountTarget,
    DiscountUse,
    FieldError,
    Invoice,
    LineKind,
    Money,
    Package,
    Project,
    Service,
    db,
)

from . import audit
from .actor import Actor
from .discount_rules import Cut, cut
from .discount_table import CustomerDiscounts, DiscountTable, Sold
from .document_lines import LineInput
from .money import UnitPrice, decimals_of
from .periods import BillingPeriod
from .prices import LARGEST_MINOR, LONGEST_DAYS, LONGEST_MONTHS
from .texts import InvalidText, one_line

MOST_PACKAGES, MOST_CURRENCIES, MOST_BILLS, HIGHEST_PRIORITY = 100, 50, 1200, 9999
FIRST_YEAR, LAST_YEAR = 1970, 2199
DAYS = ("starts_on", "last_on", "service_from", "service_until")


class DiscountRefused(FieldError):
    """A discount cannot be like this; `field` names what is wrong."""


def create(
    values: Mapping[str, Any], *, packages: Iterable[int] = (), amounts: Sequence[Money] = (), by: Actor
) -> Discount:
    """A new discount. `values` are columns of Discount, `packages` ids, `amounts` one per currency for an amount off or
    a special price. Raises DiscountRefused, NotAllowed."""
    by.require("discounts.edit")
    discount = Discount(**_read({**_DEFAULTS, **values}, amounts))
    discount.packages = _packages(discount, packages)
    discount.amounts = _amounts(discount, amounts)
    db.session.add(discount)
    db.session.flush()
    audit.record(by, "discount.created", discount, after=_summary(discount))
    return discount


def change(
    discount: Discount,
    values: Mapping[str, Any],
    *,
    packages: Iterable[int] = (),
    amounts: Sequence[Money] = (),
    seen: int | None = None,
    by: Actor,
) -> None:
    """Change a discount for the bills to come; what was billed stays as it is. `seen` is the version that the person
    saw. Raises DiscountRefused, NotAllowed."""
    by.require("discounts.edit")
    if seen is not None and seen != discount.version:
        raise DiscountRefused("Somebody changed this discount since you opened it. Load the page again and look first.")
    before = _summary(discount)
    kept = {name: getattr(discount, name) for name in _DEFAULTS}
    for name, value in _read({**kept, **values}, amounts).items():
        if getattr(discount, name) != value:
            setattr(discount, name, value)
    found = _packages(discount, packages)
    if {one.id for one in found} != {one.id for one in discount.packages}:
        discount.packages = found
    _set_amounts(discount, amounts)
    db.session.flush()
    after = _summary(discount)
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        was, now = ({name: of[name] for name in changed} for of in (before, after))
        audit.record(by, "discount.changed", discount, before=was, after=now)
        db.session.flush()


def switch(discount: Discount, on: bool, *, by: Actor) -> None:
    """Let it apply, or not for now. Raises NotAllowed."""
    by.require("discounts.edit")
    if discount.active is not on:
        discount.active = on
        audit.record(by, "discount.switched_on" if on else "discount.switched_off", discount)
        db.session.flush()


def archive(discount: Discount, *, by: Actor) -> None:
    """It applies no more and leaves the list; what it took off stays to be read. Raises NotAllowed."""
    by.require("discounts.edit")
    if discount.archived_on is None:
        discount.archived_on = by.today
        audit.record(by, "discount.archived", discount)
        db.session.flush()


def restore(discount: Discount, *, by: Actor) -> None:
    """Let an archived one apply again. Raises NotAllowed."""
    by.require("discounts.edit")
    if discount.archived_on is not None:
        discount.archived_on = None
        audit.record(by, "discount.restored", discount)
        db.session.flush()


# The one that wins


def best_for(
    customer: Customer,
    price: Money | UnitPrice,
    full: Money,
    *,
    on: date,
    package_id: int | None = None,
    months: int = 0,
    days: int = 0,
    period: BillingPeriod | None = None,
    kind: LineKind = LineKind.SERVICE,
    service: Service | None = None,
    known: CustomerDiscounts | None = None,
) -> Cut | None:
    """What comes off a line for this customer that comes to `full` at `price` for one, or None.

    The package, the billing period (`months` or `days`) and the `service`, where there is one already, say what is
    sold; `period` are the days on the line, without which the day `on` decides. `known` saves reading the customer's
    discounts again for each of several lines. The rule is the one of renewals (discount_rules).
    """
    found = known or DiscountTable().of([customer.id])
    if found is None:
        return None
    sold = Sold(
        customer.id,
        customer.group_id,
        customer.project_id,
        package_id,
        months,
        days,
        service.started_on if service else None,
        service.id if service else None,
    )
    billed = period or BillingPeriod(on, on + timedelta(days=1))
    if isinstance(price, Money):
        return cut(found.live(sold, billed), kind, full, price.minor, billed)
    finer = 10 ** (6 - decimals_of(price.currency))
    return cut(found.live(sold, billed), kind, full, price.micro, billed, per_minor=finer)


def discounted(
    lines: Sequence[LineInput],
    customer: Customer,
    *,
    on: date,
    periods: Sequence[tuple[int, int]] = (),
) -> list[LineInput]:
    """The same lines, those from the catalogue that carry no discount yet with the one that wins for them.

    For documents by hand, quotes and orders; a person may take it off again. `periods` are the (months, days) that
    each line is billed by, as far as the days on it do not say so.
    """
    known = DiscountTable().of([customer.id]) if any(_takes(line) for line in lines) else None
    terms = [*periods, *[(0, 0)] * (len(lines) - len(periods))]
    return [
        _with_discount(line, customer, on, term, known) if known and _takes(line) else line
        for line, term in zip(lines, terms, strict=True)
    ]


def record_uses(invoice: Invoice) -> None:
    """Write down what the discounts of an invoice that a person has just issued took off. Renewals do it themselves."""
    assert invoice.issued_on is not None
    taken: dict[tuple[int, int | None], list[Any]] = defaultdict(lambda: [date.max, 0])
    for line in invoice.lines:
        if line.discount_id is not None:
            row = taken[line.discount_id, line.service_id]
            row[0] = min(row[0], line.period_start or invoice.issued_on)
            row[1] += line.discount_minor
    for (discount_id, service_id), (first_on, minor) in taken.items():
        db.session.add(
            DiscountUse(
                discount_id=discount_id,
                customer_id=invoice.customer_id,
                service_id=service_id,
                invoice_id=invoice.id,
                on=invoice.issued_on,
                first_on=first_on,
                currency=invoice.currency,
                amount_minor=minor,
            )
        )
    db.session.flush()


def _takes(line: LineInput) -> bool:
    return (
        line.package_id is not None
        and line.discount is None
        and line.discount_percent is None
        and line.original_line_id is None
        and line.unit_price.micro > 0
    )


def _with_discount(
    line: LineInput, customer: Customer, on: date, term: tuple[int, int], known: CustomerDiscounts
) -> LineInput:
    quantity = line.quantity.exact if line.share == 1 else line.share * line.quantity.exact
    found = best_for(
        customer,
        line.unit_price,
        line.unit_price.times(quantity),
        on=on,
        package_id=line.package_id,
        months=term[0],
        days=term[1],
        period=line.period,
        kind=line.kind if line.kind in (LineKind.OPTION, LineKind.SETUP) else LineKind.SERVICE,
        service=db.session.get(Service, line.service_id) if line.service_id else None,
        known=known,
    )
    if found is None:
        return line
    return replace(
        line,
        discount_percent=found.percent,
        discount=None if found.percent is not None else Money(found.minor, line.unit_price.currency),
        discount_reason=found.reason,
        discount_id=found.discount_id,
    )


# What a discount may be

_DEFAULTS: dict[str, Any] = {
    "name": "", "reason": "", "audience": DiscountAudience.EVERYONE, "group_id": None, "customer_id": None,
    "target": DiscountTarget.ALL, "project_id": None, "months": 0, "days": 0, "kind": DiscountKind.PERCENT,
    "percent": None, "covers": DiscountCovers.PRICE, "starts_on": None, "last_on": None, "lasts_months": 0,
    "lasts_days": 0, "lasts_for": DiscountLasts.SERVICE, "bills": None, "service_from": None, "service_until": None,
    "priority": 100, "needs_code": False, "active": True,
}  # fmt: skip
_CHOICES = {
    "audience": DiscountAudience, "target": DiscountTarget, "kind": DiscountKind, "covers": DiscountCovers,
    "lasts_for": DiscountLasts,
}  # fmt: skip


def _read(values: Mapping[str, Any], amounts: Sequence[Money]) -> dict[str, Any]:
    """The values as they are stored; what does not belong to the audience, target and kind chosen is left empty."""
    unknown = set(values) - set(_DEFAULTS)
    if unknown:
        raise KeyError(f"a discount has no {', '.join(sorted(unknown))} to choose")
    read = dict(values)
    for name, kind in _CHOICES.items():
        try:
            read[name] = kind(read[name])
        except ValueError as error:
            raise DiscountRefused("Choose one from the list.", name) from error
    read["name"] = _line(read["name"], 120, "The name", "name")
    read["reason"] = _line(read["reason"] or read["name"], 200, "The reason", "reason")
    _read_whom(read)
    _read_what(read, amounts)
    _read_when(read)
    return read


def _line(value: Any, longest: int, what: str, field: str) -> str:
    try:
        return one_line(value, longest, what)
    except InvalidText as error:
        raise DiscountRefused(str(error), field) from error


def _read_whom(read: dict[str, Any]) -> None:
    wanted: tuple[tuple[str, bool, Any, str], ...] = (
        ("group_id", read["audience"] is DiscountAudience.GROUP, CustomerGroup, "Choose the group."),
        ("customer_id", read["audience"] is DiscountAudience.CUSTOMER, Customer, "Choose the customer."),
        ("project_id", read["target"] is DiscountTarget.PROJECT, Project, "Choose the project."),
    )
    for name, needed, model, sentence in wanted:
        if not needed:
            read[name] = None
        elif read[name] is None or db.session.get(model, read[name]) is None:
            raise DiscountRefused(sentence, name)


def _read_what(read: dict[str, Any], amounts: Sequence[Money]) -> None:
    if read["kind"] is DiscountKind.PERCENT:
        _check_percent(read["percent"])
    else:
        read["percent"] = None
        if read["covers"] is DiscountCovers.BOTH:
            raise DiscountRefused(
                "An amount is off the price or off the set-up fee. Make two discounts to lower both.", "covers"
            )
        if not amounts:
            raise DiscountRefused("Type the amount in at least one currency.", "amounts")
    _whole(read["priority"], 0, HIGHEST_PRIORITY, "The priority", "priority")
    for months, days in (("months", "days"), ("lasts_months", "lasts_days")):
        _whole(read[months], 0, LONGEST_MONTHS, "The number of months", months)
        _whole(read[days], 0, LONGEST_DAYS, "The number of days", days)
        if read[months] and read[days]:
            raise DiscountRefused("Count in months or in days, not in both.", months)
    if read["bills"] is not None:
        _whole(read["bills"], 1, MOST_BILLS, "The number of bills", "bills")


def _check_percent(percent: Any) -> None:
    if not isinstance(percent, Decimal) or not percent.is_finite() or not 0 < percent <= 100:
        raise DiscountRefused("A discount is more than 0 % and at most 100 %.", "percent")
    if percent != percent.quantize(Decimal("0.0001")):
        raise DiscountRefused("A discount in percent has at most four decimals.", "percent")


def _read_when(read: dict[str, Any]) -> None:
    for name in DAYS:
        day = read[name]
        if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise DiscountRefused(f"This day ({day}) is too far away. Check the year.", name)
    for first, last in (DAYS[:2], DAYS[2:]):
        if read[first] and read[last] and read[last] < read[first]:
            raise DiscountRefused(f"The last day cannot be before the first ({read[first]}).", last)


def _whole(value: Any, least: int, most: int, what: str, field: str) -> None:
    if type(value) is not int or not least <= value <= most:
        raise DiscountRefused(f"{what} is a whole number from {least} to {most:,}.", field)


def _packages(discount: Discount, packages: Iterable[int]) -> list[Package]:
    if discount.target is not DiscountTarget.PACKAGES:
        return []
    wanted = sorted(set(packages))
    if not 0 < len(wanted) <= MOST_PACKAGES:
        raise DiscountRefused(f"Choose one package, or several, but at most {MOST_PACKAGES}.", "packages")
    found = list(db.session.scalars(select(Package).where(Package.id.in_(wanted)).order_by(Package.name)))
    if len(found) < len(wanted):
        raise DiscountRefused("One of these packages is not there any more. Load the page again.", "packages")
    return found


def _amounts(discount: Discount, amounts: Sequence[Money]) -> list[DiscountAmount]:
    if discount.kind is DiscountKind.PERCENT:
        return []
    if len({amount.currency for amount in amounts}) < len(amounts) or len(amounts) > MOST_CURRENCIES:
        raise DiscountRefused("Type one amount for each currency; one of them is there twice.", "amounts")
    least = 0 if discount.kind is DiscountKind.SPECIAL else 1
    for amount in amounts:
        if not least <= amount.minor <= LARGEST_MINOR:
            raise DiscountRefused(f"{amount} is not an amount that can be taken off or asked for.", "amounts")
    return [DiscountAmount(currency=amount.currency, amount_minor=amount.minor) for amount in amounts]


def _set_amounts(discount: Discount, amounts: Sequence[Money]) -> None:
    wanted = _amounts(discount, amounts)
    if {(a.currency, a.amount_minor) for a in wanted} != {(a.currency, a.amount_minor) for a in discount.amounts}:
        db.session.execute(delete(DiscountAmount).where(DiscountAmount.discount_id == discount.id))
        db.session.expire(discount, ["amounts"])
        discount.amounts = wanted


def _summary(discount: Discount) -> dict[str, Any]:
    """Everything about it, for the audit log."""
    values = audit.plain({name: getattr(discount, name) for name in _DEFAULTS})
    values["percent"] = f"{discount.percent.normalize():f}" if discount.percent is not None else None
    return {
        **{name: value for name, value in values.items() if name != "active"},
        "packages": ", ".join(sorted(package.name for package in discount.packages)),
        "amounts": ", ".join(sorted(str(amount.amount) for amount in discount.amounts)),
    }
