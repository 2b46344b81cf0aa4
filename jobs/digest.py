"""The daily digest: one mail a morning to everybody on the staff who wants it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.exc import IntegrityError

from billing import digest
from messaging import digest_mail
from models import db

from . import clock, results


def run(on: date | None = None) -> Mapping[str, Any]:
    """Queue the mails of the day `on`, each in its own transaction. Days that were missed are not made up for."""
    by, day, queued = clock.actor(results.AUTHOR), on or clock.today(), 0
    for person in digest.readers():
        try:
            queued += digest_mail.queue(person, day, by=by)
            db.session.commit()
        except IntegrityError:  # somebody else has queued it a moment ago
            db.session.rollback()
    return {"queued": queued}
