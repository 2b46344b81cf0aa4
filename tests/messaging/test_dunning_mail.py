"""What customers and staff read about unpaid invoices: from what is still open when the message leaves."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from conftest import Clock
from factories import make_company, make_customer, make_invoice, make_service
from sqlalchemy import select

from billing import dunning_plans, payments
from billing.actor import Actor
from billing.money import Money
from jobs import dunning
from messaging import compose, previews, templates, texts
from messaging.refusals import NotNeeded
from messaging.template_kinds import KINDS
from models import Channel, Customer, Delivery, DunningPlan, FeeKind, Message, db

DUE = date(2026, 11, 20)


@pytest.fixture
def plan(by: Actor) -> DunningPlan:
    make_company(email="office@harbour.example")
    values: dict[str, Any] = {
        "name": "Strict", "before": "3", "after": "3, 7", "warn_before": "1", "suspend_after": 10, "cancel_after": 20,
        "channels": {name: ["mail", "text"] for name in dunning_plans.SAYINGS}, "copy_to": "staff@harbour.example",
        "fee_after": 4, "fee_kind": FeeKind.FIXED,
    }  # fmt: skip
    nothing = Money(0, "EUR")
    found = dunning_plans.create(
        values, [dunning_plans.Amounts(Money(750, "EUR"), nothing, nothing, nothing)], by=by
    )  # fmt: skip
    dunning_plans.use_for_all(found, by=by)
    return found


@pytest.fixture
def customer(plan: DunningPlan) -> Customer:
    return make_customer(name="Ann Byrne", phone="+353861234567", phone_e164="+353861234567")


def on(clock: Clock, *days: int) -> None:
    for day in days:
        clock.set(DUE + timedelta(days=day))
        dunning.run()
    db.session.expire_all()


def delivery(kind: str, channel: Channel = Channel.EMAIL) -> Delivery:
    mine = select(Delivery).join(Delivery.message).where(Message.kind == kind, Delivery.channel == channel)
    return db.session.scalars(mine.order_by(Delivery.id.desc())).first()  # type: ignore[return-value]


def owes(customer: Customer, *totals: int) -> list[Any]:
    service = make_service(customer, description="Fibre 500")
    found = [make_invoice(customer, total, issued_on=DUE - timedelta(days=14), due_on=DUE) for total in totals]
    for invoice in found:
        invoice.lines[0].service_id = service.id
        invoice.seller = json.dumps({"name": "Harbour Fibre", "bank_details": "IBAN: IE29 AIBK 9311 5212 3456 78"})
    db.session.commit()
    return found


def test_a_mail_lists_all_that_is_open_and_what_was_paid_meanwhile_is_gone(
    customer: Customer, clock: Clock, by: Actor
) -> None:
    one, two = owes(customer, 12_300, 5_000)
    on(clock, -13, 3)
    letter = compose.letter_for(delivery("dunning_first"), at=clock())
    assert letter.subject == f"Reminder: {one}, {two}"
    assert "€173.00" in letter.text
    assert "IE29 AIBK" in letter.text
    assert {file.filename for file in letter.attachments} == {f"{one}.pdf", f"{two}.pdf"}
    now = Actor("Cashier", clock(), DUE + timedelta(days=3), None)
    payments.record(customer, one.open, method="Cash", received_on=now.today, invoices=[one], by=now)
    letter = compose.letter_for(delivery("dunning_first"), at=clock())
    assert (letter.subject, len(letter.attachments)) == (f"Reminder: {two}", 1)
    payments.record(customer, two.open, method="Cash", received_on=now.today, invoices=[two], by=now)
    with pytest.raises(NotNeeded, match="paid"):
        compose.letter_for(delivery("dunning_first"), at=clock())


def test_every_step_has_its_words_as_mail_and_as_text(customer: Customer, clock: Clock, by: Actor) -> None:
    (invoice,) = owes(customer, 12_300)
    subjects, said = {}, {}
    for name, day in (
        ("before", -3), ("first", 3), ("fee", 4), ("later", 7), ("warning", 9), ("suspended", 10), ("cancelled", 20),
    ):  # fmt: skip
        on(clock, *([-13] if name == "before" else []), day)
        kind = f"dunning_{name}"
        subjects[name] = compose.letter_for(delivery(kind), at=clock()).subject
        said[name] = texts.words_of(delivery(kind, Channel.SMS), at=clock())
    assert subjects == {
        "before": f"Due soon: {invoice}", "first": f"Reminder: {invoice}", "fee": f"Late fee for {invoice}",
        "later": f"Still not paid: {invoice}", "warning": "Your services will be suspended on 30 Nov 2026",
        "suspended": "Your services are suspended", "cancelled": "Your services are cancelled",
    }  # fmt: skip
    assert said["later"] == f"Harbour Fibre: {invoice} has been due for 7 days. Please pay €123.00 now."
    assert "Fibre 500" in compose.letter_for(delivery("dunning_cancelled"), at=clock()).text
    assert "€7.50" in compose.letter_for(delivery("dunning_fee"), at=clock()).text


def test_a_suspension_that_is_over_is_not_told_any_more_but_that_it_is_over(
    customer: Customer, clock: Clock, by: Actor
) -> None:
    (invoice,) = owes(customer, 12_300)
    on(clock, -13, 9, 10)
    now = Actor("Cashier", clock(), DUE + timedelta(days=10), None)
    payments.record(customer, invoice.open, method="Cash", received_on=now.today, invoices=[invoice], by=now)
    with pytest.raises(NotNeeded):
        compose.letter_for(delivery("dunning_suspended"), at=clock())
    letter = compose.letter_for(delivery("dunning_back"), at=clock())
    assert letter.subject == "Your services are switched on again"
    assert "Fibre 500" in letter.text


def test_staff_get_a_copy(customer: Customer, clock: Clock) -> None:
    (invoice,) = owes(customer, 12_300)
    on(clock, -13, 9, 10)
    letter = compose.letter_for(delivery("dunning_staff"), at=clock())
    assert (letter.to, letter.subject) == ("staff@harbour.example", "Suspended for non-payment: Ann Byrne")
    assert f"{invoice} was due on 20 Nov 2026; €123.00 of it is open." in letter.text
    assert "Fibre 500" in letter.text


def test_every_template_can_be_looked_at_before(customer: Customer, clock: Clock) -> None:
    owes(customer, 12_300)
    for key in [key for key in KINDS if key.startswith("dunning_")]:
        words = templates.shipped_words(key, "en")
        assert templates.check_words(words, key) == {}
        shown = previews.show(key, words, customer, at=clock())
        assert shown.said.subject, key
        assert shown.said.sms != shown.said.text, key
