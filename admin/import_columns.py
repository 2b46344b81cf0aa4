"""The second step of an import: what its columns become, and saved mappings."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin import import_forms, import_shown
from billing import company, import_drafts
from billing.import_choices import Choices, WrongChoice, mapping_data, to_toml
from models import BillingError, ImportFile, ImportMappingSaved, db
from web import params
from web.permissions import actor, allows, refuse


class ColumnDoors:
    """Mixed into ImportPages."""

    get_url: Any
    _draft: Any
    _page: Any
    _to: Any
    _refused: Any

    @expose("/columns/", methods=("GET", "POST"))
    def columns_view(self) -> Any:
        draft = self._draft()
        if request.method == "POST":
            return self._chosen(draft)
        if draft.state in import_drafts.WAITING or not draft.stored_as:
            return redirect(self._to("details", draft))
        return self._columns(draft, Choices.read(draft.choices))

    def _columns(self, draft: ImportFile, made: Choices, error: WrongChoice | None = None, ask: bool = False) -> Any:
        page = self._page("columns", draft, **import_shown.columns_page(draft, made), error=error, ask=ask)
        return (page, 400) if error else page

    def _chosen(self, draft: ImportFile) -> Any:
        do = params.only(request.form, "do", "check")
        try:
            if do == "use":
                return self._use_saved(draft)
            made = import_forms.read_choices(request.form, draft)
            ask = import_forms.unclear(made, draft)
            save_as = params.only(request.form, "save_as") if do == "save" else ""
            if do == "save" and not save_as.strip():
                raise WrongChoice(_("Type a name to keep these choices under."), "save_as")
            import_drafts.choose(draft, made, actor(), save_as=save_as)
            if do == "check" and not ask:
                import_drafts.ask_check(draft, actor())
            db.session.commit()
        except WrongChoice as error:
            db.session.commit()  # what was chosen stays, whatever is wrong with it
            return self._columns(draft, made, error)
        except BillingError as refusal:
            return self._refused(draft, refusal)
        if ask and do == "check":
            return self._columns(draft, made, ask=True)
        if do == "save":
            flash(_("Mapping “%(name)s” saved", name=made.saved_as), "toast")
        after = {"save": "columns", "toml": "mapping"}.get(do, "details")
        return redirect(self._to(after, draft))

    def _use_saved(self, draft: ImportFile) -> Any:
        number = params.only(request.form, "saved")
        saved = db.session.get(ImportMappingSaved, params.number(request.form, "saved")) if number else None
        if number and saved is None:
            abort(404)
        import_drafts.use_saved(draft, saved, actor(), company.settings().currency)
        db.session.commit()
        return redirect(self._to("columns", draft))

    @expose("/mapping/")
    def mapping_view(self) -> Any:
        """What was chosen, as the file that the command reads."""
        draft = self._draft()
        reading = {"encoding": draft.encoding, "delimiter": draft.delimiter}
        if draft.quote != '"':
            reading["quote"] = draft.quote
        try:
            text = to_toml(mapping_data(Choices.read(draft.choices), draft.sample["header"], reading))
        except BillingError as refusal:
            return self._refused(draft, refusal)
        return download(text, "application/toml", f"{draft.file_name}.toml")

    @expose("/forget/", methods=("POST",))
    def forget_view(self) -> Any:
        """Remove a saved mapping."""
        if not allows(import_drafts.NEEDS):
            refuse(import_drafts.NEEDS)
        saved = db.session.get(ImportMappingSaved, params.number(request.form, "saved")) or abort(404)
        import_drafts.forget_saved(saved, actor())
        db.session.commit()
        flash(_("Mapping “%(name)s” removed", name=saved.name), "toast")
        return redirect(self.get_url(".create_view"))


def download(text: str, kind: str, name: str) -> Response:
    """A file to keep."""
    answer = Response(text, mimetype=kind)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer
