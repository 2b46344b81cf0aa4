"""What customers of the demo company find under Messages: mails as they would have left, marked as examples.

None of them was sent. All others of the demo company are called off, so that nobody can take one for a real one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from billing.card_sayings import DECLINED
from billing.outbox import INVOICE
from billing.receipts import RECEIPT
from messaging import card_mail, compose, receipt_mail
from messaging.refusals import NotWritten
from models import Card, Channel, Delivery, DeliveryState, Invoice, Message, Payment, PortalAccess, db

LATEST = 6
"""How many of each customer."""
EXAMPLE = "(This is an example of the demo company. It was written, and never sent.)"
LEFT = timedelta(seconds=40)
"""How long after it was queued a mail would have left."""


def tell() -> int:
    """Mark the latest mails of those with a portal or a card as sent; how many. Flushes."""
    theirs = select(PortalAccess.customer_id).union(select(Card.customer_id))
    count = 0
    for customer_id in db.session.scalars(theirs.order_by("customer_id")).all():
        mine = (Delivery.customer_id == customer_id, Delivery.channel == Channel.EMAIL)
        latest = select(Delivery).join(Delivery.message).where(*mine, Message.kind.in_((INVOICE, RECEIPT, DECLINED)))
        for delivery in db.session.scalars(latest.order_by(Delivery.id.desc()).limit(LATEST)).all():
            count += _told(delivery)
    db.session.flush()
    return count


def _told(delivery: Delivery) -> bool:
    at = delivery.message.created_at + LEFT
    try:
        subject, text = _words(delivery.message, at)
    except NotWritten:
        return False
    delivery.state, delivery.error, delivery.attempts, delivery.sent_at = DeliveryState.SENT, "", 1, at
    delivery.sent_subject, delivery.sent_text = subject, f"{text.rstrip()}\n\n{EXAMPLE}\n"
    return True


def _words(message: Message, at: datetime) -> tuple[str, str]:
    """Without the PDF, which nobody reads here."""
    if message.kind == INVOICE:
        said, _brand = compose.invoice_words(db.session.get_one(Invoice, message.invoice_id), at)
        return said.subject, said.text
    if message.kind == RECEIPT:
        said, _brand = receipt_mail.words(db.session.get_one(Payment, message.payment_id), at)
        return said.subject, said.text
    written = card_mail.write(message, at)
    return written.subject, written.text
