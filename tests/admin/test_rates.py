"""Tax and exchange rates over HTTP."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from factories import make_company, make_customer
from signing_in import sign_in

from models import FxRate, TaxRate, db

TAX, FX = "/admin/tax-rates/", "/admin/fx-rates/"
GOOD_TAX = {"country": "IE", "category": "S", "name": "VAT", "rate": "23", "valid_from": "2020-01-01", "valid_to": ""}
GOOD_FX = {"base": "USD", "quote": "EUR", "rate": "0.9223", "on": "2026-11-01", "source": "ECB", "customer_id": "",
           "group_id": ""}  # fmt: skip


@pytest.fixture
def client(staff_client):
    make_company(locale="en")
    db.session.commit()
    return staff_client


def test_a_tax_rate_is_added_ended_and_followed_by_another(client):
    assert "invoices carry no tax" in client.get(TAX).text
    assert client.post(f"{TAX}new/", data=GOOD_TAX).status_code == 302
    following = {**GOOD_TAX, "rate": "21.5", "valid_from": "2027-01-01"}
    answer = client.post(f"{TAX}new/", data=following)
    assert (
        answer.status_code == 200 and "last day before this one begins" in answer.text and 'value="21.5"' in answer.text
    )
    row = db.session.query(TaxRate).one()
    assert client.post(f"{TAX}edit/?id={row.id}", data={**GOOD_TAX, "valid_to": "2026-12-31"}).status_code == 302
    assert client.post(f"{TAX}new/", data=following).status_code == 302
    page = client.get(TAX).text
    assert "Ireland" in page and "21.5" in page and "Standard" in page
    assert client.post(f"{TAX}delete/", data={"id": str(row.id)}).status_code == 404


def test_starting_rates(client):
    assert client.post(f"{TAX}starting").status_code == 302
    assert db.session.query(TaxRate).count() == 30
    assert "30 rates added" in client.get(TAX).text
    client.post(f"{TAX}starting")
    assert db.session.query(TaxRate).count() == 30


def test_an_exchange_rate_is_added_for_everybody_and_for_one(client):
    customer = make_customer(name="Doyle's Bakery")
    db.session.commit()
    assert client.post(f"{FX}new/", data=GOOD_FX).status_code == 302
    assert client.post(f"{FX}new/", data={**GOOD_FX, "customer_id": str(customer.id)}).status_code == 302
    page = client.get(FX).text
    assert "Everybody" in page and "Doyle&#39;s Bakery" in page and "0.9223" in page
    answer = client.post(f"{FX}new/", data={**GOOD_FX, "customer_id": "99999"})
    assert "no customer with this number" in answer.text and 'value="ECB"' in answer.text
    row = db.session.query(FxRate).filter_by(customer_id=None).one()
    assert row.rate == Decimal("0.9223")
    assert client.post(f"{FX}delete/", data={"id": str(row.id)}).status_code == 302
    assert db.session.query(FxRate).count() == 1


@pytest.mark.parametrize("wrong", [{"rate": "x"}, {"rate": "9" * 400}, {"rate": "-1"}, {"on": "soon"}, {"base": "EUR"}])
def test_wrong_values_are_told_and_nothing_is_added(client, wrong):
    answer = client.post(f"{FX}new/", data={**GOOD_FX, **wrong})
    assert answer.status_code == 200 and re.search(r'class="error"', answer.text)
    assert db.session.query(FxRate).count() == 0


def test_closed_to_others(client, app):
    other = app.test_client()
    sign_in(other, role="billing")
    for url in (TAX, FX, f"{TAX}new/", f"{FX}new/"):
        assert other.get(url).status_code in (403, 404)
    assert other.post(f"{TAX}starting").status_code == 403
