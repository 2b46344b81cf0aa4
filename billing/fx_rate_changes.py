"""Changing exchange rates: 1 base = rate quote, from a day on; for everybody, for a group, or for one customer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import select

from models import Customer, CustomerGroup, FieldError, FxRate, db
from models.currencies import DECIMALS

from . import audit
from .actor import Actor
from .texts import one_line

LARGEST = Decimal(100_000_000)


class FxRateRefused(FieldError):
    """A rate cannot be like this; `field` names what is wrong."""


@dataclass(frozen=True, slots=True)
class Rate:
    """1 unit of `base` = `rate` units of `quote` from the day `on`; `source` is printed beside converted amounts."""

    base: str
    quote: str
    rate: Decimal
    on: date
    source: str
    customer_id: int | None = None
    group_id: int | None = None


def create(wanted: Rate, *, by: Actor) -> FxRate:
    """Add a rate. Raises NotAllowed, FxRateRefused, InvalidText."""
    by.require("settings.edit")
    _check(wanted)
    row = FxRate(**asdict(wanted))
    db.session.add(row)
    db.session.flush()
    audit.record(by, "fx_rate.created", row, after=audit.plain(asdict(wanted)))
    return row


def end(row: FxRate, on: date, *, by: Actor) -> None:
    """Let a rate hold no longer from the day `on`: the next wider one counts then, an older one of its own does not.
    Issued documents keep theirs. Raises NotAllowed, FxRateRefused."""
    by.require("settings.edit")
    if on <= row.on:
        raise FxRateRefused(f"The rate starts on {row.on}. Choose a later day, or delete it.", "ends_on")
    if row.ends_on == on:
        return
    before, row.ends_on = row.ends_on, on
    audit.record(by, "fx_rate.ended", row, before=audit.plain({"ends_on": before}), after={"ends_on": str(on)})
    db.session.flush()


def delete(row: FxRate, *, by: Actor) -> None:
    """Take a rate away; issued documents keep theirs. Raises NotAllowed."""
    by.require("settings.edit")
    values = {name: getattr(row, name) for name in Rate.__dataclass_fields__}
    audit.record(by, "fx_rate.deleted", row, before=audit.plain(values))
    db.session.delete(row)
    db.session.flush()


def _check(wanted: Rate) -> None:
    for field in ("base", "quote"):
        if getattr(wanted, field) not in DECIMALS:
            raise FxRateRefused("Choose a currency from the list.", field)
    if wanted.base == wanted.quote:
        raise FxRateRefused("Choose two different currencies.", "quote")
    if not (0 < wanted.rate < LARGEST and wanted.rate == round(wanted.rate, 10)):
        raise FxRateRefused("The rate is above zero and has at most ten decimals, such as 1.0842.", "rate")
    one_line(wanted.source, 49, "The source")
    _check_audience(wanted)
    same = {name: getattr(wanted, name) for name in ("base", "quote", "on", "customer_id", "group_id")}
    if db.session.scalar(select(FxRate.id).filter_by(**same).limit(1)):
        raise FxRateRefused("There is a rate for this day already. Delete that one first.", "on")


def _check_audience(wanted: Rate) -> None:
    if wanted.customer_id is not None and wanted.group_id is not None:
        raise FxRateRefused("Choose a customer or a group, not both.", "group_id")
    if wanted.customer_id is not None and db.session.get(Customer, wanted.customer_id) is None:
        raise FxRateRefused("There is no customer with this number.", "customer_id")
    if wanted.group_id is not None and db.session.get(CustomerGroup, wanted.group_id) is None:
        raise FxRateRefused("Choose a group from the list.", "group_id")
