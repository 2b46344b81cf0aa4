"""Settings, Customers: one page that leads to everything a shop arranges its customers by."""

from __future__ import annotations

from typing import Any

from flask import current_app, url_for
from flask_admin import BaseView, expose
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from admin.settings_parts import SettingsPart
from models import db


class AroundPart(SettingsPart):
    """Mixed into a list that is reached through Settings, Customers. `about` says what it is for."""

    about: Any = ""
    card = "customers"
    under = "around"  # the endpoint of the part of Settings it belongs to

    @property
    def around_tabs(self) -> list[tuple[Any, str, bool]]:
        """(word, address, whether it is this one) of each list the person may see."""
        return [(part.name, url_for(f"{part.endpoint}.index_view"), part is self) for part in around()]


def around() -> list[Any]:
    """The lists around customers, in the order they were added to the panel."""
    views = [view for panel in current_app.extensions["admin"] for view in panel._views]
    return [view for view in views if isinstance(view, AroundPart) and view.is_accessible()]


class AroundView(SettingsPart, BaseView):
    """A card for each list: what it is for, and how many entries it has."""

    card = "customers"
    search_words = _l("groups tags projects brands resellers contract types own fields")

    @expose("/")
    def index(self) -> Any:
        parts = around()
        counted = [select(func.count()).select_from(part.model).scalar_subquery() for part in parts]
        numbers = db.session.execute(select(*counted)).one() if counted else ()
        cards = [(part, url_for(f"{part.endpoint}.index_view"), n) for part, n in zip(parts, numbers, strict=True)]
        return self.render("admin/around/index.html", cards=cards)
