"""Bounds beyond which no bill is made without a person: the last guard against our own mistakes."""

from __future__ import annotations

from collections import Counter
from datetime import date

from billing.money import Money

from .bill import Bill, NotBillable

MOST_DAYS_LATE = 366
MOST_LINES_A_SERVICE = 15
MOST_TIMES_USUAL = 10


def refuse_very_late(bill: Bill, on: date) -> None:
    """A run that was off for over a year must not bill the whole year by itself."""
    if (on - bill.day).days > MOST_DAYS_LATE:
        raise NotBillable(f"Unbilled since {bill.day.isoformat()}, over a year ago. Check the next renewal date.")


def refuse_absurd(bill: Bill) -> None:
    """Negative sums, too many lines for a service, or many times what this group usually comes to."""
    assert bill.totals is not None
    total = bill.totals.gross.minor
    if total < 0:
        raise NotBillable(f"The bill comes to less than nothing ({bill.totals.gross}).")
    total += sum(part for _id, part, _all in bill.drawn)
    lines = Counter(line.service_id for line in bill.lines if line.service_id)
    if lines and not bill.asked_for and max(lines.values()) > MOST_LINES_A_SERVICE:
        raise NotBillable(f"One service has {max(lines.values())} lines on this bill.")
    usual = bill.account.usual_minor
    if usual and not bill.asked_for and total > usual * MOST_TIMES_USUAL:
        was = Money(usual, bill.account.currency)
        shown = Money(total, bill.account.currency)
        raise NotBillable(f"The bill ({shown}) is {total // usual} times the usual one ({was}).")


def usual_after(bill: Bill) -> int:
    """What the next bills of the group are measured by: the most it has come to, in minor units, where part of a
    period counts as all of it, and a prepayment for nothing. A bill for a few days, for a small thing alone or paid
    in advance must not make the next one absurd.
    """
    whole = sum(
        line.price.minor if line.quantity == 1 else int(line.price.minor * line.quantity)
        for line in bill.lines
        if line.price.minor > 0
    )
    return max(bill.account.usual_minor or 0, bill.amount.minor, whole)
