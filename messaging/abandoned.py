"""What becomes of the deliveries whose sender died: nothing is lost, nothing leaves twice, the rest is `unknown`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import or_, select, update

from billing import audit
from billing.actor import Actor
from models import Channel, Delivery, DeliveryState, db

from .deliver import end_with, take_it_back
from .journal import Told

_LOST = "Sending was interrupted after it had begun. It may have arrived; send it again if it has not."


def lose(by: Actor, dead: Mapping[str, Told] | None = None, *, channel: Channel = Channel.EMAIL) -> int:
    """Deliveries whose sender died in mid conversation become `unknown`; returns how many.

    Of `dead` workers it is known what they had said: what never left is queued again, what was answered ends so.
    """
    dead = dead or {}
    theirs = or_(Delivery.claimed_until < by.at, Delivery.claimed_by.in_(dead))
    abandoned = select(Delivery).where(Delivery.state == DeliveryState.SENDING, Delivery.channel == channel, theirs)
    lost = 0
    for delivery in db.session.scalars(abandoned.with_for_update(skip_locked=True)).all():
        told = dead.get(delivery.claimed_by)
        if told is not None and delivery.id not in told.begun:
            take_it_back(delivery)
        elif told is not None and delivery.id in told.ended:
            answer, at = told.ended[delivery.id]
            end_with(delivery, answer, replace(by, at=at))
        else:
            delivery.state, delivery.error, delivery.claimed_until = DeliveryState.UNKNOWN, _LOST, None
            audit.record(by, "delivery.unknown", delivery, after={"reason": _LOST})
            lost += 1
    db.session.flush()
    if dead:
        reserved = (Delivery.state == DeliveryState.QUEUED, Delivery.channel == channel, Delivery.claimed_by.in_(dead))
        free = update(Delivery).where(*reserved).values(claimed_by="", claimed_until=None)
        db.session.execute(free, execution_options={"synchronize_session": False})
    return lost
