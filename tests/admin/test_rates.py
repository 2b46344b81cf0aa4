"""Tax and exchange rates over HTTP."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from factories import make_company, make_customer
from signing_in import sign_in

from models import FxRate, TaxCategory, TaxRate, TaxText, db

TAX, FX = "/admin/tax-rates/", "/admin/fx-rates/"
GOODS, TEXTS, TRIAL = (f"/admin/settings/tax/{page}/" for page in ("goods", "texts", "trial"))
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


def test_published_rates_are_compared_and_taken_over(client):
    client.post(f"{TAX}new/", data={**GOOD_TAX, "rate": "21", "valid_from": "2025-01-01", "source": "By hand"})
    page = client.get(f"{TAX}starting").text
    ticked = re.findall(r'value="([A-Z]{2}-[A-Z]+-[0-9-]+)" checked', page)
    assert "DE-S-2024-01-01" in ticked and "CH-S-2024-01-01" not in ticked and "IE-S-2024-01-01" not in ticked
    assert "IE-S-2024-01-01" in page and "21%" in page
    sent = {"form_token": token(page), "rate": ["IE-S-2024-01-01", "CH-S-2024-01-01", "nonsense"]}
    assert client.post(f"{TAX}starting", data=sent).status_code == 302
    assert "2 rates taken over" in client.get(TAX).text
    assert client.post(f"{TAX}starting", data=sent).status_code == 302
    rows = {(row.country, row.rate) for row in db.session.query(TaxRate)}
    assert rows == {("IE", Decimal(23)), ("CH", Decimal("8.1"))}


def token(page: str) -> str:
    return re.search(r'name="form_token" value="([^"]+)"', page)[1]


def test_kinds_of_goods(client):
    page = client.get(f"{GOODS}new").text
    sent = {"form_token": token(page), "name": "Books", "code": "BOOK", "letter": "S"}
    assert client.post(f"{GOODS}new", data={**sent, "code": "S"}).status_code == 400
    assert [client.post(f"{GOODS}new", data=sent).status_code for _ in range(2)] == [302, 302]
    assert db.session.query(TaxCategory).count() == 1
    assert "Books" in client.get(GOODS).text and ">Books</option>" in client.get(f"{TAX}new/").text
    page = client.get(f"{GOODS}edit?code=BOOK").text
    client.post(f"{GOODS}edit?code=BOOK", data={"form_token": token(page), "name": "Novels", "letter": "Z"})
    row = db.session.query(TaxCategory).one()
    assert (row.code, row.name, row.letter) == ("BOOK", "Novels", "Z")
    assert client.get(f"{GOODS}edit?code=NONE").status_code == 404
    assert client.post(f"{GOODS}delete", data={"code": "BOOK"}).status_code == 302
    assert db.session.query(TaxCategory).count() == 0


def test_legal_texts(client):
    page = client.get(f"{TEXTS}?language=de").text
    assert "Steuerschuldnerschaft" in page
    sent = {"form_token": token(page), "language": "de", "reverse_charge": "Der Kunde zahlt.", "export": "x" * 401}
    answer = client.post(TEXTS, data=sent)
    assert answer.status_code == 400 and "too long" in answer.text and "Der Kunde zahlt." in answer.text
    assert db.session.query(TaxText).count() == 0
    assert client.post(TEXTS, data={**sent, "export": ""}).status_code == 302
    assert [(row.kind, row.language) for row in db.session.query(TaxText)] == [("reverse_charge", "de")]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("country=IE&account_type=individual&category=S", ("23%", "pays its rate on that day")),
        ("country=DE&account_type=company&tax_id=136695976&category=S", ("0%", "reverse charge", "Steuerschuldner")),
        ("country=DE&account_type=company&tax_id=DE136695977&category=S", ("wrong digit", "no rate for this country")),
        ("country=US&account_type=individual&category=S&tax_rate=7.5", ("7.5%", "rate of its own")),
        ("customer=999999&account_type=individual&category=S", ("no customer with this number",)),
        ("country=IE&account_type=individual&category=S&tax_rate=101", ("from 0 to 100",)),
    ],
)
def test_which_tax(client, asked, words):
    client.post(f"{TAX}new/", data=GOOD_TAX)
    page = client.get(f"{TRIAL}?on=2026-11-22&language=de&{asked}").text
    assert all(word in page for word in words), words


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
    for url in (GOODS, TEXTS, TRIAL):
        assert other.get(url).status_code == 403
    assert other.post(f"{TAX}starting").status_code == 403
