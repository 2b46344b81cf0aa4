"""Collecting overdue money by hand: talks that were had, promises for all that is overdue, and holds.

What happens by itself is in billing.dunning; here are the rules for what people do about one customer.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from sqlalchemy import select, update

from models import (
    BillingError,
    CollectionContact,
    ContactWay,
    Customer,
    Delivery,
    DunningStep,
    FieldError,
    Invoice,
    PaymentPromise,
    Service,
    ServiceStatus,
    SuspendedFor,
    WriteOff,
    db,
)
from models.bulk import among, rows_changed

from . import arrears, audit, dunning_plans, promises, service_life, write_offs
from .actor import Actor
from .dunning import sayings
from .dunning_plans import MAIL
from .texts import many_lines, one_line

PERMISSION = "payments.edit"
FURTHEST = timedelta(days=366)


class NothingOverdue(BillingError):
    """The customer owes nothing that is overdue (any more)."""


class CannotRemind(BillingError):
    """Nobody can be reached, or it was done today already."""


class WrongDay(FieldError):
    """Nobody calls, or holds back, until that day."""


class NotHeld(BillingError):
    """There is no hold to end."""


def note(
    customer: Customer, way: ContactWay, words: str, next_on: date | None, *, by: Actor
) -> CollectionContact:  # fmt: skip
    """Write down that somebody spoke with a customer about overdue money, and when to do so again (None: not planned).

    Raises WrongDay, InvalidText, NotAllowed without ``payments.edit``. Flushes.
    """
    by.require(PERMISSION)
    words = many_lines(words, "The note")
    if next_on is not None and not by.today <= next_on <= by.today + FURTHEST:
        raise WrongDay("Choose today or a later day within a year, or leave it empty.", "next_on")
    row = CollectionContact(customer_id=customer.id, way=way, text=words, next_on=next_on)
    row.made_at, row.made_by = by.at, by.name
    db.session.add(row)
    customer.contacted_at, customer.contact_on = by.at, next_on
    db.session.flush()
    after = {"way": way.value, **({"next_on": next_on.isoformat()} if next_on else {})}
    audit.record(by, "customer.contacted", customer, after=after)
    db.session.flush()
    return row


def remind(customer: Customer, channels: Collection[str], *, by: Actor) -> int:
    """Queue a reminder of all that is overdue, by mail and text as asked for, once a day; how many messages.

    Raises NothingOverdue, CannotRemind, NotAllowed without ``messages.send``. Flushes.
    """
    by.require("messages.send")
    overdue = _overdue(customer, by)
    payers = list(dict.fromkeys(invoice.payer_id for invoice in overdue))
    wanted = [_saying(customer, payer, [i for i in overdue if i.payer_id == payer], channels, by) for payer in payers]
    if _said_today(customer, by):
        raise CannotRemind(f"{customer.name} was reminded today already. Do it again tomorrow, or call.")
    if all(number is None for number in sayings.queue(wanted, by=by)):
        ways = " and ".join(("no e-mail address" if way == MAIL else "no mobile number") for way in channels)
        raise CannotRemind(f"{customer.name} has {ways}. Add one, then remind, or print a letter.")
    for way in channels:
        db.session.add(_reminded(customer, ContactWay.MAIL if way == MAIL else ContactWay.TEXT, by))
    customer.contacted_at = by.at
    db.session.flush()
    audit.record(by, "customer.reminded", customer, after={"by": ", ".join(channels), "invoices": len(overdue)})
    db.session.flush()
    return len(wanted)


def _saying(
    customer: Customer, payer: int | None, overdue: list[Invoice], channels: Collection[str], by: Actor
) -> sayings.Saying:  # fmt: skip
    """The reminder of the plans, about all that is overdue of one payer."""
    ids = [invoice.id for invoice in overdue]
    about = {"invoices": ids, "together": True, "attach": True, "payer": payer, "proforma": False, "services": [],
             "fees": []}  # fmt: skip
    occasion = f"hand:{customer.id}:{payer or 0}:{by.today.isoformat()}"
    to = customer.email, customer.phone_e164, payer, ids[0] if len(ids) == 1 else None
    return sayings.Saying(sayings.LATER, customer.id, occasion, list(channels), *to, about)


def _said_today(customer: Customer, by: Actor) -> bool:
    """Whether somebody has sent a reminder on this day; then the keys of its deliveries are taken."""
    key = f"{sayings.KINDS[sayings.LATER]}:hand:{customer.id}:%:{by.today.isoformat()}:%"
    mine = Delivery.customer_id == customer.id, Delivery.dedupe_key.like(key)
    return db.session.scalar(select(Delivery.id).where(*mine).limit(1)) is not None


def _reminded(customer: Customer, way: ContactWay, by: Actor) -> CollectionContact:
    """A reminder among the talks; it has no words of its own."""
    row = CollectionContact(customer_id=customer.id, way=way, next_on=None)
    row.made_at, row.made_by = by.at, by.name
    return row


def _overdue(customer: Customer, by: Actor) -> list[Invoice]:
    found = arrears.invoices_of(customer, by.today)
    if not found:
        raise NothingOverdue(f"{customer.name} owes nothing that is overdue.")
    return found


def printed(customer_ids: Collection[int], *, by: Actor) -> int:
    """The letters of these customers that plans asked for are printed now; how many. Raises NotAllowed. Flushes."""
    by.require(PERMISSION)
    waiting = (
        DunningStep.to_print,
        DunningStep.printed_at.is_(None),
        among(db.session, DunningStep.customer_id, customer_ids),
    )
    done = update(DunningStep).where(*waiting).values(printed_at=by.at).execution_options(synchronize_session=False)
    return rows_changed(db.session.execute(done))


def promise(customer: Customer, on: date, words: str = "", *, by: Actor) -> list[PaymentPromise]:
    """Write down that a customer will have paid all that is overdue by the end of the day `on`.

    Raises NothingOverdue, and what promises.promise raises. Flushes.
    """
    overdue = _overdue(customer, by)
    made = promises.promise(overdue, on, words, by=by)
    customer.contacted_at = by.at
    db.session.flush()
    return made


def withdraw_promise(customer: Customer, *, by: Actor) -> int:
    """Forget what a customer promised for what is overdue; how many promises that were. Raises NotAllowed. Flushes."""
    return promises.withdraw(arrears.invoices_of(customer, by.today), by=by)


def hold(customer: Customer, until: date, why: str, *, by: Actor) -> None:
    """Take no step of the dunning plan before the day `until`: nobody is reminded and nothing is suspended by itself.

    Another hold is replaced. Raises WrongDay, InvalidText, NotAllowed. Flushes.
    """
    by.require(PERMISSION)
    why = one_line(why, 200, "The reason")
    if not by.today < until <= by.today + FURTHEST:
        raise WrongDay("Choose a day after today and within a year.", "until")
    before = _hold_of(customer)
    customer.held_until, customer.held_why = until, why
    db.session.flush()
    audit.record(by, "customer.held", customer, before=before, after=_hold_of(customer))
    db.session.flush()


def release(customer: Customer, *, by: Actor) -> None:
    """End a hold: the next run goes on with the steps. Raises NotHeld, NotAllowed. Flushes."""
    by.require(PERMISSION)
    if customer.held_until is None:
        raise NotHeld(f"Nothing is on hold for {customer.name}.")
    before = _hold_of(customer)
    customer.held_until, customer.held_why = None, ""
    dunning_plans.look_again(customers=[customer.id])
    audit.record(by, "customer.released", customer, before=before)
    db.session.flush()


def is_held(customer: Customer, today: date) -> bool:
    """Whether no step of the plan is taken for a customer on this day."""
    return customer.held_until is not None and customer.held_until > today


def suspend(customer: Customer, reason: str = "", *, by: Actor) -> list[Service]:
    """Suspend all running services of a customer for non-payment; paying brings them back. Which were.

    Raises BillingError with the reason where nothing is, NotAllowed without ``services.edit``. Flushes.
    """
    running = select(Service).where(Service.customer_id == customer.id, Service.status == ServiceStatus.ACTIVE)
    services = list(db.session.scalars(running.order_by(Service.id)))
    if not services:
        raise CannotSuspend(f"{customer.name} has no service that runs.")
    if customer.never_suspend:
        raise CannotSuspend(f"{customer.name} is never suspended for late payment.")
    _overdue(customer, by)
    words = reason or "Overdue invoices are not paid."
    return service_life.suspend(services, why=SuspendedFor.UNPAID, reason=words, by=by)


class CannotSuspend(BillingError):
    """No service of this customer is suspended for non-payment."""


def write_off(customer: Customer, reason: str, *, by: Actor) -> list[WriteOff]:
    """Expect nothing any more of all that is overdue. Raises NothingOverdue, and what write_offs.write_off raises."""
    overdue = _overdue(customer, by)
    return [write_offs.write_off(invoice, reason=reason, on=by.today, by=by) for invoice in overdue]


def contacts(customer: Customer, limit: int = 20) -> list[CollectionContact]:
    """The newest talks about overdue money."""
    mine = select(CollectionContact).where(CollectionContact.customer_id == customer.id)
    return list(db.session.scalars(mine.order_by(CollectionContact.id.desc()).limit(limit)))


def _hold_of(customer: Customer) -> dict[str, str] | None:
    if customer.held_until is None:
        return None
    return {"until": customer.held_until.isoformat(), "reason": customer.held_why}
