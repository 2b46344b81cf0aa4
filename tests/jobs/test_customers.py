"""`flask customers import` and `export`, as somebody at a terminal meets them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from click.testing import Result
from flask import Flask
from sqlalchemy import func, select, text

from models import Customer, PaymentMethod, Service, ServiceStatus, db

ROOT = Path(__file__).resolve().parent.parent.parent
TELCO = (ROOT / "examples/telco-customers.csv", ROOT / "examples/telco.toml")


def flask(app: Flask, *words: Any) -> Result:
    return app.test_cli_runner().invoke(args=["customers", *map(str, words)])


def figures() -> list[int]:
    query = select(func.count(), func.sum(Service.price_minor)).where(
        Service.status == ServiceStatus.ACTIVE, Service.ends_on.is_(None)
    )
    return [int(figure) for figure in db.session.execute(query).one()]


def test_the_telco_customers_arrive_once(app: Flask) -> None:
    first = flask(app, "import", TELCO[0], "--mapping", TELCO[1])
    assert first.exit_code == 0, first.output
    assert first.stdout == "7,043 customers: 7,043 new, 0 changed, 0 unchanged; 7,043 services\n"
    assert figures() == [5174, 31698575]
    contracts = text(
        "SELECT t.name, count(*) FROM customer c JOIN contract_type t ON t.id = contract_type_id GROUP BY 1"
    )
    found = dict(db.session.execute(contracts).all())
    assert found == {"Month-to-month": 3875, "One year": 1473, "Two year": 1695}
    paying = select(func.count()).where(Customer.payment_method == PaymentMethod.CARD)
    assert db.session.scalar(paying) == 1522
    one = db.session.scalar(select(Customer).where(Customer.external_id == "7590-VHVEG"))
    assert (one.name, one.email) == ("Customer 7590-VHVEG", "7590-VHVEG@telco.example")
    assert (one.currency, one.service_count, one.tax_exempt) == ("USD", 1, True)
    service = db.session.scalar(select(Service).where(Service.customer_id == one.id))
    assert (service.package.name, str(service.price)) == ("DSL", "29.85 USD")
    assert (service.started_on, service.anchor_day) == (date(2026, 11, 1), 1)
    assert service.billed_from == service.next_renewal_on == date(2026, 12, 1)
    assert {(option.name, option.price_minor) for option in service.options} == {("Online backup", 0)}
    db.session.rollback()
    again = flask(app, "import", TELCO[0], "--mapping", TELCO[1], "--json")
    assert json.loads(again.stdout) | {"seconds": 0} == {
        "customers": 7043, "new": 0, "changed": 0, "unchanged": 7043, "services": 7043, "rejected": 0,
        "problems": 0, "dry_run": False, "written": True, "seconds": 0,
    }  # fmt: skip
    assert figures() == [5174, 31698575]
