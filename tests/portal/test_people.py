"""Pages on which a customer's people look after themselves: who signs in, their address, details, payers, what they
want to be sent. The rules have their own tests (billing/test_portal_people)."""

from __future__ import annotations

import re

import pytest
from factories import make_company, make_customer
from guests import let_in, sign_in_guest
from signing_in import PASSWORD, sign_in
from sqlalchemy import select
from statements import spoken

from billing import payers, portal_links
from messaging import portal_mail
from messaging.compose import letter_for
from models import (
    Channel,
    Delivery,
    Message,
    OptOut,
    Payer,
    PortalAccess,
    PortalRight,
    PortalUser,
    WebSession,
    db,
)

NEW = "new@lindqvist.example"


@pytest.fixture
def anna(app, by, client):
    """The owner of a customer, signed in."""
    app.config["BASE_URL"] = "https://bills.example"
    make_company(email="office@harbour.example")
    access = let_in(make_customer(name="Lindqvist", email="anna@lindqvist.example"), by)
    sign_in_guest(client, access)
    yield access
    app.config["BASE_URL"] = ""


def token() -> str:
    return f"token-{db.session.query(Message).count()}-for-one-form"


def mails(kind: str) -> list[Delivery]:
    db.session.expire_all()
    return list(db.session.scalars(select(Delivery).join(Message).where(Message.kind == kind).order_by(Delivery.id)))


def link_in(delivery: Delivery) -> str:
    return re.search(r"https://bills\.example(/portal/\S+)", letter_for(delivery, at=delivery.next_try_at).text)[1]


def test_inviting_somebody_who_then_comes_in(client, anna, by):
    here = f"/portal/{anna.customer_id}/users"
    sent = {"name": "Bo", "email": "bo@m.example", "right": "technical", "form_token": token()}
    assert client.post(f"{here}/new", data={**sent, "email": "bo"}).status_code == 400
    for _twice in range(2):
        assert client.post(f"{here}/new", data=sent).location == f"{here}/"
    (welcome,) = mails(portal_links.WELCOME)
    assert "set-password" in link_in(welcome)
    page = client.get(f"{here}/").text
    assert "bo@m.example" in page and "Technical" in page and "invited" in page
    bo = db.session.scalars(select(PortalAccess).join(PortalUser).where(PortalUser.email == "bo@m.example")).one()
    number = bo.id
    client.post(f"{here}/{number}/link")
    assert len(mails(portal_links.WELCOME)) == 2
    client.post(f"{here}/{number}", data={"right": "billing"})
    assert db.session.get(PortalAccess, number).right == PortalRight.BILLING
    assert "only owner" in client.post(f"{here}/{anna.id}", data={"right": "billing"}, follow_redirects=True).text
    client.post(f"{here}/{number}/remove")
    assert db.session.get(PortalAccess, number, populate_existing=True) is None


def test_somebody_who_signs_in_already_is_asked_and_not_named_before(client, anna, by, clock):
    other = let_in(make_customer(name="Elsewhere"), by, "bo@m.example")
    here, sent = f"/portal/{anna.customer_id}", {"name": "X", "email": "bo@m.example", "right": "read_only"}
    client.post(f"{here}/users/new", data={**sent, "form_token": token()})
    (added,) = mails("portal_added")
    assert (added.address, mails(portal_links.WELCOME)) == ("bo@m.example", [])
    asked = db.session.scalars(select(PortalAccess).where(~PortalAccess.accepted)).one().id
    pages = (f"{here}/users/", f"{here}/users/{asked}")
    assert all("bo@m.example" in (page := client.get(one).text) and ">Bo<" not in page for one in pages)
    clock.advance(minutes=1)
    client.post(f"{here}/users/{asked}/link")
    assert len(mails("portal_added")) == 2 and mails(portal_links.WELCOME) == []
    bo = sign_in_guest(client.application.test_client(), other)
    assert "invited to 1 more account" in bo.get("/portal/").text and bo.get(f"{here}/").status_code == 404
    assert client.post(f"/portal/accounts/{asked}/accept").status_code == 404  # Anna's own hand
    assert "Lindqvist" in bo.get("/portal/accounts").text
    assert bo.post(f"/portal/accounts/{asked}/accept").location == f"{here}/"
    page = bo.get(f"{here}/").text
    assert f"/portal/{other.customer_id}/" in page and bo.get(f"{here}/users/").status_code == 404
    assert ">Bo<" in client.get(pages[0]).text


