"""Money: the books balance, what is stored beside them agrees with them, and every payment went somewhere once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Table,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from models import (
    Account,
    Allocation,
    Credit,
    CreditNotePart,
    CreditOutflow,
    Customer,
    Invoice,
    InvoiceState,
    LedgerEntry,
    LedgerPosting,
    Outflow,
    Payment,
    Refund,
    Service,
    ServiceStatus,
    WriteOff,
    db,
)
from models.currencies import DECIMALS
from models.types import MinorUnits

from .checks import Check, Query, Scope
from .sql import as_text

CUSTOMERS = "customer", "customers"
INVOICES = "invoice", "invoices"
PAYMENTS = "payment", "payments"


def total(column: Any) -> ColumnElement[int]:
    """The sum as an integer; nothing sums to zero."""
    return func.coalesce(func.sum(type_coerce(column, BigInteger)), 0)


def unbalanced_postings(scope: Scope) -> Query:
    """I01, per currency."""
    sums = select(LedgerEntry.posting_id).group_by(LedgerEntry.posting_id, LedgerEntry.currency)
    wrong = sums.having(total(LedgerEntry.amount_minor) != 0).distinct().subquery()
    shown = LedgerPosting.kind + " of " + as_text(LedgerPosting.on)
    return select(LedgerPosting.id, shown).join(wrong, wrong.c.posting_id == LedgerPosting.id)


def wrong_balances(scope: Scope) -> Query:
    """I02: both sums at once. An entry in a currency that is not the account's counts as missing."""
    is_credit = LedgerEntry.account == Account.CREDIT
    sums = (
        select(
            LedgerEntry.customer_id,
            LedgerEntry.currency,
            total(LedgerEntry.amount_minor).label("balance"),
            total(case((is_credit, -LedgerEntry.amount_minor), else_=0)).label("credit"),
        )
        .where(LedgerEntry.account.in_([Account.RECEIVABLE, Account.CREDIT]))
        .group_by(LedgerEntry.customer_id, LedgerEntry.currency)
        .subquery()
    )
    mine = and_(sums.c.customer_id == Customer.id, sums.c.currency == Customer.currency)
    return (
        select(Customer.id, Customer.name)
        .outerjoin(sums, mine)
        .where(
            or_(
                Customer.balance_minor != func.coalesce(sums.c.balance, 0),
                Customer.credit_minor != func.coalesce(sums.c.credit, 0),
            )
        )
    )


def wrong_service_counts(scope: Scope) -> Query:
    """I02, of the stored number of running services."""
    active = (
        select(Service.customer_id, func.count().label("services"))
        .where(Service.status == ServiceStatus.ACTIVE)
        .group_by(Service.customer_id)
        .subquery()
    )
    counted = select(Customer.id, Customer.name).outerjoin(active, active.c.customer_id == Customer.id)
    return counted.where(Customer.service_count != func.coalesce(active.c.services, 0))


def credit_below_zero(scope: Scope) -> Query:
    """I03, in the order the entries were written; credit in hand is negative in the books."""
    running = func.sum(type_coerce(LedgerEntry.amount_minor, BigInteger)).over(
        partition_by=(LedgerEntry.customer_id, LedgerEntry.currency), order_by=LedgerEntry.id
    )
    entries = select(LedgerEntry.customer_id, running.label("held")).where(LedgerEntry.account == Account.CREDIT)
    history = entries.subquery()
    wrong = select(history.c.customer_id).where(history.c.held > 0).distinct().subquery()
    return select(Customer.id, Customer.name).join(wrong, wrong.c.customer_id == Customer.id)


def untimely_credit(scope: Scope) -> Query:
    """I03: used from the day it was given to its last; what is taken off an invoice again may come back later."""
    in_time = or_(Credit.expires_on.is_(None), Allocation.on <= Credit.expires_on)
    untimely = and_(Allocation.undoes_id.is_(None), or_(Allocation.on < Credit.granted_on, ~in_time))
    return select(Allocation.id, Credit.reason).join(Credit, Credit.id == Allocation.credit_id).where(untimely)


def wrong_open_amounts(scope: Scope) -> Query:
    """I05: what is open = total − what was put on it or written off; a credit note may lower it too, by at most its
    total."""
    put = select(Allocation.invoice_id, total(Allocation.amount_minor).label("amount"))
    put_on = put.group_by(Allocation.invoice_id).subquery()
    taken_back = taken_back_by_invoice()
    paid, back = func.coalesce(put_on.c.amount, 0), func.coalesce(taken_back.c.amount, 0)
    left = Invoice.total_minor - paid - Invoice.written_off_minor - Invoice.open_minor
    right = and_(left >= 0, left <= back, paid.between(0, Invoice.total_minor))
    nothing = and_(Invoice.open_minor == 0, Invoice.written_off_minor == 0, paid == 0)
    is_invoice = and_(Invoice.kind == "invoice", Invoice.state == InvoiceState.ISSUED)
    return (
        select(Invoice.id, func.coalesce(Invoice.number, "draft"))
        .outerjoin(put_on, put_on.c.invoice_id == Invoice.id)
        .outerjoin(taken_back, taken_back.c.invoice_id == Invoice.id)
        .where(
            case((is_invoice, ~right), (Invoice.state == InvoiceState.VOID, Invoice.open_minor != 0), else_=~nothing)
        )
    )


