"""Cards against a Stripe that behaves as theirs does: nothing lost, nothing twice, whatever goes wrong (F21 to F27)."""

from __future__ import annotations

import secrets
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from cardserver import come_in, make_card, now, pay, pay_on_page, taking_cards, tell, to_page
from conftest import Clock
from factories import make_company, make_customer, make_invoice
from flask import Flask
from forked import Forked
from signing_in import Browser
from sqlalchemy import func, select, update

from billing import allocations, card_payments, card_refunds, cards, doctor, merging, payments, refunds
from billing.actor import Actor
from billing.doctor import Scope
from integrations.fakes.stripe_server import ALWAYS_SECURE, DECLINED, GOOD, LATER_DECLINED, SECURE, Stripe
from integrations.gateways import Answer, Event, RefundSeen, Standing
from jobs import card_charges
from jobs import cards as job
from messaging import card_events, card_mail
from messaging import cards as gateway_questions
from models import (
    AttemptPart,
    AttemptState,
    Card,
    CardRefund,
    Credit,
    Customer,
    HookEvent,
    HookState,
    Invoice,
    LedgerEntry,
    Message,
    Money,
    Note,
    Payment,
    PaymentAttempt,
    PaymentMethod,
    Refund,
    db,
)


@pytest.fixture
def stripe(app: Flask) -> Iterator[Stripe]:
    with taking_cards(app) as made:
        yield made


@pytest.fixture
def invoice(app: Flask, stripe: Stripe) -> Invoice:
    make_company()
    return make_invoice(make_customer(payment_method=PaymentMethod.CARD), 12300)


@pytest.fixture
def saved(client: Browser, stripe: Stripe, invoice: Invoice) -> Card:
    """A card that the customer saved while paying another invoice."""
    return save(client, invoice.customer, GOOD)


def save(client: Browser, customer: Customer, number: str) -> Card:
    come_in(client, customer)
    answer = client.post(f"/portal/{customer.id}/cards/add", data={"form_token": secrets.token_urlsafe(24)})
    page = client.get(answer.location).text.split('content="0; url=', 1)[1].split('"', 1)[0]
    pay_on_page(page, number, "complete" if number == SECURE else "")
    work()
    look()
    return db.session.scalars(select(Card).order_by(Card.id.desc())).first()


def work() -> dict[str, int]:
    """The job, and then a look at the database as it is now."""
    done = job.run()
    db.session.expire_all()
    return done


def look() -> None:
    """Ask about everything that is not decided."""
    open_ = select(PaymentAttempt.id).where(PaymentAttempt.state.in_(card_payments.OPEN))
    for number in db.session.scalars(open_).all():
        job.look_up(number)
    db.session.expire_all()


def charge(invoice: Invoice, card: Card) -> PaymentAttempt:
    """What the job does at renewal, up to the answer."""
    by = now(gateway_questions.current_app)
    attempt = card_payments.begin(invoice.customer, [invoice], gateway="stripe", card=card, by=by)
    asked = gateway_questions.ask(attempt)
    db.session.commit()
    card_payments.settle(attempt, gateway_questions.gateway().charge(asked), by=by)
    db.session.commit()
    return attempt


def paid(invoice: Invoice) -> bool:
    db.session.refresh(invoice)
    return invoice.open_minor == 0


def healthy(app: Flask) -> list[str]:
    db.session.commit()
    found = doctor.examine(Scope(at=app.clock()))
    return [str(finding) for finding in found if finding.code != "I16"]  # the factory seals nothing


def test_paid_on_the_page_with_the_banks_question(app: Flask, client: Browser, stripe: Stripe, invoice: Invoice):
    come_in(client, invoice.customer)
    page = to_page(client, invoice, save_card="1")
    assert pay_on_page(page, DECLINED) == "" and pay_on_page(page, SECURE) == ""
    back = pay_on_page(page, SECURE, "complete")
    assert "/card-payments/" in back and not paid(invoice)
    for event in stripe.events:
        assert tell(client, stripe, event) == 200
    work()
    assert paid(invoice)
    payment, card = db.session.scalars(select(Payment)).one(), db.session.scalars(select(Card)).one()
    assert (payment.amount_minor, payment.method, payment.reference) == (12300, "Card", "Visa ···· 3155")
    assert (card.last_four, card.is_default, card.customer_id) == ("3155", True, invoice.customer_id)
    assert work() == {} and len(stripe.charges()) == 1 and healthy(app) == []


