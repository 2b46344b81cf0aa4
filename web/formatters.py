"""Money, dates, moments and counts as people read them; used by the panel, the portal and the documents alike."""

from __future__ import annotations

import copy
import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from flask import Flask, has_request_context
from flask_babel import get_locale, get_timezone, gettext, ngettext
from markupsafe import Markup

from billing import company, contact_details
from models import BillingError, Money
from models.currencies import DECIMALS

from . import languages

MINUS = "\N{MINUS SIGN}"
# A code or a letter does not touch the figure (CLDR currencySpacing, which Babel leaves out): KWD 12.345.
_LETTER_BY_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
FALLBACK = Locale("en")


def locale(name: str | None = None) -> Locale:
    """The locale named, or the reader's."""
    return Locale.parse(name) if name else (get_locale() or Locale.parse(languages.choose()))


def money(amount: Money | None, name: str | None = None) -> str:
    """``€1,234.50``, ``−€25.00``: the reader's way of writing, with the decimals the currency really has."""
    if amount is None:
        return ""
    reader = locale(name)
    value = Decimal(amount.minor).scaleb(-DECIMALS.get(amount.currency, 2))
    pattern = _pattern(reader, DECIMALS.get(amount.currency, 2))
    shown = pattern.apply(value, reader, currency=amount.currency, currency_digits=False)
    return _LETTER_BY_DIGIT.sub("\N{NO-BREAK SPACE}", shown).replace("-", MINUS)


_AMOUNT = re.compile(r"(?<![\w.,])(-?\d{1,16}(?:\.(\d{1,4}))?) ([A-Z]{3})(?!\w)")
# What is asked to be typed stays: "such as 2026-11-22".
_DAY = re.compile(r"(?<!such as )(?<![\w./-])\d{4}-\d\d-\d\d(?![\w/-]|\.\w)")


def with_amounts(sentence: str) -> str:
    """A sentence with its amounts (12.30 EUR, as Money writes itself) and days (2026-11-23) in the reader's way of
    writing."""
    return _DAY.sub(_as_day, _AMOUNT.sub(_as_money, sentence))


def _as_day(found: re.Match[str]) -> str:
    try:
        return short_date(date.fromisoformat(found[0]))
    except ValueError:
        return found[0]


def _as_money(found: re.Match[str]) -> str:
    figure, decimals, currency = found.groups()
    if DECIMALS.get(currency) != len(decimals or ""):
        return found[0]
    return money(Money.of(figure, currency))


def _for_reader(sentence: str) -> str:
    """What jobs and commands keep stays as it is; whoever reads it later has it written their way."""
    return with_amounts(sentence) if has_request_context() else sentence


@lru_cache(maxsize=256)
def _pattern(reader: Locale, decimals: int) -> numbers.NumberPattern:
    """Babel would print the decimals people are used to (none for IQD); books keep those of ISO 4217."""
    pattern = copy.copy(reader.currency_formats["standard"])
    pattern.frac_prec = (decimals, decimals)
    return pattern


def number(value: int | Decimal, name: str | None = None) -> str:
    """``12,345``."""
    return numbers.format_decimal(value, locale=locale(name)).replace("-", MINUS)


def percent(rate: Decimal | None, name: str | None = None) -> str:
    """``23%``, ``7.5%``: a rate that is kept in percent."""
    if rate is None:
        return ""
    reader = locale(name)
    return numbers.format_percent(rate / 100, format=_percent(reader), locale=reader).replace("-", MINUS)


@lru_cache(maxsize=256)
def _percent(reader: Locale) -> numbers.NumberPattern:
    pattern = copy.copy(reader.percent_formats[None])
    pattern.frac_prec = (0, 9)
    return pattern


def counted(count: int, one: str, many: str) -> str:
    """``1 customer``, ``4,812 customers``. Both words are translated together: pass them as they stand in English."""
    return f"{number(count)} {ngettext(one, many, count)}"


def short_date(day: date | None, name: str | None = None) -> str:
    """``14 Mar 2026``, in the order the reader is used to. A moment is not a day: use `moment`."""
    if day is None:
        return ""
    if isinstance(day, datetime):
        raise TypeError("a moment has no day of its own; use moment()")
    reader = locale(name)
    if reader == FALLBACK:
        return dates.format_date(day, "d MMM y", locale=reader)
    return dates.format_skeleton("yMMMd", day, locale=reader)


def moment(at: datetime | None) -> Markup:
    """``14 Mar 2026, 09:41`` in the business's zone, the full moment when pointed at."""
    if at is None:
        return Markup("")
    here = local(at)
    full = f"{dates.format_datetime(here, 'full', tzinfo=here.tzinfo, locale=locale())}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), full, moment_text(at))


def moment_text(at: datetime | None, name: str | None = None) -> str:
    """The same without markup, for documents, mails and files."""
    if at is None:
        return ""
    here = local(at)
    pattern = "HH:mm" if locale(name) == FALLBACK else "short"
    clock = dates.format_time(here, pattern, tzinfo=here.tzinfo, locale=locale(name))
    return f"{short_date(here.date(), name)}, {clock}"


def local(at: datetime) -> datetime:
    """The moment as the clock in the business shows it; a page asks once which zone that is."""
    if has_request_context():
        return at.astimezone(get_timezone())
    return at.astimezone(ZoneInfo(languages.timezone()))


def phone(who: Any) -> str:
    """The telephone number of a customer as its readers write it: without the country if that is the company's."""
    seller = company.get()
    return contact_details.phone_shown(who.phone, who.phone_e164, seller.country if seller else "")


def address(who: Any) -> str:
    """The address of a customer, project or reseller in one line."""
    town = f"{who.postal_code} {who.city}".strip()
    country = locale().territories.get(who.country, who.country)
    return ", ".join(filter(None, [who.street, who.street2, town, who.region, country]))


def ago(at: datetime | None, now: datetime) -> str:
    """``3 minutes ago``; the words are the reader's."""
    if at is None:
        return gettext("never")
    return dates.format_timedelta(at - now, add_direction=True, locale=locale())


def init_app(app: Flask) -> None:
    """The formatters as globals and filters of every template; refusals of the rules write amounts as screens do."""
    BillingError.in_words = staticmethod(_for_reader)
    shared = {
        "money": money,
        "number": number,
        "percent": percent,
        "counted": counted,
        "short_date": short_date,
        "moment": moment,
        "moment_text": moment_text,
        "ago": ago,
        "phone": phone,
        "with_amounts": with_amounts,
    }
    app.jinja_env.globals.update(shared)
    app.jinja_env.filters.update(shared)
