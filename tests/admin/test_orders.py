"""Orders in the panel: those that wait first, what each says, approved, refused and found again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from documents import press, rows_of, text_of
from factories import make_customer
from flask import Flask
from ordering import HERE, make_form, make_shop, typed
from signing_in import Browser, sign_in
from statements import spoken

from billing import order_blocks, orders, portal_users
from billing.actor import Actor
from messaging import order_mail
from models import Customer, Delivery, Invoice, Order, OrderForm, OrderState, Service, db

URL = "/admin/orders/"


@pytest.fixture
def form(app: Flask, by: Actor) -> OrderForm:
    """Its orders wait for approval."""
    package = make_shop()
    made = make_form(package, by=by, approval="by_hand", notify=["sales@example.com"], coupons=True)
    db.session.commit()
    return made


def placed(form: OrderForm, by: Actor, email: str = "niamh@doyles.example", **more: Any) -> Order:
    came = replace(HERE, **more.pop("came", {}))
    details = {"name": more.pop("name", "Niamh Doyle"), "email": email}
    visitor = replace(by, permissions=frozenset(), staff_id=None, name="Visitor")
    order = orders.place(form, typed(form.packages[0].package, details=details, **more), came, by=visitor)
    db.session.commit()
    return order


def token(of: str) -> dict[str, str]:
    return {"form_token": f"a form of its own: {of}"}


def state(order: Order) -> str:
    return str(db.session.get_one(Order, order.id, populate_existing=True).state)


def test_those_that_wait_stand_first_and_are_told_on_the_dashboard(
    staff_client: Browser, form: OrderForm, by: Actor
) -> None:
    waits = placed(form, by)
    held = placed(form, by, "spam@mailinator.com", name="Spam", came={"seconds": 1.0})
    gone = placed(form, by, "third@x.example", name="Third")
    orders.refuse(gone, "", by=by)
    db.session.commit()
    rows = rows_of(staff_client.get(URL).text)
    assert [number in row for row, number in zip(rows, (held.number, waits.number, gone.number), strict=True)] == [
        True
    ] * 3
    assert "Held" in rows[0] and "To approve" in rows[1] and "Fibre 300, a month" in rows[1]
    page = staff_client.get("/admin/").text
    assert "2 orders wait for your decision" in page
    assert len(rows_of(staff_client.get(f"{URL}?flt0_state_is=to_decide").text)) == 2
    for search in (waits.number[:5].lower(), "NIAMH@", "niamh doyle"):
        assert len(rows_of(staff_client.get(URL, query_string={"search": search}).text)) == 1, search
    for name, value in (("network_is", "192.0.2.0/24"), ("email_has", "mailinator"), ("form_is", form.id)):
        assert rows_of(staff_client.get(URL, query_string={f"flt0_{name}": value}).text), name
    found = staff_client.get("/admin/search/", query_string={"q": f"order: {held.number}"})
    assert found.location == f"{URL}details/?id={held.id}"


def test_the_page_says_what_was_chosen_by_whom_and_why_it_is_held(
    staff_client: Browser, form: OrderForm, by: Actor
) -> None:
    other = placed(form, by, "other@x.example", name="Other")
    order = placed(
        form, by, "spam@mailinator.com", came={"seconds": 1.0}, options={form.packages[0].package.options[0].id: "yes"}
    )
    page = text_of(staff_client.get(f"{URL}details/?id={order.id}").text)
    assert "mailinator.com gives out addresses" in order.why_held and f"Held: {order.why_held}" in page
    assert "Static address Yes, €4.00" in page and "Set-up" in page and "Tax 23%" in page and "Due at once" in page
    assert "with tax." in page and "192.0.2.7" in page and "192.0.2.0/24" in page and "Firefox" in page
    assert other.number in page and "Ordered on an order form" in page
    with spoken() as said:
        staff_client.get(f"{URL}details/?id={order.id}")
    assert len(said) <= 15, said


def test_approving_says_what_it_makes_and_makes_it_once(staff_client: Browser, form: OrderForm, by: Actor) -> None:
    order = placed(form, by)
    before = text_of(staff_client.get(f"{URL}approve/?id={order.id}").text)
    assert "Niamh Doyle becomes a customer with a login." in before and "is issued and mailed" in before
    for _again in range(2):
        answer = staff_client.post(f"{URL}approve/?id={order.id}", data=token("approve"))
        assert answer.location == f"{URL}details/?id={order.id}"
    assert state(order) == "accepted" and db.session.query(Service).count() == 1
    mails = db.session.query(Delivery).filter_by(address="niamh@doyles.example").all()
    assert sorted(one.message.kind for one in mails) == ["invoice", "portal_welcome"]
    assert order.invoice.total_minor == order.total_minor and order.customer.registration_ip == "192.0.2.7"
    page = text_of(staff_client.get(answer.location).text)
    assert "Open invoice" in page and "Approve" not in page
    their = staff_client.get(f"/admin/customer/details/?id={order.customer_id}").text
    assert "from 192.0.2.7" in their and f'href="{URL}details/?id={order.id}"' in their
    assert order.number in staff_client.get(f"/admin/customer/details/?id={order.customer_id}&tab=services").text
    late = staff_client.post(f"{URL}refuse/?id={order.id}", data=token("late"), follow_redirects=True)
    assert "is decided already" in late.text and state(order) == "accepted"


def test_an_order_with_the_address_of_a_customer_is_for_that_one_if_somebody_says_so(
    staff_client: Browser, form: OrderForm, by: Actor
) -> None:
    ann, bob = make_customer(name="Ann", email="niamh@doyles.example"), make_customer(name="Bob", email="bob@x.example")
    order = placed(form, by)
    orders.confirm(order, by=replace(by, permissions=frozenset(), staff_id=None))
    db.session.commit()
    assert (
        state(order) == "held"
        and "A new customer: Niamh Doyle" in staff_client.get(f"{URL}approve/?id={order.id}").text
    )
    many = press(staff_client, URL, "approve", staff_client.get(URL).text, rowid=[order.id], sure="1")
    assert many.status_code == 200 and state(order) == "held"
    staff_client.post(f"{URL}approve/?id={order.id}", data={**token("bob"), "customer": bob.id})
    assert state(order) == "held"
    staff_client.post(f"{URL}approve/?id={order.id}", data={**token("ann"), "customer": ann.id})
    assert state(order) == "accepted" and order.customer_id == ann.id and db.session.query(Customer).count() == 2


def test_a_login_with_the_address_is_tied_only_if_somebody_says_so(
    staff_client: Browser, form: OrderForm, by: Actor
) -> None:
    """Also in an action on many; and a new customer of somebody else gets no login."""
    access, _new = portal_users.add(make_customer(name="Ann", currency="USD"), "niamh@doyles.example", by=by)
    first, second = (placed(form, by, came={"seconds": 1.0}) for _n in range(2))
    page = staff_client.get(f"{URL}approve/?id={first.id}").text
    assert "niamh@doyles.example signs in here already" in page and "becomes a customer with a login" not in page
    assert "Ann, No." in page and "has no price in it" in page and "required checked" not in page
    press(staff_client, URL, "approve", staff_client.get(URL).text, rowid=[first.id], sure="1")
    asked = staff_client.post(f"{URL}approve/?id={first.id}", data={**token("none"), "customer": ""})
    assert asked.location == f"{URL}approve/?id={first.id}" and state(first) == "held"
    staff_client.post(f"{URL}approve/?id={first.id}", data={**token("same"), "customer": "same"})
    staff_client.post(f"{URL}approve/?id={second.id}", data={**token("apart"), "customer": "apart"})
    assert (state(first), state(second)) == ("accepted", "accepted")
    reached = [one.customer_id for one in portal_users.accesses(access.portal_user)]
    assert first.customer_id in reached and second.customer_id not in reached
    assert portal_users.of(second.customer) == [] and second.invoice is not None


def test_refusing_mails_the_reason_and_holds_what_comes_later(
    staff_client: Browser, form: OrderForm, by: Actor
) -> None:
    order = placed(form, by)
    assert "is told, with the reason" in staff_client.get(f"{URL}refuse/?id={order.id}").text
    long = staff_client.post(f"{URL}refuse/?id={order.id}", data={**token("long"), "reason": "x" * 301})
    assert long.status_code == 400 and state(order) == "waiting"
    data = {**token("refuse"), "reason": "We do not reach you.", "block_network": "y", "block_email": "y"}
    staff_client.post(f"{URL}refuse/?id={order.id}", data=data)
    assert state(order) == "refused" and order.reason == "We do not reach you."
    told = db.session.query(Delivery).filter_by(address="niamh@doyles.example").one()
    assert "We do not reach you." in order_mail.write(told.message, by.at).text
    assert {one.value for one in order_blocks.all_blocks()} == {"192.0.2.0/24", "niamh@doyles.example"}
    assert "Refused: We do not reach you." in text_of(staff_client.get(f"{URL}details/?id={order.id}").text)
    assert db.session.query(Invoice).count() == 0


def test_many_are_decided_and_exported(staff_client: Browser, form: OrderForm, by: Actor) -> None:
    first, second, third = (placed(form, by, f"n{n}@x.example", name=f"N {n}") for n in range(3))
    page = staff_client.get(URL).text
    asked = press(staff_client, URL, "approve", page, rowid=[first.id, second.id])
    assert "Each makes its customer" in asked.text and state(first) == "waiting"
    press(staff_client, URL, "approve", page, rowid=[first.id, second.id], sure="1")
    press(staff_client, URL, "refuse", page, rowid=[first.id, third.id], sure="1")
    assert [state(one) for one in (first, second, third)] == ["accepted", "accepted", "refused"]
    lines = staff_client.get(f"{URL}export/csv/").text.splitlines()
    assert len(lines) == 4 and "Fibre for shops" in lines[1] and '"Fibre 300, a month"' in lines[1]


@pytest.mark.parametrize("role", ["viewer", "nobody"])
def test_only_those_who_may_decide(client: Browser, form: OrderForm, by: Actor, role: str) -> None:
    order = placed(form, by)
    if role == "viewer":
        sign_in(client, role)
        assert "Approve" not in text_of(client.get(f"{URL}details/?id={order.id}").text)
    for door in ("approve", "refuse"):
        for call in (client.get, client.post):
            assert call(f"{URL}{door}/?id={order.id}").status_code == (404 if role == "viewer" else 302)
    assert client.get(f"{URL}details/?id=999999").status_code == (404 if role == "viewer" else 302)
    assert state(order) == "waiting"


def test_a_customers_orders_only_while_the_panel_is_narrowed(staff_client: Browser, form: OrderForm, by: Actor) -> None:
    order, other = placed(form, by), placed(form, by, "other@x.example")
    orders.approve(order, by=by)
    db.session.commit()
    assert order.state is OrderState.ACCEPTED
    staff_client.post("/admin/only/", data={"id": order.customer_id})
    rows = rows_of(staff_client.get(URL).text)
    assert len(rows) == 1 and order.number in rows[0]
    many = press(staff_client, URL, "refuse", staff_client.get(URL).text, rowid=[other.id], sure="1")
    assert many.status_code == 200 and state(other) == "waiting"
