"""Two-step sign-in: the code after the password, once each, and what helps when the phone is gone (S41, S47)."""

from __future__ import annotations

import re

import pyotp
import pytest
from factories import make_company, make_customer
from signing_in import PASSWORD, make_staff, sign_in
from sqlalchemy import func, select

from billing import company, portal_users, second_step
from billing.actor import NotAllowed
from billing.second_step import SecondStepRefused, WrongCode
from models import AuditEvent, PortalUser, RecoveryCode, SecondStep, Staff, WebSession, db

CODE, PAGE = "/sign-in/code", "/second-step/"


@pytest.fixture
def key(app) -> str:
    return app.config["SECRET_KEY"]


def token(client, path) -> str:
    return client.get(path).text.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


def send(client, path, at=PAGE, **data):
    return client.post(path, data={"csrf_token": token(client, at), **data}, csrf=False)


def turn_on(client, clock) -> tuple[pyotp.TOTP, list[str]]:
    """The app on the phone, and the recovery codes."""
    assert send(client, "/second-step/begin", password=PASSWORD).status_code == 302
    page = client.get(PAGE).text
    app = pyotp.TOTP(re.search(r"this key:\s*<code>([A-Z2-7 ]+)<", page)[1].replace(" ", ""))
    answer = send(client, "/second-step/confirm", code=app.at(clock()))
    assert answer.status_code == 200
    clock.advance(seconds=30)
    return app, re.findall("<code>([a-z0-9]{5}-[a-z0-9]{5})</code>", answer.text)


def out_and_password(client, email, clock) -> None:
    send(client, "/admin/sign-out", at="/admin/account/")
    answer = send(client, "/admin/sign-in", at="/admin/sign-in", email=email, password=PASSWORD)
    assert answer.location == CODE


def is_in(client) -> bool:
    return client.get("/admin/account/").status_code == 200


def test_after_the_password_comes_the_code_and_only_then_one_is_in(client, clock):
    make_company()
    maeve = sign_in(client)
    app, codes = turn_on(client, clock)
    assert len(set(codes)) == 10
    out_and_password(client, maeve.email, clock)
    assert not is_in(client)
    assert not db.session.scalar(select(func.count(WebSession.id)))
    assert send(client, CODE, at=CODE, code="000000").status_code == 401
    assert not is_in(client)
    assert send(client, CODE, at=CODE, code=f" {app.at(clock())[:3]} {app.at(clock())[3:]}").location == "/admin/"
    assert is_in(client)


def test_no_code_counts_twice_nor_long_after(client, clock):
    maeve = sign_in(client)
    app, _codes = turn_on(client, clock)
    used = app.at(clock())
    out_and_password(client, maeve.email, clock)
    send(client, CODE, at=CODE, code=used)
    out_and_password(client, maeve.email, clock)
    assert send(client, CODE, at=CODE, code=used).status_code == 401
    old = app.at(clock().timestamp() + 30)
    clock.advance(minutes=3)
    assert send(client, CODE, at=CODE, code=old).status_code == 401
    late = app.at(clock().timestamp() - 30)
    assert send(client, CODE, at=CODE, code=late).status_code == 302


def test_a_recovery_code_signs_in_once(client, clock):
    maeve = sign_in(client)
    _app, codes = turn_on(client, clock)
    out_and_password(client, maeve.email, clock)
    assert send(client, CODE, at=CODE, code=codes[3].upper()).status_code == 302
    assert "9 recovery codes are left" in client.get(PAGE).text
    out_and_password(client, maeve.email, clock)
    assert send(client, CODE, at=CODE, code=codes[3]).status_code == 401
    kept = db.session.scalars(select(RecoveryCode.code_hash)).all()
    assert all(len(one) == 64 and codes[0].replace("-", "") not in one for one in kept)
    assert db.session.scalar(select(AuditEvent).where(AuditEvent.verb == "staff.recovery_code_used"))


def test_guessing_is_held_back_and_waiting_ends(client, clock):
    maeve = sign_in(client)
    app, _codes = turn_on(client, clock)
    out_and_password(client, maeve.email, clock)
    answers = [send(client, CODE, at=CODE, code=f"{n:06}").status_code for n in range(11)]
    assert answers == [401] * 10 + [429]
    assert send(client, CODE, at=CODE, code=app.at(clock())).status_code == 429
    clock.advance(minutes=16)
    assert client.get(CODE).location == "/admin/sign-in"
    answer = client.post(
        CODE, data={"csrf_token": token(client, "/admin/sign-in"), "code": app.at(clock())}, csrf=False
    )
    assert answer.location == "/admin/sign-in"
    assert not is_in(client)


