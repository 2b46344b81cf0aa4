"""The invoices that money can be put on, as rows of a form: how much of a payment, and of credit in hand, each gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import BooleanField

from admin import links
from admin.fields import AmountField, amount_text, put
from admin.invoice_states import today
from billing import invoices
from models import Customer, Invoice, InvoiceState, Money, db
from web.formatters import money

SHOWN, LATE = 100, 20
"""So many open ones, and so many of which something was written off."""


@dataclass(frozen=True, slots=True)
class Row:
    """One invoice, or a proforma that nobody has paid. `credit` is there only if the customer has some; `late`: nothing
    is open, it was written off."""

    invoice: Invoice
    part: AmountField
    credit: AmountField | None
    late: bool

    @property
    def open(self) -> Money:
        return open_of(self.invoice)

    @property
    def most(self) -> Money:
        return self.open + self.invoice.written_off

    @property
    def overdue(self) -> bool:
        return bool(self.open and self.invoice.due_on and self.invoice.due_on < today())

    @property
    def url(self) -> str:
        return links.record_url(self.invoice, Invoice)


def payable(customer: Customer, first: Invoice | None = None) -> list[Invoice]:
    """What money can be put on: `first`, then the open invoices, those due first in front, then proformas, then those
    of which something was written off. One more than SHOWN if there are more open ones."""
    mine = select(Invoice).where(
        Invoice.customer_id == customer.id,
        Invoice.kind == "invoice",
        Invoice.state == InvoiceState.ISSUED,
        Invoice.currency == customer.currency,
    )
    open_ = db.session.scalars(mine.where(Invoice.open_minor > 0).order_by(Invoice.due_on, Invoice.id).limit(SHOWN + 1))
    late = mine.where(Invoice.open_minor == 0, Invoice.written_off_minor > 0).order_by(Invoice.id.desc()).limit(LATE)
    found = [*open_, *invoices.open_proformas(customer, LATE), *db.session.scalars(late)]
    return [first, *(one for one in found if one.id != first.id)] if first and first in found else found


def open_of(invoice: Invoice) -> Money:
    """What is to be paid: of a proforma all of it, though it is no debt."""
    return invoice.total if invoice.kind == "proforma" and not invoice.became_id else invoice.open


def _shown(found: Sequence[Invoice]) -> list[Invoice]:
    """Without the one that only says that there are more."""
    open_ = [one for one in found if one.open_minor]
    return [*open_[:SHOWN], *(one for one in found if not one.open_minor)]


class RowsForm(FlaskForm):
    """A form with rows. Make it of `made`, which knows the invoices."""

    spread = BooleanField(_l("Oldest first"), description=_l("Fills the invoices from the top. Untick it to type."))

    customer: Customer
    rows: Sequence[Row]

    @classmethod
    def made(cls, customer: Customer, found: Sequence[Invoice], with_credit: bool, **values: Any) -> Any:
        """The form with a row for each of these invoices, of this customer."""
        fields: dict[str, Any] = {}
        for invoice in _shown(found):
            fields[f"part_{invoice.id}"] = AmountField(_("From this payment on %(invoice)s", invoice=str(invoice)))
            if with_credit and open_of(invoice):
                fields[f"credit_{invoice.id}"] = AmountField(_("From credit on %(invoice)s", invoice=str(invoice)))
        form = type(cls.__name__, (cls,), fields)(**values)
        form.customer = customer
        form.rows = [
            Row(i, form[f"part_{i.id}"], form._fields.get(f"credit_{i.id}"), not open_of(i))
            for i in found
            if f"part_{i.id}" in form
        ]
        return form

    def strangers(self) -> bool:
        """Whether something was typed for an invoice that is not offered any more."""
        typed = (
            name for name, value in request.form.items() if name.startswith(("part_", "credit_")) and value.strip()
        )
        return any(name not in self for name in typed)

    def suggest(self, amount: Money) -> None:
        """Fill the rows from the top with what came in, as far as it goes."""
        left = amount
        for row in self.rows:
            if row.late:
                row.part.data = row.part.typed = None
                continue
            part = max(min(left, row.open - self.credit_on(row)), Money.zero(left.currency))
            left -= part
            row.part.data = amount_text(part) if part else None
            row.part.typed = row.part.data or ""

    def part_of(self, row: Row) -> Money:
        return row.part.money(self.customer.currency) or Money.zero(self.customer.currency)

    def credit_on(self, row: Row) -> Money:
        typed = row.credit.money(self.customer.currency) if row.credit and not row.credit.errors else None
        return typed or Money.zero(self.customer.currency)

    def parts(self) -> dict[Invoice, Money]:
        return {row.invoice: part for row in self.rows if (part := self.part_of(row))}

    def credits(self) -> dict[Invoice, Money]:
        return {row.invoice: part for row in self.rows if (part := self.credit_on(row))}

    def fill(self, amount: Money, in_hand: Money) -> bool:
        """Suggest if that is asked for, and check what is there; whether it can be."""
        if self.spread.data:
            for row in self.rows:
                row.part.data = None
            if not self._check_rows(amount, in_hand):
                return False
            self.suggest(amount)
        return self._check_rows(amount, in_hand)

    def _check_rows(self, amount: Money, in_hand: Money) -> bool:
        """Whether what was typed can be; if not, the fields say why."""
        for row in self.rows:
            self._check(row)
        if any(row.part.errors or (row.credit and row.credit.errors) for row in self.rows):
            return False
        used = sum(self.credits().values(), Money.zero(in_hand.currency))
        if used > in_hand:
            last = [row.credit for row in self.rows if self.credit_on(row)][-1]
            put(last, _("Only %(amount)s of credit is in hand.", amount=money(in_hand)))
        typed = sum(self.parts().values(), Money.zero(in_hand.currency))
        if typed > amount:
            last = [row.part for row in self.rows if self.part_of(row)][-1]
            put(last, _("%(over)s more than there is. Lower it.", over=money(typed - amount)))
        return not any(row.part.errors or (row.credit and row.credit.errors) for row in self.rows)

    def _check(self, row: Row) -> None:
        fields = [field for field in (row.part, row.credit) if field is not None and not field.errors]
        if len(fields) < (2 if row.credit else 1) or not all(field.fits(self.customer.currency) for field in fields):
            return
        for field in fields:
            if (field.money(self.customer.currency) or Money.zero(self.customer.currency)).minor < 0:
                put(field, _("An amount is more than zero."))
                return
        if self.part_of(row) + self.credit_on(row) > row.most:
            put(row.part, _("Only %(amount)s can be put on it.", amount=money(row.most)))
        elif self.credit_on(row) > row.open:
            put(row.credit, _("Only %(amount)s of it is open.", amount=money(row.open)))
