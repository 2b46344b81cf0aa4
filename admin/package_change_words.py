"""Package changes in words: in which state one is, what it makes, and what it says on the page of its service."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from admin.cells import pill
from models import ChangeState, ChangeWhen, Direction, PackageChange
from web.formatters import short_date

STATES: dict[ChangeState, tuple[str, Any]] = {
    ChangeState.DRAFT: ("", _l("Draft")),
    ChangeState.SCHEDULED: ("info", _l("Scheduled")),
    ChangeState.WAITING: ("warn", _l("Waits for payment")),
    ChangeState.DONE: ("ok", _l("Done")),
    ChangeState.UNDONE: ("", _l("Undone")),
    ChangeState.WITHDRAWN: ("", _l("Withdrawn")),
    ChangeState.FAILED: ("bad", _l("Set aside")),
}
AHEAD = (ChangeState.DRAFT, ChangeState.SCHEDULED, ChangeState.WAITING)
DIRECTIONS: dict[Direction | None, tuple[str, Any]] = {
    Direction.UPGRADE: ("ok", _l("Upgrade")),
    Direction.DOWNGRADE: ("warn", _l("Downgrade")),
    Direction.SIDEWAYS: ("", _l("Same price")),
    None: ("", _l("Nothing to compare")),
}
ASKED_FOR = {ChangeWhen.NOW: _l("At once"), ChangeWhen.ON: _l("On a date"), ChangeWhen.RENEWAL: _l("At renewal")}
VERBS = {
    "invoice": _l("Generate invoice"), "credit_note": _l("Write credit note"), "record": _l("Save change"),
    "scheduled": _l("Schedule"), "waiting": _l("Generate invoice"),
}  # fmt: skip


def state_words() -> list[tuple[str, Any]]:
    return [(state.value, word) for state, (_kind, word) in STATES.items()]


def state_pill(change: PackageChange) -> Markup:
    return pill(*STATES[change.state])


def title(change: PackageChange) -> str:
    """``Fibre 100 → Fibre 300``; a draft may not know yet what it becomes."""
    old = change.from_package.name
    if change.to_package is None:
        return _("%(old)s → not chosen yet", old=old)
    new = change.to_package.name
    return _("%(package)s, other terms", package=new) if old == new else f"{old} → {new}"


def ahead_words(change: PackageChange) -> str:
    """What is going to happen, in one sentence."""
    if change.to_package is None or change.state == ChangeState.DRAFT:
        return _("You began a change of it; it goes on from there.")
    new = change.to_package.name
    if change.state == ChangeState.WAITING:
        return _("Becomes %(package)s once %(invoice)s is paid.", package=new, invoice=str(change.invoice or ""))
    return _("Becomes %(package)s on %(day)s.", package=new, day=short_date(change.on))
