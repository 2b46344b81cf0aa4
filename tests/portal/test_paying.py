"""The pages where customers see what is due and how to pay it; who may see them, and what they never tell."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import date

import pytest
from factories import make_company, make_customer, make_invoice, make_service
from flask import Flask
from guests import let_in, sign_in_guest
from invoicing import issued
from signing_in import Browser

from billing import credits, message_categories, payments, service_changes, settings
from billing.actor import Actor
from integrations import qr_codes
from messaging import payment_code
from messaging.outbox import queue_message
from models import (
    Channel,
    Company,
    Delivery,
    DeliveryState,
    Invoice,
    Mailing,
    Message,
    MessageTemplate,
    Money,
    PaymentWay,
    PortalRight,
    TemplateVersion,
    db,
)

IBAN = "IBAN: IE29 AIBK 9311 5212 3456 78\nBIC: AIBKIE2D"


@pytest.fixture
def invoices(app: Flask, client: Browser, by: Actor) -> list[Invoice]:
    """Two open ones of Anna's, who is signed in, and one of somebody else's."""
    make_company(name="Harbour", bank_details=IBAN)
    anna = make_customer(name="Lindqvist", email="anna@lindqvist.example")
    found = [make_invoice(anna, minor, due_on=date(2026, 11, day)) for minor, day in ((12300, 10), (4900, 20))]
    found.append(make_invoice(make_customer(name="Doyle"), 7700))
    sign_in_guest(client, let_in(anna, by))
    return found


def home(invoice: Invoice) -> str:
    return f"/portal/{invoice.customer_id}"


def ticked(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'name="invoice" value="(\d+)" checked', page)]


def test_all_that_is_due_is_ticked_and_one_may_choose(client: Browser, invoices: list[Invoice], by: Actor) -> None:
    first, second, foreign = invoices
    pay = home(first) + "/pay"
    page = client.get(pay).text
    assert ticked(page) == [first.id, second.id] and "€172.00" in page
    assert f"<b>{first.number} {second.number}</b>" in page and "IE29 AIBK" in page
    page = client.get(f"{pay}?chosen=1&invoice={second.id}").text
    assert ticked(page) == [second.id] and f"<b>{second.number}</b>" in page
    said = payment_code.text("Harbour", IBAN, Money(4900, "EUR"), str(second.number))
    assert said.splitlines()[3:8] == ["SCT", "AIBKIE2D", "Harbour", "IE29AIBK93115212345678", "EUR49.00"]
    assert b64encode(qr_codes.png(said, scale=4)).decode() in page
    assert "Tick what you want to pay" in client.get(f"{pay}?chosen=1").text
    payments.record(second.customer, Money(4900, "EUR"), method="Cash", received_on=by.today, invoices=[second], by=by)
    db.session.commit()
    assert ticked(client.get(f"{pay}?chosen=1&invoice={first.id}&invoice={second.id}").text) == [first.id]
    for wrong in (foreign.id, 2**62, "x", 0):
        assert client.get(f"{pay}?invoice={wrong}").status_code == 404


def test_a_proforma_is_offered_where_nothing_is_owed(client: Browser, invoices: list[Invoice], by: Actor) -> None:
    settings.change({"number_when_paid": True}, by=by)
    bill = make_customer(name="Marta", email="marta@m.example")
    asked = issued(bill, by, send=False)
    assert asked.kind == "proforma"
    marta = sign_in_guest(client.application.test_client(), let_in(bill, by, "marta@m.example"))
    page = marta.get(home(asked) + "/").text
    assert "Nothing due" in page and "1 proforma invoice waits for payment" in page
    assert ticked(marta.get(home(asked) + "/pay").text) == [asked.id]


def test_other_ways_are_shown_to_those_they_are_for_and_no_code_without_euros(
    client: Browser, invoices: list[Invoice], by: Actor
) -> None:
    for name, whom in (("At the counter", None), ("Card people", "card"), ("Payers by bill", "invoice")):
        db.session.add(PaymentWay(name=name, instructions=f"Come for {name}", shown_to=whom))
    db.session.add(PaymentWay(name="Cheque"))
    db.session.get_one(Company, 1).bank_details = "Account 42"
    db.session.commit()
    page = client.get(home(invoices[0]) + "/pay").text
    assert "Come for At the counter" in page and "Come for Payers by bill" in page
    assert "Card people" not in page and "Cheque" not in page and "data:image" not in page and "Account 42" in page


@pytest.mark.parametrize("right", [PortalRight.TECHNICAL, PortalRight.READ_ONLY])
def test_some_see_no_money_and_some_only_look(
    client: Browser, invoices: list[Invoice], by: Actor, right: PortalRight
) -> None:
    start, page = home(invoices[0]), client.application.test_client()
    sign_in_guest(page, let_in(invoices[0].customer, by, "tom@m.example", right))
    parts = ("/invoices/", "/pay", "/payments/", "/credit/", "/credit/top-up", "/messages/", "/statement", "/quotes/")
    found = {part: page.get(start + part).status_code for part in parts}
    found.pop("/messages/")
    assert set(found.values()) == ({404} if right == PortalRight.TECHNICAL else {200})
    seen = page.get(start + "/").text
    assert ("€" in seen) == (right == PortalRight.READ_ONLY) and "Top up" not in seen and "Pay €" not in seen


def test_lists_say_what_is_open_what_was_paid_and_what_credit_is_left(
    client: Browser, invoices: list[Invoice], by: Actor
) -> None:
    first, second, _foreign = invoices
    anna, start = first.customer, home(first)
    credits.grant(anna, Money(2000, "EUR"), reason="Sorry for the outage", on=by.today, by=by)
    credits.use(second, Money(500, "EUR"), on=by.today, by=by)
    payment = payments.record(anna, Money(13000, "EUR"), method="Cash", received_on=by.today, invoices=[first], by=by)
    number = payment.id
    db.session.commit()
    listed = {show: client.get(f"{start}/invoices/?show={show}").text for show in ("all", "open", "paid")}
    has = {show: (first.number in page, second.number in page) for show, page in listed.items()}
    assert has == {"all": (True, True), "open": (False, True), "paid": (True, False)}
    page = client.get(f"{start}/payments/").text
    assert "€130.00" in page and str(first.number) in page
    with client.get(f"{start}/payments/{number}.pdf") as receipt:
        assert receipt.data.startswith(b"%PDF") and "attachment" in receipt.headers["Content-Disposition"]
    page = client.get(f"{start}/credit/").text
    assert "€22.00" in page and "Sorry for the outage" in page and "−€5.00" in page and "+€7.00" in page
    settings.change({"portal_credit": False, "portal_top_up": False}, by=by)
    db.session.commit()
    assert {client.get(start + part).status_code for part in ("/credit/", "/credit/top-up")} == {404}


def test_credit_pays_what_is_ticked_once_and_leaves_the_rest(
    client: Browser, invoices: list[Invoice], by: Actor
) -> None:
    first, second, foreign = invoices
    anna, pay = first.customer, home(first) + "/pay"
    credits.grant(anna, Money(15000, "EUR"), reason="Paid twice", on=by.today, by=by)
    db.session.commit()
    page = client.get(f"{pay}?invoice={second.id}").text
    assert "Pay with my credit: €49.00" in page and "It pays all of this." in page
    page = client.get(pay).text
    assert "Use my credit: €150.00" in page and "the €22.00 left you pay" in page
    sent = {"invoice": [first.id, second.id], "amount": "15000", "form_token": "token-for-my-credit"}
    for wrong in ({**sent, "amount": "-1"}, {**sent, "invoice": [first.id, foreign.id]}):
        assert client.post(f"{pay}/credit", data=wrong).status_code in (400, 404)
    assert client.post(f"{pay}/credit", data={**sent, "amount": "14999"}).location == (
        f"{pay}?chosen=1&invoice={first.id}&invoice={second.id}")  # fmt: skip
    for _twice in range(2):
        assert client.post(f"{pay}/credit", data=sent).location == f"{pay}?chosen=1&invoice={second.id}"
    page = client.get(pay).text
    assert "€150.00 of your credit is used. €22.00 is left to pay." in page and "Use my credit" not in page
    credits.grant(anna, Money(9900, "EUR"), reason="Sorry", on=by.today, by=by)
    db.session.commit()
    rest = {"invoice": second.id, "amount": "2200", "form_token": "token-for-the-rest"}
    assert client.post(f"{pay}/credit", data=rest).location == home(first) + "/invoices/"
    db.session.expire_all()
    assert (anna.credit_minor, first.open_minor, second.open_minor) == (7700, 0, 0)
    settings.change({"portal_credit": False}, by=by)
    db.session.commit()
    assert client.post(f"{pay}/credit", data={**rest, "form_token": "token-once-more"}).status_code == 404


def test_a_top_up_says_how_for_any_right_amount(client: Browser, invoices: list[Invoice]) -> None:
    address = home(invoices[0]) + "/credit/top-up"
    page = client.get(address + "?amount=25,50").text
    assert "€25.50" in page and f"Customer no. {invoices[0].customer_id}" in page and "data:image/png" in page
    for wrong in ("-3", "0", "1e5", "abc", "1.234", "9" * 30):
        page = client.get(address, query_string={"amount": wrong}).text
        assert 'aria-invalid="true"' in page and "By bank transfer" not in page


def test_the_history_of_a_service_tells_what_and_not_who_or_why(
    client: Browser, invoices: list[Invoice], by: Actor
) -> None:
    anna = invoices[0].customer
    service = make_service(anna, description="Line 7")

    def happened(kind: str, **after: object) -> None:
        service_changes.record(service, by.today, kind, f"service.{kind}", {"price_minor": 900}, dict(after), by)

    happened("price", price_minor=1100)
    happened("transfer", customer="Doyle")
    happened("suspend", reason="Does not answer")
    happened("edit", description="secret")
    happened("price", price_minor=1200)
    db.session.commit()
    page = client.get(f"{home(invoices[0])}/services/{service.id}").text
    assert "Taken over" in page and "Suspended" in page and "€9.00 → €12.00" in page
    for hidden in ("€11.00", "Does not answer", "Doyle", "secret", by.name):
        assert hidden not in page
    tom = sign_in_guest(
        client.application.test_client(), let_in(anna, by, "tom@m.example", PortalRight.TECHNICAL)
    )  # fmt: skip
    assert "€" not in tom.get(f"{home(invoices[0])}/services/{service.id}").text


def test_messages_are_read_again_as_they_were_sent_and_secrets_are_not_there(
    client: Browser, invoices: list[Invoice], by: Actor
) -> None:
    anna = invoices[0].customer
    kinds = ("invoice", "dunning_first", "portal_welcome", "portal_reset", "phone_code", "dunning_staff", "anything")
    for kind in kinds:
        queue_message(f"About {kind}", "Words", [anna.email], kind=kind, about=kind, customer=anna, by=by)
    for delivery in db.session.query(Delivery):
        delivery.state, delivery.sent_at = DeliveryState.SENT, by.at
        delivery.sent_subject, delivery.sent_text = f"As sent: {delivery.message.kind}", "See https://pay.example <b>"
    waiting = queue_message("Not yet", "Words", [anna.email], kind="invoice", about="more", customer=anna, by=by)
    assert waiting is not None
    db.session.commit()
    start = home(invoices[0]) + "/messages/"
    page = client.get(start).text
    assert re.findall(r"As sent: (\w+)", page) == ["dunning_first", "invoice"] and "Not yet" not in page
    for delivery in db.session.query(Delivery).filter(Delivery.channel == Channel.EMAIL).all():
        shown = delivery.sent_subject in ("As sent: invoice", "As sent: dunning_first")
        answer = client.get(f"{start}{delivery.id}")
        assert answer.status_code == (200 if shown else 404)
        assert not shown or ('href="https://pay.example"' in answer.text and "&lt;b&gt;" in answer.text)


def test_technical_people_read_what_is_not_about_money(client: Browser, invoices: list[Invoice], by: Actor) -> None:
    anna = invoices[0].customer
    made = Mailing(created_at=by.at, created_by="Ann", changed_at=by.at, category="notice")
    owed = MessageTemplate(key="owed", name="Owed", category="notice")
    db.session.add_all([made, owed])
    db.session.flush()
    words = {"language": "en", "number": 1, "saved_at": by.at, "saved_by": "Ann"}
    db.session.add(TemplateVersion(template_id=owed.id, body="You owe {{ customer['balance'] }}", **words))
    for subject, category, body, mailing, template in (
        ("Works on Monday", "notice", "Hello {{ customer.name }}", made.id, ""),
        ("Offer", "news", "Buy", made.id, ""),
        ("What you owe", "notice", "You owe {{ customer.balance }}", made.id, ""),
        ("By template", "notice", "", made.id, "owed"),
        ("An invoice", "invoice", "Pay", None, ""),
    ):
        kind = {"kind": "invoice" if mailing is None else "mailing", "category": category, "mailing_id": mailing}
        message = Message(subject=subject, body=body, template=template, customer_id=anna.id, created_at=by.at,
                          created_by="Ann", **kind)  # fmt: skip
        db.session.add(message)
        db.session.flush()
        db.session.add(Delivery(
            message_id=message.id, customer_id=anna.id, address=anna.email, dedupe_key=subject, next_try_at=by.at,
            state=DeliveryState.SENT, sent_at=by.at, sent_subject=subject, sent_text=f"{subject} in full",
        ))  # fmt: skip
    tom = sign_in_guest(
        client.application.test_client(), let_in(anna, by, "tom@m.example", PortalRight.TECHNICAL)
    )  # fmt: skip
    start = home(invoices[0]) + "/messages/"

    def shown(browser: Browser) -> list[str]:
        return re.findall(r'class="row-link"[^>]*>([^<]+)<', browser.get(start).text)

    assert shown(tom) == ["Works on Monday"] and len(shown(client)) == 5
    opened = {d.sent_subject: tom.get(f"{start}{d.id}").status_code for d in db.session.query(Delivery)}
    assert [subject for subject, status in opened.items() if status == 200] == ["Works on Monday"]
    news = message_categories.ensure()["news"]
    message_categories.change(news, "News", essential=False, technical=True, by=by)
    message_categories.change(message_categories.ensure()["invoice"], "Bills", essential=True, technical=True, by=by)
    db.session.commit()
    assert shown(tom) == ["Offer", "Works on Monday"]
