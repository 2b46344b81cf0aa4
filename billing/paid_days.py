"""Days that a service has paid for and not used: where they lie, and moving them behind days that are not billed.

What was billed stays as the invoice says. The renewal that paid for the days is cut where they begin (void if that is
its first day), and a renewal of nothing, which names the one that paid, lies where they are now. So every day is either
paid, to be billed, or known to be free, and none is paid twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction

from sqlalchemy import func, select

from models import Renewal, Service, db

ENDS = func.coalesce(Renewal.cut_on, Renewal.period_end)
"""The first day that a renewal does not pay for."""


def paid_until(service: Service) -> date:
    """The first day of a service that no bill here has paid for; `billed_from` where there was no bill yet."""
    living = select(func.max(ENDS)).where(Renewal.service_id == service.id, ~Renewal.void)
    return db.session.scalar(living) or service.billed_from


def billed_last(service: Service) -> date:
    """The first day of the period billed last; the start of a service that was not billed yet."""
    newest = select(func.max(Renewal.period_start)).where(Renewal.service_id == service.id, ~Renewal.void)
    return db.session.scalar(newest) or service.started_on


def count(service: Service, day: date) -> int:
    """How many days from `day` on are paid for, here or (until `billed_from`) elsewhere or by a trial."""
    here = sum((_end(row) - max(row.period_start, day)).days for row in _paying(service, day))
    return here + max((service.billed_from - day).days, 0)


def move_to(service: Service, day: date, to: date, *, until: date | None = None) -> date:
    """Move the days paid for from `day` on so that they begin on `to`; the day after the last of them, `to` where
    there are none. `until` makes them end there instead: a whole period stays one, however long it is. Flushes."""
    rows = [(row, max(row.period_start, day), _end(row)) for row in _paying(service, day)]
    for row, first, _last in rows:
        row.void, row.cut_on = first == row.period_start, first
    db.session.flush()
    for row, first, last in rows:
        ends = until or to + (last - first)
        db.session.add(carrying(row, (last - first).days, to, ends))
        to = ends
    db.session.flush()
    return to


def _paying(service: Service, day: date) -> Sequence[Renewal]:
    """The renewals that pay for days from `day` on, in their order."""
    mine = select(Renewal).where(Renewal.service_id == service.id, ~Renewal.void, day < ENDS)
    return db.session.scalars(mine.order_by(Renewal.period_start)).all()


def _end(renewal: Renewal) -> date:
    return renewal.cut_on or renewal.period_end


def carrying(paid: Renewal, days: int, first: date, last: date) -> Renewal:
    """A renewal of nothing that lies from `first` up to `last` and carries so many of the last days of another one."""
    own = (paid.period_end - paid.period_start).days
    there = own if paid.carries_days is None else Fraction(paid.carries_days, paid.carries_per)
    carried = Fraction(days, own) * there
    as_many = carried == (last - first).days
    return Renewal(
        service_id=paid.service_id, billing_group_id=paid.billing_group_id, invoice_id=paid.invoice_id,
        period_start=first, period_end=last, currency=paid.currency, amount_minor=0,
        carries_id=paid.carries_id or paid.id, carries_days=None if as_many else carried.numerator,
        carries_per=1 if as_many else carried.denominator,
    )  # fmt: skip


def goes_on_from(service: Service, ended: date) -> date:
    """The next renewal of a service that does not end on `ended` any more: where its last bill went up to that day
    only, the next one goes on there."""
    return ended if paid_until(service) == ended < service.next_renewal_on else service.next_renewal_on


def go_past(service: Service, ended: date) -> None:
    """It does not end on `ended` any more."""
    day = goes_on_from(service, ended)
    if day != service.next_renewal_on:
        service.next_renewal_on = service.rhythm_from = day


def begin_on(service: Service, first: date) -> None:
    """Nothing was billed yet: bills begin on `first`, and with them the renewal day, if it is that of the first day
    billed. Days moved are days to try, so that the set-up fee still comes with the first bill."""
    old = service.billed_from
    if service.months and service.anchor_day == old.day and service.anchor_month in (None, old.month):
        service.anchor_day, service.anchor_month = first.day, first.month if service.anchor_month else None
    if old == service.started_on + timedelta(days=service.trial_days):
        service.trial_days = (first - service.started_on).days
    service.billed_from = service.next_renewal_on = first


def go_on(service: Service, away_from: date, back: date) -> dict[str, str]:
    """The days from `away_from` up to, not including, `back` are never billed; days paid for in advance follow from
    `back` on, and bills after them. What the history says of it: empty where no day lies between. Flushes.

    Where active days before `away_from` are not billed yet, the bill for them steps over the others (renewals.bill).
    """
    if back <= away_from:
        return {}
    end = back
    if service.next_renewal_on == service.billed_from >= away_from:
        begin_on(service, service.billed_from + (back - away_from))
    elif service.next_renewal_on < away_from:
        service.paused_from, service.paused_until, service.rhythm_from = away_from, back, back
    else:
        end = back + max(service.billed_from - away_from, timedelta(0))
        service.next_renewal_on = service.rhythm_from = move_to(service, away_from, end)
    return {"unbilled_from": away_from.isoformat(), "unbilled_until": end.isoformat()}
