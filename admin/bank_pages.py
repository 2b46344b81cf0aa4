"""The way of a bank's file into the panel: upload, what its columns are, read in."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from werkzeug.datastructures import FileStorage

from admin import bank_words, import_words
from admin.doors import kept, once
from billing import bank_mapping, bank_reading, bank_statements, company, runs
from billing.bank_mapping import BankMapping
from billing.import_store import Store
from messaging import files
from models import BankStatement, BillingError, StatementState, db
from models.currencies import DECIMALS
from web import params, sessions
from web.formatters import number
from web.forms import put_error
from web.permissions import actor, allows, refuse

FOLDER = "bank"
NEEDS = "payments.edit"


class UploadForm(FlaskForm):
    file = FileField(
        _l("File"), [FileRequired(_l("Choose a file."))],
        description=_l("The statement as your bank exports it as CSV; at most 15 MB."),
    )  # fmt: skip


class BankPages:
    """Mixed into BankStatementsView."""

    get_url: Any
    render: Any
    _found: Any

    def _mine(self) -> BankStatement:
        """The statement of the address, for somebody who may book it; 404 if there is none."""
        if not allows(NEEDS):
            refuse(NEEDS)
        return self._found(True)  # type: ignore[no-any-return]

    def _store(self) -> Store:
        return Store(files.folder_of(FOLDER))

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        if not allows(NEEDS):
            refuse(NEEDS)
        form = UploadForm()
        if form.validate_on_submit() and (url := self._uploaded(form)):
            return redirect(url)
        page = self.render("admin/bank_statements/new.html", form=form)
        return (page, 400) if form.errors else page

    def _uploaded(self, form: UploadForm) -> str:
        """Where to go on; nothing, with the reason at the field, if the file cannot be taken."""
        given = form.file.data
        if not isinstance(given, FileStorage) or not given.filename:
            put_error(form.file, _("Choose a file."))
            return ""
        by, currency = actor(), company.settings().currency
        db.session.rollback()  # nothing is open while the file is written
        store, name, used = self._store(), "", []
        try:
            with given.stream as stream:
                name, _size = store.keep(stream)

            def take() -> str:
                statement = bank_statements.take_in(given.filename or "", name, store, currency, by)
                used.append(name)
                return self.get_url(".columns_view", id=statement.id)  # type: ignore[no-any-return]

            return once(take)
        except BillingError as refusal:
            used.clear()
            put_error(form.file, str(refusal))
            return ""
        except Exception:
            used.clear()
            raise
        finally:
            if name and not used:
                store.remove(name)

    @expose("/columns/", methods=("GET", "POST"))
    def columns_view(self) -> Any:
        """What its columns are, with what becomes of the first lines."""
        statement = self._mine()
        if statement.state != StatementState.OPEN:
            return redirect(self.get_url(".details_view", id=statement.id))
        try:
            if request.method == "POST":
                if params.only(request.form, "do") == "again":
                    return self._read_again(statement)
                mapping = _mapping(statement)
                if params.only(request.form, "do") == "read":
                    return self._read_in(statement, mapping)
            else:
                mapping = BankMapping.of(statement.mapping)
            told = statement.error if request.method == "GET" else ""
            return self._columns(statement, mapping, bank_statements.try_out(statement, self._store(), mapping), told)
        except BillingError as refusal:
            db.session.rollback()
            chosen = _mapping(statement) if request.method == "POST" else BankMapping.of(statement.mapping)
            return self._columns(statement, chosen, None, str(refusal)), 400 if request.method == "POST" else 200

    def _columns(self, statement: BankStatement, mapping: BankMapping, reading: Any, wrong: str = "") -> Any:
        layout = statement.layout
        own = company.settings().currency
        columns = [
            (place, name, [row[place] for row in layout["sample"] if place < len(row) and row[place]])
            for place, name in enumerate(layout["header"])
        ]
        return self.render(
            "admin/bank_statements/columns.html", statement=statement, mapping=mapping, reading=reading, wrong=wrong,
            columns=columns, fields=bank_words.FIELDS, dates=bank_words.DATES, decimals=bank_words.DECIMALS,
            currencies=[own, *(code for code in sorted(DECIMALS) if code != own)],
            before=bank_statements.same_file(statement),
            encodings=_with(import_words.ENCODINGS, layout["encoding"]),
            delimiters=_with(import_words.DELIMITERS, layout["delimiter"]), how=layout,
        )  # fmt: skip

    def _read_again(self, statement: BankStatement) -> Any:
        layout = {name: params.only(request.form, name)[:20] for name in ("encoding", "delimiter")}
        kept(lambda: bank_statements.read_again(statement, self._store(), layout, actor()))
        return redirect(self.get_url(".columns_view", id=statement.id))

    def _read_in(self, statement: BankStatement, mapping: BankMapping) -> Any:
        store, stored_as = self._store(), statement.stored_as
        if stored_as and bank_reading.is_long(statement, store):
            return redirect(once(lambda: self._ask(statement, mapping)))

        def do() -> str:
            bank_statements.read_in(statement, store, mapping, actor())
            statement.stored_as = ""
            new, known = statement.lines, statement.known
            words = ngettext("%(n)s new line", "%(n)s new lines", new, n=number(new))
            if known:
                more = ngettext("%(n)s was here already", "%(n)s were here already", known, n=number(known))
                words = f"{words}, {more}"
            flash(words, "toast")
            return self.get_url(".details_view", id=statement.id)  # type: ignore[no-any-return]

        url = once(do)
        if stored_as:
            store.remove(stored_as)
        return redirect(url)

    def _ask(self, statement: BankStatement, mapping: BankMapping) -> str:
        bank_reading.ask(statement, self._store(), mapping, actor())
        return self.get_url(".details_view", id=statement.id)  # type: ignore[no-any-return]

    def _live(self, statement: BankStatement) -> dict[str, Any]:
        at = sessions.now()
        percent = min(statement.done * 100 // statement.total, 100) if statement.total else 0
        nobody = not runs.scheduler_alive(at) and not statement.done
        return {"statement": statement, "percent": percent, "nobody": nobody}

    @expose("/live/")
    def live_view(self) -> Any:
        """How far a long statement is, for the page that watches it."""
        return self.render("admin/bank_statements/live.html", **self._live(self._found(True)))

    @expose("/discard/", methods=("POST",))
    def discard_view(self) -> Any:
        statement = self._mine()
        name, stored_as = statement.file_name, statement.stored_as
        try:
            kept(lambda: bank_statements.discard(statement, by=actor()))
        except BillingError as refusal:
            flash(str(refusal), "warning")
            return redirect(self.get_url(".details_view", id=statement.id))
        if stored_as:
            self._store().remove(stored_as)
        flash(_("%(name)s thrown away", name=name), "toast")
        return redirect(self.get_url(".index_view"))


def _mapping(statement: BankStatement) -> BankMapping:
    """What was chosen on the page of columns; what the page does not offer is not read."""
    offered, form = dict(bank_words.FIELDS), request.form
    chosen = {p: params.only(form, f"column-{p}") for p in range(len(statement.layout["header"]))}
    made = BankMapping({place: name for place, name in chosen.items() if name and name in offered})
    made.date_format = _one(params.only(form, "date_format"), bank_mapping.DATE_FORMATS)
    made.decimal = _one(params.only(form, "decimal"), (".", ","))
    made.currency = params.only(form, "currency").upper()[:3]
    made.flip = "flip" in form
    return made


def _one(value: str, offered: Any) -> str:
    return value if value in offered else str(offered[0])


def _with(pairs: Any, own: str) -> list[tuple[str, Any]]:
    return [*pairs, *([(own, own)] if own not in dict(pairs) else [])]
