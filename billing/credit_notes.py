"""Credit notes: taking back all or part of an issued invoice, by its lines, never more than is left of each.

Taxes are those of the invoice. All credit notes of an invoice together carry each rate's tax on all they took back,
rounded once (SPEC 3.6): a note carries what the ones before it have not, so that taking back everything in parts
comes to exactly what was billed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import case, func, or_, select, type_coerce
from sqlalchemy.types import BigInteger

from models import (
    Account,
    Allocation,
    CreditNote,
    CreditNotePart,
    Customer,
    Invoice,
    InvoiceLine,
    InvoiceState,
    InvoiceTax,
    Money,
    Payer,
    db,
)

from . import audit, charges, company, credit_parts, drafts, ledger, parties, when_paid, write_offs
from .actor import Actor
from .balances import lock_invoices
from .credited_lines import CannotCredit, Chosen, Left, taken
from .document_lines import WorkedOut, sum_up
from .invoices import PERMISSION, draw_number, freeze, queue_mail
from .tax import DocumentTotals, TaxLine, TaxSubtotal, totals
from .texts import many_lines
from .unused import in_force

__all__ = ["CannotCredit", "Chosen", "Effects", "Left", "check", "credit", "left", "of_invoice", "work_out"]

_Key = tuple[str, Decimal]


@dataclass(frozen=True, slots=True)
class Effects:
    """Where a credit note's total goes: what is open is lowered first, then what was written off, and the rest is the
    customer's credit."""

    total: Money
    off_open: Money
    off_written_off: Money
    to_credit: Money


def check(invoice: Invoice) -> None:
    """Raises CannotCredit where there is nothing to take back."""
    if invoice.kind != "invoice" or invoice.state == InvoiceState.DRAFT:
        raise CannotCredit("A credit note takes back an issued invoice. Change a draft, withdraw a proforma.")
    if invoice.state == InvoiceState.VOID:
        raise CannotCredit(f"{invoice} is void: there is nothing to take back.")
    if invoice.currency != invoice.customer.currency:
        raise CannotCredit(
            f"{invoice} is in {invoice.currency}, but the account is in {invoice.customer.currency} now."
        )
    if invoice.credited_minor >= invoice.total_minor:
        raise CannotCredit(f"All of {invoice} was taken back already.")


def left(invoice: Invoice) -> list[Left]:
    """The lines of an invoice with what is left of each: credit notes took of them, and changes of package gave unused
    days back."""
    touched = invoice.credited_minor or any(line.service_id for line in invoice.lines)
    back = _taken_back(invoice) if touched else {}
    whole = [Left(line, Money.zero(invoice.currency)) for line in invoice.lines]
    return [Left(one.line, one.billed - Money(back.get(one.line.id, 0), invoice.currency)) for one in whole]


def work_out(invoice: Invoice, chosen: Sequence[Chosen] | None) -> tuple[WorkedOut, Effects]:
    """What a credit note for these lines (None: for all that is left) would come to, and where it would go.

    Raises CannotCredit.
    """
    check(invoice)
    there = {one.line.id: one for one in left(invoice)}
    if chosen is None:
        chosen = [Chosen(line_id) for line_id, one in there.items() if one.amount]
    if len({one.line_id for one in chosen}) < len(chosen):
        raise CannotCredit("One line is named twice. Say once how much of it is taken back.")
    lines = [taken(there, one) for one in chosen]
    found = sum_up(lines, currency=invoice.currency, prices_include_tax=invoice.prices_include_tax)
    found = replace(found, totals=_taxed(invoice, found))
    total = found.totals.gross
    if total.minor <= 0:
        raise CannotCredit("This comes to nothing. Choose a line, and how much of it is taken back.")
    rest = invoice.total - invoice.credited
    if total > rest:
        raise CannotCredit(f"Only {rest} of {invoice} is left to be taken back, with tax; this comes to {total}.")
    off_open = min(total, invoice.open)
    off_written = min(total - off_open, invoice.written_off)
    return found, Effects(total, off_open, off_written, total - off_open - off_written)


