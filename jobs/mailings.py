"""Messages that people asked for: large ones are queued here, and repeated ones when their day comes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from messaging import mailings
from models import BillingError, Mailing, MailingState, db
from models.faults import faultpoint

from . import clock, stopping
from .daily import only_reading
from .lease import Held, LeaseLost, LeaseTaken, held

LEASE = "mailings"
TRIES = 3
"""One that takes the whole process down with it, again and again, is left to a person."""

log = logging.getLogger(__name__)


def run(on: date | None = None) -> Mapping[str, Any]:
    """Queue every message that is due; nobody else does so meanwhile. `on` is not asked."""
    with only_reading():
        waits = _is_due()
    if not waits:
        return {}
    count = 0
    try:
        with held(LEASE) as lease:
            while _next(lease):
                count += 1
                stopping.check()
    except (LeaseTaken, LeaseLost):
        db.session.rollback()
    return {"queued": count} if count else {}


def _is_due() -> bool:
    waiting = Mailing.state.in_((MailingState.ASKED, MailingState.REPEATING))
    return db.session.scalar(select(Mailing.id).where(waiting, Mailing.next_at <= clock.now()).limit(1)) is not None


def _next(lease: Held) -> bool:
    """Queue one in one transaction; what cannot be queued says why. False if none waits."""
    lease.hold()
    mailing = mailings.next_due(clock.now())
    if mailing is None:
        db.session.rollback()
        return False
    mailing_id = mailing.id
    if mailing.tries >= TRIES:
        _give_up(mailing_id, "Queueing it broke off three times. Look at it, then write it anew.")
        return True
    mailing.tries += 1
    db.session.commit()
    faultpoint("mailings.begun")
    try:
        lease.hold()
        _queue(mailing_id)
    except OperationalError:
        db.session.rollback()
        raise
    except BillingError as refusal:
        db.session.rollback()
        _give_up(mailing_id, str(refusal))
    except Exception as error:
        db.session.rollback()
        log.exception("message %s could not be queued", mailing_id)
        _give_up(mailing_id, f"It could not be queued ({type(error).__name__}); the log has the details.")
    return True


def _queue(mailing_id: int) -> None:
    mailing = db.session.get_one(Mailing, mailing_id, with_for_update=True, populate_existing=True)
    if mailing.state in (MailingState.ASKED, MailingState.REPEATING):
        mailings.queue(mailing, by=mailings.actor_of(mailing, clock.now(), clock.today()))
    db.session.commit()


def _give_up(mailing_id: int, reason: str) -> None:
    mailing = db.session.get_one(Mailing, mailing_id, with_for_update=True, populate_existing=True)
    mailings.give_up(mailing, reason, by=mailings.actor_of(mailing, clock.now(), clock.today()))
    db.session.commit()
