"""A service goes to another customer: now, or when its next renewal is billed. What is paid stays with who paid it, and
the new customer is billed from the next renewal on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from models import (
    BillingError,
    BillingGroup,
    Charge,
    Customer,
    CustomerStatus,
    Discount,
    Money,
    Service,
    ServiceStatus,
    WaitsFor,
    db,
)

from . import agreed_discounts, audit, groups, service_changes, service_rows
from .actor import Actor
from .prices import check_price
from .service_life import NotNow


class CannotTransfer(NotNow):
    """The service cannot go there."""


class NeedsPrice(CannotTransfer):
    """The other customer's account is in another currency, so that a price in it has to be agreed."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the transfer takes along, and from when the new customer is billed."""

    billed_from: date
    charges: Sequence[Charge]
    discounts: Sequence[Discount]


def foresee(service: Service, group: BillingGroup, price: Money | None = None) -> Foreseen:
    """What `transfer` into the other customer's billing group would come to. Raises what it raises."""
    _check(service, group, price)
    day, currency = service.next_renewal_on, (price or service.price).currency
    return Foreseen(day, _charges(service), agreed_discounts.coming(service, currency, day))


def transfer(
    service: Service, group: BillingGroup, *, at_renewal: bool = False, price: Money | None = None, by: Actor
) -> Service:
    """Give a service to the customer of `group`, at once or when its next renewal is billed. `price` is what is agreed
    there; needed where the accounts are in different currencies. Raises CannotTransfer, NeedsPrice, NotForGroup,
    InvalidPrice, NotAllowed."""
    by.require("services.edit")
    service = service_rows.lock(service)
    _check(service, group, price)
    if not at_renewal or service.next_renewal_on <= by.today:
        _move(service, group, price, by)
        return service
    service.transfer_on, service.transfer_group_id = service.next_renewal_on, group.id
    service.transfer_price_minor = price.minor if price else None
    after = {"to": group.customer.name, "billing_group": str(group), "on": service.next_renewal_on.isoformat()}
    service_changes.record(service, by.today, "transfer_set", "service.transfer_set", None, after, by)
    return service


def call_off(service: Service, *, by: Actor) -> Service:
    """Let a service that was to go to another customer stay. Raises CannotTransfer, NotAllowed."""
    by.require("services.edit")
    service = service_rows.lock(service)
    if service.transfer_group is None:
        raise CannotTransfer(f"{service} is not to go to another customer.")
    before = {"to": service.transfer_group.customer.name}
    _forget(service)
    service_changes.record(service, by.today, "transfer_unset", "service.transfer_called_off", before, {}, by)
    return service


def carry_out(until: date, *, by: Actor) -> int:
    """Before bills up to `until` are written: the services that go to another customer with their next renewal go now.
    How many. One that cannot go any more stays, and its history says why. Raises NotAllowed."""
    by.require("services.edit")
    due = Service.transfer_on.is_not(None), Service.next_renewal_on <= until, Service.status == ServiceStatus.ACTIVE
    gone = 0
    for service in service_rows.lock_ids(list(db.session.scalars(select(Service.id).where(*due)))):
        group, minor = service.transfer_group, service.transfer_price_minor
        assert group is not None
        price = Money(minor, group.customer.currency) if minor is not None else None
        _forget(service)
        try:
            with db.session.begin_nested():
                _check(service, group, price)
                _move(service, group, price, by)
                gone += 1
        except BillingError as refusal:
            after = {"to": group.customer.name, "reason": str(refusal)}
            service_changes.record(service, by.today, "transfer_unset", "service.transfer_called_off", None, after, by)
    return gone


def forget_own(customer: Customer) -> None:
    """After two customers became one: what was to go from one to the other stays."""
    groups = select(BillingGroup.id).where(BillingGroup.customer_id == customer.id)
    own = Service.customer_id == customer.id, Service.transfer_group_id.in_(groups)
    for service in db.session.scalars(select(Service).where(*own).order_by(Service.id)):
        _forget(service)


