"""Issuing what was written by hand: the number, the frozen words, the books, the mail; and undoing it by a void.

A proforma asks for money before there is an invoice. It is no debt: nothing is booked and nothing is open on it. The
first money put on it makes an invoice of it (`number_proforma`), and then lies on that invoice.

Locks are taken in one order: the document, the number's series, the customer by its posting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update

from models import (
    Account,
    BillingError,
    Charge,
    Company,
    Customer,
    DiscountUse,
    Invoice,
    InvoiceLine,
    InvoiceState,
    InvoiceTax,
    Money,
    Order,
    PackageChange,
    Payer,
    Payment,
    Proforma,
    Renewal,
    Service,
    db,
)
from models.prepared import prepared

from . import (
    allocations,
    audit,
    change_guard,
    charges,
    company,
    content,
    discounts,
    document_templates,
    drafts,
    inheritance,
    ledger,
    line_origins,
    numbering,
    outbox,
    parties,
    webhook_events,
    when_paid,
    write_offs,
)
from .actor import Actor
from .allocations import Settled
from .balances import ChangedMeanwhile, lock_invoices, lock_payment
from .fx import FxTable

PERMISSION = drafts.PERMISSION


class NotIssuable(BillingError):
    """This draft cannot become an invoice like that."""


class NotVoidable(BillingError):
    """This document cannot be undone."""


@dataclass(frozen=True, slots=True)
class VoidEffects:
    """What voiding an invoice would do. `returned` becomes the customer's credit; `periods` were billed by it, and
    `again` says whether they can be billed again: nothing later was billed for the same services and charges."""

    returned: Money
    periods: int
    again: bool


def issue(draft: Invoice, *, send: bool = True, by: Actor) -> Invoice:
    """Give the draft its number, freeze it, book it and queue its mail; a proforma, where invoices are numbered when
    they are paid (Settings) and something is to be paid.

    Taxes and rates are those of the document's day, today unless the draft names an earlier one, which may not lie
    before the newest number's. `send` False queues no mail. Raises NotIssuable, NotADraft, InvalidDraft, InvalidLine,
    NoExchangeRate, NotAllowed.
    """
    by.require(PERMISSION)
    with db.session.no_autoflush:  # one UPDATE at the end, not one for each question on the way
        document, payer = _issued(drafts.lock(draft), by)
    if document.kind == "invoice":
        _book(document)
    discounts.record_uses(document)
    total = {"total_minor": document.total_minor, "currency": document.currency}
    audit.record(by, f"{document.kind}.issued", document, after=total)
    if send:
        queue_mail(document, payer, by)
    db.session.flush()
    if document.kind == "invoice":
        webhook_events.invoices([document.id], "invoice.issued", by)
        if not document.open_minor:
            when_paid.tell([document], by=by)
    return document


def _issued(draft: Invoice, by: Actor) -> tuple[Invoice, Payer | None]:
    """The draft, numbered and frozen, and who is billed."""
    seller, customer, payer = company.settings(), draft.customer, drafts.payer_of(draft)
    drafts.check_customer(customer)
    drafts.check_days(draft.issued_on, draft.due_on, by.today)
    draft.issued_on = draft.issued_on or by.today
    draft.due_on = draft.due_on or due_day(draft, draft.issued_on)
    _check_figures(draft, by.today)
    kind = "proforma" if becomes_proforma(draft) else "invoice"
    if kind == "invoice":
        exchange(draft, seller)
    draft.payer_id = payer.id if payer else None
    draft.buyer, draft.seller = parties.buyer(customer, payer), parties.seller(seller, customer.project)
    return _number(draft, kind, seller, by), payer


def number_proforma(proforma: Invoice, *, send: bool = True, by: Actor) -> Invoice:
    """The invoice a proforma became, made now if it has not yet: dated today, with the figures that were asked for.

    Whoever records money on a proforma calls this first, and puts the money on the invoice it returns; a part of the
    sum is enough. Two at once get the same invoice. Renewals billed by the proforma are the invoice's from then on.
    Raises NotIssuable for a void proforma or what is none, NoExchangeRate. Needs ``payments.edit`` or
    ``invoices.edit``.
    """
    if not by.may(PERMISSION):
        by.require("payments.edit")
    found = lock_invoices([proforma.id]).get(proforma.id)
    if found is None or found.kind != "proforma" or found.state == InvoiceState.DRAFT:
        raise NotIssuable("Only a proforma gets its number when it is paid.")
    if found.became_id:
        return db.session.get_one(Invoice, found.became_id)
    if found.state != InvoiceState.ISSUED:
        raise NotIssuable(f"{found} was withdrawn. Write a new invoice instead.")
    seller, on = company.settings(), by.today
    invoice = _twin(found, on, by)
    exchange(invoice, seller)
    invoice = _number(invoice, "invoice", seller, by)
    _book(invoice)
    found.became_id = invoice.id
    for table in (Renewal, DiscountUse, PackageChange, Order):
        moved = update(table).where(table.invoice_id == found.id).values(invoice_id=invoice.id)
        db.session.execute(moved, execution_options={"synchronize_session": False})
    total = {"total_minor": invoice.total_minor, "currency": invoice.currency, "proforma": str(found)}
    audit.record(by, "invoice.issued", invoice, after=total)
    if send:
        queue_mail(invoice, db.session.get(Payer, invoice.payer_id) if invoice.payer_id else None, by)
    db.session.flush()
    webhook_events.invoices([invoice.id], "invoice.issued", by)
    return invoice


def open_proformas(customer: Customer, limit: int = 50) -> list[Invoice]:
    """The proformas a customer has not paid, the oldest first."""
    mine = select(Invoice).where(Invoice.customer_id == customer.id, *waiting()).order_by(Invoice.id)
    return list(db.session.scalars(mine.limit(limit)))


def waiting() -> tuple[Any, ...]:
    """Which documents are proformas that nobody has paid."""
    return Invoice.kind == "proforma", Invoice.state == InvoiceState.ISSUED, Invoice.became_id.is_(None)


def is_voidable(invoice: Invoice) -> bool:
    """Whether `void` would be done."""
    try:
        _check_voidable(invoice)
    except NotVoidable:
        return False
    return True


def void_effects(invoice: Invoice) -> VoidEffects:
    """What `void` would do; raises NotVoidable where it would refuse."""
    _check_voidable(invoice)
    paid = sum((one.amount for one in allocations.settled_on(invoice)), Money.zero(invoice.currency))
    renewals = _renewals(invoice)
    return VoidEffects(paid, len(renewals), bool(renewals) and all(_is_last(renewal) for renewal in renewals))


def void(invoice: Invoice, reason: str, *, bill_again: bool = False, of_change: bool = False, by: Actor) -> Invoice:
    """Undo an issued invoice, or withdraw a proforma: it keeps its number and says so, and nothing is owed on it.

    What had paid it is the customer's credit again, what was written off no loss any more. The periods it billed
    count as settled, unless `bill_again`: then the next run bills them once more, which only goes while nothing later
    was billed. A corrected invoice is a copy. `of_change` is said where a change of package is undone by it.
    Raises NotVoidable, ChangedMeanwhile, NotAllowed.
    """
    by.require(PERMISSION)
    reason = reason.strip()[:200]
    if not reason:
        raise NotVoidable("Say why it is void; the customer's history keeps it.")
    found, there = _locked(invoice)
    _check_voidable(found, of_change=of_change)
    if bill_again:
        _bill_again(found)
    before = {"state": str(found.state), "open_minor": found.open_minor}
    if found.kind == "invoice":
        _take_back(found, there, reason, by)
    found.state, found.open_minor = InvoiceState.VOID, 0
    charges.restore_prepaid(found, by=by)
    after = {"state": "void", "open_minor": 0, "reason": reason, "bill_again": bill_again}
    audit.record(by, f"{found.kind}.voided", found, before=before, after=after)
    db.session.flush()
    when_paid.voided(found, by=by)
    return found


def addresses(document: Invoice, payer: Payer | None) -> list[str]:
    """Who gets the mail with this customer's documents, each address once."""
    customer = document.customer
    more = outbox.invoice_addresses([customer.id]).get(customer.id, [])
    return list(outbox.distinct([payer.email if payer and payer.email else customer.email, *more]).values())


