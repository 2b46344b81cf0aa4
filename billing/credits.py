"""Credit in hand: given by staff or left over from a payment, used for invoices oldest first (SPEC 3.8)."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select

from models import Account, Allocation, BillingError, Credit, Customer, Invoice, Money, db

from . import audit, ledger, when_paid
from .actor import Actor
from .balances import ChangedMeanwhile, lock_credits, lock_invoice, lower_open, lower_remaining
from .credit import apply
from .texts import one_line


class InvalidCredit(BillingError):
    """This credit cannot be given like that."""


class NotEnoughCredit(BillingError):
    """More was asked for than the customer has in hand, or than the invoice leaves open."""


def grant(
    customer: Customer, amount: Money, *, reason: str, on: date, expires_on: date | None = None, by: Actor
) -> Credit:
    """Give a customer credit out of the business's own pocket, dated `on` (today or before).

    `expires_on` is the last day it can be used. Raises InvalidCredit, InvalidText, NotAllowed.
    """
    by.require("payments.edit")
    _check(customer, amount, reason, on, expires_on, by)
    credit = Credit(
        customer_id=customer.id,
        reason=reason.strip(),
        currency=amount.currency,
        amount_minor=amount.minor,
        remaining_minor=amount.minor,
        granted_on=on,
        expires_on=expires_on,
    )
    db.session.add(credit)
    db.session.flush()
    ledger.post("credit", customer, on, {Account.WRITE_OFF: amount, Account.CREDIT: -amount}, credit_id=credit.id)
    after = {"amount_minor": amount.minor, "currency": amount.currency, "reason": credit.reason}
    audit.record(by, "credit.granted", credit, after={**after, "expires_on": str(expires_on or "")})
    db.session.flush()
    return credit


def change(credit: Credit, *, reason: str, expires_on: date | None, by: Actor) -> Credit:
    """Say differently what a credit is for, or until when it can be used (None: for ever). Only credit that the
    business gave runs out. Raises InvalidCredit, InvalidText, ChangedMeanwhile, NotAllowed."""
    by.require("payments.edit")
    lock(credit)
    if not 0 < len(reason.strip()) <= 200:
        raise InvalidCredit("Say what the credit is for, in at most 200 letters. The customer will read it.")
    one_line(reason, 200, "The reason")
    if expires_on != credit.expires_on:
        _check_expiry(credit, expires_on, by)
    values = {"reason": reason.strip(), "expires_on": expires_on}
    before, after = audit.changes(credit, values)
    credit.reason, credit.expires_on = reason.strip(), expires_on
    if after:
        audit.record(by, "credit.changed", credit, before=before, after=after)
    db.session.flush()
    return credit


def is_gift(credit: Credit) -> bool:
    """Whether the business gave it, rather than the customer having paid for it."""
    return credit.payment_id is None and credit.invoice_id is None


def lock(credit: Credit) -> None:
    """The credit as it is now, locked until the transaction ends. Raises ChangedMeanwhile if it is gone."""
    known = select(Credit).where(Credit.id == credit.id).with_for_update(key_share=True)
    if db.session.scalar(known.execution_options(populate_existing=True)) is None:
        raise ChangedMeanwhile("This credit is not there any more.")


def _check_expiry(credit: Credit, expires_on: date | None, by: Actor) -> None:
    if not is_gift(credit):
        raise InvalidCredit("This is the customer's own money: it does not run out. Pay it out instead.")
    if not credit.remaining_minor:
        raise InvalidCredit("Nothing of this credit is left, so its last day stays as it is. Give a new credit.")
    if expires_on is not None and expires_on < by.today:
        raise InvalidCredit(f"The last day is today ({by.today}) or later. To end it now, take it back.")


def use(invoice: Invoice, amount: Money | None = None, *, on: date, by: Actor) -> list[Allocation]:
    """Pay (part of) an invoice with its customer's credit, the oldest first; what was taken from each credit.

    `amount` None means as much as there is and as the invoice needs. Only credit given by `on`, a day in the
    business's time zone, counts. Raises NotEnoughCredit, NotPayable, ChangedMeanwhile, NotAllowed.
    """
    by.require("payments.edit")
    customer = invoice.customer
    invoice = lock_invoice(invoice)
    credits = lock_credits(customer, on)
    wanted = _wanted(invoice, amount, sum((c.remaining for c in credits), Money.zero(invoice.currency)))
    used, _ = apply(wanted, [credit.remaining for credit in credits])
    taken = [(credit, part) for credit, part in zip(credits, used, strict=True) if part]
    lower_open(invoice, wanted)
    allocations = [_take(invoice, credit, part, on) for credit, part in taken]
    ledger.post(
        "credit_use",
        customer,
        on,
        {Account.CREDIT: wanted, Account.RECEIVABLE: -wanted},
        invoice_id=invoice.id,
    )
    audit.record(by, "credit.used", invoice, after={"amount_minor": wanted.minor, "currency": wanted.currency})
    db.session.flush()
    when_paid.tell([invoice], by=by)
    return allocations


def _check(customer: Customer, amount: Money, reason: str, on: date, expires_on: date | None, by: Actor) -> None:
    if amount.minor <= 0:
        raise InvalidCredit("A credit is more than zero.")
    if amount.currency != customer.currency:
        raise InvalidCredit(
            f"{customer.name}'s account is kept in {customer.currency}. Give the credit in {customer.currency}."
        )
    if not 0 < len(reason.strip()) <= 200:
        raise InvalidCredit("Say what the credit is for, in at most 200 letters. The customer will read it.")
    one_line(reason, 200, "The reason")
    if isinstance(on, datetime) or on.year < 1990 or on > by.today:
        raise InvalidCredit(f"The day of the credit is today ({by.today}) or a day before.")
    if expires_on is not None and expires_on < on:
        raise InvalidCredit("The last day of a credit cannot lie before the day it is given.")


def _wanted(invoice: Invoice, amount: Money | None, available: Money) -> Money:
    if amount is None:
        amount = min(invoice.open, available)
        if not amount:
            raise NotEnoughCredit("There is no credit to use." if invoice.open else f"{invoice} is already paid.")
    if amount.currency != invoice.currency:
        raise NotEnoughCredit(f"{invoice} is in {invoice.currency}. Enter the amount in {invoice.currency}.")
    if amount.minor <= 0:
        raise NotEnoughCredit("The credit to use is more than zero.")
    if amount > invoice.open:
        raise NotEnoughCredit(f"Only {invoice.open} of {invoice} is still open. Use at most that much credit.")
    if amount > available:
        raise NotEnoughCredit(f"The customer has {available} of credit. Use at most that much.")
    return amount


def _take(invoice: Invoice, credit: Credit, part: Money, on: date) -> Allocation:
    lower_remaining(credit, part)
    allocation = Allocation(
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
        credit_id=credit.id,
        currency=part.currency,
        amount_minor=part.minor,
        on=on,
    )
    db.session.add(allocation)
    return allocation
