"""Money that comes in: put on invoices, and what is over becomes the customer's credit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from models import Account, Allocation, BillingError, Credit, Customer, Invoice, Money, Payment, db

from . import audit, invoices, ledger, payment_ways, when_paid, write_offs
from . import receipts as receipts_
from .actor import Actor
from .allocations import book_use, check_part, total, use_posting
from .balances import NotPayable, check_payable, lock_credits, lock_invoices, lower_open, open_ids
from .credit import apply
from .credits import NotEnoughCredit
from .texts import one_line

OVERPAYMENT = "Overpayment"
CAME_AFTER_ALL = "Paid after all"
"""Why a write-off was taken back by a payment."""


class InvalidPayment(BillingError):
    """This payment cannot have happened like that."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money received, for those who record much of it at once; the fields are those of `record`."""

    customer: Customer
    amount: Money
    method: str
    received_on: date
    invoices: Sequence[Invoice] = ()
    oldest_first: bool = False
    reference: str = ""
    parts: Mapping[Invoice, Money] | None = None
    credit: Mapping[Invoice, Money] = field(default_factory=dict)
    gateway: str = ""
    gateway_id: str | None = None


@dataclass(slots=True)
class _Booking:
    """A receipt on its way into the books: which invoice gets how much, and what is left of it."""

    receipt: Receipt
    payment: Payment
    left: Money
    parts: dict[Invoice, Money] = field(default_factory=dict)
    credit: Credit | None = None
    others: list[ledger.Posting] = field(default_factory=list)


def record(
    customer: Customer,
    amount: Money,
    *,
    method: str,
    received_on: date,
    invoices: Sequence[Invoice] = (),
    oldest_first: bool = False,
    parts: Mapping[Invoice, Money] | None = None,
    credit: Mapping[Invoice, Money] | None = None,
    reference: str = "",
    gateway: str = "",
    gateway_id: str | None = None,
    by: Actor,
) -> Payment:
    """Record money received and put it on `invoices`, in their order; a part of one is fine.

    Without invoices, `oldest_first` puts it on the open ones, those due first in front. `parts` says instead exactly
    how much goes on which invoice; more than one leaves open is taken from what was written off of it, which is
    thereby taken back. `credit` is how much of the customer's credit in hand is used beside the payment. A proforma
    becomes an invoice by being paid. What is over becomes a credit. A receipt is queued if the setting says so.
    `received_on` is a day in the business's time zone, today or before. `gateway` and `gateway_id` are who reported it
    and its name there: it is recorded once. Raises InvalidPayment, NotPayable,
    NotEnoughCredit, InvalidAllocation, ChangedMeanwhile, NotAllowed, and what `number_proforma` raises.
    """
    receipt = Receipt(
        customer, amount, method, received_on, invoices, oldest_first, reference, parts, credit or {}, gateway,
        gateway_id,
    )  # fmt: skip
    return record_all([receipt], by=by)[0]


def record_all(receipts: Sequence[Receipt], *, by: Actor) -> list[Payment]:
    """The same for many receipts, one after the other, in few statements. One refusal refuses all of them."""
    by.require("payments.edit")
    for receipt in receipts:
        _check(receipt, by)
    receipts = [_numbered(receipt, by) for receipt in receipts]
    ways = payment_ways.ids(receipt.method.strip() for receipt in receipts)
    bookings = [_booking(receipt, ways, by) for receipt in receipts]
    db.session.add_all([booking.payment for booking in bookings])
    db.session.flush()
    _put_on_invoices(bookings, by)
    _use_credit(bookings, by)
    db.session.add_all([credit for booking in bookings if (credit := _rest(booking))])
    db.session.flush()
    ledger.post_all([posting for booking in bookings for posting in (*booking.others, _posting(booking))])
    for booking in bookings:
        audit.record(by, "payment.recorded", booking.payment, after=_trace(booking))
    receipts_.queue_new([(booking.payment, booking.receipt.customer) for booking in bookings], by=by)
    db.session.flush()
    when_paid.tell(_settled(bookings), by=by)
    return [booking.payment for booking in bookings]