def test_a_new_password_ends_the_waiting(client, clock, app):
    maeve = sign_in(client)
    phone, _codes = turn_on(client, clock)
    out_and_password(client, maeve.email, clock)
    code_token = token(client, CODE)
    db.session.get_one(Staff, maeve.id).password_hash = app.extensions["passwords"].hash("another good one")
    db.session.commit()
    answer = client.post(CODE, data={"csrf_token": code_token, "code": phone.at(clock())}, csrf=False)
    assert answer.location == "/admin/sign-in"


def test_turning_it_off_needs_the_password(client, clock):
    sign_in(client)
    turn_on(client, clock)
    assert send(client, "/second-step/off", password="wrong").status_code == 400
    assert db.session.scalar(select(SecondStep.confirmed_at))
    assert send(client, "/second-step/codes", password="wrong").status_code == 400
    assert send(client, "/second-step/off", password=PASSWORD).status_code == 302
    assert not db.session.scalar(select(func.count(SecondStep.id)))
    assert not db.session.scalar(select(func.count(RecoveryCode.id)))


def test_who_must_have_it_sets_it_up_first(client, clock):
    make_company(chosen={"second_step_for": "rights"})
    owner = make_staff("owner").email
    answer = send(client, "/admin/sign-in", at="/admin/sign-in", email=owner, password=PASSWORD)
    assert answer.location == PAGE
    assert client.get("/admin/customer/").location == PAGE
    assert client.post("/admin/customer/action/", data={"csrf_token": token(client, PAGE)}, csrf=False).location == PAGE
    turn_on(client, clock)
    assert client.get("/admin/customer/").status_code == 200
    other, viewer = client.application.test_client(), make_staff("viewer").email
    assert send(other, "/admin/sign-in", at="/admin/sign-in", email=viewer, password=PASSWORD).location == "/admin/"


def test_a_colleague_helps_who_lost_the_phone_within_their_rights(client, clock, by, key):
    maeve, admin = make_staff("owner"), make_staff("admin")
    step = second_step.begin(maeve, key=key, by=acting(by, maeve))
    step.confirmed_at = by.at
    number = maeve.id
    db.session.commit()
    with pytest.raises(NotAllowed):
        second_step.turn_off(maeve, by=acting(by, admin, "customers.edit"))
    db.session.rollback()
    sign_in(client, "owner", email="second@harbour.example")
    send(client, "/admin/staff/second-step/off", at=f"/admin/staff/details/?id={number}", id=number)
    assert second_step.of(db.session.get_one(Staff, number)) is None
    assert db.session.scalar(select(AuditEvent).where(AuditEvent.verb == "staff.second_step_off"))


def acting(by, person, *permissions):
    from dataclasses import replace

    return replace(by, staff_id=person.id, permissions=frozenset(permissions))


def test_it_can_be_begun_again_and_is_confirmed_by_the_newest_only(app, by, key):
    maeve = make_staff("owner")
    me = acting(by, maeve)
    first = second_step.secret_of(second_step.begin(maeve, key=key, by=me), key)
    second_step.begin(maeve, key=key, by=me)
    with pytest.raises(WrongCode):
        second_step.confirm(maeve, pyotp.TOTP(first).at(by.at), key=key, by=me)
    now = second_step.secret_of(second_step.begun(maeve), key)
    second_step.confirm(maeve, pyotp.TOTP(now).at(by.at), key=key, by=me)
    with pytest.raises(SecondStepRefused, match="on already"):
        second_step.begin(maeve, key=key, by=me)
    with pytest.raises(SecondStepRefused, match="SECRET_KEY was changed"):
        second_step.secret_of(second_step.of(maeve), "another key")


def test_customers_have_it_too_and_staff_in_their_view_do_not_touch_it(client, app, by, clock):
    make_company()
    customer = make_customer(name="Lindqvist", email="anna@lindqvist.example")
    hashed = app.extensions["passwords"].hash(PASSWORD)
    portal_users.add(customer, customer.email, name="Anna", password_hash=hashed, by=by)
    email, number = customer.email, customer.id
    db.session.commit()
    send(client, "/portal/sign-in", at="/portal/sign-in", login=email, password=PASSWORD)
    phone, _codes = turn_on(client, clock)
    send(client, "/portal/sign-out", at="/portal/")
    assert send(client, "/portal/sign-in", at="/portal/sign-in", login=email, password=PASSWORD).location == CODE
    assert send(client, CODE, at=CODE, code=phone.at(clock())).location == "/portal/"
    assert db.session.scalars(select(PortalUser)).one().last_sign_in_at
    sign_in(client)
    client.post(f"/admin/customer/enter/?id={number}")
    assert client.get(PAGE).status_code == 409
    assert company.value("second_step_for") == ""
