"""Writing bills down: every row a bill leaves behind, many bills at a time, in the caller's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from billing import audit, content, new_prices, numbering, outbox, webhook_events, when_paid
from billing.actor import Actor
from models import (
    Account,
    Allocation,
    AuditEvent,
    BillingGroup,
    Charge,
    Company,
    Credit,
    Customer,
    DiscountUse,
    Invoice,
    InvoiceLine,
    InvoiceTax,
    LedgerEntry,
    LedgerPosting,
    PaymentMethod,
    Renewal,
    RunUnit,
    Service,
    UnitState,
    db,
)
from models.bulk import add_to_rows, insert_rows, insert_told, reserve_ids, update_rows

from . import document
from .bill import Bill, Billed
from .build import Tables
from .document import Document, Printer
from .safety import usual_after

Rows = list[tuple[Any, ...]]


def keep(
    bills: Sequence[Bill],
    *,
    run_id: int | None,
    on: date,
    tables: Tables,
    send: bool = True,
    new_prices_wait: bool = True,
    by: Actor,
) -> list[int]:
    """Write all that the bills of one day say: next dates, documents, ledger, credit, audit, mail and results.

    The document numbers are taken after everything that does not need them, so that others wait for them as
    short as can be. `on` is the run's date; documents carry the day they were due to be issued. Without `run_id` they
    were asked for one by one, outside of a run. `send` False queues
    no mail; without `new_prices_wait` it was just looked up, or cannot be, that a new price waits for a service.
    Returns the ids of the documents, which the bills know too.
    """
    issued = [bill for bill in bills if bill.makes_invoice]
    _set_aside([bill for bill in bills if bill.state is UnitState.PARKED], by)
    billed = [one for bill in bills if bill.state is not UnitState.PARKED for one in bill.billed]
    _move_on(billed)
    if new_prices_wait:
        _bill_new_prices(billed, by)
    _draw([drawn for bill in issued for drawn in bill.drawn])
    _remember_usual(issued)
    documents = _number(issued, tables, by)
    _write_documents(documents)
    booked = [doc for doc in documents if doc.kind == "invoice"]
    _write_renewals(bills)
    _write_discounts(bills)
    _write_ledger(booked)
    _write_credit_use(booked)
    _write_audit(documents, by)
    if send:
        _queue_mail(documents, by)
    webhook_events.invoices([doc.id for doc in booked], "invoice.issued", by)
    if run_id is not None:
        write_results(bills, run_id)
    settled = [doc for doc in booked if not doc.bill.still_due]
    when_paid.tell_all([when_paid.Paid(doc.id, doc.bill.account.customer_id) for doc in settled], by=by)
    return [doc.id for doc in documents]


def _insert(model: Any, columns: Sequence[str], rows: Rows) -> None:
    insert_rows(db.session, model.__table__, columns, rows)


def _set_aside(bills: Sequence[Bill], by: Actor) -> None:
    rows = [(by.at, bill.reason[:400], bill.amount.minor or None, bill.account.group_id) for bill in bills]
    update_rows(db.session, BillingGroup.__table__, ("parked_at", "parked_reason", "parked_minor"), rows)


def _move_on(billed: Sequence[Billed]) -> None:
    services = [(one.next_on, one.service_id) for one in billed if one.service_id]
    charges = [(one.next_on, one.charge_id) for one in billed if one.charge_id]
    update_rows(db.session, Service.__table__, ("next_renewal_on",), services)
    over = [(None, None, one.service_id) for one in billed if one.steps_over]
    update_rows(db.session, Service.__table__, ("paused_from", "paused_until"), over)
    update_rows(db.session, Charge.__table__, ("next_on",), charges)


def _bill_new_prices(billed: Sequence[Billed], by: Actor) -> None:
    for day in {one.period.start for one in billed if one.service_id}:
        new_prices.bill([one.service_id for one in billed if one.service_id and one.period.start == day], day, by)


def _draw(drawn: Sequence[tuple[int, int, bool]]) -> None:
    """Prepayments shrink by what was taken off; one with nothing left is done."""
    add_to_rows(db.session, Charge.__table__, ("left_minor",), [(-part, one) for one, part, _all in drawn])
    update_rows(db.session, Charge.__table__, ("next_on",), [(None, one) for one, _part, all_ in drawn if all_])


def _remember_usual(bills: Sequence[Bill]) -> None:
    """Only where it moved: most bills are what they were the last time."""
    found = [(bill, usual_after(bill)) for bill in bills]
    rows = [(minor, bill.account.group_id) for bill, minor in found if minor != bill.account.usual_minor]
    update_rows(db.session, BillingGroup.__table__, ("usual_minor",), rows)


def _number(bills: Sequence[Bill], tables: Tables, by: Actor) -> list[Document]:
    if not bills:
        return []
    company = tables.company
    printer = Printer(company, bills)
    issued_on = bills[0].day - timedelta(days=company.issue_days_ahead)
    kinds = [document.kind_of(bill, company) for bill in bills]
    numbers = {kind: _numbers(company, issued_on, kinds.count(kind), kind) for kind in sorted(set(kinds))}
    return [
        printer.print(bill, kind, *next(numbers[kind]), issued_on, by.at)
        for bill, kind in zip(bills, kinds, strict=True)
    ]


def _numbers(company: Company, issued_on: date, count: int, kind: str) -> Iterator[tuple[int, int]]:
    """(series id, number) of each document of a kind."""
    series_id, first = numbering.take(company, issued_on, count, kind)
    return ((series_id, sequence) for sequence in range(first, first + count))


def _write_documents(documents: Sequence[Document]) -> None:
    ids = insert_told(db.session, Invoice.__table__, document.INVOICE, [doc.invoice for doc in documents])
    for doc, number in zip(documents, ids, strict=True):
        doc.bill.invoice_id = number
    columns = document.DISCOUNTED_LINE if any(doc.discounted for doc in documents) else document.LINE
    _insert(InvoiceLine, ("invoice_id", *columns), [(doc.id, *row) for doc in documents for row in doc.lines])
    _insert(InvoiceTax, ("invoice_id", *content.TAX), [(doc.id, *row) for doc in documents for row in doc.taxes])


def _write_renewals(bills: Sequence[Bill]) -> None:
    columns = (
        "service_id", "charge_id", "billing_group_id", "invoice_id", "period_start", "period_end", "currency",
        "amount_minor", "void",
    )  # fmt: skip
    rows: Rows = []
    for bill in bills:
        if bill.state is UnitState.PARKED:
            continue
        invoice_id, group_id = bill.invoice_id, bill.account.group_id
        for one in bill.billed:
            amount = one.amount.minor if invoice_id else 0
            period = one.period
            rows.append(
                (
                    one.service_id, one.charge_id, group_id, invoice_id, period.start, period.end,
                    one.amount.currency, amount, False,
                )
            )  # fmt: skip
    _insert(Renewal, columns, rows)


def _write_discounts(bills: Sequence[Bill]) -> None:
    """What each discount took off each service; also where nothing was left to pay, so that a free month counts."""
    taken: dict[tuple[int, int, int], list[Any]] = {}
    for place, bill in enumerate(bills):
        if bill.state is UnitState.PARKED or bill.account.payment_method == PaymentMethod.FREE:
            continue
        for line in bill.lines:
            for part in line.cut.parts if line.cut else ():
                key = place, part.discount_id, line.service_id or 0
                row = taken.setdefault(key, [part.first_on, 0])
                row[0] = min(row[0], part.first_on)
                row[1] += part.minor
    rows = []
    for (place, discount_id, service_id), (first_on, minor) in taken.items():
        bill = bills[place]
        account, invoice_id = bill.account, bill.invoice_id
        rows.append(
            (discount_id, account.customer_id, service_id, invoice_id, bill.day, first_on, account.currency, minor)
        )
    columns = "discount_id", "customer_id", "service_id", "invoice_id", "on", "first_on", "currency", "amount_minor"
    _insert(DiscountUse, columns, rows)


def _write_ledger(documents: Sequence[Document]) -> None:
    """Receivable against revenue and tax, and what customers owe moved by the same sums; nothing where it is zero."""
    documents = [doc for doc in documents if doc.bill.amount]
    postings = [("invoice", doc.bill.account.customer_id, doc.invoice[2], doc.id) for doc in documents]
    ids = insert_told(db.session, LedgerPosting.__table__, ("kind", "customer_id", "on", "invoice_id"), postings)
    entries: Rows = []
    owes: Counter[int] = Counter()
    for posting_id, doc in zip(ids, documents, strict=True):
        totals, customer_id = doc.bill.totals, doc.bill.account.customer_id
        assert totals is not None
        currency = totals.gross.currency
        entries.append((posting_id, customer_id, Account.RECEIVABLE.value, currency, totals.gross.minor))
        if totals.net.minor:
            entries.append((posting_id, customer_id, Account.REVENUE.value, currency, -totals.net.minor))
        if totals.tax.minor:
            entries.append((posting_id, customer_id, Account.TAX.value, currency, -totals.tax.minor))
        owes[customer_id] += totals.gross.minor
    _insert(LedgerEntry, ("posting_id", "customer_id", "account", "currency", "amount_minor"), entries)
    add_to_rows(db.session, Customer.__table__, ("balance_minor",), [(minor, one) for one, minor in owes.items()])


def _write_credit_use(documents: Sequence[Document]) -> None:
    """Credit against receivable: the balance stays, what is in hand and what is open shrink."""
    used = [(doc, credit_id, minor) for doc in documents for credit_id, minor in doc.bill.credit_used]
    if not used:
        return
    postings: Rows = []
    entries: Rows = []
    allocations: Rows = []
    spent: Counter[int] = Counter()
    in_hand: Counter[int] = Counter()
    ids = reserve_ids(db.session, LedgerPosting.__table__, len(used))
    for posting_id, (doc, credit_id, minor) in zip(ids, used, strict=True):
        customer_id, currency, issued_on = doc.bill.account.customer_id, doc.bill.account.currency, doc.invoice[2]
        postings.append((posting_id, "credit_use", customer_id, issued_on, doc.id, credit_id))
        entries.append((posting_id, customer_id, Account.CREDIT.value, currency, minor))
        entries.append((posting_id, customer_id, Account.RECEIVABLE.value, currency, -minor))
        allocations.append((customer_id, doc.id, credit_id, currency, minor, issued_on))
        spent[credit_id] -= minor
        in_hand[customer_id] -= minor
    _insert(LedgerPosting, ("id", "kind", "customer_id", "on", "invoice_id", "credit_id"), postings)
    _insert(LedgerEntry, ("posting_id", "customer_id", "account", "currency", "amount_minor"), entries)
    _insert(Allocation, ("customer_id", "invoice_id", "credit_id", "currency", "amount_minor", "on"), allocations)
    add_to_rows(db.session, Credit.__table__, ("remaining_minor",), [(minor, one) for one, minor in spent.items()])
    add_to_rows(db.session, Customer.__table__, ("credit_minor",), [(minor, one) for one, minor in in_hand.items()])


def _write_audit(documents: Sequence[Document], by: Actor) -> None:
    rows = [
        (
            by.at, f"{doc.kind}.issued", by.name, by.staff_id, None, None, by.address, "invoice", doc.id, doc.number,
            doc.bill.account.customer_id, None, {"total_minor": doc.bill.amount.minor, "currency": doc.invoice[6]},
        )
        for doc in documents
    ]  # fmt: skip
    _insert(AuditEvent, audit.COLUMNS, rows)


def _queue_mail(documents: Sequence[Document], by: Actor) -> None:
    more = outbox.invoice_addresses([doc.bill.account.customer_id for doc in documents])
    items = []
    for doc in documents:
        account, payer = doc.bill.account, doc.bill.payer
        main = payer.email if payer and payer.email else account.email
        items.append((doc.id, account.customer_id, (main, *more.get(account.customer_id, ()))))
    outbox.queue_invoices(items, at=by.at, by=by.name)


def write_results(bills: Sequence[Bill], run_id: int) -> None:
    """One result per bill on the run's record."""
    columns = (
        "run_id", "customer_id", "billing_group_id", "on", "state", "invoice_id", "reason", "currency", "amount_minor",
    )  # fmt: skip
    rows = [
        (
            run_id, bill.account.customer_id, bill.account.group_id, bill.day, bill.state.value,
            bill.invoice_id, bill.reason[:400], bill.account.currency, bill.amount.minor,
        )
        for bill in bills
    ]  # fmt: skip
    _insert(RunUnit, columns, rows)