def test_f21_an_answer_lost_after_charging_is_looked_up(
    app: Flask, client: Browser, stripe: Stripe, invoice: Invoice, saved: Card, clock: Clock
):
    stripe.rules.append({"on": "POST /v1/payment_intents", "lose": True})
    attempt = charge(invoice, saved)
    assert attempt.state == AttemptState.UNKNOWN and not paid(invoice) and len(stripe.charges()) == 1
    with pytest.raises(card_payments.BeingPaid):
        charge(invoice, saved)
    db.session.rollback()
    clock.advance(minutes=5)
    work()
    assert paid(invoice) and len(stripe.charges()) == 1 and attempt.state == AttemptState.SUCCEEDED
    assert healthy(app) == []


def test_f22_found_by_its_name_when_the_key_is_long_gone(stripe: Stripe, invoice: Invoice, saved: Card, clock: Clock):
    stripe.rules.append({"on": "POST /v1/payment_intents", "lose": True})
    charge(invoice, saved)
    clock.advance(hours=25)
    work()
    assert paid(invoice) and len(stripe.charges()) == 1
    assert stripe.asked.count("POST /v1/payment_intents") == 1


def test_what_the_gateway_was_never_asked_for_is_over_and_can_be_tried_again(
    stripe: Stripe, invoice: Invoice, saved: Card, clock: Clock
):
    stripe.rules.append({"on": "POST /v1/payment_intents", "drop": True})
    attempt = charge(invoice, saved)
    assert attempt.state == AttemptState.UNKNOWN
    clock.advance(minutes=3)
    work()
    assert attempt.state == AttemptState.UNKNOWN  # it may still be on its way
    clock.advance(minutes=30)
    work()
    assert attempt.state == AttemptState.EXPIRED and not paid(invoice)
    assert charge(invoice, saved).state == AttemptState.SUCCEEDED and len(stripe.charges()) == 1


def test_what_nobody_answers_to_the_bank_lets_go_of_the_invoice(
    client: Browser, stripe: Stripe, invoice: Invoice, saved: Card, clock: Clock
):
    stripe.numbers[saved.gateway_card] = ALWAYS_SECURE
    stripe.rules.append({"on": "POST /v1/payment_intents", "lose": True})
    assert "Being processed" in client.get(pay(client, invoice, card=saved.id).location).text
    clock.advance(minutes=3)
    work()
    (held,) = card_payments.running([invoice.id]).values()
    assert (held.state, bool(held.page_url)) == (AttemptState.REDIRECTED, True)  # found by its key, with its page
    for minutes, state in ((30, AttemptState.REDIRECTED), (40, AttemptState.EXPIRED)):
        clock.advance(minutes=minutes)
        work()
        assert held.state == state
    assert stripe.of("payment_intent")[0]["status"] == "canceled" and not card_payments.running([invoice.id])


def test_f23_and_f24_events_backwards_and_often(
    app: Flask, client: Browser, stripe: Stripe, invoice: Invoice, saved: Card
):
    """A payment and its refund at the gateway: told from the end, and three times each, the same is booked, once."""
    page = to_page(client, invoice)
    stripe.events.clear()
    pay_on_page(page)
    stripe.refund({"payment_intent": stripe.charges()[0]["id"], "amount": "2300"})
    assert len(stripe.events) == 5
    for event in reversed(stripe.events):
        assert [tell(client, stripe, event) for _again in range(3)] == [200] * 3
        work()
    app.clock.advance(hours=1)
    work()  # what told of a payment that nothing was known of yet
    kept = select(HookEvent).where(HookEvent.state == HookState.WAITING)
    payment, refund = db.session.scalars(select(Payment)).one(), db.session.scalars(select(Refund)).one()
    assert (payment.refunded_minor, refund.amount_minor, invoice.open_minor) == (2300, 2300, 2300)
    assert db.session.scalars(kept).all() == [] and healthy(app) == []
    for event in stripe.events:  # all of them again, as new events: nothing more comes of it
        tell(client, stripe, {**event, "id": f"{event['id']}-again"})
    work()
    assert len(db.session.scalars(select(Payment)).all()) == 1 and healthy(app) == []


