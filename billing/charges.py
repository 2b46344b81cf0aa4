"""What is billed beside the packages: once, or every so many months or days."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from models import BillingError, BillingGroup, Charge, Money, Service, db

from . import audit
from .actor import Actor
from .prices import (
    check_anchor,
    check_category,
    check_day,
    check_period,
    check_price,
    check_quantity,
    in_account,
    period_words,
)
from .texts import one_line


class InvalidCharge(BillingError):
    """This charge cannot be billed like that."""


def add_charge(
    group: BillingGroup,
    description: str,
    price: Money,
    *,
    starts_on: date,
    months: int = 0,
    days: int = 0,
    quantity: Decimal = Decimal(1),
    ends_on: date | None = None,
    anchor_day: int | None = None,
    proratable: bool = False,
    tax_category: str = "S",
    service: Service | None = None,
    by: Actor,
) -> Charge:
    """Bill something beside the packages: once, on the first bill on or after `starts_on`, or every `months` or
    `days` until `ends_on` (the first day without). Raises InvalidCharge, InvalidPrice, InvalidTerms, NotAllowed.
    """
    by.require("services.edit")
    check_period(months, days, once=True)
    check_day(starts_on, by.today, "The first day")
    if ends_on is not None and check_day(ends_on, by.today, "The end") <= starts_on:
        raise InvalidCharge("A charge has to end after it starts.")
    if group.closed_on:
        raise InvalidCharge(f"The billing group {group.name} is closed. Choose another one.")
    if service is not None and service.customer_id != group.customer_id:
        raise InvalidCharge("The service belongs to another customer.")
    charge = Charge(
        customer_id=group.customer_id,
        billing_group_id=group.id,
        service_id=service.id if service else None,
        description=one_line(description, 200, "The description"),
        quantity=check_quantity(quantity),
        currency=in_account(group.customer, check_price(price)).currency,
        price_minor=price.minor,
        tax_category=check_category(tax_category),
        months=months,
        days=days,
        anchor_day=check_anchor(anchor_day) or starts_on.day,
        proratable=proratable,
        starts_on=starts_on,
        ends_on=ends_on,
        next_on=starts_on,
    )
    db.session.add(charge)
    db.session.flush()
    after = {"price_minor": price.minor, "currency": price.currency, "quantity": str(quantity)}
    audit.record(by, "charge.added", charge, after={**after, "period": period_words(months, days)})
    return charge


def end_charge(charge: Charge, on: date, *, by: Actor) -> Charge:
    """Bill it no more from the day `on` on; what is billed already stays. A one-off charge that is still to come is
    called off by an end on or before its day. Raises InvalidCharge, InvalidTerms, NotAllowed.
    """
    by.require("services.edit")
    if charge.next_on is None:
        raise InvalidCharge(f"Nothing more will be billed for {charge} anyway.")
    before = {"ends_on": charge.ends_on.isoformat() if charge.ends_on else None}
    charge.ends_on = max(check_day(on, by.today, "The end"), charge.starts_on)
    if charge.ends_on <= charge.next_on:
        charge.next_on = None
    after = {"ends_on": charge.ends_on.isoformat()}
    audit.record(by, "charge.ended", charge, before=before, after=after)
    db.session.flush()
    return charge
