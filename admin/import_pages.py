"""The four steps of an import: file, columns, check, import. Each is an address that can be left and come back to."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage

from admin import import_forms, import_shown
from admin.doors import once
from admin.import_columns import ColumnDoors, download
from billing import company, import_drafts, import_problems
from billing.import_choices import WrongChoice
from billing.import_files import BadFile
from billing.import_store import FOLDER, Store
from messaging import files
from models import BillingError, ImportFile, ImportState, db
from web import params
from web.forms import put_error
from web.permissions import actor, allows, refuse


class ImportPages(ColumnDoors):
    """Mixed into ImportsView."""

    get_url: Any
    render: Any
    _found: Any

    def _draft(self) -> ImportFile:
        """The file that the address names, for somebody who may import; 404 if there is none."""
        if not allows(import_drafts.NEEDS):
            refuse(import_drafts.NEEDS)
        return self._found(True)  # type: ignore[no-any-return]

    def _store(self) -> Store:
        return Store(files.folder_of(FOLDER))

    def _to(self, step: str, draft: ImportFile, **values: Any) -> str:
        return self.get_url(f".{step}_view", id=draft.id, **values)  # type: ignore[no-any-return]

    def _page(self, step: str, draft: ImportFile, **values: Any) -> str:
        known = {"draft": draft, "to": self._to, "header": draft.sample.get("header", [])}
        return self.render(f"admin/imports/{step}.html", **known, **values)  # type: ignore[no-any-return]

    # 1. The file

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        if not allows(import_drafts.NEEDS):
            refuse(import_drafts.NEEDS)
        form = import_forms.UploadForm()
        if form.validate_on_submit():
            url = self._uploaded(form)
            if url:
                return redirect(url)
        page = self.render("admin/imports/new.html", form=form, saved=import_drafts.saved_mappings())
        return (page, 400) if form.errors else page

    def _uploaded(self, form: import_forms.UploadForm) -> str:
        """Where to go on; nothing, with the reason at the field, if the file cannot be taken."""
        given = form.file.data
        if not isinstance(given, FileStorage) or not given.filename:
            put_error(form.file, _("Choose a file."))
            return ""
        by, currency = actor(), company.settings().currency
        db.session.rollback()  # nothing is open while the file is written and read
        store, kept, used = self._store(), "", []
        try:
            with given.stream as stream:
                kept, size = store.keep(stream)

            def take() -> str:
                draft = import_drafts.begin(given.filename or "", kept, size, store, by, currency)
                used.append(kept)
                return self._to("file", draft)

            return once(take)
        except BillingError as refusal:
            used.clear()
            put_error(form.file, str(refusal))
            return ""
        except Exception:
            used.clear()
            raise
        finally:
            if kept and not used:
                store.remove(kept)

    @expose("/file/", methods=("GET", "POST"))
    def file_view(self) -> Any:
        """How it is read, with its first rows."""
        draft = self._draft()
        form = import_forms.ReadingForm(draft)
        if form.validate_on_submit():
            how = {"encoding": form.encoding.data, "delimiter": form.delimiter.data, "quote": form.quote.data}
            try:
                import_drafts.read_again(draft, self._store(), actor(), **how)
                db.session.commit()
                return redirect(self._to("columns" if "next" in request.form else "file", draft))
            except (BadFile, import_drafts.WrongTable) as refusal:
                db.session.rollback()
                put_error(form.encoding if "encoding" in str(refusal) else form.delimiter, str(refusal))
            except BillingError as refusal:
                return self._refused(draft, refusal)
        return self._page("file", draft, form=form), 400 if form.errors else 200

    # 3. and 4. What the check found, and what the import did

    @expose("/details/")
    def details_view(self) -> Any:
        draft = self._draft()
        if draft.state is ImportState.OPEN:
            return redirect(self._to("columns", draft))
        return self._page("details", draft, **import_shown.details(draft, self._store()))

    @expose("/live/")
    def live_view(self) -> Any:
        """The card of the work under way, asked for again and again."""
        draft = self._draft()
        return self._page("live", draft, live=import_shown.live(draft, self._store()))

    @expose("/start/", methods=("POST",))
    def start_view(self) -> Any:
        """Check once more, or import."""
        draft = self._draft()
        if "again" in request.form:
            return self._done(draft, lambda: import_drafts.ask_check(draft, actor()))
        whole, tag = params.only(request.form, "mode") == "whole", params.only(request.form, "tag")
        tag = tag if "tagged" in request.form else ""
        return self._done(draft, lambda: import_drafts.ask_import(draft, actor(), whole=whole, tag=tag))

    def _done(self, draft: ImportFile, do: Callable[[], None]) -> Any:
        """Once for each form; back to the page."""
        try:
            return redirect(once(lambda: (do(), self._to("details", draft))[1]))  # type: ignore[func-returns-value]
        except BillingError as refusal:
            return self._refused(draft, refusal)

    @expose("/wrong-lines/")
    def wrong_view(self) -> Any:
        """The wrong lines with their reasons, to be mended and imported."""
        draft = self._draft()
        if not draft.stored_as or "rejected" not in draft.counts:
            abort(404)
        with import_drafts.open_table(draft, self._store()) as table:
            lines = _csv(import_problems.as_table(draft, table), draft.delimiter)
        return download(lines, "text/csv", f"wrong-lines-{draft.file_name}")

    @expose("/discard/", methods=("POST",))
    def discard_view(self) -> Any:
        draft = self._draft()
        try:
            import_drafts.discard(draft, self._store(), actor())
            db.session.commit()
        except BillingError as refusal:
            return self._refused(draft, refusal)
        flash(_("%(name)s thrown away", name=draft.file_name), "toast")
        return redirect(self.get_url(".index_view"))

    def _refused(self, draft: ImportFile, refusal: BillingError) -> Any:
        db.session.rollback()
        flash(str(refusal), "warning")
        there = "columns" if isinstance(refusal, WrongChoice) else "details"
        return redirect(self._to(there, draft))


def _csv(rows: Iterator[list[str]], delimiter: str) -> str:
    """The whole table: it is at most as large as the file was. The mark in front tells Excel that it is UTF-8."""
    text = io.StringIO()
    text.write("\ufeff")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()
