"""Payments: listed with what they settled, entered once, and refused in words beside the field."""

from __future__ import annotations

import re
from datetime import date

import pytest
from documents import field, rows_of, text_of
from factories import make_company, make_customer, make_invoice
from invoicing import issued, line
from signing_in import sign_in
from statements import spoken

from billing import credits, payments, write_offs
from models import Company, Credit, Customer, Invoice, Money, Payment, db

URL = "/admin/payments/"


@pytest.fixture
def anna(app) -> Customer:
    make_company()
    customer = make_customer(name="Anna Lindqvist")
    db.session.commit()
    return customer


def typed_in(page: str, name: str) -> str:
    return re.search(rf'name="{name}"[^>]* value="([^"]*)"', page)[1]


def enter(client, follow: bool = True, **typed: str):
    """Send the form for a customer or an invoice, as somebody who has seen what it says."""
    query = {name: typed[name] for name in ("customer", "invoice") if name in typed}
    page = client.get(f"{URL}new/", query_string=query).text
    token = field(page, "form_token") if "form_token" in page else "a-form-token-0"
    known = {"amount": "10.00", "received_on": "2026-11-20", "method": "Cash", "reference": "", "spread": "y"}
    data = {"form_token": token, **known, **typed}
    return client.post(f"{URL}new/", data={k: v for k, v in data.items() if v is not None}, follow_redirects=follow)


def test_a_payment_for_an_invoice_leads_back_to_it(staff_client, anna):
    make_invoice(anna, 100, due_on=date(2026, 11, 1))
    invoice = make_invoice(anna, 5000)
    page = staff_client.get(f"{URL}new/?invoice={invoice.id}").text
    assert 'value="50.00"' in page and "Anna Lindqvist" in page and 'value="2026-11-22"' in page
    assert typed_in(page, f"part_{invoice.id}") == "50.00", "this invoice first, then those due first"
    answer = enter(staff_client, invoice=str(invoice.id), amount="20")
    assert answer.request.full_path == f"/admin/invoices/details/?id={invoice.id}"
    assert "€20.00 recorded for Anna Lindqvist" in answer.text
    db.session.expire_all()
    assert invoice.open_minor == 3000


def test_two_clicks_record_one_payment(staff_client, anna):
    token, over = "a-form-token-1", "1000"
    first = enter(staff_client, follow=False, customer=str(anna.id), form_token=token, over=over)
    second = enter(staff_client, follow=False, customer=str(anna.id), form_token=token, over=over)
    assert first.status_code == second.status_code == 302
    assert first.location == second.location
    assert db.session.query(Payment).count() == 1


def test_what_is_over_is_said_before_it_is_kept(staff_client, anna):
    late, early = make_invoice(anna, 1000, issued_on=date(2026, 11, 9)), make_invoice(anna, 1000)
    asked = enter(staff_client, customer=str(anna.id), amount="25.00")
    assert asked.status_code == 200 and db.session.query(Payment).count() == 0
    assert "€5.00 is on no invoice." in text_of(asked.text) and "Nothing was saved yet." in text_of(asked.text)
    assert typed_in(asked.text, "over") == "500"
    enter(staff_client, customer=str(anna.id), amount="25.00", over="500")
    db.session.expire_all()
    assert (early.open_minor, late.open_minor) == (0, 0)
    assert [credit.remaining_minor for credit in db.session.query(Credit)] == [500]


def test_each_invoice_gets_what_was_typed_and_credit_beside_it(staff_client, anna, by):
    credits.grant(anna, Money(300, "EUR"), reason="Outage", on=date(2026, 11, 1), by=by)
    one, two = make_invoice(anna, 1000), make_invoice(anna, 1000)
    typed = {f"part_{one.id}": "2", f"part_{two.id}": "8.00", f"credit_{two.id}": "2.00", "spread": None}
    page = text_of(staff_client.get(f"{URL}new/?customer={anna.id}").text)
    assert "of €3.00 in hand" in page
    answer = enter(staff_client, customer=str(anna.id), amount="10", **typed)
    assert answer.request.path == "/admin/payments/details/"
    db.session.expire_all()
    assert (one.open_minor, two.open_minor, anna.credit_minor) == (800, 0, 100)
    typed = {f"credit_{one.id}": "1.00", "spread": "y"}
    enter(staff_client, customer=str(anna.id), amount="7", **typed)
    db.session.expire_all()
    assert (one.open_minor, anna.credit_minor) == (0, 0), "the suggestion leaves room for the credit"


