"""Changes of package that jobs carry out: on their day, in order, once, whatever happens."""

from __future__ import annotations

from datetime import date

from changing import DAY, DECEMBER, at, changed, documents, findings, priced, renewed, running
from conftest import Clock
from flask import Flask
from money import eur

from jobs import package_changes
from models import ChangeState, ChangeWhen, db


def test_a_change_with_the_renewal_is_what_the_renewal_bills(app: Flask, clock: Clock) -> None:
    service = running(clock)
    change = changed(service, priced("Mini", "10"), at(clock, DAY), when=ChangeWhen.RENEWAL)
    assert (change.state, change.on) == (ChangeState.SCHEDULED, DECEMBER)
    renewed(clock, DECEMBER)
    assert (change.state, service.package.name) == (ChangeState.DONE, "Mini")
    assert documents(service)[-1].net == eur("10") and len(documents(service)) == 2
    assert findings(at(clock, DECEMBER)) == []


def test_a_change_on_a_day_is_done_by_the_job_and_dated_that_day(app: Flask, clock: Clock) -> None:
    service = running(clock)
    change = changed(service, priced("Plus", "60"), at(clock, date(2026, 11, 10)), when=ChangeWhen.ON, on=DAY)
    clock.set(date(2026, 11, 15))
    assert package_changes.run()["done"] == 0 and change.state is ChangeState.SCHEDULED
    clock.set(date(2026, 11, 18))
    assert package_changes.run() == {"done": 1, "failed": 0, "withdrawn": 0, "drafts": 0}
    db.session.expire_all()
    assert (change.state, change.invoice.issued_on, change.invoice.net) == (ChangeState.DONE, DAY, eur("15"))
    assert findings(at(clock, date(2026, 11, 18))) == []
