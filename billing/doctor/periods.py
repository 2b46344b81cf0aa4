"""Periods: every day of a service is billed, none twice, and the next renewal is where the anchor says."""

from __future__ import annotations

from sqlalchemy import String, and_, case, false, func, literal, null, or_, select, union_all

from models import Charge, Invoice, InvoiceLine, LineKind, Renewal, Service, ServiceChange, ServiceStatus

from .checks import Check, Query, Scope
from .money import total
from .sql import as_text, day_in, day_of_month, days_between, is_last_of_month, month_of

SERVICES = "service", "services"
ENDS = func.coalesce(Renewal.cut_on, Renewal.period_end)
UNBILLED = ("pause", "resume", "unsuspend", "cancel", "end", "reactivate")
"""The changes of a service that may tell of days without bills."""


def billed_twice(scope: Scope) -> Query:
    """I12: two living renewals of one service, or of one charge, share a day that was not given back."""
    earlier = func.max(ENDS).over(
        partition_by=(Renewal.service_id, Renewal.charge_id), order_by=Renewal.period_start, rows=(None, -1)
    )
    spans = select(Renewal.service_id, Renewal.charge_id, Renewal.period_start, earlier.label("billed_until"))
    history = spans.where(~Renewal.void).subquery()
    name = func.coalesce(Service.description, Charge.description)
    return (
        select(func.coalesce(history.c.service_id, history.c.charge_id).label("id"), name)
        .outerjoin(Service, Service.id == history.c.service_id)
        .outerjoin(Charge, Charge.id == history.c.charge_id)
        .where(history.c.period_start < history.c.billed_until)
        .distinct()
    )


def never_billed(scope: Scope) -> Query:
    """I13: days between `billed_from` and the next renewal (or the end) without a renewal, and not told in the history
    as days without bills.

    An empty span on that last day stands for the end of what has to be covered.
    """
    renewed = select(Renewal.service_id, Renewal.period_start.label("first"), ENDS.label("last"))
    paused_from = func.coalesce(day_in(ServiceChange.after, "unbilled_from", scope), ServiceChange.on)
    paused_until = func.coalesce(
        day_in(ServiceChange.after, "unbilled_until", scope), day_in(ServiceChange.after, "next_renewal_on", scope)
    )
    paused = select(ServiceChange.service_id, paused_from, paused_until)
    paused = paused.where(ServiceChange.kind.in_(UNBILLED), paused_until.is_not(None))
    ends_first = and_(Service.ends_on.is_not(None), Service.ends_on < Service.next_renewal_on)
    end = case((ends_first, Service.ends_on), else_=Service.next_renewal_on)
    ends = select(Service.id, end, end).where(Service.status == ServiceStatus.ACTIVE)
    living = renewed.where(~Renewal.void, Renewal.service_id.is_not(None))
    service_id, first, last = union_all(living, paused, ends).subquery().c
    covered = func.max(last).over(partition_by=service_id, order_by=(first, last), rows=(None, -1))
    spans = select(service_id.label("service_id"), first.label("first"), covered.label("covered")).subquery()
    return (
        select(Service.id, Service.description)
        .join(spans, spans.c.service_id == Service.id)
        .where(
            Service.status == ServiceStatus.ACTIVE,
            spans.c.first > func.coalesce(spans.c.covered, Service.billed_from),
            spans.c.first > Service.billed_from,
        )
        .distinct()
    )


def wrong_renewal_amounts(scope: Scope) -> Query:
    """I14: what renewals say was billed for a period is what stands on the invoice. One-off charges show no period."""
    kinds = [LineKind.SERVICE, LineKind.CHARGE]
    first_of_service = case((Renewal.service_id.is_not(None), Renewal.period_start))
    renewed = select(
        Renewal.id, Renewal.invoice_id, Renewal.service_id, Renewal.charge_id, first_of_service.label("first"),
        Renewal.amount_minor.label("amount"),
    ).where(~Renewal.void, Renewal.invoice_id.is_not(None))  # fmt: skip
    first_of_line = case((InvoiceLine.service_id.is_not(None), InvoiceLine.period_start))
    charged = case((Invoice.kind == "credit_note", -InvoiceLine.amount_minor), else_=InvoiceLine.amount_minor)
    billed = (
        select(
            null(), InvoiceLine.invoice_id, InvoiceLine.service_id, InvoiceLine.charge_id, first_of_line, -charged,
        )
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .where(InvoiceLine.kind.in_(kinds))
    )  # fmt: skip
    renewal_id, *key, amount = union_all(renewed, billed).subquery().c
    wrong = (
        select(func.min(renewal_id).label("id"))
        .group_by(*key)
        .having(func.count(renewal_id) > 0, total(amount) != 0)
        .subquery()
    )
    shown = Invoice.number + literal(" from ", String) + as_text(Renewal.period_start)
    return (
        select(Renewal.id, shown).join(wrong, wrong.c.id == Renewal.id).join(Invoice, Invoice.id == Renewal.invoice_id)
    )


def off_anchor(scope: Scope) -> Query:
    """I18: the next renewal falls on the anchor, clamped to the month's end, in a month of its round; or on the first
    day billed, the day bills or other periods began anew, or the first of a pause. Those of n days step from there."""
    day = Service.next_renewal_on
    clamped = and_(day_of_month(day) < Service.anchor_day, is_last_of_month(day, scope))
    right_day = or_(day_of_month(day) == Service.anchor_day, clamped)
    round_of = case(*((Service.months % step == 0, step) for step in (12, 6, 4, 3, 2)), else_=1)
    right_month = or_(Service.anchor_month.is_(None), (month_of(day) - Service.anchor_month) % round_of == 0)
    later = case((Service.rhythm_from > Service.anchored_on, Service.rhythm_from))
    since = func.coalesce(later, Service.anchored_on, Service.rhythm_from, Service.billed_from)
    in_steps = days_between(since, day, scope) % case((Service.days > 0, Service.days), else_=1) == 0
    right = or_(
        day.in_((Service.billed_from, since, func.coalesce(Service.paused_from, Service.billed_from))),
        func.coalesce(Service.paused_until == Service.rhythm_from, false()),
        and_(Service.months > 0, right_day, right_month),
        and_(Service.days > 0, in_steps, day >= since),
    )
    return select(Service.id, Service.description).where(Service.status != ServiceStatus.CANCELLED, ~right)


CHECKS = (
    Check("I12", ("service or charge", "services or charges"), "billed twice for the same days", billed_twice),
    Check("I13", SERVICES, "with days that were never billed", never_billed),
    Check("I14", ("renewal", "renewals"), "with another amount than on the invoice", wrong_renewal_amounts),
    Check("I18", SERVICES, "with a next renewal that is off its renewal day", off_anchor),
)