def queue_mail(document: Invoice, payer: Payer | None, by: Actor) -> int:
    """Queue the mail with the document to all who get this customer's; how many addresses that are."""
    to = addresses(document, payer)
    return outbox.queue_invoices([(document.id, document.customer_id, to)], at=by.at, by=by.name)


def due_day(document: Invoice, issued_on: date) -> date:
    """When it is due if nobody says otherwise: the customer's days to pay after its own day."""
    return issued_on + timedelta(days=int(inheritance.effective(document.customer, "payment_days").value))


def becomes_proforma(draft: Invoice) -> bool:
    """Whether issuing makes a proforma of it: the setting says so, and something is to be paid."""
    return company.settings().number_when_paid and draft.total_minor > 0


def freeze(document: Invoice, lines: Sequence[Any] | None = None, taxes: Sequence[Any] | None = None) -> None:
    """Write down which template it is printed with, and the fingerprint of what a person can read on it."""
    document_templates.stamp(document)
    document.content_hash = content.fingerprint(
        [getattr(document, name) for name in (*content.DOCUMENT, *content.FURTHER_DOCUMENT)],
        [
            [getattr(row, name) for name in (*content.LINE, *content.FURTHER_LINE)]
            for row in (document.lines if lines is None else lines)
        ],
        [[getattr(row, name) for name in content.TAX] for row in (document.taxes if taxes is None else taxes)],
    )


