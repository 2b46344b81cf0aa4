"""The statement in the portal: for those who may see money, of their own customers only."""

from __future__ import annotations

from datetime import date

import pytest
from factories import add, make_company, make_customer, make_invoice
from flask import Flask
from signing_in import PASSWORD, Browser

from billing import portal_users
from billing.actor import Actor
from models import Customer, PortalAccess, PortalRight, PortalUser, db

ADDRESSES = ("statement", "statement.pdf", "statement.csv")


def sign_in(app: Flask, client: Browser, customer: Customer, right: PortalRight) -> None:
    hashed = app.extensions["passwords"].hash(PASSWORD)
    user = add(PortalUser(email="ann@mail.example", name="Ann", password_hash=hashed))
    add(PortalAccess(portal_user_id=user.id, customer_id=customer.id, right=right))
    db.session.commit()
    answer = client.post("/portal/sign-in", data={"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302 and portal_users.accesses(user)


@pytest.fixture
def customers(app: Flask) -> tuple[Customer, Customer]:
    make_company()
    mine, other = make_customer(name="Doyle"), make_customer(name="Other")
    for one in (mine, other):
        make_invoice(one, 12300, issued_on=date(2026, 11, 3))
    return mine, other


def test_what_moved_and_what_is_owed(app: Flask, client: Browser, customers: tuple[Customer, Customer]) -> None:
    mine, other = customers
    sign_in(app, client, mine, PortalRight.OWNER)
    home = client.get("/portal/").text
    assert f"/portal/{mine.id}/statement" in home
    page = client.get("/portal/statement").text
    assert "INV-00001" in page and "€123.00" in page and "INV-00002" not in page
    assert "5 days late" in client.get("/portal/statement?variant=open_items").text
    files = [client.get(f"/portal/{mine.id}/{name}?since=2026-11-01&until=2026-11-30") for name in ADDRESSES[1:]]
    assert files[0].data.startswith(b"%PDF") and "invoice,INV-00001" in files[1].text
    assert 'role="alert"' in client.get("/portal/statement?since=soon").text
    assert [client.get(f"/portal/{other.id}/{name}").status_code for name in ADDRESSES] == [404] * 3


def test_whoever_has_only_technical_rights_sees_no_money(
    app: Flask, client: Browser, customers: tuple[Customer, Customer], by: Actor
) -> None:
    mine, _other = customers
    sign_in(app, client, mine, PortalRight.TECHNICAL)
    assert "statement" not in client.get("/portal/").text
    assert [client.get(f"/portal/{mine.id}/{name}").status_code for name in ADDRESSES] == [404] * 3
