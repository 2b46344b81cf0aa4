"""Changing the prices of many packages at once: decided as foreseen, in effect from a day on, and taken back.

New sales see the new list price from that day. Services that follow have theirs from their first renewal on or after
it; what was billed before stays as it was.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select

from models import (
    BillingError,
    BulkAction,
    Package,
    PriceChange,
    PriceChangeState,
    PricePart,
    db,
)
from models.bulk import among

from . import audit, bulk, listed_prices, new_prices
from .actor import Actor
from .listed_prices import Listed
from .price_preview import InvalidChange, Plan, Preview, preview

__all__ = ["ChangedSincePreview", "InvalidChange", "Plan", "begin_due", "decide", "preview", "undo"]


class ChangedSincePreview(BillingError):
    """What would be changed is not what was shown."""


def decide(plan: Plan, *, seen: str, by: Actor) -> PriceChange:
    """Change the prices as they were shown (`seen` is the preview's fingerprint). New list prices hold from the day
    on; where services follow, `bulk_action` is the action that tells them, which the caller carries out.

    Raises ChangedSincePreview, NotAllowed and what `preview` raises.
    """
    by.require("packages.edit")
    if plan.running:
        by.require("services.edit")
    _lock(plan)
    shown = preview(plan, by)
    if shown.fingerprint != seen:
        raise ChangedSincePreview("Prices or services have changed since you looked. Nothing was done; look again.")
    if not shown.listed and not shown.services:
        raise InvalidChange("No price would change.")
    change = PriceChange(
        rule=plan.rule.plain(), parts=[part.value for part in plan.parts], from_on=plan.from_on, running=plan.running,
        agreed=plan.agreed,
        state=PriceChangeState.PLANNED, sums=_sums(plan, shown), made_by=by.name, made_at=by.at,
    )  # fmt: skip
    db.session.add(change)
    db.session.flush()
    change.listed = [listed_prices.kept(change, one) for one in shown.listed]
    audit.record(by, "price_change.decided", change, after=_trace(plan, shown))
    if plan.from_on <= by.today:
        _take_effect(change)
    if shown.services:
        ids = db.session.scalars(new_prices.customers_of(change)).all()
        change.bulk_action = bulk.ask(new_prices.KIND, {new_prices.KIND: change.id}, ids, by=by)
    db.session.flush()
    return change


def begin_due(on: date, *, by: Actor) -> int:
    """Planned changes whose day has come are in effect; services sold meanwhile at the old price follow too. How
    many. Raises NotAllowed."""
    by.require("packages.edit")
    due = PriceChange.state == PriceChangeState.PLANNED, PriceChange.from_on <= on
    changes = db.session.scalars(select(PriceChange).where(*due).order_by(PriceChange.from_on, PriceChange.id)).all()
    for change in changes:
        _take_effect(change)
        if change.running:
            new_prices.enrol(change)
        audit.record(by, "price_change.in_effect", change, after={"from_on": change.from_on.isoformat()})
    db.session.flush()
    return len(changes)


def undo(change: PriceChange, *, by: Actor) -> tuple[list[str], BulkAction | None]:
    """Take the change back: list prices that are still the new ones become the old ones, and services that were not
    billed at theirs keep what they had. Returns the list prices that were changed again since, in words, and the
    action that takes services back, which the caller carries out.

    Raises InvalidChange, CannotUndo (it is still going on), NotAllowed.
    """
    by.require("packages.edit")
    if change.state == PriceChangeState.UNDONE:
        raise InvalidChange("This change was undone already.")
    action = change.bulk_action
    if action is not None and action.going:
        raise InvalidChange("Services are still being told. Stop that first, then undo it.")
    left = listed_prices.put(change, back=True) if change.state == PriceChangeState.IN_EFFECT else []
    change.state = PriceChangeState.UNDONE
    taken = bulk.undo(action, by=by) if action is not None and bulk.can_be_undone(action) else None
    audit.record(by, "price_change.undone", change, after={"left": ", ".join(left)} if left else None)
    db.session.flush()
    return left, taken


def _lock(plan: Plan) -> None:
    """Two people who change the same prices wait for each other; the second finds another fingerprint."""
    wanted = select(Package.id).where(among(db.session, Package.id, plan.packages)).order_by(Package.id)
    db.session.execute(wanted.with_for_update()).all()


def _sums(plan: Plan, shown: Preview) -> dict[str, Any]:
    return {
        "packages": sorted(plan.packages), "services": shown.services, "customers": shown.customers,
        "before": {code: one.minor for code, one in shown.before.items()},
        "after": {code: one.minor for code, one in shown.after.items()},
    }  # fmt: skip


def _trace(plan: Plan, shown: Preview) -> dict[str, Any]:
    words = [f"{_named(one)} {one.old} to {one.new}" for one in shown.listed]
    return {"from_on": plan.from_on.isoformat(), "prices": "; ".join(words)[:2000], "services": shown.services}


def _named(one: Listed) -> str:
    option = f"{one.option} {one.value}".strip()
    return " ".join(word for word in (one.package, option, "set-up" if one.part == PricePart.SETUP else "") if word)


def _take_effect(change: PriceChange) -> None:
    """List prices that somebody changed again meanwhile stay as they are."""
    change.state = PriceChangeState.IN_EFFECT
    listed_prices.put(change)
