"""What payments and credits settle: one row for each part on each invoice, and a row against it to take it off again.

Nothing is ever removed or changed: a row with the opposite amount, naming the one it undoes, keeps every sum true on
every day, and the history tells who moved what and when. What is taken off an invoice is in hand again: of a payment
it goes to that payment's one credit, which grows by it; of a credit it goes back into that credit.

The `_book` functions change rows of invoices and credits that are locked, and leave the posting to their caller.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select, update

from models import Account, Allocation, BillingError, Credit, Invoice, Money, Payment, db

from . import audit, ledger, when_paid
from .actor import Actor
from .balances import (
    check_payable,
    lock_credit,
    lock_invoices,
    lock_payment,
    lower_open,
    lower_remaining,
    raise_open,
)

REST = "Payment not used"
"""What the credit of a payment is for if it began when something was taken off an invoice."""


class InvalidAllocation(BillingError):
    """Money cannot be put there, or taken off there, like that."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How much of a payment, or of its credit, is on an invoice by one row, less what was taken off again."""

    allocation: Allocation
    amount: Money

    @property
    def invoice(self) -> Invoice:
        return self.allocation.invoice


def settled_by(payment: Payment) -> list[Settled]:
    """What a payment settles now, itself and by its credit, in the order it was put there."""
    own = select(Credit.id).where(Credit.payment_id == payment.id)
    mine = or_(Allocation.payment_id == payment.id, Allocation.credit_id.in_(own))
    return _in_force(db.session.scalars(select(Allocation).where(mine).order_by(Allocation.id)))


def settled_on(invoice: Invoice) -> list[Settled]:
    """What settles an invoice now, in the order it was put there."""
    mine = select(Allocation).where(Allocation.invoice_id == invoice.id).order_by(Allocation.id)
    return _in_force(db.session.scalars(mine))


def credit_of(payment: Payment) -> Credit | None:
    """The credit that holds whatever of a payment is on no invoice."""
    mine = select(Credit).where(Credit.payment_id == payment.id).order_by(Credit.id)
    return db.session.scalars(mine.execution_options(populate_existing=True)).first()


def put(payment: Payment, parts: Mapping[Invoice, Money], *, by: Actor) -> list[Allocation]:
    """Put what is left of a payment on further invoices of its customer, today.

    Raises InvalidAllocation, NotPayable, ChangedMeanwhile, NotAllowed. Flushes.
    """
    by.require("payments.edit")
    payment = lock_payment(payment)
    invoices = lock_invoices(invoice.id for invoice in parts)
    found = credit_of(payment)
    credit = lock_credit(found.id) if found else None
    left = credit.remaining if credit else Money.zero(payment.currency)
    wanted = total(parts.values(), payment.currency)
    if credit is None or wanted > left:
        raise InvalidAllocation(f"Only {left} of this payment is not used. Put at most that much on invoices.")
    for invoice, part in parts.items():
        check_payable(payment.customer, invoices.get(invoice.id))
        check_part(invoice, part, invoice.open)
    rows = [book_use(invoice, credit, part, by.today) for invoice, part in parts.items() if part]
    if not rows:
        raise InvalidAllocation("Type how much goes on which invoice.")
    ledger.post_all([use_posting(row, payment) for row in rows])
    after = {str(invoice): part.minor for invoice, part in parts.items() if part}
    audit.record(by, "payment.put_on", payment, after={"invoices": after, "currency": payment.currency})
    db.session.flush()
    when_paid.tell([row.invoice for row in rows], by=by)
    return rows


def take_off(invoice: Invoice, allocation: Allocation, amount: Money | None = None, *, by: Actor) -> Money:
    """Take (part of) what a payment or credit settles off its invoice, which is open again; how much it was.

    Raises InvalidAllocation, ChangedMeanwhile, NotAllowed. Flushes.
    """
    by.require("payments.edit")
    payment = allocation.payment or _payment_behind(allocation)
    if payment:
        lock_payment(payment)
    locked = lock_invoices([allocation.invoice_id])
    if allocation.invoice_id != invoice.id or allocation.invoice_id not in locked:
        raise InvalidAllocation("This is on another invoice. Look at it again.")
    there = {one.allocation.id: one for one in settled_on(invoice)}.get(allocation.id)
    if there is None:
        raise InvalidAllocation(f"This was taken off {invoice} already.")
    amount = there.amount if amount is None else amount
    if not 0 < amount.minor <= there.amount.minor or amount.currency != there.amount.currency:
        raise InvalidAllocation(f"{there.amount} of it is on {invoice}. Take off at most that much.")
    credit = book_take_off([(there, amount)], payment, by.today)
    ledger.post_all([_off_posting(there, amount, credit, payment, by.today)])
    after = {
        "amount_minor": amount.minor,
        "currency": amount.currency,
        "source": str(allocation.payment or allocation.credit),
    }
    audit.record(by, "invoice.payment_taken_off", invoice, after=after)
    db.session.flush()
    return amount


def move(allocation: Allocation, to: Invoice, amount: Money | None = None, *, by: Actor) -> Money:
    """Take (part of) what a payment settles off its invoice and put it on another one; how much it was.

    Raises as `take_off` and `put` do, with nothing done. Flushes.
    """
    payment = allocation.payment or _payment_behind(allocation)
    if payment is None or to.id == allocation.invoice_id:
        raise InvalidAllocation("Choose another invoice to move this payment to.")
    lock_payment(payment)
    lock_invoices([allocation.invoice_id, to.id])
    moved = take_off(allocation.invoice, allocation, amount, by=by)
    put(payment, {to: moved}, by=by)
    return moved


