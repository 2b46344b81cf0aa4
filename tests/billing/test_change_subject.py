"""What a package change is worked out from is read whole, whoever writes at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from changing import DAY, at, priced, reviewed, running
from conftest import Clock
from factories import add
from flask import Flask
from waiting import until_one_waits

from billing.change_subject import subject
from models import PackageChange, ServiceOption, db


@pytest.mark.database("postgresql")
def test_the_options_of_a_service_that_was_waited_for_are_those_of_now(app: Flask, clock: Clock) -> None:
    service = running(clock, bill=False)
    option = add(ServiceOption(service_id=service.id, name="Static IP", currency="EUR", price_minor=246))
    number = reviewed(service, priced("Plus", "60"), at(clock, DAY))[0].id
    db.session.commit()

    def read() -> tuple[int, int]:
        with app.app_context():
            found = subject(db.session.get_one(PackageChange, number), None, lock=True)
            db.session.rollback()
            return found.before.price.minor, found.before.options[0].price.minor

    service.price_minor, option.price_minor = 4000, 300
    db.session.flush()
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(read)
        until_one_waits()
        db.session.commit()
        assert told.result() == (4000, 300)
