"""Package changes: what a review says is what is made, and what is made is right."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from changing import (
    DAY,
    DECEMBER,
    NOVEMBER,
    at,
    changed,
    documents,
    findings,
    price_for,
    priced,
    renewed,
    reviewed,
    running,
)
from conftest import Clock
from factories import add, make_tax_rate
from flask import Flask
from money import eur
from sqlalchemy import update
from statements import spoken

from billing import change_due, change_reviewing, change_undo, discounts, invoices, package_changes, payments, settings
from billing.actor import Actor, NotAllowed
from billing.invoices import NotVoidable
from billing.package_changes import ChangedSince, ChangeRefused, Wanted, WrongState
from billing.prices import InvalidPrice
from billing.unused import unused
from models import (
    ChangeState,
    ChangeTo,
    ChangeWhen,
    Direction,
    FxRate,
    Invoice,
    Money,
    ServiceOption,
    TaxRate,
    db,
)
from models.bulk import locks_rows


def pay(invoice: Invoice, by: Actor) -> None:
    payments.record(invoice.customer, invoice.total, method="Cash", received_on=DAY, invoices=[invoice], by=by)


def test_an_upgrade_in_the_middle_of_a_month_bills_the_difference(app: Flask, clock: Clock) -> None:
    service = running(clock)
    plus, by = priced("Plus", "60"), at(clock, DAY)
    change = changed(service, plus, by)
    assert change.state is ChangeState.DONE and change.invoice.number
    assert [str(line.amount) for line in change.invoice.lines] == ["-15.00 EUR", "30.00 EUR"]
    assert (change.invoice.net, change.invoice.total) == (eur("15"), eur("18.45"))
    db.session.refresh(service)
    assert (service.package.name, service.price, service.next_renewal_on) == ("Plus", eur("60"), DECEMBER)
    assert findings(by) == []


def test_a_downgrade_makes_one_credit_note_that_first_lowers_the_unpaid_invoice(app: Flask, clock: Clock) -> None:
    service = running(clock)
    mini, by = priced("Mini", "10"), at(clock, DAY)
    change = changed(service, mini, by)
    note = change.invoice
    assert note.kind == "credit_note" and note.total == eur("12.30")
    assert findings(by) == []


def test_undoing_an_upgrade_voids_its_invoice_and_gives_the_service_back(app: Flask, clock: Clock) -> None:
    service = running(clock)
    change = changed(service, priced("Plus", "60"), at(clock, DAY))
    by = at(clock, DAY)
    change_undo.undo(change, by=by)
    db.session.commit()
    assert (change.state, change.invoice.state) == (ChangeState.UNDONE, "void")
    assert (service.package.name, service.price) == ("Basic", eur("30"))
    assert findings(by) == []


def test_undoing_a_downgrade_bills_again_what_was_credited(app: Flask, clock: Clock) -> None:
    service = running(clock)
    change = changed(service, priced("Mini", "10"), at(clock, DAY))
    by = at(clock, DAY)
    change_undo.undo(change, by=by)
    db.session.commit()
    assert change.undo.total == change.invoice.total and service.package.name == "Basic"
    assert sum(one.open_minor for one in documents(service)) == documents(service)[0].total_minor
    assert [str(one.amount) for one in unused(service, DAY)] == ["15.00 EUR"]
    assert findings(by) == []


def test_another_billing_length_begins_a_new_period_on_the_day(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, DAY)
    year = price_for(service.package, "300", 12)
    change = changed(service, year, by, months=12)
    assert [str(line.amount) for line in change.invoice.lines] == ["-15.00 EUR", "300.00 EUR"]
    assert (service.next_renewal_on, service.anchor_day, service.anchor_month) == (date(2027, 11, 16), 16, 11)
    assert findings(by) == []
    change_undo.undo(change, by=by)
    db.session.commit()
    assert (service.next_renewal_on, service.months) == (DECEMBER, 1)
    assert findings(by) == []


def test_a_change_that_waits_to_be_paid_takes_effect_with_the_payment(app: Flask, clock: Clock) -> None:
    service = running(clock)
    settings.change({"package_change_effect": "payment"}, by=at(clock, DAY))
    by = at(clock, DAY)
    change = changed(service, priced("Plus", "60"), by)
    assert change.state is ChangeState.WAITING and service.package.name == "Basic"
    assert findings(by) == []
    pay(change.invoice, by)
    db.session.commit()
    assert change.state is ChangeState.DONE and service.package.name == "Plus"
    assert findings(by) == []


def test_a_scheduled_change_is_what_the_renewal_bills(app: Flask, clock: Clock) -> None:
    service = running(clock)
    change = changed(service, priced("Mini", "10"), at(clock, DAY), when=ChangeWhen.RENEWAL)
    assert (change.state, change.on) == (ChangeState.SCHEDULED, DECEMBER)


def test_an_unchanged_price_makes_only_a_record(app: Flask, clock: Clock) -> None:
    service = running(clock)
    change = changed(service, priced("Same", "30"), at(clock, DAY))
    assert change.invoice is None and service.package.name == "Same" and len(documents(service)) == 1
    back = changed(service, priced("Plus", "60"), at(clock, DAY))
    assert [str(line.amount) for line in back.invoice.lines] == ["-15.00 EUR", "30.00 EUR"]
    assert findings(at(clock, DAY)) == []


def test_a_second_change_takes_the_first_ones_charge_back(app: Flask, clock: Clock) -> None:
    """Nothing twice: what the period cost in the end is what each day cost."""
    service = running(clock)
    changed(service, priced("Plus", "60"), at(clock, DAY))
    second = changed(service, priced("Mini", "10"), at(clock, date(2026, 11, 21)))
    assert [str(line.amount) for line in second.invoice.lines] == ["20.00 EUR", "-3.33 EUR"]
    third = changed(service, priced("Max", "90"), at(clock, date(2026, 11, 26)))
    assert [str(line.amount) for line in third.invoice.lines] == ["-1.67 EUR", "15.00 EUR"]
    net = sum(-one.net_minor if one.kind == "credit_note" else one.net_minor for one in documents(service))
    assert net == 1500 + 1000 + 166 + 1500
    assert findings(at(clock, date(2026, 11, 26))) == []


def test_on_the_first_day_of_a_period_all_of_it_is_swapped(app: Flask, clock: Clock) -> None:
    service = running(clock)
    change = changed(service, priced("Plus", "60"), at(clock, NOVEMBER))
    assert [(str(line.amount), line.quantity) for line in change.invoice.lines] == [("-30.00 EUR", 1), ("60.00 EUR", 1)]


def test_on_the_renewal_day_the_renewal_bills_it_or_what_it_billed_is_swapped(app: Flask, clock: Clock) -> None:
    service = running(clock)
    change = changed(service, priced("Plus", "60"), at(clock, DECEMBER))
    assert change.invoice is None
    renewed(clock, DECEMBER)
    assert documents(service)[-1].net == eur("60")
    after = changed(service, priced("Mini", "10"), at(clock, DECEMBER))
    assert after.invoice.kind == "credit_note" and after.invoice.net == eur("50")
    assert findings(at(clock, DECEMBER)) == []


def test_in_a_short_first_period_the_full_one_is_the_denominator(app: Flask, clock: Clock) -> None:
    service = running(clock, start=date(2026, 11, 21), anchor_day=1, next_renewal_on=date(2026, 11, 21))
    change = changed(service, priced("Plus", "60"), at(clock, date(2026, 11, 26)))
    assert [str(line.amount) for line in change.invoice.lines] == ["-5.00 EUR", "10.00 EUR"]
    assert findings(at(clock, date(2026, 11, 26))) == []


def test_before_anything_is_billed_it_is_only_written_down(app: Flask, clock: Clock) -> None:
    service = running(clock, start=DECEMBER, bill=False)
    change = changed(service, price_for(priced("Plus", "60"), "600", 12), at(clock, DAY), months=12)
    assert (change.invoice, service.next_renewal_on, service.anchor_month) == (None, DECEMBER, 12)
    renewed(clock, DECEMBER)
    assert documents(service)[-1].net == eur("600") and service.next_renewal_on == date(2027, 12, 1)
    assert findings(at(clock, DECEMBER)) == []


def test_a_trial_goes_on(app: Flask, clock: Clock) -> None:
    values = {"started_on": NOVEMBER, "billed_from": DECEMBER, "next_renewal_on": DECEMBER, "trial_days": 30}
    service = running(clock, bill=False, **values)
    change, review = reviewed(service, priced("Plus", "60"), at(clock, DAY))
    assert review.outcome == "record" and any("2026-12-01" in reason for reason in review.reasons)
    package_changes.carry_out(change, review.fingerprint, by=at(clock, DAY))
    assert (service.billed_from, service.next_renewal_on) == (DECEMBER, DECEMBER)


def test_free_services_and_customers_get_no_document(app: Flask, clock: Clock) -> None:
    service = running(clock, free=True)
    assert changed(service, priced("Plus", "60"), at(clock, DAY)).invoice is None
    year = price_for(service.package, "600", 12)
    assert changed(service, year, at(clock, DAY), months=12).invoice is None
    assert service.next_renewal_on == date(2027, 11, 16) and findings(at(clock, DAY)) == []


def test_discounts_tax_included_and_options(app: Flask, clock: Clock) -> None:
    """What a discount had taken off stays taken off, and takes its part of the new price."""
    service = running(clock, "30.75", company={"prices_include_tax": True}, bill=False)
    add(ServiceOption(service_id=service.id, name="Static IP", currency="EUR", price_minor=246))
    discounts.create({"name": "Ten", "percent": Decimal(10)}, by=at(clock, NOVEMBER))
    db.session.commit()
    renewed(clock, NOVEMBER)
    by = at(clock, DAY)
    change = changed(service, priced("Plus", "61.50"), by)
    amounts = [(line.amount_minor, line.discount_minor) for line in change.invoice.lines]
    assert amounts == [(-1384, 0), (-111, 0), (2767, 308), (111, 12)]
    assert change.invoice.total_minor == sum(amount for amount, _off in amounts)
    assert findings(by) == []
    back = changed(service, priced("Mini", "12.30"), by)
    assert back.invoice.kind == "credit_note" and findings(by) == []


def test_the_credit_half_keeps_its_tax_and_the_charge_half_has_todays(app: Flask, clock: Clock) -> None:
    service = running(clock)
    db.session.execute(update(TaxRate).values(valid_to=date(2026, 11, 9)))
    make_tax_rate(rate="25", valid_from=date(2026, 11, 10))
    db.session.commit()
    by = at(clock, DAY)
    change = changed(service, priced("Plus", "60"), by)
    taxes = sorted((tax.rate, tax.taxable_minor, tax.tax_minor) for tax in change.invoice.taxes)
    assert taxes == [(23, -1500, -345), (25, 3000, 750)] and findings(by) == []


def test_a_price_in_another_currency_is_converted_on_the_day(app: Flask, clock: Clock) -> None:
    service = running(clock)
    add(FxRate(base="USD", quote="EUR", rate=Decimal("0.9"), on=date(2026, 11, 10), source="Bank"))
    by = at(clock, DAY)
    change = changed(service, priced("Plus", "100", currency="USD"), by)
    charge = change.invoice.lines[1]
    assert charge.amount == eur("45") and "0.9" in charge.details
    assert (service.currency, service.price_minor) == ("USD", 10000) and findings(by) == []


def test_downgrades_and_shorter_periods_wait_for_the_renewal_where_the_settings_say_so(app, clock: Clock) -> None:
    service = running(clock, "300", months=12)
    by = at(clock, DAY)
    change, review = reviewed(service, price_for(service.package, "30"), by, months=1)
    assert (review.outcome, review.on) == ("scheduled", date(2027, 11, 1)) and "settings" in review.reasons[0]
    settings.change({"downgrade_when": "renewal", "shorter_period_when": "now"}, by=by)
    assert package_changes.review(change, by=by).outcome == "credit_note"
    mini = price_for(priced("Mini", "10"), "100", 12)
    _change, review = reviewed(service, mini, by, months=12)
    assert (review.outcome, review.direction) == ("scheduled", Direction.DOWNGRADE)


def test_the_setup_fee_is_charged_once_for_each_package_if_the_settings_say_so(app: Flask, clock: Clock) -> None:
    service = running(clock)
    settings.change({"change_setup_fee": True}, by=at(clock, DAY))
    plus = price_for(priced("Plus", "60", months=3), "60", fee="25")
    by = at(clock, DAY)
    change = changed(service, plus, by)
    assert [str(line.amount) for line in change.invoice.lines] == ["-15.00 EUR", "30.00 EUR", "25.00 EUR"]
    changed(service, priced("Mini", "10"), by)
    again = changed(service, plus, by)
    assert len(again.invoice.lines) == 2 and findings(by) == []


def test_what_stands_against_it_is_told_in_sentences(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, DAY)
    change, review = reviewed(service, service.package, by)
    assert "already" in review.refusals[0]
    with pytest.raises(ChangeRefused):
        package_changes.carry_out(change, review.fingerprint, by=by)
    _change, review = reviewed(service, priced("Yearly", "300", 12), by)
    assert "no price" in review.refusals[0]
    service.package.change_to = ChangeTo.NONE
    _change, review = reviewed(service, priced("Plus", "60"), by, price=eur("50"))
    assert [words for words in review.refusals if "may not be changed" in words]
    assert [words for words in review.refusals if "Say why" in words]
    late = at(clock, date(2026, 12, 5))
    service.package.change_to = ChangeTo.ANY
    _change, review = reviewed(service, priced("Max", "90"), late)
    assert "Run the renewals first" in review.refusals[0]


def test_what_changed_since_is_shown_afresh_and_a_second_click_does_nothing(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by, plus = at(clock, DAY), priced("Plus", "60")
    change, review = reviewed(service, plus, by)
    plus.prices[0].price_minor = 7000
    db.session.commit()
    with pytest.raises(ChangedSince) as told:
        package_changes.carry_out(change, review.fingerprint, by=by)
    fresh = told.value.review
    assert (review.charge_half, fresh.charge_half) == (eur("30"), eur("35"))
    package_changes.carry_out(change, fresh.fingerprint, by=by)
    db.session.commit()
    with pytest.raises(WrongState):
        package_changes.carry_out(change, fresh.fingerprint, by=by)
    assert len(documents(service)) == 2


def test_what_is_written_between_a_review_and_its_commit_is_noticed(app: Flask, clock: Clock) -> None:
    service, by = running(clock), at(clock, DAY)
    change, _review = reviewed(service, priced("Plus", "60"), by)
    known = package_changes.Known.load()
    review = package_changes.review(change, by=by, known=known)
    service.description = "Line to the harbour"
    with pytest.raises(ChangedSince) as told:
        package_changes.carry_out(change, review.fingerprint, by=by, known=known)
    package_changes.carry_out(change, told.value.review.fingerprint, by=by, known=known)
    db.session.commit()
    assert service.description == "Line to the harbour" and len(documents(service)) == 2
    with pytest.raises(WrongState):
        package_changes.carry_out(change, told.value.review.fingerprint, by=by, known=known)


def test_a_review_is_worked_out_again_for_its_commit_only_where_others_may_write(app: Flask, clock: Clock) -> None:
    service, by = running(clock), at(clock, DAY)
    change, _review = reviewed(service, priced("Plus", "60"), by)
    known = package_changes.Known.load()
    with spoken() as asked:
        review = package_changes.review(change, by=by, known=known)
        package_changes.carry_out(change, review.fingerprint, by=by, known=known)
    looked = [one for one in asked if "JOIN package_change ON" in one]
    assert len(looked) == (2 if locks_rows(db.session) else 1)


def test_an_agreed_price_wins_and_a_price_to_come_does_not_touch_it(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, DAY)
    change = changed(service, priced("Plus", "60"), by, price=eur("45"), price_reason="Loyal")
    assert service.price == eur("45") and change.price_reason == "Loyal"
    with pytest.raises(InvalidPrice):
        package_changes.write(
            package_changes.begin(service, by=by), Wanted(service.package_id, price=Money(1, "USD")), by=by
        )


def test_paid_changes_are_not_undone_and_documents_of_changes_are_not_voided_by_themselves(app, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, DAY)
    change = changed(service, priced("Plus", "60"), by)
    for invoice in documents(service):
        with pytest.raises(NotVoidable):
            invoices.void(invoice, "Slip", by=by)
    payments.record(service.customer, eur("1"), method="Cash", received_on=DAY, invoices=[change.invoice], by=by)
    assert "paid" in change_undo.why_not(change, by=by)
    with pytest.raises(ChangeRefused):
        change_undo.undo(change, by=by)
    later = changed(service, priced("Max", "90"), by)
    assert "later change" in change_undo.why_not(change, by=by) and not change_undo.why_not(later, by=by)


def test_after_a_downgrade_is_paid_for_what_is_left_is_credit(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, DAY)
    payments.record(service.customer, eur("36.90"), method="Cash", received_on=DAY, invoices=documents(service), by=by)
    change = changed(service, priced("Mini", "10"), by)
    assert service.customer.credit_minor == 1230 and change.invoice.total == eur("12.30")
    change_undo.undo(change, by=by)
    db.session.commit()
    assert service.customer.credit_minor == 0 and change.undo.open_minor == 0
    assert findings(by) == []


def test_one_right_is_enough_and_without_it_nothing_goes(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = replace(at(clock, DAY), permissions=frozenset({"services.edit"}))
    assert changed(service, priced("Plus", "60"), by).state is ChangeState.DONE
    with pytest.raises(NotAllowed):
        package_changes.begin(service, by=replace(by, permissions=frozenset({"services.view"})))


NO_CREDIT = "Your role does not allow credit notes. Put it off to the renewal, or ask somebody who may."


@pytest.mark.parametrize("when", [{}, {"when": ChangeWhen.ON, "on": date(2026, 11, 20)}])
def test_giving_money_back_by_a_change_needs_the_right_to_credit(app: Flask, clock: Clock, when: dict) -> None:
    service, mini, whole = running(clock), priced("Mini", "10"), at(clock, DAY)
    little = replace(whole, permissions=frozenset({"services.edit"}))
    change, review = reviewed(service, mini, little, **when)
    assert review.refusals == (NO_CREDIT,)
    with pytest.raises(ChangeRefused, match="credit notes"):
        package_changes.carry_out(change, review.fingerprint, by=little)
    looking_in = replace(little, permissions=frozenset(), portal_user_id=1, real_staff_id=2)
    assert change_reviewing.work_out(change, by=looking_in).review.refusals == (NO_CREDIT,)
    for by in (replace(looking_in, real_staff_id=None), replace(little, permissions=frozenset({"invoices.edit"}))):
        assert change_reviewing.work_out(change, by=by).review.refusals == ()
    assert reviewed(service, mini, little, when=ChangeWhen.RENEWAL)[1].refusals == ()
    assert changed(service, mini, replace(little, permissions=frozenset({"services.edit", "invoices.edit"})), **when)


def test_a_credit_put_down_by_somebody_who_may_comes_whoever_runs_it(app: Flask, clock: Clock) -> None:
    service, mini = running(clock), priced("Mini", "10")
    change = changed(service, mini, at(clock, DAY), when=ChangeWhen.ON, on=date(2026, 11, 20))
    little = replace(at(clock, date(2026, 11, 20)), permissions=frozenset({"services.edit", "runs.start"}))
    assert not package_changes.review(change, by=little).refusals
    assert change_due.see_to(change.id, date(2026, 11, 20), by=little) is ChangeState.DONE
    assert change.invoice.kind == "credit_note"
    assert change_undo.why_not(change, by=little) == (
        "Your role does not allow credit notes. Ask somebody who may to undo this."
    )
    with pytest.raises(ChangeRefused, match="credit notes"):
        change_undo.undo(change, by=little)
    change_undo.undo(change, by=replace(little, permissions=little.permissions | {"invoices.edit"}))
    assert change.state is ChangeState.UNDONE


def test_taking_back_an_invoice_needs_the_right_to_void_it_and_lapsing_none(app: Flask, clock: Clock) -> None:
    service, plus = running(clock), priced("Plus", "60")
    little = replace(at(clock, DAY), permissions=frozenset({"services.edit", "runs.start"}))
    change = changed(service, plus, little)
    assert change_undo.why_not(change, by=little) == (
        "Your role does not allow voiding invoices. Ask somebody who may to undo this."
    )
    with pytest.raises(ChangeRefused, match="voiding invoices"):
        change_undo.undo(change, by=little)
    change_undo.undo(change, by=replace(little, permissions=little.permissions | {"invoices.edit"}))
    settings.change({"package_change_effect": "payment"}, by=at(clock, DAY))
    waits = changed(service, plus, little)
    with pytest.raises(ChangeRefused, match="to withdraw this"):
        change_undo.withdraw(waits, by=little)
    assert (waits.state, waits.invoice.state) == (ChangeState.WAITING, "issued")
    assert change_due.lapse(waits.id, date(2027, 1, 1), by=little) is ChangeState.WITHDRAWN
    draft = package_changes.begin(service, by=little)
    change_undo.withdraw(draft, by=little)


def test_packages_a_service_may_change_to(app: Flask, clock: Clock) -> None:
    service = running(clock)
    plus, once = priced("Plus", "60"), priced("Once", "60", 0)
    own, *others = package_changes.allowed(service)
    assert own.package == service.package
    assert [(one.package, one.direction, bool(one.why_not)) for one in others] == [
        (plus, Direction.UPGRADE, False), (once, None, True),
    ]  # fmt: skip