Step = tuple[Event, Answer]


def steps_of(attempt: PaymentAttempt) -> list[Step]:
    """Five events, each with how the payment stood at the gateway when it was asked for that one. Some name only what
    the gateway calls it."""
    paid = Answer(
        Standing.SUCCEEDED, attempt.key, str(attempt.customer_id), 12300, "EUR", gateway_id="pi_1", page_id="cs_1"
    )
    back = RefundSeen("re_1", "", Standing.SUCCEEDED, 2300, "EUR")
    slow = replace(paid, refunds=(replace(back, state=Standing.PROCESSING),))
    return [
        (Event("evt_1", "checkout.session.completed", True, attempt.key, "pi_1", "cs_1"),
         replace(paid, state=Standing.PROCESSING)),
        (Event("evt_2", "charge.succeeded", True, payment="pi_1"), paid),
        (Event("evt_3", "payment_intent.succeeded", True, attempt.key, "pi_1"), paid),
        (Event("evt_4", "refund.created", True, payment="pi_1"), slow),
        (Event("evt_5", "charge.refunded", True, payment="pi_1"), replace(paid, refunds=(back,))),
    ]  # fmt: skip


def carry_out(number: int, answer: Answer, by: Actor) -> None:
    """What the job does with an event, given what it hears."""
    found = card_events.about(db.session.get_one(HookEvent, number), "stripe").attempt
    if found is None:
        card_events.not_yet(number, known=False, by=by)
        return
    card_refunds.take_over(card_payments.settle(found, answer, by=by), answer.refunds, by=by)
    card_events.done(number, by=by, note="")


@pytest.mark.database("sqlite")
def test_f24_all_120_orders_end_the_same(app: Flask, invoice: Invoice):
    """Also where what is heard is older than what was done. Orders that begin alike are walked together."""
    by, ends = now(app), Counter[tuple[object, ...]]()
    attempt = card_payments.begin(invoice.customer, [invoice], gateway="stripe", by=by)
    steps = steps_of(attempt)
    later = replace(by, at=by.at + timedelta(minutes=59))

    def end() -> tuple[object, ...]:
        for number in card_events.waiting(later.at):
            carry_out(number, steps[-1][1], later)
        payment = db.session.scalars(select(Payment)).one()
        refunds_ = db.session.execute(select(Refund.amount_minor, Refund.came_back_on)).all()
        events = db.session.scalars(select(HookEvent.state)).all()
        booked = select(LedgerEntry.account, func.sum(LedgerEntry.amount_minor)).group_by(LedgerEntry.account)
        books = tuple(sorted(map(tuple, db.session.execute(booked))))
        db.session.refresh(invoice)
        return (
            payment.amount_minor,
            payment.refunded_minor,
            *refunds_,
            invoice.open_minor,
            tuple(sorted({*events})),
            books,
        )

    def walk(rest: list[Step]) -> None:
        if not rest:
            ends[end()] += 1
        for event, answer in rest:
            within = db.session.begin_nested()
            number = card_events.store(event, by=by)
            assert number and card_events.store(event, by=by) is None
            carry_out(number, answer, by)
            walk([one for one in rest if one[0] != event])
            within.rollback()

    walk(steps)
    ((only, times),) = ends.items()
    assert times == 120 and only[:4] == (12300, 2300, (2300, None), 2300) and only[4] == (HookState.PROCESSED,)


def test_f23_the_same_event_five_times_at_once(app: Flask, client: Browser, stripe: Stripe, invoice: Invoice):
    come_in(client, invoice.customer)
    pay_on_page(to_page(client, invoice))
    event = stripe.events[-1]
    db.session.commit()
    with ThreadPoolExecutor(5) as pool:
        answers = pool.map(lambda _n: tell_apart(app, stripe, event), range(5))
    assert list(answers) == [200] * 5
    work()
    assert len(db.session.scalars(select(HookEvent)).all()) == 1 and paid(invoice)


def tell_apart(app: Flask, stripe: Stripe, event: dict) -> int:
    with app.app_context():
        return tell(app.test_client(), stripe, event)


