"""Overdue money by customer and age, and what people do about it: reminders, talks, promises, holds, letters."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from factories import make_company, make_customer, make_invoice, make_service
from flask import Flask
from sqlalchemy import func, select

from billing import arrears, collecting, dunning_plans
from billing.actor import Actor, NotAllowed
from billing.arrears import AGES
from billing.collecting import CannotRemind, CannotSuspend, NotHeld, NothingOverdue, WrongDay
from billing.dunning_plans import MAIL, TEXT
from jobs import dunning
from messaging import compose, reminder_letter
from models import (
    AuditEvent,
    Channel,
    CollectionContact,
    Company,
    ContactWay,
    Customer,
    Delivery,
    DunningStep,
    Invoice,
    Money,
    PaymentPromise,
    PromiseState,
    Service,
    ServiceStatus,
    WriteOff,
    db,
)

TODAY = date(2026, 11, 22)


def owing(*days: int, amount: int = 1000, **values: object) -> Customer:
    """A customer with an invoice for each of these numbers of days late; below zero: not due yet."""
    customer = make_customer(**{"email": "anna@mail.example", **values})
    for late in days:
        due = TODAY - timedelta(days=late)
        make_invoice(customer, amount, issued_on=due - timedelta(days=14), due_on=due)
    db.session.flush()
    return customer


@pytest.fixture
def company(app: Flask) -> Company:
    return make_company(email="office@harbour.example")


def test_overdue_money_is_summed_by_age_and_currency(company: Company) -> None:
    owing(1, 30, 31, -3, 0)
    owing(60, 61, currency="GBP")
    owing(90, 91, 400)
    owing(-1)
    seen = arrears.overview(TODAY)
    assert (seen.customers, seen.sums) == (3, (Money(6000, "EUR"), Money(2000, "GBP")))
    euros = [next((one.minor for one in age.sums if one.currency == "EUR"), 0) for age in seen.ages]
    pounds = [next((one.minor for one in age.sums if one.currency == "GBP"), 0) for age in seen.ages]
    assert (euros, pounds) == ([2000, 1000, 1000, 2000], [0, 1000, 1000, 0])
    assert [age.customers for age in seen.ages] == [1, 2, 2, 1] and len(AGES) == 4


def test_each_invoice_stands_in_one_age_and_the_ages_add_up(company: Company) -> None:
    customer = owing(*range(-2, 130), amount=7)
    seen = arrears.overview(TODAY, customer.id)
    assert sum(age.sums[0].minor for age in seen.ages) == seen.sums[0].minor == 129 * 7
    found = arrears.of([customer.id], TODAY)[customer.id]
    assert (found.overdue, found.oldest_on, found.invoices) == (Money(903, "EUR"), TODAY - timedelta(days=129), 129)
    assert arrears.overview(TODAY, 10**9).customers == 0


def test_a_reminder_tells_of_all_that_is_overdue_once_a_day(company: Company, by: Actor) -> None:
    customer = owing(40, 10, -5, phone="+353861234567", phone_e164="+353861234567")
    assert collecting.remind(customer, [MAIL, TEXT], by=by) == 1
    mail, text = db.session.scalars(select(Delivery).order_by(Delivery.channel)).all()
    assert (mail.channel, text.channel) == (Channel.EMAIL, Channel.SMS)
    letter = compose.letter_for(mail, at=by.at)
    assert "€20.00" in letter.text.replace("\xa0", " ") and len(letter.attachments) == 2
    with pytest.raises(CannotRemind, match="today already"):
        collecting.remind(customer, [MAIL], by=by)
    later = by.at + timedelta(days=1)
    collecting.remind(customer, [MAIL], by=replace(by, at=later, today=TODAY + timedelta(days=1)))
    ways = db.session.scalars(select(CollectionContact.way).order_by(CollectionContact.id)).all()
    assert ways == [ContactWay.MAIL, ContactWay.TEXT, ContactWay.MAIL] and customer.contacted_at == later


def test_who_cannot_be_reached_or_owes_nothing_is_not_reminded(company: Company, by: Actor) -> None:
    with pytest.raises(CannotRemind, match="no e-mail address"):
        collecting.remind(owing(5, email=""), [MAIL], by=by)
    with pytest.raises(NothingOverdue):
        collecting.remind(owing(-5), [MAIL], by=by)
    assert not db.session.scalar(select(func.count(Delivery.id)))


def test_a_talk_is_noted_with_the_day_of_the_next(company: Company, by: Actor) -> None:
    customer = owing(5)
    collecting.note(customer, ContactWay.CALL, " Will look into it. ", TODAY, by=by)
    assert (customer.contact_on, customer.contacted_at) == (TODAY, by.at)
    assert arrears.overview(TODAY).to_contact == 1
    collecting.note(customer, ContactWay.VISIT, "Nobody there", None, by=by)
    assert customer.contact_on is None and arrears.overview(TODAY).to_contact == 0
    assert [row.text for row in collecting.contacts(customer)] == ["Nobody there", "Will look into it."]
    with pytest.raises(WrongDay):
        collecting.note(customer, ContactWay.CALL, "x", TODAY - timedelta(days=1), by=by)


def test_a_promise_is_for_all_that_is_overdue_and_breaks_when_its_day_is_over(company: Company, by: Actor) -> None:
    customer = owing(40, 10, -5)
    collecting.promise(customer, TODAY + timedelta(days=3), "On payday", by=by)
    seen = arrears.overview(TODAY)
    assert (seen.promised, seen.broken) == (1, 0)
    seen = arrears.overview(TODAY + timedelta(days=4))
    assert (seen.promised, seen.broken) == (0, 1)
    found = arrears.of([customer.id], TODAY + timedelta(days=4))[customer.id]
    assert found.broken_on == TODAY + timedelta(days=3)
    assert collecting.withdraw_promise(customer, by=by) == 2
    states = db.session.scalars(select(PaymentPromise.state)).all()
    assert states == [PromiseState.WITHDRAWN, PromiseState.WITHDRAWN] and arrears.overview(TODAY).promised == 0
    with pytest.raises(NothingOverdue):
        collecting.promise(owing(-1), TODAY, by=by)


def test_a_hold_keeps_the_plan_from_taking_any_step_until_its_day(company: Company, by: Actor) -> None:
    plan = dunning_plans.create({"name": "Weekly", "after": "7, 14", "channels": dunning_plans.BY_MAIL}, by=by)
    company.dunning_plan_id = plan.id
    held, other = owing(20, email="held@mail.example"), owing(20, email="other@mail.example")
    collecting.hold(held, TODAY + timedelta(days=5), "The invoice is disputed", by=by)
    db.session.commit()
    dunning.run(TODAY)
    dunning.run(TODAY + timedelta(days=4))
    assert set(db.session.scalars(select(DunningStep.customer_id))) == {other.id}
    assert collecting.is_held(held, TODAY) and arrears.overview(TODAY).held == 1
    dunning.run(TODAY + timedelta(days=5))
    assert set(db.session.scalars(select(DunningStep.customer_id))) == {held.id, other.id}
    collecting.release(held, by=by)
    with pytest.raises(NotHeld):
        collecting.release(held, by=by)
    with pytest.raises(WrongDay):
        collecting.hold(held, TODAY, "Why", by=by)


def test_suspending_by_hand_switches_off_all_services_until_it_is_paid(company: Company, by: Actor) -> None:
    customer = owing(20)
    make_service(customer)
    collecting.suspend(customer, by=by)
    assert db.session.scalars(select(Service.status)).all() == [ServiceStatus.SUSPENDED]
    assert arrears.of([customer.id], TODAY)[customer.id].suspended == 1
    kept = owing(20, never_suspend=True)
    make_service(kept)
    with pytest.raises(CannotSuspend, match="never suspended"):
        collecting.suspend(kept, by=by)
    with pytest.raises(CannotSuspend, match="no service"):
        collecting.suspend(owing(20), by=by)


def test_all_that_is_overdue_is_written_off_and_nothing_else(company: Company, by: Actor) -> None:
    customer = owing(20, 3, -3)
    collecting.write_off(customer, "Moved away", by=by)
    assert db.session.scalar(select(func.sum(WriteOff.amount_minor))) == 2000
    assert db.session.scalars(select(Invoice.open_minor).order_by(Invoice.due_on)).all() == [0, 0, 1000]
    with pytest.raises(NothingOverdue):
        collecting.write_off(customer, "Again", by=by)


def test_letters_are_one_file_and_those_a_plan_asked_for_count_as_printed(company: Company, by: Actor) -> None:
    channels = {**dunning_plans.BY_MAIL, "after": ["print"]}
    company.dunning_plan_id = dunning_plans.create({"name": "Post", "after": "7", "channels": channels}, by=by).id
    one, two = owing(20, email=""), owing(9, 30)
    db.session.commit()
    dunning.run(TODAY)
    assert arrears.overview(TODAY).letters == 2
    single, both = reminder_letter.letters([one], TODAY), reminder_letter.letters([one, two], TODAY)
    assert single.startswith(b"%PDF") and both.startswith(b"%PDF") and b"/Count 2" in both
    assert collecting.printed([one.id], by=by) == 1 and collecting.printed([one.id], by=by) == 0
    assert arrears.overview(TODAY).letters == 1
    with pytest.raises(reminder_letter.NothingToWrite):
        reminder_letter.letters([owing(-3)], TODAY)


def test_every_verb_asks_for_its_right_and_leaves_its_trace(company: Company, by: Actor) -> None:
    customer, nobody = owing(20), replace(by, permissions=frozenset({"invoices.view"}))
    make_service(customer)
    verbs = {
        "customer.contacted": lambda who: collecting.note(customer, ContactWay.CALL, "Hello", None, by=who),
        "invoice.promised": lambda who: collecting.promise(customer, TODAY, by=who),
        "customer.held": lambda who: collecting.hold(customer, TODAY + timedelta(days=1), "Why", by=who),
        "customer.released": lambda who: collecting.release(customer, by=who),
        "customer.reminded": lambda who: collecting.remind(customer, [MAIL], by=who),
        "service.suspended": lambda who: collecting.suspend(customer, by=who),
        "invoice.written_off": lambda who: collecting.write_off(customer, "Why", by=who),
    }
    for verb, do in verbs.items():
        with pytest.raises(NotAllowed):
            do(nobody)
        do(by)
        db.session.flush()
        assert db.session.scalar(select(func.count(AuditEvent.id)).where(AuditEvent.verb == verb)) == 1, verb
