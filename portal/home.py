"""The portal's home: what is due, what is new, what runs, and the invoices with their PDFs.

It is the page everybody begins with, so each question is asked once: notes, quotes and files are one statement.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import render_template
from sqlalchemy import BigInteger, Date, case, cast, literal, null, select, union_all
from sqlalchemy.orm import joinedload

from billing import card_payments, company, portal_users
from models import (
    AttemptPart,
    Customer,
    File,
    Invoice,
    Money,
    Note,
    PaymentAttempt,
    PortalAccess,
    Quote,
    QuoteState,
    Service,
    ServiceStatus,
    db,
)
from models.types import Moment
from web import entering
from web.permissions import actor, signed_in_portal_user
from web.price_words import price_words

from . import due
from .invoices import issued
from .navigation import MAY_PAY, SEE_MONEY
from .pages import ID, for_customer, others, pages
from .services import state_pill

NEWEST = 10
NOTES, QUOTES = 3, 5


@pages.get("/")
@pages.get(f"/<{ID}:customer_id>/")
@for_customer
def home(access: PortalAccess) -> str:
    customer, sees_money, today = access.customer, access.right in SEE_MONEY, actor().today
    services, new = _services(customer), _new(customer)
    running = running_payments(customer) if sees_money else []
    waiting = [row for row in new["quote"] if row.until and row.until >= today]
    return render_template(
        "portal/home.html", customer=customer, others=others(), sees_money=sees_money, today=today,
        due=due.of(customer) if sees_money else None, may_pay=access.right in MAY_PAY,
        invoices=_invoices(customer) if sees_money else [], services=services[:NEWEST], pill_of=state_pill,
        next_on=_next_renewal(services), notes=new["note"], waiting=waiting if sees_money else [], files=new["file"],
        attempts=list(dict.fromkeys(attempt for attempt, _invoice in running)), price_words=price_words,
        running={invoice: attempt for attempt, invoice in running if invoice}, money_of=_money_of,
        top_up_on=company.value("portal_top_up"), invited=_invitations(),
    )  # fmt: skip


def _invitations() -> list[PortalAccess]:
    """What the person is asked to accept; staff who look in answer for nobody."""
    user = signed_in_portal_user()
    return portal_users.invitations(user) if user and entering.current() is None else []


def _invoices(customer: Customer) -> list[Invoice]:
    """Open ones first, oldest due first; then the newest of the others."""
    open_ = Invoice.open_minor > 0
    ordered = select(Invoice).where(*issued(customer)).order_by(
        case((open_, 0), else_=1), case((open_, Invoice.due_on)), Invoice.id.desc()
    )  # fmt: skip
    return list(db.session.scalars(ordered.limit(NEWEST)))


def _services(customer: Customer) -> list[Service]:
    running = select(Service).where(Service.customer_id == customer.id, Service.status != ServiceStatus.CANCELLED)
    ordered = running.order_by(Service.next_renewal_on, Service.id).limit(50)
    return list(db.session.scalars(ordered.options(joinedload(Service.package))))


def _next_renewal(services: Iterable[Service]) -> Any:
    days = (one.next_renewal_on for one in services if one.status == ServiceStatus.ACTIVE and not one.ends_on)
    return min(days, default=None)


def running_payments(customer: Customer) -> list[tuple[PaymentAttempt, int | None]]:
    """Payments by card whose outcome is not known yet, with the invoices they hold."""
    query = select(PaymentAttempt, AttemptPart.invoice_id).outerjoin(
        AttemptPart, (AttemptPart.attempt_id == PaymentAttempt.id) & AttemptPart.holds
    )
    mine = PaymentAttempt.customer_id == customer.id, PaymentAttempt.state.in_(card_payments.OPEN)
    decided = query.where(*mine, PaymentAttempt.amount_minor > 0).order_by(PaymentAttempt.id)
    return [(row[0], row[1]) for row in db.session.execute(decided.limit(NEWEST))]


def _new(customer: Customer) -> dict[str, list[Any]]:
    """What the shop wants to be read: notes, quotes that wait for an answer, files; each the newest first."""
    note = select(
        literal("note").label("what"), Note.id.label("id"), Note.text.label("words"), literal("").label("more"),
        cast(null(), Date).label("until"), cast(null(), Moment).label("at"),
        cast(literal(0), BigInteger).label("minor"), literal("").label("currency"),
    ).where(Note.customer_id == customer.id, Note.shown_to_customer, Note.deleted_at.is_(None))  # fmt: skip
    quote = select(
        literal("quote"), Quote.id, Quote.number, Quote.title, Quote.valid_until, cast(null(), Moment),
        Quote.total_minor, Quote.currency,
    ).where(Quote.customer_id == customer.id, Quote.state == QuoteState.SENT)  # fmt: skip
    file = select(
        literal("file"), File.id, File.name, File.description, cast(null(), Date),
        File.uploaded_at, cast(literal(0), BigInteger), literal(""),
    ).where(File.customer_id == customer.id, File.shown_to_customer)  # fmt: skip
    parts = (
        note.order_by(Note.pinned.desc(), Note.id.desc()).limit(NOTES),
        quote.order_by(Quote.id.desc()).limit(QUOTES),
        file.order_by(File.id.desc()).limit(NEWEST),
    )
    found: dict[str, list[Any]] = {"note": [], "quote": [], "file": []}
    for row in db.session.execute(union_all(*(select(part.subquery()) for part in parts))):
        found[row.what].append(row)
    return found


def _money_of(row: Any) -> Money:
    return Money(row.minor, row.currency)