def _check(receipt: Receipt, by: Actor) -> None:
    customer, on = receipt.customer, receipt.received_on
    if receipt.amount.minor <= 0:
        raise InvalidPayment("A payment is more than zero. To give money back, use a refund.")
    if receipt.amount.currency != customer.currency:
        own = customer.currency
        raise InvalidPayment(f"{customer.name}'s account is kept in {own}. Enter the amount received in {own}.")
    if not 0 < len(receipt.method.strip()) <= 60:
        raise InvalidPayment("Say how the money came, such as bank transfer or cash, in at most 60 letters.")
    one_line(receipt.method, 60, "The method")
    if len(receipt.reference) > 120:
        raise InvalidPayment("The reference is too long: 120 letters are enough.")
    one_line(receipt.reference, 120, "The reference", empty=True)
    if isinstance(on, datetime) or on.year < 1990:
        raise InvalidPayment("Enter the day the money came in, such as 2026-11-22.")
    if on > by.today:
        raise InvalidPayment(f"The day the money came in lies in the future ({on}). Today is {by.today}.")
    _check_parts(receipt)


def _check_parts(receipt: Receipt) -> None:
    for amount in (*(receipt.parts or {}).values(), *receipt.credit.values()):
        if amount.currency != receipt.amount.currency:
            raise InvalidPayment(f"Type every amount in {receipt.amount.currency}, the currency of the account.")
        if amount.minor < 0:
            raise InvalidPayment("An amount on an invoice is more than zero. Leave it empty to put nothing there.")
    put = total((receipt.parts or {}).values(), receipt.amount.currency)
    if put > receipt.amount:
        over = put - receipt.amount
        raise InvalidPayment(f"{put} is put on invoices, but {receipt.amount} came in. Lower it by {over}.")


def _numbered(receipt: Receipt, by: Actor) -> Receipt:
    """The same, with the invoices that its proformas become by being paid. What else it takes hold of is locked first:
    making an invoice books it, and the customer is locked last."""
    asked = [one for one in _named(receipt) if one.kind == "proforma"]
    if not asked:
        return receipt
    if any(one.customer_id != receipt.customer.id for one in asked):
        raise NotPayable(f"This is not a document of {receipt.customer.name}. Choose one of the customer's own.")
    lock_invoices(one.id for one in _named(receipt))
    if receipt.credit:
        lock_credits(receipt.customer, by.today)
    became = {one: invoices.number_proforma(one, by=by) for one in asked}
    parts = None if receipt.parts is None else _swapped(receipt.parts, became)
    named = [became.get(one, one) for one in receipt.invoices]
    return replace(receipt, invoices=named, parts=parts, credit=_swapped(receipt.credit, became))


def _swapped(parts: Mapping[Invoice, Money], became: Mapping[Invoice, Invoice]) -> dict[Invoice, Money]:
    return {became.get(one, one): part for one, part in parts.items()}


def _booking(receipt: Receipt, ways: Mapping[str, int], by: Actor) -> _Booking:
    payment = Payment(
        customer_id=receipt.customer.id,
        way_id=ways.get(receipt.method.strip()),
        method=receipt.method.strip(),
        reference=receipt.reference.strip(),
        gateway=receipt.gateway,
        gateway_id=receipt.gateway_id,
        currency=receipt.amount.currency,
        amount_minor=receipt.amount.minor,
        received_on=receipt.received_on,
        recorded_at=by.at,
        recorded_by=by.name,
    )
    return _Booking(receipt, payment, receipt.amount)


def _put_on_invoices(bookings: Sequence[_Booking], by: Actor) -> None:
    """Fill one invoice after the other; those already paid get nothing. Where parts are named, put on exactly those."""
    given = {invoice.id for booking in bookings for invoice in _named(booking.receipt)}
    waiting = [b.receipt for b in bookings if b.receipt.oldest_first and b.receipt.parts is None]
    oldest = open_ids([receipt.customer for receipt in waiting if not receipt.invoices])
    locked = lock_invoices(given.union(*oldest.values()))
    still_open = {invoice.id: invoice.open for invoice in locked.values()}
    for booking in bookings:
        receipt = booking.receipt
        for invoice in _named(receipt):
            check_payable(receipt.customer, locked.get(invoice.id))
        if receipt.parts is not None:
            _put_exactly(booking, receipt.parts, locked, still_open, by)
            continue
        ids = [i.id for i in receipt.invoices] or (oldest.get(receipt.customer.id, []) if receipt.oldest_first else [])
        for invoice_id in ids:
            check_payable(receipt.customer, locked.get(invoice_id))
            _put_on(booking, locked[invoice_id], min(booking.left, still_open[invoice_id]), still_open)


