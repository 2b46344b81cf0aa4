"""The personal account of a customer: everything that lowered it, by the ledger (features B19), and its terms (B20)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Select, and_, func, select, text, tuple_, type_coerce

from models import Charge, Credit, Customer, Invoice, LedgerEntry, LedgerPosting, Money, Payment, db

from .balances import usable_on
from .statements import OWN

KINDS = (
    "invoice", "refund", "payment_reversed", "payout", "credit_expired", "credit_taken_back", "write_off", "merge",
)  # fmt: skip
"""The postings that can lower an account. Credit that pays an invoice stays inside it and is none of them."""
FREQUENT = frozenset({"invoice", "payment", "credit_use"})
RARE = "ledger_posting.kind NOT IN ('invoice', 'payment', 'credit_use')"
"""Has an index of its own, word for word: the others are found however many frequent ones lie between."""
COUNTED = 10_000
"""More than this is not summed up while somebody waits."""


class Expense(NamedTuple):
    """One debit of the account, in minor units of its currency."""

    posting_id: int
    on: date
    kind: str
    currency: str
    amount_minor: int
    invoice_id: int | None
    number: str | None
    payment_id: int | None
    method: str | None
    credit_id: int | None
    reason: str | None

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which expenses: from one day to another, both included, of some kinds, in one currency; empty means all."""

    since: date | None = None
    until: date | None = None
    kinds: Sequence[str] = ()
    currency: str = ""


def page(customer: Customer, asked: Asked, n: int, before: tuple[date, int] | None = None) -> list[Expense]:
    """The newest `n` of them, before the one of that day and posting; one more than `n` if there are more. Walks the
    index of the customer's days, so that the first page takes the same time however many there are."""
    query = _expenses(customer, asked)
    if before is not None:
        query = query.where(tuple_(LedgerPosting.on, LedgerPosting.id) < tuple_(*before))
    return [_read(row) for row in db.session.execute(_newest(query).limit(n + 1))]


def every(customer: Customer, asked: Asked, most: int) -> Iterator[Expense]:
    """All of them up to `most`, the newest first, for a file."""
    for row in db.session.execute(_newest(_expenses(customer, asked)).limit(most)):
        yield _read(row)


def sums(customer: Customer, asked: Asked) -> list[Money] | None:
    """What they come to, one sum a currency; None if there are too many to add up."""
    some = _expenses(customer, asked).limit(COUNTED + 1).subquery()
    total = func.sum(type_coerce(some.c.amount, BigInteger))
    rows = db.session.execute(select(some.c.currency, total, func.count()).group_by(some.c.currency)).all()
    if sum(row[2] for row in rows) > COUNTED:
        return None
    return [Money(int(row[1]), row[0]) for row in sorted(rows)]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the account comes to: `usable` of the credit can be used today, `expiring` of it runs out by `expires_on`;
    `prepaid` waits to be taken off bills."""

    usable: Money
    expiring: Money
    expires_on: date | None
    prepaid: Money


def standing(customer: Customer, on: date) -> Standing:
    """In two statements."""
    zero, mine = (
        Money.zero(customer.currency),
        (Credit.customer_id == customer.id, Credit.currency == customer.currency),
    )
    first = select(func.min(Credit.expires_on)).where(*mine, *usable_on(on)).scalar_subquery()
    ending = func.sum(type_coerce(Credit.remaining_minor, BigInteger)).filter(Credit.expires_on == first)
    total = func.sum(type_coerce(Credit.remaining_minor, BigInteger))
    usable, expiring, day = db.session.execute(select(total, ending, first).where(*mine, *usable_on(on))).one()
    waiting = Charge.customer_id == customer.id, Charge.left_minor > 0, Charge.next_on.is_not(None)
    left = select(func.sum(type_coerce(Charge.left_minor, BigInteger)))
    prepaid = db.session.scalar(left.where(*waiting, Charge.currency == customer.currency))
    amounts = [Money(int(minor or 0), zero.currency) for minor in (usable, expiring, prepaid)]
    return Standing(amounts[0], amounts[1], day, amounts[2])


def _expenses(customer: Customer, asked: Asked) -> Select[Any]:
    entries = select(func.sum(type_coerce(LedgerEntry.amount_minor, BigInteger)))
    of_posting = (LedgerEntry.posting_id == LedgerPosting.id, LedgerEntry.account.in_(OWN))
    change = entries.where(*of_posting).correlate(LedgerPosting).scalar_subquery()
    currency = select(func.min(LedgerEntry.currency)).where(*of_posting).correlate(LedgerPosting).scalar_subquery()
    posting = LedgerPosting
    query = (
        select(
            posting.id, posting.on, posting.kind, currency.label("currency"), change.label("amount"),
            posting.invoice_id, Invoice.number, posting.payment_id, Payment.method, posting.credit_id, Credit.reason,
        )
        .outerjoin(Invoice, Invoice.id == posting.invoice_id)
        .outerjoin(Payment, Payment.id == posting.payment_id)
        .outerjoin(Credit, Credit.id == posting.credit_id)
        .where(posting.customer_id == customer.id, change > 0)
    )  # fmt: skip
    if asked.since is not None:
        query = query.where(posting.on >= asked.since)
    if asked.until is not None:
        query = query.where(posting.on <= asked.until)
    if asked.kinds:
        query = query.where(posting.kind.in_(asked.kinds))
        if not FREQUENT & {*asked.kinds}:
            query = query.where(text(RARE))
    return query.where(_in_currency(customer, asked.currency, currency)) if asked.currency else query


def _in_currency(customer: Customer, wanted: str, currency: Any) -> ColumnElement[bool]:
    """Of a currency with few entries, those; of another one, what lies between its first and its last, looked at one
    by one. Either way along the index of the customer's entries, however many there are in other currencies."""
    mine = LedgerEntry.customer_id == customer.id, LedgerEntry.account.in_(OWN), LedgerEntry.currency == wanted
    some = select(LedgerEntry.posting_id).where(*mine).limit(COUNTED + 1).subquery()
    if (db.session.scalar(select(func.count()).select_from(some)) or 0) <= COUNTED:
        return LedgerPosting.id.in_(select(LedgerEntry.posting_id).where(*mine))
    ends = select(func.min(LedgerEntry.posting_id), func.max(LedgerEntry.posting_id)).where(*mine)
    first, last = db.session.execute(ends).one()
    return and_(LedgerPosting.id.between(first, last), currency == wanted)


def _read(row: Any) -> Expense:
    """PostgreSQL sums whole numbers to decimals."""
    return Expense._make((*row[:4], int(row[4]), *row[5:]))


def _newest(query: Select[Any]) -> Select[Any]:
    return query.order_by(LedgerPosting.on.desc(), LedgerPosting.id.desc())
