"""Filter by customer: one click narrows every list, export, action and figure, for this session alone."""

from __future__ import annotations

from datetime import date

import pytest
from factories import add, make_company, make_customer, make_group, make_invoice, make_package, make_service
from flask import Flask
from signing_in import Browser, make_role, sign_in

from admin.base import StaffView
from admin.narrowing import NOBODY
from billing import audit, customers, payments
from billing.actor import Actor
from models import (
    Charge,
    Customer,
    CustomerStatus,
    Delivery,
    Message,
    Money,
    Run,
    RunUnit,
    UnitState,
    WebSession,
    db,
)

LISTS = (
    "/admin/customer/", "/admin/service/", "/admin/charge/", "/admin/invoices/", "/admin/payments/",
    "/admin/deliveries/", "/admin/set-aside/", "/admin/run-results/",
)  # fmt: skip


@pytest.fixture
def two(app: Flask, by: Actor) -> tuple[Customer, Customer]:
    """Two customers with one of everything each."""
    make_company()
    run = add(Run(kind="renewals", on=by.today, started_by="x", started_at=by.at))
    return _full("Ahlberg Shipping", run, by), _full("Bergstrom Tiles", run, by)


def _full(name: str, run: Run, by: Actor) -> Customer:
    customer = make_customer(name=name)
    package = make_package(name=f"Package of {name}")
    service = make_service(customer, package)
    parked = make_group(customer, parked_at=by.at, parked_reason="too much")
    make_invoice(customer)
    payments.record(customer, Money(1000, "EUR"), method="cash", received_on=by.today, by=by)
    message = add(Message(kind="note", customer_id=customer.id, created_at=by.at, created_by="x"))
    about = {"message_id": message.id, "customer_id": customer.id, "address": f"{name[:4].lower()}@m.example"}
    add(Delivery(**about, dedupe_key=name, next_try_at=by.at))
    add(
        Charge(customer_id=customer.id, billing_group_id=service.billing_group_id, description="Rack", currency="EUR",
               price_minor=900, starts_on=date(2026, 1, 1))
    )  # fmt: skip
    unit = {"run_id": run.id, "customer_id": customer.id, "billing_group_id": parked.id, "on": by.today}
    add(RunUnit(**unit, state=UnitState.PARKED, reason="too much", currency="EUR"))
    audit.record(by, "customer.disabled", customer)
    return customer


def choose(client: Browser, customer: Customer) -> None:
    answer = client.post("/admin/only/", data={"id": str(customer.id)})
    assert answer.status_code == 302


def test_every_list_says_how_its_rows_belong_to_a_customer(app: Flask) -> None:
    """A list that forgets to would show nothing while the filter is on: say `of_customer`, or NOBODY."""
    views = [v for panel in app.extensions["admin"] for v in panel._views if isinstance(v, StaffView)]
    assert len(views) > 15
    silent = [v.endpoint for v in views if not v.of_customer]
    assert silent == []
    for view in views:
        columns = view.model.__table__.c
        if view.of_customer == NOBODY:
            assert "customer_id" not in columns, f"{view.endpoint} is about customers"
        else:
            assert view.of_customer in columns


@pytest.mark.parametrize("path", LISTS)
def test_lists_and_their_exports_show_only_that_customer(
    two: tuple[Customer, Customer], staff_client: Browser, path: str
) -> None:
    one, other = two
    before = staff_client.get(path).text
    assert one.name in before and other.name in before
    choose(staff_client, one)
    after = staff_client.get(path).text
    assert one.name in after and other.name not in after
    export = staff_client.get(f"{path}export/csv/")
    if export.status_code == 200:
        assert len(export.text.strip().splitlines()) == 2


def test_the_audit_log_shows_only_that_customer(two: tuple[Customer, Customer], staff_client: Browser) -> None:
    one, other = two
    choose(staff_client, one)
    page = staff_client.get("/admin/audit/").text
    assert one.name in page and f">{other.name}<" not in page


def test_figures_count_only_that_customer(two: tuple[Customer, Customer], staff_client: Browser) -> None:
    one, _other = two
    make_invoice(one, 500_00)
    page = staff_client.get("/admin/").text
    assert "€746.00" in page or "€746" in page
    choose(staff_client, one)
    page = staff_client.get("/admin/").text
    assert "€623" in page and "€746" not in page
    assert "1 account set aside" in page


