"""What speaks against an order. Nothing outside is asked: only what was typed, how fast, and what came before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import phonenumbers
from sqlalchemy import ColumnElement, func, or_, select, text

from models import BillingError, Customer, CustomerStatus, Order, OrderBlock, PortalUser, db

from . import company, order_blocks
from .contact_details import phone_e164

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
REFUSED_AT = 3
"""Times as many orders as are held at are refused."""
_THROWN_AWAY = """
    10minutemail.com 33mail.com anonbox.net discard.email dispostable.com emailondeck.com fakeinbox.com
    getairmail.com getnada.com grr.la guerrillamail.com guerrillamail.net guerrillamailblock.com incognitomail.org
    mail-temp.com mailcatch.com maildrop.cc mailinator.com mailnesia.com mailnull.com minuteinbox.com moakt.com
    mohmal.com mytemp.email sharklasers.com spam4.me spamgourmet.com temp-mail.org tempail.com tempmail.com
    tempmailo.com tempr.email throwawaymail.com trashmail.com trashmail.de yopmail.com yopmail.fr
"""
THROWN_AWAY = frozenset(_THROWN_AWAY.split())
"""Domains that give an address to everybody for ten minutes. More are blocked one by one (order_blocks)."""
_LINK = re.compile(r"https?://|www\.|[a-z0-9-]\.(com|net|org|info|ru|xyz|top)\b", re.IGNORECASE)


class TooManyOrders(BillingError):
    """Nothing more is taken from here for now."""


@dataclass(frozen=True, slots=True)
class Came:
    """How an order came: from which internet address, with which browser, after how many seconds on the page, and
    whether a field that people do not see was filled in."""

    address: str = ""
    browser: str = ""
    seconds: float = 3600.0
    trapped: bool = False


@dataclass(frozen=True, slots=True)
class Before:
    """How many orders came before: in an hour from the address, in a day from its network and for the mailbox;
    what blocks it; and whether a customer or a login has the e-mail address already."""

    address: int = 0
    network: int = 0
    email: int = 0
    block: OrderBlock | None = None
    known: bool = False


def before(came: Came, email: str, at: datetime) -> Before:
    """Orders of the past only: `at` is now. Until the transaction ends no other order of the same address, network or
    mailbox is counted, so of many sent at once each counts those before it."""
    network, mailbox = order_blocks.network_of(came.address), order_blocks.mailbox_of(email)
    _one_by_one(f"address {came.address}", f"network {network}", f"mailbox {mailbox}")

    def count(*where: Any) -> Any:
        return select(func.count()).select_from(Order).where(*where).scalar_subquery()

    row = db.session.execute(
        select(
            count(Order.address == came.address, Order.placed_at > at - HOUR),
            count(Order.network == network, Order.placed_at > at - DAY),
            count(Order.email_key == mailbox, Order.placed_at > at - DAY),
            select(func.min(OrderBlock.id)).where(order_blocks.of(came.address, email)).scalar_subquery(),
            or_(*_known(email)),
        )
    ).one()
    block = db.session.get(OrderBlock, row[3]) if row[3] else None
    return Before(row[0] if came.address else 0, row[1] if network else 0, row[2], block, bool(row[4]))


def _known(email: str) -> Iterator[ColumnElement[bool]]:
    yield select(PortalUser.id).where(PortalUser.email == email.lower()).exists()
    yield select(Customer.id).where(Customer.email == email, Customer.status != CustomerStatus.ARCHIVED).exists()


def _one_by_one(*names: str) -> None:
    """Wait for whoever orders under one of these names; the locks go with the transaction, and come in one order, so
    that nobody waits in a circle. On SQLite a transaction that writes is alone anyhow (models.engine)."""
    if db.session.get_bind().dialect.name == "postgresql":
        keys = sorted(int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True) for name in names)
        db.session.execute(
            text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key"), {"keys": keys}
        )


def refuse_floods(found: Before) -> None:
    """Raises TooManyOrders where holding them would only fill the list."""
    address = found.address >= REFUSED_AT * company.value("orders_per_address")
    if address or found.network >= REFUSED_AT * company.value("orders_per_network"):
        raise TooManyOrders("So many orders came from where you are that we take no more for now. Try again tomorrow.")


def why_held(came: Came, details: Mapping[str, Any], found: Before, *, home: str) -> str:
    """What speaks against it, in sentences for staff; empty if nothing does."""
    said = [*_by_machine(came), *_too_many(found), *_blocked(found.block), *_does_not_fit(details, home)]
    return " ".join(said)[:400]


def _by_machine(came: Came) -> list[str]:
    said = []
    if came.trapped:
        said.append("A field that people do not see was filled in.")
    if came.seconds < company.value("order_seconds"):
        said.append(f"The form was sent {max(0.0, came.seconds):.1f} seconds after it was opened.")
    return said


def _too_many(found: Before) -> list[str]:
    said = []
    if found.address >= company.value("orders_per_address"):
        said.append(f"{found.address} orders came from this internet address within an hour.")
    if found.network >= company.value("orders_per_network"):
        said.append(f"{found.network} orders came from this network within a day.")
    if found.email >= company.value("orders_per_email"):
        said.append(f"{found.email} orders came for this mailbox within a day.")
    return said


def _blocked(block: OrderBlock | None) -> list[str]:
    if block is None:
        return []
    return [f"{block.value} is blocked" + (f": {block.why}." if block.why else ".")]


def _does_not_fit(details: Mapping[str, Any], home: str) -> list[str]:
    said = []
    domain = details["email"].lower().rpartition("@")[2]
    if domain in THROWN_AWAY:
        said.append(f"{domain} gives out addresses to throw away.")
    if any(_LINK.search(str(details.get(name, ""))) for name in ("name", "company_name", "street", "city")):
        said.append("There is a web address in the name or address.")
    country = details.get("country", "")
    if country and details.get("phone") and not _is_from(details["phone"], country, home):
        said.append(f"The phone number is not of {country}.")
    return said


def _is_from(phone: str, country: str, home: str) -> bool:
    """Whether a phone number is dialled by the code of that country; one that cannot be read tells nothing."""
    e164 = phone_e164(phone, country or home)
    if not e164:
        return True
    code = phonenumbers.parse(e164).country_code or 0
    return country in phonenumbers.region_codes_for_country_code(code)
