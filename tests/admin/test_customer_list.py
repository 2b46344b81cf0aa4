"""The list of customers: what each filter finds, who is overdue, one export at a time."""

from __future__ import annotations

import re
from datetime import date

import pytest
from factories import make_company, make_customer, make_invoice

from billing import customers
from models import CustomerGroup, db

LIST = "/admin/customer/"
NOTHING = "flt0_id_is=1&flt1_id_is=2"


@pytest.fixture
def panel(staff_client):
    make_company()
    db.session.commit()
    return staff_client


def names(client, query: str) -> list[str]:
    answer = client.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    return sorted(re.findall(r'class="row-link"[^>]*>([^<]+)</a>', answer.text))


@pytest.fixture
def three(panel, by):
    group = CustomerGroup(name="Gold", colour="#aa8800")
    db.session.add(group)
    late = make_customer(name="Late", group=group, country="DE", city="Köln", tax_id="DE123456789", username="late.one")
    make_invoice(late, due_on=date(2026, 10, 1)).number = "INV-777"
    customers.add_tags([late], ["fibre"], by=by)
    make_customer(name="Due", phone="+353 1 555 0142", phone_digits="35315550142")
    make_customer(name="Rich", balance_minor=-500, credit_minor=500, language="de")
    db.session.commit()
    return late


FOUND = [
    ("flt0_overdue_is=1", ["Late (late.one)"]), ("flt0_overdue_is=0", ["Due", "Rich"]),
    ("flt0_group_empty=1", ["Due", "Rich"]), ("flt0_group_filled=1", ["Late (late.one)"]),
    ("flt0_tag_is=fibre", ["Late (late.one)"]), ("flt0_tag_not=fibre", ["Due", "Rich"]),
    ("flt0_tag_empty=1", ["Due", "Rich"]), ("flt0_tag_filled=1", ["Late (late.one)"]),
    ("flt0_tax_id_filled=1", ["Late (late.one)"]), ("flt0_country_not=DE", ["Due", "Rich"]),
    ("flt0_username_is=late.one", ["Late (late.one)"]), ("flt0_credit_above=1", ["Rich"]),
    ("flt0_portal_user_is=0", ["Due", "Late (late.one)", "Rich"]), ("flt0_portal_user_is=1", []),
    ("flt0_phone_has=555", ["Due"]), ("flt0_phone_filled=1&flt1_tax_id_empty=1", ["Due"]),
    ("flt0_language_is=de", ["Rich"]), ("flt0_name_begins=LA", ["Late (late.one)"]),
    ("search=inv-777", ["Late (late.one)"]), ("search=INV-77", []), ("search=late.o", ["Late (late.one)"]),
]  # fmt: skip


def test_each_filter_finds_its_customers(panel, three):
    assert {query: names(panel, query) for query, _found in FOUND} == dict(FOUND)


def test_who_is_overdue_says_so(panel, three):
    page = panel.get(LIST).text
    assert len(re.findall(r'pill-bad">Overdue<', page)) == 1 and len(re.findall(r'pill-ok">Active<', page)) == 2


def test_a_person_has_one_export_at_a_time(panel, three):
    running = panel.get(f"{LIST}export/csv/", buffered=False)
    next(running.response)
    second = panel.get(f"{LIST}export/csv/?{NOTHING}")
    assert second.status_code == 302 and "export" not in second.location
    assert "Your last export is still running" in panel.get(LIST).text
    running.close()
    assert panel.get(f"{LIST}export/csv/?columns=shown").status_code == 200
    assert panel.get(f"{LIST}export/csv/").text.count("\r\n") == 4
