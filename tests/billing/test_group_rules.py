"""Automatic groups: who comes into which, when, and that nobody put by hand is moved."""

from __future__ import annotations

from datetime import date

import pytest
from conftest import Backend
from factories import make_company, make_customer
from flask import Flask
from sqlalchemy import create_engine, event, select, text, update
from sqlalchemy.exc import OperationalError

from billing import custom_fields, customers, group_rules, groups
from billing.actor import Actor, NotAllowed
from billing.group_conditions import BadRule
from billing.own_lists import EntryRefused
from jobs import schedule
from models import AuditEvent, Customer, CustomerGroup, Payer, PaymentMethod, Project, Tag, db


def automatic(name: str, *rules: tuple[str, str, str], by: Actor, **values: object) -> CustomerGroup:
    return groups.create({"name": name, "automatic": True, **values}, rules=rules, by=by)


def places() -> dict[str, str | None]:
    db.session.expire_all()
    query = select(Customer.name, CustomerGroup.name).outerjoin(Customer.group)
    return dict(db.session.execute(query).all())


def apply(by: Actor) -> int:
    return sum(group_rules.apply(by=by))


def test_the_first_group_whose_every_condition_holds_takes_the_customer(by: Actor) -> None:
    make_company()
    automatic("Irish firms", ("country", "is", "IE"), ("account_type", "is", "company"), by=by, priority=10)
    automatic("Irish", ("country", "is", "ie"), by=by, priority=20)
    for name, country, kind in (("A", "IE", "company"), ("B", "IE", "individual"), ("C", "DE", "company")):
        make_customer(name=name, country=country, account_type=kind)
    moves, first = group_rules.preview()
    assert sum(move.customers for move in moves) == 2 and [row.name for row in first] == ["A", "B"]
    assert apply(by) == 2
    assert places() == {"A": "Irish firms", "B": "Irish", "C": None}
    assert apply(by) == 0 and group_rules.preview() == ([], [])


def test_who_was_put_by_hand_stays(by: Actor) -> None:
    make_company()
    gold = groups.create({"name": "Gold"}, by=by)
    automatic("Irish", ("country", "is", "IE"), by=by)
    known = {"email": "a@mail.example", "country": "IE"}
    hand = customers.create({"name": "Hand", "group_id": gold.id, **known}, by=by)
    customers.create({"name": "Rule", **known}, allow_duplicate=True, by=by)
    apply(by)
    assert places() == {"Hand": "Gold", "Rule": "Irish"}
    customers.edit(hand, {"group_id": None}, by=by)
    assert places()["Hand"] == "Irish"


def test_on_create_and_edit_they_come_at_once_with_the_defaults_of_the_group(by: Actor) -> None:
    make_company()
    automatic("Cards", ("city", "begins", "dub"), by=by, payment_method="card", never_suspend=True)
    made = customers.create({"name": "A", "email": "a@mail.example", "city": "Dublin"}, by=by)
    assert (str(made.group), made.payment_method, made.never_suspend) == ("Cards", PaymentMethod.CARD, True)
    customers.edit(made, {"city": "Cork"}, by=by)
    assert (made.group, made.payment_method, made.never_suspend) == (None, PaymentMethod.INVOICE, False)
    events = list(db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "customer.placed")))
    assert [(e.before, e.after) for e in events] == [(None, {"group": "Cards"}), ({"group": "Cards"}, {"group": None})]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (("project", "is", "north"), {"One"}),
        (("project", "not", "North"), {"Two"}),
        (("tag", "is", "vip"), {"Two"}),
        (("tag", "not", "vip"), {"One"}),
        (("has_payer", "is", "yes"), {"One"}),
        (("has_tax_id", "is", "no"), {"One"}),
        (("tax_exempt", "is", "yes"), {"Two"}),
        (("service_count", "above", "2"), {"Two"}),
        (("registered_on", "before", "2026-01-01"), {"One"}),
        (("email", "ends", "@shop.example"), {"Two"}),
        (("custom.size", "above", "10.5"), {"One"}),
        (("custom.size", "below", "11"), set()),
    ],
)
def test_what_can_be_asked(by: Actor, rule: tuple[str, str, str], expected: set[str]) -> None:
    make_company()
    custom_fields.create({"name": "Size", "kind": "number"}, by=by)
    one = make_customer(name="One", project=Project(name="North"), registered_on=date(2025, 12, 31))
    two = make_customer(name="Two", tax_id="IE1", tax_exempt=True, service_count=3, email="b@shop.example")
    two.tags = [Tag(name="vip")]
    db.session.add(Payer(customer_id=one.id, name="Bill"))
    custom_fields.set_values(one, {"size": "11"}, by=by)
    automatic("X", rule, by=by)
    apply(by)
    assert {name for name, group in places().items() if group} == expected