def test_f25_an_event_before_our_own_commit_waits(
    client: Browser, stripe: Stripe, invoice: Invoice, saved: Card, clock: Clock
):
    attempt = charge(invoice, saved)
    event = stripe.events[-1]
    early = {**event, "data": {"object": {**event["data"]["object"], "id": "pi_early", "metadata": {}}}}
    assert tell(client, stripe, early) == 200 and work() == {"told": 0}
    stored = db.session.scalars(select(HookEvent).order_by(HookEvent.id.desc())).first()
    assert stored.state == HookState.WAITING
    clock.advance(minutes=2)
    attempt.gateway_id = "pi_early"  # now it is there
    stripe.things["pi_early"] = {**stripe.charges()[0], "id": "pi_early"}
    db.session.commit()
    assert work()["told"] == 1
    db.session.refresh(stored)
    assert stored.state == HookState.PROCESSED


def test_events_about_nothing_of_ours_keep_none_of_ours_waiting(app: Flask, invoice: Invoice):
    """A shop that shares the account."""
    by = now(app)
    strange = [card_events.store(Event(f"evt_{n}", "charge.succeeded", True, payment="pi_x"), by=by) for n in range(9)]
    for number in strange:
        card_events.not_yet(number or 0, known=False, by=by)
    mine = card_events.store(Event("evt_mine", "charge.succeeded", True, payment="pi_1"), by=by)
    assert card_events.waiting(by.at + timedelta(minutes=1), limit=9)[0] == mine


@pytest.mark.parametrize("point", ["card_charges.begun", "card_charges.asked"])
def test_killed_while_it_charges_it_charges_once(app: Flask, stripe: Stripe, invoice: Invoice, saved: Card, point: str):
    """The card is removed meanwhile, here and there: what was paid with it is booked all the same."""
    db.session.commit()
    assert Forked(app, "jobs.card_charges:run", fault=f"{point}@1").ended() == -signal.SIGKILL
    db.session.rollback()
    assert len(stripe.charges()) == (point == "card_charges.asked")
    cards.remove(saved, by=now(app))
    db.session.commit()
    for minutes in (5, 30, 60):
        app.clock.advance(minutes=minutes)
        work()
    assert stripe.things[saved.gateway_card]["customer"] is None
    assert paid(invoice) is (point == "card_charges.asked") and healthy(app) == []
    assert db.session.scalars(select(AttemptPart.holds).distinct()).all() == [False]


def test_f26_another_environment_or_nothing_of_ours_changes_nothing(
    client: Browser, stripe: Stripe, invoice: Invoice, clock: Clock
):
    stripe.new("pi", "payment_intent", status="succeeded", metadata={}, amount=1)
    stripe.tell("payment_intent.succeeded", stripe.of("payment_intent")[0])
    event = stripe.events[0]
    assert tell(client, stripe, {**event, "livemode": True}) == 200
    assert tell(client, stripe, {**event, "id": "evt_other"}) == 200
    work()
    clock.advance(hours=2)
    work()
    assert set(db.session.scalars(select(HookEvent.state))) == {HookState.IGNORED}
    assert db.session.scalars(select(Payment)).all() == []


def test_only_what_is_signed_and_fresh_is_kept(client: Browser, stripe: Stripe, invoice: Invoice):
    stripe.tell("payment_intent.succeeded", {"id": "pi_1", "object": "payment_intent"})
    event, old = stripe.events[0], stripe.now() - 400
    assert tell(client, stripe, event, secret="whsec_other") == 400
    assert tell(client, stripe, event, at=old) == 400
    assert client.post("/hooks/stripe", data=b"{}", csrf=False).status_code == 400
    body, signature = stripe.signed(event)
    changed = body.replace(b"pi_1", b"pi_2")
    assert (
        client.post("/hooks/stripe", data=changed, headers={"Stripe-Signature": signature}, csrf=False).status_code
        == 400
    )
    assert db.session.scalars(select(HookEvent)).all() == []


def test_f27_what_was_stored_is_carried_out_by_the_sweeper(
    client: Browser, stripe: Stripe, invoice: Invoice, monkeypatch: pytest.MonkeyPatch
):
    come_in(client, invoice.customer)
    pay_on_page(to_page(client, invoice))
    for event in stripe.events:
        tell(client, stripe, event)
    stripe.rules += [{"on": "GET /v1/checkout", "drop": True} for _each in stripe.events]
    work()  # every handler failed after the event was stored
    assert not paid(invoice)
    app_clock = client.application.clock
    app_clock.advance(seconds=10)
    work()
    assert paid(invoice) and len(db.session.scalars(select(Payment)).all()) == 1


