"""What is done with a payment: put on invoices later, refunded, taken back as a slip, receipts; and write-offs."""

from __future__ import annotations

import re
from datetime import date

import pytest
from documents import field, text_of
from factories import make_company, make_customer, make_invoice
from signing_in import sign_in
from statements import spoken

from billing import allocations, credits, payments, write_offs
from models import Allocation, Delivery, Invoice, Money, Payment, Refund, WriteOff, db

URL, INVOICES = "/admin/payments/", "/admin/invoices/"
GIVEN = {"amount": "4.00", "method": "Cash", "refunded_on": "2026-11-22", "reason": "Paid twice", "source": "payment"}


@pytest.fixture
def invoice(app) -> Invoice:
    make_company(email="billing@harbour.example")
    found = make_invoice(make_customer(name="Anna Lindqvist"), 1000)
    db.session.commit()
    return found


@pytest.fixture
def paid(invoice, by) -> Payment:
    """Ten for the invoice, and five over."""
    on = date(2026, 11, 20)
    payment = payments.record(
        invoice.customer, Money(1500, "EUR"), method="Cash", received_on=on, invoices=[invoice], by=by
    )
    db.session.commit()
    return payment


def send(client, address: str, **typed: str):
    page = client.get(address).text
    known = {"form_token": field(page, "form_token")} if "form_token" in page else {"form_token": "a-form-token-0"}
    if 'name="seen"' in page:
        known["seen"] = re.search(r'name="seen"[^>]* value="([^"]*)"', page)[1]
    answer = client.post(address, data={**known, **typed})
    db.session.expire_all()
    return answer


def test_a_refund_says_what_it_does_before_it_does_it(staff_client, paid, invoice):
    address = f"{URL}refund/?id={paid.id}"
    first = text_of(staff_client.get(address).text)
    assert "€15.00 goes back." in first and f"{invoice.number} is open again with €10.00." in first
    asked = send(staff_client, address, **GIVEN)
    assert asked.status_code == 200 and "Look at what this does now." in text_of(asked.text)
    assert "€4.00 of it comes out of what is not used." in text_of(asked.text)
    assert "owes no more than before" in text_of(asked.text) and paid.refunded_minor == 0
    seen = re.search(r'name="seen"[^>]* value="([^"]*)"', asked.text)[1]
    done = send(staff_client, address, **{**GIVEN, "seen": seen, "reference": "TX-9"})
    assert done.location == f"/admin/payments/details/?id={paid.id}"
    row = db.session.query(Refund).one()
    assert (row.amount_minor, row.reference, row.reason, paid.refunded_minor) == (400, "TX-9", "Paid twice", 400)
    page = text_of(staff_client.get(done.location).text)
    assert (
        "Partly refunded" in page
        and "Refunds of this payment Day Reason" in page
        and "€1.00 is credit of the customer." in page
    )


def test_a_refund_of_all_opens_the_invoice_again(staff_client, paid, invoice):
    done = send(staff_client, f"{URL}refund/?id={paid.id}", **{**GIVEN, "amount": "15.00"})
    assert done.status_code == 302 and (invoice.open_minor, paid.refunded_minor) == (1000, 1500)
    page = staff_client.get(f"{URL}details/?id={paid.id}").text
    assert f"{URL}refund/" not in page and f"{URL}reverse/" not in page
    assert "Refunded" in staff_client.get(f"{URL}?flt0_refunded_is=1").text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"amount": "15.01"}, "Only €15.00 came in."),
        ({"amount": "0"}, "A refund is more than zero."),
        ({"amount": "-1"}, "A refund is more than zero."),
        ({"amount": "many"}, "Write an amount"),
        ({"amount": "9" * 30}, "This is too large"),
        ({"amount": "1.234"}, "at most 2 decimals"),
        ({"reason": " "}, "Say why."),
        ({"method": "Barter"}, "Not a valid choice"),
        ({"refunded_on": "2026-11-23"}, "and today"),
        ({"source": "77"}, "Not a valid choice"),
    ],
)
def test_what_cannot_be_given_back_is_refused_in_words(staff_client, paid, typed, words):
    address = f"{URL}refund/?id={paid.id}"
    answer = send(staff_client, address, **{**GIVEN, "amount": "15.00", **typed})
    assert answer.status_code == 400 and words in text_of(answer.text)
    assert db.session.query(Refund).count() == 0 and paid.refunded_minor == 0


