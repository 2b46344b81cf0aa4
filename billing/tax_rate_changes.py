"""Changing tax rates: one rate per country, category and day; an old one ends instead of going away."""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Select, or_, select

from models import FieldError, TaxRate, db

from . import audit, tax_categories
from .actor import Actor
from .countries import COUNTRIES
from .texts import one_line

STARTING = Path(__file__).with_name("tax_rates.csv")
"""Standard and main reduced rates of the EU, the United Kingdom, Switzerland and Norway since 2024, as published by the
authority named; `AS_OF` says what day they were last looked at."""
AS_OF = date(2026, 1, 1)
LAST_DAY = date.max
ONE_DAY = timedelta(days=1)


class TaxRateRefused(FieldError):
    """A rate cannot be like this; `field` names what is wrong."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A tax rate in percent from the day `valid_from` to the day `valid_to`, both included; None has no end."""

    country: str
    category: str
    name: str
    rate: Decimal
    valid_from: date
    valid_to: date | None = None
    source: str = ""

    @property
    def key(self) -> str:
        """Names the rate among the shipped ones."""
        return f"{self.country}-{self.category}-{self.valid_from.isoformat()}"


@dataclass(frozen=True, slots=True)
class Difference:
    """A shipped rate beside what the table says for its days: nothing (`ours` is None), or another rate."""

    shipped: Rate
    ours: TaxRate | None


def create(wanted: Rate, *, by: Actor) -> TaxRate:
    """Add a rate. Raises NotAllowed, TaxRateRefused, InvalidText."""
    by.require("settings.edit")
    _check(wanted, None)
    row = TaxRate(**asdict(wanted))
    db.session.add(row)
    db.session.flush()
    audit.record(by, "tax_rate.created", row, after=audit.plain(asdict(wanted)))
    return row


def change(row: TaxRate, wanted: Rate, *, by: Actor) -> None:
    """Change a rate; issued documents keep theirs. Raises NotAllowed, TaxRateRefused, InvalidText."""
    by.require("settings.edit")
    _check(wanted, row.id)
    before, after = audit.changes(row, asdict(wanted))
    for name in after:
        setattr(row, name, getattr(wanted, name))
    db.session.flush()
    if after:
        audit.record(by, "tax_rate.changed", row, before=before, after=after)


def starting_rates() -> list[Rate]:
    """The shipped table."""
    with STARTING.open(encoding="utf-8", newline="") as file:
        return [
            Rate(
                row["country"], row["category"], row["name"], Decimal(row["rate"]),
                date.fromisoformat(row["valid_from"]), _day(row["valid_to"]), row["source"],
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def differences() -> list[Difference]:
    """The shipped rates that the table does not have: those of days without a rate, and those that differ."""
    known: dict[tuple[str, str], list[TaxRate]] = {}
    for row in db.session.scalars(select(TaxRate).order_by(TaxRate.valid_from)):
        known.setdefault((row.country, row.category), []).append(row)
    found = []
    for shipped in starting_rates():
        inside = [row for row in known.get((shipped.country, shipped.category), ()) if _overlap(row, shipped)]
        other = next((row for row in inside if row.rate != shipped.rate), None)
        if not inside or other is not None:
            found.append(Difference(shipped, other))
    return found


def follow(keys: Collection[str], *, by: Actor) -> int:
    """Make the table say what the shipped rates of these keys say; how many were added or changed.

    A rate of one's own that begins earlier ends the day before, and goes on after the shipped one's last day; one that
    begins on the same day or later is changed. Issued documents keep theirs. Raises NotAllowed, TaxRateRefused.
    """
    by.require("settings.edit")
    done = 0
    for shipped in [each.shipped for each in differences() if each.shipped.key in keys]:
        # Asked anew: what was done for one may have settled the next.
        left = next((each for each in differences() if each.shipped == shipped), None)
        if left is not None:
            _follow(left.ours, shipped, by)
            done += 1
    return done


def add_starting(*, by: Actor) -> int:
    """Add the shipped rates for which the table has none; how many. Raises NotAllowed."""
    by.require("settings.edit")
    return len([create(each.shipped, by=by) for each in differences() if each.ours is None])


def _follow(ours: TaxRate | None, shipped: Rate, by: Actor) -> None:
    if ours is None:
        create(shipped, by=by)
        return
    own = Rate(**{name: getattr(ours, name) for name in Rate.__dataclass_fields__})
    if own.valid_from >= shipped.valid_from and (shipped.valid_to or LAST_DAY) >= (own.valid_to or LAST_DAY):
        change(ours, replace(own, rate=shipped.rate, source=shipped.source), by=by)
        return
    _make_room(ours, own, shipped, by)
    create(replace(shipped, valid_from=max(own.valid_from, shipped.valid_from), valid_to=_end(own, shipped)), by=by)


def _make_room(ours: TaxRate, own: Rate, shipped: Rate, by: Actor) -> None:
    """Leave of a rate of one's own what lies before and after the shipped one's days."""
    last = shipped.valid_to or LAST_DAY
    after = last + ONE_DAY if last < (own.valid_to or LAST_DAY) else None
    if own.valid_from < shipped.valid_from:
        change(ours, replace(own, valid_to=shipped.valid_from - ONE_DAY), by=by)
        if after:
            create(replace(own, valid_from=after), by=by)
    elif after:
        change(ours, replace(own, valid_from=after), by=by)


def _end(own: Rate, shipped: Rate) -> date | None:
    return min(own.valid_to or LAST_DAY, shipped.valid_to or LAST_DAY) if own.valid_to or shipped.valid_to else None


def _overlap(row: TaxRate, rate: Rate) -> bool:
    return row.valid_from <= (rate.valid_to or LAST_DAY) and (row.valid_to or LAST_DAY) >= rate.valid_from


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _check(wanted: Rate, own_id: int | None) -> None:
    if wanted.country not in COUNTRIES:
        raise TaxRateRefused("Choose a country from the list.", "country")
    if wanted.category not in tax_categories.names():
        raise TaxRateRefused("Choose a category from the list.", "category")
    one_line(wanted.name, 40, "The name")
    one_line(wanted.source, 120, "The source", empty=True)
    if not (0 <= wanted.rate <= 100 and wanted.rate == round(wanted.rate, 4)):
        raise TaxRateRefused("The rate is a percentage from 0 to 100 with at most four decimals.", "rate")
    if wanted.valid_to is not None and wanted.valid_to < wanted.valid_from:
        raise TaxRateRefused("The last day is before the first one.", "valid_to")
    other = db.session.scalar(_overlapping(wanted, own_id))
    if other is not None:
        until = other.valid_to.isoformat() if other.valid_to else "no end"
        raise TaxRateRefused(
            f"Another rate of this country and category, {other.rate:f}%, holds from {other.valid_from.isoformat()} "
            f"to {until}. Give it a last day before this one begins.",
            "valid_from",
        )


def _overlapping(wanted: Rate, own_id: int | None) -> Select[TaxRate]:
    same = select(TaxRate).where(TaxRate.country == wanted.country, TaxRate.category == wanted.category)
    if own_id is not None:
        same = same.where(TaxRate.id != own_id)
    begins_in_time = TaxRate.valid_from <= (wanted.valid_to or LAST_DAY)
    return same.where(begins_in_time, or_(TaxRate.valid_to.is_(None), TaxRate.valid_to >= wanted.valid_from)).limit(1)