def draw_number(document: Invoice, kind: str, seller: Company, *, in_order: bool = True) -> None:
    """The next number of that kind's series, held until the transaction ends. A document is not dated before the
    newest of its series, except by a run that catches up (not `in_order`); raises NotIssuable."""
    on = document.issued_on
    assert on is not None
    series_id, sequence, newest_on = numbering.take_one(seller, on, kind)
    if in_order and (newest_on is None or newest_on > on):
        _check_order(series_id, sequence - 1, on)
    document.series_id, document.sequence = series_id, sequence
    document.number, document.state = numbering.written(seller, on, sequence, kind), InvoiceState.ISSUED


def _check_order(series_id: int, number_before: int, on: date) -> None:
    for newest in _numbered(series=series_id, number_before=number_before):
        if newest.issued_on > on:
            raise NotIssuable(
                f"{newest.number} is dated {newest.issued_on}, and numbers follow the days: "
                f"date this one {newest.issued_on} or later."
            )


@prepared
def _numbered() -> Any:
    there = Invoice.series_id == bindparam("series"), Invoice.sequence == bindparam("number_before")
    return select(Invoice.number, Invoice.issued_on).where(*there)


def _check_figures(draft: Invoice, today: date) -> None:
    """What was looked at is what is issued: taxes that changed since the draft was saved are shown first."""
    if not draft.lines:
        raise NotIssuable("This draft has no lines yet. Add one, then issue it.")
    found = drafts.worked_out_again(draft, today)
    now = [(line.amount.minor, line.document_discount.minor, line.tax.category, line.tax.rate) for line in found.lines]
    was = [(r.amount_minor, r.document_discount_minor, r.tax_category, r.tax_rate) for r in draft.lines]
    if now != was or found.totals.gross != draft.total:
        raise NotIssuable(
            f"Taxes have changed since this draft was saved: it comes to {found.totals.gross} now, not to "
            f"{draft.total}. Open it, look at it and save it, then issue it."
        )
    if draft.total_minor < 0:
        raise NotIssuable("An invoice below zero is a credit note. Write one for the invoice it takes back.")


def exchange(document: Invoice, seller: Company) -> None:
    """Write down the rate of the document's day into the company's currency. Raises NoExchangeRate."""
    if not seller.currency or seller.currency == document.currency:
        return
    customer = document.customer
    who = {"customer_id": customer.id, "group_id": customer.group_id}
    assert document.issued_on is not None
    exchange = FxTable().exchange(document.currency, seller.currency, document.issued_on, **who)
    document.fx_currency, document.fx_rate, document.fx_source = seller.currency, exchange.rate, exchange.source


def _number(document: Invoice, kind: str, seller: Company, by: Actor) -> Invoice:
    """Numbered, frozen and issued; a draft that becomes a proforma is another object from then on."""
    if kind != document.kind:
        as_kind = update(Invoice).where(Invoice.id == document.id).values(kind=kind)
        db.session.flush()
        db.session.execute(as_kind, execution_options={"synchronize_session": False})
        number = document.id
        db.session.expunge(document)
        document = db.session.get_one(Proforma, number)
    draw_number(document, kind, seller)
    freeze(document)
    document.issued_at = by.at
    document.open_minor = document.total_minor if kind == "invoice" else 0
    db.session.flush()
    return document


def _book(invoice: Invoice) -> None:
    entries = {Account.RECEIVABLE: invoice.total, Account.REVENUE: -invoice.net, Account.TAX: -invoice.tax}
    assert invoice.issued_on is not None
    ledger.post("invoice", invoice.customer, invoice.issued_on, entries, invoice_id=invoice.id)


_SAME = (
    "customer_id", "billing_group_id", "payer_id", "period_start", "period_end", "currency", "net_minor", "tax_minor",
    "total_minor", "discount_percent", "discount_minor", "discount_reason", "prices_include_tax", "buyer", "seller",
    "po_number", "note", "terms", "legal_note",
)  # fmt: skip


