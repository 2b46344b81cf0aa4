"""Changing the currency of an account over HTTP."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest
from factories import add, make_company, make_customer, make_invoice, make_service
from signing_in import make_role, sign_in

from models import Customer, FxRate, Service, db

URL = "/admin/customer/currency/"


@pytest.fixture
def client(staff_client):
    make_company(locale="en")
    add(FxRate(base="EUR", quote="USD", rate=Decimal("1.1172"), on=date(2026, 1, 2), source="ECB"))
    db.session.commit()
    return staff_client


@pytest.fixture
def customer(client) -> int:
    found = make_customer(name="Doyle's Bakery")
    make_service(found, price_minor=1005)
    db.session.commit()
    return found.id


def hidden(page: str) -> dict[str, str]:
    """The fields of the form that changes it."""
    form = page.split('name="seen"')[0].rsplit("<form", 1)[1] + page.split('name="seen"')[1].join(['name="seen"', ""])
    return dict(re.findall(r'name="(id|to|how|seen|form_token)" value="([^"]*)"', form.split("</form>")[0]))


def test_shown_then_done_once(client, customer):
    page = client.get(f"/admin/customer/details/?id={customer}").text
    assert f"{URL}?id={customer}" in page
    page = client.get(f"{URL}?id={customer}&to=USD&how=recalculate").text
    assert "€10.05" in page and "$11.23" in page and "ECB 2026-01-02" in page
    sent = hidden(page)
    assert [client.post(URL, data=sent).status_code for _ in range(2)] == [302, 302]
    db.session.expire_all()
    assert db.session.get(Customer, customer).currency == "USD"
    assert (db.session.query(Service).one().currency, db.session.query(Service).one().price_minor) == ("USD", 1123)
    page = client.get(f"/admin/customer/details/?id={customer}&tab=history").text
    assert "Currency of the account changed" in page


def test_what_stands_in_the_way_is_listed_and_nothing_changes(client, customer):
    sent = hidden(client.get(f"{URL}?id={customer}&to=USD&how=keep_figures").text)
    make_invoice(db.session.get(Customer, customer), 1000)
    db.session.commit()
    page = client.get(f"{URL}?id={customer}&to=USD&how=keep_figures").text
    assert "Unpaid invoices" in page and "€10.00" in page and 'class="btn btn-danger"' not in page
    assert client.post(URL, data=sent).status_code == 302
    db.session.expire_all()
    assert db.session.get(Customer, customer).currency == "EUR"
    assert "not square" in client.get(URL + f"?id={customer}").text


@pytest.mark.parametrize(
    ("to", "words"),
    [("CHF", "no exchange rate"), ("EUR", "Not a valid choice"), ("JPY&how=keep_figures", "no decimals")],
)
def test_what_cannot_be_is_told_at_the_field(client, customer, to, words):
    assert words in client.get(f"{URL}?id={customer}&to={to}").text


def test_closed_to_others(client, customer, app):
    make_role("clerk", "customers.view", "customers.edit")
    other = app.test_client()
    sign_in(other, role="clerk")
    assert other.get(f"{URL}?id={customer}").status_code == 404
    assert other.post(URL, data={"id": str(customer), "to": "USD", "how": "recalculate"}).status_code == 404
    assert client.get(f"{URL}?id=99999").status_code == 404
