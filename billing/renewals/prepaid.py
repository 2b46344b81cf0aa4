"""Prepayments: charges below zero, of which every bill of their group takes off what it can."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from billing.money import Money
from billing.tax_rates import Tax
from models import LineKind, PaymentMethod

from .bill import ONE, Bill, Line

LEFT = "left for the next bill"


def draw(bill: Bill, prepayments: Sequence[Any], tax_for: Callable[[str], Tax], left: str = LEFT) -> None:
    """Take the prepayments off a bill whose other lines are all there, those that began first in front.

    Each goes only as far as the lines of its own tax category and rate: then no tax falls below zero, and neither
    does the bill. What is over stays for the next bill, or as `left` says. `prepayments` are rows of
    `due.prepayments`.
    """
    if not prepayments or bill.account.payment_method == PaymentMethod.FREE:
        return
    room: dict[tuple[str, Decimal], int] = defaultdict(int)
    for line in bill.lines:
        room[line.tax.category, line.tax.rate] += line.amount.minor
    for prepaid in prepayments:
        tax = tax_for(prepaid.tax_category)
        part = min(prepaid.left_minor, room[tax.category, tax.rate])
        if part > 0 and prepaid.currency == bill.account.currency:
            room[tax.category, tax.rate] -= part
            bill.lines.append(_line(prepaid, Money(part, prepaid.currency), tax, left))
            bill.drawn.append((prepaid.id, part, prepaid.left_minor == part))


def _line(prepaid: Any, part: Money, tax: Tax, words: str) -> Line:
    left = Money(prepaid.left_minor - part.minor, part.currency)
    details = f"{left} {words}" if left else ""
    return Line(
        LineKind.CHARGE, prepaid.description, None, ONE, -part, -part, tax, charge_id=prepaid.id, details=details
    )
