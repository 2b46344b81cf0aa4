"""Is this number the customer's? A code by text says so, or a member of staff who knows.

The code is worked out from the installation's secret key and a random salt (RFC 4226's truncation of an HMAC), so
that it stands in no row, backup or log; the row keeps a keyed hash of it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta

from sqlalchemy import func, select

from models import BillingError, Channel, Customer, Delivery, Message, PhoneCode, db

from . import audit
from .actor import Actor
from .outbox import dedupe_key
from .phones import WrongNumber, number_of

KIND = "phone_code"
"""The kind of message that brings a code; its body is the id of the code's row."""
VALID = timedelta(minutes=10)
TRIES = 5
"""How many wrong guesses a code bears."""
PER_HOUR, PER_DAY = 3, 6
"""How many codes a customer, and a number, may get."""
DIGITS = 6


class NotVerified(BillingError):
    """The number could not be verified; str(error) says what to do."""


def send_code(customer: Customer, *, secret: bytes, by: Actor) -> PhoneCode:
    """Queue a text with a new code to the customer's number; earlier codes are void.

    The customer's own portal user may ask for it, or staff with ``customers.edit``. Raises NotAllowed, NotVerified
    for a number that takes no texts or too many codes. Flushes.
    """
    if by.portal_user_id is None:
        by.require("customers.edit")
    try:
        number = number_of(customer)
    except WrongNumber as error:
        raise NotVerified(str(error)) from error
    db.session.get(Customer, customer.id, with_for_update=True)
    _not_too_often(customer, number, by)
    db.session.execute(
        db.update(PhoneCode)
        .where(PhoneCode.customer_id == customer.id, PhoneCode.used_at.is_(None))
        .values(used_at=by.at)
    )
    row = PhoneCode(
        customer_id=customer.id, phone=number, salt=secrets.token_hex(16), code_hash="", asked_at=by.at,
        expires_at=by.at + VALID, tries_left=TRIES,
    )  # fmt: skip
    row.code_hash = _hash(row.salt, _code(row.salt, secret), secret)
    db.session.add(row)
    db.session.flush()
    message = Message(
        kind=KIND, customer_id=customer.id, body=str(row.id), created_at=by.at, created_by=by.name, category="reset"
    )
    key = dedupe_key(KIND, row.id, number)
    message.deliveries = [
        Delivery(customer_id=customer.id, channel=Channel.SMS, address=number, dedupe_key=key, next_try_at=by.at)
    ]
    db.session.add(message)
    audit.record(by, "phone.code_sent", customer, after={"phone": number})
    db.session.flush()
    return row


def check_code(customer: Customer, typed: str, *, secret: bytes, by: Actor) -> None:
    """The number is verified if this is the code. Raises NotVerified; the caller commits also then, or guesses
    would not be counted. Flushes.
    """
    if by.portal_user_id is None:
        by.require("customers.edit")
    open_ = select(PhoneCode).where(PhoneCode.customer_id == customer.id, PhoneCode.used_at.is_(None))
    row = db.session.scalars(open_.order_by(PhoneCode.id.desc()).limit(1).with_for_update()).first()
    if row is None or row.expires_at <= by.at or row.phone != _number_now(customer):
        raise NotVerified("This code is over. Ask for a new one.")
    if row.tries_left <= 0:
        raise NotVerified("Too many wrong codes. Ask for a new one.")
    row.tries_left -= 1
    digits = "".join(letter for letter in typed if letter.isdecimal() and letter.isascii())
    if not hmac.compare_digest(_hash(row.salt, digits, secret), row.code_hash):
        db.session.flush()
        raise NotVerified("This is not the code that was sent. Look at the newest text and try again.")
    row.used_at = by.at
    _set(customer, by, "code")


def set_verified(customer: Customer, *, by: Actor) -> None:
    """A member of staff knows that the number is right. Raises NotAllowed, NotVerified without a number. Flushes."""
    by.require("customers.edit")
    if not customer.phone:
        raise NotVerified("There is no phone number yet. Add one first.")
    if customer.phone_verified_at is None:
        _set(customer, by, "staff")


def clear(customer: Customer, *, by: Actor) -> None:
    """The number counts as not verified. Raises NotAllowed. Flushes."""
    by.require("customers.edit")
    if customer.phone_verified_at is not None:
        before = {"phone_verified_at": customer.phone_verified_at.isoformat()}
        customer.phone_verified_at = None
        audit.record(by, "phone.cleared", customer, before=before)
        db.session.flush()


def code_of(row: PhoneCode, *, secret: bytes) -> str:
    """The code, worked out again to be put into the text."""
    return _code(row.salt, secret)


def _set(customer: Customer, by: Actor, how: str) -> None:
    customer.phone_verified_at, customer.phone_state = by.at, ""
    audit.record(by, "phone.verified", customer, after={"phone": customer.phone, "by": how})
    db.session.flush()


def _number_now(customer: Customer) -> str:
    try:
        return number_of(customer)
    except WrongNumber:
        return ""


def _not_too_often(customer: Customer, number: str, by: Actor) -> None:
    for most, span, words in (
        (PER_HOUR, timedelta(hours=1), "an hour"),
        (PER_DAY, timedelta(days=1), "a day"),
    ):
        recent = select(func.count()).select_from(PhoneCode).where(PhoneCode.asked_at > by.at - span)
        for whose in (PhoneCode.customer_id == customer.id, PhoneCode.phone == number):
            if (db.session.scalar(recent.where(whose)) or 0) >= most:
                raise NotVerified(f"At most {most} codes {words} can be sent. Wait, or let staff verify the number.")


def _code(salt: str, secret: bytes) -> str:
    mac = hmac.new(secret, f"phone-code:{salt}".encode(), hashlib.sha256).digest()
    start = mac[-1] & 0x0F
    number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def _hash(salt: str, code: str, secret: bytes) -> str:
    return hmac.new(secret, f"phone-code-hash:{salt}:{code}".encode(), hashlib.sha256).hexdigest()
