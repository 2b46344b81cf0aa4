"""The customer's own copy of a package (C8): what one customer agreed on is changed, the catalogue never."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from models import BillingGroup, Money, OptionKind, PackageOption, Service, ServiceOption, ServiceStatus, db

from . import audit, service_changes, service_rows
from .actor import Actor
from .billing_groups import move
from .package_prices import check_bounds
from .periods import BillingPeriod, full_period, next_renewal
from .prices import check_anchor, check_price, check_quantity
from .service_terms import InvalidService
from .texts import one_line


@dataclass(frozen=True, slots=True)
class OwnOption:
    """An option as the service is to have it: a row it has (`row`), one more of its package's (`option`), or a `name`
    of its own. A price of zero means it is in the agreed price."""

    price: Money
    row: ServiceOption | None = None
    option: PackageOption | None = None
    name: str = ""
    value: str = ""
    quantity: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Copy:
    """All that can be edited. `price_reason` is needed where the price differs; `setup_fee` counts while nothing was
    billed; `anchor_month` (1–12) is of services billed by the year."""

    description: str
    price: Money
    setup_fee: Money
    free: bool
    options: Sequence[OwnOption]
    billing_group: BillingGroup
    anchor_day: int
    anchor_month: int | None = None
    external_source: str = ""
    external_id: str = ""
    price_reason: str = ""


@dataclass(frozen=True, slots=True)
class NextPeriod:
    """What the next renewal bills after a change of the renewal day: `period` of `whole`, which cost the full price."""

    period: BillingPeriod
    whole: BillingPeriod

    @property
    def is_short(self) -> bool:
        return self.period != self.whole


def copy_of(service: Service) -> Copy:
    """The copy as it is now."""
    options = [OwnOption(o.price, o, None, o.name, o.value, o.quantity) for o in service.options]
    return Copy(
        service.description, service.price, service.setup_fee, service.free, options, service.billing_group,
        service.anchor_day, service.anchor_month, service.external_source or "", service.external_id or "",
    )  # fmt: skip


def next_period(service: Service, anchor_day: int, anchor_month: int | None) -> NextPeriod:
    """What the next renewal would bill with that renewal day: up to the new day, prorated. Raises InvalidPeriod."""
    start = service.next_renewal_on
    if service.days:
        whole = BillingPeriod(start, start + timedelta(days=service.days))
        return NextPeriod(whole, whole)
    period = BillingPeriod(start, next_renewal(start, service.months, anchor_day, anchor_month))
    return NextPeriod(period, full_period(start, service.months, anchor_day, anchor_month))


def is_unbilled(service: Service) -> bool:
    """Whether no bill has come yet, so that the set-up fee and the first day can still change."""
    return service.next_renewal_on == service.billed_from


def edit(service: Service, wanted: Copy, *, version: int, by: Actor) -> Service:
    """Agree on something else with the customer, from the next renewal on; what is billed stays as it was billed.

    `version` is that of the service when it was shown. Raises ChangedSince, InvalidService, InvalidGroup, InvalidPrice,
    InvalidTerms, InvalidText, NotAllowed.
    """
    by.require("services.edit")
    service = service_rows.unchanged(service, version)
    if service.status == ServiceStatus.CANCELLED:
        raise InvalidService(f"{service} has ended. Bring it back first.")
    values = _values(service, wanted)
    before, after = audit.changes(service, values)
    options = _options_words(service)
    moved = {"anchor_day", "anchor_month"} & after.keys()
    if moved and not is_unbilled(service):
        service.rhythm_from = service.next_renewal_on
    for name in after:
        setattr(service, name, values[name])
    _write_options(service, wanted.options)
    if _options_words(service) != options:
        before["options"], after["options"] = options, _options_words(service)
    if wanted.billing_group.id != service.billing_group_id:
        before["billing_group"], after["billing_group"] = str(service.billing_group), str(wanted.billing_group)
        move([service], wanted.billing_group, by=by)
    if after:
        _tell(service, before, after, wanted.price_reason, by)
    db.session.flush()
    return service


def _values(service: Service, wanted: Copy) -> dict[str, Any]:
    """The columns the copy comes to."""
    values: dict[str, Any] = {
        "description": one_line(wanted.description or service.package.name, 200, "The description"),
        "free": wanted.free,
        "price_minor": _price(service, wanted.price, "The price"),
        "setup_fee_minor": service.setup_fee_minor,
        **_external(service, wanted),
    }
    if is_unbilled(service):
        values["setup_fee_minor"] = _price(service, wanted.setup_fee, "The set-up fee")
    if service.months:
        values["anchor_day"] = check_anchor(wanted.anchor_day) or service.anchor_day
        values["anchor_month"] = _month(wanted.anchor_month) if service.anchor_month else None
    if values["price_minor"] != service.price_minor:
        one_line(wanted.price_reason, 200, "The reason of the new price")
    return values


def _month(month: int | None) -> int | None:
    if month is not None and not 1 <= month <= 12:
        raise InvalidService("The renewal month is a month of the year, 1 to 12.")
    return month


def _price(service: Service, price: Money, what: str) -> int:
    if price.currency != service.currency:
        raise InvalidService(f"This service is priced in {service.currency}. Enter the amount in {service.currency}.")
    return check_price(price, what).minor


def _external(service: Service, wanted: Copy) -> dict[str, str | None]:
    """Where it is kept elsewhere: both, or neither; and nobody else's."""
    source = one_line(wanted.external_source, 60, "The other system", empty=True) or None
    number = one_line(wanted.external_id, 120, "The reference", empty=True) or None
    if (source is None) != (number is None):
        raise InvalidService("A reference needs both the other system's name and the number there.")
    same = select(Service).where(Service.external_source == source, Service.external_id == number)
    other = db.session.scalars(same.where(Service.id != service.id)).first() if source else None
    if other is not None:
        raise InvalidService(f"{source} {number} is {other} of {other.customer.name} already.")
    return {"external_source": source, "external_id": number}


