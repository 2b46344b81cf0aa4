"""The discounts that are for a group of customers: its own and everyone's, those that win first."""

from __future__ import annotations

from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload, selectinload

from models import CustomerGroup, Discount, DiscountAudience, db

from .discount_table import IN_FORCE, offer_of_row

MOST = 100


def of_group(group: CustomerGroup, today: date) -> list[Discount]:
    """In force today or later, in the order in which they win before what they take off decides. At most 100."""
    mine = or_(Discount.audience == DiscountAudience.EVERYONE, Discount.group_id == group.id)
    wanted = (
        select(Discount)
        .where(IN_FORCE, mine, or_(Discount.last_on.is_(None), Discount.last_on >= today))
        .options(
            joinedload(Discount.group),
            joinedload(Discount.project),
            selectinload(Discount.packages),
            selectinload(Discount.amounts),
        )
        .order_by(Discount.priority.desc(), Discount.group_id.is_(None), Discount.id)
    )
    found = list(db.session.scalars(wanted.limit(MOST)))
    return sorted(found, key=lambda one: (offer_of_row(one).rank, -one.id), reverse=True)