@pytest.mark.parametrize("point", ["cards.asked", "cards.settled"])
def test_f27_killed_while_it_carries_out_what_was_stored(
    app: Flask, client: Browser, stripe: Stripe, invoice: Invoice, point: str
):
    come_in(client, invoice.customer)
    pay_on_page(to_page(client, invoice))
    for event in stripe.events:
        tell(client, stripe, event)
    db.session.commit()
    assert Forked(app, "jobs.cards:run", fault=f"{point}@1").ended() == -signal.SIGKILL
    assert paid(invoice) is (point == "cards.settled")
    db.session.rollback()
    assert Forked(app, "jobs.cards:run").ended() == 0
    waits = select(HookEvent).where(HookEvent.state == HookState.WAITING)
    assert paid(invoice) and len(db.session.scalars(select(Payment)).all()) == 1
    assert db.session.scalars(waits).all() == []


def test_money_for_another_amount_customer_or_attempt_is_not_booked(
    stripe: Stripe, invoice: Invoice, saved: Card, clock: Clock
):
    stripe.rules.append({"on": "POST /v1/payment_intents", "lose": True})
    attempt = charge(invoice, saved)
    intent = stripe.charges()[0]
    for wrong in (
        {"amount_received": 100},
        {"currency": "usd"},
        {"metadata": {**intent["metadata"], "tillbook_customer": "0"}},
    ):
        right = {name: intent[name] for name in wrong}
        intent.update(wrong)
        clock.advance(hours=2)
        work()
        assert attempt.state == AttemptState.UNKNOWN and "nothing was booked" in attempt.error and not paid(invoice)
        intent.update(right)
    clock.advance(hours=2)
    work()
    assert paid(invoice)


def test_paid_otherwise_meanwhile_it_becomes_credit_and_staff_are_told(
    app: Flask, client: Browser, stripe: Stripe, invoice: Invoice
):
    come_in(client, invoice.customer)
    page = to_page(client, invoice)
    by = now(app)
    payments.record(invoice.customer, invoice.open, method="Cash", received_on=by.today, invoices=[invoice], by=by)
    db.session.commit()
    pay_on_page(page)
    look()
    credit, note = db.session.scalars(select(Credit)).one(), db.session.scalars(select(Note)).one()
    assert credit.remaining == Money(12300, "EUR") and str(invoice) in note.text and healthy(app) == []


def test_a_refund_goes_back_to_the_card_once(app: Flask, stripe: Stripe, invoice: Invoice, saved: Card, clock: Clock):
    payment = charge(invoice, saved).payment
    row = card_refunds.begin(payment, Money(5000, "EUR"), reason="Too much", by=now(app))
    db.session.commit()
    stripe.rules.append({"on": "POST /v1/refunds", "lose": True})
    card_refunds.settle(row, gateway_questions.gateway().refund(gateway_questions.ask_refund(row)), by=now(app))
    db.session.commit()
    assert row.state == "unknown" and payment.refunded_minor == 0
    clock.advance(minutes=3)
    work()
    refund = db.session.scalars(select(Refund)).one()
    assert (refund.amount_minor, refund.method, payment.refunded_minor) == (5000, "Card", 5000)
    assert len(stripe.of("refund")) == 1 and db.session.scalars(select(CardRefund)).one().refund_id == refund.id
    assert healthy(app) == []


