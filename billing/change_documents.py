"""The documents that change a service: written at once from worked-out figures, numbered, frozen and booked.

There is no draft on the way: what a review shows is what is written. A note takes back lines of any number of
documents (credit_parts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from models import (
    Account,
    AuditEvent,
    BillingGroup,
    CreditNote,
    Customer,
    Invoice,
    InvoiceState,
    Payer,
    Proforma,
    db,
)
from models.bulk import Row, insert_rows
from models.writing import blank, insert_now

from . import (
    audit,
    company,
    credit_parts,
    discounts,
    drafts,
    inheritance,
    invoices,
    ledger,
    parties,
    webhook_events,
    when_paid,
)
from .actor import Actor
from .change_figures import turned
from .credit_parts import NotePlan
from .document_lines import WorkedOut


@dataclass(frozen=True, slots=True)
class Head:
    """For whom a document is, and of which day; whether its amounts have the tax in them. `by_run` is one that a job
    may date as of a day that is past; `last_due` is the latest day it may be due; `note` stands on it before others;
    `discount` is what the document's own, which is in its lines, is called: the percentage, if it is one, and the
    reason."""

    customer: Customer
    group: BillingGroup
    payer: Payer | None
    on: date
    prices_include_tax: bool = False
    by_run: bool = False
    last_due: date | None = None
    send: bool = True
    note: str = ""
    discount: tuple[Decimal | None, str] = (None, "")


@dataclass(slots=True)
class Made:
    """A document that is written and booked, but that nobody has been told of yet (`tell`). `traces` are rows for the
    audit log that are to be written (`note_down`, or with others)."""

    document: Invoice
    head: Head
    lines: Sequence[Any]
    traces: list[Row]
    settled: Sequence[Invoice] = ()


def make_invoice(head: Head, worked: WorkedOut, *, asks: bool = True, by: Actor) -> Made:
    """An issued invoice with these lines; a proforma where invoices get their number when they are paid, unless it is
    settled at once (not `asks`). Flushes. Raises NotIssuable, NoExchangeRate."""
    seller, customer = company.settings(), head.customer
    asks = asks and seller.number_when_paid and worked.totals.gross.minor > 0
    document = _new(Proforma if asks else Invoice, head, worked, by)
    days = timedelta(days=int(inheritance.effective(customer, "payment_days").value))
    document.due_on = max(head.on, min(head.on + days, head.last_due or date.max))
    document.note = "\n".join(filter(None, (head.note, inheritance.effective(customer, "invoice_note").value)))
    document.terms = (customer.project.invoice_terms if customer.project else "") or seller.invoice_terms
    if worked.discount:
        document.discount_minor = worked.discount.minor
        document.discount_percent, document.discount_reason = head.discount
    if not asks:
        document.open_minor = document.total_minor
    lines = _write(document, worked, by_run=head.by_run)
    if not asks:
        sums = worked.totals
        entries = {Account.RECEIVABLE: sums.gross, Account.REVENUE: -sums.net, Account.TAX: -sums.tax}
        ledger.post("invoice", customer, head.on, entries, invoice_id=document.id)
    settled = () if asks or document.total_minor else (document,)
    return Made(document, head, lines, [_trace(document, {}, by)], settled)


def make_note(head: Head, worked: WorkedOut, plan: NotePlan, *, reason: str, by: Actor) -> Made:
    """An issued credit note for these lines, which have the signs of an invoice and come to less than nothing. Its
    total goes where `plan` says; the invoices in it are locked. Flushes. Raises NotIssuable, NoExchangeRate."""
    worked = turned(worked)
    note = _new(CreditNote, head, worked, by)
    note.note, note.terms = "\n".join(filter(None, (reason, head.note))), ""
    assert isinstance(note, CreditNote)
    lines = _write(note, worked, by_run=head.by_run)
    credit_parts.book(note, plan, head.customer, by)
    about = {"credit_minor": plan.to_credit.minor, "invoices": ", ".join(part.invoice for part in plan.parts)}
    lowered = [plan.invoices[part.invoice_id] for part in plan.parts if part.off_open]
    return Made(note, head, lines, [_trace(note, about, by)], [one for one in lowered if not one.open_minor])


def note_down(made: Made) -> Made:
    """Write its trace, by the driver: it need not wait for what else is to be written."""
    insert_rows(db.session, AuditEvent.__table__, audit.COLUMNS, made.traces)
    made.traces.clear()
    return made


def tell(made: Made, *, by: Actor) -> Invoice:
    """The trace, what the discounts took off, the mail, word to those who listen, and what waited for an invoice that
    is settled by it. Flushes."""
    document, head = note_down(made).document, made.head
    if any(line.discount_id for line in made.lines):
        discounts.record_uses(document, made.lines)
    if head.send:
        invoices.queue_mail(document, head.payer, by)
    db.session.flush()
    if document.kind == "invoice":
        webhook_events.invoices([document.id], "invoice.issued", by)
    if made.settled:
        when_paid.tell(made.settled, by=by)
    return document


def _trace(document: Invoice, more: Mapping[str, Any], by: Actor) -> Row:
    after = {"total_minor": document.total_minor, "currency": document.currency, **more}
    who = (by.at, f"{document.kind}.issued", by.name, by.staff_id, by.portal_user_id, by.real_staff_id, by.address)
    return (*who, "invoice", document.id, str(document)[:200], document.customer_id, None, after)


def _new(kind: type[Invoice], head: Head, worked: WorkedOut, by: Actor) -> Invoice:
    customer, seller, sums = head.customer, company.settings(), worked.totals
    return blank(
        kind, customer=customer, customer_id=customer.id, billing_group_id=head.group.id,
        payer_id=head.payer.id if head.payer else None,
        currency=customer.currency, created_at=by.at, issued_at=None if head.by_run else by.at, issued_on=head.on,
        state=InvoiceState.DRAFT, net_minor=sums.net.minor, tax_minor=sums.tax.minor, total_minor=sums.gross.minor,
        prices_include_tax=head.prices_include_tax, legal_note=worked.legal_note, period_start=worked.period_start,
        period_end=worked.period_end, fx_currency="", fx_source="", note="", terms="",
        po_number=head.group.po_number or customer.po_number,
        buyer=parties.buyer(customer, head.payer), seller=parties.seller(seller, customer.project),
    )  # fmt: skip


def _write(document: Invoice, worked: WorkedOut, *, by_run: bool) -> list[Any]:
    """Number and freeze it, and write it with its lines and taxes: an INSERT a table."""
    seller = company.settings()
    with db.session.no_autoflush:
        if document.kind != "proforma":
            invoices.exchange(document, seller)
        invoices.draw_number(document, document.kind, seller, in_order=not by_run)
        lines, taxes = drafts.line_rows(worked), drafts.tax_rows(worked)
        invoices.freeze(document, lines, taxes)
    insert_now(document)
    drafts.add_rows(document.id, lines, taxes)
    return lines
