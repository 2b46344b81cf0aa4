"""How often somebody may try to sign in: wrong tries are counted per account and per address they came from."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from models import BillingError, SignInAttempt, db

WINDOW = timedelta(minutes=15)
TRIES_PER_ACCOUNT = 10
TRIES_PER_ADDRESS = 40
_LIMITS = (TRIES_PER_ACCOUNT, TRIES_PER_ADDRESS)


class TooManyTries(BillingError):
    """Wrong too often; `wait` says how long to pause."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        minutes = max(1, -(-int(wait.total_seconds()) // 60))
        unit = "minute" if minutes == 1 else "minutes"
        super().__init__(f"Too many wrong tries. Wait {minutes} {unit}, then try again.")


def begin_try(face: str, email: str, address: str, at: datetime) -> list[int]:
    """Count a try before its password is looked at, so that tries sent side by side are counted too.

    `face` is "staff" or "portal", `at` aware UTC. Returns the try's ids for the functions below; commit before
    asking them. Unknown accounts are counted like known ones.
    """
    db.session.execute(delete(SignInAttempt).where(SignInAttempt.at <= at - WINDOW))
    rows = [SignInAttempt(key=key, at=at) for key in (account_key(face, email), address_key(address))]
    db.session.add_all(rows)
    db.session.flush()
    return [row.id for row in rows]


def check(ids: Sequence[int], at: datetime) -> None:
    """Raises TooManyTries if the account or the address had used up its tries before this one."""
    waits = [_wait(row_id, most, at) for row_id, most in zip(ids, _LIMITS, strict=True)]
    if any(waits):
        raise TooManyTries(max(wait for wait in waits if wait))


def _wait(row_id: int, most: int, at: datetime) -> timedelta | None:
    """Until the oldest of the `most` tries before this one is forgotten."""
    key = select(SignInAttempt.key).where(SignInAttempt.id == row_id).scalar_subquery()
    earlier = db.session.scalars(
        select(SignInAttempt.at)
        .where(SignInAttempt.key == key, SignInAttempt.id < row_id, SignInAttempt.at > at - WINDOW)
        .order_by(SignInAttempt.id.desc())
        .limit(most)
    ).all()
    return earlier[-1] + WINDOW - at if len(earlier) == most else None


def forget_try(ids: Sequence[int]) -> None:
    """A try that was not let through does not make the wait longer."""
    db.session.execute(delete(SignInAttempt).where(SignInAttempt.id.in_(ids)))


def succeeded(face: str, email: str, ids: Sequence[int]) -> None:
    """The password was right: the account starts afresh; of the address only this try is forgotten."""
    forget_try(ids)
    db.session.execute(delete(SignInAttempt).where(SignInAttempt.key == account_key(face, email)))


def account_key(face: str, email: str) -> str:
    """A hash, because people type their password into the wrong field."""
    return f"{face}:{hashlib.sha256(email.strip().casefold().encode('utf-8', 'replace')).hexdigest()}"


def address_key(address: str) -> str:
    """The address itself; of IPv6 the network, since one computer has 2**64 addresses in it."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return f"address:{address[:60]}"
    return f"address:{ip if ip.version == 4 else ipaddress.ip_network((ip, 64), strict=False)}"
