"""Deliveries: what waits and why, the mail as it was sent, and sending it again."""

from __future__ import annotations

import pytest
from documents import ids, press, rows_of, text_of
from factories import make_company, make_customer, make_invoice
from signing_in import sign_in
from statements import spoken

from messaging import outbox
from models import Delivery, DeliveryState, db

URL = "/admin/deliveries/"
STATES = ["queued", "sent", "failed", "bounced", "unknown", "cancelled"]


@pytest.fixture
def six(app, by) -> dict[str, Delivery]:
    """One in each state but `sending`."""
    make_company(email="hello@harbour.example")
    customer = make_customer(name="Anna Lindqvist", email="anna@lindqvist.example")
    made = {}
    for state in STATES:
        message = outbox.queue_message(
            f"About {state}", "Dear Anna", [customer.email], kind="note", about=state, by=by, customer=customer
        )
        made[state] = message.deliveries[0]
        made[state].state = DeliveryState(state)
    made["sent"].sent_subject, made["sent"].sent_text, made["sent"].sent_at = "As sent", "Dear <Anna>, & co", by.at
    made["bounced"].error = "The mail server said: 550 mailbox full"
    db.session.commit()
    return made


def page(client, delivery: Delivery) -> str:
    answer = client.get(f"{URL}details/?id={delivery.id}")
    assert answer.status_code == 200
    return answer.text


def test_views_words_and_search(staff_client, six, by):
    everything = staff_client.get(URL).text
    for word in ("Waiting", "Sent", "Failed", "Bounced", "Unknown", "Cancelled"):
        assert f">{word}</span>" in everything
    assert 'Waiting <span class="count">1</span>' in everything
    for state in STATES:
        assert ids(staff_client.get(f"{URL}?flt0_state_is={state}").text) == [six[state].id]
    for asked in (
        "search=anna%40lind",
        "search=lindqvist",
        "flt0_address_begins=ANNA",
        "flt0_sent_at_before=2027-01-01",
    ):
        assert len(ids(staff_client.get(f"{URL}?{asked}").text)) == (1 if "sent_at" in asked else 6), asked
    row = rows_of(everything)[STATES[::-1].index("sent")]
    assert row.startswith("anna@lindqvist.example As sent Anna Lindqvist Sent")
    with spoken() as said:
        staff_client.get(f"{URL}?search=lindqvist")
    assert len(said) <= 6, said


def test_an_unwritten_invoice_mail_says_what_it_brings(staff_client, six, by):
    invoice = make_invoice(make_customer())
    outbox.send_invoice_again(invoice, by=by)
    assert f"Invoice {invoice.number}" in rows_of(staff_client.get(URL).text)[0]
    newest = db.session.query(Delivery).order_by(Delivery.id.desc()).first()
    assert "It is written when it is sent" in page(staff_client, newest)


def test_the_banner_says_that_mails_wait_and_what_to_set(app, staff_client, six, monkeypatch):
    assert "Mail is not set up: MAIL_SERVER is missing. 1 mail waits." in text_of(staff_client.get(URL).text)
    assert "MAIL_SERVER is missing" in page(staff_client, six["queued"])
    monkeypatch.setitem(app.config, "MAIL_SERVER", "127.0.0.1")
    assert "MAIL_SERVER" not in staff_client.get(URL).text


def test_the_mail_as_it_was_sent(staff_client, six):
    shown = page(staff_client, six["sent"])
    assert "Dear &lt;Anna&gt;, &amp; co" in shown and "As sent" in shown
    assert "Send again" not in shown
    assert "550 mailbox full" in page(staff_client, six["bounced"])
    assert "It may have arrived." in page(staff_client, six["unknown"])


@pytest.mark.parametrize("state", ["queued", "failed", "bounced", "unknown", "cancelled"])
def test_again(staff_client, six, state, by):
    delivery = six[state]
    delivery.attempts, delivery.next_try_at = 7, by.at.replace(year=2027)
    verb = "Try now" if state == "queued" else "Send again"
    assert verb in page(staff_client, delivery)
    answer = staff_client.post(f"{URL}again/", data={"id": str(delivery.id)}, follow_redirects=True)
    assert "Queued for anna@lindqvist.example" in answer.text
    db.session.expire_all()
    assert (delivery.state, delivery.attempts) == ("queued", 0)
    assert delivery.next_try_at == by.at


def test_what_was_sent_is_not_sent_again(staff_client, six):
    answer = staff_client.post(f"{URL}again/", data={"id": str(six["sent"].id)}, follow_redirects=True)
    assert "was sent already" in answer.text
    listed = staff_client.get(URL).text
    answer = press(staff_client, URL, "again", listed, scope="all")
    assert "5 done, 1 refused." in answer.text
    db.session.expire_all()
    assert six["sent"].state == "sent"


def test_roles_decide(client, six):
    sign_in(client, "viewer")
    assert "Send again" not in page(client, six["failed"])
    assert client.post(f"{URL}again/", data={"id": str(six["failed"].id)}).status_code == 403
    assert client.get(f"{URL}details/?id=99999").status_code == 404


def test_a_text_shows_its_size_and_price_and_no_code(app, staff_client, by, tmp_path):
    from texting import run, texted, texting

    from billing import phone_verification
    from models import Delivery, TextPrice, db

    db.session.add(TextPrice(prefix="+353", price_micro=75_000))
    phone_verification.send_code(texted(), secret=app.config["SECRET_KEY"].encode(), by=by)
    db.session.commit()
    number = db.session.query(Delivery).one().id
    waiting = staff_client.get(f"/admin/deliveries/details/?id={number}").text
    assert "Texts are not set up" in waiting and "It is written when it is sent" in waiting
    db.session.rollback()
    with texting(app, tmp_path):
        run()
    page = staff_client.get(f"/admin/deliveries/details/?id={number}").text
    assert "1 segment, 0.075 EUR" in page and "•••••• is your code" in page
    assert "+3538612345" in staff_client.get("/admin/deliveries/?flt0_by_is=sms").text
