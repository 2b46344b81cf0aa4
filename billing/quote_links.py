"""Links by which somebody without a login reads and answers one quote: random, kept as a hash, good while it is valid.

The token is the keyed hash (HMAC-SHA-256, RFC 2104) of purpose, quote and a random seed: a token of another purpose
or of another quote opens nothing, and the database alone opens nothing either. The mail that carries it is written
when it leaves.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from models import Message, Quote, QuoteLink, db

from .actor import Actor

PURPOSE = "quote"
PATH = "/portal/quote/"
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link opens. `ended`: its day is over, and only what became of the quote may be told."""

    quote: Quote
    ended: bool


def make(
    quote: Quote, *, key: str, message: Message | None = None, base_url: str = "", by: Actor
) -> tuple[QuoteLink, str]:
    """A new link to a quote that was sent, and its token; good up to the last day on which it can be accepted.

    `key` is the installation's secret, `message` the mail that will bring it. Earlier links stay good: several
    people may have one each. Flushes.
    """
    assert quote.valid_until is not None
    seed = secrets.token_hex(24)
    token = _token(quote.id, seed, key)
    row = QuoteLink(
        quote_id=quote.id,
        token_hash=hash_of(token),
        seed=seed,
        message_id=message.id if message else None,
        base_url=base_url[:200],
        created_at=by.at,
        ends_on=quote.valid_until + timedelta(days=1),
    )
    db.session.add(row)
    db.session.flush()
    return row, token


def token_of(row: QuoteLink, key: str) -> str | None:
    """The token of a link made earlier; None if the installation's secret was changed since."""
    token = _token(row.quote_id, row.seed, key)
    return token if hmac.compare_digest(hash_of(token), row.token_hash) else None


def of_message(message: Message) -> QuoteLink | None:
    """The link that the mail brings; None if it is gone."""
    return db.session.scalar(select(QuoteLink).where(QuoteLink.message_id == message.id))


def find(token: str, today: date, *, key: str) -> Opened | None:
    """What this token opens on the day `today` (business zone); None for every other token, whatever is wrong with it.

    Changes nothing.
    """
    if not _SHAPE.fullmatch(token):
        return None
    row = db.session.scalar(select(QuoteLink).where(QuoteLink.token_hash == hash_of(token)))
    if row is None or not hmac.compare_digest(_token(row.quote_id, row.seed, key), token):
        return None
    quote = db.session.get(Quote, row.quote_id)
    return Opened(quote, today >= row.ends_on) if quote is not None and quote.number else None


def hash_of(token: str) -> str:
    """What is kept of a token: SHA-256, in hex."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _token(quote_id: int, seed: str, key: str) -> str:
    digest = hmac.new(key.encode(), f"{PURPOSE}:{quote_id}:{seed}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
