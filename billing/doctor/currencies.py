"""Currencies: what is still to be billed is in one an account can be billed in (F35)."""

from __future__ import annotations

from sqlalchemy import and_, select

from models import Charge, Customer, Service, ServiceOption, ServiceStatus

from .checks import Check, Query, Scope


def charges_of_another_currency(scope: Scope) -> Query:
    """I94: a charge that is still to come."""
    coming = and_(Charge.next_on.is_not(None), Charge.currency != Customer.currency)
    return select(Charge.id, Charge.description).join(Customer, Customer.id == Charge.customer_id).where(coming)


def options_of_another_currency(scope: Scope) -> Query:
    """I94: an option of a running service that is not in the currency of its service."""
    running = and_(Service.status != ServiceStatus.CANCELLED, ServiceOption.price_minor != 0)
    mixed = select(ServiceOption.id, ServiceOption.name).join(Service, Service.id == ServiceOption.service_id)
    return mixed.where(running, ServiceOption.currency != Service.currency)


CHECKS = (
    Check("I94", ("charge", "charges"), "to come in another currency than the account", charges_of_another_currency),
    Check("I94", ("option", "options"), "in another currency than its service", options_of_another_currency),
)
