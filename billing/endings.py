"""Ending services with all that money has to do with it: what it comes to, and doing just that.

Days billed ahead, of services and of the charges that end with them, can be given back by a credit note (unused), which
lowers what is open first; days up to the end that no bill has come for yet are billed, with charges and prepayments, by
a last bill of each billing group (renewals.last), which credit in hand pays first. `review` only reads; `carry_out`
does what was reviewed, or refuses.

Locks are taken in one order: the services by id, documents by id, charges, the numbers' series, the customer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select

from models import (
    BillingError,
    ChangeState,
    Customer,
    Money,
    PackageChange,
    Renewal,
    Service,
    ServiceStatus,
    UnitState,
    db,
)

from . import (
    change_documents,
    company,
    credit_outflows,
    ending_charges,
    ending_documents,
    renewals,
    service_pauses,
    service_rows,
    services,
    when_paid,
)
from .actor import Actor
from .ending_review import Ended, Review, Shown
from .renewals import Last, Tables
from .renewals.bill import Bill
from .unused import Unused, of_services
from .unused_charges import Ahead, of_charges

CREDIT_PERMISSION = "invoices.edit"
FURTHEST = 10
"""Years: an end that lies further ahead is a slip."""
ENDS = func.coalesce(Renewal.cut_on, Renewal.period_end)


class EndingRefused(BillingError):
    """These services cannot be ended like that; `reasons` are all the sentences."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = tuple(reasons)


class ChangedSince(BillingError):
    """Something is not as it was when the review was shown; `review` is how it is now."""

    def __init__(self, fresh: Review) -> None:
        super().__init__("Something has changed since this was shown. Look at the sums again, then confirm them.")
        self.review = fresh


@dataclass(frozen=True, slots=True)
class Wanted:
    """How services of one customer are to end. `on` is the first day without them. `credit`: days billed ahead are
    given back. `bill`: what is not billed up to then is billed now, also where the day lies ahead; without it that is
    left to the renewals, as long as they come. `whole`: all charges of the customer end too, and what no bill takes off
    prepayments is given back."""

    on: date
    credit: bool = False
    bill: bool = False
    whole: bool = False
    reason: str = ""
    reason_id: int | None = None
    send: bool = True


@dataclass(frozen=True, slots=True)
class Done:
    """What ending them made."""

    services: tuple[Service, ...]
    credit_notes: tuple[int, ...]
    invoices: tuple[int, ...]
    to_credit: Money
    charges: Mapping[int, date | None]
    """The charges of no service that were ended with it, each with the end that it had before."""


@dataclass(slots=True)
class _Found:
    """A review with what it was worked out from."""

    review: Review
    rows: list[Service]
    stops: dict[int, date]
    charges: dict[int, date]
    bills: list[Bill]
    last: Last
    tables: Tables


def review(customer: Customer, chosen: Sequence[Service], wanted: Wanted, *, by: Actor) -> Review:
    """What ending these services of a customer like that would come to. Reads only; what stands against it is told
    among the refusals. Raises NotAllowed."""
    by.require("services.edit")
    return _work_out(customer, list(chosen), wanted, by, lock=False).review


def carry_out(customer: Customer, chosen: Sequence[Service], wanted: Wanted, *, seen: str, by: Actor) -> Done:
    """End them as reviewed: `seen` is the fingerprint of the review that was confirmed; empty confirms whatever it is.

    Services with a day ahead run on until then. Raises ChangedSince, EndingRefused, InvalidService, NotAllowed.
    """
    by.require("services.edit")
    if wanted.credit:
        by.require(CREDIT_PERMISSION)
    rows = service_rows.lock_all(chosen)
    found = _work_out(customer, rows, wanted, by, lock=True)
    if seen and found.review.fingerprint != seen:
        raise ChangedSince(found.review)
    if found.review.refusals:
        raise EndingRefused(found.review.refusals)
    shown, how = found.review, dict[str, Any](send=wanted.send, by=by)
    written = [ending_documents.write_note(customer, note, wanted.on, **how) for note in shown.notes]
    asked = [ending_documents.withdraw(one, wanted.on, **how) for one in shown.replaced]
    notes = tuple(made.document.id for made in written)
    bills = [*(made.document.id for made in asked if made), *_keep(found, wanted, by)]
    if sum(bill.still_due for bill in found.bills if bill.makes_invoice) != found.review.still_due.minor:
        raise ChangedSince(found.review)
    if wanted.credit:
        ending_charges.give_back(found.charges)
    ended = ending_charges.end(found.charges) if wanted.whole else {}
    ending_charges.use_up([note.worked for note in found.review.notes if note.prepaid], by)
    for one in found.review.ended:
        if wanted.credit:
            cut(one.service_id, found.stops[one.service_id])
        if one.is_new:
            service = db.session.get_one(Service, one.service_id)
            services.cancel(service, one.on, wanted.reason, reason_id=wanted.reason_id, by=by)
    db.session.flush()
    for made in filter(None, (*written, *asked)):
        change_documents.tell(made, by=by)
    if None in asked:  # nothing is owed for those any more
        when_paid.owes_less([customer.id], by=by)
    return Done(tuple(rows), notes, tuple(bills), found.review.to_credit, ended)


