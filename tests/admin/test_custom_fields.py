"""Fields of the shop's own over HTTP: their list, and what stands on form, page, list and in files of customers."""

from __future__ import annotations

import secrets

import pytest
from factories import make_company, make_customer
from signing_in import make_role, sign_in
from sqlalchemy import select
from statements import spoken

from billing import custom_fields
from billing.actor import Actor
from models import Customer, CustomField, CustomValue, db

URL = "/admin/custom-fields"


@pytest.fixture
def client(staff_client):
    make_company(locale="en")
    db.session.commit()
    return staff_client


@pytest.fixture
def size(client, by: Actor) -> CustomField:
    field = custom_fields.create({"name": "Roof height", "key": "size", "kind": "number", "on_list": True}, by=by)
    db.session.commit()
    return field


def have() -> list[str]:
    db.session.expire_all()
    return [custom_fields.written(row.number) for row in db.session.scalars(select(CustomValue))]


def test_added_changed_archived_and_deleted_with_what_that_does(client):
    new = {"name": "Colour", "kind": "choice", "choices": "Red\nBlue"}
    assert client.post(f"{URL}/new/", data=new).status_code == 302
    field = db.session.scalars(select(CustomField)).one()
    assert (field.key, field.choices) == ("colour", ["Red", "Blue"])
    wrong = client.post(f"{URL}/edit/?id={field.id}", data={"name": "Colour", "choices": ""})
    assert wrong.status_code == 200 and "Write what can be chosen" in wrong.text
    changed = {"name": "Paint", "choices": "Red", "kind": "date", "key": "other", "required": "y"}
    assert client.post(f"{URL}/edit/?id={field.id}", data=changed).status_code == 302
    db.session.expire_all()
    assert (field.name, field.kind, field.key, field.required) == ("Paint", "choice", "colour", True)
    customer = make_customer()
    db.session.add(CustomValue(customer_id=customer.id, field_id=field.id, text="Red"))
    db.session.commit()
    assert "What 1 customer has in it is removed" in client.get(f"{URL}/delete/confirm/?id={field.id}").text
    client.post(f"{URL}/archive/?id={field.id}", data={"to": "archived"})
    assert 'id="own_fields"' not in client.get(f"/admin/customer/details/?id={customer.id}").text
    client.post(f"{URL}/delete/", data={"id": str(field.id)})
    db.session.expire_all()
    assert db.session.scalars(select(CustomField)).all() == []


def test_wrong_ones_keep_what_was_typed(client):
    answer = client.post(f"{URL}/new/", data={"name": "Colour", "kind": "choice", "choices": ""})
    assert answer.status_code == 200 and 'class="error"' in answer.text and 'value="Colour"' in answer.text
    assert db.session.scalars(select(CustomField)).all() == []


def test_on_the_form_of_a_customer(client, size, by: Actor):
    custom_fields.change(size, {"required": True}, by=by)
    form = {"name": "Anna", "email": "anna@mail.example", "account_type": "individual", "currency": "EUR"}
    empty = ("country", "payment_method", "charge_tax", "never_suspend", "language", "group_id", "project_id",
             "reseller_id", "contract_type_id")  # fmt: skip
    known = {**dict.fromkeys(empty, ""), "attitude": "none"}
    for typed, sentence in (("", "Roof height is needed."), ("tall", "Write a number")):
        page = client.post("/admin/customer/new/", data={**form, **known, "own-size": typed, **token()})
        assert page.status_code == 200 and sentence in page.text
        assert db.session.scalars(select(Customer)).all() == []
    made = client.post("/admin/customer/new/", data={**form, **known, "own-size": "2.5", **token()})
    assert made.status_code == 302 and have() == ["2.5"]
    customer = db.session.scalars(select(Customer)).one()
    page = client.get(f"/admin/customer/edit/?id={customer.id}").text
    assert 'name="own-size" value="2.5"' in page


def token() -> dict[str, str]:
    return {"form_token": secrets.token_urlsafe(12)}


def test_edited_in_place_on_the_page(client, size):
    customer = make_customer()
    db.session.commit()
    url = f"/admin/customer/own-fields/?id={customer.id}"
    wrong = client.post(url, data={"own-size": "tall"})
    assert "Write a number" in wrong.text and 'value="tall"' in wrong.text and have() == []
    assert client.post(url, data={"own-size": "2.5", "own-nothing": "x"}).status_code == 302
    assert have() == ["2.5"]
    page = client.get(f"/admin/customer/details/?id={customer.id}").text
    assert "Roof height" in page and "2.5" in page
    assert client.post("/admin/customer/own-fields/?id=999", data={"own-size": "1"}).status_code == 404


def test_closed_to_those_who_may_only_look(client, app, size):
    customer = make_customer()
    db.session.commit()
    make_role("lookers", "customers.view")
    other = app.test_client()
    sign_in(other, role="lookers", email="l@staff.example")
    for door in ("own-fields", "follow"):
        answer = other.post(f"/admin/customer/{door}/?id={customer.id}", data={"own-size": "1", "field": "language"})
        assert answer.status_code == 403
    assert other.get(f"{URL}/").status_code == 403 and have() == []


def test_a_column_filters_and_a_cell_of_the_export(client, size, by: Actor):
    for name, height in (("Small", "1"), ("Large", "5.5"), ("Unknown", "")):
        custom_fields.set_values(make_customer(name=name), {"size": height}, by=by)
    db.session.commit()
    page = client.get("/admin/customer/").text
    assert "Roof height</th>" in page and "5.5" in page
    found = {
        "flt0_own_size_above=2": {"Large"},
        "flt0_own_size_is=1": {"Small"},
        "flt0_own_size_empty=1": {"Unknown"},
        "flt0_own_size_filled=1": {"Small", "Large"},
    }
    for query, names in found.items():
        text = client.get(f"/admin/customer/?{query}").text
        assert {name for name in ("Small", "Large", "Unknown") if f">{name}</a>" in text} == names, query
    assert "Write a number" in client.get("/admin/customer/?flt0_own_size_is=tall").text
    rows = client.get("/admin/customer/export/csv/?flt0_own_size_above=2").text.splitlines()
    assert "Roof height" in rows[0] and "5.5" in rows[1] and len(rows) == 2


def test_the_list_stays_within_its_statements(client, size, by: Actor):
    for n in range(30):
        custom_fields.set_values(make_customer(name=f"C{n}"), {"size": str(n)}, by=by)
    db.session.commit()
    client.get("/admin/customer/")
    with spoken() as seen:
        client.get("/admin/customer/?flt0_own_size_above=2")
    mine = [text for text in seen if "custom_field" in text and "custom_value" not in text]
    assert len(mine) == 1


def test_a_field_is_given_back_to_the_group(client):
    customer = make_customer(language="de", payment_method="card")
    db.session.commit()
    for name, tab in (("language", "overview"), ("payment_method", "billing")):
        page = client.get(f"/admin/customer/details/?id={customer.id}&tab={tab}").text
        assert page.count('class="pill pill-info">Own') == 1
        back = client.post(f"/admin/customer/follow/?id={customer.id}&tab={tab}", data={"field": name}).location
        assert back.endswith("tab=billing") == (tab == "billing")
        assert 'class="pill pill-info">Own' not in client.get(back).text
    db.session.expire_all()
    assert (customer.language, customer.payment_method, customer.own_payment_method) == ("", "invoice", False)
    assert client.post(f"/admin/customer/follow/?id={customer.id}", data={"field": "name"}).status_code == 404
