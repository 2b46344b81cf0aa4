"""The list of customers: what each filter finds in at most six statements, who is overdue, one export at a time."""

from __future__ import annotations

import re
from datetime import date

import pytest
from factories import make_company, make_customer, make_invoice
from statements import spoken

from billing import customers
from models import Customer, CustomerGroup, CustomerStatus, Tag, db

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


def view(app):
    return next(v for v in app.extensions["admin"][0]._views if getattr(v, "model", None) is Customer)


def queries(app) -> list[str]:
    """The list as it opens, with each filter, in each order, and with two filters over small tables."""
    with app.test_request_context():
        filters, sorts = view(app).filters_by_arg(), list(view(app).sort_columns())
        values = {
            name: (one.choices() or [({"date": "2026-01-01"}.get(one.type, "100"), "")])[0][0] if one.takes_value else 1
            for name, one in filters.items()
        }
    db.session.rollback()
    narrowed = [f"flt0_{name}={value}" for name, value in values.items()]
    return [
        "",
        *narrowed,
        *(f"sort=-{name}" for name in sorts),
        f"flt0_group_is={values['group_is']}&flt1_tag_is=fibre",
    ]


def test_every_column_filter_and_order_takes_six_statements(panel, three, app):
    with app.test_request_context():
        offered = list(view(app).offered_columns())
    db.session.rollback()
    panel.post(f"{LIST}choose-columns/", data={"order": offered, "shown": offered, "save": "1"})
    too_many = {}
    for query in queries(app):
        with spoken() as asked:
            assert panel.get(f"{LIST}?{query}").status_code == 200, query
        if len(asked) > 6:
            too_many[query] = asked
    assert too_many == {}
    page = panel.get(LIST).text
    assert "Gold" in page and "#aa8800" in page and "INV-777" in page and "Köln" in page


def test_fifty_customers_are_a_small_page(panel):
    tags = [Tag(name=name) for name in ("newsletter", "own router", "fibre")]
    for i in range(60):
        status = CustomerStatus.DISABLED if i % 3 else CustomerStatus.ACTIVE
        about = {
            "phone": "+353 21 555 0104",
            "username": f"timber{i:04}",
            "tags": tags if i % 5 == 0 else tags[: i % 2],
        }
        make_customer(
            name="Tipperary Timber", email=f"accounts{i}@tipperary.example", balance_minor=12_345, service_count=2,
            status=status, **about,
        )  # fmt: skip
    db.session.commit()
    for query in ("", "?sort=-balance", "?flt0_username_filled=1"):
        page = panel.get(LIST + query)
        assert page.text.count("name=rowid ") == 50
        assert len(page.data) <= 60_000, query


def test_the_icons_of_a_row_lead_where_they_say(panel, three):
    page = panel.get(LIST).text
    assert '<form id="row-post" method="post" action="/admin/messages/new/">' in page
    assert f"form=row-post name=to value=customer.{three.id} title=Write>" in page
    assert f'<a class=dots href="details/?id={three.id}" title=More data-menu=' in page
    menu = page.partition('<template id="row-menu">')[2].partition("</template>")[0]
    assert 'form=row-post formaction="/admin/only/" name=id value=~ role="menuitem"' in menu
    assert 'name="one" value="disable.~"' in menu and 'href="delete/confirm/?id=~"' in menu
    answer = panel.post("/admin/messages/new/", data={"to": f"customer.{three.id}"}, follow_redirects=True)
    assert answer.status_code == 200 and "Late" in answer.text
    assert panel.post("/admin/only/", data={"id": three.id}).status_code == 302
    assert panel.get(LIST).text.count("name=rowid ") == 1


def test_a_person_has_one_export_at_a_time(panel, three):
    running = panel.get(f"{LIST}export/csv/", buffered=False)
    next(running.response)
    second = panel.get(f"{LIST}export/csv/?{NOTHING}")
    assert second.status_code == 302 and "export" not in second.location
    assert "Your last export is still running" in panel.get(LIST).text
    running.close()
    assert panel.get(f"{LIST}export/csv/?columns=shown").status_code == 200
    assert panel.get(f"{LIST}export/csv/").text.count("\r\n") == 4
