"""Amounts, prices, rates, days and places as the reader of a mail or document writes them. Locales as ``de_CH``."""

from __future__ import annotations

import copy
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError, dates, numbers
from flask import current_app

from models import Company, Customer, Money
from models.currencies import DECIMALS

MINUS = "\N{MINUS SIGN}"
PRICE_DECIMALS = 6


def language_of(customer: Customer | None, company: Company | None) -> str:
    """The customer's language, else its group's, else the company's, else English."""
    group = customer.group if customer else None
    wishes = (customer.language if customer else "", group.language if group else "", company.locale if company else "")
    for wish in wishes:
        if wish and is_known(wish):
            return wish.replace("-", "_")
    return "en"


def language_of_words(locale: str) -> str:
    """The locale the words come in: English where there is no translation, although dates and amounts follow
    the reader. Decides the direction of a page."""
    translated = {each.language for each in current_app.extensions["babel"].instance.list_translations()}
    return locale if Locale.parse(locale).language in translated else "en"


@lru_cache(maxsize=256)
def is_known(name: str) -> bool:
    try:
        Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return False
    return True


def money(amount: Money, locale: str) -> str:
    """With the decimals ISO 4217 gives the currency, also where people are used to fewer (IQD)."""
    return _currency(amount.decimal(), amount.currency, locale, 0)


def unit_price(micro: int, currency: str, locale: str) -> str:
    """A price in millionths, with as many decimals as it needs and at least the currency's."""
    return _currency(Decimal(micro).scaleb(-PRICE_DECIMALS), currency, locale, PRICE_DECIMALS)


def _currency(value: Decimal, currency: str, locale: str, most: int) -> str:
    reader, decimals = Locale.parse(locale), DECIMALS.get(currency, 2)
    pattern = _with_decimals(reader.currency_formats["standard"], decimals, max(most, decimals))
    return pattern.apply(value, reader, currency=currency, currency_digits=False).replace("-", MINUS)


def percent(rate: Decimal, locale: str) -> str:
    """A rate kept in percent: ``23%``, ``8,1 %``."""
    reader = Locale.parse(locale)
    return _with_decimals(reader.percent_formats[None], 0, 6).apply(rate / 100, reader).replace("-", MINUS)


def number(value: Decimal, locale: str) -> str:
    """With all its decimals, without trailing noughts."""
    return numbers.format_decimal(value, locale=locale, decimal_quantization=False).replace("-", MINUS)


def _with_decimals(pattern: numbers.NumberPattern, least: int, most: int) -> numbers.NumberPattern:
    changed = copy.copy(pattern)
    changed.frac_prec = (least, most)
    return changed


def day(value: date, locale: str) -> str:
    """``14 Nov 2026``, in the order the reader is used to."""
    if locale == "en":
        return dates.format_date(value, "d MMM y", locale=locale)
    return dates.format_skeleton("yMMMd", value, locale=locale)


def period(start: date, end: date, locale: str) -> str:
    """The days from `start` up to, not including, `end`: ``1 Nov 2026 – 30 Nov 2026``."""
    last = end - timedelta(days=1)
    return day(start, locale) if last <= start else f"{day(start, locale)} – {day(last, locale)}"


def country(code: str, locale: str) -> str:
    return Locale.parse(locale).territories.get(code.upper(), code) if code else ""
