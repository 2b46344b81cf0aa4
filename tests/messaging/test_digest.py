"""The mail of each morning: what happened the day before, only what its reader may see, once a day and person."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from conftest import Clock
from factories import add, make_company, make_customer, make_group, make_invoice
from flask import Flask
from ordering import HERE, make_form, make_shop, typed
from signing_in import Browser, make_role, make_staff, sign_in
from sqlalchemy import func, select
from statements import spoken

from billing import audit, digest, orders
from billing.actor import Actor, NotAllowed
from jobs import digest as job
from jobs import schedule
from messaging import compose, digest_mail
from messaging.refusals import NotNeeded
from models import AuditEvent, Delivery, Message, Payment, Quote, QuoteState, Run, RunState, Staff, db

DAY, MORNING = date(2026, 11, 21), date(2026, 11, 22)


@pytest.fixture
def yesterday(app: Flask, by: Actor) -> None:
    """A day on which one of everything happened, and as much on the day before it."""
    make_company(timezone="America/New_York", email="office@harbour.example")
    for day in (DAY, DAY - timedelta(days=1)):
        at = by.at.replace(day=day.day, hour=23)
        who = make_customer(name=f"New {day.day}", registered_on=day)
        make_invoice(who, 5000, issued_on=day, due_on=day, promised_on=day)
        known = {"customer_id": who.id, "currency": "EUR", "method": "Cash", "recorded_at": at, "recorded_by": "x"}
        add(Payment(**known, amount_minor=1234, received_on=day))
        make_group(who, name="Parked", parked_at=at, parked_reason="Nothing fits.")
        ran = {"on": day, "started_by": "Scheduler", "started_at": at, "finished_at": at}
        add(Run(kind="rates", state=RunState.FAILED, error="Nobody answered.", counts={}, **ran))
        for verb in ("service.suspended", "service.unsuspended", "service.ended", "delivery.bounced"):
            audit.record(Actor(name="x", at=at, today=day), verb, who)
    db.session.commit()


def told(person: Staff) -> str:
    return digest_mail.words(person, DAY).text.replace("\xa0", " ")


def test_it_tells_of_the_day_in_the_business_s_time_zone(yesterday: None) -> None:
    person = make_staff(digest=True)
    found = {part.key: (part.count, [amount.minor for amount in part.sums], part.names) for part in
             digest.parts(DAY, digest.wants(person))}  # fmt: skip
    label = ("New 21", "New 21")
    assert found == {
        "invoices": (1, [5000], ()), "payments": (1, [1234], ()), "bills": (1, [], (("New 21", "Nothing fits."),)),
        "overdue": (1, [5000], ()), "suspended": (1, [], (label,)), "back": (1, [], (label,)),
        "ended": (1, [], (label,)), "customers": (1, [], (("New 21", ""),)), "deliveries": (1, [], (label,)),
        "jobs": (1, [], (("rates", "Nobody answered."),)), "promises": (1, [5000], ()),
    }  # fmt: skip
    text = told(person)
    assert "**Payments received:** 1 payment, €12.34" in text and "- New 21: Nothing fits." in text


def test_quotes_about_to_expire_are_told(app: Flask, by: Actor) -> None:
    make_company()
    known: dict[str, Any] = {"customer_id": make_customer().id, "currency": "EUR", "total_minor": 700}
    known |= {"sent_on": DAY, "created_at": by.at, "created_by": "x", "content_hash": "0" * 64}
    for n, days in enumerate((-1, 0, 2, 3)):
        on = MORNING + timedelta(days=days)
        add(Quote(**known, number=f"Q-{n}", state=QuoteState.SENT, valid_until=on))
    (part,) = digest.parts(DAY, {"quotes"})
    assert (part.count, [amount.minor for amount in part.sums]) == (2, [1400])


def test_orders_that_wait_are_told(app: Flask, by: Actor) -> None:
    form = make_form(make_shop(), by=by, approval="by_hand")
    visitor = replace(by, permissions=frozenset(), name="Visitor")
    orders.place(form, typed(form.packages[0].package), HERE, by=visitor)
    assert digest.parts(DAY, {"orders"}) == [digest.Part("orders", 1, (), (("Niamh Doyle", ""),))]
    text = told(make_staff(digest=True))
    assert "**Orders that wait for a decision:** 1 order" in text and "- Niamh Doyle" in text


def test_a_reader_gets_what_the_role_lets_see_and_what_was_chosen(yesterday: None, by: Actor) -> None:
    make_role("Mailer", "messages.view")
    person = make_staff("Mailer", email="mailer@staff.example", digest=True)
    assert [part.key for part in digest.parts(DAY, digest.wants(person))] == ["deliveries"]
    assert "€" not in told(person) and "Mails that did not arrive" in told(person)
    owner = make_staff(digest=True)
    me = Actor(name="Owner", at=by.at, today=by.today, staff_id=owner.id)
    digest.choose(owner, True, ["payments", "nonsense"], False, by=me)
    assert owner.digest_parts == ["payments"] and "Newly overdue" not in told(owner)
    digest.choose(owner, True, list(digest.RIGHTS), True, by=me)
    assert owner.digest_parts is None
    with pytest.raises(NotAllowed):
        digest.choose(person, False, [], False, by=me)
    verbs = select(func.count(AuditEvent.id)).where(AuditEvent.verb == "staff.digest_chosen")
    assert db.session.scalar(verbs) == 2


def test_one_mail_a_day_and_person_and_none_where_nothing_happened(yesterday: None, by: Actor) -> None:
    make_staff("owner", digest=True)
    make_staff("viewer")
    make_role("Nobody")
    make_staff("Nobody", email="quiet@staff.example", digest=True)
    make_staff("sales", digest=True, active=False)
    db.session.commit()
    assert job.run(MORNING) == {"queued": 1} and job.run(MORNING) == {"queued": 0}
    assert job.run(MORNING + timedelta(days=90)) == {"queued": 0}
    db.session.scalars(select(Staff).where(Staff.email == "quiet@staff.example")).one().digest_when_empty = True
    db.session.commit()
    assert job.run(MORNING) == {"queued": 1}
    delivery = db.session.scalars(select(Delivery).order_by(Delivery.id)).first()
    letter = compose.letter_for(delivery, at=by.at)
    assert (letter.to, letter.subject) == ("owner@staff.example", "Harbour Fibre: what happened on 21 Nov 2026")
    assert "<strong>" in letter.html and "Newly overdue" in letter.html
    assert "€" not in letter.text_to_keep and "New 21" not in letter.text_to_keep
    db.session.scalars(select(Staff).where(Staff.email == "owner@staff.example")).one().digest = False
    with pytest.raises(NotNeeded):
        compose.letter_for(delivery, at=by.at)


def test_after_days_off_only_the_newest_is_sent(app: Flask, clock: Clock) -> None:
    make_company()
    make_staff(digest=True, digest_when_empty=True)
    db.session.commit()
    known = schedule.named("digest")
    for day, hour in ((22, 9), (23, 6), (26, 8), (26, 9), (27, 6)):
        clock.set(date(2026, 11, day), hour)
        schedule.look(known)
    assert [message.about["day"] for message in db.session.scalars(select(Message))] == ["2026-11-25"]


def test_it_costs_by_what_happened(yesterday: None) -> None:
    person = make_staff(digest=True)
    with spoken() as seen:
        digest.parts(DAY, digest.wants(person))
    assert len(seen) <= 24


def test_the_page_of_the_account_chooses_and_shows_it(yesterday: None, client: Browser) -> None:
    make_role("Desk", "customers.view", "payments.view")
    person = sign_in(client, "Desk", email="desk@staff.example")
    page = client.get("/admin/account/").text
    assert 'value="payments"' in page and 'value="invoices"' not in page
    answer = client.post("/admin/account/digest", data={"digest": "y", "parts": ["payments"]}, follow_redirects=True)
    assert "Your choice is saved." in answer.text
    db.session.refresh(person)
    assert (person.digest, person.digest_parts, person.digest_when_empty) == (True, ["payments"], False)
    shown = client.get("/admin/account/digest").text
    assert "Payments received" in shown and "New customers" not in shown
    assert client.post("/admin/account/digest", data={"digest": "y", "parts": ["invoices"]}).status_code == 400


def test_its_links_lead_to_lists_that_know_their_filters(yesterday: None, staff_client: Browser) -> None:
    for key in digest.RIGHTS:
        answer = staff_client.get(digest_mail.path(key, DAY))
        assert answer.status_code == 200 and "This filter was left out" not in answer.text, key
        assert digest_mail.path(key, DAY).partition("?")[2] in answer.text.replace("&amp;", "&"), key