def test_two_clicks_refund_once(staff_client, paid):
    address, same = f"{URL}refund/?id={paid.id}", {**GIVEN, "amount": "15.00", "form_token": "a-form-token-7"}
    assert send(staff_client, address, **same).status_code == 302
    again = staff_client.post(address, data=same)
    assert db.session.query(Refund).count() == 1 and again.status_code in (302, 400)


def test_a_slip_is_taken_back(staff_client, paid, invoice):
    address = f"{URL}reverse/?id={paid.id}"
    page = text_of(staff_client.get(address).text)
    assert f"{invoice.number} is open again with €10.00." in page and "€5.00 of credit is gone." in page
    assert send(staff_client, address, reason="").status_code == 400
    done = send(staff_client, address, reason="Wrong customer")
    assert done.status_code == 302 and (invoice.open_minor, invoice.customer.credit_minor) == (1000, 0)
    page = text_of(staff_client.get(done.location).text)
    assert "Taken back on 22 Nov 2026: it was entered by mistake." in page
    assert staff_client.get(address).status_code == 302, "not twice"


def test_the_rest_goes_on_further_invoices(staff_client, paid, invoice):
    other = make_invoice(invoice.customer, 300)
    db.session.commit()
    address = f"{URL}put/?id={paid.id}"
    page = staff_client.get(address).text
    assert f'name="part_{other.id}"' in page and f'name="part_{invoice.id}"' not in page
    wrong = send(staff_client, address, **{f"part_{other.id}": "3.01"})
    assert wrong.status_code == 400 and "Only €3.00 can be put on it." in text_of(wrong.text)
    assert send(staff_client, address, **{f"part_{other.id}": ""}).status_code == 400
    assert send(staff_client, address, **{f"part_{invoice.id}": "1.00"}).status_code == 400
    done = send(staff_client, address, spread="y")
    assert done.status_code == 302 and (other.open_minor, invoice.customer.credit_minor) == (0, 200)
    assert "put on it later" in text_of(staff_client.get(done.location).text)
    assert send(staff_client, address, spread="y").status_code == 400, "nothing more is open"


def test_money_is_taken_off_an_invoice_or_moved(staff_client, paid, invoice):
    other = make_invoice(invoice.customer, 300)
    there = db.session.query(Allocation).filter_by(invoice_id=invoice.id).one()
    db.session.commit()
    address = f"{INVOICES}take-off/?id={invoice.id}&allocation={there.id}"
    page = text_of(staff_client.get(address).text)
    assert f"{invoice.number} is open with €10.00 then." in page and f"Put it on {other.number}, €3.00 open" in page
    wrong = send(staff_client, address, amount="10.01", to="")
    assert wrong.status_code == 400 and "€10.00 of it is on" in text_of(wrong.text)
    assert send(staff_client, address, amount="3.00", to="999").status_code == 400
    assert send(staff_client, address, amount="3.00", to=str(other.id)).status_code == 302
    assert (invoice.open_minor, other.open_minor, invoice.customer.credit_minor) == (300, 0, 500)
    assert send(staff_client, address, amount="7.00", to="").status_code == 302
    assert (invoice.open_minor, invoice.customer.credit_minor) == (1000, 1200)
    assert staff_client.get(address).status_code == 302, "nothing of it is there any more"


def test_credit_used_by_mistake_is_taken_off_too(staff_client, invoice, by):
    credits.grant(invoice.customer, Money(300, "EUR"), reason="Outage", on=date(2026, 11, 1), by=by)
    (row,) = credits.use(invoice, on=by.today, by=by)
    db.session.commit()
    send(staff_client, f"{INVOICES}take-off/?id={invoice.id}&allocation={row.id}", amount="3.00", to="")
    assert (invoice.open_minor, invoice.customer.credit_minor) == (1000, 300)