def taken_back_by_invoice() -> Any:
    """What credit notes come to for each invoice: those that name it as their original, and its parts of others."""
    note = Invoice.__table__.alias("note")
    issued = and_(note.c.kind == "credit_note", note.c.state == InvoiceState.ISSUED)
    whole = select(note.c.original_id.label("invoice_id"), note.c.total_minor.label("minor")).where(issued)
    parts = select(CreditNotePart.invoice_id, CreditNotePart.amount_minor)
    parts = parts.join(note, note.c.id == CreditNotePart.credit_note_id).where(issued)
    invoice_id, minor = union_all(whole.where(note.c.original_id.is_not(None)), parts).subquery().c
    return select(invoice_id, total(minor).label("amount")).group_by(invoice_id).subquery()


def payments_not_placed(scope: Scope) -> Query:
    """I06: what came in lies on invoices or in the payment's one credit, which is where refunds are taken from."""
    put = select(Allocation.payment_id, total(Allocation.amount_minor).label("amount"))
    put_on = put.where(Allocation.payment_id.is_not(None)).group_by(Allocation.payment_id).subquery()
    rest = select(Credit.payment_id, total(Credit.amount_minor).label("amount"), func.count().label("rows"))
    kept = rest.where(Credit.payment_id.is_not(None)).group_by(Credit.payment_id).subquery()
    placed = func.coalesce(put_on.c.amount, 0) + func.coalesce(kept.c.amount, 0)
    wrong = or_(placed != Payment.amount_minor, kept.c.rows > 1)
    return (
        select(Payment.id, _named(Payment))
        .outerjoin(put_on, put_on.c.payment_id == Payment.id)
        .outerjoin(kept, kept.c.payment_id == Payment.id)
        .where(wrong)
    )


def wrong_credit_rests(scope: Scope) -> Query:
    """I06, of a credit: its rest is its amount less what was used of it, went back of it and left it otherwise."""
    used = select(Allocation.credit_id, total(Allocation.amount_minor).label("amount"))
    spent = used.where(Allocation.credit_id.is_not(None)).group_by(Allocation.credit_id).subquery()
    outflows = select(CreditOutflow.credit_id, total(CreditOutflow.amount_minor).label("amount"))
    refunds = select(Refund.credit_id, total(Refund.amount_minor).label("amount")).where(Refund.came_back_on.is_(None))
    gone = [
        outflows.group_by(CreditOutflow.credit_id).subquery(), refunds.group_by(Refund.credit_id).subquery(),
    ]  # fmt: skip
    left: ColumnElement[int] = type_coerce(Credit.amount_minor, BigInteger)
    joined = select(Credit.id, Credit.reason)
    for sums in (spent, *gone):
        joined = joined.outerjoin(sums, sums.c.credit_id == Credit.id)
        left = left - func.coalesce(sums.c.amount, 0)
    return joined.where(Credit.remaining_minor != left)


def strangers_money(scope: Scope) -> Query:
    """I08: invoice, source and allocation are one customer's, in one currency."""
    customer = func.coalesce(Payment.customer_id, Credit.customer_id)
    currency = func.coalesce(Payment.currency, Credit.currency)
    differs = or_(
        Allocation.customer_id != Invoice.customer_id,
        Allocation.currency != Invoice.currency,
        Allocation.customer_id != customer,
        Allocation.currency != currency,
    )
    return (
        select(Allocation.id, "on " + func.coalesce(Invoice.number, "a draft"))
        .join(Invoice, Invoice.id == Allocation.invoice_id)
        .outerjoin(Payment, Payment.id == Allocation.payment_id)
        .outerjoin(Credit, Credit.id == Allocation.credit_id)
        .where(differs)
    )


def no_whole_amounts(scope: Scope) -> Query | tuple[()]:
    """I09: SQLite keeps whatever it is given in a column called INTEGER; PostgreSQL cannot hold anything else."""
    if not scope.sqlite:
        return ()
    return union_of(
        [
            _row(table).where(or_(*(func.typeof(c).not_in(["integer", "null"]) for c in amounts)))
            for table in db.metadata.sorted_tables
            if (amounts := [c for c in table.c if isinstance(c.type, MinorUnits)])
        ]
    )


def no_currency(scope: Scope) -> Query:
    """I09; a column that is empty by default may stay empty: something else names the currency then, or nothing."""
    parts = []
    for column in (c for table in db.metadata.sorted_tables for c in table.c if _holds_currency(c)):
        may_be_empty = isinstance(column.default, ScalarElementColumnDefault) and column.default.arg == ""
        parts.append(_row(column.table).add_columns(column.label("code"), literal(may_be_empty).label("may_be_empty")))
    rows = union_all(*parts).subquery()
    known = or_(rows.c.code.in_(list(DECIMALS)), and_(rows.c.may_be_empty, rows.c.code == ""))
    return select(rows.c.id, rows.c.shown).where(or_(rows.c.code.is_(None), ~known))


