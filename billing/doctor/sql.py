"""The few expressions that SQLite and PostgreSQL write differently, or that must stay exact on both."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Date, Integer, Numeric, String, case, cast, extract, func, type_coerce

from models.currencies import DECIMALS

from .checks import Scope

Number = ColumnElement[Any]


def whole(column: Any, scope: Scope) -> Number:
    """The column's stored integer, wide enough on PostgreSQL for products of two of them."""
    stored = type_coerce(column, BigInteger)
    return stored if scope.sqlite else cast(stored, Numeric)


def rounded(numerator: Number, denominator: Number | int, scope: Scope) -> Number:
    """numerator ÷ denominator (positive) as a whole number, halves away from zero (SPEC 3.5), without a float."""

    def quotient(above: Any, below: Any) -> Number:
        return above // below if scope.sqlite else func.div(above, below)

    up = quotient(2 * numerator + denominator, 2 * denominator)
    return case((numerator >= 0, up), else_=-quotient(-2 * numerator + denominator, 2 * denominator))


def micro_per_minor(currency: Any) -> Number:
    """Millionths of the major unit in one minor unit, by currency."""
    by_decimals: dict[int, list[str]] = {}
    for code, decimals in DECIMALS.items():
        by_decimals.setdefault(decimals, []).append(code)
    usual = by_decimals.pop(2)
    assert usual
    others = [(currency.in_(codes), 10 ** (6 - decimals)) for decimals, codes in by_decimals.items()]
    return type_coerce(case(*others, else_=10**4), BigInteger)


def day_of_month(day: Any) -> Number:
    """1 to 31."""
    return cast(extract("day", day), Integer)


def month_of(day: Any) -> Number:
    """1 to 12."""
    return cast(extract("month", day), Integer)


def is_last_of_month(day: Any, scope: Scope) -> Number:
    """Whether the next day is a first."""
    tomorrow: Any = func.date(day, "+1 day", type_=Date) if scope.sqlite else type_coerce(day, Date) + 1
    return day_of_month(tomorrow) == 1


def days_between(start: Any, end: Any, scope: Scope) -> Number:
    """Days from `start` to `end`, negative when they run backwards."""
    if scope.sqlite:
        return cast(func.julianday(end) - func.julianday(start), Integer)
    return type_coerce(type_coerce(end, Date) - type_coerce(start, Date), Integer)


def day_in(document: Any, name: str, scope: Scope) -> Number:
    """The day that a JSON object holds as ISO text under `name`; SQLite keeps its days as that very text."""
    text = document[name].as_string()
    return type_coerce(text, Date) if scope.sqlite else cast(text, Date)


def is_sha256(column: Any) -> ColumnElement[bool]:
    """Whether the text is 64 lower-case hexadecimal digits."""
    return (func.length(column) == 64) & (func.ltrim(column, "0123456789abcdef") == "")


def as_text(value: Any) -> Number:
    """The value as a string, to stand in a finding."""
    return cast(value, String)