def _twin(proforma: Invoice, on: date, by: Actor) -> Invoice:
    """An unnumbered invoice with all that the proforma says."""
    due_on = max(proforma.due_on or on, on)
    twin = Invoice(created_at=by.at, issued_on=on, due_on=due_on, original_id=proforma.id, state=InvoiceState.DRAFT)
    for name in _SAME:
        setattr(twin, name, getattr(proforma, name))
    twin.lines = [InvoiceLine(**_values(row)) for row in proforma.lines]
    twin.taxes = [InvoiceTax(**_values(row)) for row in proforma.taxes]
    db.session.add(twin)
    db.session.flush()
    line_origins.point_within([row.id for row in proforma.lines], twin)
    return twin


def _values(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__mapper__.columns.keys() if name not in ("id", "invoice_id")}  # noqa: SIM118


def _check_voidable(invoice: Invoice, *, of_change: bool = False) -> None:
    if invoice.state == InvoiceState.DRAFT:
        raise NotVoidable("This is a draft: delete it instead.")
    if invoice.state == InvoiceState.VOID:
        raise NotVoidable(f"{invoice} is void already.")
    if invoice.kind == "credit_note":
        raise NotVoidable(f"{invoice} is a credit note, which stays. Bill what it took back by a new invoice.")
    if invoice.became_id:
        raise NotVoidable(
            f"{invoice} became an invoice when it was paid. Void that one, or write a credit note for it."
        )
    if invoice.credited_minor:
        raise NotVoidable(f"There is a credit note for {invoice} already. Write another one for the rest.")
    if invoice.kind == "invoice" and invoice.currency != invoice.customer.currency:
        raise NotVoidable(f"{invoice} is in {invoice.currency}, but the account is in {invoice.customer.currency} now.")
    if why := change_guard.why_not(invoice, of_change=of_change):
        raise NotVoidable(why)


def _locked(invoice: Invoice) -> tuple[Invoice, list[Settled]]:
    """The invoice with what settles it, the payments behind that locked before it."""
    there = allocations.settled_on(invoice)
    for payment in sorted({one.allocation.payment for one in there if one.allocation.payment}, key=lambda p: p.id):
        lock_payment(payment)
    found = lock_invoices([invoice.id]).get(invoice.id)
    if found is None:
        raise NotVoidable("This invoice was deleted meanwhile.")
    now = allocations.settled_on(found)
    if [one.allocation.id for one in now] != [one.allocation.id for one in there]:
        raise ChangedMeanwhile(f"{found} was paid or changed by somebody else just now. Look at it again.")
    return found, now


def _take_back(invoice: Invoice, there: Sequence[Settled], reason: str, by: Actor) -> None:
    """The books as if it had never been: what settled it is in hand again, what was written off no loss any more."""
    nothing = Money.zero(invoice.currency)
    postings = []
    if invoice.written_off:
        _rows, posting = write_offs.bring_back(invoice, invoice.written_off, reason=reason, on=by.today, by=by)
        postings.append(posting)
    by_payment: dict[Payment | None, list[tuple[Settled, Money]]] = {}
    for one in there:
        by_payment.setdefault(one.allocation.payment, []).append((one, one.amount))
    for payment, parts in by_payment.items():
        allocations.book_take_off(parts, payment, by.today)
    back = sum((one.amount for one in there), nothing)
    entries = {Account.REVENUE: invoice.net, Account.TAX: invoice.tax, Account.RECEIVABLE: back - invoice.total}
    entries[Account.CREDIT] = -back
    postings.append(ledger.Posting("void", invoice.customer, by.today, entries, invoice_id=invoice.id))
    ledger.post_all(postings)


def _renewals(invoice: Invoice) -> Sequence[Renewal]:
    mine = select(Renewal).where(Renewal.invoice_id == invoice.id, ~Renewal.void).order_by(Renewal.id)
    return db.session.scalars(mine).all()


def _is_last(renewal: Renewal) -> bool:
    """Whether nothing was billed after it, so that its period can simply come up again."""
    thing = _billed(renewal)
    if isinstance(thing, Service):
        return thing.next_renewal_on == renewal.period_end and thing.status.value != "cancelled"
    return thing.next_on == renewal.period_end or (thing.next_on is None and not (thing.months or thing.days))


def _billed(renewal: Renewal) -> Any:
    table: Any = Service if renewal.service_id else Charge
    return db.session.get_one(table, renewal.service_id or renewal.charge_id)


def _bill_again(invoice: Invoice) -> None:
    renewals = _renewals(invoice)
    if not renewals or not all(_is_last(renewal) for renewal in renewals):
        raise NotVoidable(f"What {invoice} billed cannot be billed again by itself: later periods are billed already.")
    for renewal in renewals:
        renewal.void = True
        thing = _billed(renewal)
        if isinstance(thing, Service):
            thing.next_renewal_on = renewal.period_start
        else:
            thing.next_on = renewal.period_start
