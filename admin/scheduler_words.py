"""The unattended jobs in words: rhythm, next time, how it went, and what stands in their rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext, ngettext
from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import defer

from admin import run_words
from billing import company, unattended
from billing.runs import is_held
from billing.unattended import Work
from models import Company, JobDay, JobOutcome, JobState, Lease, Run, RunState, db
from web.formatters import local, moment_text, short_date

RETRY = timedelta(minutes=1)


@dataclass(frozen=True)
class Row:
    """A job as the page shows it. `pill` is (kind, word); `trouble` a sentence when a person should look."""

    work: Work
    title: str
    does: str
    rhythm: str
    next: str
    pill: tuple[str, str]
    last_at: datetime | None
    last: str
    took: str
    trouble: str
    state: JobState | None
    running: Run | None
    paused: bool
    waits: bool
    going: bool


@dataclass(frozen=True)
class Seen:
    """All that is asked of the database for the rows, in one statement each."""

    at: datetime
    seller: Company
    states: Mapping[str, JobState]
    days: Mapping[str, JobDay]
    newest: Mapping[str, Run]
    running: Mapping[str, Run]
    leader: Lease | None
    alive: bool


def look(at: datetime, works: Iterable[Work]) -> Seen:
    kinds = [kind for work in works for kind in work.kinds]
    newest = select(func.max(Run.id)).where(Run.kind.in_(kinds)).group_by(Run.kind)
    runs = db.session.scalars(select(Run).where(Run.id.in_(newest)).options(defer(Run.totals)))
    going = db.session.scalars(select(Run).where(Run.state == RunState.RUNNING, Run.kind.in_(kinds)).order_by(Run.id))
    leader = unattended.leader()
    return Seen(
        at, company.settings(), unattended.states(), unattended.days(), {run.kind: run for run in runs},
        {run.kind: run for run in going}, leader, leader is not None and leader.expires_at > at,
    )  # fmt: skip


def row(work: Work, seen: Seen) -> Row:
    state, day = seen.states.get(work.name), seen.days.get(work.name)
    paused = unattended.is_paused(state, company.day_of(seen.at))
    running = _running(work, seen)
    going = running is not None or _at_work(state, seen)
    waits = state is not None and state.asked_at is not None
    runs = [seen.newest[kind] for kind in work.kinds if kind in seen.newest]
    last = max(runs, key=lambda run: run.id, default=None)
    trouble = _trouble(work, state, day, last, seen)
    last_at, told, took = _last(last, state)
    next_at = unattended.next_at(work, day, seen.at, seen.seller)
    return Row(
        work, run_words.kind_words(work.name), gettext(work.does), rhythm(work, seen.seller),
        _next(work, next_at, paused, state, seen), _pill(work, going, waits, paused, bool(trouble), seen),
        last_at, told, took, trouble, state, running, paused, waits, going,
    )  # fmt: skip


def rhythm(work: Work, seller: Company) -> str:
    """``Every day at 02:00``, ``Every 5 seconds``."""
    if work.hour is not None:
        return _("Every day at %(clock)s", clock=f"{work.hour(seller):02}:00")
    seconds = int(work.every.total_seconds())
    if seconds >= 60:
        return ngettext("Every minute", "Every %(num)d minutes", seconds // 60)
    return ngettext("Every second", "Every %(num)d seconds", seconds)


def _running(work: Work, seen: Seen) -> Run | None:
    """Its run that is under way: of a process that is gone it only says so."""
    found = next((seen.running[kind] for kind in work.kinds if kind in seen.running), None)
    return found if found is not None and (seen.alive or is_held(work.name, seen.at)) else None


def _at_work(state: JobState | None, seen: Seen) -> bool:
    """Whether it was begun by the process that leads now: what another one had begun was cut off."""
    if state is None or state.begun_at is None or not seen.alive or seen.leader is None:
        return False
    return seen.leader.taken_at is None or state.begun_at >= seen.leader.taken_at


def _pill(work: Work, going: bool, waits: bool, paused: bool, trouble: bool, seen: Seen) -> tuple[str, str]:
    on = work.on(seen.seller)
    told = (
        (going, "info", _("Running")), (waits, "info", _("Waiting")), (paused, "warn", _("Paused")),
        (not on, "", _("Switched off")), (trouble, "bad", _("Failing")), (not seen.alive, "", _("Asleep")),
    )  # fmt: skip
    return next(((kind, word) for holds, kind, word in told if holds), ("ok", _("On")))


def _next(work: Work, next_at: datetime | None, paused: bool, state: JobState | None, seen: Seen) -> str:
    if paused and state is not None:
        until = state.paused_until
        return _("Not before %(day)s", day=short_date(until)) if until else _("Not until it is resumed")
    if not work.on(seen.seller):
        return _("Switched off in the settings")
    if not seen.alive:
        return _("When a scheduler runs")
    if work.hour is None:
        return _("All the time") if work.always else _("Within %(rhythm)s", rhythm=_span(work.every))
    return when(next_at, seen.at) if next_at else ""


def when(next_at: datetime, at: datetime) -> str:
    """``Today 18:00``, ``Tomorrow 02:00``, ``In a moment``."""
    if next_at <= at:
        return _("In a moment")
    there = local(next_at)
    clock, ahead = f"{there:%H:%M}", (there.date() - local(at).date()).days
    if ahead == 0:
        return _("Today %(clock)s", clock=clock)
    if ahead == 1:
        return _("Tomorrow %(clock)s", clock=clock)
    return moment_text(next_at)


def _span(every: timedelta) -> str:
    seconds = int(every.total_seconds())
    if seconds >= 60:
        return ngettext("%(num)d minute", "%(num)d minutes", seconds // 60)
    return ngettext("%(num)d second", "%(num)d seconds", seconds)


def _last(last: Run | None, state: JobState | None) -> tuple[datetime | None, str, str]:
    """When it was done last, what came of it, and how long that took: by its newest run, or by a newer go that left
    no run because there was nothing to do."""
    ended = state.ended_at if state is not None else None
    if last is None and ended is None:
        return None, "", ""
    if last is None or (ended is not None and ended > (last.finished_at or last.started_at)):
        took = run_words.clock_words(timedelta(milliseconds=state.took_ms or 0)) if state else ""
        return ended, _outcome(state), took
    did = in_words(last.error) or run_words.did(last) or str(run_words.result(last)[1])
    return last.finished_at or last.started_at, did, run_words.took(last)


def _outcome(state: JobState | None) -> str:
    known = {JobOutcome.DONE: _("Done"), JobOutcome.NOTHING: _("Nothing to do"), JobOutcome.FAILED: _("Failed")}
    return known.get(state.outcome, "") if state is not None and state.outcome else ""


def _trouble(work: Work, state: JobState | None, day: JobDay | None, last: Run | None, seen: Seen) -> str:
    """Why a person should look, and when it is tried again; empty while all is well."""
    if work.hour is not None and day is not None and day.tries and day.next_try_at is not None:
        why = state.remark if state is not None and state.outcome is JobOutcome.FAILED else ""
        again = _("It is tried again at %(clock)s.", clock=f"{local(day.next_try_at):%H:%M}")
        times = ngettext("Failed once.", "Failed %(num)d times.", day.tries)
        return " ".join(filter(None, (times, in_words(why), again)))
    if work.hour is None and last is not None and last.state is RunState.FAILED and _is_fresh(work, last, seen):
        return in_words(last.error)
    if state is not None and state.outcome is JobOutcome.FAILED and state.remark:
        return in_words(state.remark)
    return ""


def _is_fresh(work: Work, last: Run, seen: Seen) -> bool:
    """Whether it failed the last times it looked: each failure is written into the row of its day."""
    if last.kind == "doctor":
        return True
    return (last.finished_at or last.started_at) >= seen.at - max(work.every * 5, RETRY * 2)


def in_words(error: str) -> str:
    """What went wrong, for somebody who keeps a shop: what the program said stands behind it."""
    name, colon, _rest = error.partition(": ")
    if colon and name.isidentifier() and name[:1].isupper():
        return _("Something unexpected stopped it. For whoever looks after the server: %(error)s", error=error)
    return error


def owner_words(lease: Lease) -> tuple[str, str]:
    """(machine, number of the process) of who leads."""
    host, process, _started = lease.owner.rsplit(":", 2)
    return host, process
