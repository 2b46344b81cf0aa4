"""Two-step sign-in: beside the password a code of an authenticator app (TOTP, RFC 6238: SHA-1, six digits, 30 s), or
one of ten codes kept on paper, each good once.

Codes are compared by pyotp; the secret is 20 bytes (RFC 4226 §4) worked out of SECRET_KEY and a random salt.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Any

import pyotp
from sqlalchemy import select

from models import BillingError, PortalUser, RecoveryCode, SecondStep, Staff, db

from . import audit, staff
from .actor import Actor, NotAllowed

PERIOD = 30
NEAR = 1
"""Half minutes by which the clock of a phone may be wrong."""
CODES = 10
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
Person = Staff | PortalUser


class SecondStepRefused(BillingError):
    """This cannot be done with the second step."""


class WrongCode(SecondStepRefused):
    """The code is not the one that the app shows now, or was used already."""


def of(person: Person) -> SecondStep | None:
    """The person's second step, if it is in force."""
    found = _row(person)
    return found if found and found.confirmed_at else None


def begun(person: Person) -> SecondStep | None:
    """The one that waits to be proven by a first code."""
    found = _row(person)
    return found if found and not found.confirmed_at else None


def begin(person: Person, *, key: str, by: Actor) -> SecondStep:
    """Begin to set it up, anew if that was begun before; `key` is SECRET_KEY. Raises SecondStepRefused, NotAllowed.
    Flushes."""
    _themselves(person, by)
    if of(person):
        raise SecondStepRefused("Two-step sign-in is on already. Turn it off first to move to another phone.")
    step = begun(person) or SecondStep(last_counter=0, **_whose(person))
    step.salt, step.key_mark, step.began_at = secrets.token_hex(32), _mark(key), by.at
    db.session.add(step)
    db.session.flush()
    return step


def secret_of(step: SecondStep, key: str) -> str:
    """What the app is given, in base32. Raises SecondStepRefused if SECRET_KEY was changed since."""
    if step.key_mark != _mark(key):
        raise SecondStepRefused("SECRET_KEY was changed since this was set up. Sign in with a recovery code.")
    return base64.b32encode(_of(key, f"second step 1:{step.salt}")[:20]).decode()


def address_of(step: SecondStep, person: Person, seller: str, key: str) -> str:
    """The ``otpauth:`` address that apps scan."""
    return pyotp.TOTP(secret_of(step, key)).provisioning_uri(name=person.email, issuer_name=seller)


def confirm(person: Person, code: str, *, key: str, by: Actor) -> list[str]:
    """Turn it on with a first code; the recovery codes, which nobody sees again. Raises WrongCode,
    SecondStepRefused, NotAllowed. Flushes."""
    _themselves(person, by)
    step = _locked(person)
    if step is None or step.confirmed_at:
        raise SecondStepRefused("There is nothing to confirm. Begin again.")
    if not _counts(step, code, key, by.at):
        raise WrongCode("This is not the code that the app shows now. Wait for the next one, and type it.")
    step.confirmed_at = by.at
    audit.record(by, f"{person.__tablename__}.second_step_on", person)
    return _fresh_codes(step)


def matches(person: Person, code: str, *, key: str, by: Actor) -> bool:
    """Whether this code signs the person in now; it is used up then. Flushes."""
    step = _locked(person)
    if step is None or not step.confirmed_at:
        return False
    if _counts(step, code, key, by.at):
        return True
    wanted = _hash(step, code)
    for one in step.codes:
        if one.used_at is None and hmac.compare_digest(one.code_hash, wanted):
            one.used_at = by.at
            left = sum(other.used_at is None for other in step.codes)
            audit.record(by, f"{person.__tablename__}.recovery_code_used", person, after={"left": left})
            db.session.flush()
            return True
    return False


