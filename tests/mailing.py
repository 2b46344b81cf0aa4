"""A company, customers with issued invoices, and their mails in the outbox."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from factories import make_company, make_customer, make_invoice
from flask import Flask

from billing import company
from billing.outbox import queue_invoices
from models import Delivery, Invoice, db

SELLER = {
    "name": "Harbour Fibre & Hosting Ltd",
    "street": "3 Custom House Quay",
    "city": "Dublin",
    "postal_code": "D01 K2T9",
    "country": "IE",
    "tax_id": "IE4417820GH",
    "email": "billing@harbour.example",
    "phone": "+353 1 555 0100",
    "website": "harbour.example",
    "registration": "Registered in Ireland 417820",
    "bank_details": "IBAN: IE29 AIBK 9311 5212 3456 78\nBIC: AIBKIE2D",
}
BUYER = {"street": "14 Dawson Street", "city": "Dublin", "postal_code": "D02 X285", "country": "IE"}


def issue(total_minor: int = 14803, *, customer: dict[str, Any] | None = None, **values: Any) -> Invoice:
    """An issued invoice with frozen parties, of a customer of its own."""
    if company.get() is None:
        make_company(name="Harbour", email="office@harbour.example", locale="en")
    owner = make_customer(**{"name": "Lindqvist Design", **(customer or {})})
    invoice = make_invoice(owner, total_minor, **{"tax_rate": "23", "due_on": date(2026, 11, 15), **values})
    invoice.seller = values.get("seller") or json.dumps(SELLER)
    invoice.buyer = values.get("buyer") or json.dumps({"name": owner.name, "email": owner.email, **BUYER})
    db.session.flush()
    return invoice


def queue(app: Flask, *invoices: Invoice, to: list[str] | None = None) -> list[Delivery]:
    """Their mails, committed; `to` says to whom the only invoice goes."""
    items = [(i.id, i.customer_id, to or [i.customer.email]) for i in invoices]
    queue_invoices(items, at=app.clock(), by="Tillbook")
    db.session.commit()
    deliveries = db.session.query(Delivery).order_by(Delivery.id).all()
    db.session.rollback()  # on SQLite a transaction left open would keep everybody else from writing
    return deliveries
