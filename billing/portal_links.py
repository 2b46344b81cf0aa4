"""Links that let a portal user set a password, or confirm a new address to sign in with: random, kept as a hash,
short-lived, for one use, dead once replaced.

The token is the keyed hash of a random seed (HMAC-SHA-256, RFC 2104), so that the mail that carries it can be written
when it leaves, and the database alone opens nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update

from models import Message, OneTimeToken, PortalUser, db
from models.bulk import rows_changed

from . import portal_users

WELCOME, RESET, EMAIL = "portal_welcome", "portal_reset", "portal_email"
"""Purposes of a link, and kinds of the mail that brings it."""
PASSWORDS = frozenset({WELCOME, RESET})
"""Those that set a password; one that confirms an address never does."""
LIFE = {WELCOME: timedelta(days=7), RESET: timedelta(minutes=30), EMAIL: timedelta(hours=24)}
KEPT = timedelta(days=30)
MOST_RESETS, WITHIN = 3, timedelta(hours=1)
MOST_A_DAY, DAY = 6, timedelta(days=1)
"""Links to other addresses that one person may ask for: each is a mail to somebody who may not want it."""


def make(
    user: PortalUser,
    purpose: str,
    *,
    key: str,
    at: datetime,
    message: Message | None = None,
    base_url: str = "",
    new_email: str = "",
    first: bool = False,
) -> tuple[OneTimeToken, str]:
    """A new link's row and its token, good from `at` (aware UTC) for LIFE[purpose]; earlier links of the person die.

    `key` is the installation's secret, `message` the mail that will bring it, `base_url` where the
    installation answers, `new_email` the address that a link for EMAIL confirms. `first`: the person was made just now,
    so there are no earlier ones. Flushes.
    """
    if not first:
        forget(user, at)
    seed = secrets.token_hex(24)
    token = _token(seed, purpose, key)
    row = OneTimeToken(
        token_hash=hash_of(token),
        purpose=purpose,
        portal_user_id=user.id,
        seed=seed,
        bound_to=_bound(user, purpose),
        new_email=new_email,
        base_url=base_url[:200],
        message_id=message.id if message else None,
        created_at=at,
        expires_at=at + LIFE[purpose],
    )
    db.session.add(row)
    db.session.flush()
    return row, token


def token_of(row: OneTimeToken, key: str) -> str | None:
    """The token of a link made earlier; None if the installation's secret was changed since."""
    token = _token(row.seed, row.purpose, key)
    return token if hmac.compare_digest(hash_of(token), row.token_hash) else None


def of_message(message: Message) -> OneTimeToken | None:
    """The link that the mail brings; None if it is gone."""
    return db.session.scalar(select(OneTimeToken).where(OneTimeToken.message_id == message.id))


def find(token: str, at: datetime) -> PortalUser | None:
    """Whose password this token may set now; None for every other token, whatever is wrong with it. Changes nothing."""
    row = _row(token)
    return _person(row, at, PASSWORDS) if row else None


def confirms(token: str, at: datetime) -> tuple[PortalUser, str] | None:
    """Who may sign in with which address once this token is used; None for every other one. Changes nothing."""
    row = _row(token)
    user = _person(row, at, {EMAIL}) if row else None
    return (user, row.new_email) if row and user else None


def use(token: str, at: datetime, purposes: Collection[str] = PASSWORDS) -> PortalUser | None:
    """Take the token, once: of two who send it side by side, one gets the person and the other None. Flushes."""
    row = _row(token)
    user = _person(row, at, purposes) if row else None
    if row is None or user is None:
        return None
    mine = update(OneTimeToken).where(OneTimeToken.id == row.id, OneTimeToken.used_at.is_(None)).values(used_at=at)
    taken = db.session.execute(mine.execution_options(synchronize_session=False))
    db.session.expire(row)
    return user if rows_changed(taken) == 1 else None


def is_alive(row: OneTimeToken, at: datetime) -> bool:
    """Whether the link was not used, and `at` (aware UTC) is within its life."""
    return row.used_at is None and at < row.expires_at


def may_reset(user: PortalUser, at: datetime, purpose: str = RESET) -> bool:
    """Whether another mail with such a link may go to the person: three an hour."""
    return _made(user, purpose, at - WITHIN) < MOST_RESETS


def may_confirm_today(user: PortalUser, at: datetime) -> bool:
    """Whether the person may ask for another link to a new address within this day of 24 hours."""
    return _made(user, EMAIL, at - DAY) < MOST_A_DAY


def hash_of(token: str) -> str:
    """What is kept of a token: SHA-256, in hex."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _made(user: PortalUser, purpose: str, since: datetime) -> int:
    mine = OneTimeToken.portal_user_id == user.id, OneTimeToken.purpose == purpose, OneTimeToken.created_at > since
    return db.session.scalar(select(func.count(OneTimeToken.id)).where(*mine)) or 0


def _row(token: str) -> OneTimeToken | None:
    if not (20 <= len(token) <= 100):
        return None
    return db.session.scalar(select(OneTimeToken).where(OneTimeToken.token_hash == hash_of(token)))


def _person(row: OneTimeToken, at: datetime, purposes: Collection[str]) -> PortalUser | None:
    user = db.session.get(PortalUser, row.portal_user_id) if row.portal_user_id else None
    if user is None or not user.active or row.purpose not in purposes or not is_alive(row, at):
        return None
    return user if row.bound_to == _bound(user, row.purpose) else None


def _bound(user: PortalUser, purpose: str) -> str:
    """What the link is good for: this password, and for another address this one too."""
    mark = portal_users.fingerprint(user)
    return hashlib.sha256(f"{mark}:{user.email}".encode()).hexdigest() if purpose == EMAIL else mark


def forget(user: PortalUser, at: datetime) -> None:
    """A newer link makes the earlier ones useless; long dead ones go."""
    theirs = OneTimeToken.portal_user_id == user.id
    db.session.execute(delete(OneTimeToken).where(theirs, OneTimeToken.expires_at < at - KEPT))
    open_now = (theirs, OneTimeToken.used_at.is_(None), OneTimeToken.expires_at > at)
    db.session.execute(update(OneTimeToken).where(*open_now).values(expires_at=at))


def _token(seed: str, purpose: str, key: str) -> str:
    digest = hmac.new(key.encode(), f"set-password:{purpose}:{seed}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
