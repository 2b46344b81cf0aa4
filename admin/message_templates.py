"""Settings, Templates: what messages say, in each language, with a preview on a real customer and every version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, jsonify, redirect, request
from flask_admin import BaseView, expose
from flask_babel import gettext as _
from sqlalchemy import func, select

from admin import template_editing as editing
from admin.doors import once, told
from admin.message_settings import Page
from admin.settings_parts import SettingsPart
from admin.template_trials import Trials
from billing import message_categories
from messaging import previews, template_rules, templates
from messaging.template_kinds import KINDS
from messaging.template_rules import TemplateRefused
from models import MessageTemplate, TemplateVersion, db
from web import headers, params
from web.forms import put_error
from web.permissions import actor, current_staff

MOST = 200


class MessageTemplatesView(Trials, SettingsPart, BaseView):
    needs = "settings.edit"
    card = "messages"
    under = "message_settings"

    @expose("/")
    def index(self) -> Page:
        rows = list(db.session.scalars(select(MessageTemplate).order_by(MessageTemplate.name).limit(MOST)))
        spoken: dict[int, list[str]] = {}
        for version in templates.current([row.id for row in rows]):
            spoken.setdefault(version.template_id, []).append(version.language)
        changed = select(TemplateVersion.template_id, func.max(TemplateVersion.saved_at))
        when = {row[0]: row[1] for row in db.session.execute(changed.group_by(TemplateVersion.template_id))}
        own = [(row, spoken.get(row.id, []), when.get(row.id)) for row in rows if not row.builtin]
        known = {row.key: row for row in rows if row.builtin}
        system = [
            (
                kind,
                spoken.get(known[key].id, []) if key in known else [],
                when.get(known[key].id) if key in known else None,
            )
            for key, kind in KINDS.items()
        ]
        return self.render(
            "admin/message_templates/index.html", own=own, system=system, category_name=message_categories.name_of
        )

    @expose("/new", methods=["GET", "POST"])
    def new(self) -> Page:
        return self._about(None, lambda values: template_rules.create(values, by=actor()).key)

    @expose("/about", methods=["GET", "POST"])
    def about(self) -> Page:
        template = self._own()

        def save(values: dict[str, Any]) -> str:
            template_rules.change(template, values, by=actor())
            return template.key

        return self._about(template, save)

    @expose("/edit")
    def edit(self) -> Page:
        key, language = self._asked()
        form = editing.WordsForm()
        form.put(editing.starting_words(key, language))
        form.customer.data = previews.somebody()
        return self._editor(key, language, form)

    @expose("/save", methods=["POST"])
    def save(self) -> Page:
        key, language = self._asked(request.form)
        form = editing.WordsForm()
        words = form.words(language)
        if "preview" in request.form or "customer" in request.form.getlist("look"):
            return self._editor(key, language, form)
        try:
            once(lambda: self._save(key, words))
        except TemplateRefused as refusal:
            for name, why in refusal.errors.items():
                put_error(form[name], why) if name in form else form.form_errors.append(why)
            return self._editor(key, language, form)
        return redirect(self.get_url(".edit", key=key, language=language))

    def _save(self, key: str, words: templates.Words) -> str:
        saved = template_rules.save(key, words, by=actor())
        flash(_("Template saved") if saved else _("Nothing was different, so nothing changed"), "toast")
        return self.get_url(".edit", key=key, language=words.language)

    @expose("/preview", methods=["POST"])
    def preview(self) -> Page:
        """The same as a browser asks for it while one types."""
        key, language = self._asked(request.form)
        form = editing.WordsForm()
        shown = editing.preview(key, form.words(language), editing.customer_of(form))
        return jsonify({name: getattr(shown, name) for name in shown.__slots__})

    @expose("/restore", methods=["POST"])
    def restore(self) -> Page:
        version = self._version(params.number(request.form, "version"))
        told(lambda: template_rules.restore(version, by=actor()), _("That version holds again"))
        return redirect(self.get_url(".edit", key=version.template.key, language=version.language))

    @expose("/take-back", methods=["POST"])
    def take_back(self) -> Page:
        key, language = self._asked(request.form)
        told(lambda: template_rules.take_back(key, language, by=actor()), _("Own words taken back"))
        return redirect(self.get_url(".edit", key=key, language=language if key in KINDS else None))

    @expose("/version")
    def version(self) -> Page:
        version = self._version(params.number(request.args, "id"))
        former = template_rules.before(version)
        key = version.template.key
        name = editing.name_of(key, version.template)
        lines = editing.difference(version, former)
        newest = template_rules.versions(version.template, version.language, limit=1)[0].id == version.id
        return self.render(
            "admin/message_templates/version.html",
            version=version,
            former=former,
            lines=lines,
            name=name,
            newest=newest,
        )

    @expose("/delete", methods=["GET", "POST"])
    def delete(self) -> Page:
        template = self._own()
        if request.method == "GET":
            return self.render("admin/message_templates/delete.html", row=template)
        if not told(lambda: template_rules.delete(template, by=actor()), _("Template deleted")):
            return redirect(self.get_url(".edit", key=template.key))
        return redirect(self.get_url(".index"))

    def _editor(self, key: str, language: str, form: editing.WordsForm) -> str:
        headers.allow_own_styles()
        template = template_rules.get(key)
        kind = KINDS.get(key)
        customer = editing.customer_of(form)
        return self.render(
            "admin/message_templates/editor.html",
            form=form,
            key=key,
            kind=kind,
            row=template,
            name=editing.name_of(key, template),
            language=language,
            by_mail=kind.by_mail if kind else template.by_mail,  # type: ignore[union-attr]
            by_text=kind.by_text if kind else template.by_text,  # type: ignore[union-attr]
            tabs=editing.language_tabs(key, language),
            more=editing.more_languages(key, language),
            fields=editing.field_list(key),
            own=language in templates.own_words(key),
            preview=editing.preview(key, form.words(language), customer),
            versions=template_rules.versions(template, language) if template else [],
            me=current_staff.email,
        )

    def _about(self, template: MessageTemplate | None, save: Callable[[dict[str, Any]], str]) -> Page:
        form = editing.TemplateForm(obj=template)
        form.offer()
        if request.method == "GET":
            return self.render("admin/message_templates/about.html", form=form, row=template)
        try:
            url = once(lambda: self.get_url(".edit", key=save(form.values())))
        except TemplateRefused as refusal:
            for name, why in refusal.errors.items():
                put_error(form[name], why)
            return self.render("admin/message_templates/about.html", form=form, row=template), 400
        return redirect(url)

    def _asked(self, values: Any = None) -> tuple[str, str]:
        """The template and the language the request is about; 404 for a template that is not there."""
        values = request.args if values is None else values
        key = params.only(values, "key")[:40]
        if key not in KINDS and template_rules.get(key) is None:
            abort(404)
        return key, editing.chosen_language(key, params.only(values, "language")[:16])

    def _own(self) -> MessageTemplate:
        template = template_rules.get(params.only(request.args, "key")[:40])
        if template is None or template.builtin:
            abort(404)
        return template

    def _version(self, number: int) -> TemplateVersion:
        return db.session.get(TemplateVersion, number) or abort(404)
