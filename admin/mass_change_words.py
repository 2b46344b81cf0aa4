"""The same change of package for many services in words: what it is, how far it came, what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup

from admin import run_words
from admin.cells import pill
from billing import mass_undo
from billing.change_figures import Outcome
from billing.mass_changes import wanted_of
from billing.mass_overview import Overview
from models import ChangeWhen, MassChange, MassRowState, MassState, Money
from web.change_shown import signed
from web.formatters import money, number, short_date
from web.price_words import period_words

STATES: dict[MassState, tuple[str, Any]] = {
    MassState.LOOKING: ("info", _l("Looking")), MassState.READY: ("warn", _l("To be decided")),
    MassState.RUNNING: ("info", _l("Running")), MassState.FINISHED: ("ok", _l("Finished")),
    MassState.STOPPED: ("warn", _l("Stopped")), MassState.FAILED: ("bad", _l("Failed")),
    MassState.DISCARDED: ("", _l("Called off")), MassState.UNDOING: ("info", _l("Being undone")),
    MassState.UNDONE: ("", _l("Undone")),
}  # fmt: skip
ROWS: dict[MassRowState, tuple[str, Any]] = {
    MassRowState.WAITING: ("", _l("Waiting")), MassRowState.CAN: ("info", _l("Can be changed")),
    MassRowState.CANNOT: ("", _l("Cannot be changed")), MassRowState.DONE: ("ok", _l("Changed")),
    MassRowState.REFUSED: ("warn", _l("Left as it is")), MassRowState.FAILED: ("bad", _l("Failed")),
    MassRowState.UNDONE: ("", _l("Changed back")), MassRowState.KEPT: ("warn", _l("Could not be changed back")),
}  # fmt: skip
# What needs a person comes first once it was carried out.
TABS = (
    MassRowState.KEPT, MassRowState.FAILED, MassRowState.REFUSED, MassRowState.DONE, MassRowState.UNDONE,
    MassRowState.CAN, MassRowState.CANNOT, MassRowState.WAITING,
)  # fmt: skip


def state_words() -> list[tuple[str, Any]]:
    return [(state.value, word) for state, (_kind, word) in STATES.items()]


def state_pill(mass: MassChange) -> Markup:
    return pill(*STATES[mass.state])


def title(mass: MassChange) -> str:
    """``Many to Fibre 1000, yearly · 43 services``."""
    wanted = wanted_of(mass)
    billed = f", {period_words(*wanted.span).lower()}" if wanted.span else ""
    n = ngettext("%(n)s service", "%(n)s services", mass.total, n=number(mass.total))
    return _("To %(package)s%(billed)s: %(services)s", package=mass.package.name, billed=billed, services=n)


def when(mass: MassChange) -> str:
    wanted = wanted_of(mass)
    if wanted.when is ChangeWhen.RENEWAL:
        return _("each at its renewal")
    return _("on %(day)s", day=short_date(wanted.on)) if wanted.on else _("at once")


def did(mass: MassChange) -> str:
    """What became of it, in a cell."""
    if mass.state in (MassState.LOOKING, MassState.READY, MassState.DISCARDED, MassState.UNDOING, MassState.UNDONE):
        return ""
    return _("%(done)s of %(all)s", done=number(mass.done), all=number(mass.to_do))


def live(mass: MassChange, now: datetime, *, scheduler: bool, at_work: bool) -> dict[str, Any]:
    """What the card of one shows while it goes on."""
    looks, undoes = mass.state is MassState.LOOKING, mass.state is MassState.UNDOING
    done, total = mass_undo.progress(mass) if undoes else (mass.done, mass.total if looks else mass.to_do)
    began = mass.undo_at if undoes else None if looks else mass.started_at
    gone = (mass.finished_at or now) - (began or mass.asked_at)
    left = run_words.time_left(done, total, gone)
    title = _("Changing one service after the other")
    if looks or undoes:
        title = _("Looking at each service") if looks else _("Changing one service back after the other")
    return {
        "mass": mass, "pill": STATES[mass.state], "going": mass.going, "total": total, "looks": looks, "done": done,
        "title": title, "percent": min(done * 100 // total, 100) if total else 0, "gone": run_words.clock_words(gone),
        "left": run_words.clock_words(left) if left is not None else "",
        "nobody": mass.going and not scheduler and not at_work,
    }  # fmt: skip


def documents(told: Overview) -> list[tuple[str, str, str]]:
    """(what is made, how many, the sum) of it."""
    words = {
        Outcome.INVOICE: _("Invoices"), Outcome.WAITING: _("Invoices to be paid first"),
        Outcome.CREDIT_NOTE: _("Credit notes"), Outcome.RECORD: _("Without a document"),
        Outcome.SCHEDULED: _("Scheduled, foreseen"),
    }  # fmt: skip
    return [
        (
            str(words[outcome]),
            number(n),
            money(abs(due)) if outcome is Outcome.CREDIT_NOTE else money(due) if due else "",
        )
        for outcome, n, due in told.made
    ]


def months(told: Overview) -> list[tuple[Money, Money, str]]:
    """A month's revenue before, after, and the difference, by currency."""
    found: list[tuple[Money, Money, str]] = []
    for code in dict.fromkeys((*told.before, *told.after)):
        old, new = told.before.get(code, Money.zero(code)), told.after.get(code, Money.zero(code))
        found.append((old, new, signed(new - old)))
    return found


def tabs(told: Overview) -> Sequence[tuple[MassRowState, str, int]]:
    """Those that there are, with their counts."""
    return [(state, str(ROWS[state][1]), told.states[state]) for state in TABS if told.states.get(state)]
