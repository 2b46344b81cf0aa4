"""What is done with a template of documents as a whole: make it the default, archive, bring back, delete, as PDF."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import SelectField

from admin import document_previews as previews
from admin import document_words as words
from admin.doors import once, told
from billing import document_templates
from billing.document_choices import SHIPPED
from billing.document_templates import Newest, TemplateRefused
from integrations.documents import DocumentError
from messaging import document_looks
from models import DocumentTemplate, TemplateKind, db
from web import params
from web.forms import choices, put_error
from web.permissions import actor

Page = Response | str | tuple[str, int]


class ArchiveForm(FlaskForm):
    """What those get instead who use it."""

    instead = SelectField(_l("Those who use it get"))


def kind_of(values: Mapping[str, Any]) -> TemplateKind:
    """The kind a request is about; 404 for one there is not."""
    named = params.only(values, "kind")
    return TemplateKind(named) if named in set(TemplateKind) else abort(404)


def address(page: str, template: DocumentTemplate) -> str:
    return url_for(f"document_templates{page}", kind=template.kind.value, key=template.key)


class Verbs:
    """Mixed into the view of templates."""

    _own: Callable[[Mapping[str, Any]], DocumentTemplate]
    render: Callable[..., str]
    get_url: Callable[..., str]

    @expose("/default", methods=["POST"])
    def make_default(self) -> Page:
        kind, key = kind_of(request.form), params.only(request.form, "key")[:60]
        if key not in SHIPPED[kind]:
            self._own(request.form)
        done = _("%(name)s is the default now", name=words.name_of(kind, key))
        told(lambda: document_templates.make_default(kind, key, by=actor()), done)
        return redirect(self.get_url(".index"))

    @expose("/archive", methods=["GET", "POST"])
    def archive(self) -> Page:
        template = self._own(request.args)
        form = ArchiveForm()
        form.instead.choices = choices((k, n) for k, n in words.offered(template.kind) if k != template.key)
        if request.method == "POST" and form.validate_on_submit():
            try:
                return redirect(once(lambda: self._archive(template, form.instead.data)))
            except TemplateRefused as refusal:
                put_error(form.instead, str(refusal))
        used = document_templates.used_by(template.kind, template.key)
        page = self.render("admin/document_templates/archive.html", row=template, form=form, used=used, address=address)
        return (page, 400) if form.errors else page

    def _archive(self, template: DocumentTemplate, instead: str) -> str:
        moved = document_templates.archive(template, instead=instead, by=actor())
        more = ngettext("%(num)d place got another one.", "%(num)d places got another one.", moved) if moved else ""
        flash(f"{_('Template archived')}. {more}".strip(), "toast")
        return self.get_url(".index")

    @expose("/bring-back", methods=["POST"])
    def bring_back(self) -> Page:
        template = self._own(request.form)
        back = address(".edit", template)
        told(lambda: document_templates.bring_back(template, by=actor()), _("Template brought back"))
        return redirect(back)

    @expose("/delete", methods=["GET", "POST"])
    def delete(self) -> Page:
        template = self._own(request.args)
        if request.method == "GET":
            return self.render("admin/document_templates/delete.html", row=template, address=address)
        back = address(".edit", template)
        if not told(lambda: document_templates.delete(template, by=actor()), _("Template deleted")):
            return redirect(back)
        return redirect(self.get_url(".index"))

    @expose("/pdf")
    def pdf(self) -> Page:
        """The newest version on an invoice, as the file itself."""
        kind, key = kind_of(request.args), params.only(request.args, "key")[:60]
        if kind != TemplateKind.DOCUMENT or (key not in SHIPPED[kind] and not document_templates.get(kind, key)):
            abort(404)
        look = document_looks.of(kind, Newest(kind).of(key))
        try:
            about = previews.subject(params.only(request.args, "invoice"))
            db.session.rollback()  # setting it takes a while; no transaction waits for it
            data = previews.as_pdf(look, about)
        except (TemplateRefused, DocumentError) as refusal:
            flash(str(refusal), "danger")
            return redirect(self.get_url(".index"))
        told_as = {"Content-Disposition": 'inline; filename="preview.pdf"'}
        return Response(data, mimetype="application/pdf", headers=told_as)
