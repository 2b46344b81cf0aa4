"""What webhooks say: events as stable plain JSON. Days are ISO text, amounts exact text and whole minor units.

The payload is that of the Standard Webhooks scheme (type, timestamp, data;
github.com/standard-webhooks/standard-webhooks) with the event's own id and a `sequence`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select

from models import Customer, Invoice, Money, Order, Package, Service, ServiceOption, db
from models.bulk import among

TOLD = (
    "status", "package", "package_id", "customer_id", "price_minor", "currency", "period", "months", "days",
    "next_renewal_on", "ends_on", "started_on", "description", "reason", "why", "until",
)  # fmt: skip
"""What of the before and after of a change is told."""


def payload(key: str, name: str, at: datetime, sequence: int, data: Mapping[str, Any]) -> str:
    """The body as it is signed and sent: JSON, days and exact amounts as words, so that nobody reads a float."""
    moment = at.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    whole = {"id": key, "type": name, "timestamp": moment, "sequence": sequence, "data": data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), default=_never)


def _never(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} is no plain value")


CUSTOMER = (
    Customer.id, Customer.name, Customer.email, Customer.status, Customer.currency, Customer.external_source,
    Customer.external_id,
)  # fmt: skip


def services(ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """What is told of these services, by id: two questions."""
    wanted = (
        select(Service, Package.name, *(column.label(f"customer_{column.key}") for column in CUSTOMER))
        .join(Package, Package.id == Service.package_id)
        .join(Customer, Customer.id == Service.customer_id)
        .where(among(db.session, Service.id, ids))
        .execution_options(populate_existing=True)
    )
    options: dict[int, list[dict[str, Any]]] = {}
    listed = select(ServiceOption).where(among(db.session, ServiceOption.service_id, ids)).order_by(ServiceOption.id)
    for option in db.session.scalars(listed):
        options.setdefault(option.service_id, []).append(
            {"name": option.name, "value": option.value, "quantity": f"{option.quantity:f}"}
        )
    return {
        row.Service.id: _of_service(row.Service, row.name, options.get(row.Service.id, []), _Named(row))
        for row in db.session.execute(wanted)
    }


class _Named:
    """The customer's columns of a row that holds more."""

    def __init__(self, row: Any) -> None:
        self.row = row

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, f"customer_{name}")


def _of_service(service: Service, package: str, options: list[dict[str, Any]], customer: Any) -> dict[str, Any]:
    return {
        "service": {
            "id": service.id,
            "description": service.description,
            "status": str(service.status),
            "package": {"id": service.package_id, "name": package},
            "price": _money(service.price),
            "free": service.free,
            "months": service.months,
            "days": service.days,
            "started_on": service.started_on.isoformat(),
            "next_renewal_on": service.next_renewal_on.isoformat(),
            "ends_on": _day(service.ends_on),
            "ended_on": _day(service.cancelled_on),
            "options": options,
            "external": _external(service),
        },
        "customer": of_customer(customer),
    }


def of_change(
    kind: str, on: date, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, data: dict[str, Any]
) -> dict[str, Any]:
    told = {
        "kind": kind,
        "on": on.isoformat(),
        "before": {name: value for name, value in (before or {}).items() if name in TOLD},
        "after": {name: value for name, value in (after or {}).items() if name in TOLD},
    }
    return {**data, "change": told}


def of_customer(customer: Any) -> dict[str, Any]:
    return {
        "id": customer.id,
        "name": customer.name,
        "email": customer.email,
        "status": str(customer.status),
        "currency": customer.currency,
        "external": _external(customer),
    }


def of_invoice(invoice: Invoice) -> dict[str, Any]:
    return {
        "id": invoice.id,
        "number": invoice.number,
        "issued_on": _day(invoice.issued_on),
        "due_on": _day(invoice.due_on),
        "net": _money(Money(invoice.net_minor, invoice.currency)),
        "tax": _money(Money(invoice.tax_minor, invoice.currency)),
        "total": _money(Money(invoice.total_minor, invoice.currency)),
        "open": _money(Money(invoice.open_minor, invoice.currency)),
    }


def of_order(order: Order) -> dict[str, Any]:
    chosen = order.chosen
    return {
        "id": order.id,
        "number": order.number,
        "form": {"id": order.form_id, "name": order.form.name},
        "state": str(order.state),
        "name": order.name,
        "email": order.email,
        "package": {"id": chosen["package_id"], "name": chosen["package"]},
        "months": chosen["months"],
        "days": chosen["days"],
        "total": _money(order.total),
        "why_held": order.why_held,
        "customer_id": order.customer_id,
        "service_id": order.service_id,
        "invoice_id": order.invoice_id,
    }


def _money(amount: Money) -> dict[str, Any]:
    return {"amount": f"{amount.decimal():f}", "minor": amount.minor, "currency": amount.currency}


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _external(row: Any) -> dict[str, str] | None:
    return {"source": row.external_source, "id": row.external_id} if row.external_id else None