@pytest.mark.parametrize(
    ("rule", "part"),
    [(("mood", "is", "x"), "field"), (("country", "above", "IE"), "way"), (("country", "is", "Atlantis"), "value"),
     (("project", "is", "nowhere"), "value"), (("service_count", "is", "many"), "value"),
     (("registered_on", "from", "May"), "value"), (("name", "has", ""), "value")],
)  # fmt: skip
def test_a_condition_that_cannot_be_met_is_told_at_its_place(by: Actor, rule: tuple[str, str, str], part: str) -> None:
    make_company()
    with pytest.raises(BadRule) as wrong:
        automatic("X", ("country", "is", "IE"), rule, by=by)
    assert (wrong.value.row, wrong.value.part) == (1, part)


def test_automatic_needs_a_condition_and_gone_things_are_met_by_nobody(by: Actor) -> None:
    make_company()
    with pytest.raises(EntryRefused):
        automatic("X", by=by)
    field = custom_fields.create({"name": "Size", "kind": "number"}, by=by)
    customer = make_customer(name="One")
    custom_fields.set_values(customer, {"size": "11"}, by=by)
    automatic("X", ("custom.size", "is", "11"), by=by)
    assert apply(by) == 1
    custom_fields.remove(field, by=by)
    apply(by)
    assert places() == {"One": None}


def test_the_job_of_the_night_moves_those_nobody_looked_at(by: Actor) -> None:
    make_company()
    automatic("Irish", ("country", "is", "IE"), by=by)
    make_customer(name="A")
    make_customer(name="Away", status="archived")
    db.session.commit()
    assert schedule.carry_out(schedule.named("groups")) == {"moved": 1}
    assert places() == {"A": "Irish", "Away": None}


def test_closed_to_those_who_may_not(by: Actor) -> None:
    with pytest.raises(NotAllowed):
        apply(Actor("Nobody", by.at, by.today))


def test_nobody_is_put_by_hand_between_looking_and_moving(app: Flask, backend: Backend, by: Actor) -> None:
    """Two at once there are on PostgreSQL only; SQLite has one writer."""
    make_company()
    automatic("Irish", ("country", "is", "IE"), by=by)
    if backend.name == "postgresql":  # in the first part, whatever ran before
        db.session.execute(text("SELECT setval(pg_get_serial_sequence('customer', 'id'), 1, false)"))
    one = make_customer(country="IE").id
    db.session.commit()
    if backend.name == "sqlite":
        assert apply(by) == 1
        return
    refused: list[OperationalError | None] = []
    engine = create_engine(backend.url)

    def between(connection, cursor, statement, *rest) -> None:
        if "group_by_hand" not in statement or not statement.startswith("SELECT") or refused:
            return
        with engine.connect() as other:
            other.exec_driver_sql("SET lock_timeout=50")
            try:
                other.execute(update(Customer).where(Customer.id == one).values(group_by_hand=True))
                other.commit()
                refused.append(None)
            except OperationalError as held:
                refused.append(held)

    event.listen(db.engine, "after_cursor_execute", between)
    try:
        assert apply(by) == 1
        db.session.commit()
    finally:
        event.remove(db.engine, "after_cursor_execute", between)
        engine.dispose()
    assert refused[0], "whoever comes meanwhile waits"
