"""Ending a service by oneself in the portal: at the end of the period or by asking for it, as the settings have it; and
keeping it after all, until that day."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from models import AuditEvent, Service, ServiceStatus, TerminationState, db

from . import audit, company, notes, reactivations, services, terminations
from .actor import Actor
from .portal_rights import DECIDES, acting_for
from .self_service import NO, NotByOneself, waiting
from .texts import many_lines

ASK, END = "ask", "end"
LONGEST_REASON = 1000
END_ASKED, ONCE_IN = "service.end_asked", timedelta(days=1)
DECIDED = ("service.cancelled", "service.end_removed")
"""What an end is set and removed by, in the audit log."""
PERMISSION, NOTE_PERMISSION = "services.edit", "customers.edit"


def may_end(service: Service) -> str:
    """``ask`` or ``end`` as the settings have it; empty where the customer cannot do either now."""
    way = str(company.value("portal_endings"))
    if (
        way == NO
        or service.ends_on is not None
        or service.status not in (ServiceStatus.ACTIVE, ServiceStatus.SUSPENDED)
    ):
        return ""
    return ASK if service.status == ServiceStatus.SUSPENDED else way


def end(service: Service, reason: str, *, by: Actor) -> Service:
    """The service ends when the period that is billed is over. Raises NotByOneself, NotAllowed, InvalidText."""
    actor = acting_for(service.customer, DECIDES, PERMISSION, by=by)
    if may_end(service) != END:
        raise NotByOneself("This service is not ended here. Write to us.")
    if change := waiting(service):
        raise NotByOneself(f"A change to {change.to_package} is waiting. Call that off first.")
    told = many_lines(reason, "The reason")[:200].replace("\n", " ")
    last = max(service.next_renewal_on, by.today)
    return services.cancel(service, last, told or "Cancelled by the customer", by=actor)


def may_keep(service: Service, *, by: Actor) -> bool:
    """Whether the customer may take the end back: their own people set it here, its day is ahead, the settings still
    leave it to them, and no guided termination counts on it."""
    if service.ends_on is None or service.status == ServiceStatus.CANCELLED or service.ends_on <= by.today:
        return False
    if company.value("portal_endings") != END or not _set_here(service):
        return False
    leaving = terminations.open_of(service.customer)
    return leaving is None or leaving.state != TerminationState.SCHEDULED


def keep(service: Service, *, by: Actor) -> Service:
    """Let the service go on, with its recurring charges: the end that was set here is taken back. Raises NotByOneself,
    NotNow, NotAllowed. Flushes."""
    actor = acting_for(service.customer, DECIDES, PERMISSION, by=by)
    if not may_keep(service, by=by):
        raise NotByOneself("This end is not taken back here. Write to us.")
    return reactivations.remove_end(service, by=actor)


def ask_to_end(service: Service, reason: str, *, by: Actor) -> None:
    """Leave a note with the customer that they want it ended. Raises NotByOneself, NotAllowed, InvalidText. Flushes."""
    acting_for(service.customer, DECIDES, by=by)
    if may_end(service) != ASK:
        raise NotByOneself("This service is not ended here. Write to us.")
    told = many_lines(reason, "The reason")
    if len(told) > LONGEST_REASON:
        raise NotByOneself(f"The reason is too long: at most {LONGEST_REASON:,} letters.")
    lately = (AuditEvent.verb == END_ASKED, AuditEvent.object_id == service.id, AuditEvent.at > by.at - ONCE_IN)
    if db.session.scalar(select(AuditEvent.id).where(AuditEvent.object_type == "service", *lately).limit(1)):
        raise NotByOneself("You asked for this already. We write to you.")
    words = f"{by.name} asks to cancel {service}, which is billed until {service.next_renewal_on}."
    actor = acting_for(service.customer, DECIDES, NOTE_PERMISSION, by=by)
    notes.add_note(service.customer, f"{words}\n{told}".strip(), by=actor)
    audit.record(by, END_ASKED, service, after={"reason": told})
    db.session.flush()


def _set_here(service: Service) -> bool:
    """Whether the end as it stands was set by the customer's own people, not by staff or a move of their day."""
    mine = (AuditEvent.object_type == "service", AuditEvent.object_id == service.id, AuditEvent.verb.in_(DECIDED))
    last = db.session.scalars(select(AuditEvent).where(*mine).order_by(AuditEvent.id.desc()).limit(1)).first()
    if last is None or last.portal_user_id is None or last.real_staff_id is not None:
        return False
    until = (last.after or {}).get("ends_on")
    assert service.ends_on is not None
    return last.customer_id == service.customer_id and until == service.ends_on.isoformat()
