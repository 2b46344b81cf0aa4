"""The daily rates: off unless switched on, added once, tried again after a failure."""

from __future__ import annotations

import pytest
from bankserver import bank
from factories import make_company
from flask import Flask

from billing import settings
from billing.actor import system
from jobs import rates, schedule
from models import Company, FxRate, Run, db


@pytest.fixture
def shop(app: Flask) -> None:
    make_company(timezone="UTC")
    settings.change({"fx_feed": True}, by=system(app.clock(), app.clock().date()))
    db.session.commit()


def test_nothing_is_asked_while_it_is_off(app: Flask):
    make_company()
    db.session.commit()
    with bank() as server:
        app.config["ECB_URL"] = server.url
        assert rates.run() == {} and server.asked == []
    assert schedule.RATES.on(db.session.get(Company, 1)) is False


def test_the_last_days_are_added_once(app: Flask, shop: None):
    with bank() as server:
        app.config["ECB_URL"] = server.url
        assert [rates.run()["rates"] for _ in range(2)] == [3, 0]
    assert {(row.base, row.quote, row.source) for row in db.session.query(FxRate)} == {
        ("EUR", "USD", "European Central Bank"),
        ("EUR", "GBP", "European Central Bank"),
    }


def test_a_failure_is_written_down_in_words(app: Flask, shop: None):
    with bank("error") as server:
        app.config["ECB_URL"] = server.url
        with pytest.raises(rates.NoRates):
            schedule.carry_out(schedule.named("rates"))
    assert "answered with 503" in db.session.query(Run).filter_by(kind="rates").one().error
