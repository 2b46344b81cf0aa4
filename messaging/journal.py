"""What a process has said to the mail server so far, written outside the database: what a killed one leaves behind.

A group of mails becomes `sending` with one commit. Before one of them is handed over, and again when the server
has answered, a line is appended to the file of this turn. It is not waited for the disk: the line outlives the
process, not the machine. So the file of a dead process tells, for its whole group, which mails never left, which
were answered and how, and the one nobody can know about. A file is believed only if nothing else can be true:

- its process is gone (the lock on it is free), so that nobody goes on from where the file ends;
- the machine has not been started again since, which could have lost the last lines;
- it is that very file, not a copy from a backup, which could be older than the rows.

Otherwise the whole group is unknown, and left to a person.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from flask import current_app

from integrations.smtp import Answer, Ending

FOLDER = "sending"
KEPT = 24 * 3600
"""Seconds after which a file that was left behind is of no use any more; well above a claim's life."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Told:
    """`begun` were handed over; `ended` of these were answered, at the moment given."""

    begun: set[int] = field(default_factory=set)
    ended: dict[int, tuple[Answer, datetime]] = field(default_factory=dict)


class Journal:
    """The file of one turn, open and locked."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self.descriptor = path, descriptor

    def begins(self, delivery_id: int) -> None:
        """It is handed over now. Raises OSError if that cannot be written down: then it must not be."""
        self.write([delivery_id])

    def ended(self, delivery_id: int, answer: Answer, at: datetime) -> None:
        """The server has answered. Raises OSError."""
        self.write([delivery_id, answer.ending, answer.reason, at.isoformat()])

    def write(self, entry: list[object]) -> None:
        line = json.dumps(entry).encode() + b"\n"
        if os.write(self.descriptor, line) != len(line):
            raise OSError("the disk is full")

    def forget(self) -> None:
        """All of it stands in the database."""
        self.path.unlink(missing_ok=True)


@contextmanager
def opened(worker: str) -> Iterator[Journal | None]:
    """The journal of this worker's turn, begun before its first mail; None where none can be kept."""
    boot, path = _boot(), _folder() / f"{worker.rpartition(':')[2]}.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError:
        yield None
        return
    try:
        journal = Journal(path, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        journal.write([boot, *_place(descriptor), worker])
        yield journal if boot else None
    finally:
        os.close(descriptor)


def left_behind() -> dict[str, Told]:
    """What the dead turns of this machine had said, by worker: only those that are to be believed."""
    found = {}
    for path in _folder().glob("*.jsonl"):
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                head, *entries = [json.loads(line) for line in file.read().split(b"\n")[:-1]]
                if head[0] and head[:-1] == [_boot(), *_place(file.fileno())]:
                    found[str(head[-1])] = _told(entries)
        except (OSError, ValueError, TypeError, LookupError):
            continue
    return found


def forget(workers: Iterable[str]) -> None:
    """What these left behind stands in the database; and whatever is too old to be of use goes too."""
    folder = _folder()
    for worker in workers:
        (folder / f"{worker.rpartition(':')[2]}.jsonl").unlink(missing_ok=True)
    for path in folder.glob("*.jsonl"):
        try:
            if path.stat().st_mtime < time.time() - KEPT:
                path.unlink()
        except OSError:
            continue


def _told(entries: list[list[str | int]]) -> Told:
    told = Told()
    for delivery_id, *answer in entries:
        if answer:
            ending, reason, moment = map(str, answer)
            told.ended[int(delivery_id)] = Answer(Ending(ending), reason), datetime.fromisoformat(moment)
        else:
            told.begun.add(int(delivery_id))
            told.ended.pop(int(delivery_id), None)
    return told


def _folder() -> Path:
    return Path(current_app.config["FILES_DIR"]) / FOLDER


def _place(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _boot() -> str:
    """Changes with each start of the machine; empty where that is not told."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
