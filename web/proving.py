"""Proving a password, and signing in whoever did; both faces do it here."""

from __future__ import annotations

import hashlib
from typing import TypeVar

from flask import current_app, request
from sqlalchemy import select

from billing import audit, portal_users, sign_in
from billing.passwords import LONGEST, Passwords
from models import PortalUser, Staff, db, engine

from . import logs, sessions
from .permissions import actor

Person = TypeVar("Person", Staff, PortalUser)


def passwords() -> Passwords:
    """The one that hashes and checks passwords, at this installation's cost."""
    return current_app.extensions["passwords"]


def prove(kind: type[Person], email: str, password: str) -> Person | None:
    """The person this e-mail and password belong to, with a write transaction open that counts the success.

    None if they do not fit together, whatever the reason; the same work is done for unknown accounts. Raises
    TooManyTries. Three short transactions, because no password is hashed inside one.
    """
    at, address, face = sessions.now(), request.remote_addr or "", kind.__tablename__
    db.session.rollback()
    tries = sign_in.begin_try(face, email, address, at)
    db.session.commit()
    password_hash = _before_hashing(kind, email, tries)
    right = passwords().verify(password_hash, password[: LONGEST + 1])
    fresh_hash = passwords().hash(password) if right and passwords().outdated(password_hash) else password_hash
    person = _by_email(kind, email, lock=True)
    if not (right and person and person.active and person.password_hash == password_hash):
        _note_refusal(face, email, person)
        return None
    person.password_hash = fresh_hash
    sign_in.succeeded(face, email, tries)
    return person


def _before_hashing(kind: type[Person], email: str, tries: list[int]) -> str:
    """The hash to compare with, if another try is allowed; ends its transaction."""
    try:
        with engine.reading():
            sign_in.check(tries, sessions.now())
            person = _by_email(kind, email)
            return person.password_hash if person else ""
    except sign_in.TooManyTries as refusal:
        db.session.rollback()
        sign_in.forget_try(tries)
        db.session.commit()
        logs.security("sign-in held back", face=kind.__tablename__, wait=str(refusal.wait))
        raise
    finally:
        db.session.rollback()


def _by_email(kind: type[Person], email: str, lock: bool = False) -> Person | None:
    email = email.strip().lower()
    found = select(kind).where(kind.email == email)
    if lock:
        found = found.with_for_update(of=kind).execution_options(populate_existing=True)
    return None if "\x00" in email else db.session.scalar(found)


def _note_refusal(face: str, email: str, person: Staff | PortalUser | None) -> None:
    """Keep what was tried, unless it may be a password in the wrong field."""
    shown = "".join(letter for letter in email.strip()[:200] if letter.isprintable()) if "@" in email else ""
    thing = person or (Staff if face == "staff" else PortalUser)(email=shown, name=shown or "unknown")
    audit.record(actor(), f"{face}.sign_in_refused", thing)
    db.session.commit()
    logs.security("sign-in refused", face=face, email=shown)


def enter(person: Staff | PortalUser) -> None:
    """Sign the person in with a new session, and write it down. The caller commits."""
    sessions.start(person)
    if isinstance(person, PortalUser):
        portal_users.signed_in(person, sessions.now())
    audit.record(actor(), f"{person.__tablename__}.signed_in", person)


def fingerprint(person: Staff | PortalUser) -> str:
    """What tells this password of the person from the next one."""
    return hashlib.sha256(f"{person.__tablename__}:{person.id}:{person.password_hash}".encode()).hexdigest()[:32]
