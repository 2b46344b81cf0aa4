"""The life of a service: what is stored about why it is not active, its pauses and where it goes fits together."""

from __future__ import annotations

from sqlalchemy import and_, case, or_, select
from sqlalchemy.orm import aliased

from models import BillingGroup, Charge, Renewal, Service, ServiceStatus, SuspendedFor

from .checks import Check, Query, Scope
from .sql import days_between

SERVICES = "service", "services"


def unclear_state(scope: Scope) -> Query:
    """I45: a suspended service says why and since when, a pending one what it waits for, and no other says either."""
    suspended = Service.status == ServiceStatus.SUSPENDED
    away = and_(Service.suspended_on.is_not(None), Service.suspended_for.is_not(None))
    neither = and_(Service.suspended_on.is_(None), Service.suspended_for.is_(None))
    waits = Service.waits_for.is_not(None)
    right = and_(
        or_(and_(suspended, away), and_(~suspended, neither)),
        (Service.status == ServiceStatus.PENDING) == waits,
    )
    return select(Service.id, Service.description).where(~right)


def odd_pause(scope: Scope) -> Query:
    """I46: a pause ends after it begins, and who is in one is suspended for it since its first day."""
    backwards = or_(
        Service.paused_until <= Service.paused_from,
        and_(Service.paused_until.is_not(None), Service.paused_from.is_(None)),
    )
    without = and_(
        Service.status == ServiceStatus.SUSPENDED,
        Service.suspended_for == SuspendedFor.PAUSE,
        or_(Service.paused_from.is_(None), Service.paused_from != Service.suspended_on),
    )
    return select(Service.id, Service.description).where(or_(backwards, without))


def odd_transfer(scope: Scope) -> Query:
    """I47: what is to go to another customer has a day and a billing group of that customer."""
    half = Service.transfer_on.is_(None) != Service.transfer_group_id.is_(None)
    found = select(Service.id, Service.description)
    found = found.outerjoin(BillingGroup, BillingGroup.id == Service.transfer_group_id)
    return found.where(or_(half, BillingGroup.customer_id == Service.customer_id))


def paid_by_others(scope: Scope) -> Query:
    """I48: days that a pause moved, or that another length of period spread, were paid with a renewal of the same
    service, and are not more than it has."""
    paid = aliased(Renewal)
    found = select(Renewal.id, Service.description).join(Service, Service.id == Renewal.service_id)
    return found.join(paid, paid.id == Renewal.carries_id).where(
        or_(
            paid.service_id.is_(None), paid.service_id != Renewal.service_id, Renewal.amount_minor != 0,
            Renewal.carries_days < 0, Renewal.carries_per < 1,
            Renewal.carries_days > Renewal.carries_per * days_between(paid.period_start, paid.period_end, scope),
        )
    )  # fmt: skip


def odd_ends(scope: Scope) -> Query:
    """I105: a charge that ends with its service has one, and an end that comes before its own; no other keeps an own
    end."""
    earlier = or_(Charge.own_end_on.is_(None), Charge.own_end_on > Charge.ends_on)
    right = case(
        (Charge.ends_with_service, and_(Charge.service_id.is_not(None), Charge.ends_on.is_not(None), earlier)),
        else_=Charge.own_end_on.is_(None),
    )
    return select(Charge.id, Charge.description).where(~right)


CHECKS = (
    Check("I45", SERVICES, "that do not say why they are not active, or since when", unclear_state),
    Check("I46", SERVICES, "with a pause that does not fit together", odd_pause),
    Check("I47", SERVICES, "going to another customer without a day or a billing group there", odd_transfer),
    Check("I48", ("renewal", "renewals"), "with moved days that the service's own bills did not pay", paid_by_others),
    Check("I105", ("charge", "charges"), "with an end that does not fit that of the service", odd_ends),
)
