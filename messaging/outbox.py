"""Queueing what is to be said, and sending it again when a person asks for it."""

from __future__ import annotations

from collections.abc import Sequence

from billing import audit
from billing.actor import Actor
from billing.outbox import dedupe_key, distinct
from models import BillingError, Customer, Delivery, DeliveryState, Message, db


class CannotSendAgain(BillingError):
    """This delivery is not one that a person may send again."""


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
) -> Message | None:
    """Queue a mail in these words to each of the addresses, once for each `kind` and `about`.

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
        kind=kind, customer_id=customer_id, subject=subject, body=body, essential=essential,
        created_at=by.at, created_by=by.name,
    )  # fmt: skip
    message.deliveries = [
        Delivery(customer_id=customer_id, address=address, dedupe_key=key, next_try_at=by.at)
        for key, address in wanted.items()
        if key not in known
    ]
    db.session.add(message)
    db.session.flush()
    return message


def send_again(delivery: Delivery, *, by: Actor) -> None:
    """Queue a delivery that failed, bounced, was cancelled or is unknown once more, or one that waits at once.

    It keeps its Message-ID, so that a mail that did arrive is seen as the same one. Raises NotAllowed without
    ``messages.send``, CannotSendAgain if it was sent or is leaving now. Flushes.
    """
    by.require("messages.send")
    delivery = db.session.get_one(Delivery, delivery.id, with_for_update=True, populate_existing=True)
    if delivery.state in (DeliveryState.SENT, DeliveryState.SENDING):
        raise CannotSendAgain("This mail was sent already, or is being sent right now.")
    before = {"state": delivery.state, "reason": delivery.error}
    delivery.state, delivery.next_try_at, delivery.attempts = DeliveryState.QUEUED, by.at, 0
    delivery.claimed_by, delivery.claimed_until, delivery.error = "", None, ""
    audit.record(by, "delivery.queued_again", delivery, before=audit.plain(before))
    db.session.flush()
