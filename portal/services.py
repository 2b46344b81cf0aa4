"""What a customer has: every service with its next renewal, and one with its options, bills and history.

Of the history a customer is told what happened to the service and when; who of the staff did it and why, and what was
before the service came to this customer, stay with the shop.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import abort, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from billing import company, self_service
from billing.service_trials import in_trial
from models import (
    Customer,
    Invoice,
    InvoiceState,
    Money,
    PortalAccess,
    Renewal,
    Service,
    ServiceChange,
    ServiceStatus,
    SuspendedFor,
    WaitsFor,
    db,
)
from web.formatters import money, short_date
from web.next_bills import changed
from web.params import only
from web.permissions import actor
from web.price_words import price_words

from . import paging
from .navigation import MAY_PAY, SEE_MONEY
from .pages import ID, for_customer, others, pages

ON_A_PAGE = 25
NEWEST = 20
RUNNING, ENDED = "running", "ended"
NAMES = {RUNNING: _l("Running"), ENDED: _l("Ended")}
TOLD: dict[str, tuple[str, str, Any]] = {
    "start": ("play", "ok", _l("Started")),
    "activate": ("play", "ok", _l("Activated")),
    "suspend": ("ban", "warn", _l("Suspended")),
    "unsuspend": ("play", "ok", _l("Switched on again")),
    "pause": ("pause", "", _l("Paused")),
    "resume": ("play", "ok", _l("Went on after a pause")),
    "trial": ("calendar", "", _l("Trial made longer")),
    "trial_end": ("calendar", "", _l("Trial ended")),
    "price": ("percent", "info", _l("New price")),
    "change": ("repeat", "info", _l("Package changed")),
    "cancel": ("calendar", "warn", _l("End set")),
    "end": ("calendar", "", _l("Ended")),
    "reactivate": ("undo-2", "ok", _l("Brought back after its end")),
    "transfer": ("play", "ok", _l("Taken over")),
}
"""What a customer is told of. Everything else is between the shop and its books."""
MONEY = frozenset({"price"})


@pages.get(f"/<{ID}:customer_id>/services/")
@for_customer
def services(access: PortalAccess) -> str:
    customer, asked = access.customer, only(request.args, "show", RUNNING)
    show = asked if asked in NAMES else RUNNING
    ended = Service.status == ServiceStatus.CANCELLED
    counted = select(func.count().filter(~ended), func.count().filter(ended)).select_from(Service)
    counts = db.session.execute(counted.where(Service.customer_id == customer.id)).one()
    query = select(Service).where(Service.customer_id == customer.id, ended if show == ENDED else ~ended)
    page = paging.read(query.options(joinedload(Service.package)), Service.id, ON_A_PAGE)
    return render_template(
        "portal/services.html", customer=customer, others=others(), page=page, services=[row[0] for row in page.rows],
        tabs=[(key, name, count) for (key, name), count in zip(NAMES.items(), counts, strict=True)], show=show,
        sees_money=access.right in SEE_MONEY, price_words=price_words, pill_of=state_pill, today=actor().today,
        to=lambda **more: url_for("portal.services", customer_id=customer.id, show=show, **more),
    )  # fmt: skip


@pages.get(f"/<{ID}:customer_id>/services/<{ID}:service_id>")
@for_customer
def service(access: PortalAccess, service_id: int) -> str:
    customer, sees_money = access.customer, access.right in SEE_MONEY
    found = theirs(access, service_id)
    options, waiting = list(found.options), self_service.waiting(found)
    whole = sum((one.price.times(one.quantity) for one in options), found.price)
    return render_template(
        "portal/service.html", customer=customer, others=others(), service=found, options=options, whole=whole,
        one_day=timedelta(days=1),
        sees_money=sees_money, price_words=price_words, pill_of=state_pill, may_pay=access.right in MAY_PAY,
        billed=_billed(customer, found) if sees_money else [], today=actor().today,
        waiting=waiting, changed_bill=changed(found, waiting),
        history=_history(found, sees_money) if company.value("portal_service_history") else None,
    )  # fmt: skip


def theirs(access: PortalAccess, service_id: int) -> Service:
    """The service, if it is this customer's; 404 otherwise."""
    mine = select(Service).where(Service.id == service_id, Service.customer_id == access.customer_id)
    return db.session.scalar(mine.options(joinedload(Service.package))) or abort(404)


