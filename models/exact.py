"""Exact arithmetic, and numbers as people write them."""

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import NoReturn

from models.errors import BillingError

Quantity = int | Decimal | Fraction

_NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]+))?")
_LONGEST_EXPONENT = 400
_MOST_DIGITS = 30


class InvalidAmount(BillingError, ValueError):
    """This is not an amount of money. A ValueError too, so that form fields show it beside the input."""


class AmountTooLarge(InvalidAmount):
    """More money than any invoice of a small business can hold."""


def divide_half_away(numerator: int, denominator: int) -> int:
    """numerator ÷ denominator (positive) as a whole number, halves away from zero (SPEC 3.5)."""
    whole = (2 * abs(numerator) + denominator) // (2 * denominator)
    return whole if numerator >= 0 else -whole


def round_half_away(value: int | Fraction) -> int:
    """The nearest whole number, halves away from zero: 1/2 -> 1, -1/2 -> -1 (SPEC 3.5)."""
    return divide_half_away(value.numerator, value.denominator)


def exact_ratio(number: Quantity) -> tuple[int, int]:
    """(numerator, denominator) of a quantity, share or rate without any rounding; raises InvalidAmount."""
    if isinstance(number, bool | float) or not isinstance(number, int | Decimal | Fraction):
        raise InvalidAmount(f"{shown(number)} is not an exact number.")
    if isinstance(number, Decimal):
        _check_size(number)
    return number.as_integer_ratio()


def scaled(number: str | int | Decimal, decimals: int, what: str) -> int:
    """The number × 10^decimals, which has to come out whole."""
    sign, whole, fraction = _digits(number)
    if len(fraction) > decimals:
        raise InvalidAmount(f"{shown(number)} has too many decimals: {what} has {decimals or 'none'}.")
    digits = (whole + fraction.ljust(decimals, "0")).lstrip("0")
    if len(digits) > _MOST_DIGITS:
        refuse_size()
    return int(f"{sign}{digits or '0'}")


def _digits(number: str | int | Decimal) -> tuple[str, str, str]:
    """Sign, digits before and digits after the point. Zeros at the end of a Decimal say nothing and are
    dropped; in text they stay, since 1.000 may well mean a thousand to the person who typed it."""
    if isinstance(number, str):
        text = number.strip()
    elif isinstance(number, int | Decimal) and not isinstance(number, bool):
        text = _plain(Decimal(number))
    else:
        raise InvalidAmount(f"{shown(number)} is not an amount.")
    match = _NUMBER.fullmatch(text)
    if not match or not (match[2] or match[3]):
        raise InvalidAmount(f"{shown(number)} is not an amount. Write digits and a point, such as 12.30.")
    return match[1], match[2], match[3] or ""


def _plain(number: Decimal) -> str:
    _check_size(number)
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _check_size(number: Decimal) -> None:
    """Decimal("1E+999999") is short to write, and takes a gigabyte to calculate with."""
    if not number.is_finite():
        raise InvalidAmount(f"{number} is not a number to calculate with.")
    smallest = number.adjusted() - len(number.as_tuple().digits)
    if number.adjusted() > _LONGEST_EXPONENT or smallest < -_LONGEST_EXPONENT:
        raise AmountTooLarge("This number has too many digits.")


def whole_weights(ratios: Sequence[Quantity]) -> list[int]:
    """The ratios, brought to one denominator."""
    pairs = [exact_ratio(ratio) for ratio in ratios]
    if any(numerator < 0 for numerator, _ in pairs):
        raise InvalidAmount("A share cannot be below zero.")
    common = lcm(*(denominator for _, denominator in pairs))
    return [numerator * (common // denominator) for numerator, denominator in pairs]


def shown(value: object) -> str:
    """What was typed, short enough to be repeated in a sentence."""
    text = value if isinstance(value, str) else str(value)
    return f"“{text[:24]}…”" if len(text) > 24 else f"“{text}”"


def refuse_size() -> NoReturn:
    raise AmountTooLarge("This amount is too large. Please check the number of digits.")
