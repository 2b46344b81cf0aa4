"""Going on after a time without bills."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import or_, select

from models import Charge, Customer, Service, db

from . import service_changes
from .actor import Actor
from .ending import running
from .periods import next_renewal


def resume(customer: Customer, *, by: Actor) -> int:
    """After a time without bills, go on from the next renewal date: services and recurring charges whose date has
    passed move to the first of their dates that is today or later, and what lies between is never billed.

    How many services were moved; each gets a change of kind "pause" with both dates. Raises NotAllowed.
    """
    by.require("customers.edit")
    moved = list(
        db.session.scalars(
            select(Service)
            .where(Service.customer_id == customer.id, running(), Service.next_renewal_on < by.today)
            .order_by(Service.id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    )
    for service in moved:
        before = service.next_renewal_on
        service.next_renewal_on = _date_from(
            before, by.today, service.months, service.days, service.anchor_day, service.anchor_month
        )
        dates = {"next_renewal_on": before.isoformat()}, {"next_renewal_on": service.next_renewal_on.isoformat()}
        service_changes.record(service, before, "pause", "service.resumed", *dates, by)
    _resume_charges(customer, by.today)
    return len(moved)


def _resume_charges(customer: Customer, today: date) -> None:
    recurring = or_(Charge.months > 0, Charge.days > 0)
    for charge in db.session.scalars(
        select(Charge).where(Charge.customer_id == customer.id, recurring, Charge.next_on < today).with_for_update()
    ):
        assert charge.next_on is not None
        charge.next_on = _date_from(charge.next_on, today, charge.months, charge.days, charge.anchor_day, None)


def _date_from(day: date, today: date, months: int, days: int, anchor_day: int, anchor_month: int | None) -> date:
    """The first of the dates that follow `day` in this rhythm that is not before `today`."""
    if days:
        return day + timedelta(days=-((day - today).days // days) * days)
    while day < today:
        day = next_renewal(day, months, anchor_day, anchor_month)
    return day
