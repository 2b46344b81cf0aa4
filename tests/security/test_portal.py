"""The portal as a customer's people see it, whatever their right: only what is theirs, and nothing of the panel.

What the panel's tests do as staff, these do as a portal user: walk every page, send every form, knock at every door
(S01, S28, S29, S49 to S51), and ask for somebody else's things (S50).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO

import pytest
from cardserver import make_card
from factories import make_service
from flask import Flask
from quoting import line, sent_quote
from security.conftest import changed, prints
from security.pages import Form, Walk, endpoint_of
from security.test_doors import CALLED_FROM_OUTSIDE, DEAD, address_of, doors, knock
from security.test_forms import EXTRA, TEXTS, sent, spoilt
from security.test_looking import HOSTILE, is_free_text, spoil
from signing_in import PASSWORD, Browser
from sqlalchemy import delete, func, select
from werkzeug.routing import Rule

from billing import files, package_changes, payers, portal_links, portal_users, self_service
from billing.actor import Actor, system
from billing.notes import add_note
from billing.quote_answers import MAY_ANSWER
from messaging import outbox, unsubscribe, uploads
from models import (
    Card,
    Customer,
    Delivery,
    DeliveryState,
    File,
    Invoice,
    InvoiceState,
    OneTimeToken,
    PackageChange,
    Payer,
    Payment,
    PaymentAttempt,
    PortalAccess,
    PortalRight,
    PortalUser,
    Quote,
    Service,
    SignInAttempt,
    db,
)

RIGHTS = tuple(PortalRight)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da6364600000000600023081d02f"
    "0000000049454e44ae426082"
)
MADE_WHEN_FIRST_NEEDED = {"invoice"}
# A form that turns a quote down does that, and staff are told.
ANSWERED = {"quote", "message", "delivery"}
OWN = {"portal_user"}  # one's own name and language
ASKED = {"package_change", "note", "message", "delivery"}  # another package, or the end of a service
# What else each may fill in a form of: those who come in, details, payers, and what they want to be sent.
THEIRS = {
    PortalRight.OWNER: {"portal_access", "one_time_token", "customer", "payer", "opt_out", "card", *ASKED},
    PortalRight.BILLING: {"customer", "payer", "opt_out", "card", *ASKED},
    PortalRight.TECHNICAL: {"opt_out"},
    PortalRight.READ_ONLY: set(),
}
TAKE_OUT = {
    "portal.sign_out",
    "portal.remove_user",
    "portal.change_user",
    "portal.carry_out_change",
}  # the other tests need these people
OF_BOTH = ("portal.", "second_step.")  # open to customers, some of them to staff too
# What a knock at each door of the portal finds, by right. A new door fails until it is written down here.
IN, MISSING = "in", "missing"
EVERYBODY = dict.fromkeys(RIGHTS, IN)
PAYING = {**EVERYBODY, PortalRight.READ_ONLY: "refused", PortalRight.TECHNICAL: MISSING}
SEE_MONEY = {**EVERYBODY, PortalRight.TECHNICAL: MISSING}
OWNERS = {**dict.fromkeys(RIGHTS, MISSING), PortalRight.OWNER: IN}
DECIDE = {**OWNERS, PortalRight.BILLING: IN}
DOORS = {
    "portal.home": EVERYBODY,
    "portal.sign_in": EVERYBODY,
    "portal.return_to_panel": EVERYBODY,
    "portal.account": EVERYBODY,
    "portal.account_details": EVERYBODY,
    "portal.account_password": EVERYBODY,
    "portal.end_session": EVERYBODY,
    "portal.account_email": EVERYBODY,
    "portal.accounts": EVERYBODY,
    **dict.fromkeys(("portal.accept_invitation", "portal.decline_invitation"), dict.fromkeys(RIGHTS, MISSING)),
    **dict.fromkeys(
        ("portal.follow_email", "portal.confirm_email", "portal.take_email"), dict.fromkeys(RIGHTS, MISSING)
    ),
    **dict.fromkeys(("portal.users", "portal.new_user", "portal.invite", "portal.user"), OWNERS),
    **dict.fromkeys(("portal.change_user", "portal.user_link", "portal.remove_user"), OWNERS),
    **dict.fromkeys(("portal.details", "portal.wanted"), EVERYBODY),
    "portal.save_wanted": {**EVERYBODY, PortalRight.READ_ONLY: MISSING},
    "portal.payer_list": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
    **dict.fromkeys(("portal.save_details", "portal.choose_payer", "portal.new_payer"), DECIDE),
    **dict.fromkeys(("portal.change_package", "portal.ask_change", "portal.package_change"), DECIDE),
    **dict.fromkeys(("portal.carry_out_change", "portal.withdraw_change"), DECIDE),
    **dict.fromkeys(("portal.end_service", "portal.send_end", "portal.keep_service"), DECIDE),
    **dict.fromkeys(("portal.add_payer", "portal.payer", "portal.change_payer"), DECIDE),
    "portal.submit": dict.fromkeys(RIGHTS, IN),
    "portal.forgot": EVERYBODY,
    "portal.ask_for_link": EVERYBODY,
    "portal.follow": dict.fromkeys(RIGHTS, MISSING),
    "portal.choose": dict.fromkeys(RIGHTS, MISSING),
    "portal.set_password": dict.fromkeys(RIGHTS, MISSING),
    **dict.fromkeys(("portal.services", "portal.service"), EVERYBODY),
    **dict.fromkeys(("portal.invoices", "portal.pay", "portal.top_up", "portal.payments", "portal.receipt"), SEE_MONEY),
    "portal.credit": SEE_MONEY,
    "portal.messages": EVERYBODY,
    "portal.message": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},  # this one is an invoice's
    "portal.invoice": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
    "portal.invoice_short": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
    "portal.invoice_pdf": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
    "portal.statement": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
    "portal.statement_pdf": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
    "portal.statement_csv": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
    "portal.download": EVERYBODY,
    "portal.follow_quote": dict.fromkeys(RIGHTS, MISSING),
    "portal.quote_pdf_by_link": dict.fromkeys(RIGHTS, MISSING),
    "portal.accept_by_link": dict.fromkeys(RIGHTS, MISSING),
    "portal.decline_by_link": dict.fromkeys(RIGHTS, MISSING),
    "portal.saved_cards": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
    "portal.save_card": PAYING,
    "portal.make_card_default": PAYING,
    "portal.remove_card": {**dict.fromkeys(RIGHTS, MISSING), PortalRight.OWNER: IN},  # who was here first
    "portal.pay_by_card": PAYING,
    "portal.pay_by_credit": PAYING,
    "portal.payment_result": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
    "portal.check_card_payment": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
    "portal.cancel_card_payment": PAYING,
    "portal.quotes": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
    "portal.quote": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
    "portal.quote_pdf": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
    "portal.accept_quote": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
    "portal.decline_quote": {**EVERYBODY, PortalRight.TECHNICAL: MISSING},
}


@pytest.fixture(scope="module")
def by(world: Flask) -> Actor:
    return system(world.clock(), world.clock().date())


@pytest.fixture(scope="module")
def two(world: Flask, by: Actor) -> tuple[Customer, Customer]:
    """Two customers with invoices, each with a note and a file to be seen and one of each that is not."""
    issued = select(Invoice.customer_id).where(Invoice.state == InvoiceState.ISSUED)
    found = db.session.scalars(select(Customer).where(Customer.id.in_(issued)).order_by(Customer.id).limit(2)).all()
    for customer in found:
        for shown in (True, False):
            stored = uploads.keep(BytesIO(PNG), f"{'open' if shown else 'secret'}-{customer.id}.png")
            files.add(customer, [stored], shown_to_customer=shown, by=by)
            text = f"{'Read me' if shown else 'Not for you'} {customer.id}"
            add_note(customer, text, shown_to_customer=shown, by=by)
        make_card(customer)
        payers.add(customer, {"name": f"Payer of {customer.id}"}, by=by)
        portal_users.add(customer, f"first@{customer.id}.example", password_hash="x", by=by)
        told = outbox.queue_message(
            "Told", f"Told {customer.id}", [customer.email], kind="receipt", about=customer.id, customer=customer, by=by
        )
        told.deliveries[0].state = DeliveryState.SENT  # type: ignore[union-attr]
        begun = package_changes.begin(make_service(customer), by=by)
        begun.to_package_id, begun.terms = begun.from_package_id, {self_service.ASKED: 0}
        sent_quote(customer, line(f"Offered to {customer.id}"), by=by)
    db.session.commit()
    return found[0], found[1]


@pytest.fixture(scope="module")
def people(world: Flask, by: Actor, two: tuple[Customer, Customer]) -> dict[PortalRight, str]:
    """The e-mail of a login of each right at the first customer."""
    hashed = world.extensions["passwords"].hash(PASSWORD)
    emails = {right: f"{right.value.replace('_', '-')}@first.example" for right in RIGHTS}
    for right, email in emails.items():
        portal_users.add(two[0], email, name=right.value, right=right, password_hash=hashed, by=by)
    db.session.commit()
    return emails


@pytest.fixture
def guests(world: Flask, people: dict[PortalRight, str]) -> Iterator[dict[PortalRight, Browser]]:
    """A browser in which somebody of each right is signed in."""
    made: dict[PortalRight, Browser] = {}
    db.session.execute(delete(SignInAttempt))  # wrong ones of another test are no part of this one
    db.session.commit()
    for right, email in people.items():
        browser = made[right] = world.test_client()  # type: ignore[assignment]
        answer = browser.post("/portal/sign-in", data={"login": email, "password": PASSWORD})
        assert answer.location == "/portal/"
        browser.token = token_of(browser)  # type: ignore[attr-defined]
    yield made
    db.session.rollback()


def token_of(browser: Browser) -> str:
    page = browser.get("/portal/").text
    return page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]


def start(customer: Customer) -> tuple[str, ...]:
    return ("/portal/", f"/portal/{customer.id}/", "/portal/forgot", "/portal/sign-in")


def same(text: str) -> str:
    return re.sub(r'nonce="[^"]*"', "", text)


def portal_doors(app: Flask) -> list[tuple[str, Rule]]:
    return [(verb, rule) for verb, rule in doors(app) if rule.endpoint.startswith("portal.")]


@pytest.mark.parametrize("right", RIGHTS)
def test_a_walk_finds_only_what_is_theirs_and_changes_nothing(
    world: Flask, two: tuple[Customer, Customer], guests: dict[PortalRight, Browser], right: PortalRight
) -> None:
    before = prints()
    walk = Walk(guests[right], start(two[0]), each=3)
    assert len(list(walk)) >= 2
    assert [(address, status) for address, status, _text in walk.answers if status >= 400] == []
    assert set(changed(before, prints())) <= MADE_WHEN_FIRST_NEEDED
    read = "\n".join(text for _address, _status, text in walk.answers)
    assert f"Read me {two[0].id}" in read and f"open-{two[0].id}.png" in read
    numbers = db.session.scalars(select(Invoice.number).where(Invoice.customer_id == two[1].id, Invoice.number != ""))
    theirs = (f"Read me {two[1].id}", f"Offered to {two[1].id}", *numbers)
    for foreign in (two[1].name, two[1].email, "Not for you", "secret-", *theirs):
        assert foreign not in read
    mine = set(db.session.scalars(select(Invoice.number).where(Invoice.customer_id == two[0].id, Invoice.number != "")))
    assert any(number in read for number in mine) == (right != PortalRight.TECHNICAL)


def test_every_door_of_the_portal_lets_in_whom_it_should(
    world: Flask, two: tuple[Customer, Customer], guests: dict[PortalRight, Browser]
) -> None:
    world.extensions.pop("wrong_links", None)  # others have tried links that open nothing, too
    known = {name: ids[0] for name, ids in things(two[0]).items()}
    for verb, rule in portal_doors(world):
        if rule.endpoint == "portal.sign_out":
            continue
        with world.test_request_context():
            values = {name: known.get(name, "x" * 43) for name in rule.arguments}
            address = world.url_map.bind("localhost").build(rule.endpoint, values, method=verb)
        for right, browser in guests.items():
            assert knock(browser, verb, address) == DOORS[rule.endpoint][right], f"{verb} {address} as {right}"


def things(customer: Customer) -> dict[str, list[int]]:
    """What the arguments of addresses may name: of this customer, first those that are theirs to see."""
    issued = Invoice.customer_id == customer.id, Invoice.state == InvoiceState.ISSUED
    told = select(Delivery.id).where(Delivery.customer_id == customer.id, Delivery.state == DeliveryState.SENT)
    logins = select(PortalAccess.id).where(PortalAccess.customer_id == customer.id)
    theirs = select(File.id).where(File.customer_id == customer.id).order_by(File.shown_to_customer.desc(), File.id)
    return {
        "customer_id": [customer.id],
        "invoice_id": list(db.session.scalars(select(Invoice.id).where(*issued).order_by(Invoice.id))),
        "file_id": list(db.session.scalars(theirs)),
        "card_id": list(db.session.scalars(select(Card.id).where(Card.customer_id == customer.id))),
        "attempt_id": list(
            db.session.scalars(select(PaymentAttempt.id).where(PaymentAttempt.customer_id == customer.id))
        ),
        "access_id": list(db.session.scalars(logins.order_by(PortalAccess.id))),
        "payer_id": list(db.session.scalars(select(Payer.id).where(Payer.customer_id == customer.id))),
        "delivery_id": list(db.session.scalars(told.order_by(Delivery.id))),
        "service_id": list(db.session.scalars(select(Service.id).where(Service.customer_id == customer.id))),
        "change_id": list(db.session.scalars(select(PackageChange.id).where(PackageChange.customer_id == customer.id))),
        "payment_id": list(db.session.scalars(select(Payment.id).where(Payment.customer_id == customer.id))),
        "quote_id": list(db.session.scalars(select(Quote.id).where(Quote.customer_id == customer.id))),
    }


def test_the_things_of_others_are_answered_like_missing_ones(
    world: Flask, two: tuple[Customer, Customer], guests: dict[PortalRight, Browser]
) -> None:
    mine, theirs = things(two[0]), things(two[1])
    hidden = {"file_id": mine["file_id"][1:]}
    missing = dict.fromkeys(mine, 2**62)
    asked = 0
    for verb, rule in portal_doors(world):
        names = sorted(rule.arguments & mine.keys())
        bind = world.url_map.bind("localhost")
        for right, browser in guests.items():
            nothing = same(browser.open("/portal/4611686018427387904/", method="GET").text)
            for name in names:
                for value in (theirs[name][0], *hidden.get(name, ()), missing[name], 0):
                    values = {other: mine[other][0] for other in names} | {name: value}
                    address = bind.build(rule.endpoint, values, method=verb)
                    data = {"csrf_token": browser.token} if verb != "GET" else None  # type: ignore[attr-defined]
                    answer = browser.open(address, method=verb, data=data)
                    assert answer.status_code == 404, f"{verb} {address} as {right}"
                    assert same(answer.text) == nothing, f"{verb} {address} as {right}"
                    asked += 1
    assert asked > 30


def test_no_door_of_the_panel_opens_to_a_customer(world: Flask, guests: dict[PortalRight, Browser]) -> None:
    nobody = world.test_client()
    nobody.token = nobody.csrf_token()
    guest = guests[PortalRight.OWNER]
    before = prints()
    for verb, rule in doors(world):
        if rule.endpoint.startswith(OF_BOTH) or rule.rule in DEAD or rule.endpoint == "sign_in.sign_out":
            continue
        address = address_of(world, rule)
        assert knock(guest, verb, address) == knock(nobody, verb, address), f"{verb} {address}"
    assert changed(before, prints()) == []


def test_no_door_of_the_portal_works_without_the_token_of_the_session(
    world: Flask, guests: dict[PortalRight, Browser]
) -> None:
    foreign = world.test_client().csrf_token()
    before = prints()
    for verb, rule in portal_doors(world):
        if verb == "GET" or rule.endpoint in CALLED_FROM_OUTSIDE:
            continue
        for data in ({}, {"csrf_token": foreign}, {"csrf_token": "x"}):
            answer = guests[PortalRight.OWNER].open(address_of(world, rule), method=verb, data=data)
            assert answer.status_code == 400, f"{verb} {rule.rule} with {data}"
    assert changed(before, prints()) == []


def forms(world: Flask, browser: Browser, customer: Customer) -> list[Form]:
    """Every form that stands on a page of the portal, for somebody signed in and for a visitor."""
    found: dict[tuple[str, ...], Form] = {}
    for client in (browser, world.test_client()):
        for page in Walk(client, start(customer)):
            for form in page.forms:
                endpoint = endpoint_of(world, form.action.split("?")[0], "POST")
                if form.method == "post" and endpoint not in TAKE_OUT:
                    found.setdefault((endpoint, *sorted({f.name for f in form.fields})), form)
    assert len(found) >= 2
    return list(found.values())


@pytest.mark.parametrize("right", RIGHTS)
def test_forms_set_only_their_own_fields_and_hostile_texts_break_nothing(
    world: Flask, two: tuple[Customer, Customer], guests: dict[PortalRight, Browser], right: PortalRight
) -> None:
    browser, extra = guests[right], {**EXTRA, "right": "owner", "customer_id": str(two[1].id), "portal_user_id": "1"}
    before = prints(frozenset({"audit_event"}))
    for form in forms(world, browser, two[0]):
        token = {"csrf_token": browser.token}  # type: ignore[attr-defined]
        for data in (sent(form, **extra), *spoilt(form, ("text", "email", "tel", "password", "textarea"), TEXTS)):
            assert browser.post(form.action, data={**data, **token}).status_code < 500, form.action
        world.clock.advance(minutes=16)  # the limit of tries is another test's
    world.clock.__init__()
    answered = OWN | THEIRS[right] | (ANSWERED if right in MAY_ANSWER else set())
    assert set(changed(before, prints(frozenset({"audit_event"})))) <= answered


def test_forged_addresses_do_not_lift_the_limits_of_reset_mails(world: Flask, people: dict[PortalRight, str]) -> None:
    """A hundred from as many made-up addresses are a hundred from one (S22, S32)."""
    visitor = world.test_client()
    page = visitor.get("/portal/forgot").text
    token = page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]
    mails = select(func.count()).select_from(Delivery).where(Delivery.address == people[PortalRight.BILLING])
    before = db.session.scalar(mails)
    answers = []
    for n in range(100):
        forged = {"X-Forwarded-For": f"203.0.113.{n}", "Forwarded": f"for=203.0.113.{n}", "X-Real-IP": f"203.0.113.{n}"}
        name = people[PortalRight.BILLING] if n % 2 else f"nobody{n}@first.example"
        data = {"login": name, "csrf_token": token}
        answers.append(visitor.post("/portal/forgot", csrf=False, data=data, headers=forged).status_code)
    world.clock.__init__()
    assert set(answers) == {200, 429} and answers.count(429) >= 50
    assert db.session.scalar(mails) - before <= portal_links.MOST_RESETS


@pytest.mark.parametrize("forged", ["evil.example", "evil.example\\@localhost", "localhost.evil.example"])
def test_a_forged_host_gets_no_link(
    world: Flask, people: dict[PortalRight, str], monkeypatch: pytest.MonkeyPatch, forged: str
) -> None:
    world.clock.advance(hours=2)
    for base in ("", "https://panel.example"):
        monkeypatch.setitem(world.config, "BASE_URL", base)
        db.session.query(OneTimeToken).delete()
        visitor = world.test_client()
        page = visitor.get("/portal/forgot").text
        token = page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]
        headers = {"Host": forged, "X-Forwarded-Host": forged, "Referer": f"https://{forged}/portal/forgot"}
        sent_ = {"login": people[PortalRight.READ_ONLY], "csrf_token": token}
        visitor.post("/portal/forgot", csrf=False, data=sent_, headers=headers)
        kept = db.session.scalars(select(OneTimeToken.base_url)).all()
        assert all(url == base for url in kept) and (base or not kept)
    world.clock.__init__()


def test_a_token_opens_nothing_but_what_it_was_made_for(
    world: Flask, by: Actor, people: dict[PortalRight, str]
) -> None:
    user = db.session.scalars(select(PortalUser).where(PortalUser.email == people[PortalRight.OWNER])).one()
    key = world.config["SECRET_KEY"]
    row, token = portal_links.make(user, portal_links.WELCOME, key=key, at=by.at)
    session = world.test_client()
    session.get("/portal/sign-in")
    cookie = session.get_cookie("tillbook")
    delivery = db.session.scalars(select(Delivery).limit(1)).one()
    leave = unsubscribe.token_for(delivery, at=by.at)
    seed, hashed = row.seed, row.token_hash
    db.session.commit()
    visitor = world.test_client()
    for wrong in (leave, seed, hashed, token[:-1], token + "=", token.swapcase(), cookie.value if cookie else ""):
        assert visitor.get(f"/portal/set-password/{wrong}").status_code == 404, wrong
    for wrong in (token, seed, leave[:-1], leave.swapcase(), cookie.value if cookie else ""):
        assert visitor.get(f"/unsubscribe/{wrong}").status_code == 404, wrong
        assert visitor.post(f"/unsubscribe/{wrong}", csrf=False).status_code == 404, wrong
    assert visitor.get(f"/portal/set-password/{token}").status_code == 303


@pytest.mark.parametrize("right", RIGHTS)
def test_hostile_texts_stay_texts(
    world: Flask, two: tuple[Customer, Customer], guests: dict[PortalRight, Browser], right: PortalRight
) -> None:
    """The last one: it overwrites whatever anybody typed."""
    kept = {"portal_user", "web_session", "one_time_token", "file", "invoice"}
    for table in db.metadata.sorted_tables:
        if table.name not in kept:
            spoil([column for column in table.columns if is_free_text(column)])
    db.session.execute(PortalUser.__table__.update().values(name=HOSTILE[:60]))
    db.session.execute(File.__table__.update().values(name=HOSTILE[:40] + ".png", description=HOSTILE))
    db.session.commit()
    walk = Walk(guests[right], start(two[0]), each=3)
    for page in walk:
        assert "z" not in page.ids and page.handlers == [], page.address
    assert [address for address, status, text in walk.answers if status >= 500 or "<img src=x" in text] == []
    assert any("&lt;img src=x" in text for _address, _status, text in walk.answers)
