"""Settings, Templates of documents: how PDFs and web pages of invoices look, on a real one, with every version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, abort, flash, jsonify, redirect, request
from flask_admin import BaseView, expose
from flask_babel import gettext as _

from admin import document_previews as previews
from admin import document_words as words
from admin import links
from admin.document_editing import LookForm, NewForm, difference, uploaded
from admin.document_template_verbs import Verbs, address, kind_of
from admin.doors import once, told
from admin.settings_parts import SettingsPart
from billing import company, document_templates
from billing.document_choices import SHIPPED
from billing.document_templates import COLUMNS, TemplateRefused
from messaging import document_looks
from messaging import document_template_rules as rules
from messaging.document_fields import TEXT, WEB
from messaging.document_looks import Look
from models import DocumentTemplate, DocumentTemplateVersion, TemplateKind, db
from web import headers, params
from web.forms import put_error
from web.permissions import actor

Page = Response | str | tuple[str, int]


class DocumentTemplatesView(Verbs, SettingsPart, BaseView):
    needs = "settings.edit"
    card = "invoices"
    search_words = "template layout design logo colour font pdf web page invoice look letter qr code"

    @expose("/")
    def index(self) -> Page:
        seller = company.settings()
        kinds = [
            {
                "kind": kind, "word": word, "own": document_templates.own(kind),
                "counts": document_templates.counts(kind),
                "default": getattr(seller, COLUMNS[kind]) or document_templates.STANDARD,
                "shipped": [(key, *words.NAMES[kind, key]) for key in SHIPPED[kind]],
            }
            for kind, word in words.KINDS.items()
        ]  # fmt: skip
        return self.render("admin/document_templates/index.html", kinds=kinds, address=address)

    @expose("/new", methods=["GET", "POST"])
    def new(self) -> Page:
        kind = kind_of(request.args)
        form = NewForm(kind)
        if request.method == "GET":
            form.start.data = params.only(request.args, "start") or document_templates.STANDARD
        elif form.validate_on_submit():
            try:
                return redirect(once(lambda: self._create(kind, form)))
            except TemplateRefused as refusal:
                put_error(form.name, str(refusal))
        shown = self.render("admin/document_templates/new.html", form=form, kind=kind, word=words.KINDS[kind])
        return (shown, 400) if form.errors else shown

    def _create(self, kind: TemplateKind, form: NewForm) -> str:
        key = form.start.data
        start = document_templates.get(kind, key)
        if start is None:
            draft = rules.Draft(kind, dict(SHIPPED[kind][key]))
        else:
            last = rules.newest(start)
            draft = rules.Draft(kind, dict(last.choices), last.source, picture_id=last.picture_id)
        return address(".edit", rules.create(kind, form.name.data, draft, by=actor()))

    @expose("/shipped")
    def shipped(self) -> Page:
        """One that came with the product: to look at, to choose, to begin one's own with."""
        kind, key = kind_of(request.args), params.only(request.args, "key")
        if key not in SHIPPED[kind]:
            abort(404)
        number = params.only(request.args, "invoice")
        return self._page("shipped", kind, key, self._show(document_looks.shipped(kind, key), number), number=number)

    @expose("/edit")
    def edit(self) -> Page:
        template = self._own(request.args)
        version, form = rules.newest(template), LookForm(template.kind, formdata=None)
        form.put(template.name, version.choices, version.source)
        return self._editor(template, form, document_looks.of_version(version))

    @expose("/save", methods=["POST"])
    def save(self) -> Page:
        template = self._own(request.form)
        form, picture, last = self._sent(template)
        if {"preview", "add_language"} & set(request.form):
            return self._editor(template, form, self._tried(form, picture, last))
        given = {"source": form.source.data or "", "picture": picture, "picture_id": last.picture_id}
        template_id, name = template.id, form.name.data or ""
        db.session.rollback()  # setting it takes a while; no transaction waits for it
        try:
            draft = rules.examine(form.kind, form.chosen(), **given)  # type: ignore[arg-type]
            return redirect(once(lambda: self._keep(template_id, name, draft)))
        except TemplateRefused as refusal:
            form.refused(refusal.errors)
        template = db.session.get(DocumentTemplate, template_id) or abort(404)
        return self._editor(template, form, self._tried(form, picture, rules.newest(template)))

    def _keep(self, template_id: int, name: str, draft: rules.Draft) -> str:
        template = db.session.get(DocumentTemplate, template_id) or abort(404)
        renamed = document_templates.rename(template, name, by=actor())
        saved = rules.save(template, draft, by=actor())
        changed = renamed or saved is not None
        flash(_("Template saved") if changed else _("Nothing was different, so nothing changed"), "toast")
        return address(".edit", template)

    @expose("/preview", methods=["POST"])
    def preview(self) -> Page:
        """The same as a browser asks for it while one chooses."""
        template = self._own(request.form)
        form, picture, last = self._sent(template)
        shown = self._show(self._tried(form, picture, last), form.invoice.data or "")
        return jsonify({name: getattr(shown, name) for name in shown.__slots__})

    @expose("/version")
    def version(self) -> Page:
        version = self._version(params.number(request.args, "id"))
        former = rules.before(version)
        return self.render(
            "admin/document_templates/version.html", version=version, former=former, row=version.template,
            lines=difference(version, former), newest=rules.newest(version.template).id == version.id, address=address,
        )  # fmt: skip

    @expose("/restore", methods=["POST"])
    def restore(self) -> Page:
        version = self._version(params.number(request.form, "version"))
        template_id, back = version.template_id, address(".edit", version.template)
        given = (version.template.kind, dict(version.choices), version.source, version.picture_id)
        db.session.rollback()  # setting it takes a while; no transaction waits for it
        told(lambda: self._again(template_id, *given), _("That version holds again"))
        return redirect(back)

    def _again(self, template_id: int, kind: TemplateKind, chosen: Any, source: str, picture_id: int | None) -> None:
        """It may be older than the program, so it is examined like a new one."""
        draft = rules.examine(kind, chosen, source=source, picture_id=picture_id)
        rules.save(db.session.get(DocumentTemplate, template_id) or abort(404), draft, by=actor())

    def _sent(self, template: DocumentTemplate) -> tuple[LookForm, bytes | None, DocumentTemplateVersion]:
        """The form as it was sent, the picture that came with it, and the version that holds."""
        form, last = LookForm(template.kind), rules.newest(template)
        form.take()
        return form, uploaded(), last

    def _tried(self, form: LookForm, picture: bytes | None, last: DocumentTemplateVersion) -> Look | TemplateRefused:
        kept = last.picture.data if last.picture and picture is None else picture
        try:
            return rules.try_on(form.kind, form.chosen(), source=form.source.data or "", picture=kept)
        except TemplateRefused as refusal:
            return refusal

    def _show(self, look: Look | TemplateRefused, number: str) -> previews.Shown:
        if isinstance(look, TemplateRefused):
            return previews.Shown(trouble=str(look))
        try:
            about = previews.subject(number)
        except TemplateRefused as refusal:
            return previews.Shown(trouble=str(refusal))
        db.session.rollback()  # setting it takes a while; no transaction waits for it
        return previews.show(look, about)

    def _editor(self, template: DocumentTemplate, form: LookForm, look: Look | TemplateRefused) -> str:
        shown = self._show(look, form.invoice.data or "")
        fields = words.listed(WEB if template.kind == TemplateKind.WEB else TEXT)
        more: dict[str, Any] = {"form": form, "row": template, "versions": rules.versions(template), "fields": fields}
        more["has_picture"] = more["versions"][0].picture_id is not None
        return self._page("editor", template.kind, template.key, shown, number=form.invoice.data or "", **more)

    def _page(self, page: str, kind: TemplateKind, key: str, shown: previews.Shown, **more: Any) -> str:
        headers.allow_own_styles()
        known = {"kind": kind, "key": key, "name": words.name_of(kind, key), "address": address, "shown": shown}
        known |= {"about": words.NAMES.get((kind, key), ("", ""))[1], "used": document_templates.used_by(kind, key)}
        known |= {"default": (getattr(company.settings(), COLUMNS[kind]) or document_templates.STANDARD) == key}
        known |= {"numbers": previews.newest(), "record_url": links.record_url}
        return self.render(f"admin/document_templates/{page}.html", **{"number": "", **known, **more})

    def _own(self, values: Mapping[str, Any]) -> DocumentTemplate:
        return document_templates.get(kind_of(values), params.only(values, "key")[:60]) or abort(404)

    def _version(self, number: int) -> DocumentTemplateVersion:
        return db.session.get(DocumentTemplateVersion, number) or abort(404)
