"""Statements of account: what moved it between two days with the balance after each, and what is still owed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, and_, func, or_, select, type_coerce

from models import (
    Account,
    BillingError,
    Credit,
    Customer,
    Invoice,
    InvoiceState,
    LedgerEntry,
    LedgerPosting,
    Message,
    Money,
    Payment,
    db,
)

from . import audit
from .actor import Actor
from .balances import usable_on
from .outbox import invoice_addresses, queue_about

STATEMENT = "statement"
"""The kind of message that brings one."""
MOVEMENTS, OPEN_ITEMS = "movements", "open_items"
AT_ONCE = 1000
MOST_ROWS = 20_000
"""More movements than that fit no document; pages (`parts`) and files (`rows_of_all`) hold any number."""
TOO_LONG = (
    f"More than {MOST_ROWS:,} movements fall into these days, too many for one document. Choose a shorter period; the "
    "CSV file holds all of them."
)
OWN = (Account.RECEIVABLE, Account.CREDIT)
"""What the balance of a customer is made of; positive is owed (SPEC 3.1)."""


class InvalidPeriod(BillingError):
    """No statement can be made of these days."""


class NobodyToMail(BillingError):
    """There is no address, or nothing to say."""


class Movement(NamedTuple):
    """What changed the balance, by one posting. `change` is what is owed more; in minor units, as `balance`."""

    posting_id: int
    on: date
    kind: str
    change: int
    balance: int
    number: str | None
    due_on: date | None
    method: str | None
    reference: str | None
    reason: str | None
    invoice_id: int | None
    payment_id: int | None
    credit_id: int | None


class Stretch(NamedTuple):
    """A part of a long time. It begins behind the posting `after` of its first day and ends with the posting `upto` of
    its last one: only a day with too many movements for one part is cut."""

    since: date
    until: date
    after: int = 0
    upto: int | None = None


@dataclass(frozen=True, slots=True)
class CurrencyAccount:
    """The account in one currency: the balance before the first day, what moved it, the balance after the last."""

    opening: Money
    movements: list[Movement]
    closing: Money

    @property
    def currency(self) -> str:
        return self.opening.currency

    @property
    def charged(self) -> Money:
        return Money(sum(one.change for one in self.movements if one.change > 0), self.currency)

    @property
    def settled(self) -> Money:
        return Money(-sum(one.change for one in self.movements if one.change < 0), self.currency)


@dataclass(frozen=True, slots=True)
class Statement:
    """From the first day to the last, both included. The currency the account is kept in stands first."""

    customer: Customer
    since: date
    until: date
    accounts: list[CurrencyAccount]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say: no movement, and nothing owed or in hand."""
        return not any(one.movements or one.opening or one.closing for one in self.accounts)


@dataclass(frozen=True, slots=True)
class OpenItems:
    """What is still owed on the day `on`: the open invoices, those due first in front, and the credit in hand."""

    customer: Customer
    on: date
    invoices: list[Invoice]
    credit: Money
    owed: Money = field(init=False)
    overdue: Money = field(init=False)

    def __post_init__(self) -> None:
        zero = Money.zero(self.customer.currency)
        late = [one for one in self.invoices if one.due_on is not None and one.due_on < self.on]
        object.__setattr__(self, "owed", sum((one.open for one in self.invoices), zero))
        object.__setattr__(self, "overdue", sum((one.open for one in late), zero))

    @property
    def is_empty(self) -> bool:
        return not self.invoices


def statement(customer: Customer, since: date, until: date, after: int = 0, upto: int | None = None) -> Statement:
    """What moved the customer's account from `since` to `until` (days in the business's time zone, both included), in
    every currency it was ever kept in, in two statements. What only changed hands inside the account (credit put on an
    invoice) moves nothing. `after` and `upto` are those of a Stretch. Raises InvalidPeriod.
    """
    check_period(since, until)
    before = db.session.execute(entries_before(customer.id, since, after))
    openings = {currency: int(minor) for currency, minor in before}
    found: dict[str, list[Movement]] = {}
    balances = dict(openings)
    for currency, change, known in _postings(customer, Stretch(since, until, after, upto)):
        balances[currency] = balances.get(currency, 0) + change
        moved = (*known[:3], change, balances[currency], *known[3:])
        found.setdefault(currency, []).append(Movement._make(moved))
    names = dict.fromkeys([customer.currency, *sorted(openings), *found])
    accounts = [
        CurrencyAccount(Money(openings.get(name, 0), name), found.get(name, []), Money(balances.get(name, 0), name))
        for name in names
    ]
    first, *others = accounts
    return Statement(customer, since, until, [first, *(one for one in others if one.movements or one.opening)])


