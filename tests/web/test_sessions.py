"""Sessions are rows: they end on time, at once when rights change, and only for their own face."""

from __future__ import annotations

from datetime import timedelta

import pytest
from signing_in import PASSWORD, make_staff, sign_in
from sqlalchemy import func, select

from billing import staff
from billing.actor import system
from models import PortalUser, Staff, WebSession, db
from web import sessions
from web.form_tokens import led_to, once

INSIDE = "/admin/account/"


def is_in(client) -> bool:
    return client.get(INSIDE).status_code == 200


def cookie(client) -> str:
    return client.get_cookie("tillbook").value


def test_the_row_holds_no_token(client):
    sign_in(client)
    with client.session_transaction() as seen:
        token = seen["_user_id"]
    row = db.session.scalar(select(WebSession))
    assert len(token) >= 43
    assert row.token_hash == sessions.hash_of(token) != token
    assert row.staff_id
    assert row.portal_user_id is None


def test_every_sign_in_is_a_new_session_and_the_old_one_is_dead(client):
    sign_in(client)
    before = cookie(client)
    sign_in(client)
    assert cookie(client) != before
    assert db.session.scalar(select(func.count(WebSession.id))) == 1
    client.set_cookie("tillbook", before)
    assert not is_in(client)


def test_signing_out_ends_the_session_on_the_server(client):
    sign_in(client)
    before = cookie(client)
    client.post("/admin/sign-out")
    client.set_cookie("tillbook", before)
    assert not is_in(client)


def test_half_an_hour_of_silence_signs_out(client, clock):
    sign_in(client)
    clock.advance(minutes=29)
    assert is_in(client)
    clock.advance(minutes=29)
    assert is_in(client)
    clock.advance(minutes=30)
    assert not is_in(client)


def test_twelve_hours_sign_out_even_somebody_busy(client, clock):
    sign_in(client)
    for _ in range(28):
        clock.advance(minutes=25)
        assert is_in(client)
    clock.advance(minutes=20)
    assert not is_in(client)


def test_expired_rows_go_when_somebody_signs_in(client, clock):
    sign_in(client)
    clock.advance(hours=13)
    sign_in(client.application.test_client(), "viewer")
    assert db.session.scalar(select(func.count(WebSession.id))) == 1


def change_role(person, by):
    staff.change_role(person, staff.role_named("viewer"), by)


def disable(person, by):
    staff.disable(person, by)


def set_password(person, by):
    staff.set_password(person, "hash", by)


@pytest.mark.parametrize("change", [change_role, disable, set_password])
def test_a_change_of_rights_signs_out_at_once(client, by, change):
    make_staff()
    person = sign_in(client, "billing")
    assert is_in(client)
    change(person, by)
    assert db.session.scalar(select(func.count(WebSession.id))) == 0
    assert not is_in(client)


def test_somebody_disabled_past_the_rule_is_out_as_well(client):
    person = sign_in(client)
    person.active = False
    assert not is_in(client)


def test_a_disabled_person_cannot_sign_in(client):
    make_staff("viewer", active=False)
    answer = client.post("/admin/sign-in", data={"email": "viewer@staff.example", "password": PASSWORD})
    assert answer.status_code == 401


def portal_session(client, clock) -> PortalUser:
    person = PortalUser(email="kim@customer.example", name="Kim", password_hash="x")
    token = "a portal user's token, long enough"
    db.session.add(
        WebSession(token_hash=sessions.hash_of(token), portal_user=person, started_at=clock(), seen_at=clock(),
                   confirmed_at=clock())
    )  # fmt: skip
    with client.session_transaction() as kept:
        kept["_user_id"] = token
    return person


def test_a_portal_user_is_nobody_in_the_panel(client, clock):
    make_staff()
    portal_session(client, clock)
    assert not is_in(client)
    assert client.post("/admin/account/details", data={"name": "x"}).status_code == 302


def test_a_portal_session_has_its_own_limits(client, clock):
    portal_session(client, clock)
    db.session.commit()
    row = db.session.scalar(select(WebSession))
    assert sessions.is_alive(row, clock() + timedelta(minutes=119))
    assert not sessions.is_alive(row, clock() + timedelta(hours=2))
    row.seen_at = clock() + timedelta(days=30)
    assert not sessions.is_alive(row, clock() + timedelta(days=30))


def test_last_seen_is_noted_once_a_minute_also_while_writing(client, clock):
    person = sign_in(client)
    start = clock()

    def seen():
        db.session.expire_all()
        return db.session.scalar(select(WebSession.seen_at)), db.session.get(Staff, person.id).last_seen_at

    clock.advance(seconds=59)
    client.get(INSIDE)
    assert seen() == (start, None)
    clock.advance(seconds=1)
    client.get(INSIDE)
    assert seen() == (clock(), clock())
    token = client.csrf_token()
    clock.advance(minutes=5)
    answer = client.post(
        "/admin/account/details",
        data={"csrf_token": token, "name": "New Name", "language": "", "theme": "auto"},
        csrf=False,
    )
    assert answer.status_code == 302
    assert seen() == (clock(), clock())
    assert db.session.get(Staff, person.id).name == "New Name"


def test_a_look_does_not_wait_for_somebody_who_writes(client, backend):
    """On SQLite a GET must not ask for the write lock."""
    sign_in(client)
    with db.engine.connect() as writer:
        writer.execute(WebSession.__table__.select())
        assert is_in(client)


def test_one_form_has_one_effect(app, clock):
    assert once("a-form-token", "/first") is None
    db.session.commit()
    assert once("a-form-token", "/second") == "/first"
    assert once("another-token") is None
    led_to("another-token", "/invoice/7")
    db.session.commit()
    assert once("another-token") == "/invoice/7"


def test_a_form_that_was_rolled_back_may_come_again(app, clock):
    assert once("a-form-token", "/first") is None
    db.session.rollback()
    assert once("a-form-token", "/second") is None


def test_the_last_owner_stays(app, by):
    owner = make_staff()
    for change in (disable, change_role):
        with pytest.raises(staff.LastOwner):
            change(owner, by)
    make_staff(email="second@staff.example")
    disable(owner, by)
    assert staff.has_owner()


def test_nobody_gives_more_than_they_have(app, clock):
    viewer = make_staff("viewer")
    weak = system(clock(), clock().date())
    weak = type(weak)(name="x", at=weak.at, today=weak.today, permissions=frozenset({"staff.edit"}), staff_id=viewer.id)
    with pytest.raises(staff.NotAllowed):
        staff.create("new@staff.example", "", staff.role_named("owner"), "", weak)
    with pytest.raises(staff.NotAllowed):
        staff.set_password(make_staff(), "x", weak)
