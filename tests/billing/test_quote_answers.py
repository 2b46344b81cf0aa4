"""A quote is answered once, by those who may; accepted, it becomes an invoice and its packages run."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from conftest import Clock
from factories import add, make_company, make_customer, make_group, make_package, make_tax_rate
from quoting import follows, line, sent_quote, sold

from billing import doctor, drafts, packages, quote_answers, quote_drafts, quote_invoices, quotes, settings
from billing.actor import Actor, NotAllowed
from billing.doctor import Scope
from billing.document_lines import InvalidLine
from billing.money import Money
from billing.quote_answers import Answer
from billing.quote_links import Opened
from jobs import renewals, schedule
from models import (
    AuditEvent,
    Customer,
    Invoice,
    InvoiceState,
    LineKind,
    Message,
    OptionKind,
    Package,
    PackageOption,
    PortalAccess,
    PortalRight,
    PortalUser,
    Quote,
    QuoteAnswer,
    QuoteLine,
    QuoteState,
    QuoteTax,
    Renewal,
    Series,
    Service,
    db,
)

TODAY = date(2026, 11, 22)
YES = Answer("Anna Doyle", "Start soon", agreed=True)


@pytest.fixture
def customer(app: object) -> Customer:
    make_company()
    make_tax_rate("IE", "23")
    return make_customer(name="Doyle's Bakery")


@pytest.fixture
def fibre(app: object) -> Package:
    return make_package(4500, name="Fibre 500")


def choose(by: Actor, **values: Any) -> None:
    settings.change(values, by=by)


def findings(clock: Clock) -> list[str]:
    db.session.flush()
    return [str(finding) for finding in doctor.examine(Scope(clock()))]


def test_accepted_it_becomes_an_issued_invoice_and_a_service(
    customer: Customer, fibre: Package, clock: Clock, by: Actor
) -> None:
    disk = add(PackageOption(package_id=fibre.id, name="Disk", kind=OptionKind.QUANTITY))
    items = [
        sold(fibre, discount_percent=Decimal(10)),
        follows(fibre, LineKind.OPTION, quantity="2", option_id=disk.id),
        follows(fibre, LineKind.SETUP, "30"),
        line(quantity="55/60"),
    ]
    quote = sent_quote(customer, *items, discount=Money.of("7", "EUR"), by=by)
    quote_answers.accept(quote, YES, by=by)
    invoice, service = quote.invoice, db.session.query(Service).one()
    assert invoice is not None and invoice.state == InvoiceState.ISSUED
    sums = ("net_minor", "tax_minor", "total_minor", "discount_minor")
    assert [getattr(invoice, name) for name in sums] == [getattr(quote, name) for name in sums]
    assert (service.price_minor, service.setup_fee_minor, service.next_renewal_on) == (4500, 3000, date(2026, 12, 22))
    assert [(one.name, one.quantity, one.price_minor) for one in service.options] == [("Disk", Decimal(2), 500)]
    renewal = db.session.query(Renewal).one()
    assert (renewal.service_id, renewal.invoice_id, renewal.amount_minor) == (service.id, invoice.id, 4050)
    assert db.session.query(Message).filter_by(invoice_id=invoice.id).count() == 1
    assert findings(clock) == []


def test_the_next_run_begins_with_the_second_period(
    customer: Customer, fibre: Package, clock: Clock, by: Actor
) -> None:
    quote = sent_quote(customer, sold(fibre, quantity="2"), by=by)
    quote_answers.accept(quote, YES, by=by)
    db.session.commit()
    assert renewals.run(TODAY + timedelta(days=29), by=by)["invoices"] == 0
    clock.set(date(2026, 12, 22))
    assert renewals.run(date(2026, 12, 22), by=replace(by, today=date(2026, 12, 22)))["invoices"] == 1
    second = db.session.query(Invoice).order_by(Invoice.id.desc()).first()
    assert second is not None and second.net_minor == 9000
    assert findings(clock) == []


def test_a_trial_is_free_on_the_quote_and_billed_from_its_end(
    customer: Customer, fibre: Package, clock: Clock, by: Actor
) -> None:
    packages.edit(fibre, {"trial_days": 14}, by=by)
    items = [
        sold(fibre), follows(fibre, LineKind.OPTION, "2"), follows(fibre, LineKind.SETUP, "20"), line("Visit", "80"),
    ]  # fmt: skip
    quote = sent_quote(customer, *items, by=by)
    assert [row.amount_minor for row in quote.lines] == [0, 0, 0, 8000] and quote.total_minor == 9840
    quote_answers.accept(quote, YES, by=by)
    db.session.commit()
    invoice = quote.invoice
    assert invoice is not None and invoice.state == InvoiceState.ISSUED and invoice.total_minor == 9840
    assert [row.amount_minor for row in invoice.lines] == [0, 0, 0, 8000]
    assert invoice.lines[0].details == "Free to try. From 2026-12-06: 45.00 EUR a month."
    service = db.session.query(Service).one()
    first_billed = date(2026, 12, 6)
    assert (service.trial_days, service.billed_from, service.next_renewal_on) == (14, first_billed, first_billed)
    assert findings(clock) == []
    clock.set(first_billed)
    assert renewals.run(first_billed - timedelta(days=1), by=by)["invoices"] == 0
    assert renewals.run(first_billed, by=replace(by, today=first_billed))["invoices"] == 1
    bill = db.session.query(Invoice).order_by(Invoice.id.desc()).first()
    assert bill is not None and [row.amount_minor for row in bill.lines] == [4500, 200, 2000]
    assert findings(clock) == []


@pytest.mark.parametrize(
    ("given", "first", "later"),
    [
        ({"discount_percent": Decimal(10)}, [4050, 1620], [4500, 1800]),
        ({"discount_percent": Decimal(10), "always": True}, [4050, 1620], [4050, 1620]),
        ({"discount": Money(700, "EUR"), "always": True}, [3800, 1100], [3800, 1100]),
    ],
)
def test_a_discount_holds_for_the_first_bill_or_for_every_one(
    given: dict[str, Any],
    first: list[int],
    later: list[int],
    customer: Customer,
    fibre: Package,
    clock: Clock,
    by: Actor,
) -> None:
    """The option's is in the price that is agreed for it."""
    given = dict(given)  # shared by the runs on both databases
    always = given.pop("always", False)
    item = replace(sold(fibre, discount_reason="Old friends", **given), always=always)
    option = follows(fibre, LineKind.OPTION, "9", "2", always=always)
    quote = sent_quote(customer, item, replace(option, line=replace(option.line, **given)), by=by)
    quote_answers.accept(quote, YES, by=by)
    db.session.commit()
    assert quote.invoice is not None and [row.amount_minor for row in quote.invoice.lines] == first
    for day in (date(2026, 12, 22), date(2027, 1, 22)):
        clock.set(day)
        assert renewals.run(day, by=replace(by, today=day))["invoices"] == 1
        bill = db.session.query(Invoice).order_by(Invoice.id.desc()).first()
        assert bill is not None and [row.amount_minor for row in bill.lines] == later
        assert bill.lines[0].discount_reason == ("Old friends" if always else "")
    assert findings(clock) == []


