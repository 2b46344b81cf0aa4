"""Actions on many customers in words: what was asked, how far it is, and what it did to each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup
from sqlalchemy import select

from admin import run_words
from admin.audit_changes import field, shown
from admin.cells import pill
from admin.customers import own_fields
from admin.customers.choices import ATTITUDES, PAYMENT_METHODS
from billing.bulk_custom import all_named
from billing.bulk_edit import REFERENCES
from billing.bulk_kinds import about
from billing.bulk_links import LINKS
from billing.custom_fields import PREFIX
from models import BulkAction, BulkRow, RowResult, RunState, db
from web.formatters import number, with_amounts

RESULTS = {
    RowResult.DONE: ("ok", _l("Done")), RowResult.UNCHANGED: ("", _l("Unchanged")),
    RowResult.REFUSED: ("warn", _l("Refused")), RowResult.FAILED: ("bad", _l("Failed")),
}  # fmt: skip
# What needs a person comes first.
TABS = (RowResult.FAILED, RowResult.REFUSED, RowResult.DONE, RowResult.UNCHANGED)
KINDS = {
    "enable": _l("Enable"), "disable": _l("Disable"), "archive": _l("Archive"), "restore": _l("Restore"),
    "delete": _l("Delete"), "edit": _l("Edit"), "tag": _l("Tag"), "undo": _l("Undo"),
    "statement": _l("Mail statement"), "price_change": _l("Change of prices"),
    "service_suspend": _l("Suspend services"), "service_unsuspend": _l("Bring services back"),
    "service_activate": _l("Activate services"), "service_pause": _l("Pause services"),
    "service_resume": _l("Resume services"), "service_end": _l("End services"),
}  # fmt: skip
STATUSES = {
    "active": _l("Active"), "disabled": _l("Disabled"), "archived": _l("Archived"), "pending": _l("Pending"),
    "suspended": _l("Suspended"), "paused": _l("Paused"), "cancelled": _l("Ended"),
}  # fmt: skip
FIELDS = {
    "status": _l("Status"), "archived_on": _l("Archived on"), "group_id": _l("Group"), "project_id": _l("Project"),
    "reseller_id": _l("Reseller"), "contract_type_id": _l("Contract type"),
    "dunning_plan_id": _l("Dunning plan"), "language": _l("Language"),
    "country": _l("Country"), "payment_method": _l("Pays by"), "payment_days": _l("Days to pay"),
    "charge_tax": _l("Charge tax"), "never_suspend": _l("Never suspend for late payment"),
    "attitude": _l("How to deal with them"), "invoice_note": _l("Note on every invoice"), "tags": _l("Tags"),
    "salespeople": _l("Salespeople"),
}  # fmt: skip

Counted = Callable[[int], str]
_DONE: dict[str, Counted] = {
    "enable": lambda n: ngettext("%(n)s customer enabled", "%(n)s customers enabled", n, n=number(n)),
    "disable": lambda n: ngettext("%(n)s customer disabled", "%(n)s customers disabled", n, n=number(n)),
    "archive": lambda n: ngettext("%(n)s customer archived", "%(n)s customers archived", n, n=number(n)),
    "restore": lambda n: ngettext("%(n)s customer restored", "%(n)s customers restored", n, n=number(n)),
    "delete": lambda n: ngettext("%(n)s customer deleted or archived", "%(n)s customers deleted or archived", n,
                                 n=number(n)),
    "edit": lambda n: ngettext("%(n)s customer changed", "%(n)s customers changed", n, n=number(n)),
    "tag": lambda n: ngettext("%(n)s customer tagged", "%(n)s customers tagged", n, n=number(n)),
    "statement": lambda n: ngettext("Statement queued for %(n)s customer", "Statements queued for %(n)s customers", n,
                                    n=number(n)),
    "price_change": lambda n: ngettext("%(n)s customer with a new price", "%(n)s customers with a new price", n,
                                       n=number(n)),
    "service_suspend": lambda n: ngettext("%(n)s service suspended", "%(n)s services suspended", n, n=number(n)),
    "service_unsuspend": lambda n: ngettext("%(n)s service runs again", "%(n)s services run again", n, n=number(n)),
    "service_activate": lambda n: ngettext("%(n)s service activated", "%(n)s services activated", n, n=number(n)),
    "service_pause": lambda n: ngettext("Pause set for %(n)s service", "Pause set for %(n)s services", n, n=number(n)),
    "service_resume": lambda n: ngettext("%(n)s service resumed", "%(n)s services resumed", n, n=number(n)),
    "service_end": lambda n: ngettext("End set for %(n)s service", "End set for %(n)s services", n, n=number(n)),
    "undo": lambda n: ngettext("%(n)s customer as before", "%(n)s customers as before", n, n=number(n)),
}  # fmt: skip


def kind_words(kind: str) -> str:
    """A verb nobody has put in words here is written out."""
    return str(KINDS.get(kind) or kind.replace("_", " ").capitalize())


def what(action: BulkAction) -> str:
    """The verb with what it sets: ``Edit: Country, Group``."""
    params = action.params
    if action.kind == "undo":
        return _("Undo: %(what)s", what=kind_words(params.get("kind", "")))
    if action.kind == "tag":
        names = ", ".join(params.get("names", ()))
        return (
            _("Remove tags: %(names)s", names=names)
            if params.get("way") == "remove"
            else _("Add tags: %(names)s", names=names)
        )
    if action.kind == "edit":
        return _("Edit: %(fields)s", fields=", ".join(fields_of(params)))
    return kind_words(action.kind)


def fields_of(params: dict[str, Any]) -> list[str]:
    names = [*params.get("set", {}), *(["salespeople"] if params.get("salespeople") else [])]
    return [*(str(FIELDS.get(name, name)) for name in names), *params.get("own_names", {}).values()]


def things(about: str, n: int) -> str:
    """How many customers or services."""
    if about == "service":
        return ngettext("%(n)s service", "%(n)s services", n, n=number(n))
    return ngettext("%(n)s customer", "%(n)s customers", n, n=number(n))


def about_of(action: BulkAction) -> str:
    """``customer`` or ``service``."""
    return about(action.kind, action.params)


def title(action: BulkAction) -> str:
    return f"{what(action)} · {things(about_of(action), action.total)}"


def done_words(action: BulkAction) -> str:
    """``3 customers disabled, 1 unchanged``, as a toast says it."""
    n = action.counts.get("done", 0)
    counted = _DONE.get(action.kind)
    if action.kind == "undo" and about_of(action) == "service":
        counted = lambda n: ngettext("%(n)s service as before", "%(n)s services as before", n, n=number(n))  # noqa: E731
    words = [counted(n) if counted else ngettext("%(n)s customer done", "%(n)s customers done", n, n=number(n))]
    rest = [(action.counts.get(state.value, 0), word) for state, (_kind, word) in RESULTS.items() if state != "done"]
    return ", ".join([*words, *(f"{number(k)} {str(word).lower()}" for k, word in rest if k)])


def state_pill(action: BulkAction) -> tuple[str, str]:
    bad = action.counts.get("failed", 0) + action.counts.get("refused", 0)
    if action.state is RunState.FINISHED and bad:
        return "warn", _("Finished, not all")
    if action.state is RunState.STOPPED:
        return "warn", _("Stopped")
    kind, word = run_words.STATES[action.state]
    return kind, str(word)


def pill_of(action: BulkAction) -> Markup:
    return pill(*state_pill(action))


def took(action: BulkAction) -> str:
    both = action.finished_at and action.started_at
    return run_words.clock_words(action.finished_at - action.started_at) if both else ""  # type: ignore[operator]


def live(action: BulkAction, now: datetime, *, scheduler: bool, at_work: bool) -> dict[str, Any]:
    """What the card of an action shows."""
    gone = (action.finished_at or now) - (action.started_at or action.asked_at)
    left = run_words.time_left(action.done, action.total, gone)
    return {
        "action": action, "about": about_of(action), "title": title(action), "pill": state_pill(action),
        "going": action.going,
        "percent": min(action.done * 100 // action.total, 100) if action.total else 0,
        "gone": run_words.clock_words(gone), "left": run_words.clock_words(left) if left is not None else "",
        "counts": [
            (state.value, str(word), number(action.counts.get(state.value, 0))) for state, (_k, word) in RESULTS.items()
        ],
        "nobody": action.going and not scheduler and not at_work,
        "lost": action.state is RunState.RUNNING and scheduler and not at_work,
    }  # fmt: skip


class Changes:
    """Before and after of results as people read them; the names of what ids stand for are asked once for all."""

    def __init__(self, rows: Iterable[BulkRow]) -> None:
        wanted: dict[str, set[int]] = {name: set() for name in (*REFERENCES, *LINKS)}
        own: set[str] = set()
        for row in rows:
            for name, value in [*(row.before or {}).items(), *(row.after or {}).items()]:
                if name.startswith(PREFIX):
                    own.add(name.removeprefix(PREFIX))
                if name in wanted and value is not None:
                    wanted[name] |= set(value) if isinstance(value, list) else {value}
        models = {**REFERENCES, **{name: link.model for name, link in LINKS.items()}}
        self.names = {
            name: dict(
                db.session.execute(select(models[name].id, models[name].name).where(models[name].id.in_(ids))).all()
            )
            for name, ids in wanted.items()
            if ids
        }
        self.own = {PREFIX + one.key: one for one in all_named(own)} if own else {}

    def of(self, row: BulkRow) -> list[str]:
        """``Country: Ireland → Germany``, one for each thing changed."""
        before, after = row.before or {}, row.after or {}
        shown = [name for name in after if name in FIELDS or not name.startswith(("own_", "group_by_hand"))]
        own = [name.removeprefix("own_") for name in after if name.startswith("own_")]
        changed = [name for name in shown if before.get(name) != after.get(name) or name in LINKS]
        words = [self._one(name, before.get(name), after.get(name)) for name in changed]
        return [*words, *(self._follows(name, after) for name in own if name not in changed)]

    def _follows(self, name: str, after: dict[str, Any]) -> str:
        """The value is the same, and is now the customer's own or the group's."""
        label = FIELDS.get(name) or field(name)
        return (
            _("%(field)s: their own now", field=label)
            if after[f"own_{name}"]
            else _("%(field)s: as the group says", field=label)
        )

    def _one(self, name: str, old: Any, new: Any) -> str:
        label = FIELDS.get(name) or (str(self.own[name]) if name in self.own else field(name.removeprefix(PREFIX)))
        if name in LINKS:
            parts = [*(f"+ {self._name(name, i)}" for i in new or ()), *(f"− {self._name(name, i)}" for i in old or ())]
            return f"{label}: {', '.join(parts)}"
        return f"{label}: {self._value(name, old) or '–'} → {self._value(name, new) or '–'}"

    def _name(self, name: str, one: int) -> str:
        return self.names.get(name, {}).get(one) or _("No. %(id)s", id=one)

    def _value(self, name: str, value: Any) -> str:
        if name.startswith(PREFIX):
            return own_fields.as_shown(self.own.get(name), value or "")
        if name in REFERENCES:
            return "" if value is None else self._name(name, value)
        words = {"status": STATUSES, "payment_method": dict(PAYMENT_METHODS), "attitude": dict(ATTITUDES)}.get(name, {})
        return with_amounts(str(words.get(value) or shown(name, value, "")))
