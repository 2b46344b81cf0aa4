"""Package changes of days that unpaid proformas ask for: what takes their place, to the cent, and the way back."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import hypothesis
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
from conftest import Clock, empty_all_tables
from factories import add, make_group
from flask import Flask
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import strategies as st
from invoicing import line
from money import eur
from statements import spoken

from billing import change_due, change_undo, drafts, endings, invoices, package_changes, payments, promises, settings
from billing.actor import Actor
from billing.change_review import Review
from billing.drafts import Content
from billing.endings import Wanted
from billing.invoices import NotVoidable
from billing.periods import BillingPeriod
from billing.unused import unused
from models import (
    ChangeState,
    Charge,
    Invoice,
    LineKind,
    Money,
    Package,
    PackageChange,
    Renewal,
    Service,
    ServiceStatus,
    WaitsFor,
    db,
)

NUMBERED_WHEN_PAID = {"number_when_paid": True}
JANUARY = date(2027, 1, 1)


def pay(invoice: Invoice, by: Actor) -> None:
    payments.record(invoice.customer, invoice.total, method="Cash", received_on=by.today, invoices=[invoice], by=by)
    db.session.commit()


def carried_out(service: Service, package: Package, by: Actor, **wanted: Any) -> tuple[PackageChange, Review]:
    """As reviewed, and found so: the document that takes the place of others is the one that was shown."""
    change, review = reviewed(service, package, by, **wanted)
    assert not review.refusals, review.refusals
    change = package_changes.carry_out(change, review.fingerprint, by=by)
    db.session.commit()
    document = change.invoice
    if review.makes == "record":
        assert document is None and not review.due_today
    else:
        sign = -1 if document.kind == "credit_note" else 1
        assert (document.kind == "credit_note") == (review.makes == "credit_note")
        assert document.total_minor * sign == review.written.minor
    gone = review.replaces.ids if review.replaces else ()
    assert all(one.state == "void" for one in documents(service) if one.id in gone)
    return change, review


def done(service: Service, package: Package, by: Actor, **wanted: Any) -> tuple[PackageChange, Review]:
    """The same, and the books are well."""
    found = carried_out(service, package, by, **wanted)
    assert findings(by) == []
    return found


def asked_anew(service: Service, package: Package, by: Actor, **wanted: Any) -> PackageChange:
    """The same, where a proforma takes the place of another."""
    change, review = done(service, package, by, **wanted)
    assert review.replaces is not None and (change.invoice.kind, change.invoice.total) == ("proforma", review.due_today)
    return change


def undone(change: PackageChange, by: Actor) -> PackageChange:
    change_undo.undo(change, by=by)
    assert findings(by) == []
    return change


def in_force(service: Service) -> list[tuple[str, int]]:
    return [(str(one), one.net_minor) for one in documents(service) if one.state == "issued" and not one.became_id]


def amounts(document: Invoice | None) -> list[str]:
    return [str(one.amount).removesuffix(" EUR") for one in document.lines] if document else []


def left(service: Service, day: date = DAY) -> list[str]:
    return [str(one.amount).removesuffix(" EUR") for one in unused(service, day)]


def test_a_period_asked_for_by_proforma_is_asked_for_anew_with_what_the_change_comes_to(app, clock: Clock) -> None:
    service = running(clock, company=NUMBERED_WHEN_PAID)
    by, plus = at(clock, DAY), priced("Plus", "60")
    (first,) = documents(service)
    up = asked_anew(service, plus, by)
    assert [str(line.amount) for line in up.invoice.lines] == ["30.00 EUR", "-15.00 EUR", "30.00 EUR"]
    assert (first.state, up.invoice.due_on) == ("void", DAY) and in_force(service) == [("PRO-00002", 4500)]
    later = at(clock, date(2026, 11, 21))
    down = asked_anew(service, priced("Mini", "10"), later)
    assert [line.amount_minor for line in down.invoice.lines] == [
        3000,
        -1500,
        3000,
        -2000,
        333,
    ] and up.invoice == down.invoice
    with pytest.raises(NotVoidable):
        invoices.void(down.invoice, "Slip", by=later)
    change_undo.undo(down, by=later)
    assert findings(later) == [] and in_force(service) == [("PRO-00004", 4500)] and str(up.invoice) == "PRO-00004"
    change_undo.undo(up, by=later)
    assert findings(later) == [] and in_force(service) == [("PRO-00005", 3000)] and str(up.undo) == "PRO-00005"
    assert [str(one.amount) for one in unused(service, DAY)] == ["15.00 EUR"]


@pytest.mark.database("postgresql")
def test_who_undoes_and_who_pays_do_not_wait_for_each_other(app: Flask, clock: Clock) -> None:
    service = running(clock, company=NUMBERED_WHEN_PAID)
    by = at(clock, DAY)
    change = asked_anew(service, priced("Plus", "60"), by)
    with spoken() as seen:
        undone(change, by)
    held = [table for one in seen if " FOR " in one and (table := re.search(r"FROM (\w+)", one))]
    assert [table[1] for table in held][:3] == ["invoice", "service", "package_change"]  # as payments do


def test_a_replaced_proforma_that_is_paid_is_an_invoice_of_which_days_are_given_back_once(app, clock: Clock) -> None:
    service = running(clock, company=NUMBERED_WHEN_PAID)
    by = at(clock, DAY)
    change = asked_anew(service, priced("Plus", "60"), by)
    pay(change.invoice, by)
    db.session.commit()
    assert change.invoice.kind == "invoice" and [str(one.amount) for one in unused(service, DAY)] == ["30.00 EUR"]
    down = changed(service, priced("Mini", "10"), by)
    assert down.invoice.kind == "credit_note" and down.invoice.net == eur("25") and findings(by) == []


def test_on_the_first_day_a_proforma_asks_for_the_new_package_alone(app: Flask, clock: Clock) -> None:
    service = running(clock, company=NUMBERED_WHEN_PAID)
    by = at(clock, NOVEMBER)
    change = asked_anew(service, priced("Plus", "60"), by)
    assert amounts(change.invoice) == ["60.00"]
    year = asked_anew(service, priced("Club", "300", 12), by, months=12)
    assert amounts(year.invoice) == ["300.00"]
    undone(undone(year, by) and change, by)
    assert in_force(service)[0][1] == 3000 and service.next_renewal_on == DECEMBER
    little = replace(by, permissions=frozenset({"services.edit"}))
    _change, review = reviewed(service, priced("Mini", "10"), little)
    assert "Your role does not allow credit notes" in review.refusals[0]


def test_where_nothing_is_left_to_ask_for_the_proforma_is_withdrawn_and_the_change_a_record(app, clock: Clock) -> None:
    service = running(clock, company=NUMBERED_WHEN_PAID)
    service.status, service.waits_for = ServiceStatus.PENDING, WaitsFor.PAYMENT
    service.customer.service_count = 0
    by = at(clock, NOVEMBER)
    change, review = done(service, priced("Gift", "0", 12), by, months=12)
    assert review.replaces.asked == eur("36.90") and review.total == eur("-36.90")
    assert in_force(service) == [] and left(service) == [] and service.package.name == "Gift"
    assert service.status == "active"  # nothing is to be paid that it could wait for
    assert service.customer.balance_minor == 0
    little = replace(by, permissions=frozenset({"services.edit"}))
    assert "Your role does not allow" in change_undo.why_not(change, by=little)
    undone(change, by)
    assert in_force(service) == [("PRO-00002", 3000)] and str(change.undo) == "PRO-00002"
    assert left(service) == ["15.00"] and service.next_renewal_on == DECEMBER


def test_what_was_paid_and_is_not_used_is_credit_where_the_proforma_asks_for_less(app: Flask, clock: Clock) -> None:
    """Basic is paid, Plus asked for in its place and not paid; Mini for the same days leaves ten of the fifteen."""
    service = running(clock, company=NUMBERED_WHEN_PAID)
    by = at(clock, DAY)
    pay(documents(service)[0], by)
    up, _review = done(service, priced("Plus", "60"), by)
    assert amounts(up.invoice) == ["-15.00", "30.00"]
    down, review = done(service, priced("Mini", "10"), by)
    assert (down.invoice.kind, amounts(down.invoice)) == ("credit_note", ["15.00", "-5.00"])
    assert review.plan.to_credit == eur("12.30") and service.customer.credit_minor == 1230
    assert (up.invoice.state, left(service)) == ("void", ["5.00"])
    undone(down, by)
    assert service.customer.credit_minor == 0 and down.undo.open_minor == 0 and left(service) == ["30.00"]
    assert (amounts(up.invoice), up.invoice.state) == (["-15.00", "30.00"], "issued")
    undone(up, by)
    assert left(service) == ["15.00"] and service.package.name == "Basic"


def test_lines_that_cancel_out_stand_on_an_invoice_over_nothing(app: Flask, clock: Clock) -> None:
    service = running(clock, company=NUMBERED_WHEN_PAID)
    settings.change({"package_change_effect": "payment"}, by=at(clock, DAY))
    by = at(clock, DAY)
    pay(documents(service)[0], by)
    settings.change({"package_change_effect": "invoice"}, by=by)
    up, _review = done(service, priced("Plus", "60"), by)
    settings.change({"package_change_effect": "payment"}, by=by)
    same, review = done(service, priced("Same", "30"), by)
    assert (same.state, same.invoice.kind, same.invoice.total) == (ChangeState.DONE, "invoice", eur("0"))
    assert review.due_today == eur("0") and left(service) == ["15.00"]
    undone(same, by)
    assert amounts(up.invoice) == ["-15.00", "30.00"] and left(service) == ["30.00"]


def test_two_proformas_that_ask_for_the_days_become_one(app: Flask, clock: Clock) -> None:
    service = running(clock, company={**NUMBERED_WHEN_PAID, "issue_days_ahead": 20})
    renewed(clock, date(2026, 11, 15))
    service = db.session.get_one(Service, service.id)
    by = at(clock, DAY)
    assert in_force(service) == [("PRO-00001", 3000), ("PRO-00002", 3000)]
    change = asked_anew(service, priced("Plus", "60"), by)
    assert amounts(change.invoice) == ["30.00", "-15.00", "30.00", "60.00"] and len(in_force(service)) == 1
    assert change.invoice.due_on == DAY
    undone(change, by)
    assert in_force(service) == [("PRO-00004", 6000)] and left(service) == ["15.00", "30.00"]


def test_a_proforma_of_two_services_is_asked_for_anew_change_by_change_and_undone_backwards(app, clock: Clock) -> None:
    one = running(clock, company=NUMBERED_WHEN_PAID, bill=False)
    two = running(clock, customer=one.customer, billing_group_id=one.billing_group_id, package_name="Other")
    by, plus = at(clock, DAY), priced("Plus", "60")
    promises.promise(documents(one), date(2026, 11, 20), by=by)
    first, second = asked_anew(one, plus, by), asked_anew(two, plus, by)
    assert in_force(one) == [("PRO-00003", 9000)] and first.invoice == second.invoice
    assert change_undo.why_not(first, by=by) == (
        "PRO-00003 asks for a later change too, Other → Plus. Undo or withdraw that one first."
    )
    undone(undone(second, by) and first, by)
    assert in_force(one) == [("PRO-00005", 6000)] and left(one) == left(two) == ["15.00"]
    first = asked_anew(one, plus, by)
    ended(two, by)
    assert in_force(one) == [("PRO-00007", 6000)] and findings(by) == []
    assert "Other days of PRO-00007 were given back since" in change_undo.why_not(first, by=by)


def test_what_a_person_has_to_see_to_first_is_told(app: Flask, clock: Clock) -> None:
    service = running(clock, company={**NUMBERED_WHEN_PAID, "issue_days_ahead": 20}, bill=False)
    deposit = Charge(
        description="Deposit", customer_id=service.customer_id, billing_group_id=service.billing_group_id,
        currency="EUR", price_minor=-700, left_minor=700, starts_on=NOVEMBER, next_on=NOVEMBER,
    )  # fmt: skip
    add(deposit)
    renewed(clock, NOVEMBER)
    by, gift = at(clock, NOVEMBER), priced("Gift", "0")
    service = db.session.get_one(Service, service.id)
    assert "takes a prepayment or a discount off" in reviewed(service, gift, by)[1].refusals[0]
    db.session.rollback()
    service.billing_group_id = make_group(service.customer).id
    renewed(clock, DECEMBER - timedelta(days=10))
    by, service = at(clock, DECEMBER - timedelta(days=10)), db.session.get_one(Service, service.id)
    assert len(documents(service)) == 2
    assert "PRO-00001 and PRO-00002 ask different payers" in reviewed(service, priced("Plus", "60"), by)[1].refusals[0]


def discounted(service: Service, by: Actor, **discount: Any) -> Invoice:
    """A proforma with a discount of its own, as an accepted quote makes one."""
    period = BillingPeriod(NOVEMBER, DECEMBER)
    basic = line("30", kind=LineKind.SERVICE, period=period, service_id=service.id, package_id=service.package_id)
    draft = drafts.begin(service.customer, group=service.billing_group, by=by)
    content = Content(lines=[basic], group=service.billing_group, discount_reason="Welcome", **discount)
    drafts.write(draft, content, version=draft.version, by=by)
    proforma = invoices.issue(draft, send=False, by=by)
    add(
        Renewal(
            service_id=service.id, billing_group_id=service.billing_group_id, invoice_id=proforma.id,
            period_start=NOVEMBER, period_end=DECEMBER, currency="EUR", amount_minor=3000,
        )
    )  # fmt: skip
    service.next_renewal_on = DECEMBER
    db.session.commit()
    return proforma


@pytest.mark.parametrize(
    ("discount", "new", "lines", "off", "net"),
    [
        ({"discount_percent": Decimal(10)}, "60", ["30.00", "-13.50", "30.00"], 600, 4050),
        ({"discount": Money.of("20", "EUR")}, "10", ["30.00", "-5.00", "5.00"], 2500, 500),
    ],
)
def test_a_discount_of_its_own_goes_on_to_the_proforma_in_its_place(
    app: Flask, clock: Clock, discount: dict[str, Any], new: str, lines: list[str], off: int, net: int
) -> None:
    """A percentage of what is charged; an amount stays what it was, as what comes back is less by its part of it."""
    service = running(clock, company=NUMBERED_WHEN_PAID, bill=False)
    by = at(clock, DAY)
    proforma = discounted(service, by, **discount)
    change = asked_anew(service, priced("New", new), by)
    assert amounts(change.invoice) == lines
    assert (change.invoice.discount_minor, change.invoice.net_minor) == (off, net)
    told = change.invoice.discount_percent, change.invoice.discount_reason
    assert told == (discount.get("discount_percent"), "Welcome")
    again = undone(change, by).undo
    assert (again.net, again.discount, again.discount_percent) == (
        proforma.net, proforma.discount, proforma.discount_percent,
    )  # fmt: skip
    pay(asked_anew(service, change.to_package, by).invoice, by)
    assert sum(one.amount.minor for one in unused(service, NOVEMBER)) == net and findings(by) == []


def test_a_change_that_waits_for_a_replaced_proforma_gives_it_back_when_it_lapses(app: Flask, clock: Clock) -> None:
    service = running(clock, company=NUMBERED_WHEN_PAID)
    settings.change({"package_change_effect": "payment"}, by=at(clock, DAY))
    by, plus = at(clock, DAY), priced("Plus", "60")
    change = asked_anew(service, plus, by)
    assert change.state is ChangeState.WAITING
    assert change_due.lapse(change.id, JANUARY, by=by) is ChangeState.WITHDRAWN
    assert in_force(service) == [("PRO-00003", 3000)] and findings(by) == []
    again = asked_anew(service, price_for(plus, "600", 12), by, months=12)
    pay(again.invoice, by)
    db.session.commit()
    assert again.state is ChangeState.DONE and service.months == 12 and findings(by) == []


@hypothesis.settings(
    max_examples=1, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
@example([(1, "60", False), (5, "0", False)], True, None)
@example([(4, "60", False), (9, "30", False)], True, 12)
@given(
    st.lists(st.tuples(st.integers(0, 29), st.sampled_from(["0", "10", "30", "60"]), st.booleans()), max_size=3),
    st.booleans(), st.none() | st.integers(0, 29),
)  # fmt: skip
def test_each_day_is_asked_for_once_whatever_was_paid_between(
    app: Flask, clock: Clock, steps: list[tuple[int, str, bool]], paid: bool, stop: int | None
) -> None:
    """Whatever is changed and paid in a month, and however it ends: what is paid, owed and asked for is each day at its
    price, to the rounding; and what is undone asks for what was asked for before."""
    try:
        service = running(clock, company=NUMBERED_WHEN_PAID)
        by, wanted, price, since, before = at(clock, NOVEMBER), Fraction(0), Decimal(30), 0, []
        if paid:
            pay(documents(service)[0], by)
        for number, (day, new, pays) in enumerate(sorted(steps)):
            by = at(clock, NOVEMBER + timedelta(days=day))
            wanted += Fraction(price) * (day - since)
            since, price = day, Decimal(new)
            before.append((came_to(service), carried_out(service, priced(f"{new} {number}", new), by)[0]))
            for one in invoices.open_proformas(service.customer) if pays else ():
                pay(one, by)
        last = 30 if stop is None else max(stop, since)
        if stop is not None:
            ended(service, at(clock, NOVEMBER + timedelta(days=last)))
        wanted = (wanted + Fraction(price) * (last - since)) * 100 / 30
        lines = sum(len(one.lines) for one in documents(service))
        assert abs(came_to(service) - wanted) <= Fraction(lines, 2) and findings(by) == []
        for asked, change in reversed(before):
            if not change_undo.why_not(change, by=by):
                change_undo.undo(change, by=by)
                assert came_to(service) == asked
        assert findings(by) == []
    finally:
        db.session.remove()
        empty_all_tables()


def ended(service: Service, by: Actor) -> None:
    """Today, with credit, as reviewed."""
    wanted = Wanted(by.today, credit=True, bill=True)
    shown = endings.review(service.customer, [service], wanted, by=by)
    assert not shown.refusals, shown.refusals
    before = service.customer.credit_minor
    endings.carry_out(service.customer, [service], wanted, seen=shown.fingerprint, by=by)
    asked = sum(one.total_minor for one in invoices.open_proformas(service.customer))
    assert asked == sum(max(one.total.minor, 0) for one in shown.replaced)
    assert service.customer.credit_minor == before + shown.to_credit.minor and not left(service, by.today)


def came_to(service: Service) -> int:
    """What was billed of it, and is asked for, less what was given back; before tax, in minor units."""
    there = [one for one in documents(service) if one.state == "issued" and not one.became_id]
    return sum(-one.net_minor if one.kind == "credit_note" else one.net_minor for one in there)
