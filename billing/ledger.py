"""The books. Every change of money is a posting whose entries sum to zero; nothing is ever changed or removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import BigInteger, func, select, type_coerce

from models import Account, BillingError, Customer, LedgerEntry, LedgerPosting, Money, db
from models.bulk import Row, add_to_rows, insert_rows, insert_told

_HEAD = "kind", "customer_id", "on", "invoice_id", "payment_id", "credit_id"
_ENTRY = "posting_id", "customer_id", "account", "currency", "amount_minor"


class Unbalanced(BillingError):
    """The entries of a posting do not sum to zero."""


class ClosedAccount(BillingError):
    """The customer's account is in another currency."""


@dataclass(frozen=True, slots=True)
class Posting:
    """What `post` takes, for those who write many at once."""

    kind: str
    customer: Customer
    on: date
    entries: Mapping[Account, Money]
    invoice_id: int | None = None
    payment_id: int | None = None
    credit_id: int | None = None


def post(
    kind: str,
    customer: Customer,
    on: date,
    entries: Mapping[Account, Money],
    *,
    invoice_id: int | None = None,
    payment_id: int | None = None,
    credit_id: int | None = None,
) -> int:
    """Write one posting (its id is returned) dated `on` and move the customer's stored balance and credit with it.

    `entries` are debits (positive) and credits (negative) per account, all in the customer's currency.
    Raises Unbalanced, ClosedAccount.
    """
    return post_all([Posting(kind, customer, on, entries, invoice_id, payment_id, credit_id)])[0]


def post_all(postings: Sequence[Posting]) -> list[int]:
    """The same for many, in two statements a table. Balances move in the order of the customers' ids.
    Raises Unbalanced, ClosedAccount; then none is written."""
    ids = _write(postings)
    _refuse_closed(postings, _move_balances(postings))
    return ids


def take_over(primary: Customer, merged: Customer, on: date) -> None:
    """Bring what every account of `merged` comes to onto the primary's, by one posting each. What lies before stays as
    it was written. Both customers are locked by the caller, and in one currency."""
    sums = (
        select(LedgerEntry.currency, LedgerEntry.account, func.sum(type_coerce(LedgerEntry.amount_minor, BigInteger)))
        .where(LedgerEntry.customer_id == merged.id)
        .group_by(LedgerEntry.currency, LedgerEntry.account)
        .order_by(LedgerEntry.currency, LedgerEntry.account)
    )
    by_currency: dict[str, dict[Account, Money]] = {}
    for currency, account, minor in db.session.execute(sums):
        by_currency.setdefault(currency, {})[account] = Money(int(minor), currency)
    postings = [
        posting
        for entries in by_currency.values()
        if any(entries.values())
        for posting in (
            Posting("merge", merged, on, {account: -money for account, money in entries.items()}),
            Posting("merge", primary, on, entries),
        )
    ]
    _write(postings)
    _move_balances(postings)


def _refuse_closed(postings: Sequence[Posting], accounts: Iterable[Row]) -> None:
    """Nothing is booked any more for a customer that was merged away meanwhile, nor in a currency that the account was
    changed from. `accounts` are their rows as they are since they are locked."""
    wanted = {posting.customer.id: _currency(posting) for posting in postings}
    for number, name, currency, merged_into in accounts:
        if merged_into is not None:
            raise ClosedAccount(f"{name} was merged into another customer. Nothing was booked; look for it there.")
        if wanted[number] not in ("", currency):
            raise ClosedAccount(f"{name}'s account is kept in {currency} now. Nothing was booked.")


def _currency(posting: Posting) -> str:
    return next((money.currency for money in posting.entries.values() if money), "")


def _write(postings: Sequence[Posting]) -> list[int]:
    checked = [_amounts(posting) for posting in postings]
    heads = [(p.kind, p.customer.id, p.on, p.invoice_id, p.payment_id, p.credit_id) for p in postings]
    ids = list(insert_told(db.session(), LedgerPosting.__table__, _HEAD, heads))
    entries = [
        (number, posting.customer.id, account.value, money.currency, money.minor)
        for number, posting, amounts in zip(ids, postings, checked, strict=True)
        for account, money in amounts.items()
    ]
    insert_rows(db.session(), LedgerEntry.__table__, _ENTRY, entries)
    return ids


def _amounts(posting: Posting) -> dict[Account, Money]:
    customer = posting.customer
    amounts = {account: money for account, money in posting.entries.items() if money}
    if any(money.currency != customer.currency for money in amounts.values()):
        raise ClosedAccount(f"{customer.name}'s account is kept in {customer.currency}; this is in another currency.")
    if sum(money.minor for money in amounts.values()):
        raise Unbalanced(f"The entries of this {posting.kind} do not sum to zero; nothing was booked.")
    return amounts


def _move_balances(postings: Sequence[Posting]) -> list[Row]:
    """Relative, so that two transactions cannot overwrite each other; outside the version of staff edits. The
    customers' rows, which are locked from then on: id, name, currency, merged_into_id."""
    moves: dict[Customer, list[int]] = {}
    for posting in postings:
        move = moves.setdefault(posting.customer, [0, 0])
        receivable, credit = (_minor(posting, account) for account in (Account.RECEIVABLE, Account.CREDIT))
        move[0] += receivable + credit
        move[1] -= credit
    rows = [(*moves[customer], customer.id) for customer in sorted(moves, key=lambda c: c.id)]
    told = "id", "name", "currency", "merged_into_id"
    accounts = add_to_rows(db.session(), Customer.__table__, ("balance_minor", "credit_minor"), rows, told)
    for customer in moves:
        db.session.expire(customer, ["balance_minor", "credit_minor"])
    return accounts


def _minor(posting: Posting, account: Account) -> int:
    money = posting.entries.get(account)
    return money.minor if money else 0
