"""Deciding about lines of a bank statement: confirm the guess, put it on a customer, ignore it, take it back."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import select
from wtforms import Form
from wtforms.validators import InputRequired

from admin import bank_words
from admin.customers.lookup import CustomerField
from admin.doors import kept, once
from admin.links import record_url
from billing import bank_booking, bank_statements
from billing.balances import open_invoices
from billing.bank_matching import suggest
from models import BankLine, BankLineState, BillingError, Customer, Invoice, StatementState, db
from web import params
from web.formatters import money, number
from web.permissions import actor, allows, refuse

NEEDS = "payments.edit"
MOST_INVOICES = 100


class WhoForm(Form):
    customer = CustomerField(_l("Customer"), [InputRequired(_l("Choose the customer whose money it is."))])


class BankLines:
    """Mixed into BankStatementsView."""

    get_url: Any
    render: Any
    _mine: Any

    def _line(self, *, change: bool = True) -> BankLine:
        """The line of the address; 404 if there is none."""
        if change and not allows(NEEDS):
            refuse(NEEDS)
        number_ = params.row_id(request.values.get("line", ""))
        line = db.session.get(BankLine, number_) if number_ is not None else None
        return line if line and line.statement.state == StatementState.READ else abort(404)

    def _back(self, line: BankLine) -> str:
        tab = params.only(request.form, "tab")
        more = {"tab": tab} if tab in dict(bank_words.TABS) else {}
        return self.get_url(".details_view", id=line.bank_statement_id, **more)  # type: ignore[no-any-return]

    def _told(self, line: BankLine, do: Any) -> Any:
        """Once for each form; a refusal is told at the top of the next page."""
        back = self._back(line)
        try:
            return redirect(once(lambda: (do(), back)[1]))
        except BillingError as refusal:
            flash(str(refusal), "warning")
            return redirect(back)

    @expose("/confirm/", methods=("POST",))
    def confirm_view(self) -> Any:
        """Book a line as it was guessed, if that is still the guess."""
        line = self._line()
        shown = params.only(request.form, "guess")

        def do() -> None:
            match = suggest([line]).get(line.id) if line.state == BankLineState.OPEN else None
            if match is None or guess_key(match) != shown:
                raise bank_statements.NotNow(_("Something has changed since you looked. Look again at this line."))
            bank_booking.book_as_guessed(line, match, by=actor())
            flash(_("%(amount)s booked for %(name)s", amount=money(line.amount), name=match.customer), "toast")

        return self._told(line, do)

    @expose("/sure/", methods=("POST",))
    def sure_view(self) -> Any:
        """Book the sure ones, up to 500 at once."""
        statement = self._mine()
        page = self.get_url(".details_view", id=statement.id)
        booked = kept(lambda: bank_booking.book_sure(statement, by=actor()))
        words = ngettext("%(n)s line booked", "%(n)s lines booked", booked.done, n=number(booked.done))
        if booked.refused:
            flash(f"{words}. {_('Left to you:')} {' '.join(booked.refused[:3])}", "warning")
        else:
            flash(words, "toast")
        return redirect(page)

    @expose("/look-again/", methods=("POST",))
    def look_again_view(self) -> Any:
        statement = self._mine()
        kept(lambda: bank_statements.look_again(statement, by=actor()))
        flash(_("Looked again for whose money it is"), "toast")
        return redirect(self.get_url(".details_view", id=statement.id))

    @expose("/line/")
    def line_view(self) -> Any:
        """One line: whose money it is, and on which invoices it goes."""
        line = self._line(change=False)
        match = suggest([line]).get(line.id) if line.state == BankLineState.OPEN else None
        form, customer = self._who(match)
        invoices = open_invoices(customer)[:MOST_INVOICES] if customer else []
        ticked = (
            {one.id for one in match.invoices} if match and customer and match.customer_id == customer.id else set()
        )
        return self.render(
            "admin/bank_statements/line.html", line=line, match=match, form=form, customer=customer, invoices=invoices,
            ticked=ticked, record_url=record_url, Invoice=Invoice, reasons=bank_words.REASONS[line.amount_minor > 0 :],
            state=bank_words.LINES[line.state], sureness=bank_words.sureness, may=allows(NEEDS),
            may_reverse=allows(NEEDS) and allows("payments.refund"),
            payer=record_url(line.payment.customer) if line.payment else "",
        )  # fmt: skip

    def _who(self, match: Any) -> tuple[WhoForm, Customer | None]:
        asked = "customer" in request.args
        form = WhoForm(request.args if asked else None)
        if not asked and match:
            form.customer.data = db.session.get(Customer, match.customer_id)
        if asked:
            form.validate()
        return form, form.customer.data if isinstance(form.customer.data, Customer) else None

    @expose("/book/", methods=("POST",))
    def book_view(self) -> Any:
        """Put a line on a customer, and on the invoices that were ticked."""
        line = self._line()
        number_ = params.row_id(params.only(request.form, "customer"))
        customer = db.session.get(Customer, number_) if number_ is not None else None
        if customer is None:
            abort(404)
        ids = {params.row_id(one) for one in request.form.getlist("invoice")} - {None}
        mine = select(Invoice).where(Invoice.id.in_(ids), Invoice.customer_id == customer.id)
        invoices = list(db.session.scalars(mine.order_by(Invoice.due_on, Invoice.id)))
        if len(invoices) != len(ids):
            abort(404)

        def do() -> None:
            bank_booking.book(line, customer, invoices, by=actor())
            flash(_("%(amount)s booked for %(name)s", amount=money(line.amount), name=customer.name), "toast")

        return self._told(line, do)

    @expose("/ignore/", methods=("POST",))
    def ignore_view(self) -> Any:
        line = self._line()
        reason = params.only(request.form, "own").strip() or params.only(request.form, "reason")

        def do() -> None:
            bank_statements.ignore([line], reason, by=actor())
            undo = self.get_url(".restore_view", line=line.id)
            flash({"text": _("Ignored: %(why)s", why=reason), "undo": undo}, "toast")  # type: ignore[arg-type]

        return self._told(line, do)

    @expose("/restore/", methods=("POST",))
    def restore_view(self) -> Any:
        line = self._line()
        return self._told(line, lambda: bank_statements.restore(line, by=actor()))

    @expose("/take-back/", methods=("POST",))
    def take_back_view(self) -> Any:
        """The booking was wrong: the payment is reversed, the line is open again."""
        line = self._line()
        reason = params.only(request.form, "reason").strip()

        def do() -> None:
            bank_booking.take_back(line, reason, by=actor())
            flash(_("Taken back; the line is to do again"), "toast")

        return self._told(line, do)


def guess_key(match: Any) -> str:
    """What a form says about the guess it was printed with."""
    return ".".join(map(str, (match.customer_id, *(one.id for one in match.invoices))))
