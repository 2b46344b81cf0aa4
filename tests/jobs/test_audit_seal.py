"""Sealing: every event once, in id order, and never past one that may still come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from conftest import Backend
from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, insert, select

from billing import audit_seal
from jobs.audit_seal import LEASE, seal_audit
from jobs.lease import held
from models import AuditEvent, db

EVENT = AuditEvent.__table__


def write(connection: Connection, app: Flask, verb: str = "customer.changed") -> int:
    values = {"at": app.clock(), "verb": verb, "actor": "Ada", "address": "", "object_type": "customer"}
    written = insert(EVENT).values(**values, object_label="Ünï“", after={"name": "Ünï", "b": [1, None]})
    return int(connection.execute(written).inserted_primary_key[0])


def write_events(app: Flask, count: int) -> None:
    for _ in range(count):
        write(db.session.connection(), app)
    db.session.commit()


def seals() -> list[str | None]:
    found = list(db.session.scalars(select(EVENT.c.seal).order_by(EVENT.c.id)))
    db.session.rollback()
    return found


def broken() -> list[int]:
    found = [number for number, _ in audit_seal.broken(1000)]
    db.session.rollback()
    return found


@contextmanager
def somebody_else(backend: Backend) -> Iterator[Engine]:
    engine = create_engine(backend.url)
    try:
        yield engine
    finally:
        engine.dispose()


def test_every_event_is_sealed_once(app: Flask) -> None:
    write_events(app, 3)
    assert seal_audit() == 3
    first = seals()
    assert len({seal for seal in first if seal}) == 3 and all(len(seal or "") == 64 for seal in first)
    assert seal_audit() == 0
    write_events(app, 2)
    assert seal_audit() == 2
    assert seals()[:3] == first
    assert broken() == []


def test_batches_make_one_chain(app: Flask) -> None:
    write_events(app, 7)
    end, sizes = audit_seal.newest(), []
    while batch := audit_seal.seal_next(end, audit_seal.horizon(), 3):
        end = batch[-1]
        sizes.append(len(batch))
    db.session.commit()
    assert (sizes, broken()) == ([3, 3, 1], [])


def test_a_seal_depends_on_all_before_it(app: Flask) -> None:
    event = (1, app.clock(), "customer.changed")
    assert audit_seal.seal_of("", event) != audit_seal.seal_of("a", event)
    assert audit_seal.seal_of("", event) != audit_seal.seal_of("", (2, *event[1:]))


def test_two_do_not_seal_at_once(app: Flask) -> None:
    write_events(app, 2)
    with held(LEASE):
        assert seal_audit() == 0
    assert seal_audit() == 2


def test_an_event_with_a_lower_id_that_comes_later_is_sealed_in_its_place(app: Flask, backend: Backend) -> None:
    """PostgreSQL gives out ids before the commit. SQLite has one writer: there, the later one waits for the first."""
    if backend.name == "sqlite":
        write_events(app, 2)
        assert (audit_seal.under_way(), seal_audit()) == (frozenset(), 2)
        return
    with somebody_else(backend) as engine, engine.connect() as slow:
        early = write(slow, app, "slow")
        late = write(db.session.connection(), app, "quick")
        db.session.commit()
        assert early < late
        assert seal_audit(patience=0) == 0
        slow.commit()
        assert seal_audit(patience=0) == 2
    assert (broken(), None in seals()) == ([], False)


def test_it_waits_for_writers_but_not_for_those_that_come_later(app: Flask, backend: Backend) -> None:
    if backend.name == "sqlite":
        write_events(app, 1)
        assert seal_audit() == 1
        return
    with somebody_else(backend) as engine, engine.connect() as slow, engine.connect() as later:
        write(slow, app, "slow")
        write_events(app, 1)

        def end() -> None:
            write(later, app, "later")
            slow.commit()

        ending = threading.Timer(0.3, end)
        ending.start()
        sealed = seal_audit(patience=20)
        ending.join()
        assert sealed == 2
        later.commit()
        assert seal_audit() == 1
    assert broken() == []


def test_an_event_that_was_rolled_back_leaves_no_gap_in_the_chain(app: Flask) -> None:
    write_events(app, 1)
    write(db.session.connection(), app)
    db.session.rollback()
    write_events(app, 1)
    assert seal_audit() == 2
    assert broken() == []


@pytest.mark.parametrize("change", [{"actor": "Bob"}, {"after": {"name": "Other"}}, {"object_label": ""}])
def test_what_was_changed_later_shows(app: Flask, change: dict[str, Any]) -> None:
    write_events(app, 3)
    seal_audit()
    second = db.session.scalars(select(EVENT.c.id).order_by(EVENT.c.id)).all()[1]
    db.session.execute(EVENT.update().where(EVENT.c.id == second).values(change))
    db.session.commit()
    assert broken() == [second]
