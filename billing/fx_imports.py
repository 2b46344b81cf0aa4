"""Keeping published exchange rates: whole days at once, from a file or the feed; what is there already stays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, union

from models import Customer, CustomerGroup, FxRate, PackagePrice, db
from models.bulk import insert_rows

from . import audit, company
from .actor import Actor
from .ecb_file import SOURCE, Day
from .fx import EURO

COLUMNS = ("base", "quote", "rate", "on", "source")


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of the rates: `added` ones, those `known` already, and those that differ from what is there."""

    added: int
    known: int
    differing: int
    newest: date | None


def in_use() -> list[str]:
    """The currencies that somebody pays or is priced in, and that of the books, in order of the alphabet."""
    columns = Customer.currency, CustomerGroup.currency, PackagePrice.currency
    found = db.session.scalars(union(*(select(column) for column in columns)))
    return sorted({*found, company.settings().currency} - {""})


def keep(
    days: Sequence[Day], *, currencies: Collection[str] = (), since: date | None = None, source: str = SOURCE, by: Actor
) -> Kept:
    """Add the rates of these days, euro to each of `currencies` (all, if none is named), from the day `since` on.

    A rate of everybody for the same pair and day stays as it is, even where it differs. Raises NotAllowed.
    """
    by.require("settings.edit")
    wanted = [
        (EURO, currency, rate, day.on, source)
        for day in days
        for currency, rate in day.rates.items()
        if (not currencies or currency in currencies) and (since is None or day.on >= since)
    ]
    there = _there({row[3] for row in wanted})
    new = [row for row in wanted if (row[1], row[3]) not in there]
    differing = sum(there.get((row[1], row[3]), row[2]) != row[2] for row in wanted)
    if new:
        insert_rows(db.session, FxRate.__table__, COLUMNS, new)
        counts = {"rates": len(new), "from": str(min(r[3] for r in new)), "to": str(max(r[3] for r in new))}
        audit.record(by, "fx_rates.imported", company.settings(), after={**counts, "source": source})
        db.session.flush()
    known = len(wanted) - len(new) - differing
    return Kept(len(new), known, differing, max((row[3] for row in wanted), default=None))


def _there(days: set[date]) -> dict[tuple[str, date], object]:
    """(currency, day) -> rate of what everybody has for the euro already."""
    if not days:
        return {}
    everybody = FxRate.customer_id.is_(None), FxRate.group_id.is_(None)
    rows = db.session.execute(
        select(FxRate.quote, FxRate.on, FxRate.rate).where(
            FxRate.base == EURO, *everybody, FxRate.on.between(min(days), max(days))
        )
    )
    return {(row.quote, row.on): row.rate for row in rows}
