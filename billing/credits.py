"""Credit in hand: given by staff or left over from a payment, used for invoices oldest first (SPEC 3.8)."""

from __future__ import annotations

from datetime import date, datetime

from models import Account, Allocation, BillingError, Credit, Customer, Invoice, Money, db

from . import audit, ledger
from .actor import Actor
from .balances import lock_credits, lock_invoice, lower_open, lower_remaining
from .credit import apply


class InvalidCredit(BillingError):
    """This credit cannot be given like that."""


class NotEnoughCredit(BillingError):
    """More was asked for than the customer has in hand, or than the invoice leaves open."""


def grant(
    customer: Customer, amount: Money, *, reason: str, on: date, expires_on: date | None = None, by: Actor
) -> Credit:
    """Give a customer credit out of the business's own pocket, dated `on` (today or before).

    `expires_on` is the last day it can be used. Raises InvalidCredit, NotAllowed.
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
