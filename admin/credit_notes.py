"""Writing a credit note: all of an invoice or chosen lines, worked out and looked at before it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin.doors import once
from admin.fields import plain_amount
from admin.line_editor import total_rows
from billing import credit_notes, drafts, invoices
from billing.credit_notes import CannotCredit, Chosen, Left
from billing.document_lines import Amount, InvalidLine, read_quantity
from models import BillingError, Invoice, Money
from web import params
from web.permissions import actor


@dataclass
class Row:
    """A line of the invoice, what of it is left, and what was typed about it."""

    left: Left
    quantity: str
    amount: str
    error: str = ""

    @property
    def id(self) -> int:
        return self.left.line.id

    def chosen(self) -> Chosen | None:
        """What was typed, read; None for nothing. Raises InvalidLine, BillingError, ValueError."""
        if not (self.quantity or self.amount):
            return None
        if self.quantity and self.amount:
            raise InvalidLine(_("Type a quantity or an amount, not both."))
        quantity: Amount | None = read_quantity(self.quantity) if self.quantity else None
        currency = self.left.line.currency
        return Chosen(self.id, quantity, Money.of(plain_amount(self.amount), currency) if self.amount else None)


class CreditNoteDoors:
    """Mixed into InvoicesView."""

    @expose("/credit/", methods=("GET", "POST"))
    def credit_view(self) -> Any:
        self.check_may_edit()  # type: ignore[attr-defined]
        invoice: Invoice = self._found(True)  # type: ignore[attr-defined]
        try:
            credit_notes.check(invoice)
        except CannotCredit as refusal:
            flash(str(refusal), "danger")
            return redirect(self.row_url(invoice))  # type: ignore[attr-defined]
        rows = _rows(invoice)
        if request.method == "GET":
            return self._credit_page(invoice, rows)
        return self._credited(invoice, rows)

    def _credited(self, invoice: Invoice, rows: list[Row]) -> Any:
        """Look at it first; write it if it is what was looked at."""
        whole = request.form.get("what") != "some"
        chosen = None if whole else _read(rows)
        wrong = any(row.error for row in rows)
        try:
            found = None if wrong else credit_notes.work_out(invoice, chosen)
            if found and request.form.get("do") == "write" and params.only(request.form, "seen") == str(found[1].total):
                return redirect(once(lambda: self._write(invoice, chosen)))
        except CannotCredit as refusal:
            at = next((row for row in rows if row.id == refusal.line), None)
            if at is None:
                flash(str(refusal), "danger")
            else:
                at.error = str(refusal)
            return self._credit_page(invoice, rows), 400
        except BillingError as refusal:
            flash(str(refusal), "danger")
            return self._credit_page(invoice, rows), 400
        return self._credit_page(invoice, rows, found), 400 if wrong else 200

    def _write(self, invoice: Invoice, chosen: list[Chosen] | None) -> str:
        reason, send = params.only(request.form, "reason"), bool(request.form.get("send"))
        note = credit_notes.credit(invoice, chosen, reason=reason, send=send, by=actor())
        flash(_("%(note)s issued", note=str(note)), "toast")
        url: str = self.get_url(".details_view", id=note.id)  # type: ignore[attr-defined]
        return url

    def _credit_page(self, invoice: Invoice, rows: list[Row], found: Any = None) -> str:
        worked, effects = found or (None, None)
        page: str = self.render(  # type: ignore[attr-defined]
            "admin/invoices/credit.html",
            invoice=invoice,
            rows=rows,
            what=request.form.get("what", "whole"),
            reason=params.only(request.form, "reason"),
            send=request.method == "GET" or bool(request.form.get("send")),
            totals=total_rows(worked) if worked else None,
            effects=effects,
            addresses=invoices.addresses(invoice, drafts.payer_of(invoice)),
            back=self.row_url(invoice),  # type: ignore[attr-defined]
        )
        return page


def _rows(invoice: Invoice) -> list[Row]:
    sent = request.form
    return [
        Row(one, sent.get(f"quantity-{one.line.id}", "").strip(), sent.get(f"amount-{one.line.id}", "").strip())
        for one in credit_notes.left(invoice)
    ]


def _read(rows: list[Row]) -> list[Chosen]:
    found = []
    for row in rows:
        try:
            chosen = row.chosen()
        except (BillingError, ValueError) as error:
            row.error = error.reason if isinstance(error, InvalidLine) else str(error)
        else:
            found += [chosen] if chosen else []
    if not found and not any(row.error for row in rows):
        raise CannotCredit(_("Type how much of which line is taken back, or take back all that is left."))
    return found
