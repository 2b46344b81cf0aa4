"""Changing tax rates: one rate per country, category and day; an old one ends instead of going away."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Select, or_, select

from models import FieldError, TaxRate, db

from . import audit
from .actor import Actor
from .countries import COUNTRIES
from .texts import one_line

STARTING = Path(__file__).with_name("tax_rates.csv")
"""Standard rates of the EU, the United Kingdom, Switzerland and Norway, as published by the authority named."""
CATEGORIES = {"S": "Standard", "R": "Reduced", "RR": "Second reduced", "Z": "Zero"}
LAST_DAY = date.max


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
            Rate(row["country"], "S", row["name"], Decimal(row["rate"]), date.fromisoformat(row["valid_from"]))
            for row in csv.DictReader(file)
        ]


def add_starting(*, by: Actor) -> int:
    """Add the shipped rate of each country that has no standard rate yet; how many. Raises NotAllowed."""
    by.require("settings.edit")
    known = set(db.session.scalars(select(TaxRate.country).where(TaxRate.category == "S")))
    return len([create(rate, by=by) for rate in starting_rates() if rate.country not in known])


def _check(wanted: Rate, own_id: int | None) -> None:
    if wanted.country not in COUNTRIES:
        raise TaxRateRefused("Choose a country from the list.", "country")
    if wanted.category not in CATEGORIES:
        raise TaxRateRefused("Choose a category from the list.", "category")
    one_line(wanted.name, 40, "The name")
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