def _keep(found: _Found, wanted: Wanted, by: Actor) -> list[int]:
    if not found.bills:
        return []
    return renewals.keep_last(found.bills, found.last, by.today, found.tables, send=wanted.send, by=by)


def cut(service_id: int, day: date) -> None:
    """The days from `day` on that renewals had billed were given back: they end there; void where that is their first
    day. Flushes."""
    mine = select(Renewal).where(Renewal.service_id == service_id, ~Renewal.void, day < ENDS)
    for renewal in db.session.scalars(mine.order_by(Renewal.id)):
        if renewal.period_start < day:
            renewal.cut_on = day
        else:
            renewal.void = True
    db.session.flush()


def _work_out(customer: Customer, rows: list[Service], wanted: Wanted, by: Actor, *, lock: bool) -> _Found:
    tables = Tables.load(company.settings())
    ended = [_ended(service, wanted) for service in rows]
    stops = {row.id: _stops(row, one) for row, one in zip(rows, ended, strict=True)}
    ends, rest = {one.service_id: one.on for one in ended}, wanted.on if wanted.whole else None
    charges = ending_charges.stops(customer, ends, rest)
    ahead = of_charges(charges)
    back = _given_back(rows, stops, ahead) if wanted.credit else []
    waiting = list(ending_charges.prepaid(customer, by.today)) if wanted.whole else []
    replaced, refusals = ending_documents.in_their_place(back, lock=lock)
    refusals = [*_against(customer, rows, wanted, by, [line for _group, line in back]), *refusals]
    notes = [] if refusals else ending_documents.notes(customer, back, replaced, lock=lock)
    if lock:
        ending_charges.lock([*{one.charge.id: one.charge for one in ahead}.values(), *waiting])
    last = _last(customer, rows, stops, ends, wanted)
    bills = renewals.build_last(last, by.today, tables, lock=lock) if not refusals else []
    refusals += [bill.reason for bill in bills if bill.state is UnitState.PARKED]
    drawn = {number: part for bill in bills for number, part, _all in bill.drawn}
    rests = ending_charges.rests(customer, waiting, drawn, tables, by.today)
    include = tables.company.prices_include_tax
    notes += [ending_documents.note(group_id, found, include, prepaid=True) for group_id, found in rests]
    shown = Review(
        customer_id=customer.id,
        on=wanted.on,
        currency=customer.currency,
        ended=tuple(ended),
        notes=tuple(notes),
        bills=tuple(Shown.of(bill) for bill in bills if bill.state is not UnitState.PARKED),
        credit_in_hand=credit_outflows.available(customer, by.today),
        stays_billed=tuple(_stays(rows, ended, ahead, wanted.credit)),
        refusals=tuple(dict.fromkeys(refusals)),
        credit=wanted.credit,
        before_tax=not include,
        not_reached=tuple(_not_reached(ends)),
        replaced=tuple(replaced),
    )
    return _Found(shown, rows, stops, charges, bills, last, tables)


def _not_reached(ends: Mapping[int, date]) -> Iterator[tuple[str, str, date]]:
    scheduled = PackageChange.state == ChangeState.SCHEDULED, PackageChange.service_id.in_(ends)
    for change in db.session.scalars(select(PackageChange).where(*scheduled).order_by(PackageChange.id)):
        if change.on is not None and change.to_package is not None and change.on >= ends[change.service_id]:
            yield str(change.service), change.to_package.name, change.on