# Parts of larger rules: what they change is locked by the caller


def book_use(invoice: Invoice, credit: Credit, part: Money, on: date) -> Allocation:
    """Settle `part` of an invoice with a credit."""
    lower_open(invoice, part)
    lower_remaining(credit, part)
    return _row(invoice, part, on, credit_id=credit.id)


def book_take_off(parts: Sequence[tuple[Settled, Money]], payment: Payment | None, on: date) -> Credit:
    """Take parts of what one payment (or, without one, one credit) settles off their invoices; the credit they are
    in now."""
    grows = Money.zero(parts[0][1].currency)
    back: dict[int, Money] = {}
    for there, part in parts:
        was = there.allocation
        raise_open(there.invoice, part)
        _row(there.invoice, -part, on, was.payment_id, was.credit_id, undoes_id=was.id)
        if was.credit_id is None:
            grows += part
        else:
            back[was.credit_id] = back.get(was.credit_id, Money.zero(part.currency)) + part
    for credit_id, part in sorted(back.items()):
        refill(lock_credit(credit_id), part)
    if payment is None:
        return db.session.get_one(Credit, next(iter(back)))
    return book_rest(payment, grows, on)


def book_rest(payment: Payment, part: Money, on: date) -> Credit:
    """Add `part` to the payment's one credit, which begins on that day if there was none."""
    found = credit_of(payment)
    if found is None:
        found = Credit(
            customer_id=payment.customer_id, payment_id=payment.id, reason=REST, currency=part.currency,
            amount_minor=part.minor, remaining_minor=part.minor, granted_on=on,
        )  # fmt: skip
        db.session.add(found)
        db.session.flush()
    elif part:
        refill(lock_credit(found.id), part, grows=True)
    return found


def refill(credit: Credit, part: Money, *, grows: bool = False) -> None:
    """What was taken out of a locked credit is in it again; `grows`: it is more than there was at first."""
    values = {"remaining_minor": Credit.remaining_minor + part.minor}
    if grows:
        values["amount_minor"] = Credit.amount_minor + part.minor
    change = update(Credit).where(Credit.id == credit.id).values(values)
    db.session.execute(change.execution_options(synchronize_session=False))
    db.session.expire(credit, ["remaining_minor", "amount_minor"])


def use_posting(row: Allocation, payment: Payment | None = None) -> ledger.Posting:
    """What the books say about a credit that settles (part of) an invoice."""
    entries = {Account.CREDIT: row.amount, Account.RECEIVABLE: -row.amount}
    known = {"invoice_id": row.invoice_id, "credit_id": row.credit_id, "payment_id": payment.id if payment else None}
    return ledger.Posting("credit_use", row.invoice.customer, row.on, entries, **known)


def check_part(invoice: Invoice, part: Money, open_: Money) -> None:
    """Raises InvalidAllocation unless `part` can be put on an invoice that leaves `open_`; nothing at all can."""
    if part.currency != invoice.currency:
        raise InvalidAllocation(f"{invoice} is in {invoice.currency}. Type the amount in {invoice.currency}.")
    if part.minor < 0:
        raise InvalidAllocation(f"What is put on {invoice} is more than zero.")
    if part > open_ and not open_ and invoice.written_off:
        raise InvalidAllocation(f"{invoice} is written off. Take the write-off back first, then put money on it.")
    if part > open_:
        raise InvalidAllocation(
            f"Only {open_} of {invoice} is open. Put at most that much on it; the rest becomes credit."
            if open_
            else f"{invoice} is paid already. Put the money on another one, or keep it as credit."
        )


def total(amounts: Iterable[Money], currency: str) -> Money:
    return sum(amounts, Money.zero(currency))


def invoices_of(parts: Collection[Settled]) -> list[Invoice]:
    """Each invoice once, in the order of the parts."""
    return list({part.invoice.id: part.invoice for part in parts}.values())


def _in_force(rows: Iterable[Allocation]) -> list[Settled]:
    left: dict[int, int] = {}
    firsts = []
    for row in rows:
        if row.undoes_id is None:
            firsts.append(row)
        known = row.undoes_id or row.id
        left[known] = left.get(known, 0) + row.amount_minor
    return [Settled(row, Money(left[row.id], row.currency)) for row in firsts if left[row.id]]


def _row(
    invoice: Invoice, part: Money, on: date, payment_id: int | None = None, credit_id: int | None = None,
    undoes_id: int | None = None,
) -> Allocation:  # fmt: skip
    row = Allocation(
        customer_id=invoice.customer_id, invoice_id=invoice.id, payment_id=payment_id, credit_id=credit_id,
        undoes_id=undoes_id, currency=part.currency, amount_minor=part.minor, on=on, invoice=invoice,
    )  # fmt: skip
    db.session.add(row)
    return row


def _off_posting(there: Settled, amount: Money, credit: Credit, payment: Payment | None, on: date) -> ledger.Posting:
    known = {"invoice_id": there.invoice.id, "credit_id": credit.id, "payment_id": payment.id if payment else None}
    entries = {Account.RECEIVABLE: amount, Account.CREDIT: -amount}
    return ledger.Posting("taken_off", there.invoice.customer, on, entries, **known)


def _payment_behind(allocation: Allocation) -> Payment | None:
    """The payment whose rest a credit is."""
    credit = allocation.credit
    return db.session.get(Payment, credit.payment_id) if credit and credit.payment_id else None