def _write_options(service: Service, wanted: Sequence[OwnOption]) -> None:
    kept = {one.row.id for one in wanted if one.row is not None}
    if not kept <= {row.id for row in service.options}:
        raise InvalidService("One of these options belongs to another service.")
    for row in [row for row in service.options if row.id not in kept]:
        service.options.remove(row)
        db.session.delete(row)
    for one in wanted:
        row = one.row or ServiceOption(option_id=one.option.id if one.option else None)
        row.name, row.value, row.quantity = _name(service, one), _value(one), _quantity(service, one)
        row.currency, row.price_minor = service.currency, _price(service, one.price, f"The price of {row.name}")
        if one.row is None:
            service.options.append(row)
    missing = [o for o in service.package.options if o.required and o.id not in {r.option_id for r in service.options}]
    if missing and any(row.option_id for row in service.options):
        raise InvalidService(f"{missing[0].name} belongs to {service.package.name}. Keep it.")
    db.session.flush()


def _name(service: Service, one: OwnOption) -> str:
    if one.option is not None and one.option.package_id != service.package_id:
        raise InvalidService(f"{one.option.name} is not an option of {service.package.name}.")
    return one_line(one.name or (one.option.name if one.option else ""), 120, "The option's name")


def _value(one: OwnOption) -> str:
    return one_line(one.value, 120, "The choice", empty=True)


def _quantity(service: Service, one: OwnOption) -> Decimal:
    known = one.option or _of_package(service, one.row)
    quantity = check_quantity(one.quantity)
    if known is not None and known.kind == OptionKind.QUANTITY:
        check_bounds(known.name, quantity, known.min_quantity, known.max_quantity, InvalidService)
    return quantity


def _of_package(service: Service, row: ServiceOption | None) -> PackageOption | None:
    return next((o for o in service.package.options if row is not None and o.id == row.option_id), None)


def _options_words(service: Service) -> str:
    """Every option as the history tells of it."""
    found = []
    for row in service.options:
        value = f"{row.name}: {row.value}" if row.value else row.name
        times = f" × {row.quantity.normalize():f}" if row.quantity != 1 else ""
        found.append(f"{value}{times} ({row.price})" if row.price_minor else f"{value}{times}")
    return ", ".join(found)


def _tell(service: Service, before: dict[str, Any], after: dict[str, Any], reason: str, by: Actor) -> None:
    only_price = after.keys() == {"price_minor"}
    if "price_minor" in after:
        after["reason"] = one_line(reason, 200, "The reason", empty=True)
    if {"price_minor", "setup_fee_minor"} & after.keys():
        before["currency"] = after["currency"] = service.currency
    kind, verb = ("price", "service.price_changed") if only_price else ("edit", "service.changed")
    service_changes.record(service, by.today, kind, verb, before, after, by)