def _forget(service: Service) -> None:
    service.transfer_on = service.transfer_group_id = service.transfer_price_minor = None
    db.session.flush()


def _check(service: Service, group: BillingGroup, price: Money | None) -> None:
    customer = group.customer
    if service.status == ServiceStatus.CANCELLED:
        raise CannotTransfer(f"{service} has ended.")
    if service.transfer_on is not None:
        raise CannotTransfer(f"{service} is to go to another customer already. Call that off first.")
    if service.waits_for == WaitsFor.PAYMENT:
        raise CannotTransfer(f"{service} waits for its first bill to be paid, and that bill is this customer's.")
    if customer.id == service.customer_id:
        raise CannotTransfer(f"{customer.name} has it already. Choose another customer.")
    if customer.status == CustomerStatus.ARCHIVED:
        raise CannotTransfer(f"{customer.name} is archived. Enable the customer first.")
    if group.closed_on:
        raise CannotTransfer(f"The billing group {group} is closed. Choose another one.")
    groups.check_package(customer, service.package)
    _check_currency(service, group, price)


def _check_currency(service: Service, group: BillingGroup, price: Money | None) -> None:
    currency = group.customer.currency
    if price is not None:
        if price.currency != currency:
            raise NeedsPrice(f"The account of {group.customer.name} is in {currency}. Enter the price in {currency}.")
        check_price(price)
    own = [row for row in service.options if row.price_minor]
    if price is None and service.currency != currency:
        raise NeedsPrice(f"The account of {group.customer.name} is in {currency}. Agree on a price in {currency}.")
    if own and service.currency != currency:
        raise CannotTransfer(f"{own[0].name} has a price in {service.currency}. Edit the service and put it into the"
                             " agreed price first.")  # fmt: skip
    for charge in _charges(service):
        if charge.currency != currency:
            raise CannotTransfer(f"{charge} is priced in {charge.currency}. End it first.")


def _charges(service: Service) -> Sequence[Charge]:
    """What is still to be billed beside it."""
    mine = Charge.service_id == service.id, Charge.next_on.is_not(None)
    return db.session.scalars(select(Charge).where(*mine).order_by(Charge.id)).all()


def _move(service: Service, group: BillingGroup, price: Money | None, by: Actor) -> None:
    old, new = service.customer, group.customer
    active = service.status == ServiceStatus.ACTIVE
    before: dict[str, Any] = {"customer": old.name, "billing_group": str(service.billing_group)}
    after: dict[str, Any] = {"customer": new.name, "billing_group": str(group)}
    if price is not None and price != service.price:
        before |= {"price_minor": service.price_minor, "currency": service.currency}
        after |= {"price_minor": price.minor, "currency": price.currency}
    audit.record(by, "service.transferred", service, before=before, after=after)  # the old customer's story
    _move_charges(service, group)
    agreed_discounts.go_along(service, new, (price or service.price).currency, by=by)
    service.customer_id, service.billing_group_id = group.customer_id, group.id
    if price is not None:
        _reprice(service, price)
    db.session.flush()
    db.session.expire(service, ["customer", "billing_group"])
    service_changes.record(service, by.today, "transfer", "service.transferred", before, after, by)
    service_rows.count({old.id: -1, new.id: 1} if active else {})


def _move_charges(service: Service, group: BillingGroup) -> None:
    """Those to come go along; those that are done stay with who was billed for them."""
    for charge in db.session.scalars(select(Charge).where(Charge.service_id == service.id).order_by(Charge.id)):
        if charge.next_on is None:
            charge.service_id, charge.ends_with_service, charge.own_end_on = None, False, None
        else:
            charge.customer_id, charge.billing_group_id = group.customer_id, group.id


def _reprice(service: Service, price: Money) -> None:
    if price.currency != service.currency:
        service.setup_fee_minor = 0
        for row in service.options:
            row.currency = price.currency
    service.currency, service.price_minor = price.currency, price.minor
