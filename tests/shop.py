"""A small shop for tests of whole runs."""

from __future__ import annotations

from datetime import date, timedelta

from conftest import empty_all_tables
from factories import add, make_company, make_customer, make_group, make_package, make_service, make_tax_rate
from flask import Flask
from sqlalchemy import text

from billing import credits
from billing.actor import Actor, system
from billing.money import Money
from models import Charge, db

DECEMBER = date(2026, 12, 1)


def shop(by: Actor, customers: int = 12) -> None:
    """Customers of several kinds whose services renew on different days and by different steps."""
    make_company()
    make_tax_rate("IE", "23")
    package = make_package(name="Fibre")
    for n in range(customers):
        customer = make_customer(name=f"Customer {n:03}", email=f"n{n}@mail.example")
        group = make_group(customer, name="Main")
        start = DECEMBER + timedelta(days=n % 4)
        known = {"started_on": start, "billed_from": start, "next_renewal_on": start, "billing_group_id": group.id}
        make_service(customer, package, anchor_day=start.day, price_minor=1000 + n, **known)
        if n % 3 == 0:
            make_service(customer, package, anchor_day=31, price_minor=2000 + n, months=n % 2 + 1, **known)
        if n % 4 == 0:
            credits.grant(customer, Money(1500, "EUR"), reason="Gift", on=date(2026, 11, 1), by=by)
        if n % 5 == 0:
            charge = {"customer_id": customer.id, "billing_group_id": group.id, "currency": "EUR", "starts_on": start}
            add(Charge(**charge, description="Rack", price_minor=700, months=1, anchor_day=1, next_on=start))
    db.session.commit()


def fresh_shop(app: Flask) -> None:
    """The same shop with the same ids every time."""
    db.session.remove()
    empty_all_tables()
    if db.engine.dialect.name == "postgresql":
        names = [t.name for t in db.metadata.sorted_tables if "id" in t.c and t.name != "company"]
        resets = ", ".join(f"setval(pg_get_serial_sequence('{n}', 'id'), 1, false)" for n in names)
        db.session.execute(text(f"SELECT {resets}"))
    shop(system(app.clock(), app.clock().date()))
    db.session.remove()
