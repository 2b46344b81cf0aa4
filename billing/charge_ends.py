"""Recurring charges that end with their service: they come again with it, and keep the end they have by themselves.

A charge `ends_with_service` while its service's end comes before its own, which is kept beside it (`own_end_on`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Select, or_, select

from models import Charge, Renewal, Service, db

from .periods import next_renewal
from .renewals.bill import period_from


def end_with(service: Service, on: date) -> None:
    """Its recurring charges have no day from `on` on; what is owed once stays owed. Those that ended with it before
    end on this day instead. Flushes."""
    for charge in db.session.scalars(_of(service).order_by(Charge.id)).all():
        if charge.ends_with_service and charge.ends_on != max(on, charge.starts_on):
            go_on(charge, charge.own_end_on)
        follow(charge, on)


def follow(charge: Charge, on: date) -> None:
    """It ends on the day `on` with its service, unless it does so by itself before."""
    last = max(on, charge.starts_on)
    if charge.ends_on is None or last < charge.ends_on:
        own = charge.own_end_on if charge.ends_with_service else charge.ends_on
        charge.ends_with_service, charge.own_end_on, charge.ends_on = True, own, last


def following(service: Service, on: date | None = None) -> Sequence[Charge]:
    """Its charges that end with it; with `on` those only that would have days from there on without its end."""
    mine = _of(service).where(Charge.ends_with_service)
    if on is not None:
        mine = mine.where(or_(Charge.own_end_on.is_(None), Charge.own_end_on > on))
    return db.session.scalars(mine.order_by(Charge.id)).all()


def go_on(charge: Charge, ends_on: date | None) -> None:
    """A recurring charge that was to end goes on from where it was billed to, until `ends_on` if it has an end."""
    _bill_from(charge, _billed_to(charge), ends_on)


def begin_again(charge: Charge, on: date) -> None:
    """After its service ended and came back: from the first of its dates that is `on` or later, one that shares its
    period with the days from `on` itself; until the end it has by itself."""
    day = _billed_to(charge)
    if day < on and charge.proratable:
        day = on
    while day < on:
        day = _next(charge, day, on)
    _bill_from(charge, day, charge.own_end_on)


def _bill_from(charge: Charge, day: date, ends_on: date | None) -> None:
    charge.next_on = day if ends_on is None or day < ends_on else None
    charge.ends_with_service, charge.own_end_on, charge.ends_on = False, None, ends_on
    db.session.flush()


def _billed_to(charge: Charge) -> date:
    """The first day that no bill has come for. What is not shared out by days was paid for its whole last period, also
    where that one was to end before."""
    if charge.next_on is not None:
        return charge.next_on
    living = select(Renewal).where(Renewal.charge_id == charge.id, ~Renewal.void)
    newest = db.session.scalars(living.order_by(Renewal.period_start.desc()).limit(1)).first()
    if newest is None:
        return charge.ends_on or charge.starts_on
    if charge.proratable:
        return newest.cut_on or newest.period_end
    whole = period_from(newest.period_start, charge.months, charge.days, charge.anchor_day, None)[0].end
    return max(whole, newest.period_end)


def _next(charge: Charge, day: date, on: date) -> date:
    if charge.days:
        steps = -((day - on).days // charge.days)
        return date.fromordinal(day.toordinal() + steps * charge.days)
    return next_renewal(day, charge.months, charge.anchor_day)


def _of(service: Service) -> Select[Charge]:
    recurring = or_(Charge.months > 0, Charge.days > 0)
    return select(Charge).where(Charge.service_id == service.id, recurring)