@pytest.mark.parametrize(("always", "second"), [(True, 4050), (False, 4500)])
def test_a_trial_is_followed_by_the_discounts_agreed(
    always: bool, second: int, customer: Customer, fibre: Package, clock: Clock, by: Actor
) -> None:
    """Of the price for the first bill or every one, of the option for every one, and of the set-up fee."""
    packages.edit(fibre, {"trial_days": 14}, by=by)
    item = replace(sold(fibre, discount_percent=Decimal(10)), always=always)
    setup = follows(fibre, LineKind.SETUP)
    setup = replace(setup, line=replace(setup.line, discount_percent=Decimal(50)))
    option = follows(fibre, LineKind.OPTION, "2", always=True)
    option = replace(option, line=replace(option.line, discount_percent=Decimal(10)))
    quote = sent_quote(customer, item, option, setup, by=by)
    assert quote.total_minor == 0
    quote_answers.accept(quote, YES, by=by)
    db.session.commit()
    assert quote.invoice is not None and "1.80 EUR a month" in quote.invoice.lines[1].details
    for day, amounts in ((date(2026, 12, 6), [4050, 180, 250]), (date(2027, 1, 6), [second, 180])):
        clock.set(day)
        assert renewals.run(day, by=replace(by, today=day))["invoices"] == 1
        bill = db.session.query(Invoice).order_by(Invoice.id.desc()).first()
        assert bill is not None and [row.amount_minor for row in bill.lines] == amounts
    assert findings(clock) == []


