"""The first-run page: one owner, one company, then it is gone."""

from __future__ import annotations

import re
import threading

import pytest
from factories import make_company, make_customer
from signing_in import make_staff
from sqlalchemy import func, select

from models import AuditEvent, Company, Role, Staff, WebSession, db

FILLED = {
    "name": "Maeve Brennan",
    "email": "Maeve@Harbour.example",
    "password": "harbour lights 7",
    "repeat": "harbour lights 7",
    "company": "Harbour Fibre & Hosting Ltd",
    "country": "IE",
    "currency": "EUR",
    "timezone": "Europe/Dublin",
}


def count(table) -> int:
    return db.session.scalar(select(func.count()).select_from(table))


def test_an_empty_panel_leads_to_it(client):
    assert client.get("/").location == "/admin/"
    answer = client.get("/admin/", follow_redirects=True)
    assert answer.request.path == "/setup"
    assert answer.status_code == 200


def test_it_makes_owner_and_company_and_signs_in(client):
    answer = client.post("/setup", data=FILLED)
    assert (answer.status_code, answer.location) == (302, "/admin/")
    owner, company = db.session.scalar(select(Staff)), db.session.get(Company, 1)
    assert (owner.name, owner.email, owner.role.name) == ("Maeve Brennan", "maeve@harbour.example", "owner")
    assert owner.password_hash.startswith("$argon2id$")
    assert (company.name, company.country, company.currency, company.timezone) == (
        "Harbour Fibre & Hosting Ltd", "IE", "EUR", "Europe/Dublin",
    )  # fmt: skip
    assert client.get("/admin/account/").status_code == 200
    assert count(Role) == 6
    assert list(db.session.scalars(select(AuditEvent.verb).order_by(AuditEvent.id))) == [
        "staff.created", "company.created", "staff.signed_in",
    ]  # fmt: skip


def test_afterwards_it_is_not_there(client):
    client.post("/setup", data=FILLED)
    stranger = client.application.test_client()
    assert stranger.get("/setup").status_code == 404
    assert stranger.post("/setup", data=FILLED).status_code == 404
    assert stranger.post("/setup", csrf=False).status_code == 404
    assert (count(Staff), count(Company)) == (1, 1)


@pytest.mark.parametrize("something", [make_company, make_customer, make_staff])
def test_it_is_there_only_on_an_empty_database(client, something):
    something()
    assert client.get("/setup").status_code == 404
    assert client.post("/setup", data=FILLED).status_code == 404


def test_two_at_once_make_one(app, client):
    browsers = [app.test_client() for _ in range(4)]
    tokens = [browser.csrf_token() for browser in browsers]
    answers = []

    def send(browser, token) -> None:
        with app.app_context():
            data = {**FILLED, "csrf_token": token, "email": f"x{tokens.index(token)}@y.example"}
            answers.append(browser.post("/setup", data=data).status_code)

    threads = [threading.Thread(target=send, args=pair) for pair in zip(browsers, tokens, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [302, 404, 404, 404]
    assert (count(Staff), count(Company), count(WebSession)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", "  ", "Type your name."),
        ("email", "maeve", "This is not an e-mail address."),
        ("email", "maeve@harbour", "The part after @ is not complete."),
        ("password", "harbour", "Too short. Use 8 characters or more."),
        ("password", "Password1", "Too easy to guess"),
        ("password", "aaaaaaaaaaaa", "Too easy to guess"),
        ("password", "maeve@harbour.example", "your own name or e-mail"),
        ("repeat", "something else", "The two are not the same."),
        ("company", "", "Type the name that stands on invoices."),
        ("country", "XX", "Not a valid choice"),
        ("currency", "BTC", "Not a valid choice"),
        ("currency", "", "Choose a currency."),
        ("timezone", "Mars/Olympus", "Not a valid choice"),
    ],
)
def test_each_mistake_is_said_at_its_field_and_nothing_typed_is_lost(client, field, value, says):
    given = {**FILLED, field: value}
    if field == "password":
        given["repeat"] = value
    answer = client.post("/setup", data=given)
    assert answer.status_code == 400
    at_field = answer.text.split(f'id="{field}-about"', 1)[1].split("</p>", 1)[0]
    assert says in at_field
    assert "1 field needs a look." in answer.text
    for kept in {"Maeve Brennan", "Harbour Fibre &amp; Hosting Ltd"} - {value}:
        assert kept in answer.text or field in ("name", "company")
    assert not re.search('type="password" value="[^"]', answer.text)
    assert (count(Staff), count(Company), count(Role)) == (0, 0, 0)


def test_fields_that_are_not_on_the_form_change_nothing(client):
    client.post("/setup", data={**FILLED, "role": "viewer", "id": "9", "active": "", "invoice_prefix": "X"})
    assert db.session.scalar(select(Staff)).role.name == "owner"
    assert db.session.get(Company, 1).invoice_prefix == "INV"
