"""What the demo company takes off its prices: for clubs, by the year, in winter, and with a code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from billing import coupons, discounts
from billing.actor import Actor
from models import Package


def make(packages: Mapping[str, Package], clubs: int, last: date, by: Actor) -> None:
    """The discounts, up to the `last` day of the story and a little beyond; `clubs` is the id of a group."""
    discounts.create(
        {"name": "Clubs and charities", "reason": "Club rate", "percent": Decimal(15), "audience": "group",
         "group_id": clubs},
        by=by,
    )  # fmt: skip
    hosting = [packages[f"Hosting {size}"].id for size in "SML"]
    yearly = {"name": "Hosting by the year", "reason": "Paid by the year", "percent": Decimal(10), "months": 12}
    discounts.create({**yearly, "target": "packages"}, packages=hosting, by=by)
    begins = (last.replace(day=1) - timedelta(days=1)).replace(day=1)
    discounts.create(
        {"name": "Winter at full speed", "reason": "Winter offer", "percent": Decimal(20), "target": "packages",
         "starts_on": begins, "last_on": last + timedelta(days=45), "priority": 150},
        packages=[packages["Fibre 1000"].id],
        by=by,
    )  # fmt: skip
    welcome = {"name": "Welcome", "reason": "Welcome to Harbour Fibre", "percent": Decimal(50), "bills": 3}
    coded = discounts.create({**welcome, "needs_code": True, "priority": 200}, by=by)
    coupons.create(coded, "WELCOME", new_services_only=True, note="On the flyers at the fair", by=by)
