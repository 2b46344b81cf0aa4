"""Things for tests to work on, made with as little as they need. They flush; the test commits if it must."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing import ledger
from billing.tax import TaxLine, totals
from models import (
    Account,
    BillingGroup,
    Company,
    Customer,
    Invoice,
    InvoiceLine,
    InvoiceState,
    InvoiceTax,
    LineKind,
    Money,
    Package,
    PackagePrice,
    Payer,
    Series,
    Service,
    TaxRate,
    db,
)

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
    own = {f"own_{name}": True for name in ("payment_method", "charge_tax", "never_suspend") if name in values}
    return add(Customer(**{**known, "registered_on": date(2026, 1, 1), **own, **values}))


def make_group(customer: Customer, **values: Any) -> BillingGroup:
    return add(BillingGroup(customer_id=customer.id, **{"name": f"Group {next(_numbers)}", **values}))


def make_payer(customer: Customer, **values: Any) -> Payer:
    return add(Payer(customer_id=customer.id, **{"name": f"Payer {next(_numbers)}", **values}))


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
    return add(TaxRate(country=country, rate=Decimal(rate), **{"valid_from": date(2020, 1, 1), **values}))


def make_invoice(customer: Customer, total_minor: int = 12300, *, tax_rate: str = "0", **values: Any) -> Invoice:
    """An issued, unpaid invoice of one line, with its number, taxes and ledger posting. A tax is in the total."""
    money = Money(total_minor, customer.currency)
    sums = totals([TaxLine(money, Decimal(tax_rate))], currency=money.currency, prices_include_tax=True)
    on = values.pop("issued_on", date(2026, 11, 1))
    draft = make_draft(customer, total_minor, prices_include_tax=tax_rate != "0", **{"created_at": _noon(on), **values})
    draft.lines[0].tax_rate = Decimal(tax_rate)
    draft.taxes = [
        InvoiceTax(category=s.category, rate=s.rate, taxable=s.taxable, tax=s.tax, currency=money.currency)
        for s in sums.subtotals
    ]
    draft.net_minor, draft.tax_minor, draft.open_minor = sums.net.minor, sums.tax.minor, total_minor
    draft.issued_on, draft.due_on = on, draft.due_on or on + timedelta(days=14)
    draft.seller, draft.buyer = json.dumps({"name": "Harbour Fibre"}), json.dumps({"name": customer.name})
    draft.series_id, draft.sequence, draft.number = _next_number()
    draft.state = InvoiceState.ISSUED
    db.session.flush()
    entries = {Account.RECEIVABLE: sums.gross, Account.REVENUE: -sums.net, Account.TAX: -sums.tax}
    ledger.post("invoice", customer, on, entries, invoice_id=draft.id)
    return draft


def make_draft(customer: Customer, total_minor: int = 12300, **values: Any) -> Invoice:
    """An invoice nobody has issued yet: no number, nothing owed."""
    known = {"created_at": _noon(date(2026, 11, 1)), "net_minor": total_minor, "total_minor": total_minor}
    invoice = Invoice(customer_id=customer.id, currency=customer.currency, **{**known, **values})
    price = Money(total_minor, customer.currency).decimal().scaleb(6)
    line = {"position": 1, "kind": LineKind.MANUAL, "description": "Fibre 500", "unit_price_micro": int(price)}
    invoice.lines = [InvoiceLine(currency=customer.currency, amount_minor=total_minor, **line)]
    return add(invoice)


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def _next_number() -> tuple[int, int, str]:
    series = db.session.query(Series).filter_by(prefix="INV", year=0).first() or add(Series(prefix="INV"))
    series.last_number += 1
    return series.id, series.last_number, f"{series.prefix}-{series.last_number:0{series.digits}d}"
