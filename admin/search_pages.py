"""Pages and verbs of the panel as the search of everything finds them: only what this person may open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.settings_parts import SettingsPart


@dataclass(frozen=True)
class Door:
    title: str
    note: str
    url: str
    icon: str
    words: str


# Other words under which people look for a page.
ALSO: dict[str, Any] = {
    "admin": _l("home start overview figures revenue reports"),
    "settings": _l(
        "company name address logo currency time zone language invoice numbers prefix days to pay terms help link"
        " automatic renewals hour bank details"
    ),
    "tax_rates": _l("vat sales tax"),
    "fx_rates": _l("currencies conversion"),
    "staff": _l("users people logins team"),
    "roles": _l("permissions rights access"),
    "messages": _l("write mail e-mail text sms newsletter compose"),
    "deliveries": _l("mail e-mail messages sent outbox"),
    "runs": _l("bill runs invoicing"),
    "job-log": _l("what jobs did history"),
    "scheduler": _l("schedule cron jobs pause resume run now hour nightly daily"),
    "audit": _l("history changes who did what"),
    "account": _l("password sessions appearance shortcuts sign out"),
    "set-aside": _l("parked accounts"),
    "charge": _l("one-off recurring extra prepayment paid in advance"),
    "credits": _l("money in hand gift top-up pay out expiry balance"),
}


def doors() -> list[Door]:
    """Every page and every verb that makes something, as far as they are open to this person."""
    found = []
    for panel in current_app.extensions["admin"]:
        for view in panel._views:
            if view.is_accessible():
                found += _of(view)
    return found


def _of(view: Any) -> list[Door]:
    if not view.name or view.endpoint == "search" or not getattr(view, "in_search", True):
        return []
    where = _("Settings") if isinstance(view, SettingsPart) else str(view.category or _("Panel"))
    icon = view.menu_icon_value or ("settings" if isinstance(view, SettingsPart) else "circle-dot")
    index = view.get_url(f"{view.endpoint}.{view._default_view}")
    words = f"{view.name} {where} {ALSO.get(view.endpoint, '')}".lower()
    out = [Door(str(view.name), where, index, icon, words)]
    if getattr(view, "can_create", False) is True:
        label = str(view.create_label or _("Add"))
        url = view.create_url()
        out.append(Door(label, str(view.name), url, "plus", f"{label} {view.name} {_('new create add')}".lower()))
    return out


def find(typed: str, limit: int) -> list[Door]:
    """Pages that hold every word, those whose title begins with it first."""
    words = typed.lower().split()
    matching = [door for door in doors() if words and all(word in door.words for word in words)]
    start = typed.lower()
    matching.sort(key=lambda door: (not door.title.lower().startswith(start), start not in door.title.lower()))
    return matching[:limit]
