"""Changes of package for many services, killed anywhere and gone on: each service is changed once."""

from __future__ import annotations

import signal

from changing import DAY, NOVEMBER, at, findings, priced, renewed, running
from conftest import Clock, empty_all_tables
from factories import make_customer, make_service
from flask import Flask
from forked import Forked
from sqlalchemy import select

from billing import mass_changes
from billing.mass_changes import MassWanted
from models import Invoice, MassChange, MassChangeRow, MassState, PackageChange, Service, db

POINTS = (
    "package_change.document@2", "package_change.done@1", "mass_change.changed@2", "mass_change.kept@1",
    "mass_change.committed@2",
)  # fmt: skip


def fresh(clock: Clock) -> int:
    """Three services of Basic that are to become Plus, looked at and begun."""
    db.session.remove()
    empty_all_tables()
    service = running(clock, bill=False)
    times = {"started_on": NOVEMBER, "billed_from": NOVEMBER, "next_renewal_on": NOVEMBER, "price_minor": 3000}
    ids = [service.id, *(make_service(make_customer(), service.package, **times).id for _ in range(2))]
    db.session.commit()
    renewed(clock, NOVEMBER)
    by = at(clock, DAY)
    mass = mass_changes.begin(ids, MassWanted(priced("Plus", "60").id), by=by)
    mass_changes.look(mass.id, 10, by=by)
    mass_changes.start(mass, seen=3, by=by)
    number = mass.id
    db.session.commit()
    return number


def outcome(clock: Clock) -> list[object]:
    """What it leaves, without ids and moments."""
    db.session.expire_all()
    assert findings(at(clock, DAY)) == []
    found = [
        db.session.execute(select(query).order_by(order)).scalars().all()
        for query, order in (
            (Service.price_minor, Service.id), (Invoice.total_minor, Invoice.number), (Invoice.number, Invoice.number),
            (PackageChange.state, PackageChange.service_id), (MassChangeRow.state, MassChangeRow.service_id),
            (MassChange.state, MassChange.id), (MassChange.done, MassChange.id),
        )
    ]  # fmt: skip
    db.session.rollback()
    return found


def test_killed_anywhere_and_gone_on_is_as_undisturbed(app: Flask, clock: Clock) -> None:
    fresh(clock)
    assert Forked(app, "jobs.mass_changes:run").ended() == 0
    expected = outcome(clock)
    assert expected[0] == [6000] * 3 and expected[5] == [MassState.FINISHED]
    for point in POINTS:
        fresh(clock)
        assert Forked(app, "jobs.mass_changes:run", fault=point).ended() == -signal.SIGKILL
        assert Forked(app, "jobs.mass_changes:run").ended() == 0
        assert outcome(clock) == expected, f"killed at {point}"