def _billed(customer: Customer, service: Service) -> list[tuple[Renewal, Invoice]]:
    """The newest periods that were billed to this customer, each with its invoice."""
    mine = select(Renewal, Invoice).join(Invoice, Invoice.id == Renewal.invoice_id)
    mine = mine.where(Renewal.service_id == service.id, ~Renewal.void, Invoice.customer_id == customer.id)
    newest = mine.where(Invoice.state == InvoiceState.ISSUED).order_by(Renewal.id.desc()).limit(5)
    return [(renewal, invoice) for renewal, invoice in db.session.execute(newest)]


def _history(service: Service, sees_money: bool) -> list[dict[str, Any]]:
    """The newest of what happened since it is this customer's, as the timeline prints it."""
    of = ServiceChange.service_id == service.id
    came = select(func.max(ServiceChange.id)).where(of, ServiceChange.kind == "transfer").scalar_subquery()
    wanted = [kind for kind in TOLD if sees_money or kind not in MONEY]
    query = select(ServiceChange).where(of, ServiceChange.kind.in_(wanted), ServiceChange.id >= func.coalesce(came, 0))
    changes = db.session.scalars(query.order_by(ServiceChange.id.desc()).limit(NEWEST))
    return [_line(one, service, sees_money) for one in changes]


def _line(change: ServiceChange, service: Service, sees_money: bool) -> dict[str, Any]:
    icon, kind, words = TOLD[change.kind]
    before, after = change.before or {}, change.after or {}
    note, day = "", change.on
    if change.kind == "cancel":
        until = after.get("ends_on")
        icon, kind, words = (icon, kind, words) if until else ("undo-2", "ok", _l("End removed"))
        note = _("It ends on %(day)s.", day=short_date(date.fromisoformat(until))) if until else ""
        day = min(day, company.day_of(change.made_at))  # when it was set, not the day it is for
    elif change.kind == "change" and before.get("package") and before["package"] != after.get("package"):
        note = f"{before['package']} → {after.get('package')}"
    elif change.kind == "price" and sees_money:
        note = _prices(before, after, service)
    return {"icon": icon, "kind": kind, "text": words, "note": note, "iso": str(day), "when": short_date(day)}


def _prices(before: dict[str, Any], after: dict[str, Any], service: Service) -> str:
    old, new = before.get("price_minor"), after.get("price_minor")
    if not isinstance(old, int) or not isinstance(new, int):
        return ""
    was, is_ = (Money(m, side.get("currency") or service.currency) for m, side in ((old, before), (new, after)))
    words = f"{money(was)} → {money(is_)}"
    return f"{after['option']}: {words}" if after.get("option") else words


def state_pill(service: Service, today: date) -> tuple[str, Any]:
    """(kind, words) of the pill that says what a service is doing."""
    if service.status == ServiceStatus.CANCELLED:
        return "", _("Ended")
    if service.status == ServiceStatus.ACTIVE and service.started_on > today:
        return "info", _("Starts %(day)s", day=short_date(service.started_on))
    if in_trial(service, today):
        return "info", _("Trial until %(day)s", day=short_date(service.billed_from))
    if service.status == ServiceStatus.ACTIVE and service.ends_on:
        return "warn", _("Ends %(day)s", day=short_date(service.ends_on))
    if service.suspended_for == SuspendedFor.PAUSE:
        until = service.paused_until
        return "info", _("Paused until %(day)s", day=short_date(until)) if until else _("Paused")
    if service.suspended_for == SuspendedFor.UNPAID:
        return "bad", _("Suspended: unpaid")
    if service.status == ServiceStatus.SUSPENDED:
        return "warn", _("Suspended")
    if service.status == ServiceStatus.PENDING:
        return "info", _("Waits for payment") if service.waits_for == WaitsFor.PAYMENT else _("Being set up")
    return "ok", _("Active")
