"""Refunds, write-offs and what is taken off invoices: one corrupted row gives exactly its own finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from factories import make_customer, make_invoice
from flask import Flask
from money import TODAY, eur
from sqlalchemy import select, update

from billing import allocations, doctor, payments, refunds, write_offs
from billing.actor import Actor
from billing.doctor import Scope
from models import Allocation, Credit, Customer, Invoice, Payment, Refund, RefundKind, WriteOff, db


@pytest.fixture
def found(app: Flask, by: Actor) -> Callable[[], list[str]]:
    """One customer with everything the checks look at."""
    customer, paid = make_customer(name="Payer"), {"method": "Cash", "received_on": TODAY}
    one, two = make_invoice(customer, 1000), make_invoice(customer, 1000)
    payment = payments.record(customer, eur("15.00"), invoices=[one], by=by, **paid)
    allocations.take_off(one, allocations.settled_on(one)[0].allocation, eur("2.00"), by=by)
    refunds.refund(payment, eur("3.00"), method="Cash", refunded_on=TODAY, reason="Back", by=by)
    refunds.reverse(payments.record(customer, eur("1.00"), invoices=[two], by=by, **paid), reason="Slip", by=by)
    write_offs.write_off(two, eur("6.00"), reason="Gone", on=TODAY, by=by)
    write_offs.take_back(two, eur("4.00"), reason="Here", by=by)
    make_invoice(make_customer(name="Other"), 500)
    db.session.commit()

    def examine() -> list[str]:
        db.session.flush()
        findings = [one for one in doctor.examine(Scope(by.at)) if one.code < "I10" or one.code == "I38" or one.failed]
        assert all(one.count and one.samples for one in findings), findings
        return sorted({one.code for one in findings})

    return examine


def change(model: Any, *where: Any, **values: Any) -> None:
    """Write past the rules: straight into the oldest row that fits."""
    row_id = db.session.scalars(select(model.id).where(*where).order_by(model.id)).first()
    db.session.execute(update(model.__table__).where(model.__table__.c.id == row_id).values(values))
    db.session.expire_all()


def the(model: Any, *where: Any) -> int:
    return db.session.scalars(select(model.id).where(*where).order_by(model.id)).first()


def second() -> Any:
    return Invoice.written_off_minor > 0


def other_invoice() -> int:
    return the(Invoice, Invoice.total_minor == 500)


CORRUPTIONS: dict[str, tuple[str, Callable[[], Any]]] = {
    "more refunded than the refunds say": (
        "I07 I38", lambda: change(Payment, Payment.refunded_minor == 300, refunded_minor=400)),
    "a refund of more than went back": ("I06 I07 I38", lambda: change(Refund, amount_minor=400)),
    "a reversal that is only a refund": (
        "I07", lambda: change(Refund, Refund.kind == RefundKind.REVERSAL, kind="refund")),
    "a payment taken back without a reversal": ("I07", lambda: change(Payment, reversed_on=TODAY)),
    "a payment that says nothing of its reversal": (
        "I07", lambda: change(Payment, Payment.reversed_on.is_not(None), reversed_on=None)),
    "a refund of somebody else": (
        "I08 I38", lambda: change(Refund, customer_id=the(Customer, Customer.name == "Other"))),
    "a refund out of another payment's credit": (
        "I06 I08", lambda: change(Refund, credit_id=db.session.scalar(select(db.func.max(Credit.id))))),
    "a refund in another currency": ("I08 I38", lambda: change(Refund, currency="USD")),
    "more taken off than lay there": (
        "I05 I06 I38", lambda: change(Allocation, Allocation.amount_minor == -200, amount_minor=-1100)),
    "taken off another invoice": (
        "I05", lambda: change(Allocation, Allocation.amount_minor == -200, invoice_id=the(Invoice, second()))),
    "an invoice that forgot its write-off": (
        "I05", lambda: change(Invoice, Invoice.written_off_minor > 0, written_off_minor=0)),
    "a write-off of more than was open": ("I05 I38", lambda: change(WriteOff, amount_minor=601)),
    "a write-off taken back twice": ("I05 I38", lambda: change(WriteOff, WriteOff.amount_minor < 0, amount_minor=-700)),
    "a write-off taken back on another invoice": (
        "I05 I08", lambda: change(WriteOff, WriteOff.amount_minor < 0, invoice_id=other_invoice())),
    "a write-off of somebody else's invoice": (
        "I08 I38", lambda: change(WriteOff, customer_id=the(Customer, Customer.name == "Other"))),
}  # fmt: skip


@pytest.mark.parametrize(("codes", "corrupt"), CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_one_corrupted_row_is_found(found: Callable[[], list[str]], codes: str, corrupt: Callable[[], Any]) -> None:
    corrupt()
    assert found() == codes.split()