def test_an_invoice_is_written_off_and_expected_again(staff_client, invoice):
    address = f"{INVOICES}write-off/?id={invoice.id}"
    assert "It is not void." in text_of(staff_client.get(address).text)
    wrong = send(staff_client, address, amount="10.01", on="2026-11-22", reason="Gone")
    assert wrong.status_code == 400 and "Only €10.00" in text_of(wrong.text)
    assert send(staff_client, address, amount="4", on="2026-11-22", reason="").status_code == 400
    assert send(staff_client, address, amount="4", on="2026-11-23", reason="Gone").status_code == 400
    done = send(staff_client, address, amount="10", on="2026-11-22", reason="Gone")
    assert done.status_code == 302 and (invoice.open_minor, invoice.written_off_minor) == (0, 1000)
    page = text_of(staff_client.get(done.location).text)
    assert "Written off" in page and "Paid €0.00" in page
    assert staff_client.get(address).status_code == 302
    listed = staff_client.get(f"{INVOICES}?flt0_state_is=written_off").text
    assert (
        str(invoice.number) in listed
        and str(invoice.number) not in staff_client.get(f"{INVOICES}?flt0_state_is=paid").text
    )
    back = f"{INVOICES}write-off/take-back/?id={invoice.id}"
    assert send(staff_client, back, amount="10.01", reason="Here").status_code == 400
    assert send(staff_client, back, amount="10.00", reason="Here").status_code == 302
    assert (invoice.open_minor, invoice.written_off_minor, db.session.query(WriteOff).count()) == (1000, 0, 2)


def test_receipts_are_read_and_sent(staff_client, paid):
    answer = staff_client.get(f"{URL}receipt/?id={paid.id}")
    assert answer.mimetype == "application/pdf" and answer.data.startswith(b"%PDF")
    staff_client.post(f"{URL}send-receipt/", data={"id": paid.id})
    assert db.session.query(Delivery).one().message.payment_id == paid.id
    assert paid.customer.email in staff_client.get(f"{URL}details/?id={paid.id}").text
    again = staff_client.post(f"{URL}action/", data={"action": "send_receipt", "rowid": paid.id}, follow_redirects=True)
    assert "waits to be sent already" in text_of(again.text) or "waits to be sent already" in again.text


def test_few_statements(staff_client, paid, invoice, by):
    for _n in range(5):
        make_invoice(invoice.customer, 100)
    db.session.commit()
    for address in (
        f"{URL}details/?id={paid.id}",
        f"{URL}new/?customer={invoice.customer_id}",
        f"{URL}refund/?id={paid.id}",
    ):
        with spoken() as said:
            assert staff_client.get(address).status_code == 200
        assert len(said) <= 15, said


def test_only_who_may(client, paid, invoice, by):
    there = db.session.query(Allocation).one()
    write_offs.write_off(make_invoice(invoice.customer, 100), reason="x", on=by.today, by=by)
    db.session.commit()
    sign_in(client, "support")
    doors = {
        f"{URL}refund/?id={paid.id}": GIVEN, f"{URL}reverse/?id={paid.id}": {"reason": "x"},
        f"{URL}put/?id={paid.id}": {"spread": "y"},
        f"{INVOICES}write-off/?id={invoice.id}": {"amount": "1", "on": "2026-11-22", "reason": "x"},
        f"{INVOICES}write-off/take-back/?id={invoice.id}": {"amount": "1", "reason": "x"},
        f"{INVOICES}take-off/?id={invoice.id}&allocation={there.id}": {"amount": "1", "to": ""},
    }  # fmt: skip
    for address, data in doors.items():
        assert client.get(address).status_code == 404, address
        assert client.post(address, data={"form_token": "a-form-token-8", **data}).status_code == 404, address
    sign_in(client, "viewer")
    assert client.post(f"{URL}send-receipt/", data={"id": paid.id}).status_code == 403
    assert (paid.refunded_minor, allocations.settled_by(paid)[0].amount.minor) == (0, 1000)
