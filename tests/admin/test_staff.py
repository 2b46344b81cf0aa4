"""Staff and roles over HTTP."""

from __future__ import annotations

import re

import pytest
from factories import make_company
from signing_in import make_role, make_staff, sign_in

from billing import staff
from models import Role, Staff, WebSession, db

URL = "/admin/staff/"


@pytest.fixture
def client(staff_client):
    make_company(locale="en")
    db.session.commit()
    return staff_client


def token(client, path: str) -> str:
    return re.search(r'name="form_token" value="([^"]+)"', client.get(path).text)[1]


def role_id(name: str) -> str:
    return str(staff.role_named(name).id)


def fresh(email: str) -> Staff | None:
    db.session.expire_all()
    return staff.by_email(email)


def add(client, **values):
    known = {"name": "Nora Byrne", "email": "nora@shop.example", "role": role_id("billing")}
    return client.post(f"{URL}new/", data={**known, "form_token": token(client, f"{URL}new/"), **values})


def test_a_new_colleague_signs_in_with_the_password_shown_once(client, app):
    answer = add(client)
    password = re.search(r'id="new-password">([^<]+)<', answer.text)[1]
    assert answer.status_code == 200 and "no-store" in answer.headers["Cache-Control"]
    assert password not in client.get(f"{URL}details/?id={fresh('nora@shop.example').id}").text
    other = app.test_client()
    signed = other.post("/admin/sign-in", data={"email": "nora@shop.example", "password": password})
    assert signed.status_code == 302 and other.get(URL).status_code == 403


def test_sent_twice_adds_one_and_shows_no_second_password(client):
    sent = token(client, f"{URL}new/")
    assert add(client, form_token=sent).status_code == 200
    again = add(client, form_token=sent)
    assert again.status_code == 302 and "details" in again.location
    assert db.session.query(Staff).count() == 2


def test_wrong_values_stand_at_their_fields(client):
    add(client)
    taken = add(client)
    assert taken.status_code == 400 and "on the staff already" in taken.text and 'value="Nora Byrne"' in taken.text
    assert "not an e-mail" in add(client, email="nora").text
    assert add(client, email="x@shop.example", role="999").status_code == 400


def test_role_disable_enable_and_sign_out(client, app):
    add(client)
    person = fresh("nora@shop.example")
    made = make_staff("viewer", email="vic@shop.example")
    other = app.test_client()
    sign_in(other, role="viewer", email="vic@shop.example")
    assert client.post(f"{URL}sign-out", data={"id": str(made.id)}).status_code == 302
    assert db.session.query(WebSession).filter_by(staff_id=made.id).count() == 0
    client.post(f"{URL}role", data={"id": str(person.id), "role": role_id("sales")})
    assert fresh("nora@shop.example").role.name == "sales"
    client.post(f"{URL}disable", data={"id": str(person.id)})
    assert not fresh("nora@shop.example").active
    client.post(f"{URL}enable", data={"id": str(person.id)})
    assert fresh("nora@shop.example").active


def test_the_last_owner_stays(client):
    owner = fresh("owner@staff.example")
    for path, more in (("disable", {}), ("role", {"role": role_id("viewer")})):
        client.post(URL + path, data={"id": str(owner.id), **more})
        assert "only owner" in client.get(URL).text
        found = fresh("owner@staff.example")
        assert found.active and found.role.name == "owner"


def test_new_password(client, app):
    add(client)
    person = fresh("nora@shop.example")
    page = f"{URL}details/?id={person.id}"
    answer = client.post(f"{URL}password", data={"id": str(person.id), "form_token": token(client, page)})
    password = re.search(r'id="new-password">([^<]+)<', answer.text)[1]
    other = app.test_client()
    assert other.post("/admin/sign-in", data={"email": person.email, "password": password}).status_code == 302


def test_more_rights_than_ones_own_are_out_of_reach(client, app):
    make_role("hr", "staff.edit")
    other = app.test_client()
    sign_in(other, role="hr", email="hr@shop.example")
    owner = fresh("owner@staff.example")
    before = owner.password_hash
    assert 'href="/admin/staff/"' in other.get("/admin/").text
    assert add(other, role=role_id("owner")).status_code == 400
    page = f"{URL}details/?id={owner.id}"
    other.post(f"{URL}password", data={"id": str(owner.id), "form_token": token(other, page)})
    other.post(f"{URL}disable", data={"id": str(owner.id)})
    found = fresh("owner@staff.example")
    assert found.password_hash == before and found.active
    form = {"name": "mine", "permissions": "settings.edit", "form_token": token(other, "/admin/roles/new/")}
    assert other.post("/admin/roles/new/", data=form).status_code == 400
    assert db.session.query(Role).filter_by(name="mine").count() == 0


def test_roles_in_words_made_changed_and_deleted(client):
    staff.ensure_roles()
    page = client.get("/admin/roles/").text
    assert "Everything" in page and "See customers" in page
    form = {"name": "Desk", "permissions": "customers.view", "form_token": token(client, "/admin/roles/new/")}
    assert client.post("/admin/roles/new/", data=form).status_code == 302
    role = staff.role_named("Desk")
    edit = f"/admin/roles/edit/?id={role.id}"
    changed = {"name": "Desk", "permissions": "customers.edit", "form_token": token(client, edit)}
    assert client.post(edit, data=changed).status_code == 302
    db.session.expire_all()
    assert staff.role_named("Desk").permissions == ["customers.edit"]
    builtin = f"/admin/roles/edit/?id={role_id('viewer')}"
    assert '<fieldset id="permissions" disabled>' in client.get(builtin).text
    assert client.post(builtin, data={**changed, "form_token": "x" * 20}).status_code == 400
    assert client.post("/admin/roles/delete/", data={"id": str(role.id)}).status_code == 302
    db.session.expire_all()
    assert db.session.query(Role).filter_by(name="Desk").count() == 0


def test_closed_to_others_and_missing_ones_are_not_found(client, app):
    other = app.test_client()
    sign_in(other, role="admin")
    assert other.get(URL).status_code == other.get("/admin/roles/").status_code == 403
    assert other.post(f"{URL}disable", data={"id": "1"}).status_code == 403
    for path in ("disable", "password", "role", "sign-out"):
        assert client.post(URL + path, data={"id": "999999", "form_token": "x" * 20}).status_code == 404
