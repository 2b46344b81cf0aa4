"""Settings, Categories: the kinds of messages, which of them nobody can opt out of, and what uses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, redirect, request
from flask_admin import BaseView, expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from wtforms import BooleanField, StringField

from admin.doors import once, told
from admin.message_settings import Page
from admin.settings_parts import SettingsPart
from billing import message_categories
from billing.texts import InvalidText
from messaging.template_kinds import KINDS
from models import MessageCategory, MessageTemplate, OptOut, db
from web import params
from web.forms import put_error
from web.permissions import actor

ABOUT: dict[str, Any] = {
    "invoice": _l("Invoices and credit notes."),
    "reminder": _l("Invoices that are due or overdue."),
    "receipt": _l("Payments that came in."),
    "welcome": _l("The first mail to a new portal user."),
    "reset": _l("Links and codes somebody asked for."),
    "notice": _l("Works, faults and changes of the contract."),
    "news": _l("Whatever people may do without."),
}


class CategoryForm(FlaskForm):
    name = StringField(_l("Name"), description=_l("Readers see it where they opt out."), render_kw={"maxlength": 120})
    essential = BooleanField(_l("Essential: nobody can opt out of it"))
    technical = BooleanField(
        _l("Technical people read it in the portal too"),
        description=_l(
            "They see no money. What names the customer's balance or credit is left out for them by itself."
        ),
    )


class MessageCategoriesView(SettingsPart, BaseView):
    needs = "settings.edit"
    card = "messages"
    under = "message_settings"

    @expose("/")
    def index(self) -> Page:
        known = {each.key: each for each in message_categories.every()}
        keys = [*message_categories.BUILTIN, *(key for key in known if key not in message_categories.BUILTIN)]
        return self.render(
            "admin/message_categories/index.html",
            rows=[self._row(key, known.get(key)) for key in keys],
            templates=_templates(),
            opted_out=dict(_opted_out()),
            about=ABOUT,
        )

    def _row(self, key: str, category: MessageCategory | None) -> dict[str, Any]:
        name, essential = message_categories.BUILTIN.get(key, ("", False))
        if category is not None:
            name, essential = category.name, category.essential
        return {"key": key, "name": name, "essential": essential, "builtin": key in message_categories.BUILTIN}

    @expose("/new", methods=["GET", "POST"])
    def new(self) -> Page:
        def save(form: CategoryForm) -> None:
            message_categories.create(form.name.data or "", **_facts(form), by=actor())

        return self._form(None, save)

    @expose("/edit", methods=["GET", "POST"])
    def edit(self) -> Page:
        key = params.only(request.args, "key")[:40]
        category = self._found(key)

        def save(form: CategoryForm) -> None:
            found = category if category.id else message_categories.ensure()[key]
            message_categories.change(found, form.name.data or "", **_facts(form), by=actor())

        return self._form(category, save)

    @expose("/delete", methods=["GET", "POST"])
    def delete(self) -> Page:
        category = self._found(params.only(request.args, "key")[:40])
        if category.builtin or not category.id:
            abort(404)
        if request.method == "GET":
            count = dict(_opted_out()).get(category.key, 0)
            return self.render("admin/message_categories/delete.html", category=category, count=count)
        told(lambda: message_categories.delete(category, by=actor()), _("Category deleted"))
        return redirect(self.get_url(".index"))

    def _found(self, key: str) -> MessageCategory:
        """The category; one of the system's own that has no row yet is not stored."""
        found = db.session.scalars(select(MessageCategory).where(MessageCategory.key == key)).first()
        if found is None and key in message_categories.BUILTIN:
            name, essential = message_categories.BUILTIN[key]
            technical = key in message_categories.TECHNICAL
            found = MessageCategory(key=key, name=name, essential=essential, builtin=True, technical=technical)
        return found or abort(404)

    def _form(self, category: MessageCategory | None, save: Callable[[CategoryForm], None]) -> Page:
        form = CategoryForm(obj=category)
        if category is not None and category.builtin:
            form.essential.render_kw = {"disabled": True}
        if category is not None and category.key in message_categories.ABOUT_MONEY:
            form.technical.render_kw = {"disabled": True}
        if request.method == "POST":
            try:

                def kept() -> str:
                    save(form)
                    return self.get_url(".index")

                return redirect(once(kept))
            except (message_categories.CategoryRefused, InvalidText) as refusal:
                put_error(form.name, str(refusal))
        answer = self.render("admin/message_categories/form.html", form=form, category=category)
        return (answer, 400) if form.errors else answer


def _facts(form: CategoryForm) -> dict[str, bool]:
    return {"essential": bool(form.essential.data), "technical": bool(form.technical.data)}


def _templates() -> dict[str, list[tuple[str, str]]]:
    """Key and name of the templates of each category."""
    found: dict[str, list[tuple[str, str]]] = {}
    for kind in KINDS.values():
        found.setdefault(kind.category, []).append((kind.key, str(kind.name)))
    own = select(MessageTemplate).where(MessageTemplate.builtin.is_(False)).order_by(MessageTemplate.name).limit(200)
    for each in db.session.scalars(own):
        found.setdefault(each.category, []).append((each.key, each.name))
    return found


def _opted_out() -> list[tuple[str, int]]:
    query = select(OptOut.category, func.count()).where(OptOut.category != "").group_by(OptOut.category)
    return [(key, int(count)) for key, count in db.session.execute(query)]