def parts(customer: Customer, since: date, until: date, most: int) -> list[Stretch]:
    """The days from `since` to `until` in stretches of at most `most` movements each, one after the other; a day that
    has more is cut. Counts along the index of the customer's days. Raises InvalidPeriod."""
    check_period(since, until)
    mine = LedgerPosting.customer_id == customer.id, LedgerPosting.on >= since, LedgerPosting.on <= until
    counted = select(LedgerPosting.on, func.count()).where(*mine).group_by(LedgerPosting.on).order_by(LedgerPosting.on)
    found, begins, total = [], Stretch(since, until), 0
    for day, count in db.session.execute(counted).all():
        if total and total + count > most:
            found.append(begins._replace(until=day - timedelta(days=1)))
            begins, total = Stretch(day, until), 0
        cuts = _cuts(customer, day, most, count) if count > most else []
        for posting_id in cuts:
            found.append(begins._replace(until=day, upto=posting_id))
            begins = Stretch(day, until, after=posting_id)
        total += count - len(cuts) * most
    return [*found, begins]


def _cuts(customer: Customer, day: date, most: int, count: int) -> list[int]:
    """The last posting of every `most` of a day, but for those that end it."""
    place = func.row_number().over(order_by=LedgerPosting.id).label("place")
    its = select(LedgerPosting.id, place).where(LedgerPosting.customer_id == customer.id, LedgerPosting.on == day)
    rows = its.subquery().c
    wanted = select(rows.id).where(rows.place % most == 0, rows.place < count).order_by(rows.id)
    return list(db.session.scalars(wanted))


def rows_of_all(customer: Customer, since: date, until: date) -> Iterator[tuple[str, ...]]:
    """The statement as the table of `csv_rows`, however many movements there are: read some at a time. Raises
    InvalidPeriod before the first row."""
    check_period(since, until)
    return _all_rows(customer, since, until)


def _all_rows(customer: Customer, since: date, until: date) -> Iterator[tuple[str, ...]]:
    yield HEAD
    openings = {currency: int(minor) for currency, minor in db.session.execute(entries_before(customer.id, since))}
    mine = LedgerEntry.customer_id == customer.id, LedgerEntry.account.in_(OWN)
    ever = db.session.scalars(select(LedgerEntry.currency).where(*mine).distinct()).all()
    for name in dict.fromkeys([customer.currency, *sorted(ever)]):
        yield from _rows_in(customer, name, openings.get(name, 0), since, until)


def _rows_in(customer: Customer, name: str, balance: int, since: date, until: date) -> Iterator[tuple[str, ...]]:
    """One currency; nothing for another than the account's in which nothing moved."""
    wanted = movements_between(customer.id, since, until).where(LedgerEntry.currency == name).limit(None)
    rows = db.session.execute(wanted.execution_options(yield_per=AT_ONCE))
    told = name == customer.currency or balance
    if told:
        yield _boundary("opening_balance", since, balance, name)
    for _posting, entries in groupby(rows, key=itemgetter(0)):
        first, *others = entries
        change = first[2] + sum(entry[2] for entry in others)
        if change and not told:
            yield _boundary("opening_balance", since, balance, name)
            told = True
        balance += change
        if change:
            yield _row(Movement._make((first[0], *first[3:5], change, balance, *first[5:])), name)
    if told:
        yield _boundary("closing_balance", until, balance, name)