@pytest.mark.parametrize("told", [True, False], ids=["told", "looked up"])
def test_a_refund_that_fails_after_it_succeeded_is_booked_back_once(
    app: Flask, client: Browser, stripe: Stripe, invoice: Invoice, saved: Card, clock: Clock, told: bool
):
    payment = charge(invoice, saved).payment
    row = card_refunds.begin(payment, Money(5000, "EUR"), reason="Too much", by=now(app))
    db.session.commit()
    card_refunds.settle(row, gateway_questions.gateway().refund(gateway_questions.ask_refund(row)), by=now(app))
    elsewhere = stripe.refund({"payment_intent": payment.gateway_id, "amount": "300"})
    tell(client, stripe, stripe.events[-1])
    work()
    assert (payment.refunded_minor, invoice.open_minor, invoice.customer.credit_minor) == (5300, 5300, 0)
    for name in (row.gateway_id, elsewhere["id"]):
        stripe.fail_refund(name)
    clock.advance(days=2)
    for _again in range(2):
        for event in stripe.events[-2:] if told else ():
            tell(client, stripe, {**event, "id": secrets.token_hex(8)})
        work()
    first, second = db.session.scalars(select(Refund).order_by(Refund.id)).all()
    assert first.came_back_on == second.came_back_on == clock().date() and row.state == "declined"
    assert (payment.refunded_minor, invoice.open_minor, invoice.customer.credit_minor) == (0, 5300, 5300)
    notes = db.session.scalars(select(Note)).all()
    assert len(notes) == 2 and all("failed at Stripe: lost or stolen card" in note.text for note in notes)
    assert healthy(app) == []
    first.came_back_on = None
    assert {"I06", "I07", "I10", "I38"} <= {one.split()[0] for one in healthy(app)}
    first.came_back_on = clock().date()
    again = card_refunds.begin(payment, Money(5000, "EUR"), reason="Once more", by=now(app))
    db.session.commit()
    card_refunds.settle(again, gateway_questions.gateway().refund(gateway_questions.ask_refund(again)), by=now(app))
    assert payment.refunded_minor == 5000 and healthy(app) == []


def test_what_went_back_and_cannot_be_booked_is_tried_again(
    app: Flask, client: Browser, stripe: Stripe, invoice: Invoice, saved: Card, clock: Clock
):
    payment = charge(invoice, saved).payment
    by, other = now(app), make_invoice(invoice.customer, 12300)
    settled = allocations.settled_on(invoice)[0]
    allocations.move(settled.allocation, other, by=by)
    refunds.refund(payment, payment.amount, method="Cash", refunded_on=by.today, reason="By hand", by=by)
    db.session.commit()
    stripe.refund({"payment_intent": payment.gateway_id, "amount": "300"})
    tell(client, stripe, stripe.events[-1])
    work()
    row = db.session.scalars(select(CardRefund)).one()
    assert row.refund_id is None and "not in the books" in row.error and "I10" in " ".join(healthy(app))
    for _again in range(3):  # not at every turn of the job, but again and again
        work()
    assert stripe.asked.count("GET /v1/refunds") == 1
    clock.advance(minutes=5)
    work()
    assert stripe.asked.count("GET /v1/refunds") == 2 and row.next_look_at > clock()


def test_a_dispute_is_told_to_staff_once(client: Browser, stripe: Stripe, invoice: Invoice, saved: Card):
    charge(invoice, saved)
    stripe.tell("charge.dispute.created", stripe.new("dp", "dispute", payment_intent=stripe.charges()[0]["id"]))
    for _again in range(2):
        tell(client, stripe, stripe.events[-1])
        work()
    assert "is disputed" in db.session.scalars(select(Note)).one().text
    stripe.tell("charge.dispute.closed", {**stripe.of("dispute")[0], "status": "lost"})
    tell(client, stripe, stripe.events[-1])
    work()
    assert "the dispute is lost" in db.session.scalars(select(Note).order_by(Note.id.desc())).first().text


def test_cards_are_renewed_replaced_and_forgotten(client: Browser, stripe: Stripe, invoice: Invoice, saved: Card):
    thing = stripe.things[saved.gateway_card]
    thing["card"].update(exp_year=2034, exp_month=1)
    stripe.tell("payment_method.automatically_updated", thing)
    tell(client, stripe, stripe.events[-1])
    work()
    assert (saved.expires_year, saved.expires_month) == (2034, 1)
    again = save(client, invoice.customer, GOOD)
    assert again.is_default and saved.removed_at is not None and not saved.is_default
    cards.remove(again, by=now(client.application))
    db.session.commit()
    work()
    assert stripe.things[again.gateway_card]["customer"] is None and not again.to_forget


