"""Sealing the audit trail, batch by batch, each its own short transaction."""

from __future__ import annotations

import time

from billing import audit_seal
from models import db

from . import stopping
from .daily import only_reading
from .lease import LeaseTaken, held

LEASE = "audit_seal"
PATIENCE = 10.0
"""Seconds to wait for transactions that may still bring an event with a lower id."""


def seal_audit(*, patience: float = PATIENCE) -> int:
    """Seal every event that is final; how many. Nothing, if somebody else is at it or writers take too long:
    the next turn goes on from there."""
    with only_reading():
        if audit_seal.newest().id == audit_seal.horizon():
            return 0
    try:
        with held(LEASE) as lease:
            up_to = _final(patience)
            lease.hold()
            end, sealed = audit_seal.newest(), 0
            while batch := audit_seal.seal_next(end, up_to):
                end, sealed = batch[-1], sealed + len(batch)
                db.session.commit()
                stopping.check()
                lease.hold()
            return sealed
    except LeaseTaken:
        return 0


def _final(patience: float) -> int:
    """The id below which no event can appear any more; 0 if that is not known in time."""
    up_to = audit_seal.horizon()
    writers = audit_seal.under_way()
    until = time.monotonic() + patience
    while writers := writers & audit_seal.under_way():
        if time.monotonic() >= until:
            up_to = 0
            break
        time.sleep(0.1)
    db.session.rollback()
    return up_to
