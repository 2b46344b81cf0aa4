"""Customers who leave: three steps with Back, a draft that stays, and what was decided on a page."""

from __future__ import annotations

import re
import secrets
from datetime import date

import pytest
from factories import make_company, make_customer, make_service
from signing_in import sign_in

from billing import own_lists
from models import Customer, EndReason, Invoice, Termination, db

URL = "/admin/terminations/"
STOP = date(2026, 12, 11)


def form(**values):
    return {"form_token": secrets.token_urlsafe(24), **values}


@pytest.fixture
def customer(app, by):
    make_company()
    customer = make_customer(name="Ann Lee")
    make_service(customer, description="Fibre 500")
    own_lists.create(EndReason, {"name": "Moves"}, by=by)
    db.session.commit()
    return customer


def seen(page: str) -> str:
    return re.search(r'name="seen" value="([^"]+)"', page)[1]


def to_step_two(client, customer: Customer, **more) -> Termination:
    start = f"{URL}when/?customer={customer.id}"
    reason = db.session.query(EndReason).one().id
    answer = client.post(start, data=form(on=str(STOP), which="all", reason_id=reason, reason="Spain", **more))
    found = db.session.query(Termination).one()
    assert answer.location == f"{URL}bill/?id={found.id}"
    return found


def test_three_steps_and_the_page_of_it(staff_client, customer):
    begin = f"{URL}when/?customer={customer.id}"
    assert staff_client.get(f"{URL}new/?customer={customer.id}").location == begin
    assert "No customer" in staff_client.get(f"{URL}new/?customer=Nobody").text
    assert (
        "Fibre 500" in staff_client.get(begin).text and 'href="/admin/terminations/new/' in staff_client.get(URL).text
    )
    found = to_step_two(staff_client, customer)
    page = staff_client.get(f"{URL}bill/?id={found.id}").text
    assert "Last bill" in page and "€3.23" in page and "€10.00 × 10 of 31 days" in page
    again = staff_client.get(f"{URL}when/?customer={customer.id}")
    assert again.location == f"{URL}details/?id={found.id}"
    assert staff_client.get(again.location).location == f"{URL}bill/?id={found.id}"
    assert "2026-12-11" in staff_client.get(f"{URL}when/?id={found.id}").text
    staff_client.post(f"{URL}bill/?id={found.id}", data={"credit": "y", "rest": "keep", "method": "Cash"})
    page = staff_client.get(f"{URL}after/?id={found.id}").text
    assert "is disabled" in page and found.credit
    sent = form(send="y", after="disable", seen=seen(page))
    done = staff_client.post(f"{URL}after/?id={found.id}", data=sent)
    assert done.location == f"{URL}details/?id={found.id}"
    for again in (sent, form(send="y", after="disable", seen=seen(page))):  # pressed twice, and from another window
        assert staff_client.post(f"{URL}after/?id={found.id}", data=again).location == done.location
    assert db.session.query(Invoice).count() == 1
    page = staff_client.get(f"{URL}details/?id={found.id}").text
    assert "Day to come" in page and "Moves, Spain" in page and "Withdraw" in page
    assert "Leaves: services end on 11 Dec 2026" in staff_client.get(f"/admin/customer/details/?id={customer.id}").text
    assert "Ann Lee" in staff_client.get(URL).text
    staff_client.post(f"{URL}withdraw/", data={"id": found.id})
    assert found.state == "withdrawn"


def test_what_changed_since_is_shown_and_nothing_done(staff_client, customer):
    found = to_step_two(staff_client, customer)
    page = staff_client.get(f"{URL}after/?id={found.id}").text
    make_service(customer)
    db.session.commit()
    answer = staff_client.post(f"{URL}after/?id={found.id}", data=form(send="y", after="archive", seen=seen(page)))
    assert answer.status_code == 409 and "Changed since you looked" in answer.text
    assert db.session.query(Invoice).count() == 0 and seen(answer.text) != seen(page)


def test_only_some(staff_client, customer):
    other = make_service(customer, description="Router")
    db.session.commit()
    start = f"{URL}when/?customer={customer.id}"
    answer = staff_client.post(start, data=form(on=str(STOP), which="some"))
    assert answer.status_code == 400 and "Tick at least one" in answer.text
    staff_client.post(start, data=form(on=str(STOP), which="some", services=[other.id]))
    found = db.session.query(Termination).one()
    page = staff_client.get(f"{URL}after/?id={found.id}").text
    assert "These run on: Fibre 500" in page
    staff_client.post(f"{URL}drop/", data={"id": found.id})
    assert db.session.query(Termination).count() == 0


def test_only_who_may(client, customer, by):
    from billing import terminations

    found = terminations.write(terminations.begin(customer, by=by), terminations.Plan(STOP), by=by)
    db.session.commit()
    sign_in(client, "viewer")
    assert client.get(URL).status_code == 200
    for address in (f"when/?customer={customer.id}", f"bill/?id={found.id}", f"after/?id={found.id}"):
        assert client.get(f"{URL}{address}").status_code == 404
        assert client.post(f"{URL}{address}", data=form()).status_code == 404
    for address in ("drop/", "withdraw/"):
        assert client.post(f"{URL}{address}", data={"id": found.id}).status_code == 404
    assert db.session.get(Termination, found.id).state == "draft"
    assert client.get(f"{URL}details/?id=999999").status_code == 404


def test_reasons_are_counted(staff_client, customer):
    page = staff_client.get("/admin/end-reasons/").text
    assert "Moves" in page
    reason = db.session.query(EndReason).one()
    assert "0 services ended for it" in staff_client.get(f"/admin/end-reasons/details/?id={reason.id}").text
