"""Sealing the audit trail: each event's seal is the hash of the seal before it and of the event itself.

Whoever changes an event, takes one out or slips one in breaks the chain at that place, unless they also write every
later seal anew; a seal written down elsewhere shows that too. Events are sealed after their commit, in id order, by
one job: a chain kept by the writers themselves would make them wait for each other.

Ids are no order of commits on PostgreSQL. An id is drawn when the row is inserted, so a long transaction may bring an
event with id 10 minutes after 11 was committed. If 11 were sealed before that, 10 could never be. Waiting for a fixed
time would only make that rarer (an import in one transaction takes as long as it takes). What can be known exactly:
whoever has drawn an id holds a lock on the sequence until its transaction ends. So we take the highest id that is
committed, then ask who holds that lock: everybody with a lower id still to come is among them, since their id was
drawn before. Once those have ended, nothing can appear below any more (`horizon`, `under_way`). Later writers draw
higher ids and need not be waited for, so that a busy system does not starve the job. SQLite has one writer: whatever
is committed is final.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Text, cast, func, select, text

from models import AuditEvent, db
from models.bulk import update_rows

CHUNK = 2000
EVENT = AuditEvent.__table__
# The stored JSON itself, not what a parser makes of it.
_ROW = (
    EVENT.c.id, EVENT.c.at, EVENT.c.verb, EVENT.c.actor, EVENT.c.staff_id, EVENT.c.portal_user_id,
    EVENT.c.real_staff_id, EVENT.c.address, EVENT.c.object_type, EVENT.c.object_id, EVENT.c.object_label,
    EVENT.c.customer_id, cast(EVENT.c.before, Text), cast(EVENT.c.after, Text),
)  # fmt: skip
_HOLDERS = text("""
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND pid IS DISTINCT FROM pg_backend_pid()
      AND relation = pg_get_serial_sequence('audit_event', 'id')::regclass
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")


class Link(NamedTuple):
    """The event sealed last, and its seal; (0, "") before the first."""

    id: int
    seal: str


def seal_of(previous: str, event: Sequence[Any]) -> str:
    """SHA-256 (hex) over the seal before and the event's values, its moment as ISO text in UTC."""
    number, at, *rest = event
    words = json.dumps([number, at.isoformat(), *rest], ensure_ascii=False, separators=(",", ":"))
    return sha256(f"{previous}{words}".encode()).hexdigest()


def newest() -> Link:
    """Where the chain ends now."""
    sealed = select(EVENT.c.id, EVENT.c.seal).where(EVENT.c.seal.is_not(None))
    row = db.session.execute(sealed.order_by(EVENT.c.id.desc()).limit(1)).first()
    return Link(*row) if row else Link(0, "")


def horizon() -> int:
    """The highest id committed. What is below is final as soon as those `under_way` right after have ended."""
    return db.session.scalar(select(func.max(EVENT.c.id))) or 0


def under_way() -> frozenset[str]:
    """The transactions that have drawn ids of events and have not ended; ask after `horizon`, never before."""
    if db.session.get_bind().dialect.name != "postgresql":
        return frozenset()
    return frozenset(db.session.scalars(_HOLDERS))


def seal_next(after: Link, up_to: int, limit: int = CHUNK) -> list[Link]:
    """Seal the next `limit` events past `after`, up to the id `up_to`; their links, none when there are no more.

    Only one may do this at a time. A seal is written once and never again. Flushes, does not commit.
    """
    unsealed = select(*_ROW).where(EVENT.c.id > after.id, EVENT.c.id <= up_to, EVENT.c.seal.is_(None))
    links = []
    for event in db.session.execute(unsealed.order_by(EVENT.c.id).limit(limit)):
        after = Link(event[0], seal_of(after.seal, event))
        links.append(after)
    update_rows(db.session, EVENT, ("seal",), [(link.seal, link.id) for link in links])
    return links


def broken(most: int) -> Iterator[tuple[int, str]]:
    """Events among the newest `most` sealed ones whose seal does not follow: (id, verb)."""
    sealed = EVENT.c.seal.is_not(None)
    start = select(EVENT.c.id, EVENT.c.seal).where(sealed).order_by(EVENT.c.id.desc()).offset(most).limit(1)
    row = db.session.execute(start).first()
    last, seal = row or Link(0, "")
    while events := db.session.execute(
        select(EVENT.c.seal, EVENT.c.redacted_by_id, *_ROW)
        .where(sealed, EVENT.c.id > last)
        .order_by(EVENT.c.id)
        .limit(CHUNK)
    ).all():
        for stored, redacted, *event in events:
            # Proven by the event that took its words, see audit_redaction.
            if redacted is None and stored != seal_of(seal, event):
                yield event[0], event[2]
            last, seal = event[0], stored
