"""What ending services comes to, as it is shown before it is done: plain values, and a fingerprint of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from models import Money

from .change_proformas import Replaced
from .credit_parts import NotePlan
from .document_lines import WorkedOut
from .renewals.bill import Bill, Line


@dataclass(frozen=True, slots=True)
class Ended:
    """One service and the first day without it. `is_new`: that day is set now; else it was before."""

    service_id: int
    version: int
    description: str
    on: date
    is_new: bool
    billed_until: date
    status: str


@dataclass(frozen=True, slots=True)
class Note:
    """A credit note for unused days, or (`prepaid`) for rests of prepayments: its lines have the signs of an invoice,
    `plan` says where its total goes. Its first lines are copies of those with the ids `kept`."""

    group_id: int
    prices_include_tax: bool
    worked: WorkedOut
    plan: NotePlan
    prepaid: bool = False
    kept: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A last bill: its lines after discounts, prepayments among them, and its sums. `makes_invoice` False: nothing is
    to be billed, and `why` says so."""

    group: str
    lines: tuple[Line, ...]
    net: Money
    tax: Money
    total: Money
    makes_invoice: bool
    why: str = ""

    @classmethod
    def of(cls, bill: Bill) -> Shown:
        sums, nothing = bill.totals, Money.zero(bill.account.currency)
        net, tax = (sums.net, sums.tax) if sums else (nothing, nothing)
        group = f"{bill.account.name} {bill.account.group_id}"
        return cls(group, tuple(bill.lines), net, tax, bill.amount, bill.makes_invoice, bill.reason)


@dataclass(frozen=True, slots=True)
class Review:
    """All of it. `stays_billed` is what stays paid or owed for days after the end: (service or charge, amount),
    as on the lines (`before_tax`: tax comes on top). `not_reached` are changes of package that are put down for a day
    on which the service has ended: (service, new package, day). `replaced` are unpaid proformas that are withdrawn,
    with what is asked for in their place."""

    customer_id: int
    on: date
    currency: str
    ended: tuple[Ended, ...]
    notes: tuple[Note, ...]
    bills: tuple[Shown, ...]
    credit_in_hand: Money
    stays_billed: tuple[tuple[str, Money], ...] = ()
    refusals: tuple[str, ...] = ()
    credit: bool = False
    before_tax: bool = True
    not_reached: tuple[tuple[str, str, date], ...] = ()
    replaced: tuple[Replaced, ...] = ()

    @property
    def nothing(self) -> Money:
        return Money.zero(self.currency)

    @property
    def credited(self) -> Money:
        """What the credit notes come to, with tax."""
        return sum((note.plan.total for note in self.notes), self.nothing)

    @property
    def prepaid_left(self) -> Money:
        """What of it is the rest of prepayments."""
        return sum((note.plan.total for note in self.notes if note.prepaid), self.nothing)

    @property
    def off_open(self) -> Money:
        """What they take off invoices that are open."""
        return sum((note.plan.off_open for note in self.notes), self.nothing)

    @property
    def to_credit(self) -> Money:
        """What of them becomes the customer's credit."""
        return sum((note.plan.to_credit for note in self.notes), self.nothing)

    @property
    def billed(self) -> Money:
        """What the last bills come to, with tax."""
        return sum((bill.total for bill in self.bills if bill.makes_invoice), self.nothing)

    @property
    def credit_used(self) -> Money:
        """What of the credit in hand, that of the notes included, pays for them."""
        return min(self.billed, self.credit_in_hand + self.to_credit)

    @property
    def still_due(self) -> Money:
        """What is to be paid on the last bills."""
        return self.billed - self.credit_used

    @property
    def asked_anew(self) -> Money:
        """What is asked for in the place of unpaid proformas."""
        return sum((one.total for one in self.replaced if one.total.minor > 0), self.nothing)

    @property
    def credit_left(self) -> Money:
        """What the customer has in hand afterwards."""
        return self.credit_in_hand + self.to_credit - self.credit_used

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over everything that was shown."""
        told = {
            "on": self.on, "credit": self.credit, "in_hand": self.credit_in_hand, "prepaid": self.prepaid_left,
            "ended": [(e.service_id, e.version, e.on, e.is_new, e.billed_until, e.status) for e in self.ended],
            "notes": [(n.group_id, n.plan.total, n.plan.to_credit, _lines_of(n)) for n in self.notes],
            "bills": [
                (b.group, b.total, [(line.description, line.amount, line.period) for line in b.lines])
                for b in self.bills
            ],
            "replaced": [(one.ids, one.total, one.makes.value, one.kept) for one in self.replaced],
            "stays": self.stays_billed, "refusals": self.refusals, "not_reached": self.not_reached,
        }  # fmt: skip
        return hashlib.sha256(json.dumps(told, default=str, sort_keys=True).encode()).hexdigest()


def _lines_of(note: Note) -> list[tuple[Any, ...]]:
    return [(line.input.original_line_id, line.amount, line.input.period) for line in note.worked.lines]
