"""Whether a mail is still wanted when it is about to leave: stopped, turned back before, opted out."""

from __future__ import annotations

from collections.abc import Sequence

from billing import opt_outs
from models import Delivery, DeliveryState, Message, db

from .refusals import NotNeeded, NotWanted


def reasons(deliveries: Sequence[Delivery]) -> dict[int, NotNeeded]:
    """Why some of these must not leave, by id. Two statements for each message they belong to."""
    messages: dict[int, list[Delivery]] = {}
    for each in deliveries:
        messages.setdefault(each.message_id, []).append(each)
    found: dict[int, NotNeeded] = {}
    for of_one in messages.values():
        found.update(_of_message(of_one, of_one[0].message))
    return found


def _of_message(deliveries: Sequence[Delivery], message: Message) -> dict[int, NotNeeded]:
    if message.stopped_at is not None:
        return {each.id: NotNeeded("Sending this message was stopped.") for each in deliveries}
    if message.essential:
        return {}
    unwanted = {number: NotWanted("Whoever has this address wants no such mails.") for number in
                opt_outs.blocked(deliveries, message)}  # fmt: skip
    back = {each.id: NotNeeded("This address has turned mail back before.") for each in _bounced(deliveries, message)}
    return {**unwanted, **back}


def _bounced(deliveries: Sequence[Delivery], message: Message) -> list[Delivery]:
    """Those to addresses that turned the last mail back. The history is read only where one ever did."""
    whose = {each.id: each.customer_id or message.customer_id for each in deliveries}
    ever = db.select(Delivery.customer_id).where(Delivery.state == DeliveryState.BOUNCED)
    suspects = set(db.session.scalars(ever.where(Delivery.customer_id.in_(set(whose.values()) - {None})).distinct()))
    addresses = {customer_id: bounced_addresses(customer_id) for customer_id in suspects}
    return [each for each in deliveries if each.address.lower() in addresses.get(whose[each.id], ())]


def bounced_addresses(customer_id: int | None) -> set[str]:
    """The customer's addresses (in lower case) that turned the last mail back."""
    if customer_id is None:
        return set()
    ended = (DeliveryState.SENT, DeliveryState.BOUNCED)
    query = db.select(Delivery.address, Delivery.state).where(
        Delivery.customer_id == customer_id, Delivery.state.in_(ended)
    )
    last = {address.lower(): state for address, state in db.session.execute(query.order_by(Delivery.id))}
    return {address for address, state in last.items() if state == DeliveryState.BOUNCED}