def credit(
    invoice: Invoice, chosen: Sequence[Chosen] | None, *, reason: str, send: bool = True, by: Actor
) -> CreditNote:
    """Write, number and book a credit note dated today for all (None) or some of what is left of an invoice.

    It lowers what is open first, then what was written off; the rest is the customer's credit. `reason` is printed on
    it; may be empty. Raises CannotCredit, NotIssuable, InvalidText, NotAllowed.
    """
    by.require(PERMISSION)
    reason = many_lines(reason, "The reason")
    found = lock_invoices([invoice.id]).get(invoice.id)
    if found is None:
        raise CannotCredit("This invoice was deleted meanwhile.")
    worked, effects = work_out(found, chosen)
    with db.session.no_autoflush:  # one INSERT at the end
        note = _note(found, worked, reason, by)
        draw_number(note, "credit_note", company.settings())
        lines, taxes = drafts.line_rows(worked), drafts.tax_rows(worked)
        freeze(note, lines, taxes)
    db.session.add(note)
    db.session.flush()
    drafts.add_rows(note.id, lines, taxes)
    _book(found, note, effects, by)
    if any(line.charge_id for line in found.lines):
        charges.restore_prepaid(note, by=by)
    after = {"total_minor": note.total_minor, "currency": note.currency, "credit_minor": effects.to_credit.minor}
    audit.record(by, "credit_note.issued", note, after={**after, "invoice": str(found)})
    audit.record(by, "invoice.credited", found, after={"credit_note": str(note), "total_minor": note.total_minor})
    if send:
        queue_mail(note, db.session.get(Payer, note.payer_id) if note.payer_id else None, by)
    db.session.flush()
    if effects.off_open:
        when_paid.tell([found], by=by)
    return note


def of_invoice(invoice: Invoice, limit: int = 50) -> list[Invoice]:
    """The credit notes of an invoice, also those that are about others too, in the order they were written."""
    parts = select(CreditNotePart.credit_note_id).where(CreditNotePart.invoice_id == invoice.id)
    about = or_(Invoice.original_id == invoice.id, Invoice.id.in_(parts))
    notes = select(Invoice).where(about, Invoice.kind == "credit_note")
    return list(db.session.scalars(notes.order_by(Invoice.id).limit(limit)))


def became_credit(invoice: Invoice) -> Money:
    """What its credit notes took back that had been paid already: it became the customer's credit."""
    if not invoice.credited_minor:
        return Money.zero(invoice.currency)
    put = select(func.sum(type_coerce(Allocation.amount_minor, BigInteger))).where(Allocation.invoice_id == invoice.id)
    paid = Money(int(db.session.scalar(put) or 0), invoice.currency)
    lowered = invoice.total - paid - invoice.written_off - invoice.open
    return invoice.credited - lowered


def _taxed(invoice: Invoice, found: WorkedOut) -> DocumentTotals:
    """The sums with the tax that all notes together carry, less what those before carry."""
    currency, inclusive = invoice.currency, invoice.prices_include_tax
    before = _carried(invoice)
    parts = []
    for own in found.totals.subtotals:
        base = own.taxable + own.tax if inclusive else own.taxable
        was_taxable, was_tax = before.get((own.category, own.rate), (Money.zero(currency), Money.zero(currency)))
        was = was_taxable + was_tax if inclusive else was_taxable
        together = totals(
            [TaxLine(was + base, own.rate, own.category)], currency=currency, prices_include_tax=inclusive
        )
        tax = together.tax - was_tax
        parts.append(TaxSubtotal(own.category, own.rate, base - tax if inclusive else base, tax))
    nothing = Money.zero(currency)
    net, tax = sum((p.taxable for p in parts), nothing), sum((p.tax for p in parts), nothing)
    return DocumentTotals(net, tax, net + tax, tuple(parts))


