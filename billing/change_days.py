"""Which days a change of a service is about: those paid for that lie ahead of it and are not used yet.

Most often they go from the day of the change up to the next renewal. While a service is away (paused, or suspended
where such days are not billed) none of its days is used up: a change then is about all of them since, and they follow
when it is back (paid_days). Days that were moved lie off the renewal days; they are parts of the period that paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased

from models import Renewal, Service, ServiceStatus, db

from . import change_terms, paid_days, service_pauses
from .change_figures import Piece
from .change_terms import Terms
from .periods import BillingPeriod, full_period, next_renewal


@dataclass(frozen=True, slots=True)
class Away:
    """From `since` up to, not including, `until` no day of a service is used up; without it nobody knows until when."""

    since: date
    until: date | None

    def holds(self, day: date) -> bool:
        """Whether the day lies within."""
        return self.since <= day and (self.until is None or day < self.until)


@dataclass(frozen=True, slots=True)
class Begins:
    """Where a change begins. `first` is its first day as the service is billed now, `start` the one it will have as far
    as is known now: they differ behind a pause that is to come. `before` are the terms with the renewal as it will lie
    then."""

    first: date
    start: date
    before: Terms


def away(service: Service) -> Away | None:
    """The absence of a service, now or to come, in which its days are not used up."""
    if service.status == ServiceStatus.SUSPENDED and not service_pauses.is_paused(service):
        since = service_pauses.kept_since(service)
        return Away(since, None) if since else None
    if service.paused_from is None or service_pauses.is_behind(service):
        return None
    return Away(service.paused_from, service.paused_until)


def begins(service: Service, before: Terms, day: date) -> Begins:
    """Where a change asked for on a day begins."""
    gone = away(service)
    if gone is None or day < gone.since:
        return Begins(day, day, before)
    if gone.holds(day):
        return Begins(gone.since, gone.since, _until(before, gone.since))
    moved = replace(before, next_on=renews_on(service, before))
    assert gone.until is not None
    first = day - (gone.until - gone.since) if day < moved.next_on else day
    return Begins(first, day, moved)


def renews_on(service: Service, before: Terms) -> date:
    """The next renewal as it will lie behind an absence whose end is known."""
    gone = away(service)
    if gone is None or gone.until is None or before.next_on < gone.since:
        return before.next_on
    return before.next_on + (gone.until - gone.since)


def billed_next(service: Service, terms: Terms) -> Terms:
    """The terms as the next bill finds them: behind an absence, or ending with the first day of one that is to come."""
    gone = away(service)
    if gone is None or terms.next_on >= gone.since:
        return change_terms.but(terms, next_on=renews_on(service, terms))
    return replace(terms, ends_on=min(terms.ends_on or gone.since, gone.since))


def _until(before: Terms, day: date) -> Terms:
    """With the bills to come before that day written: the last goes up to it only."""
    while before.next_on < day:
        before = change_terms.after_one(before)
        before = replace(before, next_on=min(before.next_on, day))
    return before


def pieces(service: Service, before: Terms, first: date) -> list[Piece]:
    """The days paid for from `first` on, in their order, with the full period that each is part of. No statement where
    bills have not begun anew since."""
    if service.rhythm_from is None or service.rhythm_from <= first:
        return change_terms.pieces(before, first)
    found = []
    for row, paid in _paying(service, first):
        last = min(filter(None, (row.cut_on or row.period_end, before.ends_on)))
        begun = max(row.period_start, first)
        if begun < last:
            whole = _whole(row, paid, before)
            found.append((BillingPeriod(begun, last), BillingPeriod(last - timedelta(days=whole), last)))
    return found


def _paying(service: Service, day: date) -> Sequence[Any]:
    """The renewals that pay for days from `day` on, each with the one that it carries days of."""
    paid = aliased(Renewal)
    living = Renewal.service_id == service.id, ~Renewal.void, day < paid_days.ENDS
    wanted = select(Renewal, paid).outerjoin(paid, paid.id == Renewal.carries_id).where(*living)
    return db.session.execute(wanted.order_by(Renewal.period_start)).all()


def _whole(row: Renewal, paid: Renewal | None, terms: Terms) -> int:
    """How many days the full period has that paid for a renewal's days."""
    if terms.days:
        return terms.days
    billed = paid or row
    whole = full_period(billed.period_start, terms.months, terms.anchor_day, terms.anchor_month)
    if whole.end < billed.period_end:  # its renewal day was another one
        start = billed.period_start
        whole = BillingPeriod(start, next_renewal(start, terms.months, start.day))
    return whole.days
