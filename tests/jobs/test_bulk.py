"""Actions on many customers carried out by the scheduler: killed anywhere and gone on, rights looked at again."""

from __future__ import annotations

import signal

import pytest
from factories import make_company, make_customer
from flask import Flask
from forked import Forked
from signing_in import make_staff
from sqlalchemy import select

from billing import bulk
from billing.actor import Actor, NotAllowed
from jobs import bulk as job
from jobs import schedule
from models import AuditEvent, BulkAction, BulkPart, BulkRow, Customer, RunState, Staff, Tag, customer_tag, db

PEOPLE = 23


def start(app: Flask, fault: str = "") -> Forked:
    return Forked(app, "jobs.bulk:run", fault=fault)


def fresh(app: Flask, kind: str, params: dict, monkeypatch: pytest.MonkeyPatch) -> int:
    """An action on everybody, in parts of five, asked for by a member of the staff."""
    from conftest import empty_all_tables

    db.session.remove()
    empty_all_tables()
    make_company()
    db.session.add(Tag(id=77, name="Autumn"))
    person = make_staff("billing")
    db.session.query(AuditEvent).delete()
    for i in range(PEOPLE):
        make_customer(id=i + 1, name=f"C{i}", email=f"c{i}@mail.example", status="disabled" if i % 7 == 0 else "active")
    monkeypatch.setattr(bulk, "CHUNK", 5)
    at = app.clock()  # type: ignore[attr-defined]
    by = Actor(person.name, at, at.date(), frozenset({"customers.edit"}), person.id, address="192.0.2.7")
    action = bulk.ask(kind, params, range(1, PEOPLE + 1), by=by)
    action_id = action.id
    db.session.commit()
    return action_id


def outcome() -> list[object]:
    """Everything an action leaves, without the ids of rows that carry no meaning."""
    db.session.expire_all()
    out = [
        db.session.execute(
            select(Customer.id, Customer.status, Customer.country, Customer.version).order_by(Customer.id)
        ),
        db.session.execute(select(customer_tag.c.customer_id).order_by(customer_tag.c.customer_id)),
        db.session.execute(
            select(BulkRow.customer_id, BulkRow.state, BulkRow.reason, BulkRow.before, BulkRow.after)
            .order_by(BulkRow.customer_id)
        ),
        db.session.execute(
            select(AuditEvent.customer_id, AuditEvent.verb, AuditEvent.actor, AuditEvent.address, AuditEvent.before)
            .order_by(AuditEvent.customer_id, AuditEvent.verb)
        ),
        db.session.execute(select(BulkAction.state, BulkAction.done, BulkAction.total, BulkAction.counts)),
        db.session.execute(select(BulkPart.number, BulkPart.done).order_by(BulkPart.number)),
    ]  # fmt: skip
    found = [[tuple(row) for row in rows] for rows in out]
    db.session.rollback()
    return found


POINTS = ["bulk.changed@1", "bulk.kept@3", "bulk.committed@5"]
CASES = [("disable", {}), ("tag", {"way": "add", "tags": ["Autumn"]})]


@pytest.mark.parametrize(("kind", "params"), CASES)
def test_killed_anywhere_and_gone_on_is_as_undisturbed(app: Flask, kind, params, monkeypatch) -> None:
    fresh(app, kind, params, monkeypatch)
    job.run()
    expected = outcome()
    assert expected[4] == [(RunState.FINISHED, PEOPLE, PEOPLE, expected[4][0][3])]
    for point in POINTS if kind == "disable" else POINTS[1:2]:
        fresh(app, kind, params, monkeypatch)
        assert start(app, point).ended() == -signal.SIGKILL
        assert db.session.scalar(select(BulkAction.state)) == RunState.RUNNING
        db.session.rollback()
        assert start(app).ended() == 0
        assert outcome() == expected, f"killed at {point}"


def test_three_at_once_do_the_work_once(app: Flask, monkeypatch) -> None:
    fresh(app, "disable", {}, monkeypatch)
    job.run()
    expected = outcome()
    fresh(app, "disable", {}, monkeypatch)
    assert [process.ended() for process in [start(app) for _ in range(3)]] == [0, 0, 0]
    job.run()
    assert outcome() == expected


def test_an_action_that_kills_the_process_again_and_again_is_left_to_a_person(app: Flask, monkeypatch) -> None:
    fresh(app, "disable", {}, monkeypatch)
    for _ in range(3):
        assert start(app, "bulk.changed@1").ended() == -signal.SIGKILL
    job.run()
    action = db.session.scalars(select(BulkAction)).one()
    assert (action.state, action.done) == (RunState.FAILED, 0)
    assert "three times" in action.error
    assert bulk.rest_count(action) == PEOPLE


def test_rights_that_were_taken_away_meanwhile_end_it(app: Flask, monkeypatch) -> None:
    action_id = fresh(app, "disable", {}, monkeypatch)
    db.session.query(Staff).update({"active": False})
    db.session.commit()
    job.run()
    action = db.session.get_one(BulkAction, action_id)
    assert (action.state, action.done) == (RunState.FAILED, 0)
    assert "role does not allow" in action.error
    assert db.session.query(Customer).filter_by(status="active").count() > 0


def test_who_may_not_do_it_any_more_may_not_take_it_back_either(app: Flask, by: Actor) -> None:
    make_company()
    action = bulk.ask("archive", {}, [make_customer().id], by=by)
    bulk.do_now(action, by=by)
    back = bulk.undo(action, by=by)
    seller = make_staff("sales")
    back.staff_id, back_id = seller.id, back.id
    db.session.commit()
    seller_now = bulk.actor_of(back, by.at, by.today)
    for refused in (lambda: bulk.stop(back, by=seller_now), lambda: bulk.ask("undo", back.params, [1], by=seller_now)):
        with pytest.raises(NotAllowed):
            refused()
    job.run()
    back = db.session.get_one(BulkAction, back_id)
    assert (back.state, back.done) == (RunState.FAILED, 0) and "role does not allow" in back.error


def test_several_that_wait_are_done_in_the_order_they_were_asked(app: Flask, by: Actor, monkeypatch) -> None:
    fresh(app, "disable", {}, monkeypatch)
    bulk.ask("enable", {}, range(1, 4), by=by)
    db.session.commit()
    schedule.look(schedule.named("bulk"))
    states = db.session.scalars(select(BulkAction.state).order_by(BulkAction.id)).all()
    assert states == [RunState.FINISHED, RunState.FINISHED]
    assert db.session.query(Customer).filter_by(status="active").count() == 3


def test_a_concurrent_edit_between_two_parts_is_kept_by_undo(app: Flask, by: Actor, monkeypatch) -> None:
    action_id = fresh(app, "tag", {"way": "add", "tags": ["Autumn"]}, monkeypatch)
    job.run()
    back = bulk.undo(db.session.get_one(BulkAction, action_id), by=by)
    back_id = back.id
    bulk.begin(back, at=by.at)
    bulk.do_part(back_id, by=by)
    db.session.commit()
    tag = db.session.scalars(select(Tag)).one()
    customer = db.session.get_one(Customer, PEOPLE)
    customer.tags.remove(tag)
    db.session.commit()
    job.run()
    last = db.session.scalars(select(BulkRow).where(BulkRow.action_id == back_id, BulkRow.customer_id == PEOPLE)).one()
    assert (last.state, last.reason) == ("unchanged", "Changed again since, and left as it is: the tags.")
    assert db.session.execute(select(customer_tag)).all() == []
