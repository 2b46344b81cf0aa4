"""Texts are folded alike in Python and in both databases: a word typed without accents finds what has them."""

from __future__ import annotations

from datetime import date

from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from sqlalchemy import text

from models import Customer, db
from models.fold import LONGER, fold, letters

known = st.sampled_from(sorted({*letters(), *LONGER, *"aZ -1ñ", "日"}))


def test_accents_and_capitals_do_not_matter():
    assert fold("Jörg MÜLLER") == "jorg muller" and fold("Łódź Ærø Straße Đặng") == "lodz aero strasse dang"
    assert fold("Ελλάς Ξένος") == fold("ελλασ ξενοσ") and fold("Артём") == "артем" and fold(None) == ""


@how(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(known, min_size=1, max_size=60))
def test_the_database_folds_as_python_does(app, name):
    db.session.add(Customer(name=name, email="", currency="EUR", country="IE", registered_on=date(2026, 1, 1)))
    db.session.flush()
    stored = db.session.execute(text("SELECT text_search FROM customer")).scalar_one()
    db.session.rollback()
    assert stored.strip() == fold(name).strip()