@pytest.mark.parametrize("kind", [LineKind.SERVICE, LineKind.OPTION])
def test_what_is_free_to_try_takes_no_amount_off_and_its_options_nothing(
    kind: LineKind, customer: Customer, fibre: Package, by: Actor
) -> None:
    packages.edit(fibre, {"trial_days": 14}, by=by)
    off = {"discount": Money(100, "EUR")} if kind == LineKind.SERVICE else {"discount_percent": Decimal(10)}
    head, option = sold(fibre), follows(fibre, LineKind.OPTION, "2")
    items = [replace(one, line=replace(one.line, **off)) if one.line.kind == kind else one for one in (head, option)]
    with pytest.raises(InvalidLine, match="free"):
        sent_quote(customer, *items, by=by)


@pytest.mark.parametrize("off", [{"discount_percent": Decimal(10)}, {"discount": Money(100, "EUR")}])
def test_what_is_off_every_bill_leaves_a_whole_price_for_each(
    off: dict[str, Any], customer: Customer, fibre: Package, by: Actor
) -> None:
    """Else later bills would come to a cent more or less than was shown."""
    option = follows(fibre, LineKind.OPTION, "3.33", "3", always=True)
    option = replace(option, line=replace(option.line, **off))
    with pytest.raises(InvalidLine, match="no whole price for each"):
        sent_quote(customer, sold(fibre), option, by=by)
    sent_quote(customer, sold(fibre), replace(option, always=False), by=by)


@pytest.mark.parametrize(("becomes", "state"), [("draft", InvoiceState.DRAFT), ("nothing", None)])
def test_what_it_becomes_is_a_setting(
    becomes: str, state: InvoiceState | None, customer: Customer, fibre: Package, clock: Clock, by: Actor
) -> None:
    choose(by, quote_becomes=becomes)
    quote = quote_answers.accept(sent_quote(customer, sold(fibre), by=by), YES, by=by)
    assert (quote.invoice.state if quote.invoice else None) == state
    assert db.session.query(Service).count() == (1 if state else 0)
    assert findings(clock) == []


def test_services_start_on_the_day_agreed(customer: Customer, fibre: Package, by: Actor) -> None:
    day = date(2026, 12, 31)
    quote = sent_quote(customer, sold(fibre), starts_on=day, billing_group=make_group(customer), by=by)
    quote_answers.accept(quote, YES, by=by)
    service = db.session.query(Service).one()
    assert (service.started_on, service.anchor_day, service.next_renewal_on) == (day, 31, date(2027, 1, 31))
    assert service.billing_group_id == quote.billing_group_id


def test_an_acceptance_stands_where_no_invoice_can_be_made(
    customer: Customer, fibre: Package, clock: Clock, by: Actor
) -> None:
    quote = sent_quote(customer, sold(fibre), line(), by=by)
    packages.archive([fibre], by=by)
    quote_answers.accept(quote, YES, by=by)
    assert (quote.state, quote.invoice_id) == (QuoteState.ACCEPTED, None)
    assert "not sold any more" in quote.trouble
    assert db.session.query(Service).count() == 0 and db.session.query(Invoice).count() == 0
    packages.restore([fibre], by=by)
    quote_invoices.convert(quote, issue=True, by=by)
    assert quote.trouble == "" and quote.invoice is not None
    assert findings(clock) == []


