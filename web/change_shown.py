"""A review of a package change, and what became of one, as their pages print it: words beside sums."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from flask_babel import gettext as _

from billing.change_figures import Outcome
from billing.change_review import Review
from billing.change_terms import OptionTerms, Terms
from billing.document_lines import WorkedLine
from billing.money import round_half_away
from billing.periods import BillingPeriod
from models import LineKind, Money
from web.formatters import money, number, percent, short_date
from web.price_words import period_words, price_words

_DAYS = re.compile(r"(\d+) of (\d+) days", re.ASCII)
MOST_LOOKED = 20_000


@dataclass(frozen=True)
class Side:
    """One thing before and after; `fresh`: not as the reader saw it."""

    what: str
    old: str
    new: str
    fresh: bool = False

    @property
    def changed(self) -> bool:
        return self.old != self.new


@dataclass(frozen=True)
class Line:
    what: str
    calc: tuple[str, ...]
    days: str
    tax: str
    amount: Money
    fresh: bool = False


@dataclass(frozen=True)
class Sum:
    what: str
    amount: Money
    total: bool = False
    fresh: bool = False


@dataclass
class Looked:
    """What somebody has looked at, to mark what is new since; `now` gathers what is shown this time."""

    then: Mapping[str, str] | None = None
    now: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Looked:
        """Of a form: anything that is not ours counts as nothing looked at."""
        try:
            found = json.loads(text) if 0 < len(text) <= MOST_LOOKED else None
        except ValueError:
            found = None
        return cls(found if isinstance(found, dict) else None)

    def fresh(self, key: str, shown: str) -> bool:
        """Whether it stood there differently."""
        key = self._free(key)
        self.now[key] = shown
        return self.then is not None and self.then.get(key) != shown

    def _free(self, key: str) -> str:
        n = 1
        while (name := key if n == 1 else f"{key} {n}") in self.now:
            n += 1
        return name

    def written(self) -> str:
        return json.dumps(self.now, ensure_ascii=False)


def sides(old: Terms, new: Terms, looked: Looked) -> list[Side]:
    """The two of them, one line for each thing that a customer pays for."""
    rows = [(_("Package"), old.package, new.package), (_("Price"), _price(old), _price(new))]
    rows += _option_rows(old, new)
    if old.description not in (old.package, "") or new.description not in (new.package, ""):
        rows.append((_("Description"), old.words, new.words))
    rows += [(_("Billed"), _billed(old), _billed(new))]
    rows += [(_("Next renewal"), short_date(old.next_on), short_date(new.next_on))]
    return [Side(what, was, now, looked.fresh(f"side {what}", f"{was} → {now}")) for what, was, now in rows]


def _price(terms: Terms) -> str:
    return price_words(terms.price, terms.months, terms.days)


def _option_rows(old: Terms, new: Terms) -> list[tuple[str, str, str]]:
    names = dict.fromkeys(option.name for option in (*old.options, *new.options))
    return [(name, _option(old, name), _option(new, name)) for name in names]


def _option(terms: Terms, name: str) -> str:
    return ", ".join(_option_words(one, terms) for one in terms.options if one.name == name)


def _option_words(one: OptionTerms, terms: Terms) -> str:
    many = f"{number(one.quantity)} ×" if one.quantity != 1 else ""
    price = price_words(one.price, terms.months, terms.days) if one.price else _("included")
    return " ".join(part for part in (f"{one.value}," if one.value else "", many, price) if part)


def _billed(terms: Terms) -> str:
    words = period_words(terms.months, terms.days)
    return _("%(period)s, on day %(day)s", period=words, day=terms.anchor_day) if terms.months else words


def lines(found: Iterable[WorkedLine], new: Terms, looked: Looked) -> list[Line]:
    """Each with its sum: ``€89.00 × 9 of 30 days = €26.70``."""
    out = []
    for one in found:
        calc = _calc(one, new)
        key = looked.fresh(f"line {one.input.description}", " ".join((*calc, money(one.amount))))
        period = days_words(one.input.period) if one.input.period else ""
        out.append(Line(one.input.description, calc, period, percent(one.tax.rate), one.amount, key))
    return out


def _calc(one: WorkedLine, new: Terms) -> tuple[str, ...]:
    part, given = _DAYS.match(one.input.details), one.input
    factors = [money(_of_one(one))]
    quantity = _quantity(one, new)
    factors += [f"{number(quantity)}"] if quantity != 1 else []
    factors += [_("%(n)s of %(all)s days", n=part[1], all=part[2])] if part else []
    rows = [f"{' × '.join(factors)} = {money(one.full)}"] if len(factors) > 1 or one.discount else []
    if one.discount:
        off = percent(given.discount_percent) if given.discount_percent is not None else money(one.discount)
        why = f" ({given.discount_reason})" if given.discount_reason else ""
        rows.append(_("less %(off)s%(why)s: %(amount)s", off=off, why=why, amount=money(-one.discount)))
    return tuple(rows + [row for row in given.details.splitlines() if not _DAYS.match(row)])


def _of_one(one: WorkedLine) -> Money:
    """The price of one for the whole period, as it was charged."""
    price = one.input.unit_price
    return price.times(Fraction(1))


def _quantity(one: WorkedLine, new: Terms) -> Any:
    """How many of an option."""
    if one.input.kind != LineKind.OPTION:
        return 1
    return next((option.quantity for option in new.options if option.words[:400] == one.input.description), 1)


def days_words(period: BillingPeriod) -> str:
    """``22 Nov 2026 – 21 Dec 2026``, first and last day, as documents write it."""
    if period.days == 1:
        return short_date(period.start)
    return f"{short_date(period.start)} – {short_date(period.last_day)}"


def sums(review: Review, looked: Looked) -> list[Sum]:
    """Net, each tax and the total."""
    found = review.totals
    if found is None:
        return []
    rows = [(_("Net"), found.net, False)]
    if review.figures and (off := review.figures.worked.discount):
        rows.insert(0, (_("Discount of %(proforma)s", proforma=_discounted(review)), -off, False))
    rows += [(_("Tax %(rate)s", rate=percent(part.rate)), part.tax, False) for part in found.subtotals if part.tax]
    last = _("Given back") if review.makes == Outcome.CREDIT_NOTE else _("Invoice total")
    last = last if review.makes != Outcome.RECORD else _("Total")
    rows.append((_("This change") if review.replaces else last, found.gross, True))
    return [Sum(what, amount, total, looked.fresh(f"sum {what}", money(amount))) for what, amount, total in rows]


def _discounted(review: Review) -> str:
    """The proforma whose discount goes on to what is charged, and how much it is."""
    if review.replaces is None:
        return ""
    share, why = review.replaces.discount
    said = ", ".join(filter(None, [percent(share) if share is not None else "", why]))
    return f"{review.replaces.proforma} ({said})" if said else review.replaces.proforma


def signed(amount: Money) -> str:
    """With a plus where it is more."""
    return f"+{money(amount)}" if amount.minor > 0 else money(amount)


def per_period(terms: Terms) -> Money:
    """Package and options for one whole period."""
    return Money(round_half_away(terms.full_price), terms.price.currency)


def on_words(on: date, today: date) -> str:
    """``today, 22 Nov 2026``."""
    return _("today, %(day)s", day=short_date(on)) if on == today else short_date(on)