def test_the_account_menu_names_a_few_and_a_page_finds_them_all(client, anna, by):
    many = [let_in(make_customer(name=f"Österling {n:02}"), by) for n in range(12)]
    page = client.get(f"/portal/{many[-1].customer_id}/").text
    assert page.count("Österling") < 25 and "Österling 11" in page and "Österling 08" not in page
    assert page.count("/portal/accounts") == 2  # in the menu, and above the page
    assert "Österling 11</h1>" in client.get("/portal/").text  # where one was last
    page = client.get("/portal/accounts?q=österling+08").text
    assert "Österling 08" in page and "Österling 09" not in page and "Lindqvist" not in page
    with spoken() as asked:
        assert client.get("/portal/accounts").text.count("row-link") == 13
    assert len(asked) <= 10


def test_another_address_takes_the_link_and_both_addresses_hear_of_it(app, client, anna, by):
    anna.portal_user.password_hash = app.extensions["passwords"].hash(PASSWORD)
    let_in(make_customer(name="Second"), by)
    elsewhere = sign_in_guest(app.test_client(), anna)
    for data in ({"email": NEW, "proof": "wrong"}, {"email": "new", "proof": PASSWORD}, {"email": NEW, "proof": ""}):
        assert client.post("/portal/account/email", data=data).status_code == 400
    assert client.post("/portal/account/email", data={"email": NEW, "proof": PASSWORD}).status_code == 302
    (confirm,), (notice,) = mails(portal_links.EMAIL), mails("portal_email_notice")
    assert (confirm.address, notice.address) == (NEW, "anna@m.example")
    assert anna.portal_user.email == "anna@m.example"
    link = link_in(confirm)
    reader = app.test_client()
    for _look in range(2):
        assert reader.get(link).headers["Referrer-Policy"] == "no-referrer"
    assert NEW in reader.get("/portal/confirm-email").text
    assert reader.post("/portal/confirm-email").location == "/portal/sign-in"
    assert db.session.get(PortalUser, anna.portal_user_id, populate_existing=True).email == NEW
    assert [one.address for one in mails("portal_email_notice")] == ["anna@m.example"] * 2
    assert elsewhere.get("/portal/").status_code == 302
    assert db.session.query(WebSession).count() == 0
    assert app.test_client().get(link).status_code == 404


def test_an_address_that_somebody_has_is_refused_only_to_who_opens_its_mail(app, client, anna, by):
    let_in(make_customer(), by, NEW)
    row, link = portal_links.make(
        anna.portal_user, portal_links.EMAIL, key=app.config["SECRET_KEY"], at=by.at, new_email=NEW
    )  # fmt: skip
    client.get(f"/portal/confirm-email/{link}")
    answer = client.post("/portal/confirm-email")
    assert answer.status_code == 409 and "There is a login with this address" in answer.text
    assert db.session.get(PortalUser, anna.portal_user_id).email == "anna@m.example"
    assert row.used_at is None


def test_details_keep_what_was_typed_and_refuse_what_is_closed(client, anna):
    here, customer = f"/portal/{anna.customer_id}/details", anna.customer
    page = client.get(here).text
    assert 'name="city"' in page and 'name="tax_id"' not in page and "To change this, write to us." in page
    sent = {"city": "Cork", "country": "IE", "phone": "12", "language": "de", "version": customer.version}
    answer = client.post(here, data=sent)
    assert answer.status_code == 400 and 'value="Cork"' in answer.text
    client.post(here, data={**sent, "phone": "+353 21 234 5678", "name": "Other", "credit_minor": "1"})
    db.session.refresh(customer)
    assert (customer.city, customer.name, customer.credit_minor) == ("Cork", "Lindqvist", 0)
    stale = client.post(here, data={**sent, "phone": "", "city": "Dublin"}, follow_redirects=True)
    assert "were changed while" in stale.text and customer.city == "Cork"