def test_what_was_accepted_is_billed_or_nothing(customer: Customer, by: Actor) -> None:
    quote = sent_quote(customer, line(price="100"), by=by)
    make_tax_rate("IE", "10", valid_from=date(2026, 11, 1))
    quote_answers.accept(quote, YES, by=by)
    assert quote.invoice_id is None and "110.00 EUR" in quote.trouble and "123.00 EUR" in quote.trouble
    assert quotes.send(quotes.revise(quote, by=by), by=by).total_minor == 11000
    assert quote.state == QuoteState.SUPERSEDED


def test_it_becomes_an_invoice_once(customer: Customer, fibre: Package, by: Actor) -> None:
    quote = quote_answers.accept(sent_quote(customer, sold(fibre), by=by), YES, by=by)
    with pytest.raises(quote_invoices.AlreadyInvoiced):
        quote_invoices.convert(quote, issue=True, by=by)
    for change in (quotes.revise, quotes.withdraw):
        with pytest.raises(quotes.WrongState):
            change(quote, by=by)
    for state in (QuoteState.SENT, QuoteState.DECLINED):
        other = sent_quote(customer, by=by)
        other.state = state
        with pytest.raises(quotes.WrongState, match="only an accepted quote"):
            quote_invoices.convert(other, issue=True, by=by)


def test_a_draft_from_a_quote_is_deleted_but_not_changed(
    customer: Customer, fibre: Package, clock: Clock, by: Actor
) -> None:
    choose(by, quote_becomes="draft")
    quote = quote_answers.accept(sent_quote(customer, sold(fibre), line(), by=by), YES, by=by)
    draft, service = quote.invoice, db.session.query(Service).one()
    assert draft is not None
    with pytest.raises(quote_drafts.SaysWhatWasAccepted, match="Q-00001"):
        drafts.write(draft, drafts.Content(), version=draft.version, by=by)
    drafts.delete([draft], by=by)
    assert (quote.invoice_id, service.next_renewal_on) == (None, TODAY)
    assert findings(clock) == []
    again = quote_invoices.convert(quote, issue=True, by=by)
    assert db.session.query(Service).count() == 1
    assert (again.total_minor, service.next_renewal_on) == (quote.total_minor, date(2026, 12, 22))
    assert findings(clock) == []


def test_a_service_that_was_billed_since_is_not_billed_again(customer: Customer, fibre: Package, by: Actor) -> None:
    choose(by, quote_becomes="draft")
    quote = quote_answers.accept(sent_quote(customer, sold(fibre), by=by), YES, by=by)
    assert quote.invoice is not None
    drafts.delete([quote.invoice], by=by)
    db.session.commit()
    assert renewals.run(TODAY, by=by)["invoices"] == 1
    with pytest.raises(quotes.WrongState, match="has been billed since"):
        quote_invoices.convert(quote, issue=True, by=by)


def test_who_may_answer(customer: Customer, by: Actor) -> None:
    quote, other = sent_quote(customer, by=by), sent_quote(customer, by=by)
    visitor = replace(by, permissions=frozenset(), name="Visitor", address="203.0.113.9")
    for opened in (None, Opened(other, False), Opened(quote, True)):
        with pytest.raises(NotAllowed):
            quote_answers.accept(quote, YES, opened=opened, by=visitor)
    guest = add(PortalUser(email="anna@mail.example", name="Anna"))
    signed_in = replace(visitor, portal_user_id=guest.id)
    access = None
    for right in (None, PortalRight.READ_ONLY, PortalRight.TECHNICAL):
        if right:
            access = access or add(PortalAccess(portal_user_id=guest.id, customer_id=customer.id))
            access.right = right
        with pytest.raises(NotAllowed):
            quote_answers.decline(quote, YES, by=signed_in)
    assert access is not None
    access.right = PortalRight.BILLING
    assert quote_answers.decline(other, YES, by=signed_in).answered_how == QuoteAnswer.PORTAL
    accepted = quote_answers.accept(quote, YES, opened=Opened(quote, False), by=visitor)
    assert (accepted.answered_how, accepted.answered_by) == (QuoteAnswer.LINK, "Anna Doyle")
    assert (accepted.answered_from, accepted.answer_comment) == ("203.0.113.9", "Start soon")
    assert accepted.invoice_id is not None


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        (Answer("Anna"), "agreed"),
        (Answer("  ", agreed=True), "name"),
        (Answer("Anna", "x" * 2001, agreed=True), "comment"),
        (Answer("An\u202ena", agreed=True), "name"),
    ],
)
def test_an_answer_that_says_too_little_is_refused(answer: Answer, field: str, customer: Customer, by: Actor) -> None:
    quote = sent_quote(customer, by=by)
    with pytest.raises(quotes.InvalidQuote) as refused:
        quote_answers.accept(quote, answer, by=by)
    assert (refused.value.field, quote.state) == (field, QuoteState.SENT)


