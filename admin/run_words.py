"""Runs in words: kinds, results, sums and how long they took."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from admin.cells import pill
from billing.runs import KINDS
from models import JobState, Money, Run, RunState, UnitState
from web.formatters import local, money, number, short_date

KIND_WORDS = {
    "renewals": _l("Renewals"), "preview": _l("Dry run"), "import": _l("Import of customers"),
    "deliveries": _l("Mails"), "mailings": _l("Messages"), "cleaning": _l("Cleaning up"),
    "rates": _l("Exchange rates"),
    "groups": _l("Rules of groups"), "quotes": _l("Quotes that expire"), "credit": _l("Credit that runs out"),
    "doctor": _l("Check of the books"), "seal": _l("Sealing the audit log"), "queue": _l("Runs that were asked for"),
    "bulk": _l("Actions on many customers"), "imports": _l("Imports"), "texts": _l("Texts"),
    "bank-statements": _l("Bank statements"),
    "prices": _l("Planned changes of prices"), "changes": _l("Changes of package"), "digest": _l("Daily digest"),
    "mass_changes": _l("Changes of many packages"), "dunning": _l("Dunning"), "orders": _l("Orders"),
}  # fmt: skip
STATES = {
    RunState.QUEUED: ("info", _l("Waiting")), RunState.RUNNING: ("info", _l("Running")),
    RunState.FINISHED: ("ok", _l("Finished")), RunState.STOPPED: ("bad", _l("Stopped")),
    RunState.FAILED: ("bad", _l("Failed")),
}  # fmt: skip
UNITS = {
    UnitState.DONE: ("ok", _l("Invoiced")), UnitState.SKIPPED: ("", _l("Free, no bill")),
    UnitState.PARKED: ("warn", _l("Set aside")), UnitState.FAILED: ("bad", _l("Failed")),
}  # fmt: skip
COUNTS = {
    "done": _l("Invoices"), "skipped": _l("Free, no bill"), "parked": _l("Set aside"), "failed": _l("Failed"),
    "customers": _l("Customers"), "new": _l("New"), "changed": _l("Changed"), "unchanged": _l("Unchanged"),
    "services": _l("Services"), "rejected": _l("Left out"), "sent": _l("Sent"), "retried": _l("Tried again"),
    "unknown": _l("Unknown"), "times": _l("Times"), "findings": _l("Findings"), "begun": _l("Begun"),
    "rates": _l("Rates added"), "queued": _l("Queued"),
    "withdrawn": _l("Withdrawn"), "drafts": _l("Drafts forgotten"),
    "expired": _l("Ran out"), "lapsed": _l("Prepayments lapsed"),
}  # fmt: skip

DUNNING = {
    "before": _l("Reminders before it is due"), "after": _l("Reminders"), "fee": _l("Late fees"),
    "warning": _l("Warnings"), "suspend": _l("Suspensions"), "cancel": _l("Cancellations"),
    "messages": _l("Messages"), "skipped": _l("Steps left out"),
}  # fmt: skip


def kind_words(kind: str) -> str:
    """What a run is called; a kind nobody has put in words yet is written out."""
    return str(KIND_WORDS.get(kind) or kind.replace("_", " ").capitalize())


def title(run: Run) -> str:
    """``Renewals for 1 Dec 2026``."""
    kind = kind_words(run.kind)
    return _("%(kind)s for %(day)s", kind=kind, day=short_date(run.on)) if run.on else kind


def result(run: Run) -> tuple[str, str]:
    """Kind and word of the pill: what became of it."""
    kind, word = STATES[run.state]
    if run.state is RunState.FINISHED and run.kind == "preview":
        return "", _("Not kept")
    if run.state is RunState.FINISHED and run.resumes_id:
        return "info", _("Resumed")
    return kind, str(word)


def result_pill(run: Run) -> Markup:
    return pill(*result(run))


def sums(run: Run) -> list[Money]:
    """What was invoiced, one sum a currency."""
    return [Money(minor, currency) for currency, minor in sorted(run.totals.items())]


def sums_text(run: Run) -> str:
    return ", ".join(money(one) for one in sums(run))


def sums_plain(totals: dict[str, int] | None) -> str:
    """``316985.75 USD``, for files."""
    return ", ".join(
        f"{Money(minor, currency).decimal()} {currency}" for currency, minor in sorted((totals or {}).items())
    )


def counts_plain(counts: dict[str, Any] | None) -> str:
    """``sent 5, failed 1``, for files."""
    return ", ".join(f"{name} {n}" for name, n in (counts or {}).items())


def next_words(next_at: datetime | None, at: datetime, paused: JobState | None = None) -> str:
    """When the daily run comes next, as the head of the page says it."""
    if paused is not None:
        return _("Automatic runs are paused by %(name)s: %(why)s", name=paused.paused_by, why=paused.paused_why)
    if next_at is None:
        return _("Automatic runs are switched off")
    if next_at <= at:
        return _("The automatic run of today is about to begin")
    clock, days = f"{next_at:%H:%M}", (next_at.date() - local(at).date()).days
    if days == 0:
        return _("Next automatic run today %(clock)s", clock=clock)
    return _("Next automatic run tomorrow %(clock)s", clock=clock)


def zero(n: int) -> Any:
    """A count where none is good news, and quiet."""
    return number(n) if n else Markup('<span class="muted">0</span>')


def took(run: Run) -> str:
    """``2:06``; empty while it goes on. Of a row that gathers a day, how long the job was at work in all."""
    if run.busy_ms is not None:
        return clock_words(timedelta(milliseconds=run.busy_ms))
    return clock_words(run.finished_at - run.started_at) if run.finished_at else ""


def clock_words(span: timedelta) -> str:
    """``0:04``, ``1:02:03``."""
    minutes, seconds = divmod(max(int(span.total_seconds()), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def left(run: Run, now: datetime) -> timedelta | None:
    """How long it will still take if it goes on like this; None before that can be said."""
    return None if run.total < run.done else time_left(run.done, run.total, now - run.started_at)


def time_left(done: int, total: int, gone: timedelta) -> timedelta | None:
    """What the rest takes if it goes on as in the time that is gone; None before that can be said."""
    if done < 1 or gone < timedelta(seconds=2):
        return None
    return gone * (total - done) / done


def counts(run: Run) -> list[tuple[str, str, str]]:
    """(name, word, figure) of what it did; bill runs name all of theirs, also the zeros."""
    if run.kind in KINDS:
        return [
            (name, str(COUNTS[name]), number(run.counts.get(name, 0)))
            for name in ("done", "skipped", "parked", "failed")
        ]
    own = DUNNING if run.kind == "dunning" else {}
    named = [*(name for name in own if name in run.counts), *(name for name in run.counts if name not in own)]
    told = [(name, run.counts[name]) for name in named]
    return [(name, count_words(name, own), number(n)) for name, n in told if isinstance(n, int)]


def count_words(name: str, own: Mapping[str, Any]) -> str:
    return str(own.get(name) or COUNTS.get(name) or name.replace("_", " ").capitalize())


def did(run: Run) -> str:
    """``5,174 invoices`` in one line, for lists of all kinds of runs."""
    looked_only = not run.done or run.kind == "dunning"  # of dunning, done are the invoices it looked at
    if run.state is RunState.FINISHED and looked_only and not any(run.counts.values()):
        return _("Nothing to do")
    return ", ".join(f"{word} {figure}" for name, word, figure in counts(run) if run.counts.get(name))


def live(run: Run, now: datetime, alive: bool) -> dict[str, Any]:
    """What the card of a run under way, or just over, shows."""
    still = left(run, now) if run.state is RunState.RUNNING else None
    gone = clock_words((run.finished_at or now) - run.started_at)
    return {
        "run": run, "title": title(run), "result": result(run), "counts": counts(run), "sums": sums(run), "gone": gone,
        "left": clock_words(still) if still is not None else "",
        "percent": min(run.done * 100 // run.total, 100) if run.total else 0,
        "going": run.state in (RunState.QUEUED, RunState.RUNNING),
        "lost": run.state is RunState.RUNNING and not alive,
    }  # fmt: skip
