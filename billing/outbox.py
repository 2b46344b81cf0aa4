"""Queueing the mail of many issued invoices at once, in the transaction that issues them.

The rows say who gets which invoice; messaging writes and sends the mails after the commit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, literal, select, union_all

from models import Channel, Contact, Customer, Delivery, DeliveryState, InvoiceAddress, Message, db
from models.bulk import insert_rows, insert_told
from models.prepared import among_given, prepared

from .actor import Actor

INVOICE = "invoice"
"""The kind of message that brings an invoice."""

Item = tuple[int, int, Sequence[str]]
"""An invoice to send: invoice id, customer id, the addresses that get it."""

LONGEST_KEY = 200
MESSAGE_COLUMNS = (
    "kind", "customer_id", "invoice_id", "subject", "body", "essential", "created_at", "created_by",
)  # fmt: skip
DELIVERY_COLUMNS = (
    "message_id", "customer_id", "channel", "address", "dedupe_key", "state", "attempts", "next_try_at",
    "claimed_by", "error", "sent_subject", "sent_text",
)  # fmt: skip
_MESSAGES: Table = Message.__table__  # type: ignore[assignment]
_DELIVERIES: Table = Delivery.__table__  # type: ignore[assignment]


def invoice_addresses(customer_ids: Collection[int]) -> dict[int, list[str]]:
    """The addresses that get invoices beside the customer's own e-mail, for those of the customers that have any.

    First the further invoice addresses, then the contacts that get invoices, each in the order they were
    entered. The same address may come twice; `queue_invoices` sends to it once. One query for any number.
    """
    found: dict[int, list[str]] = {}
    if not customer_ids:
        return found
    for row in _further_addresses(customers=customer_ids):
        found.setdefault(row[2], []).append(row[3])
    return found


@prepared
def _further_addresses() -> Any:
    parts: list[Any] = []
    for table, *more in ((InvoiceAddress,), (Contact, Contact.gets_invoices, Contact.email != "")):
        query = select(literal(len(parts)).label("rank"), table.id.label("id"), table.customer_id, table.email)
        parts.append(query.where(among_given(table.customer_id, "customers"), *more))
    return union_all(*parts).order_by("rank", "id")


def queue_invoices(items: Sequence[Item], *, at: datetime, by: str) -> int:
    """Queue a message for each invoice and a delivery for each of its addresses; returns how many deliveries.

    Blank addresses are left out, and of addresses that differ only in case the first is taken; an invoice
    without any address gets no message. `at` (aware) is when they were queued and may leave. Queueing an
    invoice for an address a second time breaks the UNIQUE `dedupe_key`. Flushes, does not commit.
    """
    wanted = [(invoice_id, customer_id, each) for invoice_id, customer_id, a in items if (each := distinct(a))]
    session = db.session()
    messages = [(INVOICE, customer_id, invoice_id, "", "", True, at, by) for invoice_id, customer_id, _to in wanted]
    ids = insert_told(session, _MESSAGES, MESSAGE_COLUMNS, messages)
    queued, mail = DeliveryState.QUEUED.value, Channel.EMAIL.value
    deliveries: list[tuple[object, ...]] = []
    for message_id, (invoice_id, customer_id, addresses) in zip(ids, wanted, strict=True):
        for folded, address in addresses.items():
            key = dedupe_key(INVOICE, invoice_id, folded)
            deliveries.append((message_id, customer_id, mail, address, key, queued, 0, at, "", "", "", ""))
    insert_rows(session, _DELIVERIES, DELIVERY_COLUMNS, deliveries)
    return len(deliveries)


def queue_about(
    kind: str,
    customer: Customer,
    addresses: Sequence[str],
    occasion: int | str,
    about: Mapping[str, Any],
    *,
    category: str = "",
    by: Actor,
) -> Message | None:
    """Queue a mail of the system's own to each of the addresses, once for each `kind` and `occasion`; its words are
    written when it leaves. `about` is what its writer looks at, in plain values. None if nobody was left. Flushes.
    """
    wanted = {dedupe_key(kind, occasion, folded): address for folded, address in distinct(addresses).items()}
    known = set(db.session.scalars(select(Delivery.dedupe_key).where(Delivery.dedupe_key.in_(wanted))))
    if not (wanted.keys() - known):
        return None
    message = Message(kind=kind, customer_id=customer.id, about=dict(about), category=category, created_at=by.at)
    message.created_by = by.name
    message.deliveries = [
        Delivery(customer_id=customer.id, address=address, dedupe_key=key, next_try_at=by.at)
        for key, address in wanted.items()
        if key not in known
    ]
    db.session.add(message)
    db.session.flush()
    return message


def distinct(addresses: Iterable[str]) -> dict[str, str]:
    """The addresses without blanks and repetitions, each under its lower-case form."""
    found: dict[str, str] = {}
    for address in addresses:
        if address := address.strip():
            found.setdefault(address.lower(), address)
    return found


def dedupe_key(kind: str, about: int | str, address: str) -> str:
    """What makes saying the same thing to the same address twice impossible; `address` in lower case."""
    key = f"{kind}:{about}:{address}"
    if len(key) <= LONGEST_KEY:
        return key
    return f"{kind}:{about}:sha256-{hashlib.sha256(address.encode()).hexdigest()}"
