"""Signing in and out through the pages, and how wrong tries are held back."""

from __future__ import annotations

import threading

import pytest
from signing_in import PASSWORD, make_staff
from sqlalchemy import func, select

from billing import passwords
from billing import sign_in as tries
from models import AuditEvent, SignInAttempt, Staff, WebSession, db


def send(client, email="owner@staff.example", password=PASSWORD, **more):
    return client.post("/admin/sign-in", data={"email": email, "password": password, **more})


def verbs():
    return list(db.session.scalars(select(AuditEvent.verb).order_by(AuditEvent.id)))


def test_the_panel_asks_who_you_are_and_leads_back(client):
    make_staff()
    answer = client.get("/admin/account/?x=1")
    assert answer.status_code == 302
    assert answer.location == "/admin/sign-in?next=/admin/account/?x%3D1"
    answer = send(client, "OWNER@staff.example ", next="/admin/account/?x=1")
    assert (answer.status_code, answer.location) == (302, "/admin/account/?x=1")
    assert "Your account" in client.get("/admin/account/").text


def test_sign_in_and_out_are_written_down(client):
    make_staff()
    send(client)
    send(client.application.test_client(), password="wrong")
    client.post("/admin/sign-out")
    assert verbs() == ["staff.created", "staff.signed_in", "staff.sign_in_refused", "staff.signed_out"]
    refused = db.session.scalar(select(AuditEvent).where(AuditEvent.verb == "staff.sign_in_refused"))
    assert (refused.actor, refused.staff_id, refused.object_label) == ("Visitor", None, "Owner")
    assert refused.address == "127.0.0.1"


def test_known_and_unknown_names_get_the_same_answer_and_cost_the_same_work(client, monkeypatch):
    make_staff()
    make_staff("viewer", active=False)
    checked = []
    hasher = client.application.extensions["passwords"]
    real = hasher._hasher.verify
    monkeypatch.setattr(
        hasher, "_hasher", type("Counting", (), {
            "verify": lambda self, *given: (checked.append(given), real(*given))[1],
            "hash": lambda self, *given: type(hasher)(1).hash("decoy"),
            "check_needs_rehash": lambda self, given: False,
        })(),
    )  # fmt: skip
    answers = []
    for email, password in (
        ("owner@staff.example", "wrong"), ("nobody@staff.example", "wrong"), ("viewer@staff.example", PASSWORD),
    ):  # fmt: skip
        answer = send(client.application.test_client(), email, password)
        text = answer.text.replace(email, "E-MAIL")
        body = [part for part in text.splitlines() if "csrf_token" not in part and "nonce" not in part]
        answers.append((answer.status_code, body))
    assert answers[0][0] == 401
    assert answers[0] == answers[1] == answers[2]
    assert [given[0][:10] for given in checked] == ["$argon2id$"] * 3


def test_ten_wrong_tries_hold_the_account_back_for_a_while_only(client, clock):
    make_staff()
    for _ in range(tries.TRIES_PER_ACCOUNT):
        assert send(client, password="wrong").status_code == 401
    answer = send(client)
    assert answer.status_code == 429
    assert "Wait 15 minutes" in answer.text
    clock.advance(minutes=14)
    assert "Wait 1 minute," in send(client).text
    assert send(client, "someone@else.example").status_code == 401
    clock.advance(minutes=1, seconds=1)
    assert send(client).status_code == 302


def test_an_address_is_held_back_whatever_account_it_tries(client):
    for n in range(tries.TRIES_PER_ADDRESS):
        assert send(client, f"guess{n}@staff.example", "wrong").status_code == 401
    assert send(client, "another@staff.example").status_code == 429
    make_staff()
    away = client.application.test_client()
    answer = away.post(
        "/admin/sign-in",
        data={"email": "owner@staff.example", "password": PASSWORD},
        environ_base={"REMOTE_ADDR": "198.51.100.7"},
    )
    assert answer.status_code == 302


def test_a_forged_forwarded_header_changes_no_limit_and_no_audit_row(client):
    make_staff()
    for n in range(tries.TRIES_PER_ACCOUNT + 1):
        answer = client.post(
            "/admin/sign-in",
            data={"email": "owner@staff.example", "password": "wrong"},
            headers={"X-Forwarded-For": f"203.0.113.{n}"},
        )
    assert answer.status_code == 429
    assert set(db.session.scalars(select(AuditEvent.address).where(AuditEvent.verb != "staff.created"))) == {
        "127.0.0.1"
    }


def test_tries_sent_side_by_side_are_counted_too(app, client):
    make_staff()
    answers = []

    def guess() -> None:
        with app.app_context():
            answers.append(send(app.test_client(), password="wrong").status_code)

    many = [threading.Thread(target=guess) for _ in range(16)]
    for thread in many:
        thread.start()
    for thread in many:
        thread.join()
    assert answers.count(401) <= tries.TRIES_PER_ACCOUNT + 1
    assert answers.count(429) >= 5
    assert len(answers) == 16


def test_the_right_password_clears_the_account_and_waiting_does_not_count(client):
    make_staff()
    for _ in range(5):
        send(client, password="wrong")
    send(client)
    assert db.session.scalar(select(func.count()).where(SignInAttempt.key.startswith("staff:"))) == 0
    assert db.session.scalar(select(func.count()).where(SignInAttempt.key.startswith("address:"))) == 5


def test_a_password_in_the_e_mail_field_is_kept_nowhere(client, caplog):
    send(client, "my secret password", "x")
    send(client, "x@y.example\nERROR forged line", "hunter2hunter2")
    kept = [str(row.before) + str(row.after) + row.object_label for row in db.session.scalars(select(AuditEvent))]
    kept += list(db.session.scalars(select(SignInAttempt.key)))
    assert "secret" not in " ".join(kept) + caplog.text
    assert "hunter2" not in " ".join(kept) + caplog.text
    assert not [line for record in caplog.records for line in record.getMessage().splitlines()[1:]]


def test_an_old_cost_is_brought_up_to_date_at_the_next_sign_in(client):
    person = make_staff()
    old = passwords.Passwords(2).hash(PASSWORD)
    person.password_hash = old
    db.session.commit()
    send(client)
    db.session.expire_all()
    assert db.session.get(Staff, person.id).password_hash != old
    assert "m=4096," in db.session.get(Staff, person.id).password_hash


@pytest.mark.parametrize("data", [{"email": "a@b.example"}, {"password": "x"}, {"email": " ", "password": " "}, {}])
def test_an_empty_field_is_said(client, data):
    make_staff()
    answer = client.post("/admin/sign-in", data=data)
    assert answer.status_code == (400 if data.get("email", " ").strip() == "" or "password" not in data else 401)
    assert "Type your e-mail and your password." in answer.text


def test_a_field_that_comes_twice_is_refused(client):
    make_staff()
    body = f"csrf_token={client.csrf_token()}&email=a%40b.example&email=owner%40staff.example&password=x"
    answer = client.post("/admin/sign-in", data=body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert "more than once" in answer.text


@pytest.mark.parametrize("email", ["\x00", "a\x00b@c.example", "\ud83d@x.example", "a" * 5000, "' OR 1=1 --@x.y"])
def test_odd_e_mails_are_just_wrong(client, email):
    make_staff()
    answer = client.post("/admin/sign-in", data={"email": email.encode("utf-8", "surrogatepass"), "password": "x"})
    assert answer.status_code == 401
    assert db.session.scalar(select(func.count(WebSession.id))) == 0


def test_a_very_long_password_is_just_wrong(client):
    make_staff()
    assert send(client, password="x" * 400_000).status_code == 401
