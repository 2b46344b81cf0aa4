"""The statement as a document, the mails about the account, and statements for many at once."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from factories import make_company, make_customer, make_invoice
from flask import Flask
from money import eur
from sqlalchemy import select

from billing import bulk, credit_outflows, credits, payments, statements
from billing.actor import Actor
from jobs import schedule
from messaging import previews, statement_document
from messaging.compose import letter_for
from messaging.refusals import CannotBeWritten
from messaging.template_kinds import KINDS
from messaging.templates import source
from models import BulkRow, Credit, Customer, Delivery, Message, RowResult, db

FIRST, LAST, TODAY = date(2026, 11, 1), date(2026, 11, 30), date(2026, 11, 22)


@pytest.fixture
def customer(app: Flask, by: Actor) -> Customer:
    """Owed 50.00 before, billed 123.00, paid 30.00."""
    make_company(email="office@harbour.example", bank_details="IBAN: IE29")
    customer = make_customer(name="Doyle", language="en")
    make_invoice(customer, 5000, issued_on=date(2026, 10, 15))
    invoice = make_invoice(customer, 12300, issued_on=date(2026, 11, 3))
    known = {"method": "Cash", "received_on": date(2026, 11, 5), "reference": "R 7"}
    payments.record(customer, eur("30"), invoices=[invoice], **known, by=by)
    return customer


def test_the_document_says_what_moved_the_account(customer: Customer) -> None:
    document = statement_document.document_data(statements.statement(customer, FIRST, LAST))
    assert (document["title"], document["number"]) == ("Statement of account", "1 Nov 2026 – 30 Nov 2026")
    assert document["table"]["rows"] == [
        ["1 Nov 2026", "Opening balance", "", "", "€50.00"],
        ["3 Nov 2026", "Invoice INV-00002, due 17 Nov 2026", "€123.00", "", "€173.00"],
        ["5 Nov 2026", "Payment: Cash, R 7", "", "€30.00", "€143.00"],
        ["30 Nov 2026", "Closing balance", "", "", "€143.00"],
    ]
    assert [one["amount"] for one in document["subtotals"]] == ["€50.00", "€123.00", "−€30.00"]
    assert document["total"] == {"label": "Closing balance", "amount": "€143.00"}
    assert document["payment"]["details"] == [{"label": "IBAN", "value": "IE29"}]


def test_open_items_say_what_is_owed_and_since_when(customer: Customer, by: Actor) -> None:
    credits.grant(customer, eur("5"), reason="Outage", on=TODAY, by=by)
    document = statement_document.document_data(statements.open_items(customer, TODAY))
    assert document["table"]["rows"] == [
        ["INV-00001", "15 Oct 2026", "29 Oct 2026, 24 days late", "€50.00", "€50.00"],
        ["INV-00002", "3 Nov 2026", "17 Nov 2026, 5 days late", "€123.00", "€93.00"],
    ]
    assert (document["total"]["amount"], document["settled"][0]["amount"]) == ("€143.00", "−€5.00")


def test_every_posting_has_words(customer: Customer, by: Actor) -> None:
    gift = credits.grant(customer, eur("5"), reason="Outage", on=TODAY, by=by)
    credit_outflows.pay_out(customer, eur("1"), method="Cash", on=TODAY, by=by)
    credit_outflows.take_back(gift, reason="Wrong", by=by)
    rows = statement_document.document_data(statements.statement(customer, TODAY, LAST))["table"]["rows"]
    assert [row[1] for row in rows[1:-1]] == ["Credit: Outage", "Credit paid out: Outage", "Credit taken back: Outage"]


@pytest.mark.parametrize("variant", [statements.MOVEMENTS, statements.OPEN_ITEMS])
def test_the_mail_brings_the_pdf(app: Flask, customer: Customer, by: Actor, variant: str) -> None:
    statements.mail(customer, FIRST, LAST, variant=variant, by=by)
    letter = letter_for(db.session.scalars(select(Delivery)).one(), at=app.clock())
    assert "€143.00" in letter.text and "Doyle" in letter.text
    assert letter.attachments[0].data.startswith(b"%PDF") and letter.attachments[0].filename.endswith(".pdf")
    assert ("Open items" if variant == statements.OPEN_ITEMS else "Statement") in letter.subject


def test_a_mail_about_nothing_is_not_written(app: Flask, customer: Customer, by: Actor) -> None:
    message = statements.mail(customer, FIRST, LAST, by=by)
    message.about = {"since": "x"}
    with pytest.raises(CannotBeWritten):
        letter_for(message.deliveries[0], at=app.clock())


def test_the_daily_job_books_off_credit_and_says_so_where_that_is_wanted(app: Flask, by: Actor) -> None:
    company, customer = make_company(email="office@harbour.example"), make_customer()
    for amount in ("5", "7"):
        credits.grant(customer, eur(amount), reason="Outage", on=TODAY, expires_on=TODAY, by=by)
        db.session.commit()
        assert schedule.expire(TODAY + timedelta(days=1)) == {"expired": 1, "lapsed": 0}
        company.chosen = {**company.chosen, "tell_expired_credit": True}
    (message,) = db.session.scalars(select(Message))
    letter = letter_for(message.deliveries[0], at=app.clock())
    assert letter.subject == "Your credit of €7.00 ran out" and "Outage" in letter.text and "22 Nov 2026" in letter.text
    assert schedule.expire(TODAY + timedelta(days=9)) == {"expired": 0, "lapsed": 0}
    assert db.session.scalars(select(Credit.remaining_minor)).all() == [0, 0]


@pytest.mark.parametrize("key", [statements.STATEMENT, credit_outflows.EXPIRED])
def test_both_can_be_previewed(app: Flask, customer: Customer, key: str) -> None:
    assert key in KINDS
    shown = previews.show(key, source(key, "en"), customer, at=app.clock())
    assert "Doyle" in shown.said.text


def test_many_get_their_statements_and_those_with_nothing_to_say_are_left_out(
    app: Flask, customer: Customer, by: Actor
) -> None:
    silent, nowhere = make_customer(), make_customer(email="")
    make_invoice(nowhere, 100, issued_on=FIRST)
    params = {"since": FIRST, "until": LAST, "variant": statements.MOVEMENTS}
    action = bulk.ask("statement", params, [customer.id, silent.id, nowhere.id], by=by)
    bulk.do_now(action, by=by)
    rows = db.session.execute(select(BulkRow.customer_id, BulkRow.state, BulkRow.reason).order_by(BulkRow.customer_id))
    assert [(row.customer_id, row.state) for row in rows] == [
        (customer.id, RowResult.DONE), (silent.id, RowResult.REFUSED), (nowhere.id, RowResult.REFUSED),
    ]  # fmt: skip
    assert db.session.scalars(select(Delivery.customer_id)).all() == [customer.id]
    for wrong in ({"since": LAST, "until": FIRST}, {"variant": "all"}):
        with pytest.raises(statements.InvalidPeriod):
            bulk.ask("statement", {**params, **wrong}, [customer.id], by=by)
