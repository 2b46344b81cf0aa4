"""Taking personal data out of the audit trail without breaking its chain of seals.

A sealed event whose words are taken out can no longer be proven by its own seal. So it names the event that took them
out (`customer.anonymised`), which is sealed in turn and holds a digest over what was left of all of them: whoever
changes what is left breaks that digest, and whoever pretends that an event was redacted finds no such digest.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Text, cast, select

from models import AuditEvent, db
from models.bulk import update_rows

VERB = "customer.anonymised"
REMOVED = "removed"
SAFE_TEXTS = frozenset({"status", "currency", "payment_method", "account_type", "country", "language"})
LABELS = frozenset({"invoice", "payment", "package"})
"""Whose labels say nothing about a person: numbers, amounts, names of packages."""
CHUNK = 1000
PROVEN = 1000
"""How many of the newest anonymisations the doctor proves each time."""
EVENT = AuditEvent.__table__
_LEFT = (
    EVENT.c.id, EVENT.c.verb, EVENT.c.actor, EVENT.c.staff_id, EVENT.c.portal_user_id, EVENT.c.real_staff_id,
    EVENT.c.address, EVENT.c.object_type, EVENT.c.object_id, EVENT.c.object_label, EVENT.c.customer_id,
    cast(EVENT.c.before, Text), cast(EVENT.c.after, Text),
)  # fmt: skip


def redact(customer_ids: Collection[int], portal_users: Collection[int], into: AuditEvent) -> int:
    """Take the personal words out of all events of these customers and of what these portal users did; how many.

    `into` is the flushed event of verb VERB; the caller puts `digest(into.id)` into it afterwards.
    """
    count, last = 0, 0
    mine = EVENT.c.customer_id.in_(customer_ids)
    about = mine | EVENT.c.portal_user_id.in_(portal_users) if portal_users else mine
    while events := db.session.execute(
        select(AuditEvent.__table__).where(about, EVENT.c.id > last, EVENT.c.id != into.id, EVENT.c.verb != VERB)
        .order_by(EVENT.c.id).limit(CHUNK)
    ).all():  # fmt: skip
        rows = [_redacted(event, into.id) for event in events]
        names = ("object_label", "actor", "address", "before", "after", "redacted_by_id")
        update_rows(db.session, EVENT, names, rows)
        count, last = count + len(rows), events[-1].id
    return count


def digest(event_id: int) -> str:
    """SHA-256 (hex) over what is left of the events that this one took the words from, in the order of their ids."""
    left = select(*_LEFT).where(EVENT.c.redacted_by_id == event_id).order_by(EVENT.c.id)
    total = sha256()
    for event in db.session.execute(left.execution_options(yield_per=CHUNK)):
        total.update(json.dumps(list(event), ensure_ascii=False, separators=(",", ":")).encode())
    return total.hexdigest()


def broken() -> Iterator[tuple[int, str]]:
    """Events that claim to be redacted by one that never was, and anonymisations whose digest does not fit."""
    by = EVENT.alias("by_")
    claims = select(EVENT.c.id, EVENT.c.verb).outerjoin(by, by.c.id == EVENT.c.redacted_by_id)
    strays = claims.where(EVENT.c.redacted_by_id.is_not(None), (by.c.id.is_(None)) | (by.c.verb != VERB))
    yield from map(tuple, db.session.execute(strays.limit(PROVEN)))
    done = select(EVENT.c.id, EVENT.c.after).where(EVENT.c.verb == VERB).order_by(EVENT.c.id.desc()).limit(PROVEN)
    for number, after in db.session.execute(done).all():
        if (after or {}).get("digest") != digest(number):
            yield number, VERB


def _redacted(event: Any, by_id: int) -> Sequence[Any]:
    label = (
        event.object_label if event.object_type in LABELS else f"{event.object_type} {event.object_id or ''}".strip()
    )
    guest = event.portal_user_id is not None
    actor, address = ("Portal user", "") if guest else (event.actor, event.address)
    return label, actor, address, plain(event.before), plain(event.after), by_id, event.id


def plain(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Values of a before or an after without whatever may say something about a person."""
    return {name: _left(name, value) for name, value in values.items()} if values else None


def _left(name: str, value: Any) -> Any:
    """Numbers, yes and no, days and a few words that say nothing about a person stay; everything else goes."""
    if value is None or isinstance(value, (bool, int)) or value == "":
        return value
    if isinstance(value, str) and (name in SAFE_TEXTS or name.endswith("_on")):
        return value
    return REMOVED
