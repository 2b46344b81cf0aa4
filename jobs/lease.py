"""The right to do a kind of work alone, on this machine or another: a row with an owner, an end and a fence.

The fence rises with each owner. Every transaction of the work holds on to the lease with its fence, so that an
owner that was frozen and woke up after somebody took over cannot write any more.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from models import Lease, db

from . import clock

HELD_FOR = timedelta(minutes=2)
EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


class LeaseLost(Exception):
    """Somebody else took over while we were away; nothing of this transaction may be kept."""


class LeaseTaken(Exception):
    """Somebody else is at it."""


@dataclass(frozen=True)
class Held:
    """A lease we have. `hold` belongs into every transaction of the work."""

    name: str
    fence: int
    lasting: timedelta = HELD_FOR

    def hold(self) -> None:
        """Extend the lease in this transaction; raises LeaseLost if it is no longer ours."""
        kept = db.session.execute(
            update(Lease)
            .where(Lease.name == self.name, Lease.fence == self.fence)
            .values(expires_at=clock.now() + self.lasting)
            .execution_options(synchronize_session=False)
        )
        if kept.rowcount != 1:
            raise LeaseLost(self.name)


@contextmanager
def held(name: str, *, wait: bool = False, waiting: Callable[[str], None] | None = None) -> Iterator[Held]:
    """Have the lease for the block. Raises LeaseTaken, or waits for it and says so once through `waiting`."""
    lease = acquire(name)
    if lease is None and not wait:
        raise LeaseTaken(name)
    if lease is None and waiting:
        waiting(name)
    while lease is None:
        time.sleep(0.2)
        lease = acquire(name)
    try:
        yield lease
    finally:
        db.session.rollback()
        release(lease)


def acquire(name: str, lasting: timedelta = HELD_FOR) -> Held | None:
    """Take the lease if it is free, its time is over, or its owner on this machine is dead. Commits."""
    _make(name)
    row = db.session.execute(
        select(Lease).where(Lease.name == name).with_for_update().execution_options(populate_existing=True)
    ).scalar_one()
    free = _is_free(row)
    if free:
        row.owner, row.fence, row.expires_at = _me(), row.fence + 1, clock.now() + lasting
        row.taken_at = clock.now()
    fence = row.fence
    db.session.commit()
    return Held(name, fence, lasting) if free else None


def is_taken(name: str) -> bool:
    """Whether somebody who may well be alive has it; only reads."""
    row = db.session.scalar(select(Lease).where(Lease.name == name).execution_options(populate_existing=True))
    return row is not None and not _is_free(row)


def _is_free(row: Lease) -> bool:
    return not row.owner or row.expires_at <= clock.now() or _is_dead(row.owner)


def _make(name: str) -> None:
    if db.session.get(Lease, name) is None:
        try:
            db.session.add(Lease(name=name, expires_at=EPOCH))
            db.session.commit()
        except IntegrityError:
            db.session.rollback()


def release(lease: Held) -> None:
    """Give it back, if it is still ours. Commits."""
    db.session.execute(
        update(Lease).where(Lease.name == lease.name, Lease.fence == lease.fence).values(owner="", expires_at=EPOCH)
    )
    db.session.commit()


def _me() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def _is_dead(owner: str) -> bool:
    """Whether a process of this machine is gone. Of another machine we cannot know: its time must run out."""
    host, pid, started = owner.rsplit(":", 2)
    return host == socket.gethostname() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """When a process began, so that a new one with the same number is not taken for it; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return "" if Path("/proc").is_dir() else _alive(pid)


def _alive(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "alive"
