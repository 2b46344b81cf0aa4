"""Now and today for unattended work. The app holds the clock, so that a test can set it."""

from __future__ import annotations

from datetime import date, datetime

from flask import current_app

from billing import company
from billing.actor import Actor, system


def now() -> datetime:
    """The moment, aware UTC."""
    return current_app.clock()  # type: ignore[attr-defined, no-any-return]


def today() -> date:
    """The day in the business's time zone."""
    return company.day_of(now())


def actor(name: str = "Tillbook") -> Actor:
    """The system itself, acting now."""
    at = now()
    return system(at, company.day_of(at), name)
