"""What the pages of Settings share: closed to others, absent from the side menu, each at home in a group.

The overview has a card for each group: those of the list of settings (billing.setting_list), and `MORE`. A page that is
no plain form, such as the table of tax rates, is a view with `SettingsPart` whose `card` names the card; the tabs
above the pages of a group are its form and these views.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import current_app, url_for
from flask_admin.menu import MenuLink
from flask_babel import gettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from admin.narrowing import NOBODY
from billing.setting_list import GROUPS
from web.permissions import allows, refuse, signed_in_staff, to_sign_in


@dataclass(frozen=True, slots=True)
class Card:
    """A group as the overview shows it. `form`: it has a page of plain settings."""

    key: str
    title: Any
    icon: str
    about: Any
    form: bool = False


MORE = (
    Card("messages", _l("Messages"), "mail", _l("How mails and texts leave, what they say, and what they may cost.")),
    Card("staff", _l("Staff and roles"), "user-cog", _l("Who works here, and what each role may see and do.")),
)


def cards() -> list[Card]:
    return [*(Card(g.key, gettext(g.title), g.icon, gettext(g.about), True) for g in GROUPS), *MORE]


class SettingsPart:
    """Mixed into a view that is reached through Settings; `needs` is the permission to see it."""

    needs = "settings.edit"
    of_customer = NOBODY
    card = ""  # the key of the card it stands on
    under = ""  # the endpoint of another part that leads to this one; it then has no tab of its own
    search_words: Any = ""  # further words people look for it by

    def is_visible(self) -> bool:
        return False  # Settings leads there

    def is_accessible(self) -> bool:
        return allows(self.needs)

    def inaccessible_callback(self, name: str, **_kwargs: Any) -> Response | None:
        return refuse(self.needs) if signed_in_staff() else to_sign_in()

    @property
    def settings_tabs(self) -> list[tuple[Any, str, bool]]:
        """(word, address, whether it is this one) of the pages of this group that the person may see."""
        return tabs(self.card, (self.endpoint, self.under))  # type: ignore[attr-defined]


def tabs(group: str, here: tuple[str, ...]) -> list[tuple[Any, str, bool]]:
    """The pages of a group; `here` are the endpoints of the one that is open, "" for its form."""
    found = [(part.name, address(part), part.endpoint in here) for part in parts(group)]
    form = any(each.key == group for each in GROUPS) and allows("settings.edit")
    first = [(_("General"), url_for("settings.group", key=group), here == ("",))] if form else []
    return first + found


def parts(group: str = "") -> list[Any]:
    """The views (of a group) that have a tab and that the person may see, in the order they were added."""
    views = [view for panel in current_app.extensions["admin"] for view in panel._views]
    return [
        view for view in views
        if isinstance(view, SettingsPart) and not view.under and view.card and view.is_accessible()
        and group in ("", view.card)
    ]  # fmt: skip


def address(part: Any) -> str:
    return url_for(f"{part.endpoint}.{part._default_view}")


class SettingsLink(MenuLink):
    """At the foot of the side bar: leads to the overview."""

    def __init__(self) -> None:
        super().__init__(_l("Settings"), url="/admin/settings/", icon_type="look", icon_value="settings")

    def is_accessible(self) -> bool:
        return bool(parts())

    def get_url(self) -> str:
        """Whoever may change no settings is led straight to the first page they may see."""
        seen = parts()
        return address(seen[0]) if seen and not allows("settings.edit") else self.url
