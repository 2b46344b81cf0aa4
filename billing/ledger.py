"""The books. Every change of money is a posting whose entries sum to zero; nothing is ever changed or removed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlalchemy import update

from models import Account, BillingError, Customer, LedgerEntry, LedgerPosting, Money, db


class Unbalanced(BillingError):
    """The entries of a posting do not sum to zero."""


class ClosedAccount(BillingError):
    """The customer's account is in another currency."""


def post(
    kind: str,
    customer: Customer,
    on: date,
    entries: Mapping[Account, Money],
    *,
    invoice_id: int | None = None,
    payment_id: int | None = None,
    credit_id: int | None = None,
) -> LedgerPosting:
    """Write one posting dated `on` and move the customer's stored balance and credit with it.

    `entries` are debits (positive) and credits (negative) per account, all in the customer's currency.
    Raises Unbalanced, ClosedAccount.
    """
    amounts = {account: money for account, money in entries.items() if money}
    if any(money.currency != customer.currency for money in amounts.values()):
        raise ClosedAccount(f"{customer.name}'s account is kept in {customer.currency}; this is in another currency.")
    if sum(money.minor for money in amounts.values()):
        raise Unbalanced(f"The entries of this {kind} do not sum to zero; nothing was booked.")
    posting = LedgerPosting(
        kind=kind,
        customer_id=customer.id,
        on=on,
        invoice_id=invoice_id,
        payment_id=payment_id,
        credit_id=credit_id,
    )
    posting.entries = [
        LedgerEntry(customer_id=customer.id, account=account, currency=money.currency, amount_minor=money.minor)
        for account, money in amounts.items()
    ]
    db.session.add(posting)
    _move_balance(customer, {account: money.minor for account, money in amounts.items()})
    return posting


def _move_balance(customer: Customer, minor: Mapping[Account, int]) -> None:
    """Relative, so that two transactions cannot overwrite each other; outside the version of staff edits."""
    receivable, credit = minor.get(Account.RECEIVABLE, 0), minor.get(Account.CREDIT, 0)
    db.session.flush()
    db.session.execute(
        update(Customer)
        .where(Customer.id == customer.id)
        .values(
            balance_minor=Customer.balance_minor + receivable + credit,
            credit_minor=Customer.credit_minor - credit,
        )
        .execution_options(synchronize_session=False)
    )
    db.session.expire(customer, ["balance_minor", "credit_minor", "balance", "credit"])