def new_codes(person: Person, *, by: Actor) -> list[str]:
    """Ten new recovery codes; the old ones are dead. Raises SecondStepRefused, NotAllowed. Flushes."""
    _themselves(person, by)
    step = _locked(person)
    if step is None or not step.confirmed_at:
        raise SecondStepRefused("Two-step sign-in is off.")
    audit.record(by, f"{person.__tablename__}.recovery_codes_made", person)
    return _fresh_codes(step)


def turn_off(person: Person, *, by: Actor) -> None:
    """Sign in with the password alone from now on. By the person, or by staff who manage them, for somebody who lost
    the phone: ``staff.edit`` for staff (and no more rights than one has oneself), ``customers.edit`` for portal users.
    Raises NotAllowed. Flushes."""
    if not _is(person, by):
        by.require("staff.edit" if isinstance(person, Staff) else "customers.edit")
        if isinstance(person, Staff):
            staff.may_give(person.role, by)
    step = _row(person)
    if step is not None:
        db.session.delete(step)
        audit.record(by, f"{person.__tablename__}.second_step_off", person)
        db.session.flush()


def those_with(portal_user_ids: Collection[int]) -> set[int]:
    """Which of these portal users (ids) have it on."""
    on = SecondStep.portal_user_id.in_(portal_user_ids), SecondStep.confirmed_at.is_not(None)
    return {number for number in db.session.scalars(select(SecondStep.portal_user_id).where(*on)) if number}


def codes_left(step: SecondStep) -> int:
    return sum(code.used_at is None for code in step.codes)


def _row(person: Person) -> SecondStep | None:
    column, number = next(iter(_whose(person).items()))
    return db.session.scalar(select(SecondStep).where(getattr(SecondStep, column) == number))


def _locked(person: Person) -> SecondStep | None:
    column, number = next(iter(_whose(person).items()))
    wanted = select(SecondStep).where(getattr(SecondStep, column) == number).with_for_update()
    return db.session.scalar(wanted.execution_options(populate_existing=True))


def _whose(person: Person) -> dict[str, Any]:
    return {"staff_id" if isinstance(person, Staff) else "portal_user_id": person.id}


def _is(person: Person, by: Actor) -> bool:
    mine = by.staff_id if isinstance(person, Staff) else by.portal_user_id
    return mine == person.id and by.real_staff_id is None


def _themselves(person: Person, by: Actor) -> None:
    if not _is(person, by):
        raise NotAllowed("Only the person themselves sets up two-step sign-in.")


def _counts(step: SecondStep, code: str, key: str, at: datetime) -> bool:
    """Whether the app shows this code now, and none as new was used before."""
    typed = "".join(code.split())
    if step.key_mark != _mark(key) or not (typed.isascii() and typed.isdigit() and len(typed) == 6):
        return False
    app, now = pyotp.TOTP(secret_of(step, key)), int(at.timestamp()) // PERIOD
    for counter in range(max(now - NEAR, step.last_counter + 1), now + NEAR + 1):
        if hmac.compare_digest(app.generate_otp(counter), typed):
            step.last_counter = counter
            db.session.flush()
            return True
    return False


def _fresh_codes(step: SecondStep) -> list[str]:
    """Fifty bits each, and few tries: a plain hash with the step's salt keeps them."""
    made = ["".join(secrets.choice(_LETTERS) for _letter in range(10)) for _code in range(CODES)]
    step.codes = [RecoveryCode(code_hash=_hash(step, code)) for code in made]
    db.session.flush()
    return [f"{code[:5]}-{code[5:]}" for code in made]


def _hash(step: SecondStep, code: str) -> str:
    typed = "".join(letter for letter in code.lower() if letter.isalnum())[:40]
    return hashlib.sha256(f"{step.salt}:{typed}".encode("utf-8", "replace")).hexdigest()


def _mark(key: str) -> str:
    return _of(key, "second step mark 1").hex()[:12]


def _of(key: str, about: str) -> bytes:
    return hmac.digest(key.encode(), about.encode(), "sha256")
