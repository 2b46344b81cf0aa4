"""Bank statements: the list of files, the lines of one with the best guess for each, and their export."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from flask import Response, redirect, request, stream_with_context
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from admin import bank_words
from admin.bank_lines import NEEDS, BankLines, guess_key
from admin.bank_pages import BankPages
from admin.base import StaffView
from admin.cells import pill
from admin.filter_kinds import choice
from admin.links import record_url
from admin.list_columns import ListColumn
from admin.narrowing import NOBODY
from admin.rights import Open
from billing import bank_statements
from billing.bank_matching import suggest
from billing.csv_cells import defuse
from models import BankLine, BankLineState, BankStatement, Invoice, Payment, StatementState, db
from web import params
from web.permissions import allows

SHOWN = 30


def _open_lines() -> Any:
    """How many lines of the statement of the row are still to do."""
    todo = BankLine.bank_statement_id == BankStatement.id, BankLine.state == BankLineState.OPEN
    return select(func.count()).where(*todo).correlate(BankStatement).scalar_subquery()


class BankStatementsView(BankPages, BankLines, StaffView):
    needs = "payments.view"
    of_customer = NOBODY
    can_view_details = True
    can_create = Open(NEEDS)
    column_list = ("file_name", "first_on", "last_on", "lines", "todo", "made_by", "made_at", "state")
    column_labels = {
        "file_name": _l("File"), "first_on": _l("From"), "last_on": _l("Until"), "lines": _l("Lines"),
        "todo": _l("To do"), "made_by": _l("By"), "made_at": _l("Uploaded"), "state": _l("Status"),
    }  # fmt: skip
    column_details_list = ("id",)  # the page is our own
    column_sortable_list = ("made_at",)
    column_default_sort = ("id", True)
    column_link = "file_name"
    column_numeric = ("lines",)
    column_phone = {"file_name": "title", "made_at": "sub", "state": "end", "todo": "end2"}
    column_formatters = {"state": lambda view, context, row, name: pill(*bank_words.STATEMENTS[row.state])}
    column_extra = (ListColumn("todo", _l("To do"), _open_lines, numeric=True),)
    column_filters = (
        *choice(BankStatement.state, _l("Status"), [(s.value, w) for s, (_k, w) in bank_words.STATEMENTS.items()]),
        "made_at", "made_by", "file_name",
    )  # fmt: skip
    create_label = _l("Read in a statement")
    empty_title = _l("No bank statements yet")
    empty_text = _l(
        "Export the movements of your account as CSV and upload the file. Payments find their invoices by number, "
        "amount and who paid before; you confirm them."
    )

    @expose("/details/")
    def details_view(self) -> Any:
        statement = self._found(True)
        if statement.state == StatementState.OPEN:
            return redirect(self.get_url(".columns_view", id=statement.id))
        if statement.state == StatementState.READING:
            return self.render("admin/bank_statements/reading.html", **self._live(statement))
        counts = bank_statements.counts(statement)
        tab = request.args.get("tab", "")
        tab = tab if tab in dict(bank_words.TABS) else "open" if counts.get("open") else "booked"
        lines, more = self._lines(statement, tab)
        guesses = suggest(lines) if tab in ("open", "sure") else {}
        return self.render(
            "admin/bank_statements/page.html", statement=statement, counts=counts, tab=tab, lines=lines, more=more,
            guesses=guesses, tabs=bank_words.TABS, sureness=bank_words.sureness, guess_key=guess_key, Invoice=Invoice,
            may=allows(NEEDS), record_url=record_url, past=request.args.get("past"),
        )  # fmt: skip

    def _lines(self, statement: BankStatement, tab: str) -> tuple[list[BankLine], int | None]:
        past = params.row_id(request.args.get("past", "")) or 0
        mine = select(BankLine).where(BankLine.bank_statement_id == statement.id, BankLine.id > past)
        mine = mine.where(BankLine.state == ("open" if tab == "sure" else tab))
        mine = mine.where(BankLine.score >= 90) if tab == "sure" else mine
        mine = mine.options(joinedload(BankLine.payment).joinedload(Payment.customer))
        rows = list(db.session.scalars(mine.order_by(BankLine.id).limit(SHOWN + 1)))
        return rows[:SHOWN], rows[SHOWN - 1].id if len(rows) > SHOWN else None

    @expose("/lines/")
    def lines_view(self) -> Any:
        """All lines with what became of them, as a file."""
        statement = self._found(True)
        answer = Response(stream_with_context(_file(statement.id)), mimetype="text/csv")
        answer.headers.set("Content-Disposition", "attachment", filename=f"bank-statement-{statement.id}.csv")
        return answer


def _file(statement_id: int) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text)
    head = _("Line"), _("Day"), _("Amount"), _("Currency"), _("Who paid"), _("IBAN"), _("Text"), _("Reference")
    writer.writerow([*head, _("Status"), _("Reason"), _("Customer"), _("Payment")])
    past = 0
    mine = select(BankLine).where(BankLine.bank_statement_id == statement_id).order_by(BankLine.id).limit(1000)
    mine = mine.options(joinedload(BankLine.payment).joinedload(Payment.customer))
    while rows := db.session.scalars(mine.where(BankLine.id > past)).all():
        for row in rows:
            writer.writerow([defuse(cell) if isinstance(cell, str) else cell for cell in _cells(row)])
        past = rows[-1].id
        db.session.expunge_all()
        yield text.getvalue()
        text.seek(0), text.truncate()
    yield text.getvalue()


def _cells(row: BankLine) -> list[Any]:
    paid = row.payment
    amount = f"{row.amount.decimal():f}" if row.amount_minor > 0 else row.amount.decimal()
    said = [row.number, row.on.isoformat(), amount, row.currency, row.payer_name, row.iban, row.text, row.reference]
    return [*said, str(bank_words.LINES[row.state][1]), row.reason, paid.customer.name if paid else "", row.payment_id]
