"""A customer is reminded of an invoice by mail: who gets it, once a day, and not once it is paid."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from factories import add, make_customer
from flask import Flask
from mailing import issue

from billing import payments, reminders
from billing.actor import Actor, NotAllowed
from billing.reminders import CannotRemind
from messaging import compose
from messaging.refusals import NotNeeded
from models import AuditEvent, Contact, Delivery, InvoiceState, Money, Payer, db


def letters(by: Actor) -> list[str]:
    return [compose.letter_for(one, at=by.at).text for one in db.session.query(Delivery).order_by(Delivery.id)]


def test_who_is_billed_and_who_wants_reminders_get_it_once_a_day(app: Flask, by: Actor) -> None:
    invoice = issue(due_on=date(2026, 11, 15))
    for name, wants in (("Desk", True), ("News", False)):
        add(Contact(customer_id=invoice.customer_id, name=name, email=f"{name}@mail.example", gets_reminders=wants))
    message = reminders.remind(invoice, by=by)
    assert [one.address for one in message.deliveries] == [invoice.customer.email, "Desk@mail.example"]
    assert "was due on" in letters(by)[0] and "€148.03" in letters(by)[0]
    with pytest.raises(CannotRemind, match="today already"):
        reminders.remind(invoice, by=by)
    tomorrow = replace(by, at=by.at + timedelta(days=1), today=by.today + timedelta(days=1))
    assert reminders.remind(invoice, by=tomorrow) is not None
    assert db.session.query(AuditEvent).filter_by(verb="invoice.reminded").count() == 2


def test_it_says_when_it_is_due_before_that_day(app: Flask, by: Actor) -> None:
    reminders.remind(issue(due_on=date(2026, 12, 1)), by=by)
    letter = compose.letter_for(db.session.query(Delivery).one(), at=by.at)
    assert "is due on" in letter.subject and "was due" not in letter.text and letter.attachments


def test_what_is_paid_meanwhile_is_not_reminded_of(app: Flask, by: Actor) -> None:
    invoice = issue()
    reminders.remind(invoice, by=by)
    payments.record(
        invoice.customer, Money.of("148.03", "EUR"), method="Cash", received_on=by.today, invoices=[invoice], by=by
    )
    with pytest.raises(NotNeeded):
        compose.letter_for(db.session.query(Delivery).one(), at=by.at)
    with pytest.raises(CannotRemind, match="is paid"):
        reminders.remind(invoice, by=by)


def test_nothing_else_can_be_reminded_of(app: Flask, by: Actor) -> None:
    invoice = issue(customer={"email": ""})
    with pytest.raises(CannotRemind, match="no e-mail address"):
        reminders.remind(invoice, by=by)
    invoice.state = InvoiceState.VOID
    with pytest.raises(CannotRemind, match="not an invoice in force"):
        reminders.remind(invoice, by=by)
    with pytest.raises(NotAllowed):
        reminders.remind(invoice, by=replace(by, permissions=frozenset()))


def test_a_payer_is_reminded_in_place_of_the_customer(app: Flask) -> None:
    customer = make_customer(email="own@mail.example")
    payer = add(Payer(customer_id=customer.id, name="Holding", email="payer@mail.example"))
    assert reminders.addresses(customer, payer) == ["payer@mail.example"]
