"""Staff in a customer's view: what they see, what is locked, how it ends, and the trace it leaves (S48, I30)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from factories import make_company, make_customer, make_invoice
from signing_in import PASSWORD, make_role, sign_in
from sqlalchemy import func, select

from billing import company, portal_users
from billing.actor import NotAllowed, system
from billing.quote_answers import Answer, accept
from models import AuditEvent, Customer, CustomerStatus, PortalRight, PortalUser, Quote, Staff, Visit, WebSession, db
from web import sessions

BILL = "€123.45"
ENTER, RETURN, HOME, ACCOUNT = "/admin/customer/enter/", "/portal/return", "/portal/", "/portal/account"


@pytest.fixture
def anna(app, by) -> Customer:
    make_company()
    customer = make_customer(name="Lindqvist", email="anna@lindqvist.example")
    hashed = app.extensions["passwords"].hash(PASSWORD)
    portal_users.add(customer, customer.email, name="Anna", right=PortalRight.OWNER, password_hash=hashed, by=by)
    make_invoice(customer, total_minor=12345)
    db.session.commit()
    return customer


def enter(client, customer, **more):
    return client.post(f"{ENTER}?id={customer.id}", data=more)


def cookie(client) -> str:
    return client.get_cookie("tillbook").value


def test_there_and_back_with_both_names_in_the_log(client, anna):
    maeve = sign_in(client)
    answer = enter(client, anna)
    assert answer.location == f"/portal/{anna.id}/"
    page = client.get(answer.location).text
    assert "Return to panel" in page
    assert "Anna" in page
    assert BILL in page
    answer = client.post(RETURN, data={"csrf_token": token(client)}, csrf=False)
    assert answer.location == f"/admin/customer/details/?id={anna.id}"
    assert client.get(answer.location).status_code == 200
    entered, left = db.session.scalars(
        select(AuditEvent).where(AuditEvent.verb.in_(["customer.entered", "customer.left"])).order_by(AuditEvent.id)
    )
    assert (entered.staff_id, entered.real_staff_id, entered.after) == (maeve.id, None, {"as": "Anna"})
    assert (left.actor, left.staff_id, left.real_staff_id) == ("Anna", None, maeve.id)
    assert left.portal_user_id


def token(client) -> str:
    page = client.get(HOME, follow_redirects=True).text
    return page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


def test_both_ways_the_old_cookie_is_dead(client, anna):
    sign_in(client)
    before = cookie(client)
    enter(client, anna)
    inside = cookie(client)
    client.set_cookie("tillbook", before)
    assert client.get("/admin/customer/").status_code == 302
    client.set_cookie("tillbook", inside)
    client.post(RETURN, data={"csrf_token": token(client)}, csrf=False)
    client.set_cookie("tillbook", inside)
    assert client.get("/admin/customer/").status_code == 302
    assert client.get(HOME).status_code == 302


def test_looking_does_not_enter(client, anna):
    sign_in(client)
    assert client.get(f"{ENTER}?id={anna.id}").status_code == 405
    assert client.post(f"{ENTER}?id={anna.id}", csrf=False).status_code == 400
    assert not db.session.scalar(select(func.count(Visit.id)))


def test_only_with_the_permission_and_only_customers_there_are(client, anna):
    sign_in(client, "billing")
    assert enter(client, anna).status_code == 403
    sign_in(client, "support")
    assert client.post(f"{ENTER}?id=999999").status_code == 404


def test_the_panel_is_closed_meanwhile_and_nothing_is_nested(client, anna):
    sign_in(client)
    enter(client, anna)
    for path in ("/admin/", "/admin/customer/", "/admin/account/", "/admin/staff/"):
        answer = client.get(path)
        assert answer.status_code == 409
        assert "Return to panel" in answer.text
    sent = {"csrf_token": token(client)}
    assert client.post(f"{ENTER}?id={anna.id}", data=sent, csrf=False).status_code == 409
    assert db.session.scalar(select(func.count(Visit.id))) == 1


def test_only_this_customer_even_if_the_person_has_more(client, anna, by):
    other = make_customer(name="Sun", email="sun@example.org")
    portal_users.add(other, anna.email, by=by)
    db.session.commit()
    sign_in(client)
    enter(client, anna)
    assert client.get(f"/portal/{anna.id}/").status_code == 200
    assert client.get(f"/portal/{other.id}/").status_code == 404


def test_as_a_certain_login_with_its_rights(client, anna, by):
    tech, _new = portal_users.add(anna, "tech@lindqvist.example", name="Tess", right=PortalRight.TECHNICAL, by=by)
    number = tech.id
    stranger = portal_users.of(make_with_login(by))[0].id
    db.session.commit()
    sign_in(client)
    assert enter(client, anna, access=str(stranger)).status_code == 404
    enter(client, anna, access=str(number))
    page = client.get(f"/portal/{anna.id}/").text
    assert "Tess" in page
    assert BILL not in page


def make_with_login(by) -> Customer:
    customer = make_customer(name="Other", email="other@example.org")
    portal_users.add(customer, customer.email, by=by)
    return customer


def test_a_customer_without_logins_is_seen_as_an_owner_would(client, by):
    make_company()
    nobody = make_customer(name="Quiet", email="quiet@example.org")
    db.session.commit()
    sign_in(client)
    page = client.get(enter(client, nobody).location)
    assert "You see" in page.text
    assert not db.session.scalar(select(func.count(PortalUser.id)))


def test_who_cannot_come_in_cannot_be_entered(client, anna):
    anna.status = CustomerStatus.DISABLED
    db.session.commit()
    sign_in(client)
    answer = enter(client, anna)
    assert "tab=people" in answer.location
    assert "Enable the customer first" in client.get(answer.location).text


def test_what_a_person_does_themselves_is_locked(client, anna):
    sign_in(client)
    enter(client, anna)
    sent = {"csrf_token": token(client), "login": anna.email, "password": "another good one", "repeat": "x"}
    for path in ("/portal/forgot", "/portal/set-password", f"{ACCOUNT}/password", f"{ACCOUNT}/details"):
        assert client.post(path, data=sent, csrf=False).status_code == 403
    assert client.get("/portal/set-password/abc").status_code == 403


def test_nobody_answers_for_the_customer(app, by):
    inside = system(by.at, by.today)
    with pytest.raises(NotAllowed, match="Only the customer"):
        accept(Quote(), Answer("Maeve", agreed=True), by=replace(inside, real_staff_id=1, permissions=frozenset()))


@pytest.mark.parametrize("how", ["time", "right", "login", "customer"])
def test_it_ends_by_itself_and_the_panel_does_not_open_by_itself(client, anna, clock, how):
    sign_in(client, "support")
    enter(client, anna)
    if how == "time":
        clock.advance(minutes=29)
        assert client.get(f"/portal/{anna.id}/").status_code == 200
        clock.advance(minutes=2)
    elif how == "right":
        db.session.scalars(select(Staff)).one().role = make_role("looks only", "customers.view")
    elif how == "login":
        portal_users.of(anna)[0].active = False
    else:
        db.session.get_one(Customer, anna.id).status = CustomerStatus.DISABLED
    db.session.commit()
    for path in (f"/portal/{anna.id}/", "/admin/customer/"):
        answer = client.get(path)
        assert answer.status_code == 409
        assert BILL not in answer.text
    inside = cookie(client)
    page = client.get(HOME).text
    sent = {"csrf_token": page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]}
    assert client.post(RETURN, data=sent, csrf=False).status_code == 302
    assert client.get(f"/admin/customer/details/?id={anna.id}").status_code == 200
    assert cookie(client) != inside


def test_sign_out_leaves_the_view_and_a_disabled_colleague_is_out(client, anna):
    maeve = sign_in(client)
    enter(client, anna)
    answer = client.post("/portal/sign-out", data={"csrf_token": token(client)}, csrf=False)
    assert "/admin/customer/details/" in answer.location
    enter(client, anna)
    db.session.get_one(Staff, maeve.id).active = False
    db.session.commit()
    assert client.get(HOME).status_code == 302


def test_the_customer_sees_who_was_there_if_the_settings_say_so(client, anna, app, by):

    sign_in(client, name="Maeve Brennan")
    enter(client, anna)
    client.post(RETURN, data={"csrf_token": token(client)}, csrf=False)
    client.post("/admin/sign-out")
    theirs = {"login": anna.email, "password": PASSWORD}
    client.post("/portal/sign-in", data={"csrf_token": sign_in_token(client), **theirs}, csrf=False)
    assert "Maeve Brennan" in client.get(ACCOUNT).text
    company.settings().chosen = {**(company.settings().chosen or {}), "visits_shown": False}
    db.session.commit()
    assert "Maeve Brennan" not in client.get(ACCOUNT).text


def sign_in_token(client) -> str:
    page = client.get("/portal/sign-in").text
    return page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


def test_it_counts_as_a_session_of_the_colleague(client, anna, app):
    maeve = sign_in(client)
    enter(client, anna)
    with app.test_request_context():
        assert len(sessions.of(db.session.get_one(Staff, maeve.id))) == 1
    assert db.session.scalars(select(WebSession)).one().visit.ends_at - app.clock() == timedelta(minutes=30)


# What staff may send in a customer's view; every other form of the portal is for the customer's own hands. Answers to
# quotes are refused by their rule, and the others ask for the permission of the member of staff.
OPEN_TO_STAFF = {
    "portal.return_to_panel", "portal.sign_out", "portal.submit", "portal.save_details", "portal.choose_payer",
    "portal.add_payer", "portal.change_payer", "portal.save_wanted", "portal.ask_change", "portal.accept_quote",
    "portal.decline_quote", "portal.accept_by_link", "portal.decline_by_link", "portal.check_card_payment",
}  # fmt: skip


def test_every_form_of_the_portal_but_a_few_is_locked_for_staff(app, client, anna):
    """Password, card, e-mail, two-step sign-in and deletion (S48), also on pages that are yet to come."""
    sign_in(client)
    enter(client, anna)
    sent, locked, forms = {"csrf_token": token(client)}, set(), set()
    for rule in app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()) or not rule.endpoint.startswith("portal."):
            continue
        forms.add(rule.endpoint)
        if rule.endpoint in ("portal.return_to_panel", "portal.sign_out"):
            continue
        values = {name: anna.id if name == "customer_id" else 1 if "_id" in name else "x" for name in rule.arguments}
        with app.test_request_context():
            address = app.url_map.bind("localhost").build(rule.endpoint, values, method="POST")
        answer = client.post(address, data=sent, csrf=False)
        if answer.status_code == 403 and "locked for you" in answer.text:
            locked.add(rule.endpoint)
    assert forms - locked == OPEN_TO_STAFF
    assert {
        "portal.account_email",
        "portal.account_password",
        "portal.remove_user",
        "portal.carry_out_change",
    } <= locked
    for path in ("/second-step/begin", "/second-step/off", "/second-step/codes"):
        assert client.post(path, data=sent, csrf=False).status_code == 409
