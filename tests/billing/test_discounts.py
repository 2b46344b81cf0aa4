"""Discounts as people make and change them, and the one that wins for a line by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from factories import add, make_company, make_customer, make_invoice, make_package, make_service
from flask import Flask
from sqlalchemy import select
from statements import spoken

from billing import company, discounts, own_lists, renewals
from billing.actor import Actor, NotAllowed
from billing.discounts import DiscountRefused
from billing.document_lines import Amount, LineInput
from billing.money import Money, UnitPrice
from billing.periods import BillingPeriod
from models import AuditEvent, Customer, CustomerGroup, Discount, DiscountUse, LineKind, Package, Service, db

DECEMBER = date(2026, 12, 1)


def make(by: Actor, share: str = "10", **given: Any) -> Discount:
    known: dict[str, Any] = {"name": "Autumn", "percent": Decimal(share)}
    packages, amounts = given.pop("packages", ()), given.pop("amounts", ())
    return discounts.create({**known, **given}, packages=packages, amounts=amounts, by=by)


def events() -> list[tuple[str, Any, Any]]:
    found = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id))
    return [(event.verb, event.before, event.after) for event in found]


def test_it_is_written_down_with_who_made_it_and_what_changed(app: Flask, by: Actor) -> None:
    package = make_package(name="Fibre")
    discount = make(by, target="packages", packages=[package.id])
    assert (discount.name, discount.reason, discount.version) == ("Autumn", "Autumn", 1)
    discounts.change(
        discount, {"kind": "amount", "target": "all", "last_on": date(2026, 12, 31)}, amounts=[Money(500, "EUR")],
        seen=1, by=by,
    )  # fmt: skip
    assert (discount.percent, [a.amount for a in discount.amounts]) == (None, [Money(500, "EUR")])
    assert (discount.packages, discount.version) == ([], 2)
    before, after = events()[-1][1:]
    assert before == {"target": "packages", "kind": "percent", "percent": "10", "last_on": None, "packages": "Fibre",
                      "amounts": ""}  # fmt: skip
    assert after == {"target": "all", "kind": "amount", "percent": None, "last_on": "2026-12-31", "packages": "",
                     "amounts": "5.00 EUR"}  # fmt: skip
    discounts.change(discount, {}, amounts=[Money(500, "EUR")], by=by)
    assert len(events()) == 2, "nothing changed, nothing written"


def test_two_people_at_one_discount(app: Flask, by: Actor) -> None:
    discount = make(by)
    discounts.change(discount, {"percent": Decimal(20)}, seen=1, by=by)
    with pytest.raises(DiscountRefused, match="Somebody changed"):
        discounts.change(discount, {"percent": Decimal(30)}, seen=1, by=by)


def test_switched_off_archived_and_back(app: Flask, by: Actor) -> None:
    discount = make(by)
    discounts.switch(discount, False, by=by)
    discounts.switch(discount, False, by=by)
    discounts.switch(discount, True, by=by)
    discounts.archive(discount, by=by)
    assert discount.archived_on == by.today
    discounts.restore(discount, by=by)
    verbs = ["created", "switched_off", "switched_on", "archived", "restored"]
    assert [verb for verb, *_rest in events()] == [f"discount.{verb}" for verb in verbs]


def test_nobody_makes_one_without_the_right(app: Flask, by: Actor) -> None:
    discount = make(by)
    viewer = replace(by, permissions=frozenset({"discounts.view"}))
    for do in (
        lambda: make(viewer),
        lambda: discounts.change(discount, {}, by=viewer),
        lambda: discounts.switch(discount, False, by=viewer),
        lambda: discounts.archive(discount, by=viewer),
        lambda: discounts.restore(discount, by=viewer),
    ):
        with pytest.raises(NotAllowed):
            do()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"reason": "x" * 201}, "reason"),
        ({"percent": Decimal(0)}, "percent"),
        ({"percent": Decimal("100.0001")}, "percent"),
        ({"percent": Decimal("1.00001")}, "percent"),
        ({"percent": None}, "percent"),
        ({"kind": "free"}, "kind"),
        ({"audience": "group"}, "group_id"),
        ({"audience": "customer", "customer_id": 999}, "customer_id"),
        ({"target": "project"}, "project_id"),
        ({"target": "packages"}, "packages"),
        ({"target": "packages", "packages": [999]}, "packages"),
        ({"kind": "amount"}, "amounts"),
        ({"kind": "amount", "amounts": [Money(0, "EUR")]}, "amounts"),
        ({"kind": "special", "amounts": [Money(-1, "EUR")]}, "amounts"),
        ({"kind": "amount", "amounts": [Money(1, "EUR"), Money(2, "EUR")]}, "amounts"),
        ({"kind": "amount", "covers": "both", "amounts": [Money(1, "EUR")]}, "covers"),
        ({"starts_on": date(2026, 12, 2), "last_on": date(2026, 12, 1)}, "last_on"),
        ({"service_from": date(2026, 12, 2), "service_until": date(2026, 12, 1)}, "service_until"),
        ({"starts_on": date(202, 12, 2)}, "starts_on"),
        ({"months": 1, "days": 1}, "months"),
        ({"lasts_months": 121}, "lasts_months"),
        ({"bills": 0}, "bills"),
        ({"priority": 10_000}, "priority"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(app: Flask, by: Actor, values: dict[str, Any], field: str) -> None:
    with pytest.raises(DiscountRefused) as refused:
        make(by, **values)
    assert refused.value.field == field
    assert db.session.query(Discount).count() == 0


# Lines by hand


@pytest.fixture
def customer(app: Flask) -> Customer:
    make_company()
    return make_customer()


def typed(package: Package | None, price: str = "10", **values: Any) -> LineInput:
    known: dict[str, Any] = {
        "package_id": package.id if package else None,
        "quantity": Amount(Decimal(values.pop("quantity", 1))),
    }
    return LineInput("Fibre", UnitPrice.of(price, "EUR"), **{**known, **values})


def test_a_line_from_the_catalogue_gets_the_discount_that_wins(customer: Customer, by: Actor) -> None:
    package = make_package()
    small, large = make(by, "5"), make(by, "20")
    own, free = typed(package, discount_percent=Decimal(1)), typed(None)
    found = discounts.discounted([typed(package, quantity=3), own, free], customer, on=DECEMBER)
    assert (found[0].discount_percent, found[0].discount_id, found[0].discount) == (Decimal(20), large.id, None)
    assert found[0].discount_reason == "Autumn"
    assert found[1:] == [own, free], "what a person typed stays, and lines of one's own have no discount"
    discounts.archive(small, by=by)
    discounts.archive(large, by=by)
    assert discounts.discounted([typed(package)], customer, on=DECEMBER) == [typed(package)]


def test_an_amount_is_off_each_piece_and_the_day_decides(customer: Customer, by: Actor) -> None:
    package = make_package()
    make(by, kind="amount", amounts=[Money(250, "EUR")], last_on=DECEMBER)
    found = discounts.discounted([typed(package, quantity=3)], customer, on=DECEMBER)
    assert (found[0].discount_percent, found[0].discount) == (None, Money(750, "EUR"))
    assert discounts.discounted([typed(package)], customer, on=date(2026, 12, 2))[0].discount is None


def test_a_period_on_the_line_is_discounted_for_its_days(customer: Customer, by: Actor) -> None:
    package = make_package()
    make(by, "100", last_on=date(2026, 12, 10))
    line = typed(package, "31", period=BillingPeriod(DECEMBER, date(2027, 1, 1)))
    assert discounts.discounted([line], customer, on=DECEMBER)[0].discount == Money(1000, "EUR")


def test_one_for_a_billing_period_needs_that_period(customer: Customer, by: Actor) -> None:
    package = make_package()
    make(by, "50", months=12)
    lines = [typed(package), typed(package)]
    found = discounts.discounted(lines, customer, on=DECEMBER, periods=[(12, 0), (1, 0)])
    assert [line.discount_percent for line in found] == [Decimal(50), None]


def test_many_lines_cost_no_more_statements_than_one(customer: Customer, by: Actor) -> None:
    lines = [typed(make_package()) for _ in range(12)]
    make(by)
    make(by, audience="customer", customer_id=customer.id)
    db.session.flush()
    with spoken() as one:
        discounts.discounted(lines[:1], customer, on=DECEMBER)
    with spoken() as many:
        found = discounts.discounted(lines, customer, on=DECEMBER)
    assert all(line.discount_id for line in found)
    assert len(many) == len(one) <= 8


def test_what_a_document_by_hand_took_off_is_remembered_once(customer: Customer, by: Actor) -> None:
    invoice = make_invoice(customer, 900)
    discount, service = make(by), make_service(customer)
    line = invoice.lines[0]
    line.discount_id, line.discount_minor, line.service_id = discount.id, 100, service.id
    discounts.record_uses(invoice)
    use = db.session.scalars(select(DiscountUse)).one()
    assert (use.amount, use.service_id, use.on) == (Money(100, "EUR"), service.id, invoice.issued_on)


def test_the_same_figures_as_a_renewal(customer: Customer, by: Actor) -> None:
    """One function for all: a service renewed, and the same thing as a line by hand."""
    package = make_package()
    make(by, "33.3333", starts_on=date(2026, 12, 11))
    make(by, kind="special", amounts=[Money(700, "EUR")], last_on=date(2026, 12, 20), priority=200)
    service: Service = make_service(customer, package, price_minor=1999)
    bill = renewals.build([service.billing_group_id], DECEMBER, DECEMBER, renewals.Tables.load(company.settings()))[0]
    period = BillingPeriod(DECEMBER, date(2027, 1, 1))
    line = typed(package, "19.99", period=period, kind=LineKind.SERVICE, service_id=service.id)
    by_hand = discounts.discounted([line], customer, on=DECEMBER, periods=[(1, 0)])[0]
    cut = bill.lines[0].cut
    assert cut is not None and by_hand.discount is not None
    assert (by_hand.discount.minor, by_hand.discount_reason, by_hand.discount_id) == (
        cut.minor, cut.reason, cut.discount_id,
    )  # fmt: skip


def test_a_group_is_narrower_than_everyone(customer: Customer, by: Actor) -> None:
    group = add(CustomerGroup(name="Schools"))
    customer.group_id = group.id
    make(by, "50")
    ours = make(by, "5", audience="group", group_id=group.id)
    assert discounts.discounted([typed(make_package())], customer, on=DECEMBER)[0].discount_id == ours.id


def test_a_group_with_a_discount_stays(app: Flask, by: Actor) -> None:
    group = add(CustomerGroup(name="Schools"))
    make(by, audience="group", group_id=group.id)
    with pytest.raises(own_lists.InUse):
        own_lists.delete(group, by=by)