def test_amounts_that_cannot_be_are_refused_beside_them(staff_client, anna, by):
    credits.grant(anna, Money(300, "EUR"), reason="Outage", on=date(2026, 11, 1), by=by)
    one, foreign = make_invoice(anna, 1000), make_invoice(make_customer(), 1000)
    for typed, words in (
        ({f"part_{one.id}": "10.01"}, "Only €10.00 can be put on it."),
        ({f"part_{one.id}": "-1"}, "An amount is more than zero."),
        ({f"part_{one.id}": "nine"}, "Write an amount"),
        ({f"part_{one.id}": "9.999"}, "at most 2 decimals"),
        ({f"part_{one.id}": "1e99"}, "Write an amount"),
        ({f"part_{one.id}": "9.00", "amount": "8.00"}, "€1.00 more than there is."),
        ({f"credit_{one.id}": "3.01"}, "Only €3.00 of credit is in hand."),
        ({f"part_{one.id}": "8.00", f"credit_{one.id}": "3.00"}, "Only €10.00 can be put on it."),
        ({f"part_{foreign.id}": "1.00"}, "paid or changed meanwhile"),
    ):
        answer = enter(staff_client, customer=str(anna.id), **{"amount": "20", "over": "1000", "spread": None, **typed})
        assert answer.status_code == 400 and words in text_of(answer.text), words
    assert db.session.query(Payment).count() == 0 and anna.credit_minor == 300


