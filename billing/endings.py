"""Ending services with all that money has to do with it: what it comes to, and doing just that.

Days billed ahead can be given back by a credit note (unused), which lowers what is open first; days up to the end that
no bill has come for yet are billed, with charges and prepayments, by a last bill of each billing group (renewals.last),
which credit in hand pays first. `review` only reads; `carry_out` does what was reviewed, or refuses.

Locks are taken in one order: the services by id, documents by id, charges, the numbers' series, the customer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, or_, select

from models import (
    BillingError,
    BillingGroup,
    Charge,
    Customer,
    Money,
    Renewal,
    Service,
    ServiceStatus,
    UnitState,
    db,
)
from models.bulk import among

from . import (
    change_documents,
    change_figures,
    company,
    credit_outflows,
    credit_parts,
    payers,
    renewals,
    service_pauses,
    service_rows,
    services,
)
from .actor import Actor
from .change_documents import Head, Made
from .document_lines import sum_up, taxed
from .ending_review import Ended, Note, Review, Shown
from .renewals import Last, Tables
from .renewals.bill import Bill
from .tax import TaxLine, totals
from .unused import Unused, of_services

CREDIT_PERMISSION = "invoices.edit"
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
    left to the renewals, as long as they come. `whole`: all charges and prepayments of the customer are settled."""

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


@dataclass(slots=True)
class _Found:
    """A review with what it was worked out from."""

    review: Review
    rows: list[Service]
    stops: dict[int, date]
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
    notes = [_write_note(customer, note, wanted, by) for note in found.review.notes]
    made = _keep(found, wanted, by)
    if sum(bill.still_due for bill in found.bills if bill.makes_invoice) != found.review.still_due.minor:
        raise ChangedSince(found.review)
    for one in found.review.ended:
        if wanted.credit:
            cut(one.service_id, found.stops[one.service_id])
        if one.is_new:
            service = db.session.get_one(Service, one.service_id)
            services.cancel(service, one.on, wanted.reason, reason_id=wanted.reason_id, by=by)
    db.session.flush()
    for note in notes:
        change_documents.tell(note, by=by)
    numbers = tuple(note.document.id for note in notes)
    return Done(tuple(rows), numbers, tuple(made), found.review.to_credit)


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
    tables, currency = Tables.load(company.settings()), customer.currency
    ended = [_ended(service, wanted) for service in rows]
    stops = {row.id: _stops(row, one) for row, one in zip(rows, ended, strict=True)}
    back = _unused_after(stops) if wanted.credit else {}
    refusals = _against(customer, rows, wanted, by, [line for lines in back.values() for line in lines])
    notes = [] if refusals else _notes(customer, rows, back, lock)
    last = _last(customer, rows, stops, ended, wanted)
    bills = renewals.build_last(last, by.today, tables, lock=lock) if not refusals else []
    refusals += [bill.reason for bill in bills if bill.state is UnitState.PARKED]
    drawn = {number: part for bill in bills for number, part, _all in bill.drawn}
    shown = Review(
        customer_id=customer.id,
        on=wanted.on,
        currency=currency,
        ended=tuple(ended),
        notes=tuple(notes),
        bills=tuple(Shown.of(bill) for bill in bills if bill.state is not UnitState.PARKED),
        credit_in_hand=credit_outflows.available(customer, by.today),
        prepaid_left=_prepaid_left(customer, drawn, tables, by.today) if wanted.whole else Money.zero(currency),
        stays_billed=tuple(_stays(rows, ended)) if not wanted.credit else (),
        refusals=tuple(dict.fromkeys(refusals)),
        credit=wanted.credit,
    )
    return _Found(shown, rows, stops, bills, last, tables)


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
    against += [
        f"{row} started on {row.started_on}; it cannot end before that day."
        for row in rows
        if row.started_on > wanted.on and row.status != ServiceStatus.CANCELLED
    ]
    if wanted.credit or wanted.bill:
        against += [sentence for row in rows if (sentence := _across_a_pause(row, wanted.on))]
    if wanted.credit and not by.may(CREDIT_PERMISSION):
        against.append("Your role does not allow credit notes. End it without credit, or ask somebody who may.")
    for document in sorted({line.document for line in back if line.proforma}):
        against.append(
            f"{document} has billed days after the end and is not paid yet. Take its payment, or withdraw it, first."
        )
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


def _notes(customer: Customer, rows: Sequence[Service], back: dict[int, list[Unused]], lock: bool) -> list[Note]:
    """A credit note for each billing group, and for prices with and without tax."""
    group_of = {row.id: row.billing_group_id for row in rows}
    parts: dict[tuple[int, bool], list[Unused]] = defaultdict(list)
    for service_id, lines in back.items():
        for line in lines:
            if line.amount:
                parts[group_of[service_id], line.prices_include_tax].append(line)
    notes = []
    for (group_id, include), lines in sorted(parts.items()):
        worked = sum_up(
            [change_figures.back_line(line) for line in lines], currency=customer.currency, prices_include_tax=include
        )
        total = -worked.totals.gross
        if total.minor > 0:
            plan = credit_parts.plan_note(total, {line.document_id for line in lines}, lock=lock)
            notes.append(Note(group_id, include, worked, plan))
    return notes


