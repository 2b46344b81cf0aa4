"""Tax and exchange rates over HTTP."""

from __future__ import annotations

import io
import re
from decimal import Decimal

import pytest
from factories import add, make_company, make_customer
from signing_in import sign_in

from models import CustomerGroup, FxRate, TaxCategory, TaxRate, TaxText, db

TAX, FX = "/admin/tax-rates/", "/admin/fx-rates/"
ECB = "/admin/settings/currency/ecb/"
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
    assert ">23%<" in client.get(TAX).text.replace("\n", "").replace(" ", "")
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


class TestEcb:
    def test_the_extract_is_taken_over_for_the_currencies_in_use(self, client):
        make_customer(currency="USD")
        db.session.commit()
        assert "USD: none" in client.get(FX).text
        sent = {"form_token": token(client.get(ECB).text), "which": "shipped", "only_used": "y", "since": "2026-10-30"}
        assert client.post(ECB, data=sent).location == FX
        page = client.get(FX).text
        assert "1 rate added" in page and "1.1172" in page and "USD: of 30 Oct 2026" in page
        csv = client.get(f"{FX}export/csv/").text
        assert "EUR,USD,1.1172,European Central Bank" in csv

    def test_a_file_is_read_or_refused_in_words(self, client):
        for data, words in ((b"name,email\n", "begins with Date"), (b"", "Choose the file")):
            file = (io.BytesIO(data), "rates.csv" if data else "")
            sent = {"form_token": token(client.get(ECB).text), "which": "file", "since": "", "file": file}
            answer = client.post(ECB, data=sent)
            assert answer.status_code == 400 and words in answer.text
        file = (io.BytesIO(b"Date,USD,GBP\n2026-11-20,1.1172,0.83\n"), "eurofxref.csv")
        sent = {"form_token": token(client.get(ECB).text), "which": "file", "since": "", "file": file}
        assert client.post(ECB, data=sent).status_code == 302
        assert db.session.query(FxRate).count() == 2

    def test_a_group_shows_its_rates_and_leads_to_all(self, client):
        group = add(CustomerGroup(name="Wholesale"))
        db.session.commit()
        url = f"/admin/groups/details/?id={group.id}"
        assert f"{FX}new/?group={group.id}" in client.get(url).text
        assert f'<option selected value="{group.id}">' in client.get(f"{FX}new/?group={group.id}").text
        client.post(f"{FX}new/", data={**GOOD_FX, "group_id": str(group.id)})
        page = client.get(url).text
        assert "0.9223" in page and f"flt0_group_is={group.id}" in page
        assert "Wholesale" in client.get(f"{FX}?flt0_group_is={group.id}").text
        assert "0.9223" not in client.get(f"{FX}?flt0_audience_is=all").text
