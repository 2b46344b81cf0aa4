"""Addresses that mail came back from, marked on the customer until one of them takes mail again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select, update

from models import Customer, Delivery, DeliveryState, db

BOUNCED = "bounced"
"""What Customer.email_state says once mail to the address came back."""


def flag_email(delivery: Delivery) -> None:
    """The customer's page says that mail to their address comes back, until they get another one."""
    same = (Customer.id == delivery.customer_id, func.lower(Customer.email) == delivery.address.lower())
    db.session.execute(update(Customer).where(*same).values(email_state=BOUNCED))


def unflag_emails(delivery_ids: Sequence[int]) -> None:
    """Addresses that mail came back from and that took one of these are good again."""
    flagged = select(Customer.id, Customer.email).where(Customer.email_state != "").subquery()
    arrived = select(Delivery.customer_id).join(flagged, flagged.c.id == Delivery.customer_id)
    arrived = arrived.where(
        Delivery.id.in_(delivery_ids),
        Delivery.state == DeliveryState.SENT,
        func.lower(Delivery.address) == func.lower(flagged.c.email),
    )
    ids = list(db.session.scalars(arrived))
    if ids:
        db.session.execute(update(Customer).where(Customer.id.in_(ids)).values(email_state=""))
