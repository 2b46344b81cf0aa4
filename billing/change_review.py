"""The review of a package change: both sides, the sums with all their parts, and what carrying it out would make.

It is worked out by change_reviewing, and carried out by package_changes: what a person looked at is what is made, to
the cent.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from models import Direction, LineKind, Money

from . import change_terms
from .change_figures import Figures, Outcome
from .change_proformas import Replaced
from .change_terms import Terms
from .credit_parts import NotePlan
from .document_lines import WorkedLine, line_values
from .tax import DocumentTotals
from .unused import Unused


@dataclass(frozen=True)
class Review:
    """What a change does. Amounts of lines have the signs of an invoice: what is taken back is below zero.

    `on` is the first day of the new package, `begins` the first it is charged for: that day, or the one since when the
    service is away, whose days are not used up. `days_left` of `days` the part of the billing period that is left
    then; both are 0 where nothing is billed yet. `outcome` says what carrying it out makes now; one that is SCHEDULED
    or WAITING makes `makes`, and figures of a later day are those of today's prices. `plan` says where a credit note's
    total goes; `replaces` which unpaid proformas are withdrawn, and what takes their place, if anything does: `outcome`
    is that of both then. `reasons` are sentences about what is not as it was asked for; `refusals` say why it cannot be
    carried out, and then figures may be missing.
    """

    change_id: int
    service_id: int
    service_version: int
    on: date
    before: Terms
    currency: str
    credit_in_hand: Money
    outcome: Outcome = Outcome.RECORD
    makes: Outcome = Outcome.RECORD
    after: Terms | None = None
    figures: Figures | None = None
    direction: Direction | None = None
    days_left: int = 0
    days: int = 0
    new_period: bool = False
    begins: date | None = None
    next_on: date | None = None
    next_amount: Money | None = None
    plan: NotePlan | None = None
    back: tuple[Unused, ...] = ()
    replaces: Replaced | None = None
    reasons: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[WorkedLine, ...]:
        return self.figures.lines if self.figures else ()

    @property
    def credit_half(self) -> Money:
        """What is taken back of what was charged, as it stands on the lines (without tax where prices are)."""
        return self._sum(LineKind.UNUSED)

    @property
    def charge_half(self) -> Money:
        """What the new package and its options cost for the days left."""
        return self._sum(LineKind.SERVICE, LineKind.OPTION)

    @property
    def setup_fee(self) -> Money:
        return self._sum(LineKind.SETUP)

    @property
    def totals(self) -> DocumentTotals | None:
        """Net, tax at each rate, and gross, with the signs of an invoice."""
        return self.figures.worked.totals if self.figures else None

    @property
    def total(self) -> Money:
        return self.figures.total if self.figures else Money.zero(self.currency)

    @property
    def written(self) -> Money:
        """The total of the document that is made, which is not only of this change where it replaces others."""
        return self.replaces.total if self.replaces else self.total

    @property
    def due_today(self) -> Money:
        """What the invoice asks for; nothing where the customer gets something back, or where it is for later."""
        asks = self.outcome in (Outcome.INVOICE, Outcome.WAITING)
        return self.written if asks and self.written.minor > 0 else Money.zero(self.currency)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of all that is shown; another one means that something has changed since."""
        told = json.dumps(_told(self), sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(told.encode()).hexdigest()

    def _sum(self, *kinds: LineKind) -> Money:
        return self.figures.sum_of(*kinds) if self.figures else Money.zero(self.currency)


def sums(shown: Review) -> dict[str, Any]:
    """What a change keeps of its review, as JSON can hold it: the figures in minor units, days as ISO text."""
    worked = shown.totals
    return {
        "on": shown.on.isoformat(),
        "begins": shown.begins.isoformat() if shown.begins else None,
        "days_left": shown.days_left,
        "days": shown.days,
        "currency": shown.currency,
        "outcome": shown.outcome.value,
        "makes": shown.makes.value,
        "direction": shown.direction.value if shown.direction else None,
        "credit_minor": shown.credit_half.minor,
        "charge_minor": shown.charge_half.minor,
        "setup_minor": shown.setup_fee.minor,
        "net_minor": worked.net.minor if worked else 0,
        "tax_minor": worked.tax.minor if worked else 0,
        "total_minor": shown.total.minor,
        "next_on": shown.next_on.isoformat() if shown.next_on else None,
        "next_minor": shown.next_amount.minor if shown.next_amount else None,
    }


def _told(shown: Review) -> list[Any]:
    taxes = shown.totals.subtotals if shown.totals else ()
    plan = shown.plan
    return [
        shown.change_id,
        shown.service_version,
        sums(shown),
        change_terms.plain(shown.before),
        change_terms.plain(shown.after) if shown.after else None,
        [line_values(line) for line in shown.lines],
        [(tax.category, tax.rate, tax.taxable.minor, tax.tax.minor) for tax in taxes],
        [(part.invoice_id, part.amount.minor, part.off_open.minor) for part in plan.parts] if plan else None,
        (shown.replaces.ids, shown.replaces.total.minor) if shown.replaces else None,
        shown.credit_in_hand.minor,
        shown.reasons,
        shown.refusals,
    ]
