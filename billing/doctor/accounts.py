"""What is kept beside a customer: the groups it is billed in, the rates agreed with it."""

from __future__ import annotations

from sqlalchemy import and_, func, or_, select

from models import BillingGroup, Charge, Customer, FxRate, Service, ServiceStatus

from .checks import Check, Query, Scope

GROUPS = "billing group", "billing groups"


def closed_in_use(scope: Scope) -> Query:
    """I50: nothing is billed with a closed group."""
    running = and_(Service.billing_group_id == BillingGroup.id, Service.status != ServiceStatus.CANCELLED)
    waiting = and_(Charge.billing_group_id == BillingGroup.id, Charge.next_on.is_not(None))
    used = or_(select(Service.id).where(running).exists(), select(Charge.id).where(waiting).exists())
    return select(BillingGroup.id, BillingGroup.name).where(BillingGroup.closed_on.is_not(None), used)


def all_closed(scope: Scope) -> Query:
    """I50: of the groups of a customer one is open."""
    owner = select(BillingGroup.customer_id).group_by(BillingGroup.customer_id)
    none_open = owner.having(func.count() == func.count(BillingGroup.closed_on))
    return select(Customer.id, Customer.name).where(Customer.id.in_(none_open))


def ended_too_early(scope: Scope) -> Query:
    """I51: a rate that ended holds for a day at least."""
    return select(FxRate.id, FxRate.source).where(FxRate.ends_on <= FxRate.on)


CHECKS = (
    Check("I50", GROUPS, "closed although something is billed with them", closed_in_use),
    Check("I50", ("customer", "customers"), "whose billing groups are all closed", all_closed),
    Check("I51", ("exchange rate", "exchange rates"), "ended before the first day", ended_too_early),
)
