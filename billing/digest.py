"""What happened on one day, in figures, for the mail that staff get each morning.

Each part is asked for by its day alone, along an index, so that it costs by what happened and not by what there is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from models import (
    AuditEvent,
    BillingGroup,
    Customer,
    Invoice,
    InvoiceState,
    Money,
    Order,
    Payment,
    Quote,
    QuoteState,
    Run,
    RunState,
    Staff,
    db,
)

from . import audit, company, runs, staff
from .actor import Actor
from .order_records import DECIDABLE

DIGEST = "digest"
"""The kind of message, and of template."""
ONE_DAY, SOON = timedelta(days=1), timedelta(days=2)
SHOWN = 5

RIGHTS: dict[str, str] = {
    "invoices": "invoices.view", "payments": "payments.view", "bills": "runs.view", "overdue": "invoices.view",
    "suspended": "services.view", "back": "services.view", "ended": "services.view", "customers": "customers.view",
    "deliveries": "messages.view", "jobs": "runs.view", "promises": "invoices.view", "quotes": "quotes.view",
    "orders": "orders.view",
}  # fmt: skip
"""The parts, in their order, and what one may see them by."""
LOST = ("delivery.failed", "delivery.bounced", "delivery.unknown")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a day. `sums` has one amount a currency; `names` are the first of what is meant, with a remark."""

    key: str
    count: int
    sums: tuple[Money, ...] = ()
    names: tuple[tuple[str, str], ...] = ()


def wants(person: Staff) -> set[str]:
    """The parts that somebody wants and may see."""
    chosen = set(RIGHTS) if person.digest_parts is None else set(person.digest_parts)
    return chosen & may_see(person)


def may_see(person: Staff) -> set[str]:
    """The parts that somebody's role lets them see."""
    granted = staff.permissions_of(person.role)
    return {key for key, right in RIGHTS.items() if right in granted}


def readers() -> list[Staff]:
    """Who gets the digest."""
    active = select(Staff).where(Staff.active, Staff.digest).order_by(Staff.id)
    return list(db.session.scalars(active))


def choose(person: Staff, on: bool, parts: Collection[str], when_empty: bool, *, by: Actor) -> None:
    """Whether somebody gets the digest, which parts of it (all of them are those to come too), and whether also when
    nothing happened. One's own choice, or `staff.edit`. Raises NotAllowed. Flushes."""
    if by.staff_id != person.id:
        by.require("staff.edit")
    known = [key for key in RIGHTS if key in set(parts)]
    values: dict[str, Any] = {
        "digest": on, "digest_parts": None if set(known) >= may_see(person) else known, "digest_when_empty": when_empty,
    }  # fmt: skip
    differ = {name: value for name, value in values.items() if getattr(person, name) != value}
    if not differ:
        return
    before = {name: _plain(getattr(person, name)) for name in differ}
    for name, value in differ.items():
        setattr(person, name, value)
    db.session.flush()
    audit.record(by, "staff.digest_chosen", person, before=before, after={n: _plain(v) for n, v in differ.items()})


