"""People, rights and the database itself: who may come in, what was written down about them, and whether rows hang
together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import String, and_, literal, or_, select, text

from billing import audit_redaction, audit_seal
from billing.setting_list import LONGEST_VISIT
from models import (
    AuditEvent,
    BillingGroup,
    Customer,
    CustomerStatus,
    Delivery,
    DeliveryState,
    Invoice,
    OneTimeToken,
    Payment,
    PortalUser,
    RecoveryCode,
    Service,
    ServiceStatus,
    Staff,
    Visit,
    WebSession,
    db,
)

from .checks import Check, Query, Scope
from .money import union_of
from .sql import is_sha256

EVENTS = "audit event", "audit events"
NEWEST = 100_000
"""How many sealed audit events are proven each time; the older ones were proven before."""


def broken_seals(scope: Scope) -> Iterable[tuple[int, str]]:
    """I29: an event that was changed, or the one after an event that was taken out."""
    return audit_seal.broken(NEWEST)


def left_unsealed(scope: Scope) -> Query:
    """I29: seals go in id order, so an event without one below a sealed one was slipped in later."""
    sealed = select(AuditEvent.id).where(AuditEvent.seal.is_not(None)).order_by(AuditEvent.id.desc()).limit(1)
    return select(AuditEvent.id, AuditEvent.verb).where(
        AuditEvent.seal.is_(None), AuditEvent.id < sealed.scalar_subquery()
    )


def sessions_of_disabled(scope: Scope) -> Query:
    """I33."""
    name = select(WebSession.id, Staff.email).join(Staff, Staff.id == WebSession.staff_id).where(~Staff.active)
    portal = select(WebSession.id, PortalUser.email).join(PortalUser, PortalUser.id == WebSession.portal_user_id)
    return union_of([name, portal.where(~PortalUser.active)])


def endless_visits(scope: Scope) -> Iterable[tuple[int, str]]:
    """I30: nobody stays in a customer's view longer than can be set, and only the staff who entered are in one."""
    newest = select(Visit.id, Customer.name, Visit.began_at, Visit.ends_at).join(Visit.customer)
    for visit_id, name, began, ends in db.session.execute(newest.order_by(Visit.id.desc()).limit(NEWEST)):
        if ends - began > timedelta(minutes=LONGEST_VISIT):
            yield visit_id, name
    strange = select(WebSession.id, Customer.name).join(Visit, Visit.id == WebSession.visit_id).join(Visit.customer)
    wrong = or_(WebSession.staff_id.is_(None), WebSession.staff_id != Visit.staff_id)
    yield from ((number, name) for number, name in db.session.execute(strange.where(wrong)))


def orphans(scope: Scope) -> Iterable[tuple[int, str]]:
    """I34: PostgreSQL has no way to hold one; SQLite does, when a connection wrote without foreign_keys=ON."""
    if scope.sqlite:
        for table, number, parent, _ in db.session.execute(text("PRAGMA foreign_key_check")):
            yield number or 0, f"{table.replace('_', ' ')} without its {parent.replace('_', ' ')}"


def archived_and_active(scope: Scope) -> Query:
    """I35."""
    services = select(Service.id).where(Service.customer_id == Customer.id, Service.status == ServiceStatus.ACTIVE)
    waiting = select(Delivery.id).where(Delivery.customer_id == Customer.id, Delivery.state == DeliveryState.QUEUED)
    archived = Customer.status == CustomerStatus.ARCHIVED
    return select(Customer.id, Customer.name).where(archived, or_(services.exists(), waiting.exists()))


def merged_and_alive(scope: Scope) -> Query:
    """I56: what is left of a merged customer is an archived, empty row that leads to one that was not merged itself."""
    primary = Customer.__table__.alias("primary_")
    kept = [
        select(t.id).where(t.customer_id == Customer.id).exists() for t in (Service, Invoice, Payment, BillingGroup)
    ]
    wrong = or_(
        Customer.status != CustomerStatus.ARCHIVED,
        Customer.balance_minor != 0,
        Customer.credit_minor != 0,
        primary.c.merged_into_id.is_not(None),
        *kept,
    )
    joined = select(Customer.id, Customer.name).join(primary, primary.c.id == Customer.merged_into_id)
    return joined.where(wrong)


def plain_tokens(scope: Scope) -> Query:
    """I37: sessions and one-time links are kept as SHA-256, passwords as argon2id or not at all."""
    parts = [
        select(table.id, literal(shown, String)).where(~is_sha256(table.token_hash))
        for table, shown in ((WebSession, "session"), (OneTimeToken, "one-time link"))
    ]
    parts.append(select(RecoveryCode.id, literal("recovery code", String)).where(~is_sha256(RecoveryCode.code_hash)))
    for person in (Staff, PortalUser):
        wrong = and_(person.password_hash != "", ~person.password_hash.startswith("$argon2id$", autoescape=True))
        parts.append(select(person.id, "password of " + person.email).where(wrong))
    return union_of(parts)


def other_schema(scope: Scope) -> Iterable[tuple[int, str]]:
    """I44: the migrations applied are those the code was written for."""
    if scope.schema is None:
        return
    applied: set[str] = set(db.session.scalars(text("SELECT version_num FROM alembic_version")))
    if applied != scope.schema:
        have, need = (", ".join(sorted(each)) or "none" for each in (applied, scope.schema))
        yield 1, f"has {have}, needs {need}; run flask db upgrade"


def false_redactions(scope: Scope) -> Iterable[tuple[int, str]]:
    """I29: what was taken out of events when a customer was anonymised, and nothing else, is missing there."""
    return audit_redaction.broken()


CHECKS = (
    Check("I29", EVENTS, "whose words were taken out or changed without a customer being anonymised", false_redactions),
    Check("I29", EVENTS, "changed after being sealed, or following one taken out", broken_seals),
    Check("I29", EVENTS, "without a seal before a sealed one", left_unsealed),
    Check("I30", ("visit", "visits"), "in a customer's view that last too long or are nobody's", endless_visits),
    Check("I33", ("session", "sessions"), "of people who are disabled", sessions_of_disabled),
    Check("I34", ("row", "rows"), "whose parent is gone", orphans),
    Check("I35", ("archived customer", "archived customers"), "with active services or waiting mails",
          archived_and_active),
    Check("I56", ("merged customer", "merged customers"), "with something left of their own, or leading nowhere",
          merged_and_alive),
    Check("I37", ("secret", "secrets"), "kept in plain text", plain_tokens),
    Check("I44", ("schema", "schemas"), "of another version than the program", other_schema),
)  # fmt: skip
