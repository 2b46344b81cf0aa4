"""Money that goes back: (part of) a payment refunded, and a payment taken back that was entered by mistake.

A refund comes out of a credit: of what is left of the payment; where that is not enough, of what is taken off the
invoices it settles, which are open again; or of a credit note's credit, and then the invoice stays as it is. More
than came in never goes back, whoever tries at once: `refunded_minor` only rises by an UPDATE that says so. A refund
that did not arrive comes back into the credit it was taken out of, by a posting against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import or_, select, update

from models import (
    Account,
    Allocation,
    BillingError,
    Credit,
    CreditNotePart,
    Invoice,
    Money,
    Payment,
    Refund,
    RefundKind,
    db,
)
from models.bulk import rows_changed

from . import audit, bank_reopening, ledger
from .actor import Actor
from .allocations import (
    Settled,
    book_rest,
    book_take_off,
    credit_of,
    invoices_of,
    refill,
    settled_by,
    total,
)
from .balances import ChangedMeanwhile, lock_credit, lock_invoices, lock_payment, lower_remaining
from .texts import one_line


class CannotRefund(BillingError):
    """This cannot be given back like that."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a refund takes from where: first what is not used of the payment, then what its invoices got from it, the
    last one put on in front. `credit` is that of a credit note, which then gives all of it."""

    amount: Money
    rest: Money
    parts: list[tuple[Settled, Money]] = field(default_factory=list)
    credit: Credit | None = None

    @property
    def reopened(self) -> list[tuple[Invoice, Money]]:
        """Each invoice that is open again, and by how much."""
        found = []
        for invoice in invoices_of([there for there, _part in self.parts]):
            mine = [part for there, part in self.parts if there.invoice.id == invoice.id]
            found.append((invoice, total(mine, self.amount.currency)))
        return found


def refundable(payment: Payment) -> Money:
    """How much of a payment has not gone back yet."""
    return payment.amount - Money(payment.refunded_minor, payment.currency)


def note_credits(payment: Payment) -> list[Credit]:
    """Credits in hand that credit notes about invoices of this payment left: they can be refunded instead."""
    note, paid = Invoice.__table__.alias("note"), select(Allocation.invoice_id)
    paid = paid.where(Allocation.payment_id == payment.id)
    parts = select(CreditNotePart.credit_note_id).where(CreditNotePart.invoice_id.in_(paid))
    named = or_(note.c.original_id.in_(paid), note.c.id.in_(parts))
    about = select(note.c.id).where(note.c.kind == "credit_note", named)
    mine = (Credit.customer_id == payment.customer_id, Credit.invoice_id.in_(about), Credit.remaining_minor > 0)
    return list(db.session.scalars(select(Credit).where(*mine).order_by(Credit.id)))


def plan(payment: Payment, amount: Money, credit: Credit | None = None) -> Plan:
    """What refunding `amount` would do, without doing it. Raises CannotRefund."""
    _check_amount(payment, amount)
    if credit is not None:
        if credit.id not in {one.id for one in note_credits(payment)}:
            raise CannotRefund("This credit does not come from a credit note about an invoice of this payment.")
        if amount > credit.remaining:
            raise CannotRefund(f"Only {credit.remaining} of that credit note is left. Give back at most that much.")
        return Plan(amount, Money.zero(amount.currency), credit=credit)
    own = credit_of(payment)
    in_hand = own.remaining if own else Money.zero(amount.currency)
    rest = min(amount, in_hand)
    return Plan(amount, rest, _from_invoices(payment, amount - rest))


def refund(
    payment: Payment,
    amount: Money,
    *,
    method: str,
    refunded_on: date,
    reason: str,
    reference: str = "",
    credit: Credit | None = None,
    by: Actor,
) -> Refund:
    """Record that `amount` of a payment went back on `refunded_on`, a day in the business's time zone, today or before.

    `credit`: out of this credit of a credit note, instead of the payment's rest and its invoices. Raises CannotRefund,
    ChangedMeanwhile, NotAllowed. Flushes.
    """
    by.require("payments.refund")
    method, reference = one_line(method, 60, "The method"), one_line(reference, 120, "The reference", empty=True)
    reason = one_line(reason, 200, "The reason")
    payment = _locked(payment)
    _check_day(payment, refunded_on, credit, by)
    planned = plan(payment, amount, lock_credit(credit.id) if credit else None)
    row = Refund(
        kind=RefundKind.REFUND, method=method, reference=reference, reason=reason, refunded_on=refunded_on,
        **_of(payment, amount, by),
    )  # fmt: skip
    _book(row, payment, planned, "refund")
    audit.record(by, "payment.refunded", payment, after=_trace(row, planned))
    db.session.flush()
    return row


def plan_reversal(payment: Payment) -> Plan:
    """What taking a payment back would do, without doing it. Raises CannotRefund."""
    _check_reversal(payment)
    own = credit_of(payment)
    in_hand = own.remaining if own else Money.zero(payment.currency)
    parts = [(there, there.amount) for there in reversed(settled_by(payment))]
    gone = payment.amount - in_hand - total((part for _there, part in parts), payment.currency)
    if gone:
        raise CannotRefund(f"{gone} of this payment's credit was paid out or has run out, so it stays as it is.")
    return Plan(payment.amount, in_hand, parts)


def reverse(payment: Payment, *, reason: str, by: Actor) -> Refund:
    """Take back a payment that was entered by mistake: no money came in. All it settled is open again, from today on.

    What was booked stays in the books; a posting against it follows. A line of a bank statement that was booked as it
    is open again. Raises CannotRefund, ChangedMeanwhile, NotAllowed. Flushes.
    """
    by.require("payments.refund")
    reason = one_line(reason, 200, "The reason")
    lines = bank_reopening.lock_lines(payment)
    payment = _locked(payment)
    planned = plan_reversal(payment)
    row = Refund(kind=RefundKind.REVERSAL, reason=reason, refunded_on=by.today, **_of(payment, payment.amount, by))
    _book(row, payment, planned, "payment_reversed")
    payment.reversed_on = by.today
    bank_reopening.reopen(lines, payment, reason, by=by)
    audit.record(by, "payment.reversed", payment, after=_trace(row, planned))
    db.session.flush()
    return row


def come_back(row: Refund, *, why: str, by: Actor) -> None:
    """A refund did not arrive (a bank refused it), and the money is with the business again: it is in hand today, in
    the credit it was taken out of. What the refund opened again stays open. Once; raises CannotRefund, ClosedAccount,
    NotAllowed. Flushes."""
    by.require("payments.refund")
    payment = lock_payment(row.payment)
    credit = lock_credit(row.credit_id)
    db.session.refresh(row)
    if row.came_back_on is not None or row.kind != RefundKind.REFUND:
        raise CannotRefund("This refund came back already.")
    refill(credit, row.amount)
    lower = update(Payment).where(Payment.id == payment.id, Payment.refunded_minor >= row.amount_minor)
    lower = lower.values(refunded_minor=Payment.refunded_minor - row.amount_minor)
    if rows_changed(db.session.execute(lower, execution_options={"synchronize_session": False})) != 1:
        raise ChangedMeanwhile("This payment was changed by somebody else just now. Nothing was booked.")
    db.session.expire(payment, ["refunded_minor"])
    row.came_back_on = by.today
    entries = {Account.CASH: row.amount, Account.CREDIT: -row.amount}
    ledger.post("refund_returned", payment.customer, by.today, entries, payment_id=payment.id, credit_id=credit.id)
    after = {"amount_minor": row.amount_minor, "currency": row.currency, "reason": why}
    audit.record(by, "payment.refund_returned", payment, after=after)
    db.session.flush()


def of_payment(payment: Payment) -> list[Refund]:
    """What went back of a payment, in the order it was recorded."""
    return list(db.session.scalars(select(Refund).where(Refund.payment_id == payment.id).order_by(Refund.id)))


def _locked(payment: Payment) -> Payment:
    """The payment and every invoice it settles, locked."""
    payment = lock_payment(payment)
    lock_invoices(there.invoice.id for there in settled_by(payment))
    return payment


def _check_amount(payment: Payment, amount: Money) -> None:
    if payment.reversed_on is not None:
        raise CannotRefund("This payment was taken back as a mistake, so there is nothing to give back.")
    if amount.currency != payment.currency:
        raise CannotRefund(f"The payment came in {payment.currency}. Give it back in {payment.currency}.")
    if amount.minor <= 0:
        raise CannotRefund("A refund is more than zero.")
    left = refundable(payment)
    if amount > left:
        raise CannotRefund(
            f"Only {left} of this payment can go back: {payment.amount} came in, "
            f"{payment.amount - left} went back already."
            if payment.refunded_minor
            else f"Only {left} came in. Give back at most that much."
        )


def _check_day(payment: Payment, on: date, credit: Credit | None, by: Actor) -> None:
    if isinstance(on, datetime) or not payment.received_on <= on <= by.today:
        raise CannotRefund(f"The day lies between the payment's ({payment.received_on}) and today ({by.today}).")
    if credit is not None and on < credit.granted_on:
        raise CannotRefund(f"The day lies between the credit note's ({credit.granted_on}) and today ({by.today}).")


def _check_reversal(payment: Payment) -> None:
    if payment.reversed_on is not None:
        raise CannotRefund(f"This payment was taken back on {payment.reversed_on} already.")
    if payment.refunded_minor:
        raise CannotRefund("Money of this payment went back, so it did come in. Refund the rest of it instead.")
    if payment.gateway_id:
        raise CannotRefund(f"{payment.gateway.capitalize()} reported this payment, so it is no slip. Refund it.")


def _from_invoices(payment: Payment, wanted: Money) -> list[tuple[Settled, Money]]:
    parts = []
    for there in reversed(settled_by(payment)) if wanted else ():
        part = min(wanted, there.amount)
        if part:
            parts.append((there, part))
            wanted -= part
    if wanted:
        raise CannotRefund(
            f"{wanted} of it is neither on an invoice nor in hand: it was paid out, has run out, or went back with "
            "a credit note."
        )
    return parts


def _of(payment: Payment, amount: Money, by: Actor) -> dict[str, object]:
    return {
        "customer_id": payment.customer_id, "payment_id": payment.id, "currency": amount.currency,
        "amount_minor": amount.minor, "recorded_at": by.at, "recorded_by": by.name,
    }  # fmt: skip


def _book(row: Refund, payment: Payment, planned: Plan, kind: str) -> None:
    credit = planned.credit
    if credit is None:
        on, nothing = row.refunded_on, Money.zero(row.currency)
        credit = book_take_off(planned.parts, payment, on) if planned.parts else book_rest(payment, nothing, on)
    lower_remaining(credit, row.amount)
    _raise_refunded(payment, row.amount)
    row.credit_id = credit.id
    db.session.add(row)
    back = total((part for _there, part in planned.parts), row.currency)
    entries = {Account.RECEIVABLE: back, Account.CREDIT: row.amount - back, Account.CASH: -row.amount}
    only = planned.reopened[0][0].id if len(planned.reopened) == 1 else None
    known = {"payment_id": payment.id, "credit_id": credit.id, "invoice_id": only}
    ledger.post_all([ledger.Posting(kind, payment.customer, row.refunded_on, entries, **known)])


def _raise_refunded(payment: Payment, amount: Money) -> None:
    higher = Payment.refunded_minor + amount.minor
    fits = (Payment.id == payment.id, higher <= Payment.amount_minor, Payment.reversed_on.is_(None))
    done = db.session.execute(
        update(Payment).where(*fits).values(refunded_minor=higher), execution_options={"synchronize_session": False}
    )
    if rows_changed(done) != 1:
        raise ChangedMeanwhile("This payment was refunded by somebody else just now. Nothing was booked.")
    db.session.expire(payment, ["refunded_minor"])


def _trace(row: Refund, planned: Plan) -> Mapping[str, object]:
    shown: Sequence[str] = ("amount_minor", "currency", "method", "reference", "reason")
    known = {name: getattr(row, name) for name in shown if getattr(row, name)}
    return {
        **known,
        "refunded_on": row.refunded_on.isoformat(),
        "invoices": {str(invoice): part.minor for invoice, part in planned.reopened},
        **({"credit_note": str(planned.credit)} if planned.credit else {}),
    }
