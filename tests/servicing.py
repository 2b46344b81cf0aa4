"""Short words for tests about the life of services."""

from __future__ import annotations

from datetime import date

from conftest import Clock
from sqlalchemy import select

from billing import doctor
from billing.actor import Actor, system
from billing.doctor import Scope
from jobs import renewals
from models import Invoice, InvoiceLine, Renewal, Service, db


def day(month: int, day_: int, year: int = 2026) -> date:
    return date(year, month, day_)


def at(clock: Clock, on: date) -> Actor:
    clock.set(on)
    return system(clock(), on)


def bill(on: date) -> None:
    db.session.commit()
    renewals.run(on)
    db.session.expire_all()


def lines() -> list[tuple[date, date, int]]:
    rows = select(InvoiceLine.period_start, InvoiceLine.period_end, InvoiceLine.amount_minor)
    return [tuple(row) for row in db.session.execute(rows.join(Invoice).order_by(InvoiceLine.id))]


def covered(service: Service) -> list[tuple[date, date]]:
    rows = select(Renewal).where(Renewal.service_id == service.id, ~Renewal.void).order_by(Renewal.period_start)
    return [(row.period_start, row.cut_on or row.period_end) for row in db.session.scalars(rows)]


def well(clock: Clock) -> bool:
    db.session.commit()
    return [str(finding) for finding in doctor.examine(Scope(clock()))] == []