def _plain(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def parts(day: date, wanted: Collection[str]) -> list[Part]:
    """The parts of `day` (in the business's time zone) among those wanted, in their order; empty ones left out."""
    return [part for key in RIGHTS if key in wanted and (part := _PARTS[key](day)).count]


def _window(day: date) -> tuple[datetime, datetime]:
    """The moments a day begins and ends at."""
    seller = company.get()
    zone = ZoneInfo(seller.timezone) if seller else UTC
    return datetime.combine(day, time(), zone), datetime.combine(day + ONE_DAY, time(), zone)


def _invoices(day: date) -> Part:
    made = Invoice.issued_on == day, Invoice.state == InvoiceState.ISSUED, Invoice.kind == "invoice"
    return _summed("invoices", select(Invoice.currency, func.count(), func.sum(Invoice.total_minor)).where(*made))


def _payments(day: date) -> Part:
    came = Payment.received_on == day, Payment.reversed_on.is_(None)
    return _summed("payments", select(Payment.currency, func.count(), func.sum(Payment.amount_minor)).where(*came))


def _overdue(day: date) -> Part:
    """What should have come on that day, and has not by now."""
    late = Invoice.due_on == day, Invoice.open_minor > 0, Invoice.state == InvoiceState.ISSUED
    query = select(Invoice.currency, func.count(), func.sum(Invoice.open_minor)).where(*late, Invoice.kind == "invoice")
    return _summed("overdue", query)


def _summed(key: str, query: Any) -> Part:
    currency = query.selected_columns[0]
    rows = db.session.execute(query.group_by(currency).order_by(currency)).all()
    return Part(key, sum(row[1] for row in rows), tuple(Money(int(row[2]), row[0]) for row in rows))


def _bills(day: date) -> Part:
    """Accounts that a run set aside, and what failed in runs."""
    begin, end = _window(day)
    aside = BillingGroup.parked_at >= begin, BillingGroup.parked_at < end
    parked = db.session.scalar(select(func.count()).select_from(BillingGroup).where(*aside)) or 0
    first = select(Customer.name, BillingGroup.parked_reason).join(Customer, Customer.id == BillingGroup.customer_id)
    names = db.session.execute(first.where(*aside).order_by(BillingGroup.parked_at).limit(SHOWN)).all()
    ours = Run.kind.in_(runs.KINDS[:1]), Run.started_at >= begin, Run.started_at < end
    counts = db.session.scalars(select(Run.counts).where(*ours))
    failed = sum(one.get("failed", 0) for one in counts)
    return Part("bills", parked + failed, (), tuple((name, why) for name, why in names))


def _customers(day: date) -> Part:
    new = Customer.registered_on == day
    count = db.session.scalar(select(func.count()).select_from(Customer).where(new)) or 0
    names = db.session.scalars(select(Customer.name).where(new).order_by(Customer.id).limit(SHOWN))
    return Part("customers", count, (), tuple((name, "") for name in names))


def _happened(key: str, *verbs: str) -> Any:
    """How often something stands in the audit log of a day, and to whom it happened first."""

    def of(day: date) -> Part:
        begin, end = _window(day)
        first = select(func.min(AuditEvent.id)).where(AuditEvent.at >= begin, AuditEvent.at < end).scalar_subquery()
        mine = AuditEvent.verb.in_(verbs), AuditEvent.id >= first, AuditEvent.at >= begin, AuditEvent.at < end
        count = db.session.scalar(select(func.count()).select_from(AuditEvent).where(*mine)) or 0
        who = select(Customer.name, AuditEvent.object_label).join(Customer, Customer.id == AuditEvent.customer_id)
        rows = db.session.execute(who.where(*mine).order_by(AuditEvent.id).limit(SHOWN)).all() if count else ()
        return Part(key, count, (), tuple((name, label) for name, label in rows))

    return of


def _jobs(day: date) -> Part:
    begin, end = _window(day)
    went_wrong = Run.state.in_((RunState.FAILED, RunState.STOPPED)), Run.started_at >= begin, Run.started_at < end
    rows = db.session.execute(select(Run.kind, Run.error).where(*went_wrong).order_by(Run.id)).all()
    return Part("jobs", len(rows), (), tuple((kind, error) for kind, error in rows[:SHOWN]))


def _promises(day: date) -> Part:
    """What should have come on that day because the customer had said so, and has not."""
    broken = Invoice.promised_on == day, Invoice.open_minor > 0, Invoice.state == InvoiceState.ISSUED
    return _summed("promises", select(Invoice.currency, func.count(), func.sum(Invoice.open_minor)).where(*broken))


def _quotes(day: date) -> Part:
    """Those that nobody answers any more after the next days."""
    today = day + ONE_DAY
    ending = Quote.state == QuoteState.SENT, Quote.valid_until.between(today, today + SOON)
    query = select(Quote.currency, func.count(), func.sum(Quote.total_minor)).where(*ending)
    return _summed("quotes", query)


def _orders(_day: date) -> Part:
    """Those that wait for a person, whenever they came."""
    waiting = Order.state.in_(DECIDABLE)
    count = db.session.scalar(select(func.count()).select_from(Order).where(waiting)) or 0
    first = select(Order.name, Order.why_held).where(waiting).order_by(Order.id.desc()).limit(SHOWN) if count else None
    names = tuple((row.name, row.why_held) for row in db.session.execute(first)) if first is not None else ()
    return Part("orders", count, (), names)


_PARTS: dict[str, Any] = {
    "invoices": _invoices, "payments": _payments, "bills": _bills, "overdue": _overdue,
    "suspended": _happened("suspended", "service.suspended"), "back": _happened("back", "service.unsuspended"),
    "ended": _happened("ended", "service.ended"), "customers": _customers,
    "deliveries": _happened("deliveries", *LOST), "jobs": _jobs, "promises": _promises,
    "quotes": _quotes, "orders": _orders,
}  # fmt: skip
