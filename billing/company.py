"""The company's own choices where a rule needs them, and what holds before there is a company."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import inspect

from models import Company, db, objects

from .setting_list import SETTINGS


def get() -> Company | None:
    """The company, or None before the first set-up. Asked for once in a session."""
    session = db.session()
    held = session.info.get("company")
    if held is not None and (state := inspect(held)).session is session and not state.expired:
        return cast(Company, held)
    return hold(objects.get(Company, 1))


def hold(found: Company | None) -> Company | None:
    """Keep the company in this session, so that `get` need not ask for it."""
    db.session.info["company"] = found
    return found


def settings() -> Company:
    """The company, or one with the defaults (UTC, series INV) that is not stored."""
    found = get()
    if found is None:
        with db.session.no_autoflush:
            found = Company(**{c.name: _default(c) for c in Company.__table__.c if c.name not in ("id", "logo")})
    return found


def value(name: str, seller: Company | None = None) -> Any:
    """What holds for a setting of setting_list: what was chosen, else its default. `seller` is the company, or a run's
    snapshot of it; without one it is asked for."""
    seller = settings() if seller is None else seller
    if is_column(name):
        return getattr(seller, name)
    return seller.chosen.get(name, SETTINGS[name].default)


def _default(column: Any) -> Any:
    if column.default is None:
        return None if column.nullable else ""
    return column.default.arg if column.default.is_scalar else column.default.arg(None)


@cache
def is_column(name: str) -> bool:
    """Whether the setting has a column of its own."""
    return name in Company.__table__.c


def day_of(moment: datetime) -> date:
    """The calendar day of `moment` (aware) in the business's time zone; UTC without a company."""
    company = get()
    zone = ZoneInfo(company.timezone) if company else UTC
    return moment.astimezone(zone).date()


def beginning_of(day: date) -> datetime:
    """The moment (aware, UTC) that `day` begins in the business's time zone."""
    company = get()
    zone = ZoneInfo(company.timezone) if company else UTC
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
