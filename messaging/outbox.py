"""Queueing what is to be said, and sending it again when a person asks for it."""

from __future__ import annotations

from collections.abc import Sequence

from billing import audit
from billing.actor import Actor
from billing.outbox import INVOICE, dedupe_key, distinct, invoice_addresses
from models import (
    BillingError,
    Channel,
    Company,
    Customer,
    Delivery,
    DeliveryState,
    Invoice,
    InvoiceState,
    Message,
    Payer,
    db,
)  # fmt: skip
from models.bulk import rows_changed

ON_ITS_WAY = (DeliveryState.QUEUED, DeliveryState.SENDING)


class CannotSendAgain(BillingError):
    """This is nothing that a person may send again now."""


def queue_message(
    subject: str,
    body: str,
    addresses: Sequence[str],
    *,
    kind: str,
    about: int | str,
    by: Actor,
    customer: Customer | None = None,
    essential: bool = True,
    category: str = "",
    channel: Channel = Channel.EMAIL,
) -> Message | None:
    """Queue a mail or text in these words to each of the addresses, once for each `kind` and `about`.

    `about` names the occasion (``42:2026-12-01``): an address that got this kind about it already is left out.
    Returns None if nobody was left to write to. A mail that is not `essential` does not go to addresses that
    turned mail back. Flushes.
    """
    wanted = {dedupe_key(kind, about, folded): address for folded, address in distinct(addresses).items()}
    known = set(db.session.scalars(db.select(Delivery.dedupe_key).where(Delivery.dedupe_key.in_(wanted))))
    if not (wanted.keys() - known):
        return None
    customer_id = customer.id if customer else None
    message = Message(
        kind=kind, customer_id=customer_id, subject=subject, body=body, essential=essential, category=category,
        created_at=by.at, created_by=by.name,
    )  # fmt: skip
    message.deliveries = [
        Delivery(customer_id=customer_id, channel=channel, address=address, dedupe_key=key, next_try_at=by.at)
        for key, address in wanted.items()
        if key not in known
    ]
    db.session.add(message)
    db.session.flush()
    return message


def send_again(delivery: Delivery, *, by: Actor) -> None:
    """Queue a delivery that failed, bounced, was cancelled or is unknown once more, or one that waits at once.

    It keeps its Message-ID, so that a mail that did arrive is seen as the same one; a text that may have left is
    looked up at Twilio before it leaves again. Raises NotAllowed without ``messages.send``, CannotSendAgain if it
    was sent or is leaving now. Flushes.
    """
    by.require("messages.send")
    delivery = db.session.get_one(Delivery, delivery.id, with_for_update=True, populate_existing=True)
    if delivery.state in (DeliveryState.SENT, DeliveryState.SENDING):
        raise CannotSendAgain("This was sent already, or is being sent right now.")
    before = {"state": delivery.state, "reason": delivery.error}
    delivery.state, delivery.next_try_at, delivery.attempts = DeliveryState.QUEUED, by.at, 0
    delivery.claimed_by, delivery.claimed_until, delivery.error = "", None, ""
    audit.record(by, "delivery.queued_again", delivery, before=audit.plain(before))
    db.session.flush()


def send_invoice_again(invoice: Invoice, *, by: Actor) -> Message:
    """Queue a new mail with an issued invoice to each address that gets the customer's invoices now.

    Addresses for which it waits already are left out. Two who do this at once: one breaks the UNIQUE
    `dedupe_key` and has done nothing. Raises NotAllowed without ``messages.send``, CannotSendAgain. Flushes.
    """
    by.require("messages.send")
    if invoice.state != InvoiceState.ISSUED:
        raise CannotSendAgain(f"{invoice} is not in force: only an issued invoice can be sent.")
    customer = invoice.customer
    further = invoice_addresses([customer.id]).get(customer.id, [])
    payer = db.session.get(Payer, invoice.payer_id) if invoice.payer_id else None
    wanted = distinct([payer.email if payer and payer.email else customer.email, *further])
    if not wanted:
        raise CannotSendAgain(f"{customer.name} has no e-mail address. Add one, then send the invoice.")
    waiting, times = _sent_so_far(invoice)
    wanted = {folded: address for folded, address in wanted.items() if folded not in waiting}
    if not wanted:
        raise CannotSendAgain(f"{invoice} is waiting to be sent already.")
    message = Message(
        kind=INVOICE, customer_id=customer.id, invoice_id=invoice.id, created_at=by.at, created_by=by.name,
    )  # fmt: skip
    message.deliveries = [
        Delivery(
            customer_id=customer.id, address=address, next_try_at=by.at,
            dedupe_key=dedupe_key(INVOICE, f"{invoice.id}:again-{times}", folded),
        )
        for folded, address in wanted.items()
    ]  # fmt: skip
    db.session.add(message)
    db.session.flush()
    audit.record(by, "invoice.sent_again", invoice, after={"to": ", ".join(wanted.values())})
    db.session.flush()
    return message


def _sent_so_far(invoice: Invoice) -> tuple[set[str], int]:
    """The addresses for which the invoice waits, in lower case, and how many messages have brought it."""
    query = db.select(Message.id, Delivery.address, Delivery.state).join(Message.deliveries)
    rows = db.session.execute(query.where(Message.invoice_id == invoice.id, Delivery.channel == Channel.EMAIL)).all()
    waiting = {address.lower() for _id, address, state in rows if state in ON_ITS_WAY}
    return waiting, len({message_id for message_id, _address, _state in rows})


def call_off(reason: str, *, by: Actor) -> int:
    """Nothing that waits now is sent by itself any more; a person may still send it again. Returns how many.

    Raises NotAllowed without ``messages.send``. Flushes.
    """
    by.require("messages.send")
    waiting = db.update(Delivery).where(Delivery.state == DeliveryState.QUEUED)
    called_off = waiting.values(state=DeliveryState.CANCELLED, error=reason, claimed_by="", claimed_until=None)
    result = db.session.execute(called_off, execution_options={"synchronize_session": False})
    count = rows_changed(result)
    company = db.session.get(Company, 1)
    if count and company is not None:
        audit.record(by, "deliveries.called_off", company, after={"count": count, "reason": reason})
    db.session.flush()
    db.session.expire_all()
    return count