def _named(receipt: Receipt) -> list[Invoice]:
    return [*receipt.invoices, *(receipt.parts or {}), *receipt.credit]


def _put_exactly(
    booking: _Booking,
    parts: Mapping[Invoice, Money],
    locked: Mapping[int, Invoice],
    still_open: dict[int, Money],
    by: Actor,
) -> None:
    for named, part in parts.items():
        invoice, open_ = locked[named.id], still_open[named.id]
        check_part(invoice, part, open_ + invoice.written_off)
        if part > open_:
            late = part - open_
            on, payment = booking.receipt.received_on, booking.payment
            _rows, posting = write_offs.bring_back(
                invoice, late, reason=CAME_AFTER_ALL, on=on, by=by, payment=payment
            )  # fmt: skip
            booking.others.append(posting)
            still_open[invoice.id] = open_ + late
        _put_on(booking, invoice, part, still_open)


def _put_on(booking: _Booking, invoice: Invoice, part: Money, still_open: dict[int, Money]) -> None:
    if not part:
        return
    lower_open(invoice, part)
    still_open[invoice.id] -= part
    booking.left -= part
    booking.parts[invoice] = part
    allocation = Allocation(invoice_id=invoice.id, payment_id=booking.payment.id, on=booking.payment.received_on)
    allocation.customer_id, allocation.amount = booking.payment.customer_id, part
    db.session.add(allocation)


def _use_credit(bookings: Sequence[_Booking], by: Actor) -> None:
    """Use credit in hand where it was asked for beside the payment, the oldest first."""
    for booking in bookings:
        wanted = {invoice: part for invoice, part in booking.receipt.credit.items() if part}
        if wanted:
            rows = _settle_with_credit(booking.receipt.customer, wanted, by)
            booking.others += [use_posting(row) for row in rows]


def _settle_with_credit(customer: Customer, wanted: Mapping[Invoice, Money], by: Actor) -> list[Allocation]:
    credits = lock_credits(customer, by.today)
    left = [credit.remaining for credit in credits]
    in_hand = total(left, customer.currency)
    if total(wanted.values(), customer.currency) > in_hand:
        raise NotEnoughCredit(f"{customer.name} has {in_hand} of credit. Use at most that much.")
    rows = []
    for invoice, part in wanted.items():
        check_part(invoice, part, invoice.open)
        used, _still = apply(part, left)
        rows += [book_use(invoice, credit, p, by.today) for credit, p in zip(credits, used, strict=True) if p]
        left = [rest - p for rest, p in zip(left, used, strict=True)]
    return rows


def _settled(bookings: Sequence[_Booking]) -> Iterator[Invoice]:
    """The invoices on which anything was put."""
    for booking in bookings:
        yield from booking.parts
        yield from (invoice for invoice, part in booking.receipt.credit.items() if part)


def _rest(booking: _Booking) -> Credit | None:
    payment, rest = booking.payment, booking.left
    if rest:
        booking.credit = Credit(
            customer_id=payment.customer_id,
            payment_id=payment.id,
            reason=OVERPAYMENT,
            currency=rest.currency,
            amount_minor=rest.minor,
            remaining_minor=rest.minor,
            granted_on=payment.received_on,
        )
    return booking.credit


def _posting(booking: _Booking) -> ledger.Posting:
    receipt, rest = booking.receipt, booking.left
    return ledger.Posting(
        "payment",
        receipt.customer,
        receipt.received_on,
        {Account.CASH: receipt.amount, Account.RECEIVABLE: rest - receipt.amount, Account.CREDIT: -rest},
        payment_id=booking.payment.id,
        credit_id=booking.credit.id if booking.credit else None,
    )


def _trace(booking: _Booking) -> dict[str, Any]:
    payment, used = booking.payment, {i: part for i, part in booking.receipt.credit.items() if part}
    return {
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "method": payment.method,
        "reference": payment.reference,
        "received_on": payment.received_on.isoformat(),
        "invoices": {str(invoice): part.minor for invoice, part in booking.parts.items()},
        "credit_minor": booking.left.minor,
        **({"credit_used": {str(invoice): part.minor for invoice, part in used.items()}} if used else {}),
    }
