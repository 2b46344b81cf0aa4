"""What the jobs have in common that go on with work that waits: alone, and patiently with a busy database."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import OperationalError

from models import db

from .daily import only_reading
from .lease import Held, LeaseLost, LeaseTaken, held

TRIES = 3
Found = TypeVar("Found")


def alone(name: str, waits: Callable[[], Found | None], work: Callable[[Found, Held], None]) -> None:
    """Where something waits, work on it while holding the lease of that name. Whoever holds it already, or takes it
    over from us, does it instead."""
    with only_reading():
        found = waits()
    if found is None:
        return
    try:
        with held(name) as lease:
            work(found, lease)
    except (LeaseTaken, LeaseLost):
        db.session.rollback()


def patiently(step: Callable[[], Found]) -> Found:
    """One transaction, tried again when the database was busy."""
    for attempt in range(1, TRIES):
        try:
            return step()
        except OperationalError:
            db.session.rollback()
            time.sleep(0.2 * attempt)
    return step()
