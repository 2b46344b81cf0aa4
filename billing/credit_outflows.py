"""Credit that leaves other than for an invoice: it runs out, is paid out, or was given by mistake.

Each is a posting, with a row for every credit it came from. Locks as in balances: the credits oldest first, then the
customer by its posting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from models import (
    Account,
    BillingError,
    Credit,
    CreditOutflow,
    Customer,
    Money,
    Outflow,
    db,
)

from . import audit, ledger
from .actor import Actor
from .balances import lock_credits, lower_remaining, usable_on
from .credit import apply
from .credits import NotEnoughCredit, is_gift, lock
from .outbox import queue_about
from .texts import one_line

EXPIRED = "credit_expired"
"""The kind of the posting, and of the message that says so."""
POSTINGS = {Outflow.EXPIRED: EXPIRED, Outflow.PAID_OUT: "payout", Outflow.TAKEN_BACK: "credit_taken_back"}
CHUNK = 500


class InvalidPayout(BillingError):
    """Credit cannot be paid out like that."""


class CannotTakeBack(BillingError):
    """This credit was not given by mistake: it is the customer's own money, or used up."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the row of an outflow says besides amount and credit."""

    kind: Outflow
    on: date
    method: str = ""
    reference: str = ""
    reason: str = ""


def available(customer: Customer, on: date) -> Money:
    """What the customer could use, or be paid out, on that day."""
    mine = Credit.customer_id == customer.id, Credit.currency == customer.currency
    total = select(func.coalesce(func.sum(Credit.remaining_minor), 0)).where(*mine, *usable_on(on))
    return Money(int(db.session.scalar(total) or 0), customer.currency)


def pay_out(
    customer: Customer,
    amount: Money,
    *,
    method: str,
    on: date,
    reference: str = "",
    credit: Credit | None = None,
    by: Actor,
) -> int:
    """Give credit back as money on the day `on` (today or before): of one `credit`, or of all, the oldest first.

    At most what is usable that day. What is returned is the id of the posting. Raises InvalidPayout, NotEnoughCredit,
    ChangedMeanwhile, NotAllowed, InvalidText.
    """
    by.require("payments.edit")
    method = one_line(method, 60, "How it is paid out")
    reference = one_line(reference, 120, "The reference", empty=True)
    _check_payout(customer, amount, on, by)
    found = [one for one in lock_credits(customer, on) if credit is None or one.id == credit.id]
    usable = sum((one.remaining for one in found), Money.zero(customer.currency))
    if amount > usable:
        raise NotEnoughCredit(f"{usable} can be paid out. Enter at most that much.")
    used, _ = apply(amount, [one.remaining for one in found])
    taken = [(one, part) for one, part in zip(found, used, strict=True) if part]
    posting = _book(customer, taken, Terms(Outflow.PAID_OUT, on, method, reference), by)
    after = {"amount_minor": amount.minor, "currency": amount.currency, "method": method, "reference": reference}
    audit.record(by, "credit.paid_out", customer, after={**after, "on": on.isoformat()})
    db.session.flush()
    return posting


def take_back(credit: Credit, *, reason: str, by: Actor) -> int:
    """Take back what is left of a credit that was given by mistake; the id of the posting. Raises CannotTakeBack,
    ChangedMeanwhile, NotAllowed, InvalidText."""
    by.require("payments.edit")
    reason = one_line(reason, 200, "The reason")
    lock(credit)
    if not is_gift(credit):
        raise CannotTakeBack("This is the customer's own money. Pay it out, or refund the payment it came from.")
    if not credit.remaining:
        raise CannotTakeBack("Nothing of this credit is left.")
    left = credit.remaining
    posting = _book(credit.customer, [(credit, left)], Terms(Outflow.TAKEN_BACK, by.today, reason=reason), by)
    after = {"amount_minor": left.minor, "currency": left.currency, "reason": reason}
    audit.record(by, "credit.taken_back", credit, after=after)
    db.session.flush()
    return posting


def expire(on: date, *, tell: bool = False, limit: int = CHUNK, by: Actor) -> int:
    """Book off up to `limit` credits whose last day lies before `on`, each dated the day after its last; how many.

    `tell` also queues a mail to each customer. Raises NotAllowed.
    """
    by.require("payments.edit")
    over = (Credit.expires_on.is_not(None), Credit.expires_on < on, Credit.remaining_minor > 0)
    wanted = select(Credit).where(*over).order_by(Credit.expires_on, Credit.id).limit(limit)
    locked = wanted.options(joinedload(Credit.customer)).with_for_update(of=Credit, key_share=True, skip_locked=True)
    found = db.session.scalars(locked.execution_options(populate_existing=True)).all()
    for credit in sorted(found, key=lambda one: (one.customer_id, one.granted_on, one.id)):
        _expire(credit, tell, by)
    db.session.flush()
    return len(found)


def _expire(credit: Credit, tell: bool, by: Actor) -> None:
    assert credit.expires_on is not None
    left, customer = credit.remaining, credit.customer
    _book(customer, [(credit, left)], Terms(Outflow.EXPIRED, credit.expires_on + timedelta(days=1)), by)
    after = {"amount_minor": left.minor, "currency": left.currency, "expires_on": credit.expires_on.isoformat()}
    audit.record(by, "credit.expired", credit, after=after)
    if tell:
        about = {"credit": credit.id, "amount_minor": left.minor}
        queue_about(EXPIRED, customer, [customer.email], f"{credit.id}:{credit.expires_on}", about, by=by)


def _check_payout(customer: Customer, amount: Money, on: date, by: Actor) -> None:
    if amount.minor <= 0:
        raise InvalidPayout("What is paid out is more than zero.")
    if amount.currency != customer.currency:
        raise InvalidPayout(f"{customer.name}'s account is kept in {customer.currency}. Enter the amount in that.")
    if isinstance(on, datetime) or on.year < 1990 or on > by.today:
        raise InvalidPayout(f"The day is today ({by.today}) or a day before.")


def _book(customer: Customer, taken: Sequence[tuple[Credit, Money]], terms: Terms, by: Actor) -> int:
    for credit, part in taken:
        lower_remaining(credit, part)
    whole = sum((part for _credit, part in taken), Money.zero(customer.currency))
    against = Account.CASH if terms.kind is Outflow.PAID_OUT else Account.WRITE_OFF
    only = taken[0][0].id if len(taken) == 1 else None
    entries = {Account.CREDIT: whole, against: -whole}
    posting = ledger.post(POSTINGS[terms.kind], customer, terms.on, entries, credit_id=only)
    db.session.flush()
    known: dict[str, Any] = {"on": terms.on, "recorded_at": by.at, "recorded_by": by.name}
    words = {"method": terms.method, "reference": terms.reference, "reason": terms.reason}
    for credit, part in taken:
        row = CreditOutflow(credit_id=credit.id, posting_id=posting, kind=terms.kind, **known, **words)
        row.customer_id, row.currency, row.amount_minor = customer.id, part.currency, part.minor
        db.session.add(row)
    return posting
