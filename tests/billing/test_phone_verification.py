"""A code by text: kept nowhere, good for ten minutes and five tries, and not asked for all day long (B12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Clock
from flask import Flask
from snapshot import snapshot
from texting import NUMBERS, run, texted, texting

from billing import phone_verification as verification
from billing.actor import Actor, NotAllowed
from billing.phone_verification import NotVerified
from models import AuditEvent, Customer, Delivery, PhoneCode, db

SECRET = b"a key for tests only, long enough to be strong 0123456789"


def later(by: Actor, **delta: float) -> Actor:
    return replace(by, at=by.at + timedelta(**delta))


def code(customer: Customer, by: Actor) -> str:
    row = verification.send_code(customer, secret=SECRET, by=by)
    db.session.commit()
    return verification.code_of(row, secret=SECRET)


def test_the_code_comes_by_text_and_stands_nowhere(app: Flask, by: Actor, tmp_path: Path) -> None:
    customer = texted()
    wanted = code(customer, by)
    with texting(app, tmp_path) as server:
        assert run() == {"sent": 1}
    (text,) = server.texts()
    assert text["body"] == f"{wanted} is your code for Harbour. It is good for 10 minutes. Give it to nobody."
    db.session.expire_all()
    assert wanted not in repr(snapshot())
    assert db.session.query(Delivery).one().sent_text.startswith("•••••• is your code")
    verification.check_code(customer, f" {wanted[:3]} {wanted[3:]} ", secret=SECRET, by=by)
    assert customer.phone_verified_at == by.at
    with pytest.raises(NotVerified, match="over"):
        verification.check_code(customer, wanted, secret=SECRET, by=by)


def test_five_wrong_codes_are_enough(app: Flask, by: Actor) -> None:
    customer = texted()
    wanted = code(customer, by)
    wrong = f"{(int(wanted) + 1) % 1_000_000:06d}"
    for _try in range(5):
        with pytest.raises(NotVerified, match="not the code"):
            verification.check_code(customer, wrong, secret=SECRET, by=by)
    with pytest.raises(NotVerified, match="Too many"):
        verification.check_code(customer, wanted, secret=SECRET, by=by)
    assert customer.phone_verified_at is None


def test_a_code_ends_with_its_time_its_number_and_the_next_code(app: Flask, by: Actor, clock: Clock) -> None:
    customer = texted()
    old = code(customer, by)
    with pytest.raises(NotVerified, match="over"):
        verification.check_code(customer, old, secret=SECRET, by=later(by, minutes=10))
    new = code(customer, later(by, minutes=1))
    with pytest.raises(NotVerified):
        verification.check_code(customer, old, secret=SECRET, by=later(by, minutes=2))
    customer.phone = NUMBERS[7]
    with pytest.raises(NotVerified, match="over"):
        verification.check_code(customer, new, secret=SECRET, by=later(by, minutes=2))
    assert db.session.query(PhoneCode).count() == 2


def test_an_old_code_is_not_sent_any_more(app: Flask, by: Actor, clock: Clock, tmp_path: Path) -> None:
    code(texted(), by)
    clock.advance(minutes=11)
    with texting(app, tmp_path) as server:
        assert run() == {"cancelled": 1}
        assert server.asked() == 0


def test_not_all_day_long(app: Flask, by: Actor) -> None:
    customer, twin = texted(), texted()
    for minute in range(3):
        code(customer, later(by, minutes=minute))
    for who in (customer, twin):  # the number counts too, whoever has it
        with pytest.raises(NotVerified, match="3 codes an hour"):
            verification.send_code(who, secret=SECRET, by=later(by, minutes=5))
    for hour in range(2, 5):
        code(customer, later(by, hours=hour))
    with pytest.raises(NotVerified, match="6 codes a day"):
        verification.send_code(customer, secret=SECRET, by=later(by, hours=6))


def test_staff_may_say_so_and_take_it_back(app: Flask, by: Actor) -> None:
    customer = texted()
    clerk = replace(by, permissions=frozenset({"customers.edit"}))
    verification.set_verified(customer, by=clerk)
    verification.set_verified(customer, by=clerk)
    assert customer.phone_verified_at == by.at
    verification.clear(customer, by=clerk)
    verification.clear(customer, by=clerk)
    assert customer.phone_verified_at is None
    verbs = list(db.session.scalars(db.select(AuditEvent.verb).order_by(AuditEvent.id)))
    assert verbs == ["phone.verified", "phone.cleared"]
    viewer = replace(by, permissions=frozenset())
    for rule in (verification.set_verified, verification.clear):
        with pytest.raises(NotAllowed):
            rule(customer, by=viewer)
    with pytest.raises(NotAllowed):
        verification.send_code(customer, secret=SECRET, by=viewer)


@pytest.mark.parametrize("phone", ["", "12", "+353 1 679 2777", "hello"])
def test_a_number_that_takes_no_texts(app: Flask, by: Actor, phone: str) -> None:
    customer = texted()
    customer.phone = phone
    with pytest.raises(NotVerified):
        verification.send_code(customer, secret=SECRET, by=by)


def test_a_number_without_a_country_is_one_of_the_companys(app: Flask, by: Actor) -> None:
    """As it is when many are texted."""
    customer = texted(NUMBERS[0].replace("+353", "0"), country="")
    verification.check_code(customer, code(customer, by), secret=SECRET, by=by)
    assert customer.phone_verified_at == by.at
    assert db.session.query(PhoneCode).one().phone == NUMBERS[0]
