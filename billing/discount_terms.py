"""What a discount may be: its terms read, checked and put in order before they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import select

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
    FieldError,
    Money,
    Package,
    Project,
    db,
)

from .prices import LARGEST_MINOR, LONGEST_DAYS, LONGEST_MONTHS
from .texts import InvalidText, one_line

MOST_PACKAGES, MOST_CURRENCIES, MOST_BILLS, HIGHEST_PRIORITY = 100, 50, 1200, 9999
FIRST_YEAR, LAST_YEAR = 1970, 2199
DAYS = ("starts_on", "last_on", "service_from", "service_until")


class DiscountRefused(FieldError):
    """A discount cannot be like this; `field` names what is wrong."""


DEFAULTS: dict[str, Any] = {
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


def read(values: Mapping[str, Any], amounts: Sequence[Money]) -> dict[str, Any]:
    """The values as they are stored; what does not belong to the audience, target and kind chosen is left empty."""
    unknown = set(values) - set(DEFAULTS)
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


def packages_of(discount: Discount, packages: Iterable[int]) -> list[Package]:
    if discount.target is not DiscountTarget.PACKAGES:
        return []
    wanted = sorted(set(packages))
    if not 0 < len(wanted) <= MOST_PACKAGES:
        raise DiscountRefused(f"Choose one package, or several, but at most {MOST_PACKAGES}.", "packages")
    found = list(db.session.scalars(select(Package).where(Package.id.in_(wanted)).order_by(Package.name)))
    if len(found) < len(wanted):
        raise DiscountRefused("One of these packages is not there any more. Load the page again.", "packages")
    return found


def amounts_of(discount: Discount, amounts: Sequence[Money]) -> list[DiscountAmount]:
    if discount.kind is DiscountKind.PERCENT:
        return []
    if len({amount.currency for amount in amounts}) < len(amounts) or len(amounts) > MOST_CURRENCIES:
        raise DiscountRefused("Type one amount for each currency; one of them is there twice.", "amounts")
    least = 0 if discount.kind is DiscountKind.SPECIAL else 1
    for amount in amounts:
        if not least <= amount.minor <= LARGEST_MINOR:
            raise DiscountRefused(f"{amount} is not an amount that can be taken off or asked for.", "amounts")
    return [DiscountAmount(currency=amount.currency, amount_minor=amount.minor) for amount in amounts]