def _ended(service: Service, wanted: Wanted) -> Ended:
    """When it ends: one that is to end before that day keeps its own."""
    before = service.ends_on is not None and service.ends_on <= wanted.on
    over = service.status == ServiceStatus.CANCELLED
    on = service.ends_on if before and service.ends_on else wanted.on
    return Ended(
        service_id=service.id, version=service.version, description=str(service), on=on,
        is_new=not (over or before), billed_until=service.next_renewal_on, status=str(service.status),
    )  # fmt: skip


def _against(
    customer: Customer, rows: Sequence[Service], wanted: Wanted, by: Actor, back: Sequence[Unused]
) -> list[str]:
    against = [f"{row} belongs to another customer." for row in rows if row.customer_id != customer.id]
    if wanted.on.year > by.today.year + FURTHEST:
        against.append(f"The end ({wanted.on}) is too far away. Check the year.")
    against += [
        f"{row} started on {row.started_on}; it cannot end before that day."
        for row in rows
        if row.started_on > wanted.on and row.status != ServiceStatus.CANCELLED
    ]
    if wanted.credit or wanted.bill:
        against += [sentence for row in rows if (sentence := _across_a_pause(row, wanted.on))]
    if wanted.credit and not by.may(CREDIT_PERMISSION):
        against.append("Your role does not allow credit notes. End it without credit, or ask somebody who may.")
    for document in sorted({line.document for line in back if line.charged.currency != customer.currency}):
        against.append(
            f"{document} is in another currency than the account is kept in now. End without credit, and give it by "
            "hand."
        )
    return against


def _across_a_pause(service: Service, on: date) -> str:
    """Days paid for move behind a pause only once it is over, so that nothing is reckoned across one."""
    if service_pauses.is_paused(service) and service.paused_until and service.paused_until < on:
        return f"{service} is paused until {service.paused_until}. Resume it first, or end it on that day or before."
    coming = service.status == ServiceStatus.ACTIVE and not service_pauses.is_behind(service)
    if coming and service.paused_from and service.paused_from < on:
        return f"{service} has a pause from {service.paused_from}. Call it off first, or end it on that day or before."
    return ""


def _given_back(rows: Sequence[Service], stops: dict[int, date], ahead: Sequence[Ahead]) -> list[tuple[int, Unused]]:
    """What was charged for days after the ends, of the services and then of charges, with the billing groups."""
    after = _unused_after(stops)
    lines = [(row.billing_group_id, line) for row in rows for line in after[row.id]]
    lines += [(one.charge.billing_group_id, one.unused) for one in ahead if not one.kept]
    return [(group_id, line) for group_id, line in lines if line.amount]


def _last(
    customer: Customer, rows: Sequence[Service], stops: dict[int, date], ends: dict[int, date], wanted: Wanted
) -> Last:
    """What the last bills are about; nothing where the renewals will come for it."""
    if not wanted.bill:
        return Last({}, {}, prepaid=False)
    until = {}
    for row in rows:
        if row.status in (ServiceStatus.ACTIVE, ServiceStatus.SUSPENDED) and row.next_renewal_on < stops[row.id]:
            until[row.id] = stops[row.id]
    rest = wanted.on if wanted.whole else None
    return Last(until, ending_charges.to_bill(customer, ends, rest), rests_go_back=wanted.whole)


def _stops(service: Service, one: Ended) -> date:
    """The first day that is neither billed nor kept: its end; or since when it has been paused, or suspended where such
    days are free."""
    away_from = service_pauses.kept_since(service)
    return min(one.on, away_from) if away_from else one.on


def _unused_after(stops: dict[int, date]) -> dict[int, list[Unused]]:
    """What was charged for days after each service's stop; one statement for each day there is."""
    services_of: dict[date, list[int]] = defaultdict(list)
    for service_id, day in stops.items():
        services_of[day].append(service_id)
    return {
        number: lines for day, ids in sorted(services_of.items()) for number, lines in of_services(ids, day).items()
    }


def _stays(
    rows: Sequence[Service], ended: Sequence[Ended], ahead: Sequence[Ahead], credit: bool
) -> list[tuple[str, Money]]:
    """What stays billed for days after the end, by what it was billed for: with credit only what is owed whole."""
    stays: dict[str, Money] = {}
    after = {} if credit else _unused_after({one.service_id: one.on for one in ended})
    lines = [(str(row), line) for row in rows for line in after.get(row.id, ())]
    lines += [(str(one.charge), one.unused) for one in ahead if one.kept or not credit]
    for name, line in lines:
        if line.amount:
            stays[name] = stays.get(name, Money.zero(line.charged.currency)) + line.amount
    return list(stays.items())
