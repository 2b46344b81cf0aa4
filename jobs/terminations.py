"""Customers that leave: on their day their services end, and they are disabled or archived."""

from __future__ import annotations

from datetime import date

from sqlalchemy.exc import OperationalError

from billing import terminations
from models import db
from models.faults import faultpoint

from . import clock, results, stopping
from .daily import only_reading
from .waiting import patiently


def run(on: date | None = None) -> dict[str, int]:
    """Carry on with what is due by `on` (today). Returns how many are over. Commits; without any due it only reads.

    One that fails stays due and keeps no other; the first reason is raised in the end.
    """
    day = on or clock.today()
    finished, failed = 0, None
    with only_reading():
        due = terminations.due(day)
    for number in due:
        if stopping.asked():
            break
        try:
            finished += patiently(lambda number=number: _finish(number))  # type: ignore[misc]
        except OperationalError:
            raise
        except Exception as error:
            db.session.rollback()
            failed = failed or error
    if failed is not None:
        raise failed
    return {"finished": finished}


def _finish(number: int) -> bool:
    done = terminations.finish(number, by=clock.actor(results.AUTHOR))
    faultpoint("terminations.finished")
    db.session.commit()
    faultpoint("terminations.committed")
    return done
