"""Renewals obey discounts: what stands on the lines, what is remembered of it, and how long it goes on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from factories import add, make_company, make_customer, make_group, make_package, make_service, make_tax_rate
from flask import Flask
from sqlalchemy import select

from billing import content
from jobs import renewals
from models import (
    Charge,
    CustomerGroup,
    Discount,
    DiscountAmount,
    DiscountUse,
    Invoice,
    PaymentMethod,
    Project,
    Renewal,
    Service,
    ServiceOption,
    db,
)

DECEMBER = date(2026, 12, 1)
MONTHS = [DECEMBER, *(date(2027, month, 1) for month in range(1, 6))]


def make_discount(percent: str = "10", packages: Any = (), amounts: Any = (), **values: Any) -> Discount:
    known = {"name": "Autumn", "reason": "Autumn offer", "percent": None if amounts else Decimal(percent)}
    discount = Discount(**{**known, **values})
    discount.packages, discount.amounts = list(packages), list(amounts)
    return add(discount)


def bill(on: date = DECEMBER) -> Invoice | None:
    db.session.commit()
    renewals.run(on)
    db.session.expire_all()
    return db.session.scalars(select(Invoice).order_by(Invoice.id.desc()).limit(1)).one_or_none()


def amounts(invoice: Invoice | None) -> list[tuple[str, int, int]]:
    assert invoice is not None
    return [(str(line.kind), line.discount_minor, line.amount_minor) for line in invoice.lines]


def billed(months: list[date] = MONTHS) -> list[int]:
    """What one service comes to on each of these days; 0 where there is no invoice."""
    totals = []
    for day in months:
        before = db.session.query(Invoice).count()
        invoice = bill(day)
        totals.append(invoice.total_minor if invoice and db.session.query(Invoice).count() > before else 0)
    return totals


def test_the_line_says_what_came_off_and_why(app: Flask) -> None:
    make_company()
    make_tax_rate("IE", "23")
    customer = make_customer()
    service = make_service(customer, price_minor=2000, setup_fee_minor=500, started_on=DECEMBER)
    add(ServiceOption(service_id=service.id, name="IP", currency="EUR", price_minor=300))
    group_id = service.billing_group_id
    charge = {"customer_id": customer.id, "billing_group_id": group_id, "currency": "EUR", "starts_on": DECEMBER}
    add(Charge(**charge, description="Visit", price_minor=800, next_on=DECEMBER))
    discount = make_discount()
    invoice = bill()
    assert invoice is not None
    assert amounts(invoice) == [("service", 200, 1800), ("option", 30, 270), ("setup", 0, 500), ("charge", 0, 800)]
    assert (invoice.net_minor, invoice.tax_minor) == (3370, 775), "tax comes after the discount"
    line = invoice.lines[0]
    assert (line.discount_percent, line.discount_reason, line.discount_id) == (Decimal(10), "Autumn offer", discount.id)
    assert invoice.lines[3].discount_id is None
    use = db.session.scalars(select(DiscountUse)).one()
    assert (use.amount_minor, use.invoice_id, use.service_id, use.first_on) == (230, invoice.id, service.id, DECEMBER)
    assert db.session.scalars(select(Renewal.amount_minor).where(Renewal.service_id == service.id)).one() == 1800


def test_the_fingerprint_holds_the_discount(app: Flask) -> None:
    make_service(make_customer())
    make_discount()
    invoice = bill()
    assert invoice is not None
    told = [
        [getattr(invoice, name) for name in (*content.DOCUMENT, *content.FURTHER_DOCUMENT)],
        [[getattr(line, name) for name in (*content.LINE, *content.FURTHER_LINE)] for line in invoice.lines],
        [[getattr(tax, name) for name in content.TAX] for tax in invoice.taxes],
    ]
    assert content.fingerprint(*told) == invoice.content_hash
    told[1][0][-2] = "Another reason"
    assert content.fingerprint(*told) != invoice.content_hash


def test_whom_and_what_it_is_for(app: Flask) -> None:
    group, project = add(CustomerGroup(name="Schools")), add(Project(name="Brand"))
    fibre, radio = make_package(name="Fibre"), make_package(name="Radio")
    plain, school, branded, own = (
        make_customer(),
        make_customer(group_id=group.id),
        make_customer(project_id=project.id),
        make_customer(),
    )
    for customer in (plain, school, branded, own):
        make_service(customer, fibre, price_minor=10_000, billing_group_id=make_group(customer).id)
    make_service(plain, radio, price_minor=10_000, months=3)
    make_discount("1", months=3)
    make_discount("2", audience="group", group_id=group.id)
    make_discount("3", target="project", project_id=project.id)
    make_discount("4", target="packages", packages=[fibre], audience="customer", customer_id=own.id)
    make_discount("99", active=False)
    make_discount("99", archived_on=date(2026, 1, 1))
    make_discount("99", needs_code=True)
    make_discount("99", target="packages", packages=[make_package()])
    make_discount("99", service_from=date(2026, 6, 1))
    bill()
    found = {(line.service_id, line.discount_minor) for invoice in db.session.query(Invoice) for line in invoice.lines}
    names = {(s.customer_id, s.months): s.id for s in db.session.query(Service)}
    expected = {(plain.id, 1): 0, (plain.id, 3): 100, (school.id, 1): 200, (branded.id, 1): 300, (own.id, 1): 400}
    assert found == {(names[key], minor) for key, minor in expected.items()}


def test_free_months_are_counted_though_there_is_no_bill(app: Flask) -> None:
    make_service(make_customer(), price_minor=1000)
    make_discount("100", bills=2)
    assert billed()[:4] == [0, 0, 1000, 1000]
    assert [use.invoice_id for use in db.session.query(DiscountUse)] == [None, None]


def test_it_lasts_a_while_from_the_first_use_of_each_service(app: Flask) -> None:
    make_service(make_customer(), price_minor=3100)
    make_discount("50", lasts_days=45)
    # December whole, 14 of 31 days of January.
    assert billed()[:4] == [1550, 3100 - 700, 3100, 3100]


def test_the_first_use_of_the_customer_counts_for_all_its_services(app: Flask) -> None:
    customer = make_customer()
    group = make_group(customer)
    make_service(customer, price_minor=1000, billing_group_id=group.id)
    make_discount("50", lasts_months=2, lasts_for="customer")
    assert bill().total_minor == 500  # type: ignore[union-attr]
    late = {"started_on": date(2027, 1, 1), "billed_from": date(2027, 1, 1), "next_renewal_on": date(2027, 1, 1)}
    make_service(customer, price_minor=2000, billing_group_id=group.id, **late)
    assert billed(MONTHS[1:3]) == [1500, 3000]


def test_a_void_invoice_gives_its_use_back(app: Flask) -> None:
    make_service(make_customer(), price_minor=1000)
    make_discount("50", bills=1)
    first = bill()
    assert first is not None and first.total_minor == 500
    first.state, first.open_minor = "void", 0
    assert billed(MONTHS[1:3]) == [500, 1000]


def test_free_customers_use_nothing_up(app: Flask) -> None:
    make_service(make_customer(payment_method=PaymentMethod.FREE))
    make_service(make_customer(), free=True)
    make_discount("100", bills=1)
    assert bill() is None
    assert db.session.query(DiscountUse).count() == 0


def test_a_discount_that_ends_does_not_make_the_next_bill_absurd(app: Flask) -> None:
    make_service(make_customer(), price_minor=30_000)
    make_discount("99", last_on=date(2026, 12, 31))
    assert billed()[:2] == [300, 30_000]


def test_amounts_are_in_the_currency_of_the_account(app: Flask) -> None:
    make_service(make_customer(), price_minor=1000)
    make_service(make_customer(currency="USD"), currency="USD", price_minor=1000)
    make_discount(amounts=[DiscountAmount(currency="USD", amount_minor=250)], kind="amount")
    bill()
    assert {i.currency: i.total_minor for i in db.session.query(Invoice)} == {"EUR": 1000, "USD": 750}