def test_saved_cards_are_charged_once_and_tried_again_after_the_days_of_the_settings(
    client: Browser, stripe: Stripe, invoice: Invoice, clock: Clock
):
    card = save(client, invoice.customer, LATER_DECLINED)
    invoice.issued_on = clock().date()
    db.session.commit()
    ended = []
    for _day in range(8):
        for _again in range(2):  # the same day again changes nothing
            ended.append(card_charges.run().get("declined", 0))
        clock.advance(days=1)
    assert ended == [1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0]  # days 0, 1, 3, 5
    mails = db.session.scalars(select(Message).order_by(Message.id)).all()
    assert [mail.kind for mail in mails] == ["card_declined", "card_declined"]  # the first, and the last
    first, last = (card_mail.write(mail, clock()).text for mail in mails)
    assert "We try again on 23 Nov 2026" in first and "do not try this card again" in last
    assert f"/portal/{invoice.customer_id}/cards" in first
    better = save(client, invoice.customer, GOOD)
    cards.make_default(better, by=now(client.application))
    db.session.commit()
    assert card_charges.run() == {"succeeded": 1} and paid(invoice) and card_charges.run() == {}
    assert {one.step for one in db.session.scalars(select(PaymentAttempt)) if one.charged_id} == {0, 1, 2, 3, 4}
    assert healthy(client.application) == [] and card.removed_at is None


def test_what_was_refunded_or_belongs_to_others_is_not_charged_by_itself(
    app: Flask, stripe: Stripe, invoice: Invoice, saved: Card, clock: Clock
):
    by_transfer = make_invoice(make_customer(payment_method=PaymentMethod.INVOICE), 5000)
    elsewhere = make_invoice(make_customer(payment_method=PaymentMethod.CARD), 700)
    strange = make_card(elsewhere.customer, gateway="other")
    db.session.commit()
    assert card_charges.run(clock().date()) == {"succeeded": 1}
    with pytest.raises(card_payments.CannotPay, match="not there any more"):
        charge(elsewhere, strange)
    payment = db.session.scalars(select(Payment)).one()
    refunds.refund(payment, payment.amount, method="Card", refunded_on=clock().date(), reason="Kind", by=now(app))
    db.session.commit()
    clock.advance(days=2)
    assert not paid(invoice) and card_charges.run() == {} and not paid(by_transfer)


def test_whose_card_expires_is_told_once(stripe: Stripe, invoice: Invoice, saved: Card, clock: Clock):
    saved.expires_year, saved.expires_month, saved.customer.payment_method = 2026, 12, PaymentMethod.INVOICE
    db.session.commit()
    assert card_charges.run() == {}  # not within thirty days yet
    clock.advance(days=10)
    assert card_charges.run() == {"expiring": 1} and card_charges.run() == {}
    mail = db.session.scalars(select(Message)).one()
    assert "Visa ···· 4242 can be used until 31 Dec 2026" in card_mail.write(mail, clock()).text


def test_the_doctor_finds_what_is_not_as_it_was_booked(
    app: Flask, stripe: Stripe, invoice: Invoice, saved: Card, clock: Clock
):
    attempt = charge(invoice, saved)
    mine = update(PaymentAttempt).where(PaymentAttempt.id == attempt.id)
    db.session.execute(mine.values(amount_minor=PaymentAttempt.amount_minor + 1, gateway_id="pi_x"))
    db.session.execute(update(AttemptPart).values(holds=True))
    assert [one.split()[0] for one in healthy(app)].count("I10") == 1
    assert "I11" in " ".join(healthy(app))
    stranger = make_customer()
    db.session.execute(update(Card).values(customer_id=stranger.id))
    assert {"I10", "I11", "I103"} <= {one.split()[0] for one in healthy(app)}


def test_two_customers_with_cards_become_one_and_what_is_open_is_settled(
    app: Flask, stripe: Stripe, invoice: Invoice, saved: Card, clock: Clock
):
    primary = make_customer()
    kept = make_card(primary)
    stripe.rules.append({"on": "POST /v1/payment_intents", "lose": True})
    charge(invoice, saved)
    merging.merge(primary, invoice.customer, by=now(app))
    db.session.commit()
    clock.advance(minutes=5)
    work()
    assert paid(invoice) and invoice.customer_id == primary.id
    assert [card.id for card in cards.of_customer(primary)] == [kept.id, saved.id] and not saved.is_default
