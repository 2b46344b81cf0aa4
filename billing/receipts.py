"""Receipts: the mails that say a payment came in. Only rows are written here; messaging writes and sends the mails."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from models import BillingError, Customer, Delivery, DeliveryState, Message, Payment, db

from . import audit, company
from .actor import Actor
from .outbox import dedupe_key, distinct, invoice_addresses

RECEIPT = "receipt"
"""The kind of message that brings a receipt, and its category."""
ON_ITS_WAY = (DeliveryState.QUEUED, DeliveryState.SENDING)


class CannotSendReceipt(BillingError):
    """There is nobody to send it to, or nothing to say."""


def queue_new(payments: Sequence[tuple[Payment, Customer]], *, by: Actor) -> int:
    """Queue the receipts of payments just recorded, if the setting says so; how many mails. Flushes."""
    if not payments or not company.value("send_receipts"):
        return 0
    further = invoice_addresses({customer.id for _payment, customer in payments})
    messages = [
        _message(payment, distinct([customer.email, *further.get(customer.id, [])]), 0, by)
        for payment, customer in payments
    ]
    wanted = [message for message in messages if message.deliveries]
    db.session.add_all(wanted)
    db.session.flush()
    return sum(len(message.deliveries) for message in wanted)


def send(payment: Payment, *, by: Actor) -> Message:
    """Queue the receipt for each address that gets the customer's invoices; those for which one waits are left out.

    Raises NotAllowed without ``messages.send``, CannotSendReceipt. Flushes.
    """
    by.require("messages.send")
    if payment.reversed_on is not None:
        raise CannotSendReceipt(f"Payment {payment.id} was taken back as a mistake, so there is no receipt for it.")
    customer = payment.customer
    wanted = distinct([customer.email, *invoice_addresses([customer.id]).get(customer.id, [])])
    if not wanted:
        raise CannotSendReceipt(f"{customer.name} has no e-mail address. Add one, then send the receipt.")
    waiting, times = _so_far(payment)
    wanted = {folded: address for folded, address in wanted.items() if folded not in waiting}
    if not wanted:
        raise CannotSendReceipt(f"The receipt for payment {payment.id} waits to be sent already.")
    message = _message(payment, wanted, times, by)
    db.session.add(message)
    audit.record(by, "payment.receipt_sent", payment, after={"to": ", ".join(wanted.values())})
    db.session.flush()
    return message


def deliveries_of(payment: Payment, limit: int = 12) -> list[Delivery]:
    """The mails that brought the receipt, or are to bring it, the newest first."""
    about = select(Delivery).join(Delivery.message).where(Message.payment_id == payment.id)
    return list(db.session.scalars(about.order_by(Delivery.id.desc()).limit(limit)))


def _message(payment: Payment, wanted: dict[str, str], times: int, by: Actor) -> Message:
    about = f"{payment.id}:again-{times}" if times else payment.id
    message = Message(
        kind=RECEIPT, category=RECEIPT, customer_id=payment.customer_id, payment_id=payment.id, created_at=by.at,
        created_by=by.name,
    )  # fmt: skip
    message.deliveries = [
        Delivery(
            customer_id=payment.customer_id, address=address, next_try_at=by.at,
            dedupe_key=dedupe_key(RECEIPT, about, folded),
        )
        for folded, address in wanted.items()
    ]  # fmt: skip
    return message


def _so_far(payment: Payment) -> tuple[set[str], int]:
    """The addresses for which it waits, in lower case, and how many messages have brought it."""
    query = select(Message.id, Delivery.address, Delivery.state).join(Message.deliveries)
    rows = db.session.execute(query.where(Message.payment_id == payment.id)).all()
    waiting = {address.lower() for _id, address, state in rows if state in ON_ITS_WAY}
    return waiting, len({message_id for message_id, _address, _state in rows})