def open_items(customer: Customer, on: date) -> OpenItems:
    """What the customer still owes as of now, told with the day `on` (today). Raises InvalidPeriod."""
    owed = (
        Invoice.customer_id == customer.id,
        Invoice.kind == "invoice",
        Invoice.state == InvoiceState.ISSUED,
        Invoice.open_minor > 0,
        Invoice.currency == customer.currency,
    )
    wanted = select(Invoice).where(*owed).order_by(Invoice.due_on, Invoice.id).limit(MOST_ROWS + 1)
    invoices = list(db.session.scalars(wanted))
    if len(invoices) > MOST_ROWS:
        raise InvalidPeriod(f"More than {MOST_ROWS:,} invoices are open: too many for one list. Export the invoices.")
    mine = Credit.customer_id == customer.id, Credit.currency == customer.currency
    in_hand = select(func.coalesce(func.sum(Credit.remaining_minor), 0)).where(*mine, *usable_on(on))
    return OpenItems(customer, on, invoices, Money(int(db.session.scalar(in_hand) or 0), customer.currency))


def check_period(since: date, until: date) -> None:
    """Raises InvalidPeriod."""
    for day in (since, until):
        if isinstance(day, datetime) or not isinstance(day, date) or not 1970 <= day.year <= 2200:
            raise InvalidPeriod("A statement is from one day to another, such as 2026-11-01 to 2026-11-30.")
    if until < since:
        raise InvalidPeriod("The last day lies before the first.")


def mail(
    customer: Customer, since: date, until: date, *, variant: str = MOVEMENTS, even_empty: bool = True, by: Actor
) -> Message:
    """Queue a mail with the statement to the customer and everybody who gets its invoices; it is written when it
    leaves. `variant` OPEN_ITEMS tells what is owed on that day instead. Raises InvalidPeriod, NobodyToMail (also for a
    statement with nothing on it unless `even_empty`), NotAllowed."""
    by.require("messages.send")
    check_period(since, until)
    if variant not in (MOVEMENTS, OPEN_ITEMS):
        raise InvalidPeriod("A statement tells the movements of a period, or the open items.")
    if variant == MOVEMENTS:
        _check_length(customer, since, until)
    addresses = [customer.email, *invoice_addresses([customer.id]).get(customer.id, ())]
    if not any(address.strip() for address in addresses):
        raise NobodyToMail(f"{customer.name} has no e-mail address.")
    if not even_empty and _is_empty(customer, since, until, variant):
        raise NobodyToMail("Nothing moved in these days and nothing is owed, so there is nothing to say.")
    about = {"since": since.isoformat(), "until": until.isoformat(), "variant": variant}
    occasion = f"{customer.id}:{variant}:{since}:{until}:{by.at.isoformat()}"
    message = queue_about(STATEMENT, customer, addresses, occasion, about, category="receipt", by=by)
    if message is None:
        raise NobodyToMail("This statement is on its way already.")
    audit.record(
        by, "customer.statement_mailed", customer, after={**about, "to": ", ".join(map(str, message.deliveries))}
    )
    db.session.flush()
    return message


def _check_length(customer: Customer, since: date, until: date) -> None:
    """Whether a document can hold it, before anybody is promised one."""
    mine = LedgerPosting.customer_id == customer.id, LedgerPosting.on >= since, LedgerPosting.on <= until
    if db.session.scalar(select(LedgerPosting.id).where(*mine).offset(MOST_ROWS).limit(1)) is not None:
        raise InvalidPeriod(TOO_LONG)


def _is_empty(customer: Customer, since: date, until: date, variant: str) -> bool:
    if variant == OPEN_ITEMS:
        return open_items(customer, until).is_empty
    mine = LedgerPosting.customer_id == customer.id
    moved = select(LedgerPosting.id).where(mine, LedgerPosting.on >= since, LedgerPosting.on <= until).limit(1)
    return not customer.balance_minor and db.session.scalar(moved) is None


def entries_before(customer_id: int, since: date, after: int = 0) -> Any:
    """By currency, what the account came to before that day, and with its postings up to `after`."""
    total = func.sum(type_coerce(LedgerEntry.amount_minor, BigInteger))
    return (
        select(LedgerEntry.currency, total)
        .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
        .where(LedgerPosting.customer_id == customer_id, LedgerEntry.account.in_(OWN))
        .where(_before(since, after) if after else LedgerPosting.on < since)
        .group_by(LedgerEntry.currency)
        .having(total != 0)
    )