def _taken_back(invoice: Invoice) -> dict[int | None, int]:
    """Line -> what credit notes and lines of unused days took back of it, in minor units."""
    signed = case((Invoice.kind == "credit_note", InvoiceLine.amount_minor), else_=-InvoiceLine.amount_minor)
    minor = func.sum(type_coerce(signed - InvoiceLine.document_discount_minor, BigInteger))
    sums = select(InvoiceLine.original_line_id, minor).join(Invoice, Invoice.id == InvoiceLine.invoice_id)
    taking = InvoiceLine.original_line_id.in_([line.id for line in invoice.lines]), in_force(Invoice)
    rows = db.session.execute(sums.where(*taking).group_by(InvoiceLine.original_line_id))
    return {line_id: int(taken) for line_id, taken in rows}


def _carried(invoice: Invoice) -> dict[_Key, tuple[Money, Money]]:
    """(category, rate) -> (taxable, tax) of the credit notes there are."""
    if not invoice.credited_minor:
        return {}
    sums = [func.sum(type_coerce(column, BigInteger)) for column in (InvoiceTax.taxable_minor, InvoiceTax.tax_minor)]
    rows = (
        select(InvoiceTax.category, InvoiceTax.rate, *sums)
        .join(Invoice, Invoice.id == InvoiceTax.invoice_id)
        .where(Invoice.original_id == invoice.id, Invoice.kind == "credit_note", Invoice.state == InvoiceState.ISSUED)
        .group_by(InvoiceTax.category, InvoiceTax.rate)
    )
    currency = invoice.currency
    return {
        (row[0], row[1]): (Money(int(row[2]), currency), Money(int(row[3]), currency))
        for row in db.session.execute(rows)
    }


def _note(invoice: Invoice, found: WorkedOut, reason: str, by: Actor) -> CreditNote:
    sums, seller = found.totals, company.settings()
    note = CreditNote(
        original_id=invoice.id, created_at=by.at, issued_at=by.at, issued_on=by.today, note=reason,
        terms="", state=InvoiceState.DRAFT,
        seller=parties.seller(seller, invoice.customer.project), legal_note=_legal_note(invoice, found),
        net_minor=sums.net.minor, tax_minor=sums.tax.minor, total_minor=sums.gross.minor,
        discount_minor=found.discount.minor, discount_reason=invoice.discount_reason if found.discount else "",
        period_start=found.period_start, period_end=found.period_end,
    )  # fmt: skip
    for name in (
        "customer_id", "billing_group_id", "payer_id", "currency", "prices_include_tax", "fx_currency", "fx_rate",
        "fx_source", "buyer", "po_number",
    ):  # fmt: skip
        setattr(note, name, getattr(invoice, name))
    note.customer = db.session.get_one(Customer, invoice.customer_id)
    return note


def _legal_note(invoice: Invoice, found: WorkedOut) -> str:
    """What the law asks to be said, if a line it was said of is taken back."""
    return invoice.legal_note if any(not line.tax.rate for line in found.lines) else ""


def _book(invoice: Invoice, note: CreditNote, effects: Effects, by: Actor) -> None:
    postings = []
    if effects.off_written_off:
        _rows, posting = write_offs.bring_back(invoice, effects.off_written_off, reason=str(note), on=by.today, by=by)
        postings.append(posting)
    lowered = effects.off_open + effects.off_written_off
    invoice.open_minor -= lowered.minor  # it is locked since it was read
    invoice.credited_minor += effects.total.minor
    given = credit_parts.give(note, effects.to_credit) if effects.to_credit else None
    entries = {
        Account.RECEIVABLE: -lowered, Account.CREDIT: -effects.to_credit, Account.REVENUE: note.net,
        Account.TAX: note.tax,
    }  # fmt: skip
    known = {"invoice_id": note.id, "credit_id": given.id if given else None}
    postings.append(ledger.Posting("credit_note", note.customer, by.today, entries, **known))
    ledger.post_all(postings)
