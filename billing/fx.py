"""Exchange rates: the customer's own, else its group's, else the table's, each the newest on or before the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import ColumnElement, and_, or_, select

from models import BillingError, FxRate, db
from models.exact import divide_half_away

PLACES = 10
EURO = "EUR"
LONGEST_SOURCE = 60
_OVER = ", over EUR"

Audience = tuple[int | None, int | None]


class NoExchangeRate(BillingError):
    """Neither the customer, nor its group, nor the table has a rate for this pair and day."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """1 unit of the document's currency = `rate` units of the company's; `source` says where that comes from, and of
    which day it is; `on` is that day, None where nothing is exchanged."""

    rate: Decimal
    source: str
    on: date | None = None

    def is_older_than(self, days: int, day: date) -> bool:
        """Whether the rate was more than `days` old on `day`; never with 0, which asks nobody to look."""
        return bool(days) and self.on is not None and self.on < day - timedelta(days=days)


@dataclass(frozen=True, slots=True)
class _Known:
    """A rate as it stands in the table, exact, and until which day it holds."""

    rate: Fraction
    source: str
    on: date
    ends_on: date | None

    def turned(self) -> _Known:
        return _Known(1 / self.rate, self.source, self.on, self.ends_on)

    def exchange(self) -> Exchange:
        return Exchange(_rounded(self.rate), _dated(self.source, self.on), self.on)


class FxTable:
    """The exchange rates, each read when it is first asked for and kept: a run has one snapshot of those it uses.

    What is agreed with customers and groups is read once per pair, the table's own rates once per pair and day.
    """

    def __init__(self) -> None:
        self._agreed: dict[tuple[str, str], dict[Audience, list[_Known]]] = {}
        self._public: dict[tuple[str, str, date], Exchange | None] = {}

    def exchange(
        self, base: str, quote: str, on: date, *, customer_id: int | None = None, group_id: int | None = None
    ) -> Exchange:
        """The rate from `base` to `quote` on a day; raises NoExchangeRate.

        A pair the table has only the other way round is turned; one it does not have at all is worked out over the
        euro, exactly, and rounded once to ten decimals.
        """
        if base == quote:
            return Exchange(Decimal(1), "")
        found = self._own(base, quote, on, customer_id, group_id) or self._of_all(base, quote, on)
        if found is None:
            raise NoExchangeRate(
                f"There is no exchange rate from {base} to {quote} for {on.isoformat()}. "
                "Add one under Settings, Exchange rates."
            )
        return found

    def _own(self, base: str, quote: str, on: date, customer_id: int | None, group_id: int | None) -> Exchange | None:
        pair = base, quote
        if pair not in self._agreed:
            self._agreed[pair] = _agreed(base, quote)
        known = self._agreed[pair]
        for audience in ((customer_id, None), (None, group_id)) if known else ():
            newest = next((one for one in known.get(audience, ()) if one.on <= on), None)
            if newest is not None and (newest.ends_on is None or on < newest.ends_on):
                return newest.exchange()
        return None

    def _of_all(self, base: str, quote: str, on: date) -> Exchange | None:
        asked = base, quote, on
        if asked not in self._public:
            direct = _newest(base, quote, on)
            self._public[asked] = direct.exchange() if direct else _over_the_euro(base, quote, on)
        return self._public[asked]


def _pair(base: str, quote: str) -> ColumnElement[bool]:
    """The rates of a pair, whichever way round they are written."""
    return or_(and_(FxRate.base == base, FxRate.quote == quote), and_(FxRate.base == quote, FxRate.quote == base))


def _agreed(base: str, quote: str) -> dict[Audience, list[_Known]]:
    """What is agreed with customers and groups, newest first; of one day the one written this way round."""
    theirs = or_(FxRate.customer_id.is_not(None), FxRate.group_id.is_not(None))
    found: dict[Audience, list[_Known]] = {}
    for row in db.session.scalars(select(FxRate).where(_pair(base, quote), theirs)):
        found.setdefault((row.customer_id, row.group_id), []).append(_known(row, base))
    for known in found.values():
        known.sort(key=lambda one: one.on, reverse=True)
    return found


def _newest(base: str, quote: str, on: date) -> _Known | None:
    """The table's newest rate of a pair on or before the day, if it still holds."""
    everybody = FxRate.customer_id.is_(None), FxRate.group_id.is_(None)
    ways = (FxRate.base == base, FxRate.quote == quote), (FxRate.base == quote, FxRate.quote == base)
    newest: _Known | None = None
    for way in ways:
        wanted = select(FxRate).where(*way, *everybody, FxRate.on <= on).order_by(FxRate.on.desc(), FxRate.id.desc())
        row = db.session.scalars(wanted.limit(1)).first()
        if row is not None and (newest is None or row.on > newest.on):
            newest = _known(row, base)
    return newest if newest and (newest.ends_on is None or on < newest.ends_on) else None


def _over_the_euro(base: str, quote: str, on: date) -> Exchange | None:
    if EURO in (base, quote):
        return None
    there = _newest(base, EURO, on)
    back = _newest(EURO, quote, on) if there else None
    if there is None or back is None:
        return None
    older = min(there, back, key=lambda one: one.on)
    return Exchange(_rounded(there.rate * back.rate), _dated(older.source, older.on, _OVER), older.on)


def _known(row: FxRate, base: str) -> _Known:
    known = _Known(Fraction(row.rate), row.source, row.on, row.ends_on)
    return known if row.base == base else known.turned()


def _rounded(rate: Fraction) -> Decimal:
    """To ten decimals, half away from zero; never to nothing."""
    scaled = divide_half_away(rate.numerator * 10**PLACES, rate.denominator)
    return Decimal(max(scaled, 1)).scaleb(-PLACES).normalize()


def _dated(source: str, on: date, more: str = "") -> str:
    """The source with its day, as long as a document can keep."""
    day = on.isoformat()
    return f"{source[: LONGEST_SOURCE - len(day) - len(more) - 1]} {day}{more}"
