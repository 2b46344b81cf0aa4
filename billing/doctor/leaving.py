"""Customers that leave: what a termination says has been done has been done, and none is left lying."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import String, and_, cast, func, literal, select

from models import Customer, Service, ServiceStatus, Termination, TerminationState

from .checks import Check, Query, Scope

LATE = timedelta(days=5)
"""An archiving waits some days for the last mails to leave."""


def still_running(scope: Scope) -> Query:
    """I102: a termination that is over has ended its services; one that is scheduled has set their end."""
    named = (
        func.json_each(Termination.service_ids)
        if scope.sqlite
        else func.json_array_elements_text(Termination.service_ids)
    )
    listed = named.table_valued("value")
    its = cast(Service.id, String) == cast(listed.c.value, String)
    runs = and_(Service.status != ServiceStatus.CANCELLED, Service.ends_on.is_(None))
    brought_back = Service.started_on > Termination.on
    wrong = select(literal(1)).select_from(Service).join(listed, its).where(runs, ~brought_back)
    scheduled = Termination.state == TerminationState.SCHEDULED
    return _named().where(scheduled, Termination.service_ids.is_not(None), wrong.exists())


def left_lying(scope: Scope) -> Query:
    """I102: what was scheduled is over some days after its day."""
    return _named().where(Termination.state == TerminationState.SCHEDULED, Termination.on < (scope.at - LATE).date())


def _named() -> Query:
    return select(Termination.id, Customer.name).join(Customer, Customer.id == Termination.customer_id)


TERMINATIONS = "termination", "terminations"
CHECKS = (
    Check("I102", TERMINATIONS, "scheduled while a service of it goes on without an end", still_running),
    Check("I102", TERMINATIONS, "whose day is over and that nobody carried out", left_lying),
)
