"""Values no form sends: ids of thousands of digits, nested junk, numbers beyond number; refused, never a breakdown."""

from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest
from factories import make_company, make_customer
from flask import Flask
from security.pages import Page
from signing_in import Browser

from billing import custom_fields, customers, message_settings
from billing.actor import Actor
from billing.texts import InvalidText
from jobs import imports
from models import Customer, ImportFile, Tag, db

ENDLESS = "9" * 5000


@pytest.fixture
def customer(app: Flask) -> Customer:
    make_company()
    return make_customer()


@pytest.mark.parametrize(
    "address",
    ["customer/details/?id={}", "audit/?flt0_object_is=customer:{}", "invoices/?after={}~1",
     "invoices/?flt0_customer_is={}", "payments/new/?customer={}", "search/?q=invoice:{}"],
)  # fmt: skip
def test_an_id_of_thousands_of_digits_is_missing(customer: Customer, staff_client: Browser, address: str) -> None:
    assert staff_client.get(f"/admin/{address.format(ENDLESS)}").status_code in (200, 404)


@pytest.mark.parametrize(
    "sent",
    [{"action": "disable", "rowid": ENDLESS}, {"one": f"disable.{ENDLESS}"}, {"action": "disable", "rowid": "-1"}],
)
def test_rows_of_thousands_of_digits_are_no_rows(
    customer: Customer, staff_client: Browser, sent: dict[str, str]
) -> None:
    assert staff_client.post("/admin/customer/action/", data=sent).status_code == 302
    assert db.session.get_one(Customer, customer.id).status == "active"


@pytest.mark.parametrize("seen", ["[" * 100_000, "[]", '{"tax_id": {"a": 1}}', "nothing", "9" * 5000])
def test_what_a_form_says_it_saw_may_be_junk(customer: Customer, staff_client: Browser, seen: str) -> None:
    answer = staff_client.post(f"/admin/customer/card/?id={customer.id}&card=tax", data={"seen": seen})
    assert answer.status_code in (200, 302)


def test_tags_that_cannot_be_are_refused(customer: Customer, staff_client: Browser, by: Actor) -> None:
    address = f"/admin/customer/tags/?id={customer.id}"
    for sent in ({"remove": "a\x00b"}, {"add": "a\x00b"}, {"add": ",".join(f"tag {n}" for n in range(3000))}):
        assert staff_client.post(address, data=sent).status_code == 302
    assert db.session.query(Tag).count() == 0
    with pytest.raises(InvalidText, match="At most"):
        customers.add_tags([customer], [f"tag {n}" for n in range(51)], by=by)


@pytest.mark.parametrize(
    "typed",
    ["1E+999999999999999999", "-1E+999999999999999999", "1E-999999999999999999", "0E+999999", "0E-999999", "NaN",
     "sNaN", "Infinity", "1e309", "١٢", "1_000", "1,5", "0x10", "1234567890123", "0.0000001", "9" * 5000],
)  # fmt: skip
def test_numbers_beyond_number_are_refused_in_words(typed: str) -> None:
    with pytest.raises(InvalidText):
        custom_fields.number(typed)


@pytest.mark.parametrize("typed", ["0", "0.0", "-0.000001", "999999999999.999999", " 12.5 ", "1e3"])
def test_numbers_people_type_are_kept(typed: str) -> None:
    assert custom_fields.number(typed) == Decimal(typed.strip())


@pytest.mark.parametrize("price", ["sNaN", "NaN", "1E+999999999999999999", "-1", "Infinity", "١"])
def test_prices_beyond_number_are_refused_in_words(customer: Customer, by: Actor, price: str) -> None:
    with pytest.raises(message_settings.RefusedLimits) as refused:
        message_settings.change({"prices": f"+353 {price}"}, by=by)
    assert "Line 1" in refused.value.errors["prices"]


@pytest.mark.parametrize(
    "table",
    ["name,email,id\na\x00b,a@mail.example,1\n", "na\x00me,email,id\na,a@mail.example,1\n",
     "na\x1bme,\u202eb,id\n\x07,b,3\n",
     "__proto__,constructor,<script>\n1,2,<img src=x onerror=1>\n", "=1+1,@x,-y\n+1,=2,\t3\n"],
)  # fmt: skip
def test_tables_that_are_no_tables_break_nothing(app: Flask, staff_client: Browser, table: str) -> None:
    make_company()
    file = (io.BytesIO(table.encode("utf-16")), 'a";\r\nX-Y: \u202e../b.csv')
    with staff_client.post("/admin/imports/new/", data={"form_token": "a form of its own", "file": file}) as answer:
        assert answer.status_code == 302
    number = answer.location.rpartition("=")[2]
    chosen = {
        "column-0": "name", "column-1": "email", "column-2": "external_id", "identity": ENDLESS, "source": "x\x00y",
        "form_token": "another form of its own", "currency": "EUR", "existing": "update",
    }  # fmt: skip
    for page in ("file", "columns", "details"):
        shown = staff_client.get(f"/admin/imports/{page}/?id={number}")
        assert shown.status_code in (200, 302) and "<img src=x" not in shown.text and "<script>\n" not in shown.text
    for identity in (ENDLESS, "2"):
        sent = {**chosen, "identity": identity, "form_token": f"a form for {len(identity)}"}
        assert staff_client.post(f"/admin/imports/columns/?id={number}", data=sent).status_code < 500
        imports.run()
        assert db.session.get_one(ImportFile, int(number), populate_existing=True).error == ""
    answer = staff_client.get(f"/admin/imports/wrong-lines/?id={number}")
    assert answer.status_code in (200, 404) and "X-Y" not in answer.headers


def test_an_identity_number_cannot_be_found_out_by_giving_it_to_somebody_else(
    customer: Customer, staff_client: Browser
) -> None:
    other = make_customer(identity_number="8001015009087")
    customer.identity_number = other.identity_number
    pages = [
        staff_client.get(f"/admin/customer/details/?id={one.id}&tab=billing&edit=tax").text for one in (customer, other)
    ]
    seen = [Page("/", page).forms for page in pages]
    held = [
        json.loads(field.value) for forms in seen for form in forms for field in form.fields if field.name == "seen"
    ]
    assert len(held) == 2 and held[0]["identity_number"] != held[1]["identity_number"]
    assert not any(other.identity_number in page for page in pages)
