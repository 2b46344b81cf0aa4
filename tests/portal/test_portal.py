"""The customer's side: a password by link, sign-in and out, and a home that shows only what is theirs."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from factories import add, make_company, make_customer, make_draft, make_invoice, make_service
from flask import url_for
from signing_in import PASSWORD, Browser, sign_in
from sqlalchemy import func, select
from statements import spoken

from billing import portal_links, portal_users
from messaging import portal_mail
from messaging.compose import NotNeeded, letter_for
from models import (
    AuditEvent,
    Company,
    Customer,
    CustomerStatus,
    Delivery,
    Note,
    OneTimeToken,
    PortalRight,
    PortalUser,
    Project,
    WebSession,
    db,
)

HOME, SIGN_IN, FORGOT, SET = "/portal/", "/portal/sign-in", "/portal/forgot", "/portal/set-password"
NEW = "a long enough secret"


@pytest.fixture
def anna(app, by):
    """A customer and their owner, who has a password."""
    make_company(email="office@harbour.example")
    return login(make_customer(name="Lindqvist", email="anna@lindqvist.example", username="Anna.L"), by)


def login(customer: Customer, by, email="", right=PortalRight.OWNER, password=PASSWORD):
    from flask import current_app

    hashed = current_app.extensions["passwords"].hash(password)
    access, _new = portal_users.add(customer, email or customer.email, right=right, password_hash=hashed, by=by)
    db.session.commit()
    return access


def post(client: Browser, url: str, **data: str):
    """With the token of the form that is on the page of the same address."""
    page = client.get(url).text
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    return client.post(url, csrf=False, data={"csrf_token": found[1] if found else "", **data})


def enter(client: Browser, name: str = "anna@lindqvist.example", password: str = PASSWORD):
    return post(client, SIGN_IN, login=name, password=password)


def link(user: PortalUser, by, purpose=portal_links.WELCOME) -> str:
    _row, token = portal_links.make(user, purpose, key=secret(), at=by.at)
    db.session.commit()
    return f"{SET}/{token}"


def secret() -> str:
    from flask import current_app

    return str(current_app.config["SECRET_KEY"])


def follow(client: Browser, url: str):
    answer = client.get(url)
    return client.get(answer.location) if answer.status_code == 303 else answer


# Signing in


def test_the_e_mail_or_the_user_name_signs_in_and_out_again(client, anna, by):
    for name in (" Anna@Lindqvist.example ", "anna.l"):
        assert enter(client, name).location == HOME
        page = client.get(HOME)
        assert "Lindqvist" in page.text and page.headers["Cache-Control"] == "no-store"
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
        assert client.post("/portal/sign-out", csrf=False, data={"csrf_token": token}).location == SIGN_IN
        assert client.get(HOME).location.startswith(SIGN_IN)
    db.session.refresh(anna.portal_user)
    assert anna.portal_user.last_sign_in_at == by.at and db.session.query(WebSession).count() == 0


def test_wrong_names_and_passwords_get_the_same_answer(client, anna):
    right = make_customer(status=CustomerStatus.DISABLED)
    answers = {
        (answer.status_code, answer.text.replace(name, ""))
        for name in ("anna@lindqvist.example", "nobody@lindqvist.example", "nobody", "anna.l", right.email)
        if (answer := enter(client, name, "wrong password"))
    }
    strip = {(status, re.sub(r'(nonce|value)="[^"]*"| autofocus', "", text)) for status, text in answers}
    assert len(strip) == 1 and next(iter(strip))[0] == 401


def test_too_many_wrong_passwords_have_to_wait(client, anna):
    assert {enter(client, password="wrong").status_code for _n in range(10)} == {401}
    assert enter(client).status_code == 429


def test_staff_and_customers_do_not_open_each_others_doors(client, anna):
    enter(client)
    assert client.get("/admin/customer/").location.startswith("/admin/sign-in")
    sign_in(client)
    assert client.get(HOME).location.startswith(SIGN_IN)


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example/portal/", "/admin/", "/portal/../admin/"])
def test_a_sign_in_leads_into_the_portal_only(client, anna, back):
    assert post(client, SIGN_IN, login="anna.l", password=PASSWORD, next=back).location.startswith("/portal/")
    assert "evil" not in client.get(f"{SIGN_IN}?next={back}").text


def test_a_disabled_customer_is_out_at_once(client, anna, by):
    enter(client)
    customer = db.session.get(Customer, anna.customer_id)
    customer.status = CustomerStatus.DISABLED
    assert client.get(HOME).status_code == 403 and "Lindqvist" not in client.get(HOME).text
    customer.status = CustomerStatus.ACTIVE
    other = login(customer, by, "other@m.example")
    portal_users.disable(db.session.get(type(anna), anna.id), by=by)
    assert client.get(HOME).status_code == 403
    other.portal_user.active = False
    assert enter(client.application.test_client(), "other@m.example").status_code == 401


# A password by link


def test_a_link_sets_a_password_once_and_signs_in(client, anna, by):
    url = link(anna.portal_user, by)
    enter(client)
    stranger = client.application.test_client()
    for _look in range(3):  # mail scanners look first
        assert client.application.test_client().get(url).status_code == 303
    shown = stranger.get(url)
    assert (shown.location, shown.headers["Referrer-Policy"]) == (SET, "no-referrer")
    page = stranger.get(SET)
    assert "anna@lindqvist.example" in page.text and page.headers["Referrer-Policy"] == "no-referrer"
    assert url.rpartition("/")[2] not in page.text
    assert post(stranger, SET, password=NEW, repeat=NEW).location == HOME
    assert "Lindqvist" in stranger.get(HOME).text
    assert client.get(HOME).location.startswith(SIGN_IN), "other sessions end with the old password"
    assert enter(client.application.test_client()).status_code == 401
    assert enter(client.application.test_client(), password=NEW).status_code == 302
    assert "does not work" in follow(client.application.test_client(), url).text
    verbs = db.session.scalars(select(AuditEvent.verb).where(AuditEvent.customer_id == anna.customer_id)).all()
    assert "portal_user.password_set" in verbs


@pytest.mark.parametrize(
    "spoil",
    [
        lambda a, by, clock: clock.advance(days=8),
        lambda a, by, clock: link(a.portal_user, by),
        lambda a, by, clock: setattr(a.portal_user, "password_hash", "$argon2id$other"),
        lambda a, by, clock: setattr(a.portal_user, "active", False),
    ],
    ids=["run out", "a newer one", "password changed since", "disabled"],
)
def test_dead_links_all_show_the_same_page(client, anna, by, clock, spoil):
    never = re.sub(r'nonce="[^"]*"', "", client.get(f"{SET}/{'x' * 43}").text)
    url = link(anna.portal_user, by)
    waiting = client.application.test_client()
    waiting.get(url)
    spoil(anna, by, clock)
    db.session.commit()
    answer = client.get(url)
    assert answer.status_code == 404 and re.sub(r'nonce="[^"]*"', "", answer.text) == never
    assert waiting.get(SET).status_code == 404


def test_of_two_who_use_a_link_side_by_side_one_wins(client, anna, by):
    url = link(anna.portal_user, by)
    first, second = client, client.application.test_client()
    follow(first, url), follow(second, url)
    assert post(first, SET, password=NEW, repeat=NEW).status_code == 302
    assert post(second, SET, password="another secret", repeat="another secret").status_code in (400, 404)
    assert enter(client.application.test_client(), password=NEW).status_code == 302


@pytest.mark.parametrize(
    ("password", "repeat", "match"),
    [
        ("", "", "Choose a password"),
        ("7 chars", "7 chars", "Too short"),
        ("password123", "password123", "Too easy"),
        ("anna@lindqvist.example", "anna@lindqvist.example", "your own name or e-mail"),
        (NEW, "something else", "not the same"),
    ],
)
def test_weak_passwords_are_refused_and_the_link_stays(client, anna, by, password, repeat, match):
    follow(client, link(anna.portal_user, by))
    answer = post(client, SET, password=password, repeat=repeat)
    assert answer.status_code == 400 and match in answer.text
    assert post(client, SET, password="ünïcödé " * 8, repeat="ünïcödé " * 8).status_code == 302


def test_only_hashes_of_links_are_kept(anna, by):
    token = link(anna.portal_user, by).rpartition("/")[2]
    row = db.session.query(OneTimeToken).one()
    assert token not in (row.token_hash, row.seed, row.bound_to) and len(row.token_hash) == 64


@pytest.mark.parametrize("path", ["/portal/set-password/", "/portal/confirm-email/", "/order/confirm/"])
def test_no_token_stands_in_the_log(app, caplog, path):
    with app.test_request_context():
        app.logger.error(f"Exception on {path}abcdefghijklmnopqrstuvwxyz [GET]")
        app.logger.error(f"Exception on {url_for('portal.sign_in', next=f'{path}abcdefghijklmnopqrstuvwxyz')} [GET]")
    assert "abcdefgh" not in caplog.text and caplog.text.count(f"{path}…") == 2


# Asking for a link


def test_asking_for_a_link_answers_the_same_for_everybody(client, anna, by):
    pages = {re.sub(r'nonce="[^"]*"', "", post(client, FORGOT, login=name).text)
             for name in ("anna@lindqvist.example", "anna.l", "nobody@m.example", "nobody")}  # fmt: skip
    assert len(pages) == 1 and "If this login is known" in pages.pop()
    assert {d.address for d in db.session.query(Delivery)} == {"anna@lindqvist.example"}


def test_a_reset_mail_leads_to_a_new_password_within_half_an_hour(client, anna, by, clock):
    post(client, FORGOT, login="anna.l")
    delivery = db.session.query(Delivery).one()
    letter = letter_for(delivery, at=clock())
    url = re.search(r"http://localhost(/portal/set-password/\S+)", letter.text)[1]
    assert url in letter.html and letter.subject == "A new password at Harbour Fibre"
    assert letter.secret in letter.text and url not in letter.text_to_keep
    clock.advance(minutes=29)
    follow(client, url)
    assert post(client, SET, password=NEW, repeat=NEW).location == HOME
    with pytest.raises(NotNeeded):
        letter_for(delivery, at=clock())


def test_only_so_many_reset_mails_leave_and_tries_are_limited(client, anna, clock):
    assert {post(client, FORGOT, login="anna.l").status_code for _n in range(10)} == {200}
    assert db.session.query(Delivery).count() == portal_links.MOST_RESETS
    assert post(client, FORGOT, login="anna.l").status_code == 429
    clock.advance(hours=2)
    assert post(client, FORGOT, login="anna.l").status_code == 200
    assert db.session.query(Delivery).count() == portal_links.MOST_RESETS + 1


def test_a_welcome_is_written_in_the_words_of_the_house(client, anna, by, clock):
    customer = db.session.get(Customer, anna.customer_id)
    portal_mail.queue_link(anna.portal_user, customer, portal_links.WELCOME, base_url="https://shop.example", by=by)
    letter = letter_for(db.session.query(Delivery).one(), at=clock())
    assert letter.subject == "Your account at Harbour Fibre" and PASSWORD not in letter.text + letter.html
    for words in ("https://shop.example/portal/set-password/", "7 days", "Anna.L", "anna@lindqvist.example"):
        assert words in letter.text and words in letter.html
    clock.advance(days=7)
    with pytest.raises(NotNeeded, match="ran out"):
        letter_for(db.session.query(Delivery).one(), at=clock())


# The home


def test_the_home_shows_what_is_due_what_runs_and_what_may_be_read(client, anna, by):
    customer = db.session.get(Customer, anna.customer_id)
    make_service(customer)
    late, paid = make_invoice(customer, 14803), make_invoice(customer, 5000, open_minor=0)
    paid.open_minor = 0
    make_draft(customer)
    for text, shown in (("Read me", True), ("Secret", False)):
        add(Note(customer_id=customer.id, text=text, shown_to_customer=shown, written_at=by.at, written_by="x"))
    enter(client)
    page = client.get(HOME).text
    assert "€148.03" in page and "7 days late" in page and "1 open invoice" in page and "Package" in page
    assert late.number in page and paid.number in page and "Paid" in page and "Draft" not in page
    assert "Read me" in page and "Secret" not in page


def test_a_home_without_anything_says_what_it_is_for(client, anna):
    enter(client)
    page = client.get(HOME).text
    assert "Nothing due" in page and "No invoices yet" in page and "No services are running" in page


def test_several_customers_are_switched_between(client, anna, by):
    other = make_customer(name="Other shop")
    login(other, by, "anna@lindqvist.example")
    enter(client)
    assert "Other shop" in client.get(HOME).text
    assert re.search(r"<h1[^>]*>Other shop", client.get(f"{HOME}{other.id}/").text)


def test_what_is_not_theirs_is_not_there(client, anna, by):
    other = make_customer(name="Somebody else")
    mine = make_invoice(db.session.get(Customer, anna.customer_id))
    theirs = make_invoice(other)
    draft = make_draft(db.session.get(Customer, anna.customer_id))
    enter(client)
    missing = client.get(f"{HOME}999999/")
    own = anna.customer_id
    for url in (
        f"{HOME}{other.id}/", f"{HOME}{other.id}/invoices/{theirs.id}.pdf", f"{HOME}{own}/invoices/{theirs.id}.pdf",
        f"{HOME}{own}/invoices/{draft.id}.pdf", f"{HOME}{other.id}/invoices/{mine.id}.pdf", f"{HOME}{own}/files/1",
        f"{HOME}{2**63 - 1}/", f"{HOME}{2**70}/", f"{HOME}{own}/invoices/{2**63 - 1}.pdf",
    ):  # fmt: skip
        answer = client.get(url)
        assert answer.status_code == 404, url
        assert re.sub(r'nonce="[^"]*"', "", answer.text) == re.sub(r'nonce="[^"]*"', "", missing.text), url


def test_an_invoice_comes_as_pdf(client, anna):
    invoice = make_invoice(db.session.get(Customer, anna.customer_id))
    enter(client)
    answer = client.get(f"{HOME}{anna.customer_id}/invoices/{invoice.id}.pdf")
    assert answer.data.startswith(b"%PDF-")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{invoice.number}.pdf"'


def test_a_technical_login_sees_no_money(client, anna, by):
    customer = db.session.get(Customer, anna.customer_id)
    invoice = make_invoice(customer)
    make_service(customer)
    login(customer, by, "tech@m.example", PortalRight.TECHNICAL)
    enter(client, "tech@m.example")
    page = client.get(HOME).text
    assert "€" not in page and invoice.number not in page and "Package" in page
    assert client.get(f"{HOME}{customer.id}/invoices/{invoice.id}.pdf").status_code == 404


def test_a_page_takes_ten_statements_and_forty_kilobytes(client, anna, by):
    customer = db.session.get(Customer, anna.customer_id)
    for _n in range(15):
        make_invoice(customer), make_service(customer)
    for n in range(10):
        login(make_customer(name=f"Shop {n}"), by, "anna@lindqvist.example")
    enter(client)
    with spoken() as seen:
        page = client.get(f"{HOME}{customer.id}/")
    assert len(seen) <= 10, "\n".join(seen)
    assert len(page.data) <= 40_000


def test_every_form_needs_its_token(client, anna):
    enter(client)
    for url in (SIGN_IN, FORGOT, SET, "/portal/sign-out"):
        assert client.post(url, csrf=False, data={"login": "anna.l", "password": PASSWORD}).status_code == 400


def test_old_links_are_swept_away(anna, by):
    user = anna.portal_user
    portal_links.make(user, portal_links.WELCOME, key=secret(), at=by.at - timedelta(days=60))
    portal_links.make(user, portal_links.WELCOME, key=secret(), at=by.at)
    assert db.session.scalar(select(func.count(OneTimeToken.id))) == 1


def test_where_to_pay_is_what_the_invoices_of_the_brand_say(client, anna, by):
    db.session.get_one(Company, 1).bank_details = "IE00 COMPANY"
    make_invoice(anna.customer)
    db.session.commit()
    enter(client)
    pay = f"/portal/{anna.customer_id}/pay"
    assert "IE00 COMPANY" in client.get(pay).text
    anna.customer.project = add(Project(name="Second brand", bank_details="IE11 BRAND"))
    db.session.commit()
    page = client.get(pay).text
    assert "IE11 BRAND" in page and "IE00 COMPANY" not in page
