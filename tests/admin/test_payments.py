"""Payments: listed with what they settled, entered once, and refused in words beside the field."""

from __future__ import annotations

from datetime import date

import pytest
from documents import field, rows_of, spoken, text_of
from factories import make_company, make_customer, make_invoice
from signing_in import sign_in

from billing import payments
from models import Credit, Customer, Invoice, Money, Payment, db

URL = "/admin/payments/"


@pytest.fixture
def anna(app) -> Customer:
    make_company()
    customer = make_customer(name="Anna Lindqvist")
    db.session.commit()
    return customer


def enter(client, follow: bool = True, **typed: str):
    page = client.get(f"{URL}new/").text
    known = {"amount": "10.00", "received_on": "2026-11-20", "method": "Cash", "reference": "", "choice": "oldest"}
    data = {"form_token": field(page, "form_token"), **known, **typed}
    return client.post(f"{URL}new/", data=data, follow_redirects=follow)


def test_a_payment_for_an_invoice_leads_back_to_it(staff_client, anna):
    invoice = make_invoice(anna, 5000)
    page = staff_client.get(f"{URL}new/?invoice={invoice.id}").text
    assert 'value="50.00"' in page and "Anna Lindqvist" in page and 'value="2026-11-22"' in page
    data = {"invoice": str(invoice.id), "choice": "invoice", "amount": "20"}
    answer = enter(staff_client, **data)
    assert answer.request.full_path == f"/admin/invoices/details/?id={invoice.id}"
    assert "€20.00 recorded for Anna Lindqvist" in answer.text
    db.session.expire_all()
    assert invoice.open_minor == 3000


def test_two_clicks_record_one_payment(staff_client, anna):
    token = "a-form-token-1"
    first = enter(staff_client, follow=False, customer=str(anna.id), form_token=token)
    second = enter(staff_client, follow=False, customer=str(anna.id), form_token=token)
    assert first.status_code == second.status_code == 302
    assert first.location == second.location
    assert db.session.query(Payment).count() == 1


def test_oldest_invoices_first_or_kept_as_credit(staff_client, anna):
    late, early = make_invoice(anna, 1000, issued_on=date(2026, 11, 9)), make_invoice(anna, 1000)
    enter(staff_client, customer=str(anna.id), amount="12.00")
    db.session.expire_all()
    assert (early.open_minor, late.open_minor) == (0, 800)
    enter(staff_client, customer=str(anna.id), amount="7.00", choice="credit")
    db.session.expire_all()
    assert late.open_minor == 800
    assert [credit.remaining_minor for credit in db.session.query(Credit)] == [700]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"amount": ""}, "Type the amount"),
        ({"amount": "ten"}, "Write an amount, such as 12.50."),
        ({"amount": "-5"}, "A payment is more than zero"),
        ({"amount": "1.234"}, "at most 2 decimals"),
        ({"amount": "9" * 60}, "Write an amount"),
        ({"received_on": "2026-11-23"}, "lies in the future"),
        ({"received_on": "2026-13-01"}, "Write the day as"),
        ({"received_on": "0001-01-01"}, "Type the day"),
        ({"method": ""}, "Say how the money came"),
        ({"method": "x" * 61}, "60 letters are enough"),
        ({"reference": "x" * 121}, "120 letters are enough"),
        ({"choice": "gift"}, "Not a valid choice."),
        ({"customer": ""}, "Choose the customer who paid."),
        ({"customer": "99999"}, "No customer holds these words"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(staff_client, anna, typed, words):
    answer = enter(staff_client, **{"customer": str(anna.id), "reference": "my words", **typed})
    assert answer.status_code == 400
    assert words in text_of(answer.text)
    assert typed.get("reference", "my words") in answer.text
    assert db.session.query(Payment).count() == 0


def test_a_refusal_may_be_repaired_with_the_same_form(staff_client, anna):
    assert enter(staff_client, customer=str(anna.id), amount="1.234", form_token="a-form-token-9").status_code == 400
    assert enter(staff_client, customer=str(anna.id), form_token="a-form-token-9").status_code == 200
    assert db.session.query(Payment).count() == 1


def test_the_list_says_what_was_settled_and_what_is_over(staff_client, anna, by):
    first, second = make_invoice(anna, 1000), make_invoice(anna, 500)
    on = date(2026, 11, 20)
    payments.record(anna, Money(2000, "EUR"), method="Cash", reference="RF18", received_on=on, oldest_first=True, by=by)
    payments.record(make_customer(), Money(1, "EUR"), method="Cheque", received_on=date(2026, 11, 19), by=by)
    (row, other) = rows_of(staff_client.get(URL).text)
    assert "Anna Lindqvist Cash RF18 €20.00" in row and f"{first.number} {second.number}" in row
    assert row.endswith("€5.00") and "€0.01" in other
    every = "search=lindqvist search=rf1 flt0_method_is=Cash flt0_amount_above=1 flt0_reference_begins=RF"
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
    assert f"{invoice.number}" in page and "Kept as credit €15.00 Still in hand €15.00" in page
    lines = staff_client.get(f"{URL}export/csv/").text.splitlines()
    assert lines[1].startswith("2026-11-20,Anna Lindqvist,Cash,,25.00,EUR,") and lines[1].endswith(",15.00")


def test_customers_are_found_while_typing_and_offered_without_scripts(staff_client, anna):
    other = make_customer(name="Anna Stone")
    db.session.commit()
    found = staff_client.get(f"{URL}ajax/lookup/?query=lindq").json
    assert found == [[anna.id, f"Anna Lindqvist (No. {anna.id})", anna.email]]
    answer = enter(staff_client, customer="anna")
    assert answer.status_code == 400 and "Several customers match." in answer.text
    assert f'name="customer" value="{other.id}"' in answer.text
    assert enter(staff_client, customer=f"Anna Stone (No. {other.id})").status_code == 200
    assert db.session.query(Payment).one().customer_id == other.id


def test_only_who_may_enters_payments(client, anna):
    sign_in(client, "viewer")
    assert client.get(URL).status_code == 200
    assert client.get(f"{URL}new/").status_code == 404
    assert client.post(f"{URL}new/", data={"form_token": "a-form-token-2"}).status_code == 404
    sign_in(client, "sales")
    assert client.get(URL).status_code == 403
    assert client.get(f"{URL}ajax/lookup/?query=lindq").status_code == 403
