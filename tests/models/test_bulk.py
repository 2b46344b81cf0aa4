"""Bulk writes say exactly what the ORM would say, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from factories import make_customer
from flask import Flask

from models import AuditEvent, Customer, Message, TaxRate, db
from models.bulk import add_to_rows, insert_rows, insert_told, locks_rows, reserve_ids, standstill, update_rows


def test_rows_come_back_as_they_were_given(app: Flask) -> None:
    moment = datetime(2026, 11, 22, 9, 30, 1, 5, tzinfo=UTC)
    table = AuditEvent.__table__
    ids = reserve_ids(db.session, table, 2)
    columns = ("id", "at", "verb", "actor", "address", "object_type", "object_label", "after")
    rows = [(n, moment, "x.done", "Ann", "", "thing", 'tab\t"quote" \\n', {"a": 1}) for n in ids]
    insert_rows(db.session, table, columns, rows)
    db.session.commit()
    event = db.session.get(AuditEvent, ids[0])
    assert (event.at, event.object_label, event.after, event.seal) == (moment, 'tab\t"quote" \\n', {"a": 1}, None)
    assert db.session.get(AuditEvent, ids[1]).before is None


def test_reserved_ids_and_drawn_ids_do_not_meet(app: Flask) -> None:
    ids = reserve_ids(db.session, Message.__table__, 3)
    columns = ("id", "kind", "subject", "body", "essential", "created_at", "created_by")
    insert_rows(db.session, Message.__table__, columns, [(n, "a", "", "", True, app.clock(), "x") for n in ids])
    message = Message(kind="b", created_at=app.clock(), created_by="x")
    db.session.add(message)
    db.session.commit()
    assert message.id not in set(ids)


def test_update_and_add_touch_only_their_columns(app: Flask) -> None:
    one, two = make_customer(name="One"), make_customer(name="Two", balance_minor=500)
    update_rows(db.session, Customer.__table__, ("name",), [("Uno", one.id)])
    add_to_rows(db.session, Customer.__table__, ("balance_minor", "credit_minor"), [(-200, 7, two.id), (3, 0, one.id)])
    db.session.commit()
    assert (one.name, one.balance_minor) == ("Uno", 3)
    assert (two.name, two.balance_minor, two.credit_minor) == ("Two", 300, 7)


def test_exact_decimals_pass_through_the_column_type(app: Flask) -> None:
    ids = reserve_ids(db.session, TaxRate.__table__, 1)
    columns = ("id", "country", "category", "name", "rate", "valid_from")
    day = app.clock().date()
    insert_rows(db.session, TaxRate.__table__, columns, [(ids[0], "CH", "S", "MWST", Decimal("8.1"), day)])
    assert db.session.get(TaxRate, ids[0]).rate == Decimal("8.1")


def test_rows_tell_their_ids_one_or_many(app: Flask) -> None:
    columns = ("kind", "subject", "body", "essential", "created_at", "created_by", "about")
    rows = [(kind, "", "", True, app.clock(), "x", {"a": kind}) for kind in "abc"]
    told = [insert_told(db.session, Message.__table__, columns, part) for part in (rows[:1], rows[1:], [])]
    kept = {one.id: (one.kind, one.about) for one in db.session.scalars(db.select(Message))}
    assert [[kept[number] for number in ids] for ids in told] == [
        [("a", {"a": "a"})], [("b", {"a": "b"}), ("c", {"a": "c"})], [],
    ]  # fmt: skip


def test_nothing_stands_still_that_is_written_to(app: Flask) -> None:
    customer = make_customer()
    before = standstill(db.session())
    assert (before is None) == locks_rows(db.session)
    assert before == standstill(db.session())
    customer.name = "Other"
    assert before is None or before != standstill(db.session())
    tried = db.session.begin_nested()
    within = standstill(db.session())
    tried.rollback()
    assert before is None or within != standstill(db.session())
    before = standstill(db.session())
    db.session.commit()
    assert before is None or before != standstill(db.session())