def _before(since: date, after: int) -> ColumnElement[bool]:
    earlier = and_(LedgerPosting.on == since, LedgerPosting.id <= after)
    return and_(LedgerPosting.on <= since, or_(LedgerPosting.on < since, earlier))


def _postings(customer: Customer, stretch: Stretch) -> Iterator[tuple[str, int, tuple[Any, ...]]]:
    """(currency, what more is owed, the rest of a movement) of each posting that changed the balance, in order."""
    rows = db.session.execute(movements_between(customer.id, *stretch)).all()
    if len(rows) > MOST_ROWS * 2:
        raise InvalidPeriod(TOO_LONG)
    for (_posting, currency), entries in groupby(rows, key=itemgetter(0, 1)):
        first, *others = entries
        change = first[2] + sum(entry[2] for entry in others)
        if change:
            yield currency, change, (first[0], *first[3:])


def movements_between(customer_id: int, since: date, until: date, after: int = 0, upto: int | None = None) -> Any:
    """(posting, currency, amount, and what a Movement tells besides) of each entry of the customer's own accounts;
    `after` and `upto` are those of a Stretch."""
    posting = LedgerPosting
    within = [posting.on >= since, posting.on <= until]
    within += [~_before(since, after)] if after else []
    within += [_before(until, upto)] if upto is not None else []
    return (
        select(
            posting.id, LedgerEntry.currency, LedgerEntry.amount_minor, posting.on, posting.kind,
            Invoice.number, Invoice.due_on, Payment.method, Payment.reference, Credit.reason,
            posting.invoice_id, posting.payment_id, posting.credit_id,
        )
        .join(LedgerEntry, LedgerEntry.posting_id == posting.id)
        .outerjoin(Invoice, Invoice.id == posting.invoice_id)
        .outerjoin(Payment, Payment.id == posting.payment_id)
        .outerjoin(Credit, Credit.id == posting.credit_id)
        .where(posting.customer_id == customer_id, *within, LedgerEntry.account.in_(OWN))
        .order_by(posting.on, posting.id, LedgerEntry.currency)
        .limit(MOST_ROWS * 2 + 1)
    )  # fmt: skip


def csv_rows(found: Statement | OpenItems) -> Iterable[tuple[str, ...]]:
    """The statement as a table: a head, and per currency the opening balance, each movement, the closing balance; or
    the open invoices."""
    return _open_rows(found) if isinstance(found, OpenItems) else _moved_rows(found)


HEAD = ("day", "kind", "document", "details", "currency", "charged", "settled", "balance")


def _moved_rows(found: Statement) -> Iterator[tuple[str, ...]]:
    yield HEAD
    for account in found.accounts:
        name = account.currency
        yield _boundary("opening_balance", found.since, account.opening.minor, name)
        yield from (_row(one, name) for one in account.movements)
        yield _boundary("closing_balance", found.until, account.closing.minor, name)


def _boundary(kind: str, on: date, minor: int, name: str) -> tuple[str, ...]:
    return (on.isoformat(), kind, "", "", name, "", "", str(Money(minor, name).decimal()))


def _row(one: Movement, name: str) -> tuple[str, ...]:
    amount = str(Money(abs(one.change), name).decimal())
    sides = (amount, "") if one.change > 0 else ("", amount)
    details = " ".join(filter(None, (one.method, one.reference, one.reason)))
    balance = str(Money(one.balance, name).decimal())
    return (one.on.isoformat(), one.kind, one.number or "", details, name, *sides, balance)


def _open_rows(found: OpenItems) -> Iterator[tuple[str, ...]]:
    yield ("invoice", "issued", "due", "days_late", "currency", "total", "open")
    for one in found.invoices:
        late = max((found.on - one.due_on).days, 0) if one.due_on else 0
        days = (one.issued_on.isoformat() if one.issued_on else "", one.due_on.isoformat() if one.due_on else "")
        yield (str(one.number), *days, str(late), one.currency, str(one.total.decimal()), str(one.open.decimal()))
