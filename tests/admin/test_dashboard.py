"""The panel's home shows real figures to those who may see them, and leads somewhere from everything it says."""

from __future__ import annotations

import re
from datetime import date

from factories import make_company, make_customer, make_invoice, make_package, make_service
from flask import Flask
from signing_in import Browser, sign_in
from sqlalchemy import select
from statements import spoken

from billing import customer_status
from billing.actor import system
from models import BillingGroup, Customer, Delivery, Message, db


def business(app: Flask) -> None:
    make_company()
    customer = make_customer(registered_on=date(2026, 11, 3))
    make_service(customer, make_package(), price_minor=4900, started_on=date(2026, 10, 1))
    make_invoice(customer, 12345, issued_on=date(2026, 10, 1))
    db.session.commit()


def test_figures_are_those_of_the_books(app: Flask, staff_client: Browser) -> None:
    business(app)
    page = staff_client.get("/admin/").get_data(as_text=True)
    assert "€49.00" in page and "€123.45" in page
    assert "Active customers" in page and "1 customer" in page
    for span in ("30d", "year", "12m", "nonsense", "'"):
        assert staff_client.get(f"/admin/?range={span}").status_code == 200


def test_who_may_not_see_reports_sees_no_money(app: Flask, client: Browser) -> None:
    business(app)
    sign_in(client, role="support")
    page = client.get("/admin/").get_data(as_text=True)
    assert "€" not in page and "Needs you" in page


def test_what_waits_for_a_person_is_named_and_led_to(app: Flask, staff_client: Browser) -> None:
    business(app)
    group = db.session.query(BillingGroup).first()
    group.parked_at = app.clock()
    message = Message(kind="invoice", created_at=app.clock(), created_by="x")
    message.deliveries = [
        Delivery(address="a@x.example", dedupe_key=state, state=state, next_try_at=app.clock())
        for state in ("bounced", "unknown", "queued")
    ]
    db.session.add(message)
    db.session.commit()
    page = staff_client.get("/admin/").get_data(as_text=True)
    for words in ("1 account set aside", "1 mail came back", "1 mail may not have arrived", "1 mail waits"):
        assert words in page
    needs = page.split('id="h-needs"')[1].split("</section>")[0]
    for url in re.findall(r'href="([^"#]+)"', needs):
        assert staff_client.get(url.replace("&amp;", "&")).status_code == 200, url


def test_an_empty_installation_says_what_to_do_first(app: Flask, staff_client: Browser) -> None:
    make_company()
    db.session.commit()
    page = staff_client.get("/admin/").get_data(as_text=True)
    assert "Ready to begin" in page and "Add package" in page and "Add customer" in page and "€0.00" in page
    assert "–</" not in page, "nothing is overdue"
    assert "Revenue by month" not in page, "pictures of nothing"
    make_package()
    make_customer()
    db.session.commit()
    page = staff_client.get("/admin/").get_data(as_text=True)
    assert "Ready to begin" in page and "Start a service" in page and "Add package" not in page


def test_what_happened_just_now_names_whom_it_happened_to(app: Flask, staff_client: Browser) -> None:
    business(app)
    customer = db.session.scalars(select(Customer)).one()
    customer_status.disable([customer], by=system(app.clock(), app.clock().date()))
    db.session.commit()
    now = staff_client.get("/admin/").get_data(as_text=True).split('id="h-now"')[1]
    assert f'Disabled: <a href="/admin/customer/details/?id={customer.id}">{customer.name}</a>' in now


def test_the_page_costs_few_statements(app: Flask, staff_client: Browser) -> None:
    business(app)
    staff_client.get("/admin/")
    with spoken() as asked:
        staff_client.get("/admin/")
    assert len(asked) <= 26, asked