def _named(payment: Any) -> ColumnElement[str]:
    """What people know a payment by."""
    return payment.method + " of " + as_text(payment.received_on)


def _holds_currency(column: Column[Any]) -> bool:
    named = column.name == "currency" or column.name.endswith("_currency")
    return named or (column.table.name, column.name) in {("fx_rate", "base"), ("fx_rate", "quote")}


def _row(table: Table) -> Query:
    return select(table.c.id, literal(table.name.replace("_", " ")).label("shown"))


def union_of(parts: list[Query]) -> Query:
    """All rows of several queries for (id, name) as one query."""
    return select(union_all(*parts).subquery())


def documents_against_books(scope: Scope) -> Query:
    """I38: replayed from the documents, each account of a customer comes to what the ledger says.

    What is receivable: invoices, less credit notes, less what was put on them or written off; in hand: credits less
    what was used of them, went back or left them otherwise; received: payments less refunds and payouts. A credit
    note's rest, given as credit, moves from receivable to credit. Proformas are not in the books.
    """
    signed = case((Invoice.kind == "credit_note", -Invoice.total_minor), else_=Invoice.total_minor)
    issued = and_(Invoice.state == InvoiceState.ISSUED, Invoice.kind != "proforma")
    on_invoice = Invoice.id == Allocation.invoice_id
    on_credit = Credit.id == Allocation.credit_id
    from_note = Credit.invoice_id.is_not(None)
    books = [Account.RECEIVABLE, Account.CREDIT, Account.CASH]
    entry = (LedgerEntry.customer_id, LedgerEntry.currency, LedgerEntry.account, LedgerEntry.amount_minor)
    parts = [
        _amount(*entry).where(LedgerEntry.account.in_(books)),
        _amount(Invoice.customer_id, Invoice.currency, Account.RECEIVABLE, -signed).where(issued),
        _amount(Invoice.customer_id, Invoice.currency, Account.RECEIVABLE, Allocation.amount_minor).join(
            Allocation, on_invoice
        ),
        _amount(Credit.customer_id, Credit.currency, Account.RECEIVABLE, -Credit.amount_minor).where(from_note),
        _amount(Credit.customer_id, Credit.currency, Account.CREDIT, Credit.amount_minor),
        _amount(Credit.customer_id, Credit.currency, Account.CREDIT, -Allocation.amount_minor).join(
            Allocation, on_credit
        ),
        _amount(Refund.customer_id, Refund.currency, Account.CREDIT, -Refund.amount_minor).where(
            Refund.came_back_on.is_(None)
        ),
        _amount(Payment.customer_id, Payment.currency, Account.CASH, Payment.refunded_minor - Payment.amount_minor),
        _amount(CreditOutflow.customer_id, CreditOutflow.currency, Account.CREDIT, -CreditOutflow.amount_minor),
        _amount(CreditOutflow.customer_id, CreditOutflow.currency, Account.CASH, CreditOutflow.amount_minor).where(
            CreditOutflow.kind == Outflow.PAID_OUT
        ),
        _amount(WriteOff.customer_id, WriteOff.currency, Account.RECEIVABLE, WriteOff.amount_minor),
    ]
    every = union_all(*parts).subquery()
    owner, currency, account, amount = every.c
    grouped = select(owner).group_by(owner, currency, account).having(total(amount) != 0)
    wrong = grouped.distinct().subquery()
    return select(Customer.id, Customer.name).join(wrong, wrong.c[0] == Customer.id)


def _amount(customer: Any, currency: Any, account: Any, minor: Any) -> Query:
    name = literal(account.value) if isinstance(account, Account) else as_text(account)
    return select(customer.label("owner"), currency, name.label("account"), type_coerce(minor, BigInteger))


CHECKS = (
    Check("I01", ("posting", "postings"), "whose entries do not sum to zero", unbalanced_postings),
    Check("I02", CUSTOMERS, "with a balance or credit that is not the sum of the ledger", wrong_balances),
    Check("I02", CUSTOMERS, "with a wrong number of active services", wrong_service_counts),
    Check("I03", CUSTOMERS, "who once had used more credit than they had", credit_below_zero),
    Check("I03", ("use of credit", "uses of credit"), "before it was given or after its last day", untimely_credit),
    Check("I05", INVOICES, "whose open amount is not total less payments, credit and credit notes", wrong_open_amounts),
    Check("I06", PAYMENTS, "not placed exactly once on invoices or as one credit", payments_not_placed),
    Check("I06", ("credit", "credits"), "whose rest is not its amount less what was used", wrong_credit_rests),
    Check("I08", ("allocation", "allocations"), "between different customers or currencies", strangers_money),
    Check("I09", ("row", "rows"), "with an amount that is not a whole number of minor units", no_whole_amounts),
    Check("I09", ("row", "rows"), "without a currency of ISO 4217", no_currency),
    Check("I38", CUSTOMERS, "whose ledger is not what their documents come to", documents_against_books),
)
