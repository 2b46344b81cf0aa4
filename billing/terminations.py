"""Customers that leave, step by step: an end for their services, the last bill, and what becomes of them afterwards.

A draft is written as often as one likes; `review` shows what it comes to; `carry_out` does just that: credit notes and
the last bills at once, also where the day lies ahead, and on the day the services end and the customer is disabled or
archived (`finish`). Until then it can be withdrawn: what was billed stays billed, and renewals go on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from models import (
    AfterEnd,
    BillingError,
    Charge,
    Customer,
    CustomerStatus,
    Delivery,
    DeliveryState,
    EndReason,
    Message,
    Money,
    RestOfCredit,
    Service,
    ServiceStatus,
    Termination,
    TerminationState,
    db,
)
from models.bulk import among
from models.faults import faultpoint

from . import audit, charge_ends, credit_outflows, customer_status, endings, reactivations, services
from .actor import Actor
from .ending_review import Review
from .endings import ChangedSince, EndingRefused, Wanted
from .prices import check_day
from .texts import one_line

__all__ = [
    "ChangedSince", "EndingRefused", "Plan", "Preview", "WrongState", "begin", "carry_out", "drop", "due", "finish",
    "open_of", "review", "running_of", "withdraw", "write",
]  # fmt: skip

PERMISSION = "services.edit"
LONGEST_WAIT = timedelta(days=3)
"""So long an archiving waits for the last mails to leave: archiving calls off what waits."""


class WrongState(BillingError):
    """This termination is not at that point, or not any more."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted. `services` None: all that run, and all charges and prepayments are settled."""

    on: date
    services: Sequence[int] | None = None
    credit: bool = False
    reason: str = ""
    reason_id: int | None = None
    send: bool = True
    after: AfterEnd = AfterEnd.DISABLE
    rest: RestOfCredit = RestOfCredit.KEEP
    method: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What carrying it out comes to. `paid_out`: what of the credit left goes back as money at once; `kept`: what
    stays in hand. `goes_on`: services that run on."""

    review: Review
    paid_out: Money
    kept: Money
    refusals: tuple[str, ...]
    goes_on: tuple[Service, ...] = field(default=(), compare=False)

    @property
    def fingerprint(self) -> str:
        told = f"{self.review.fingerprint}:{self.paid_out}:{self.kept}:{sorted(s.id for s in self.goes_on)}"
        return told if len(told) <= 200 else self.review.fingerprint


def begin(customer: Customer, *, by: Actor) -> Termination:
    """The customer's open termination, a draft or one that is scheduled; else a new draft. Raises WrongState,
    NotAllowed. Flushes."""
    by.require(PERMISSION)
    found = open_of(customer)
    if found is not None:
        return found
    if customer.status == CustomerStatus.ARCHIVED:
        raise WrongState(f"{customer.name} is archived already.")
    found = Termination(customer_id=customer.id, made_by=by.name, made_at=by.at, done={})
    try:
        with db.session.begin_nested():
            db.session.add(found)
    except IntegrityError:  # somebody began at the same moment
        again = open_of(customer)
        if again is None:
            raise
        return again
    return found


def open_of(customer: Customer) -> Termination | None:
    """The termination of a customer that is not over."""
    mine = Termination.customer_id == customer.id, Termination.state.in_(OPEN)
    return db.session.scalars(select(Termination).where(*mine)).first()


OPEN = (TerminationState.DRAFT, TerminationState.SCHEDULED)


def running_of(customer: Customer) -> list[Service]:
    """The services of a customer that have not ended, the oldest first."""
    mine = Service.customer_id == customer.id, Service.status != ServiceStatus.CANCELLED
    return list(db.session.scalars(select(Service).where(*mine).order_by(Service.id)))


def write(termination: Termination, plan: Plan, *, version: int | None = None, by: Actor) -> Termination:
    """Say what is wanted in place of what was said before; `version` is the draft's as it was read. Raises WrongState,
    InvalidTerms, InvalidText, NotAllowed. Flushes."""
    by.require(PERMISSION)
    found = _draft(termination, version)
    found.on = check_day(plan.on, by.today, "The end")
    found.service_ids = sorted(set(plan.services)) if plan.services is not None else None
    if found.service_ids == []:
        raise WrongState("Choose at least one service, or all of them.")
    if plan.reason_id is not None and db.session.get(EndReason, plan.reason_id) is None:
        raise WrongState("This reason is not in the list any more. Choose another one.")
    found.credit, found.send, found.reason_id = plan.credit, plan.send, plan.reason_id
    found.reason = one_line(plan.reason, 200, "The reason", empty=True)
    found.after, found.rest = plan.after, plan.rest
    found.method = one_line(plan.method, 60, "How it is paid out", empty=plan.rest is RestOfCredit.KEEP)
    found.reference = one_line(plan.reference, 120, "The reference", empty=True)
    db.session.flush()
    return found


def drop(termination: Termination, *, by: Actor) -> None:
    """Throw a draft away. Raises WrongState, NotAllowed."""
    by.require(PERMISSION)
    db.session.delete(_draft(termination))
    db.session.flush()


def review(termination: Termination, *, by: Actor) -> Preview:
    """What carrying it out comes to. Reads only. Raises WrongState where no day is chosen yet, NotAllowed."""
    by.require(PERMISSION)
    customer, chosen = termination.customer, chosen_of(termination)
    return _preview(termination, endings.review(customer, chosen, _wanted(termination), by=by), by)


def chosen_of(termination: Termination) -> list[Service]:
    """The services it is about: those named, or all that run; ended ones are left out."""
    there = running_of(termination.customer)
    named = termination.service_ids
    return there if named is None else [service for service in there if service.id in named]


def is_whole(termination: Termination) -> bool:
    """Whether nothing of the customer runs on."""
    return len(chosen_of(termination)) == len(running_of(termination.customer))


def carry_out(termination: Termination, *, seen: str, version: int | None = None, by: Actor) -> Termination:
    """Do what the preview with the fingerprint `seen` shows. Raises ChangedSince (with a fresh review), EndingRefused,
    WrongState, NotAllowed, and what paying out raises."""
    by.require(PERMISSION)
    found = _draft(termination, version)
    customer, chosen, wanted = found.customer, chosen_of(found), _wanted(found)
    preview = review(found, by=by)
    if preview.fingerprint != seen:
        raise ChangedSince(preview.review)
    if preview.refusals:
        raise EndingRefused(preview.refusals)
    done = endings.carry_out(customer, chosen, wanted, seen=preview.review.fingerprint, by=by)
    db.session.refresh(customer)
    if preview.paid_out:
        credit_outflows.pay_out(
            customer, preview.paid_out, method=found.method, on=by.today, reference=found.reference, by=by
        )
    new = [one.service_id for one in preview.review.ended if one.is_new]
    found.done = {
        "services": new, "credit_notes": list(done.credit_notes), "invoices": list(done.invoices),
        "whole": wanted.whole, "charges": [[n, day and day.isoformat()] for n, day in done.charges.items()],
        **_sums(preview),
    }  # fmt: skip
    found.service_ids = [service.id for service in chosen]
    found.state, found.decided_by, found.decided_at = TerminationState.SCHEDULED, by.name, by.at
    assert found.on is not None
    after = {"on": found.on.isoformat(), "services": len(chosen), "after": str(found.after), "credit": found.credit}
    audit.record(by, "termination.carried_out", found, after=after)
    db.session.flush()
    if found.on <= by.today:
        _finish(found, by)
    return found


def withdraw(termination: Termination, *, by: Actor) -> Termination:
    """Let the services run on, before the day has come. Documents stay: what was billed up to the day stays billed,
    and renewals go on from there. Raises WrongState, NotAllowed."""
    by.require(PERMISSION)
    found = _lock(termination)
    if found.state != TerminationState.SCHEDULED:
        raise WrongState("Only a termination whose day is still to come can be withdrawn.")
    if found.on is not None and found.on <= by.today:
        raise WrongState("Its day has come. Bring services back one by one instead.")
    mine = select(Service).where(among(db.session, Service.id, found.done.get("services", ()))).order_by(Service.id)
    for service in db.session.scalars(mine).all():
        if service.status != ServiceStatus.CANCELLED and service.ends_on == found.on:
            reactivations.remove_end(service, by=by)
    ended = {int(number): former and date.fromisoformat(former) for number, former in found.done.get("charges", ())}
    for charge in db.session.scalars(select(Charge).where(among(db.session, Charge.id, ended)).order_by(Charge.id)):
        if charge.ends_on == max(found.on or by.today, charge.starts_on):
            charge_ends.go_on(charge, ended[charge.id])
    found.state, found.ended_at = TerminationState.WITHDRAWN, by.at
    audit.record(by, "termination.withdrawn", found)
    db.session.flush()
    return found


def due(on: date, limit: int = 1000) -> list[int]:
    """The terminations whose day has come by `on`, by id."""
    found = select(Termination.id).where(Termination.state == TerminationState.SCHEDULED, Termination.on <= on)
    return list(db.session.scalars(found.order_by(Termination.on, Termination.id).limit(limit)))


def finish(number: int, *, by: Actor) -> bool:
    """Carry on with one whose day has come: end the services, then disable or archive. Whether it is over: an archiving
    waits until the last mails have left. Raises NotAllowed."""
    by.require(PERMISSION)
    locked = select(Termination).where(Termination.id == number, Termination.state == TerminationState.SCHEDULED)
    found = db.session.scalars(locked.with_for_update().execution_options(populate_existing=True)).first()
    return found is not None and found.on is not None and found.on <= by.today and _finish(found, by)


def _finish(found: Termination, by: Actor) -> bool:
    """End what has not ended; put the customer away if nothing runs any more. Whether it is over."""
    chosen = select(Service).where(among(db.session, Service.id, found.service_ids or ())).order_by(Service.id)
    for service in db.session.scalars(chosen).all():
        if service.status != ServiceStatus.CANCELLED and service.ends_on and service.ends_on <= by.today:
            services.cancel(
                service, service.ends_on, service.cancel_reason, reason_id=service.end_reason_id, by=by
            )  # fmt: skip
    db.session.flush()
    faultpoint("terminations.ended")
    if found.after is AfterEnd.ARCHIVE and _mails_wait(found, by):
        return False
    customer = found.customer
    if not running_of(customer):
        if found.after is AfterEnd.ARCHIVE:
            customer_status.archive([customer], by=by)
        elif found.after is AfterEnd.DISABLE:
            customer_status.disable([customer], by=by)
    found.state, found.ended_at = TerminationState.DONE, by.at
    audit.record(by, "termination.finished", found, after={"after": str(found.after)})
    db.session.flush()
    return True


def _mails_wait(found: Termination, by: Actor) -> bool:
    if found.on is not None and by.today >= found.on + LONGEST_WAIT:
        return False
    documents = [*found.done.get("invoices", ()), *found.done.get("credit_notes", ())]
    waiting = select(Delivery.id).join(Message, Message.id == Delivery.message_id)
    waiting = waiting.where(
        among(db.session, Message.invoice_id, documents),
        Delivery.state.in_([DeliveryState.QUEUED, DeliveryState.SENDING]),
    )
    return bool(documents) and db.session.scalar(waiting.limit(1)) is not None


def _preview(termination: Termination, shown: Review, by: Actor) -> Preview:
    left = shown.credit_left
    pays = termination.rest is RestOfCredit.PAY_OUT
    paid_out = left if pays else Money.zero(shown.currency)
    chosen = {one.service_id for one in shown.ended}
    goes_on = tuple(service for service in running_of(termination.customer) if service.id not in chosen)
    against = [*shown.refusals, *_against(termination, paid_out, by)]
    if not shown.ended and termination.service_ids is not None:
        against.append("None of the services chosen runs any more. Choose again.")
    return Preview(shown, paid_out, left - paid_out, tuple(against), goes_on)


def _against(termination: Termination, paid_out: Money, by: Actor) -> list[str]:
    """What the person may not do, or what does not go together."""
    against = []
    if paid_out and not by.may("payments.edit"):
        against.append("Your role does not allow paying out credit. Keep it, or ask somebody who may.")
    needs = {AfterEnd.ARCHIVE: "customers.delete", AfterEnd.DISABLE: "customers.edit"}.get(termination.after)
    if needs and not by.may(needs):
        against.append("Your role does not allow putting customers away. Choose that the customer stays as it is.")
    return against


def _wanted(termination: Termination) -> Wanted:
    if termination.on is None:
        raise WrongState("Choose the day first.")
    return Wanted(
        on=termination.on, credit=termination.credit, bill=True, whole=is_whole(termination),
        reason=termination.reason, reason_id=termination.reason_id, send=termination.send,
    )  # fmt: skip


def _sums(preview: Preview) -> Mapping[str, Any]:
    shown = preview.review
    named = {
        "credited": shown.credited, "billed": shown.billed, "credit_used": shown.credit_used,
        "still_due": shown.still_due, "paid_out": preview.paid_out, "kept": preview.kept,
    }  # fmt: skip
    return {"currency": shown.currency, **{name: amount.minor for name, amount in named.items()}}


def _draft(termination: Termination, version: int | None = None) -> Termination:
    found = _lock(termination)
    if found.state != TerminationState.DRAFT:
        raise WrongState("This termination was carried out already.")
    if version is not None and found.version != version:
        raise WrongState("Somebody else changed this termination meanwhile. Look at it again.")
    return found


def _lock(termination: Termination) -> Termination:
    locked = select(Termination).where(Termination.id == termination.id).with_for_update()
    found = db.session.scalars(locked.execution_options(populate_existing=True)).first()
    if found is None:
        raise WrongState("This draft was thrown away meanwhile.")
    return found
