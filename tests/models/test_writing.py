"""Objects written past the unit of work are what a flush makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from factories import make_customer, make_service
from flask import Flask
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from models import CreditNote, Invoice, Money, Service, db
from models.writing import insert_now, write_now


def note(customer_id: int, app: Flask, **more: Any) -> CreditNote:
    values = {"customer_id": customer_id, "currency": "EUR", "created_at": app.clock(), "total_minor": 120}
    return CreditNote(**values, **more)


def test_what_is_inserted_is_what_a_flush_inserts(app: Flask) -> None:
    customer = make_customer()
    flushed, written = note(customer.id, app), note(customer.id, app)
    db.session.add(flushed)
    db.session.flush()
    insert_now(written)
    assert written in db.session and not db.session.new and not db.session.dirty
    assert (written.id, written.note, written.payer_id, written.total) == (flushed.id + 1, "", None, Money(120, "EUR"))
    db.session.commit()
    one, two = db.session.execute(db.select(Invoice.__table__).order_by(Invoice.id)).mappings()
    assert {**two, "id": one["id"]} == {**one} and one["kind"] == "credit_note"
    assert written.customer is customer


def test_what_cannot_be_inserted_is_not_held(app: Flask) -> None:
    lost = note(make_customer().id, app, open_minor=-1)
    with pytest.raises(IntegrityError):
        insert_now(lost)
    db.session.rollback()
    assert lost not in db.session


def test_only_what_differs_is_written_and_counts_as_one_change(app: Flask) -> None:
    service = make_service(make_customer(), price_minor=3000)
    db.session.commit()
    version, old = service.version, service.price
    write_now(service, {"price_minor": 3000, "description": service.description})
    assert service.version == version
    write_now(service, {"price_minor": 4500, "months": service.months})
    assert not db.session.dirty and (service.price, old) == (Money(4500, "EUR"), Money(3000, "EUR"))
    service.description = "By hand"  # an ordinary flush goes on from there
    db.session.commit()
    assert (service.price_minor, service.description, service.version) == (4500, "By hand", version + 2)


def test_what_somebody_else_wrote_meanwhile_is_not_overwritten(app: Flask) -> None:
    service = make_service(make_customer(), price_minor=3000)
    db.session.commit()
    assert service.price_minor == 3000
    db.session.execute(update(Service.__table__).values(version=Service.version + 1, price_minor=1))
    with pytest.raises(StaleDataError):
        write_now(service, {"price_minor": 4500})
    db.session.refresh(service)
    assert service.price_minor == 1


def test_what_is_taken_back_to_a_savepoint_is_as_it_was(app: Flask) -> None:
    customer = make_customer()
    service = make_service(customer, price_minor=3000)
    db.session.commit()
    version, lost, kept = service.version, note(customer.id, app), note(customer.id, app)
    tried = db.session.begin_nested()
    insert_now(lost)
    write_now(service, {"price_minor": 4500})
    tried.rollback()
    assert lost not in db.session and (service.price_minor, service.version) == (3000, version)
    insert_now(kept)  # SQLite gives it the id that was free again
    db.session.rollback()
    assert kept not in db.session


def test_what_waits_to_be_flushed_is_written_before(app: Flask) -> None:
    service = make_service(make_customer(), price_minor=3000)
    db.session.commit()
    version = service.version
    service.price_minor = 4500
    write_now(service, {"price_minor": 3000})
    db.session.expire_all()
    assert (service.price_minor, service.version) == (3000, version + 2)
