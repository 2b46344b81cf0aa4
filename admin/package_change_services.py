"""Step 1 of the wizard: a customer's services, which of them can be changed, and what was changed before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from admin.links import record_url
from admin.package_change_words import AHEAD, STATES, ahead_words
from billing import change_subject
from models import ChangeState, Customer, Invoice, PackageChange, Service, ServiceChange, ServiceStatus, db
from web.formatters import short_date
from web.permissions import actor

SHOWN = 50


@dataclass(frozen=True)
class Ahead:
    """A change of the service that is drafted, scheduled or waits."""

    pill: tuple[str, str]
    words: str
    url: str = ""
    draft: bool = False


@dataclass(frozen=True)
class Offered:
    service: Service
    why_not: str = ""
    changed: str = ""
    open: Ahead | None = None
    first: bool = False


def offered(customer: Customer, before: int | None, chosen: int | None) -> tuple[list[Offered], int | None]:
    """Up to 50 of the customer's services, running ones first, and where the next ones begin. The one `chosen`, or
    the only one that can be changed, is ticked."""
    rows = _services(customer, before)
    shown, today = rows[:SHOWN], actor().today
    ids = [one.id for one in shown]
    changed, ahead = _changed(ids), _ahead(ids)
    refused = {one.id: _why_not(one, ahead.get(one.id), today) for one in shown}
    can = [one.id for one in shown if not refused[one.id]]
    ticked = chosen if chosen in can else can[0] if len(can) == 1 else None
    found = [
        Offered(one, refused[one.id], changed.get(one.id, ""), ahead.get(one.id), one.id == ticked) for one in shown
    ]
    return found, shown[-1].id if len(rows) > SHOWN else None


def _why_not(service: Service, ahead: Ahead | None, today: date) -> str:
    """The first thing that stands against changing it at all."""
    if ahead is not None and not ahead.draft:
        return _("Withdraw that one first.")
    return next(change_subject.of_service(service, today), "")


def _services(customer: Customer, before: int | None) -> list[Service]:
    query = select(Service).where(Service.customer_id == customer.id)
    ended = Service.status == ServiceStatus.CANCELLED
    if before is not None:
        last = select(Service.status).where(Service.id == before).scalar_subquery()
        over = last == ServiceStatus.CANCELLED
        query = query.where((ended & ~over) | ((ended == over) & (Service.id < before)))
    query = query.order_by(ended.asc(), Service.id.desc()).limit(SHOWN + 1)
    how = joinedload(Service.package), selectinload(Service.options), joinedload(Service.customer)
    return list(db.session.scalars(query.options(*how)))


def _changed(ids: Sequence[int]) -> dict[int, str]:
    """The last change of package of each, in words: ``Changed 3 Mar 2026: Fibre 100 → Fibre 300``."""
    mine = ServiceChange.service_id.in_(ids), ServiceChange.kind == "change"
    newest = select(func.max(ServiceChange.id)).where(*mine).group_by(ServiceChange.service_id)
    rows = db.session.scalars(select(ServiceChange).where(ServiceChange.id.in_(newest)))
    return {row.service_id: _change_words(row) for row in rows}


def _change_words(row: ServiceChange) -> str:
    day, old, new = short_date(row.on), (row.before or {}).get("package"), (row.after or {}).get("package")
    if old and new and old != new:
        return _("%(day)s: %(old)s → %(new)s", day=day, old=old, new=new)
    return _("Changed on %(day)s, still %(package)s", day=day, package=new or old) if new or old else day


def _ahead(ids: Sequence[int]) -> dict[int, Ahead]:
    own = or_(PackageChange.state != ChangeState.DRAFT, PackageChange.made_by == actor().name)
    query = select(PackageChange).where(PackageChange.service_id.in_(ids), PackageChange.state.in_(AHEAD), own)
    names = joinedload(PackageChange.to_package), joinedload(PackageChange.invoice)
    rows = db.session.scalars(query.options(*names).order_by(PackageChange.id))
    return {row.service_id: _ahead_of(row) for row in rows}


def _ahead_of(change: PackageChange) -> Ahead:
    kind, word = STATES[change.state]
    return Ahead((kind, str(word)), ahead_words(change), record_url(change), change.state == ChangeState.DRAFT)


def on_service(service: Service) -> dict[str, Any] | None:
    """What the page of a service says of a change that is scheduled or waits; nothing without one."""
    ahead = PackageChange.state.in_((ChangeState.SCHEDULED, ChangeState.WAITING))
    query = select(PackageChange).where(PackageChange.service_id == service.id, ahead)
    names = joinedload(PackageChange.to_package), joinedload(PackageChange.invoice)
    change = db.session.scalars(query.options(*names)).one_or_none()
    if change is None:
        return None
    kind, word = STATES[change.state]
    document = record_url(change.invoice, Invoice) if change.invoice else ""
    kind = {"warn": "warning"}.get(kind, kind)
    words = {"kind": kind, "word": word, "words": ahead_words(change), "change": change}
    return {**words, "url": record_url(change), "document_url": document}