def test_packages_and_settings_stay_whole(two: tuple[Customer, Customer], staff_client: Browser) -> None:
    one, other = two
    choose(staff_client, one)
    assert f"Package of {other.name}" in staff_client.get("/admin/package/").text


def test_the_bar_names_the_customer_and_takes_the_filter_off(
    two: tuple[Customer, Customer], staff_client: Browser
) -> None:
    one, other = two
    choose(staff_client, one)
    for path in ("/admin/", "/admin/package/", "/admin/account/", f"/admin/customer/details/?id={other.id}"):
        page = staff_client.get(path).text
        assert f"Showing only {one.name}" in page and "Remove filter" in page
    answer = staff_client.post("/admin/only/remove/", headers={"Referer": "http://localhost/admin/invoices/?after=3"})
    assert answer.location == "/admin/invoices/"
    page = staff_client.get("/admin/customer/").text
    assert other.name in page and "Remove filter" not in page


def test_it_is_this_sessions_alone(two: tuple[Customer, Customer], staff_client: Browser, app: Flask) -> None:
    one, other = two
    choose(staff_client, one)
    colleague, same_person = app.test_client(), app.test_client()
    sign_in(colleague, "admin")
    sign_in(same_person)
    for browser in (colleague, same_person):
        assert other.name in browser.get("/admin/customer/").text


def test_it_goes_when_the_customer_goes(app: Flask, staff_client: Browser, by: Actor) -> None:
    make_company()
    gone, stays = make_customer(name="Gone Ltd"), make_customer(name="Stays Ltd")
    choose(staff_client, gone)
    customers.delete(gone, by=by)
    db.session.commit()
    assert db.session.query(WebSession.only_customer_id).one() == (None,)
    page = staff_client.get("/admin/customer/").text
    assert stays.name in page and "Remove filter" not in page


def test_actions_on_all_that_match_keep_to_it(two: tuple[Customer, Customer], staff_client: Browser) -> None:
    one, other = two
    choose(staff_client, one)
    form = {"action": "disable", "scope": "all", "count": "1", "list": "", "sure": "1"}
    staff_client.post("/admin/customer/action/", data=form)
    db.session.expire_all()
    assert db.session.get(Customer, one.id).status is CustomerStatus.DISABLED
    assert db.session.get(Customer, other.id).status is CustomerStatus.ACTIVE
    staff_client.post("/admin/customer/action/", data={"action": "disable", "rowid": str(other.id)})
    db.session.expire_all()
    assert db.session.get(Customer, other.id).status is CustomerStatus.ACTIVE, "a row that is not shown"


@pytest.mark.parametrize("path", ["/admin/service/", "/admin/charge/", "/admin/payments/"])
def test_new_records_begin_with_that_customer(two: tuple[Customer, Customer], staff_client: Browser, path: str) -> None:
    choose(staff_client, two[0])
    assert f'href="{path}new/?customer={two[0].id}"' in staff_client.get(path).text
    assert two[0].name in staff_client.get(f"{path}new/?customer={two[0].id}").text


@pytest.mark.parametrize("wrong", ["", "0", "999999", "9" * 30, "1 OR 1=1", "-1"])
def test_a_customer_that_is_not_there_is_not_found(app: Flask, staff_client: Browser, wrong: str) -> None:
    make_company()
    assert staff_client.post("/admin/only/", data={"id": wrong}).status_code == 404


def test_only_those_who_see_customers_may_choose_one(two: tuple[Customer, Customer], client: Browser) -> None:
    make_role("packer", "packages.view")
    sign_in(client, "packer", email="packer@staff.example")
    assert client.post("/admin/only/", data={"id": str(two[0].id)}).status_code == 403
    assert client.get(f"/admin/only/?id={two[0].id}").status_code == 405


def test_a_forged_click_changes_nothing(two: tuple[Customer, Customer], staff_client: Browser) -> None:
    assert staff_client.post("/admin/only/", data={"id": str(two[0].id)}, csrf=False).status_code == 400
    assert db.session.query(WebSession.only_customer_id).one() == (None,)


def test_it_leads_back_to_our_own_pages_only(two: tuple[Customer, Customer], staff_client: Browser) -> None:
    for came in ("https://evil.example//evil", "https://evil.example/x", "http://localhost//evil.example/admin/"):
        answer = staff_client.post("/admin/only/", data={"id": str(two[0].id)}, headers={"Referer": came})
        assert answer.location == "/admin/"