def test_money_that_comes_late_brings_back_what_was_written_off(staff_client, anna, by):
    invoice = make_invoice(anna, 1000)
    write_offs.write_off(invoice, reason="Gone", on=date(2026, 11, 20), by=by)
    db.session.commit()
    assert "€10.00 written off; money on it brings it back" in staff_client.get(f"{URL}new/?customer={anna.id}").text
    typed = {f"part_{invoice.id}": "4.00", "spread": None, "amount": "4.00"}
    enter(staff_client, customer=str(anna.id), **typed)
    db.session.expire_all()
    assert (invoice.open_minor, invoice.written_off_minor, anna.balance_minor) == (0, 600, 0)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"amount": ""}, "Type the amount"),
        ({"amount": "ten"}, "Write an amount, such as 12.50."),
        ({"amount": "-5"}, "A payment is more than zero"),
        ({"amount": "1.234"}, "at most 2 decimals"),
        ({"amount": "9" * 60}, "Write an amount"),
        ({"amount": "9" * 20}, "This is too large"),
        ({"received_on": "2026-11-23"}, "lies in the future"),
        ({"received_on": "2026-13-01"}, "Write the day as"),
        ({"received_on": "0001-01-01"}, "Type the day"),
        ({"method": ""}, "Choose how the money came"),
        ({"method": "x" * 61}, "Not a valid choice"),
        ({"reference": "x" * 121}, "120 letters are enough"),
        ({"customer": ""}, "Choose the customer who paid."),
        ({"customer": "99999"}, "No customer holds these words"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(staff_client, anna, typed, words):
    answer = enter(staff_client, **{"customer": str(anna.id), "reference": "my words", **typed})
    assert answer.status_code == 400
    assert words in text_of(answer.text)
    assert "customer" in typed or typed.get("reference", "my words") in answer.text
    assert db.session.query(Payment).count() == 0


def test_a_refusal_may_be_repaired_with_the_same_form(staff_client, anna):
    assert enter(staff_client, customer=str(anna.id), amount="1.234", form_token="a-form-token-9").status_code == 400
    assert enter(staff_client, customer=str(anna.id), form_token="a-form-token-9", over="1000").status_code == 200
    assert db.session.query(Payment).count() == 1


def test_the_list_says_what_was_settled_and_what_is_over(staff_client, anna, by):
    first, second = make_invoice(anna, 1000), make_invoice(anna, 500)
    on = date(2026, 11, 20)
    payments.record(anna, Money(2000, "EUR"), method="Cash", reference="RF18", received_on=on, oldest_first=True, by=by)
    payments.record(make_customer(), Money(1, "EUR"), method="Cheque", received_on=date(2026, 11, 19), by=by)
    (row, other) = rows_of(staff_client.get(URL).text)
    assert "Anna Lindqvist Cash RF18 €20.00" in row and f"{first.number} {second.number}" in row
    assert row.endswith("€5.00 Not used up") and "€0.01" in other
    every = "search=lindqvist search=rf1 flt0_method_is=Cash flt0_amount_above=1 flt0_reference_begins=RF"
    every += " flt0_rest_is=1&flt1_method_is=Cash"
    for asked in every.split():
        assert rows_of(staff_client.get(f"{URL}?{asked}").text) == [row], asked
    assert rows_of(staff_client.get(f"{URL}?flt0_received_on_before=2026-11-20").text) == [other]
    with spoken() as said:
        staff_client.get(f"{URL}?search=lindqvist")
    assert len(said) <= 6, said


def test_the_page_and_the_export(staff_client, anna, by):
    invoice: Invoice = make_invoice(anna, 1000)
    paid = payments.record(
        anna, Money(2500, "EUR"), method="Cash", received_on=date(2026, 11, 20), invoices=[invoice], by=by
    )
    page = text_of(staff_client.get(f"{URL}details/?id={paid.id}").text)
    assert f"{invoice.number}" in page and "€15.00 is credit of the customer." in page
    lines = staff_client.get(f"{URL}export/csv/").text.splitlines()
    assert lines[1].startswith(f"{paid.id},2026-11-20,Anna Lindqvist,Cash,,25.00,EUR,")
    assert lines[1].endswith(",15.00,0.00")


def test_customers_are_found_while_typing_and_offered_without_scripts(staff_client, anna):
    other = make_customer(name="Anna Stone")
    db.session.commit()
    found = staff_client.get(f"{URL}ajax/lookup/?query=lindq").json
    assert found == [[anna.id, f"Anna Lindqvist (No. {anna.id})", anna.email]]
    answer = enter(staff_client, customer="anna")
    assert answer.status_code == 400 and "Several customers match." in answer.text
    assert f'href="/admin/payments/new/?customer={other.id}"' in answer.text
    assert enter(staff_client, customer=f"Anna Stone (No. {other.id})", over="1000").status_code == 200
    assert db.session.query(Payment).one().customer_id == other.id


def test_only_who_may_enters_payments(client, anna):
    sign_in(client, "viewer")
    assert client.get(URL).status_code == 200
    assert client.get(f"{URL}new/").status_code == 404
    assert client.post(f"{URL}new/", data={"form_token": "a-form-token-2"}).status_code == 404
    sign_in(client, "sales")
    assert client.get(URL).status_code == 403
    assert client.get(f"{URL}ajax/lookup/?query=lindq").status_code == 403


def test_a_proforma_is_paid_and_becomes_an_invoice(staff_client, anna, by):
    db.session.get_one(Company, 1).number_when_paid = True
    proforma = issued(anna, by, line("10.00"), send=False)
    db.session.commit()
    address = f"{URL}new/?invoice={proforma.id}"
    assert address in staff_client.get(f"/admin/invoices/details/?id={proforma.id}").text
    page = staff_client.get(address).text
    assert "becomes an invoice once money is on it" in page and typed_in(page, f"part_{proforma.id}") == "10.00"
    enter(staff_client, invoice=str(proforma.id), amount="6.00")
    db.session.expire_all()
    assert db.session.get_one(Invoice, proforma.became_id).open_minor == 400