def test_payers_are_added_once_and_chosen(client, anna, by):
    here = f"/portal/{anna.customer_id}/payers"
    sent = {"name": "Lindqvist Holding", "account_type": "company", "form_token": token()}
    assert client.post(f"{here}/new", data={**sent, "tax_id": "DE1", "country": "DE"}).status_code == 400
    for _twice in range(2):
        assert client.post(f"{here}/new", data=sent).location == f"{here}/"
    payer = db.session.scalars(select(Payer)).one()
    client.post(f"{here}/", data={"payer": payer.id})
    db.session.refresh(anna.customer)
    assert anna.customer.default_payer_id == payer.id
    assert "Lindqvist Holding" in client.get(f"{here}/").text
    foreign = payers.add(make_customer(), {"name": "Another"}, by=by)
    for number in (foreign.id, foreign.id + 1):
        assert client.post(f"{here}/", data={"payer": number}).status_code == 404
        assert client.get(f"{here}/{number}").status_code == 404
    client.post(f"{here}/", data={"payer": ""})
    db.session.refresh(anna.customer)
    assert anna.customer.default_payer_id is None


def test_what_is_not_ticked_is_not_wanted(client, anna):
    here = f"/portal/{anna.customer_id}/wanted"
    client.post(here, data={"email": [], "sms": ["news", "invoice"]})
    (row,) = db.session.scalars(select(OptOut)).all()
    assert (row.channel, row.category, row.source) == (Channel.EMAIL, "news", "portal")
    assert 'value="news" checked' not in client.get(here).text.split('name="sms"')[0]
    client.post(here, data={"email": ["news"], "sms": ["news"]})
    assert db.session.query(OptOut).count() == 0


def test_staff_who_look_in_neither_invite_nor_take_out_nor_change_an_address(client, anna):
    other = client.application.test_client()
    sign_in(other)
    other.post(f"/admin/customer/enter/?id={anna.customer_id}")
    here = f"/portal/{anna.customer_id}/users"
    assert "Invite somebody" not in other.get(f"{here}/").text
    for path in (f"{here}/new", f"{here}/{anna.id}", f"{here}/{anna.id}/remove", f"{here}/{anna.id}/link",
                 "/portal/account/email", "/portal/confirm-email"):  # fmt: skip
        assert other.post(path).status_code == 403, path
    assert other.get("/portal/confirm-email/x").status_code == 403


def test_the_pages_take_few_statements_and_are_small(client, anna, by):
    for n in range(30):
        let_in(anna.customer, by, f"{n}@m.example")
        payers.add(anna.customer, {"name": f"Payer {n}"}, by=by)
    db.session.commit()
    for path in ("users/", "users/new", f"users/{anna.id}", "details", "payers/", "payers/new", "wanted", "account"):
        with spoken() as asked:
            answer = client.get(f"/portal/{anna.customer_id}/{path}")
        assert answer.status_code == 200, path
        assert len(asked) <= 10, (path, asked)
        assert len(answer.data) <= 40_000, path


def test_the_user_name_is_told_to_whom_it_signs_in_only(client, anna, by):
    anna.customer.username = "lindqvist"
    sent = {"name": "Bo", "email": "bo@m.example", "right": "technical", "form_token": token()}
    client.post(f"/portal/{anna.customer_id}/users/new", data=sent)
    (welcome,) = mails(portal_links.WELCOME)
    assert "user name" not in letter_for(welcome, at=welcome.next_try_at).text
    owner = db.session.get(PortalAccess, anna.id)
    portal_mail.queue_link(owner.portal_user, owner.customer, portal_links.WELCOME, base_url="https://b.example", by=by)
    assert "lindqvist" in letter_for(mails(portal_links.WELCOME)[1], at=welcome.next_try_at).text
