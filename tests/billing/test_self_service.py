"""Packages changed by customers themselves: the same figures as staff's, and no further than package and settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from changing import DAY, DECEMBER, at, price_for, priced, running
from factories import add, make_invoice
from guests import as_guest, let_in
from sqlalchemy import select

from billing import own_endings, package_changes, self_service, services, settings
from billing.actor import NotAllowed
from billing.change_figures import Outcome
from billing.money import Money
from billing.package_changes import ChangedSince, Wanted
from billing.self_service import NotByOneself
from billing.services import Chosen
from models import (
    ChangeState,
    ChangeTo,
    Invoice,
    OptionKind,
    OptionPrice,
    PackageOption,
    PackageTarget,
    PortalRight,
    Service,
    ServiceOption,
    Termination,
    db,
)


@pytest.fixture
def pro(app, clock):
    return priced("Pro", "90")


@pytest.fixture
def small(app, clock):
    return priced("Small", "10")


@pytest.fixture
def service(clock, pro, small) -> Service:
    """Basic at 30 a month, billed for November, which may become Pro or Small; today is the 16th."""
    found = running(clock)
    found.package.change_to = ChangeTo.ANY
    db.session.scalars(select(Invoice)).one().due_on = DECEMBER
    at(clock, DAY)
    return found


@pytest.fixture
def anna(service, clock):
    return as_guest(let_in(service.customer, at(clock, DAY)), at(clock, DAY))


def named(service, by):
    return {one.package.name for one in self_service.offers(service, by=by)}


def ask(service, package, by, months=1):
    return self_service.ask(service, Wanted(package.id, months), by=by)


def test_an_upgrade_has_the_figures_of_the_wizard_and_takes_effect_at_once(service, pro, anna, clock):
    change = ask(service, pro, anna)
    shown = self_service.review(change, by=anna)
    staffs = package_changes.review(change, by=at(clock, DAY))
    assert shown == staffs and shown.fingerprint == staffs.fingerprint
    assert shown.outcome == Outcome.INVOICE and shown.due_today == Money(3690, "EUR")  # (90 - 30) / 2 and 23 %
    done = self_service.carry_out(change, shown.fingerprint, by=anna)
    assert (done.state, service.package_id, done.invoice.total_minor) == (ChangeState.DONE, pro.id, 3690)
    assert done.decided_by == anna.name


def test_a_downgrade_waits_for_the_renewal_and_can_be_called_off(service, small, anna, clock):
    change = ask(service, small, anna)
    shown = self_service.review(change, by=anna)
    assert (shown.outcome, shown.on) == (Outcome.SCHEDULED, DECEMBER)
    self_service.carry_out(change, shown.fingerprint, by=anna)
    assert self_service.waiting(service) is change and service.package.name == "Basic"
    self_service.withdraw(change, by=anna)
    assert change.state == ChangeState.WITHDRAWN
    settings.change({"portal_downgrades": "now"}, by=at(clock, DAY))
    assert self_service.review(ask(service, small, anna), by=anna).outcome == Outcome.CREDIT_NOTE


def test_settings_and_package_say_what_is_open(service, pro, small, anna, clock):
    assert named(service, anna) == {"Pro", "Small"}
    for values, left in (
        ({"portal_upgrades": False}, {"Small"}),
        ({"portal_upgrades": True, "portal_downgrades": "no"}, {"Pro"}),
    ):
        settings.change(values, by=at(clock, DAY))
        assert named(service, anna) == left
    with pytest.raises(NotByOneself):
        ask(service, small, anna)
    pro.hidden = True
    assert named(service, anna) == set()
    service.package.change_to = ChangeTo.CHOSEN
    add(PackageTarget(package_id=service.package_id, to_id=pro.id))
    db.session.expire(service.package, ["targets"])
    assert named(service, anna) == {"Pro"}
    service.package.change_to = ChangeTo.NONE
    with pytest.raises(NotByOneself):
        ask(service, pro, anna)


def test_its_own_package_for_another_period(service, anna, clock):
    price_for(service.package, "300", 12)
    assert "Basic" in named(service, anna)
    shown = self_service.review(ask(service, service.package, anna, 12), by=anna)
    assert (shown.outcome, shown.new_period) == (Outcome.INVOICE, True)
    settings.change({"portal_periods": False}, by=at(clock, DAY))
    assert "Basic" not in named(service, anna)


@pytest.mark.parametrize("spoil", ["free", "suspended", "ends", "late"])
def test_what_cannot_be_changed_alone(service, pro, anna, clock, spoil):
    if spoil == "free":
        service.free = True
    elif spoil == "suspended":
        service.status = "suspended"
    elif spoil == "ends":
        service.ends_on = DECEMBER
    else:
        anna = replace(anna, today=date(2026, 12, 2))
    db.session.flush()
    assert self_service.why_not(service, by=anna) and self_service.offers(service, by=anna) == []
    with pytest.raises(NotByOneself):
        ask(service, pro, anna)


def test_what_is_overdue_is_paid_before_an_upgrade(service, pro, anna):
    make_invoice(service.customer, due_on=date(2026, 11, 2))
    shown = self_service.review(change := ask(service, pro, anna), by=anna)
    assert "overdue" in shown.refusals[-1]
    with pytest.raises(NotByOneself):
        self_service.carry_out(change, shown.fingerprint, by=anna)
    assert service.package.name == "Basic"


def test_nobody_changes_what_is_not_theirs_to_change(service, pro, anna, clock):
    tech = as_guest(let_in(service.customer, at(clock, DAY), "t@m.example", PortalRight.TECHNICAL), at(clock, DAY))
    for by in (tech, replace(anna, portal_user_id=0)):
        with pytest.raises(NotAllowed):
            ask(service, pro, by)
    change = ask(service, pro, anna)
    with pytest.raises(NotAllowed):
        self_service.carry_out(change, self_service.review(change, by=anna).fingerprint, by=tech)


def test_a_price_that_staff_agreed_in_a_draft_is_not_taken(service, pro, anna, clock):
    """Also by somebody who calls themselves like the member of staff."""
    staff = replace(at(clock, DAY), name=anna.name)
    draft = package_changes.begin(service, by=staff)
    cheap = Wanted(pro.id, 1, price=Money(100, "EUR"), price_reason="A friend")
    package_changes.write(draft, cheap, by=staff)
    with pytest.raises(NotByOneself):
        self_service.review(draft, by=anna)
    with pytest.raises(NotByOneself):
        self_service.carry_out(draft, package_changes.review(draft, by=staff).fingerprint, by=anna)
    assert ask(service, pro, anna).id == draft.id and draft.agreed_minor is None
    assert self_service.ask(service, cheap, by=anna).agreed_minor is None
    package_changes.write(draft, cheap, by=staff)
    assert not self_service.asked_here(draft)


def test_what_changed_since_it_was_shown_is_not_done(service, pro, anna):
    change = ask(service, pro, anna)
    seen = self_service.review(change, by=anna).fingerprint
    pro.prices[0].price_minor += 100
    db.session.flush()
    with pytest.raises(ChangedSince) as moved:
        self_service.carry_out(change, seen, by=anna)
    assert moved.value.review.due_today > Money(3690, "EUR")


def test_ending_a_service_as_the_settings_say(service, anna, clock):
    assert own_endings.may_end(service) == "ask"
    own_endings.ask_to_end(service, "We move", by=anna)
    note = service.customer.notes[0]
    assert "We move" in note.text and note.written_by == anna.name and not note.shown_to_customer
    for rule in (own_endings.end, own_endings.ask_to_end):  # the settings say so; it was asked for today
        with pytest.raises(NotByOneself):
            rule(service, "", by=anna)
    settings.change({"portal_endings": "end"}, by=at(clock, DAY))
    own_endings.end(service, "We move", by=anna)
    assert (service.ends_on, service.status) == (DECEMBER, "active")
    assert own_endings.may_end(service) == ""
    settings.change({"portal_endings": "no"}, by=at(clock, DAY))
    with pytest.raises(NotByOneself):
        own_endings.ask_to_end(service, "", by=anna)


def test_an_end_set_in_the_portal_is_taken_back_there_until_its_day(service, anna, clock):
    staff = at(clock, DAY)
    settings.change({"portal_endings": "end"}, by=staff)
    own_endings.end(service, "We move", by=anna)
    own_endings.keep(service, by=anna)
    assert (service.ends_on, service.cancel_reason, own_endings.may_end(service)) == (None, "", "end")
    assert not own_endings.may_keep(service, by=anna)
    own_endings.end(service, "", by=anna)
    assert own_endings.may_keep(service, by=anna)
    assert not own_endings.may_keep(service, by=replace(anna, today=DECEMBER))  # that day it ends
    settings.change({"portal_endings": "ask"}, by=staff)
    assert not own_endings.may_keep(service, by=anna)
    settings.change({"portal_endings": "end"}, by=staff)
    services.cancel(service, date(2026, 12, 15), "Not paid", by=staff)
    with pytest.raises(NotByOneself):  # staff moved it: it is theirs now
        own_endings.keep(service, by=anna)
    reader = as_guest(let_in(service.customer, staff, "ro@m.example", PortalRight.READ_ONLY), staff)
    with pytest.raises(NotAllowed):
        own_endings.keep(service, by=reader)


def test_a_guided_termination_keeps_the_end_that_it_counts_on(service, anna, clock):
    staff = at(clock, DAY)
    settings.change({"portal_endings": "end"}, by=staff)
    own_endings.end(service, "", by=anna)
    add(Termination(customer_id=service.customer_id, state="scheduled", on=date(2027, 1, 1), made_by="x",
                    made_at=staff.at))  # fmt: skip
    assert not own_endings.may_keep(service, by=anna)


def test_a_downgrade_begun_under_other_settings_is_chosen_again(service, small, anna, clock):
    settings.change({"portal_downgrades": "now"}, by=at(clock, DAY))
    change = ask(service, small, anna)
    seen = self_service.review(change, by=anna)
    assert not seen.refusals
    settings.change({"portal_downgrades": "renewal"}, by=at(clock, DAY))
    assert "next renewal" in self_service.review(change, by=anna).refusals[0]
    with pytest.raises(NotByOneself):
        self_service.carry_out(change, seen.fingerprint, by=anna)
    again = self_service.review(ask(service, small, anna), by=anna)
    assert (again.outcome, again.refusals) == (Outcome.SCHEDULED, ())


def test_another_period_takes_no_options_away_on_the_side(service, anna, clock):
    """Where downgrades are closed, or wait for the renewal, they are so together with another period too."""
    package = price_for(service.package, "300", 12)
    option = add(PackageOption(package_id=package.id, name="Backup", kind=OptionKind.YES_NO))
    for months, minor in ((1, 9000), (12, 90000)):
        add(OptionPrice(option_id=option.id, currency="EUR", months=months, price_minor=minor))
    kept = {"name": "Backup", "value": "", "quantity": 1, "price_minor": 9000, "currency": "EUR"}
    add(ServiceOption(service_id=service.id, option_id=option.id, **kept))
    db.session.expire_all()
    without, with_it = Wanted(package.id, 12, 0, []), Wanted(package.id, 12, 0, [Chosen(option)])
    assert self_service.review(self_service.ask(service, without, by=anna), by=anna).outcome == Outcome.SCHEDULED
    settings.change({"portal_downgrades": "no"}, by=at(clock, DAY))
    assert self_service.review(self_service.ask(service, without, by=anna), by=anna).refusals
    assert not self_service.review(self_service.ask(service, with_it, by=anna), by=anna).refusals


def test_what_was_closed_since_it_was_asked_for_is_not_done(service, pro, anna):
    change = ask(service, pro, anna)
    seen = self_service.review(change, by=anna).fingerprint
    pro.hidden = True
    with pytest.raises(NotByOneself):
        self_service.carry_out(change, seen, by=anna)
