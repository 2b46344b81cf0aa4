"""Numbers: gapless per series, a look and a series of their own for each kind of document."""

from __future__ import annotations

from datetime import date

import pytest
from factories import make_company
from flask import Flask
from sqlalchemy import select

from billing import numbering, settings
from billing.actor import Actor
from models import Company, Series, db

DAY = date(2026, 12, 31)


def take(kind: str, on: date = DAY, count: int = 1) -> str:
    seller = make_company() if not db.session.scalar(select(Company)) else db.session.get(Company, 1)
    _series, first = numbering.take(seller, on, count, kind)
    return numbering.written(seller, on, first, kind)


def test_each_kind_counts_for_itself(app: Flask) -> None:
    assert [take(kind) for kind in numbering.KINDS] == ["INV-00001", "CN-00001", "PRO-00001", "Q-00001"]
    assert [take(kind) for kind in ("credit_note", "invoice", "credit_note")] == ["CN-00002", "INV-00002", "CN-00003"]


def test_its_first_number_digits_and_year_are_chosen(app: Flask) -> None:
    make_company(credit_note_prefix="GS", credit_note_first=77, credit_note_digits=3, credit_note_yearly=True)
    assert take("credit_note") == "GS-2026-077"
    assert take("credit_note", date(2027, 1, 1), 5) == "GS-2027-001"
    assert take("credit_note", date(2027, 1, 2)) == "GS-2027-006"
    assert take("credit_note") == "GS-2026-078"


def test_credit_notes_may_continue_the_row_of_invoices(app: Flask, by: Actor) -> None:
    make_company()
    settings.change({"credit_note_prefix": "INV"}, by=by)
    assert [take(kind) for kind in ("invoice", "credit_note", "invoice")] == ["INV-00001", "INV-00002", "INV-00003"]
    assert db.session.scalars(select(Series.last_number)).all() == [3]


@pytest.mark.parametrize("kind", ["proforma", "quote"])
def test_no_other_two_share_a_row(app: Flask, by: Actor, kind: str) -> None:
    make_company()
    for prefix in ("INV", "cn"):
        with pytest.raises(settings.RefusedSettings, match="Another kind"):
            settings.change({f"{kind}_prefix": prefix}, by=by)
    with pytest.raises(settings.RefusedSettings, match="Another kind"):
        settings.change({"credit_note_prefix": "PRO"}, by=by)


def test_a_first_number_is_fixed_once_one_was_given(app: Flask, by: Actor) -> None:
    make_company()
    take("credit_note")
    settings.change({"quote_first": 500}, by=by)
    with pytest.raises(settings.RefusedSettings, match="without a gap"):
        settings.change({"credit_note_first": 500}, by=by)
