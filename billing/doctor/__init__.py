"""The doctor: asks the database whether what we promise holds, and changes nothing.

Each check is one of the invariants, told by its number (I01 …). The caller opens the transaction: one that only
reads and sees one state of everything, or a write in between would look like a fault.
"""

from __future__ import annotations

from models import db

from . import (
    accounts,
    around,
    bank,
    belongings,
    bulk,
    cards,
    catalogue,
    credit_notes,
    credits,
    currencies,
    discounts,
    documents,
    dunning,
    leaving,
    mass_changes,
    messages,
    money,
    orders,
    package_changes,
    people,
    periods,
    quotes,
    refunds,
    runs,
    services,
    templates,
    webhooks,
)
from .checks import Check, Finding, Sample, Scope

__all__ = ["CHECKS", "Check", "Finding", "Sample", "Scope", "examine"]

CHECKS: tuple[Check, ...] = tuple(
    sorted(
        (
            *money.CHECKS,
            *refunds.CHECKS,
            *documents.CHECKS,
            *credit_notes.CHECKS,
            *periods.CHECKS,
            *package_changes.CHECKS,
            *runs.CHECKS,
            *services.CHECKS,
            *people.CHECKS,
            *accounts.CHECKS,
            *around.CHECKS,
            *messages.CHECKS,
            *bulk.CHECKS,
            *mass_changes.CHECKS,
            *credits.CHECKS,
            *belongings.CHECKS,
            *currencies.CHECKS,
            *catalogue.CHECKS,
            *bank.CHECKS,
            *discounts.CHECKS,
            *quotes.CHECKS,
            *orders.CHECKS,
            *templates.CHECKS,
            *webhooks.CHECKS,
            *leaving.CHECKS,
            *dunning.CHECKS,
            *cards.CHECKS,
        ),
        key=lambda check: check.code,
    )
)


def examine(scope: Scope) -> list[Finding]:
    """What does not hold, in the order of the invariants; empty when all is well. Reads only.

    A check that breaks is a finding itself (`failed`); the others go on, then each asked for itself.
    """
    try:
        with db.session.begin_nested():
            return [finding for check in CHECKS if (finding := check.answer(scope))]
    except Exception:
        return [finding for check in CHECKS if (finding := check.ask(scope))]
