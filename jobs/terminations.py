"""Customers that leave: on their day their services end, and they are disabled or archived."""

from __future__ import annotations

from datetime import date

from billing import terminations
from models import db

from . import clock, results, stopping
from .daily import only_reading


def run(on: date | None = None) -> dict[str, int]:
    """Carry on with what is due by `on` (today). Returns how many are over. Commits; without any due it only reads."""
    day = on or clock.today()
    finished = 0
    with only_reading():
        due = terminations.due(day)
    for number in due:
        if stopping.asked():
            break
        finished += terminations.finish(number, by=clock.actor(results.AUTHOR))
        db.session.commit()
    return {"finished": finished}
