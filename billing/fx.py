"""Exchange rates: the customer's own, else its group's, else the table's, each the newest on or before the day."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import select

from models import BillingError, FxRate, db

_PLACES = Decimal("0.0000000001")


class NoExchangeRate(BillingError):
    """Neither the customer, nor its group, nor the table has a rate for this pair and day."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """1 unit of the document's currency = `rate` units of the company's; `source` says where that comes from."""

    rate: Decimal
    source: str


class FxTable:
    """All exchange rates, read once and asked often."""

    def __init__(self) -> None:
        self._rates: dict[tuple[str, str, int | None, int | None], list[tuple[date, date | None, Exchange]]] = (
            defaultdict(list)
        )
        for row in db.session.scalars(select(FxRate).order_by(FxRate.on.desc(), FxRate.id.desc())):
            known = Exchange(row.rate, f"{row.source} {row.on.isoformat()}")
            self._rates[row.base, row.quote, row.customer_id, row.group_id].append((row.on, row.ends_on, known))

    def exchange(
        self, base: str, quote: str, on: date, *, customer_id: int | None = None, group_id: int | None = None
    ) -> Exchange:
        """The rate from `base` to `quote` on a day; raises NoExchangeRate."""
        if base == quote:
            return Exchange(Decimal(1), "")
        audiences: list[tuple[int | None, int | None]] = [(customer_id, None), (None, group_id), (None, None)]
        for audience in dict.fromkeys(audiences):
            found = self._direct(base, quote, audience, on) or self._inverse(base, quote, audience, on)
            if found:
                return found
        raise NoExchangeRate(
            f"There is no exchange rate from {base} to {quote} for {on.isoformat()}. "
            "Add one under Settings, Exchange rates."
        )

    def _direct(self, base: str, quote: str, audience: tuple[int | None, int | None], on: date) -> Exchange | None:
        for since, ended, known in self._rates.get((base, quote, *audience), ()):
            if since <= on:
                return known if ended is None or on < ended else None
        return None

    def _inverse(self, base: str, quote: str, audience: tuple[int | None, int | None], on: date) -> Exchange | None:
        found = self._direct(quote, base, audience, on)
        return found and Exchange((1 / found.rate).quantize(_PLACES), found.source)
