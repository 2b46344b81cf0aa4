"""Who may be the same customer: by e-mail, phone, tax number, or a very similar name at the same place."""

from __future__ import annotations

import pytest
from factories import make_company, make_customer
from sqlalchemy import text

from billing import customers
from billing.duplicates import likely
from models import db


@pytest.fixture
def anna(app, by):
    make_company()
    known = {"name": "Lindqvist Design Ltd", "email": "anna@lindqvist.example", "phone": "01 555 0142"}
    known |= {"country": "IE", "tax_id": "IE6388047V", "postal_code": "D02 XY45"}
    return customers.create(known, strict=True, by=by)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"email": " Anna@Lindqvist.example "}, ("e-mail",)),
        ({"phone": "+353 (1) 555-0142"}, ("phone",)),
        ({"phone": "0035315550142"}, ("phone",)),
        ({"tax_id": "6388047V", "country": "IE"}, ("tax number",)),
        ({"tax_id": "ie 6388047-v"}, ("tax number",)),
        ({"name": "Design, Lindqvist", "postal_code": "D02 XY45"}, ("name and place",)),
        ({"company_name": "LINDQVIST Desing Limited", "name": "x", "postal_code": "D02 XY45"}, ("name and place",)),
    ],
)
def test_is_found_by_what_they_have_in_common(anna, typed, why):
    make_customer(name="Noise", postal_code="D02 XY45", phone="", tax_id="")
    [found] = likely(typed, home="IE")
    assert (found.customer.id, found.why) == (anna.id, why)


@pytest.mark.parametrize(
    "typed",
    [
        {"email": "other@lindqvist.example"},
        {"phone": "555"},
        {"phone": "call me"},
        {"name": "Lindqvist Design", "postal_code": "D04"},
        {"name": "Bakery", "postal_code": "D02 XY45"},
        {"email": "", "phone": "", "tax_id": "", "postal_code": "", "name": ""},
        {"email": "\0", "tax_id": "\0"},
    ],
)
def test_others_are_left_alone(anna, typed):
    make_customer(phone="", tax_id="", postal_code="")
    assert likely(typed, home="IE") == []


def test_who_has_most_in_common_comes_first_and_archived_ones_count(anna):
    other = make_customer(email="anna@lindqvist.example", status="archived")
    found = likely({"email": "anna@lindqvist.example", "tax_id": "IE6388047V"})
    assert [(one.customer.id, len(one.why)) for one in found] == [(anna.id, 2), (other.id, 1)]


def test_a_name_is_found_among_very_many_at_one_place(anna):
    db.session.add_all(
        customers.Customer(name=f"Tenant {i}", email=f"t{i}@m.example", currency="EUR", country="IE",
                           postal_code="D02 XY45", registered_on=anna.registered_on)
        for i in range(320)
    )  # fmt: skip
    db.session.flush()
    last = make_customer(name="Zebra Holding", postal_code="D02 XY45")
    assert [one.customer.id for one in likely({"name": "Zebra Holding AG", "postal_code": "D02 XY45"})] == [last.id]


def test_every_question_is_asked_by_an_index(anna):
    """SQLite says how it looks: never through the whole table."""
    if db.session.get_bind().dialect.name != "sqlite":
        return
    for where in ("email = 'a'", "phone_e164 = '+3' AND phone_e164 <> ''", "tax_id IN ('a', 'b')",
                  "postal_code = 'a' AND postal_code <> ''", "username = 'a' COLLATE NOCASE"):  # fmt: skip
        plan = db.session.execute(text(f"EXPLAIN QUERY PLAN SELECT id FROM customer WHERE {where}")).all()  # noqa: S608
        assert all("SEARCH" in row[3] for row in plan), (where, plan)
