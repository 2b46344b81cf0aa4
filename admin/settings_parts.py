"""What the pages of Settings share: closed to others, absent from the side menu, joined by one row of tabs."""

from __future__ import annotations

from typing import Any

from flask import current_app, url_for
from flask_admin.menu import MenuLink
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from admin.narrowing import NOBODY
from web.permissions import allows, refuse, signed_in_staff, to_sign_in


class SettingsPart:
    """Mixed into a view that is reached through Settings; `needs` is the permission to see it."""

    needs = "settings.edit"
    of_customer = NOBODY
    under = ""  # the endpoint of another part that leads to this one; it then has no tab of its own

    def is_visible(self) -> bool:
        return False  # Settings leads there

    def is_accessible(self) -> bool:
        return allows(self.needs)

    def inaccessible_callback(self, name: str, **_kwargs: Any) -> Response | None:
        return refuse(self.needs) if signed_in_staff() else to_sign_in()

    @property
    def settings_tabs(self) -> list[tuple[Any, str, bool]]:
        """(word, address, whether it is this one) of each part the person may see."""
        return [
            (part.name, url_for(f"{part.endpoint}.{part._default_view}"), part.endpoint in (self.endpoint, self.under))  # type: ignore[attr-defined]
            for part in parts()
            if part.is_accessible()
        ]


def parts() -> list[Any]:
    """The views of Settings that have a tab, in the order they were added to the panel."""
    views = [view for panel in current_app.extensions["admin"] for view in panel._views]
    return [view for view in views if isinstance(view, SettingsPart) and not view.under]


class SettingsLink(MenuLink):
    """At the foot of the side bar: leads to the first part that the person may see."""

    def __init__(self) -> None:
        super().__init__(_l("Settings"), url="/admin/settings/", icon_type="look", icon_value="settings")

    def is_accessible(self) -> bool:
        return any(part.is_accessible() for part in parts())

    def get_url(self) -> str:
        open_ = [part for part in parts() if part.is_accessible()]
        return open_[0].settings_tabs[0][1] if open_ else self.url