def test_after_its_last_day_it_cannot_be_accepted_and_expires(customer: Customer, clock: Clock, by: Actor) -> None:
    quote = sent_quote(customer, valid_until=TODAY, by=by)
    tomorrow = replace(by, today=TODAY + timedelta(days=1))
    with pytest.raises(quote_answers.TooLate):
        quote_answers.accept(quote, YES, by=tomorrow)
    db.session.commit()
    assert schedule.expire_quotes(TODAY) == {"expired": 0}
    assert schedule.expire_quotes(TODAY + timedelta(days=1)) == {"expired": 1}
    assert schedule.expire_quotes(TODAY + timedelta(days=1)) == {"expired": 0}
    db.session.refresh(quote)
    assert quote.state == QuoteState.EXPIRED
    assert quotes.revise(quote, by=by).valid_until is None


def test_two_answers_and_only_the_first_counts(customer: Customer, by: Actor) -> None:
    quote = quote_answers.decline(sent_quote(customer, by=by), YES, by=by)
    with pytest.raises(quotes.WrongState, match="was declined"):
        quote_answers.accept(quote, YES, by=by)
    verbs = db.session.scalars(db.select(AuditEvent.verb).where(AuditEvent.object_type == "quote")).all()
    assert verbs == ["quote.drafted", "quote.sent", "quote.declined"]


def test_the_doctor_sees_a_quote_that_was_changed(customer: Customer, fibre: Package, clock: Clock, by: Actor) -> None:
    quote = quote_answers.accept(sent_quote(customer, sold(fibre), line(), by=by), YES, by=by)
    other = sent_quote(customer, by=by)
    assert findings(clock) == []
    corruptions: list[tuple[Any, dict[str, Any], str]] = [
        (db.update(Quote).where(Quote.id == quote.id), {"terms": "Other terms"}, "changed after being sent"),
        (db.update(QuoteLine).where(QuoteLine.position == 2), {"description": "Gold"}, "changed after being sent"),
        (db.update(QuoteTax).where(QuoteTax.quote_id == other.id), {"tax_minor": 1}, "do not add up"),
        (db.update(Quote).where(Quote.id == quote.id), {"net_minor": 1}, "another amount"),
        (db.update(QuoteLine).where(QuoteLine.service_id.is_not(None)), {"service_id": None}, "a service for each"),
        (db.update(Quote).where(Quote.id == other.id), {"valid_until": TODAY - timedelta(days=9)}, "last day is over"),
        (db.update(Series).where(Series.prefix == "Q"), {"last_number": 3}, "with a gap"),
    ]  # fmt: skip
    db.session.commit()
    for statement, values, words in corruptions:
        db.session.execute(statement.values(values).execution_options(synchronize_session=False))
        assert any(words in finding for finding in findings(clock)), words
        db.session.rollback()
        db.session.expire_all()
        assert findings(clock) == []


def test_where_quotes_come_first_invoices_are_not_written_by_hand(customer: Customer, by: Actor) -> None:
    invoice = quote_answers.accept(sent_quote(customer, by=by), YES, by=by).invoice
    assert invoice is not None and not quotes.quotes_first()
    choose(by, quotes_first=True)
    assert quotes.quotes_first()
    for change in (lambda: drafts.begin(customer, by=by), lambda: drafts.copy(invoice, by=by)):
        with pytest.raises(quote_drafts.QuotesFirst, match="write a quote"):
            change()
    assert quote_answers.accept(sent_quote(customer, by=by), YES, by=by).invoice is not None
