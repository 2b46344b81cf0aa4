"""What is billed beside the packages: once, or every so many months or days; and what was paid in advance.

A charge below zero is a prepayment (features L17): one-off, of which every bill of its billing group takes off what
it can, until nothing of it is left (L26). What is billed stays as it was billed; a change touches what is to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, func, select, type_coerce

from models import (
    BillingError,
    BillingGroup,
    Charge,
    CustomerStatus,
    Invoice,
    InvoiceLine,
    Money,
    Renewal,
    Service,
    ServiceStatus,
    db,
)

from . import audit
from .actor import Actor
from .balances import ChangedMeanwhile
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


class AlreadyBilled(BillingError):
    """(Part of) the charge stands on a bill, so it cannot be what was asked for any more."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is billed, when and how often. Neither months nor days means once; a price below zero is a prepayment."""

    description: str
    price: Money
    starts_on: date
    quantity: Decimal = Decimal(1)
    months: int = 0
    days: int = 0
    ends_on: date | None = None
    anchor_day: int | None = None
    proratable: bool = False
    tax_category: str = "S"


TIMING = ("starts_on", "months", "days", "anchor_day")
"""What cannot change once a part of the charge is billed."""


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
    terms = Terms(
        description, price, starts_on, quantity, months, days, ends_on, anchor_day, proratable, tax_category
    )  # fmt: skip
    charge = Charge(customer_id=group.customer_id, **_place(group, service, price), **_checked(terms, group, by))
    charge.next_on, charge.left_minor = starts_on, _prepaid(price, quantity)
    db.session.add(charge)
    db.session.flush()
    after = {"price_minor": price.minor, "currency": price.currency, "quantity": str(quantity)}
    audit.record(by, "charge.added", charge, after={**after, "period": period_words(months, days)})
    return charge


def edit_charge(charge: Charge, terms: Terms, group: BillingGroup, service: Service | None, *, by: Actor) -> Charge:
    """Bill it so from the next bill on. When it begins and how often it comes can change only while nothing of it is
    billed. Raises InvalidCharge, AlreadyBilled, ChangedMeanwhile, InvalidPrice, InvalidTerms, NotAllowed.
    """
    by.require("services.edit")
    _lock(charge)
    if charge.next_on is None:
        raise InvalidCharge(f"Nothing more will be billed for {charge}. Add a new charge instead.")
    values = {**_checked(terms, group, by), **_place(group, service, terms.price, charge)}
    moved = [name for name in TIMING if getattr(charge, name) != values[name]]
    _check_change(charge, terms, moved)
    values["left_minor"] = _left_after(charge, terms)
    values["next_on"] = terms.starts_on if "starts_on" in moved else charge.next_on
    if values["ends_on"] is not None and values["ends_on"] <= values["next_on"]:
        raise InvalidCharge(f"It is billed next on {values['next_on']}. Choose a later end, or end it from the list.")
    before, after = audit.changes(charge, values)
    for name in after:
        setattr(charge, name, values[name])
    if {"ends_on", "service_id"} & set(after):  # its end is the one that was typed, no more that of the service it had
        charge.ends_with_service, charge.own_end_on = False, None
    if after:
        audit.record(by, "charge.changed", charge, before=before, after=after)
    db.session.flush()
    db.session.expire(charge, ["billing_group"])
    return charge


def end_charge(charge: Charge, on: date, *, by: Actor) -> Charge:
    """Bill it no more from the day `on` on; what is billed already stays. A one-off charge that is still to come is
    called off by an end on or before its day, and the rest of a prepayment lapses on the day.
    Raises InvalidCharge, InvalidTerms, NotAllowed.
    """
    by.require("services.edit")
    _lock(charge)
    if charge.next_on is None:
        raise InvalidCharge(f"Nothing more will be billed for {charge} anyway.")
    before = {"ends_on": charge.ends_on.isoformat() if charge.ends_on else None}
    charge.ends_on = max(check_day(on, by.today, "The end"), charge.starts_on)
    charge.ends_with_service, charge.own_end_on = False, None
    last = by.today if charge.is_prepayment else charge.next_on
    if charge.ends_on <= max(last, charge.next_on):
        charge.next_on = None
    after = {"ends_on": charge.ends_on.isoformat()}
    audit.record(by, "charge.ended", charge, before=before, after=after)
    db.session.flush()
    return charge


def delete_charge(charge: Charge, *, by: Actor) -> None:
    """Remove a charge of which nothing was ever billed. Raises AlreadyBilled, NotAllowed."""
    by.require("services.edit")
    _lock(charge)
    if is_billed(charge):
        raise AlreadyBilled(f"{charge} stands on a bill and is kept. End it instead: then nothing more is billed.")
    gone = {"price_minor": charge.price_minor, "currency": charge.currency, "quantity": str(charge.quantity)}
    audit.record(by, "charge.deleted", charge, before={**gone, "starts_on": charge.starts_on.isoformat()})
    db.session.flush()
    db.session.delete(charge)
    db.session.flush()


def is_billed(charge: Charge) -> bool:
    """Whether anything of it was billed, or stands on a draft."""
    renewed = select(Renewal.id).where(Renewal.charge_id == charge.id)
    written = select(InvoiceLine.id).where(InvoiceLine.charge_id == charge.id)
    return any(db.session.scalar(query.limit(1)) is not None for query in (renewed, written))