def _write_note(customer: Customer, note: Note, wanted: Wanted, by: Actor) -> Made:
    group = db.session.get_one(BillingGroup, note.group_id)
    head = Head(
        customer, group, payers.billed(customer, group), by.today, prices_include_tax=note.prices_include_tax,
        send=wanted.send,
    )  # fmt: skip
    reason = f"Unused days, given back as the service ends on {wanted.on}."
    return change_documents.note_down(change_documents.make_note(head, note.worked, note.plan, reason=reason, by=by))


def _last(
    customer: Customer, rows: Sequence[Service], stops: dict[int, date], ended: Sequence[Ended], wanted: Wanted
) -> Last:
    """What the last bills are about; nothing where the renewals will come for it."""
    if not wanted.bill:
        return Last({}, {}, prepaid=False)
    until = {}
    for row in rows:
        if row.status in (ServiceStatus.ACTIVE, ServiceStatus.SUSPENDED) and row.next_renewal_on < stops[row.id]:
            until[row.id] = stops[row.id]
    return Last(until, _charges(customer, ended, wanted))


def _stops(service: Service, one: Ended) -> date:
    """The first day that is neither billed nor kept: its end; or since when it has been paused, or suspended where such
    days are free."""
    away_from = service.suspended_on if service.status == ServiceStatus.SUSPENDED else None
    if away_from and (service_pauses.is_paused(service) or not company.value("bill_suspended_days")):
        return min(one.on, away_from)
    return one.on


def _unused_after(stops: dict[int, date]) -> dict[int, list[Unused]]:
    """What was charged for days after each service's stop; one statement for each day there is."""
    services_of: dict[date, list[int]] = defaultdict(list)
    for service_id, day in stops.items():
        services_of[day].append(service_id)
    return {
        number: lines for day, ids in sorted(services_of.items()) for number, lines in of_services(ids, day).items()
    }


def _charges(customer: Customer, ended: Sequence[Ended], wanted: Wanted) -> dict[int, date]:
    """The charges that are settled: those of the services, or all of the customer; recurring ones up to the end."""
    ends = {one.service_id: one.on for one in ended}
    mine = [Charge.customer_id == customer.id, Charge.next_on.is_not(None), Charge.price_minor >= 0]
    if not wanted.whole:
        mine.append(among(db.session, Charge.service_id, list(ends)))
    found: dict[int, date] = {}
    for charge in db.session.scalars(select(Charge).where(*mine).order_by(Charge.id)):
        assert charge.next_on is not None
        stop = ends.get(charge.service_id or 0, wanted.on)
        once = not (charge.months or charge.days)
        if once or charge.next_on < min(filter(None, (stop, charge.ends_on))):
            found[charge.id] = stop
    return found


def prepaid_left(customer: Customer) -> list[Charge]:
    """Prepayments of the customer of which something is left that bills would take off."""
    mine = Charge.customer_id == customer.id, Charge.left_minor > 0, Charge.next_on.is_not(None)
    return list(db.session.scalars(select(Charge).where(*mine).order_by(Charge.id)))


def _prepaid_left(customer: Customer, drawn: dict[int, int], tables: Tables, on: date) -> Money:
    """What no last bill takes off the prepayments, with the tax that it would have been taken off with."""
    buyer, lines = taxed(customer, payers.billed(customer, None)), []
    for charge in prepaid_left(customer):
        left = Money(charge.left_minor - drawn.get(charge.id, 0), customer.currency)
        tax = tables.tax.tax_for(buyer, charge.tax_category, on)
        lines.append(TaxLine(left, tax.rate, tax.category))
    include = tables.company.prices_include_tax
    return (
        totals(lines, currency=customer.currency, prices_include_tax=include).gross
        if lines
        else Money.zero(customer.currency)
    )


def _stays(rows: Sequence[Service], ended: Sequence[Ended]) -> list[tuple[int, Money]]:
    """Without credit: what stays billed for days after the end, by service."""
    after = of_services([one.service_id for one in ended], min(one.on for one in ended)) if ended else {}
    found = []
    for one in ended:
        lines = [line for line in after.get(one.service_id, ()) if line.period.end > one.on]
        amount = sum((line.amount.minor for line in lines), 0)
        if amount:
            found.append((one.service_id, Money(amount, lines[0].charged.currency)))
    return found


def end_recurring(customer: Customer, on: date) -> None:
    """No recurring charge of the customer goes on after `on`."""
    later = or_(Charge.ends_on.is_(None), Charge.ends_on > on)
    recurring = or_(Charge.months > 0, Charge.days > 0)
    mine = select(Charge).where(Charge.customer_id == customer.id, recurring, later)
    for charge in db.session.scalars(mine.with_for_update()):
        charge.ends_on = max(on, charge.starts_on)
