"""Whether the exchange rates in use are fresh: what is asked for today, and is old or missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from . import company, fx_imports
from .fx import Exchange, FxTable, NoExchangeRate


@dataclass(frozen=True, slots=True)
class Pair:
    """A currency somebody uses, against that of the books: the rate of the day, None where there is none."""

    currency: str
    exchange: Exchange | None


def lacking(on: date) -> list[Pair]:
    """The currencies in use whose rate to the currency of the books is missing on the day, or older than the setting
    allows (0: only missing ones)."""
    seller = company.settings()
    longest, table = int(company.value("fx_oldest", seller)), FxTable()
    used = [each for each in fx_imports.in_use() if each != seller.currency] if seller.currency else []
    found = [Pair(each, _rate(table, each, seller.currency, on)) for each in used]
    return [each for each in found if each.exchange is None or each.exchange.is_older_than(longest, on)]


def _rate(table: FxTable, currency: str, books: str, on: date) -> Exchange | None:
    try:
        return table.exchange(currency, books, on)
    except NoExchangeRate:
        return None
