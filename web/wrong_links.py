"""How many links that open nothing somebody may try: counted in this process, because looking writes no rows.

Tokens cannot be guessed; this keeps a machine that tries anyway from keeping the database busy.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

from flask import current_app, request

from billing.sign_in import TooManyTries, address_key

from . import logs, sessions

WITHIN = timedelta(minutes=15)
MOST = 100
KEPT = 10_000
"""Addresses remembered; beyond, the one that was quiet for longest is forgotten."""


class Counter:
    """Moments of wrong tries by address."""

    def __init__(self) -> None:
        self._tries: OrderedDict[str, list[datetime]] = OrderedDict()
        self._lock = Lock()

    def add(self, key: str, at: datetime) -> None:
        with self._lock:
            self._tries[key] = [*self._recent(key, at), at][-MOST:]
            self._tries.move_to_end(key)
            if len(self._tries) > KEPT:
                self._tries.popitem(last=False)

    def wait(self, key: str, at: datetime) -> timedelta | None:
        """Until the oldest of so many wrong tries is forgotten; None while there are fewer."""
        with self._lock:
            recent = self._recent(key, at)
        return recent[0] + WITHIN - at if len(recent) >= MOST else None

    def _recent(self, key: str, at: datetime) -> list[datetime]:
        return [moment for moment in self._tries.get(key, ()) if at - WITHIN < moment <= at]


def check() -> None:
    """Raises TooManyTries if whoever asks has tried too many links that open nothing."""
    wait = _counter().wait(_key(), sessions.now())
    if wait is not None:
        raise TooManyTries(wait)


def count() -> None:
    """What was just tried opens nothing."""
    logs.security("unknown link", path=request.path)
    _counter().add(_key(), sessions.now())


def _key() -> str:
    return address_key(request.remote_addr or "")


def _counter() -> Counter:
    found: Counter = current_app.extensions.setdefault("wrong_links", Counter())
    return found
