"""Things for tests to work on, made with as little as they need. They flush; the test commits if it must."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

from models import BillingGroup, Company, Customer, Package, PackagePrice, Service, TaxRate, db

_numbers = itertools.count(1)


def add(thing: Any) -> Any:
    db.session.add(thing)
    db.session.flush()
    return thing


def make_company(**values: Any) -> Company:
    return add(Company(**{"id": 1, "name": "Harbour Fibre", "currency": "EUR", "country": "IE", **values}))


def make_customer(**values: Any) -> Customer:
    n = next(_numbers)
    known = {"name": f"Customer {n}", "email": f"c{n}@mail.example", "currency": "EUR", "country": "IE"}
    return add(Customer(**{**known, "registered_on": date(2026, 1, 1), **values}))


def make_group(customer: Customer, **values: Any) -> BillingGroup:
    return add(BillingGroup(customer_id=customer.id, **{"name": f"Group {next(_numbers)}", **values}))


def make_package(price_minor: int = 1000, currency: str = "EUR", **values: Any) -> Package:
    package = add(Package(**{"name": f"Package {next(_numbers)}", **values}))
    add(PackagePrice(package_id=package.id, currency=currency, price_minor=price_minor))
    return package


def make_service(customer: Customer, package: Package | None = None, **values: Any) -> Service:
    """A monthly service, due on the first of December 2026 unless told otherwise."""
    package = package or make_package(currency=customer.currency)
    group_id = values.pop("billing_group_id", None) or make_group(customer).id
    known = {
        "description": package.name,
        "currency": customer.currency,
        "price_minor": 1000,
        "anchor_day": 1,
        "started_on": date(2026, 1, 1),
        "billed_from": date(2026, 12, 1),
        "next_renewal_on": date(2026, 12, 1),
    }
    service = Service(customer_id=customer.id, package_id=package.id, billing_group_id=group_id, **{**known, **values})
    if service.status in (None, "active"):
        customer.service_count = (customer.service_count or 0) + 1
    return add(service)


def make_tax_rate(country: str = "IE", rate: str = "23", **values: Any) -> TaxRate:
    from decimal import Decimal

    return add(TaxRate(country=country, rate=Decimal(rate), **{"valid_from": date(2020, 1, 1), **values}))
