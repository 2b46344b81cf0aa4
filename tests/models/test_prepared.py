"""Prepared statements say what SQLAlchemy would say, and are planned once."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest
from factories import make_customer, make_invoice
from flask import Flask
from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from statements import spoken

from models import Customer, CustomerStatus, Invoice, InvoiceState, TaxRate, db
from models.bulk import add_to_rows, insert_rows, update_rows
from models.prepared import among_given, prepared


@prepared
def named() -> object:
    return select(Customer.id, Customer.name, Customer.status).where(
        among_given(Customer.id, "ids"), Customer.status == CustomerStatus.ACTIVE, Customer.name != "50 % of 'it'"
    )


@prepared
def rated() -> object:
    rates = TaxRate.__table__
    values = {name: bindparam(name) for name in ("country", "category", "name", "rate", "source", "valid_from")}
    return insert(rates).values(**values).returning(rates.c.rate, rates.c.valid_from)


@prepared
def renamed() -> object:
    return update(Customer.__table__).where(Customer.id == bindparam("its_id")).values(name=bindparam("new"))


@prepared
def due() -> object:
    return select(Invoice.id).where(Invoice.state == InvoiceState.ISSUED, Invoice.id == bindparam("its_id")).limit(1)


def test_values_go_in_and_come_out_through_the_types_of_their_columns(app: Flask) -> None:
    given = {"country": "CH", "category": "S", "name": "", "source": "", "rate": Decimal("8.1")}
    (row,) = rated(**given, valid_from=date(2026, 1, 1))
    assert (row.rate, row.valid_from) == (Decimal("8.1"), date(2026, 1, 1))
    ann, bob, _other = make_customer(name="Ann"), make_customer(name="50 % of 'it'"), make_customer(name="Cid")
    ann.name = "Anna"  # is written before anything is asked
    assert [tuple(one) for one in named(ids={ann.id, bob.id})] == [(ann.id, "Anna", CustomerStatus.ACTIVE)]
    assert named(ids=[]) == []


def test_what_returns_no_rows_is_done(app: Flask) -> None:
    ann = make_customer(name="Ann")
    assert renamed(its_id=ann.id, new="Zoe") == []
    db.session.refresh(ann)
    assert ann.name == "Zoe"


def test_a_failure_is_the_one_of_sqlalchemy(app: Flask) -> None:
    ann = make_customer(name="Ann")
    with pytest.raises(IntegrityError):
        renamed(its_id=ann.id, new=None)
    db.session.rollback()


@pytest.mark.database("postgresql")
def test_a_connection_that_is_lost_is_not_asked_again(app: Flask) -> None:
    ann = make_customer(name="Ann")
    db.session.commit()
    process = db.session.scalar(select(func.pg_backend_pid()))
    with db.engine.connect() as other:
        other.execute(select(func.pg_terminate_backend(process)))
    with pytest.raises(OperationalError) as lost:
        named(ids=[ann.id])
    assert lost.value.connection_invalidated
    db.session.rollback()
    assert [row.name for row in named(ids=[ann.id])] == ["Ann"]


@pytest.mark.database("sqlite")
def test_sqlite_plans_it_once_although_an_index_of_a_part_asks_for_the_same_column(app: Flask) -> None:
    invoice = make_invoice(make_customer())
    for _time in range(3):
        due(its_id=invoice.id)
    driver = db.session.connection().connection.driver_connection
    told = driver.execute("SELECT reprep, run FROM sqlite_stmt WHERE sql LIKE 'SELECT invoice.id%state%LIMIT%'")
    assert told.fetchall() == [(0, 3)]


def test_what_goes_past_sqlalchemy_is_told_once_to_those_who_listen(app: Flask) -> None:
    ann, rates = make_customer(name="Ann"), TaxRate.__table__
    columns = ("country", "category", "name", "rate", "source", "valid_from")
    with spoken() as said:
        renamed(its_id=ann.id, new="Zoe")
        insert_rows(db.session, rates, columns, [("CH", "S", "", Decimal(8), "", date(2026, 1, n)) for n in (1, 2)])
        update_rows(db.session, Customer.__table__, ("name",), [("Ann", ann.id)])
        add_to_rows(db.session, Customer.__table__, ("balance_minor",), [(1, ann.id)])
    tables = [re.search(r'(?:UPDATE|INSERT INTO|COPY) "?(\w+)', one)[1] for one in said]
    assert tables == ["customer", "tax_rate", "customer", "customer"]
