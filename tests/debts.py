"""A shop that waits for its money: for tests of whole dunning runs."""

from __future__ import annotations

from datetime import date, timedelta

from conftest import empty_all_tables
from factories import make_company, make_customer, make_group, make_invoice, make_package, make_service
from flask import Flask
from sqlalchemy import text

from billing import dunning_plans, promises
from billing.actor import Actor, system
from billing.dunning_plans import BY_MAIL, Amounts
from billing.money import Money
from models import db

FIRST = date(2026, 11, 9)
"""The day the first invoice is due."""


def debts(by: Actor, customers: int = 9) -> None:
    """Customers with one to three unpaid invoices each; some follow another plan, some promised, some are spared."""
    seller = make_company(email="office@harbour.example")
    dunning_plans.begin(seller)
    nothing = Money(0, "EUR")
    values = {
        "name": "Strict", "before": "2", "after": "2, 6", "fee_after": 4, "fee_kind": "percent", "fee_percent": 5,
        "fee_invoice": True, "fee_tax": "O", "warn_before": "3, 1", "suspend_after": 9, "cancel_after": 15,
        "channels": BY_MAIL, "copy_to": "staff@harbour.example",
    }  # fmt: skip
    plan = dunning_plans.create(values, [Amounts(nothing, Money(250, "EUR"), nothing, nothing)], by=by)
    dunning_plans.use_for_all(plan, by=by)
    package = make_package(name="Fibre")
    other = next(one.id for one in dunning_plans.in_use() if one.name == "Standard")
    for n in range(customers):
        own = {"dunning_plan_id": other} if n % 4 == 3 else {}
        customer = make_customer(name=f"Customer {n:03}", email=f"n{n}@mail.example", never_suspend=n == 5, **own)
        group = make_group(customer, name="Main")
        service = make_service(customer, package, billing_group_id=group.id)
        for more in range(n % 3 + 1):
            due = FIRST + timedelta(days=n % 4 + more * 3)
            known = {"issued_on": due - timedelta(days=14), "due_on": due, "billing_group_id": group.id}
            invoice = make_invoice(customer, 10_000 + n * 100, **known)
            invoice.lines[0].service_id = service.id
        if n == 1:
            promises.promise([invoice], by.today + timedelta(days=1), by=by)
    db.session.commit()


def fresh_debts(app: Flask) -> None:
    """The same shop with the same ids every time."""
    db.session.remove()
    empty_all_tables()
    if db.engine.dialect.name == "postgresql":
        names = [t.name for t in db.metadata.sorted_tables if "id" in t.c and t.name != "company"]
        resets = ", ".join(f"setval(pg_get_serial_sequence('{n}', 'id'), 1, false)" for n in names)
        db.session.execute(text(f"SELECT {resets}"))
    debts(system(app.clock(), app.clock().date()))
    db.session.remove()