def restore_prepaid(document: Invoice, *, by: Actor) -> None:
    """What a document took off prepayments is left again: `document` is an invoice that is voided just now, or the
    credit note that takes lines of one back. It waits for bills again unless its last day is over. Flushes."""
    original = InvoiceLine.__table__.alias("original")
    charge_id = func.coalesce(InvoiceLine.charge_id, original.c.charge_id)
    taken = (
        select(charge_id, -func.sum(type_coerce(InvoiceLine.amount_minor, BigInteger)))
        .outerjoin(original, original.c.id == InvoiceLine.original_line_id)
        .where(InvoiceLine.invoice_id == document.id, charge_id.is_not(None))
        .group_by(charge_id)
    )
    back = {int(number): int(minor) for number, minor in db.session.execute(taken)}
    if not back:
        return
    prepaid = select(Charge).where(Charge.id.in_(back), Charge.price_minor < 0).order_by(Charge.id)
    for charge in db.session.scalars(prepaid.with_for_update().execution_options(populate_existing=True)):
        charge.left_minor += back[charge.id]
        if charge.next_on is None and (charge.ends_on is None or charge.ends_on > by.today):
            charge.next_on = charge.starts_on
        after = {"amount_minor": back[charge.id], "currency": charge.currency, "document": str(document)}
        audit.record(by, "charge.prepaid_again", charge, after=after)
    db.session.flush()


def lapse(on: date, *, by: Actor) -> int:
    """Prepayments whose end has come by `on` take nothing off any more; how many. Raises NotAllowed."""
    by.require("services.edit")
    over = (Charge.price_minor < 0, Charge.left_minor > 0, Charge.next_on.is_not(None), Charge.ends_on <= on)
    found = list(db.session.scalars(select(Charge).where(*over).order_by(Charge.id).with_for_update()))
    for charge in found:
        charge.next_on = None
        audit.record(by, "charge.lapsed", charge, after={"left_minor": charge.left_minor, "currency": charge.currency})
    db.session.flush()
    return len(found)


def _place(group: BillingGroup, service: Service | None, price: Money, charge: Charge | None = None) -> dict[str, Any]:
    """Where it is billed, checked: an open group and a service of the one customer."""
    if charge is not None and group.customer_id != charge.customer_id:
        raise InvalidCharge("The billing group belongs to another customer.")
    if charge is None and group.customer.status == CustomerStatus.ARCHIVED:
        raise InvalidCharge(f"{group.customer.name} is archived. Enable the customer first.")
    if group.closed_on and (charge is None or charge.billing_group_id != group.id):
        raise InvalidCharge(f"The billing group {group.name} is closed. Choose another one.")
    if service is not None and service.customer_id != group.customer_id:
        raise InvalidCharge("The service belongs to another customer.")
    if service is not None and price.minor < 0:
        raise InvalidCharge("A prepayment is for all that its billing group is billed. Choose no service.")
    if service is not None and service.status == ServiceStatus.CANCELLED and not _is_same(service, charge):
        raise InvalidCharge("The service is cancelled. Choose another one, or none.")
    return {"billing_group_id": group.id, "service_id": service.id if service else None}


def _is_same(service: Service, charge: Charge | None) -> bool:
    return charge is not None and charge.service_id == service.id


def _checked(terms: Terms, group: BillingGroup, by: Actor) -> dict[str, Any]:
    """The columns that the terms come to. Raises InvalidCharge, InvalidPrice, InvalidTerms."""
    check_period(terms.months, terms.days, once=True)
    check_day(terms.starts_on, by.today, "The first day")
    if terms.ends_on is not None and check_day(terms.ends_on, by.today, "The end") <= terms.starts_on:
        raise InvalidCharge("A charge has to end after it starts.")
    again = bool(terms.months or terms.days)
    if terms.price.minor < 0 and (again or terms.proratable):
        raise InvalidCharge("A price below zero is a prepayment: it comes once and whole. For less every time, use a"
                            " discount.")  # fmt: skip
    check_price(abs(terms.price))
    return {
        "description": one_line(terms.description, 200, "The description"),
        "quantity": check_quantity(terms.quantity),
        "currency": in_account(group.customer, terms.price).currency,
        "price_minor": terms.price.minor,
        "tax_category": check_category(terms.tax_category),
        "months": terms.months,
        "days": terms.days,
        "anchor_day": check_anchor(terms.anchor_day) or terms.starts_on.day,
        "proratable": terms.proratable and again,
        "starts_on": terms.starts_on,
        "ends_on": terms.ends_on,
    }


def _prepaid(price: Money, quantity: Decimal) -> int:
    """What a prepayment comes to in all; nothing for a charge."""
    return -price.times(quantity).minor if price.minor < 0 else 0


def _check_change(charge: Charge, terms: Terms, moved: Sequence[str]) -> None:
    if (terms.price.minor < 0) != charge.is_prepayment:
        raise InvalidCharge("A charge does not become a prepayment, nor the other way round. End it and add a new one.")
    if moved and is_billed(charge):
        raise AlreadyBilled(
            f"{charge} was billed already, so its first day and its rhythm stay. End it, and add a new one that begins"
            " then."
        )


def _left_after(charge: Charge, terms: Terms) -> int:
    """What is left of a prepayment once it comes to something else. Raises InvalidCharge."""
    used = _prepaid(charge.price, charge.quantity) - charge.left_minor
    left = _prepaid(terms.price, terms.quantity) - used
    if left < 0 or (charge.is_prepayment and not left):
        raise InvalidCharge(f"Bills took off {Money(used, charge.currency)} of it already. Enter more than that.")
    return left


def _lock(charge: Charge) -> None:
    """The charge as it is now, locked: a bill run may be at it. Raises ChangedMeanwhile if it is gone."""
    known = select(Charge).where(Charge.id == charge.id).with_for_update()
    if db.session.scalar(known.execution_options(populate_existing=True)) is None:
        raise ChangedMeanwhile("Somebody else removed this charge just now.")
