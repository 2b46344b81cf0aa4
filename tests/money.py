"""Short words for tests about money."""

from __future__ import annotations

from datetime import date

from flask import current_app
from sqlalchemy import select

from billing import doctor
from billing.doctor import Scope
from models import Account, LedgerPosting, Money, db

TODAY = date(2026, 11, 22)
ABOUT_MONEY = ("I01", "I02", "I03", "I05", "I06", "I07", "I08", "I09", "I17", "I38")


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def booked(kind: str) -> list[dict[Account, int]]:
    """The postings of a kind, in the order they were written."""
    postings = db.session.scalars(select(LedgerPosting).where(LedgerPosting.kind == kind).order_by(LedgerPosting.id))
    return [{entry.account: entry.amount_minor for entry in posting.entries} for posting in postings]


def well() -> list[str]:
    """What the doctor finds wrong about money."""
    db.session.flush()
    found = doctor.examine(Scope(current_app.clock()))  # type: ignore[attr-defined]
    return [str(finding) for finding in found if finding.code in ABOUT_MONEY or finding.failed]
