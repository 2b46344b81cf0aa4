"""The same change of package for many services: looked at, carried out as looked at, one by one, and started again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from changing import DAY, DECEMBER, NOVEMBER, at, findings, priced, renewed, running
from conftest import Clock
from factories import make_customer
from flask import Flask
from money import eur
from sqlalchemy import select

from billing import mass_changes, mass_overview, mass_undo, payments, services
from billing.actor import Actor
from billing.change_figures import Outcome
from billing.mass_changes import InvalidMassChange, MassWanted, NotAsShown
from jobs import mass_changes as job
from models import (
    ChangeWhen,
    Invoice,
    MassChange,
    MassChangeRow,
    MassRowState,
    MassState,
    PackageChange,
    Service,
    db,
)


@pytest.fixture
def three(app: Flask, clock: Clock) -> list[Service]:
    """Three customers with a service of the same package at 30 euro, one of them ended by now."""
    first = running(clock, bill=False)
    others = []
    for name in ("Bea", "Carl"):
        service = running(clock, customer=make_customer(name=name), package_name=f"For {name}", bill=False)
        service.package_id = first.package_id
        others.append(service)
    db.session.commit()
    renewed(clock, NOVEMBER)
    services.cancel(db.session.get_one(Service, others[1].id), DAY, "", by=at(clock, DAY))
    db.session.commit()
    return [first, *others]


def ready(ids: list[int], wanted: MassWanted, by: Actor) -> MassChange:
    mass = mass_changes.begin(ids, wanted, by=by)
    db.session.commit()
    while mass_changes.look(mass.id, 2, by=by) == 2:
        db.session.commit()
    db.session.commit()
    return mass


def states(mass: MassChange) -> list[MassRowState]:
    mine = select(MassChangeRow.state).where(MassChangeRow.mass_change_id == mass.id).order_by(MassChangeRow.service_id)
    return list(db.session.scalars(mine))


def test_looking_says_what_it_does_to_each_and_keeps_nothing_else(three: list[Service], clock: Clock) -> None:
    plus, by = priced("Plus", "60"), at(clock, DAY)
    mass = ready([one.id for one in three], MassWanted(plus.id), by)
    assert mass.state is MassState.READY and (mass.total, mass.to_do) == (3, 2)
    assert states(mass) == [MassRowState.CAN, MassRowState.CAN, MassRowState.CANNOT]
    told = mass_overview.overview(mass)
    assert told.made == [(Outcome.INVOICE, 2, eur("36.90"))] and told.customers == 2
    assert (told.before, told.after) == ({"EUR": eur("60")}, {"EUR": eur("120")})
    assert "has ended" in mass_overview.rows(mass, [MassRowState.CANNOT])[0].reason
    assert not db.session.query(PackageChange).count() and db.session.query(Invoice).count() == 3


def test_it_is_carried_out_as_it_was_shown_and_leaves_what_changed_since(three: list[Service], clock: Clock) -> None:
    plus, by = priced("Plus", "60"), at(clock, DAY)
    mass = ready([one.id for one in three], MassWanted(plus.id), by)
    with pytest.raises(NotAsShown):
        mass_changes.start(mass, seen=3, by=by)
    mass_changes.start(mass, seen=2, by=by)
    three[1].price_minor = 3500
    db.session.commit()
    number, ids = mass.id, [one.id for one in three[:2]]
    job.run()
    mass = db.session.get_one(MassChange, number)
    assert mass.state is MassState.FINISHED and mass.done == 2
    assert states(mass) == [MassRowState.DONE, MassRowState.REFUSED, MassRowState.CANNOT]
    assert [db.session.get_one(Service, one).package.name for one in ids] == ["Plus", "Basic"]
    change = db.session.scalars(select(PackageChange)).one()
    assert change.invoice is not None and change.invoice.total == eur("18.45") and change.decided_by == by.name
    assert "not as it was" in mass_overview.rows(mass, [MassRowState.REFUSED])[0].reason
    assert findings(by) == []
    rest = mass_changes.again(mass, by=by)
    assert rest.total == 1 and mass_changes.rest_count(mass) == 0
    with pytest.raises(InvalidMassChange):
        mass_changes.again(mass, by=by)


def test_a_whole_run_is_taken_back_where_each_can_be(three: list[Service], clock: Clock) -> None:
    plus, by = priced("Plus", "60"), at(clock, DAY)
    mass = ready([one.id for one in three], MassWanted(plus.id), by)
    with pytest.raises(InvalidMassChange):
        mass_undo.start(mass, seen=0, by=by)
    mass_changes.start(mass, seen=2, by=by)
    db.session.commit()
    number, ids = mass.id, [one.id for one in three[:2]]
    job.run()
    mass, services_ = db.session.get_one(MassChange, number), [db.session.get_one(Service, one) for one in ids]
    assert mass_undo.possible(mass) == 2 and {one.package.name for one in services_} == {"Plus"}
    paid = db.session.scalars(select(PackageChange.invoice_id).where(PackageChange.service_id == ids[1])).one()
    invoice = db.session.get_one(Invoice, paid)
    payments.record(invoice.customer, invoice.total, received_on=by.today, method="Cash", invoices=[invoice], by=by)
    with pytest.raises(NotAsShown):
        mass_undo.start(mass, seen=1, by=by)
    mass_undo.start(mass, seen=2, by=replace(by, name="Olga"))
    db.session.commit()
    assert mass_undo.progress(mass) == (0, 2)
    job.run()
    mass = db.session.get_one(MassChange, number)
    assert (mass.state, mass.undo_by, mass.done) == (MassState.UNDONE, "Olga", 2)
    assert states(mass) == [MassRowState.UNDONE, MassRowState.KEPT, MassRowState.CANNOT]
    assert "is paid" in mass_overview.rows(mass, [MassRowState.KEPT])[0].reason
    assert [db.session.get_one(Service, one).package.name for one in ids] == ["Basic", "Plus"]
    assert mass_undo.possible(mass) == 0 and findings(by) == []


def test_it_is_stopped_and_called_off(three: list[Service], clock: Clock) -> None:
    plus, by = priced("Plus", "60"), at(clock, DAY)
    ids = [one.id for one in three]
    mass = ready(ids, MassWanted(plus.id, when=ChangeWhen.RENEWAL), by)
    assert {one.outcome for one in mass_overview.rows(mass, [MassRowState.CAN])} == {"scheduled"}
    mass_changes.discard(mass, by=by)
    with pytest.raises(InvalidMassChange):
        mass_changes.start(mass, seen=2, by=by)
    second = ready(ids, MassWanted(plus.id, when=ChangeWhen.ON, on=DECEMBER), by)
    mass_changes.start(second, seen=2, by=by)
    assert mass_changes.do_next(second.id, by=by)
    db.session.commit()
    assert mass_changes.stop(second, by=by) and not mass_changes.stop(second, by=by)
    with pytest.raises(mass_changes.Stopped):
        mass_changes.do_next(second.id, by=by)
    assert states(second) == [MassRowState.DONE, MassRowState.CAN, MassRowState.CANNOT]
    assert mass_changes.rest_count(second) == 1


def test_credit_notes_for_many_need_the_right_of_who_looks_and_who_starts(three: list[Service], clock: Clock) -> None:
    mini, by = priced("Mini", "10"), at(clock, DAY)
    little, ids = replace(by, permissions=frozenset({"services.edit"})), [one.id for one in three]
    assert states(ready(ids, MassWanted(mini.id), little)) == [MassRowState.CANNOT] * 3
    for wanted in (MassWanted(mini.id), MassWanted(mini.id, when=ChangeWhen.ON, on=date(2026, 11, 20))):
        mass = ready(ids, wanted, by)
        with pytest.raises(InvalidMassChange, match="does not allow credit notes"):
            mass_changes.start(mass, seen=2, by=little)
        assert mass.state is MassState.READY


def test_taking_many_back_needs_the_right_to_void_what_they_made(three: list[Service], clock: Clock) -> None:
    plus, by = priced("Plus", "60"), at(clock, DAY)
    mass = ready([three[0].id], MassWanted(plus.id), by)
    mass_changes.start(mass, seen=1, by=by)
    while mass_changes.do_next(mass.id, by=by):
        db.session.commit()
    little = replace(by, permissions=frozenset({"services.edit"}))
    with pytest.raises(InvalidMassChange, match="does not allow voiding"):
        mass_undo.start(mass, seen=1, by=little)
    assert mass_undo.why_not(mass, by=by) == "" and mass.state is MassState.FINISHED


def test_what_cannot_be_asked_for_is_said(three: list[Service], clock: Clock) -> None:
    plus, by = priced("Plus", "60"), at(clock, DAY)
    for ids, wanted, words in (
        ([], MassWanted(plus.id), "no service left"),
        ([three[0].id], MassWanted(0), "is sold"),
        ([three[0].id], MassWanted(plus.id, when=ChangeWhen.ON), "the day it begins"),
    ):
        with pytest.raises(InvalidMassChange, match=words):
            mass_changes.begin(ids, wanted, by=by)


def test_the_doctor_finds_what_cannot_be(three: list[Service], clock: Clock) -> None:
    plus, by = priced("Plus", "60"), at(clock, DAY)
    mass = ready([one.id for one in three], MassWanted(plus.id), by)
    mass_changes.start(mass, seen=2, by=by)
    while mass_changes.do_next(mass.id, by=by):
        db.session.commit()
    assert findings(by) == []
    rows = mass_overview.rows(mass, [MassRowState.DONE])
    rows[0].package_change_id, mass.done = rows[1].package_change_id, 1
    found = findings(by)
    assert len(found) == 2 and all(one.startswith("I101") for one in found), found
    rows[0].state, rows[0].package_change_id = MassRowState.CAN, None
    assert len(found := findings(by)) == 1 and "finished without a result for each service" in found[0]
