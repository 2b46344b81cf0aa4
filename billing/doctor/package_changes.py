"""Changes of package: each did what it says, its documents are its own, and what waits can still be done."""

from __future__ import annotations

from sqlalchemy import and_, case, func, or_, select

from models import ChangeState, Invoice, InvoiceLine, InvoiceState, LineKind, PackageChange, Renewal, Service

from .checks import Check, Query, Scope

CHANGES = "change of package", "changes of package"
_NAME = func.coalesce(Service.description, "")


def _joined() -> Query:
    return select(PackageChange.id, _NAME).join(Service, Service.id == PackageChange.service_id)


def strange_documents(scope: Scope) -> Query:
    """I96: its document is of its customer and issued; one that waits has one on which money is asked for, one that was
    undone has none in force that asks for any."""
    issued = Invoice.state != InvoiceState.DRAFT
    own = and_(Invoice.customer_id == PackageChange.customer_id, issued)
    waits = and_(Invoice.state == InvoiceState.ISSUED, Invoice.kind.in_(("invoice", "proforma")))
    undone = or_(Invoice.state == InvoiceState.VOID, Invoice.kind == "credit_note")
    right = case(
        (PackageChange.state == ChangeState.WAITING, and_(own, waits)),
        (PackageChange.state.in_((ChangeState.UNDONE, ChangeState.WITHDRAWN)), and_(own, undone)),
        (PackageChange.state == ChangeState.SCHEDULED, False),
        else_=own,
    )
    with_document = _joined().outerjoin(Invoice, Invoice.id == PackageChange.invoice_id)
    waiting_for_nothing = and_(PackageChange.state == ChangeState.WAITING, PackageChange.invoice_id.is_(None))
    return with_document.where(or_(and_(PackageChange.invoice_id.is_not(None), ~right), waiting_for_nothing))


def blind_ones(scope: Scope) -> Query:
    """I96: one that was decided says by which review, and what it made of the service."""
    blind = and_(PackageChange.state != ChangeState.DRAFT, PackageChange.fingerprint == "")
    bare = and_(PackageChange.state.in_((ChangeState.DONE, ChangeState.WAITING)), PackageChange.after.is_(None))
    return _joined().where(or_(blind, bare))


def cut_outside(scope: Scope) -> Query:
    """I12: a period is cut within its days; one cut on its first is void."""
    moved = and_(Renewal.void, Renewal.cut_on == Renewal.period_start)  # all of its days lie elsewhere now
    inside = or_(and_(Renewal.cut_on > Renewal.period_start, Renewal.cut_on <= Renewal.period_end), moved)
    joined = select(Renewal.id, _NAME).join(Service, Service.id == Renewal.service_id)
    return joined.where(Renewal.cut_on.is_not(None), ~inside)


def strange_unused(scope: Scope) -> Query:
    """I12: days are given back of a line of the same service that covers them, or that paid for days which another
    renewal carries there now."""
    original = InvoiceLine.__table__.alias("original")
    within = and_(
        original.c.period_start <= InvoiceLine.period_start,
        InvoiceLine.period_end <= original.c.period_end,
    )
    no_days = and_(InvoiceLine.period_start.is_(None), original.c.period_start.is_(None))
    carried = (
        select(Renewal.id)
        .where(
            Renewal.carries_id.is_not(None), Renewal.service_id == original.c.service_id,
            Renewal.period_start <= InvoiceLine.period_start, InvoiceLine.period_end <= Renewal.period_end,
        )
        .exists()
    )  # fmt: skip
    same = or_(original.c.service_id == InvoiceLine.service_id, original.c.charge_id == InvoiceLine.charge_id)
    right = and_(same, or_(within, no_days, carried))
    joined = select(InvoiceLine.id, InvoiceLine.description)
    joined = joined.outerjoin(original, original.c.id == InvoiceLine.original_line_id)
    return joined.where(InvoiceLine.kind == LineKind.UNUSED, ~func.coalesce(right, False))


CHECKS = (
    Check("I12", ("billing period", "billing periods"), "cut on a day that is not within it", cut_outside),
    Check("I12", ("line", "lines"), "giving back days that the line taken back does not cover", strange_unused),
    Check("I96", CHANGES, "with a document that is not theirs or does not fit", strange_documents),
    Check("I96", CHANGES, "without what was carried out", blind_ones),
)
