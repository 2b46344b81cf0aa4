"""The card of a customer's page that says whether they can be reached, and its doors."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from signing_in import Browser, sign_in
from texting import NUMBERS, run, texted, texting

from billing import opt_outs
from models import Channel, Customer, OptOut, PhoneCode, db

DOORS = ("phone/code", "phone/check", "phone/verified", "opt-out")


@pytest.fixture
def customer(app: Flask, staff_client: Browser) -> Customer:
    found = texted(email="ann@mail.example")
    db.session.commit()
    return found


def page(client: Browser, customer: Customer) -> str:
    return client.get(f"/admin/customer/details/?id={customer.id}&tab=messages").text


def test_a_code_is_texted_and_checked(app: Flask, staff_client: Browser, customer: Customer, tmp_path: Path) -> None:
    number = customer.id
    staff_client.post(f"/admin/customer/phone/code/?id={number}")
    with texting(app, tmp_path) as server:
        run()
    (text,) = server.texts()
    code = text["body"][:6]
    wrong = "000000" if code != "000000" else "111111"
    answer = staff_client.post(f"/admin/customer/phone/check/?id={number}", data={"code": wrong}, follow_redirects=True)
    assert "not the code that was sent" in answer.text
    assert db.session.query(PhoneCode).one().tries_left == 4
    staff_client.post(f"/admin/customer/phone/check/?id={number}", data={"code": code})
    db.session.expire_all()
    assert db.session.get_one(Customer, number).phone_verified_at is not None
    assert "verified" in page(staff_client, customer)
    staff_client.post(f"/admin/customer/phone/verified/?id={number}", data={"to": "no"})
    db.session.expire_all()
    assert db.session.get_one(Customer, number).phone_verified_at is None
    staff_client.post(f"/admin/customer/phone/verified/?id={number}", data={"to": "yes"})
    db.session.expire_all()
    assert db.session.get_one(Customer, number).phone_verified_at is not None


def test_what_they_want(app: Flask, staff_client: Browser, customer: Customer) -> None:
    url = f"/admin/customer/opt-out/?id={customer.id}"
    for _twice in range(2):
        staff_client.post(url, data={"kind": "news", "channel": "sms", "to": "no"})
    (row,) = db.session.query(OptOut)
    assert (row.who, row.category, row.source) == (f"customer:{customer.id}", "news", "staff")
    db.session.rollback()
    staff_client.post(url, data={"kind": "news", "channel": "sms", "to": "yes"})
    assert db.session.query(OptOut).count() == 0
    for bad in ({"kind": "invoice", "channel": "email"}, {"kind": "news", "channel": "fax"}, {"kind": "x"}):
        assert staff_client.post(url, data={"channel": "email", "to": "no", **bad}).status_code == 404
    assert db.session.query(OptOut).count() == 0


def test_the_card_says_what_stands_against_it(app: Flask, staff_client: Browser, customer: Customer, by) -> None:
    customer.email_state, customer.phone_state = "bounced", "invalid"
    opt_outs.add(Channel.SMS, address=NUMBERS[0], source="stop", by=by)
    shown = page(staff_client, customer)
    for words in ("Mail comes back", "Takes no texts", f"{NUMBERS[0]} replied STOP"):
        assert words in shown, words


def test_a_number_without_a_country_is_of_the_companys(
    app: Flask, staff_client: Browser, customer: Customer, by
) -> None:
    customer.country, customer.phone = "", NUMBERS[0].replace("+353", "0")
    opt_outs.add(Channel.SMS, address=NUMBERS[0], source="stop", by=by)
    assert f"{NUMBERS[0]} replied STOP" in page(staff_client, customer)


def test_only_those_who_may(app: Flask, staff_client: Browser, customer: Customer) -> None:
    viewer = app.test_client()
    sign_in(viewer, "viewer")
    for door in DOORS:
        url = f"/admin/customer/{door}/?id={customer.id}"
        assert viewer.post(url, data={"to": "no"}).status_code == 403
        assert staff_client.post(url, csrf=False).status_code == 400
        assert staff_client.post(url.replace(str(customer.id), "987654"), data={"to": "no"}).status_code == 404
        assert staff_client.get(url).status_code == 405
    assert "Text a code" not in page(viewer, customer)
    assert db.session.query(OptOut).count() + db.session.query(PhoneCode).count() == 0
