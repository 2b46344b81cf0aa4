"""Charging saved cards by itself: the invoices of customers who pay by card, on their day, and again if declined.

One try is one attempt with the invoice and its number; the database has each once. After a refund nothing is charged
again by itself: who gave the money back says what comes next.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, and_, or_, select

from models import (
    AttemptPart,
    AttemptState,
    Card,
    Customer,
    CustomerStatus,
    Invoice,
    InvoiceState,
    PaymentAttempt,
    PaymentMethod,
    db,
)
from models.bulk import among

from . import card_payments, company
from .actor import Actor
from .balances import lock_invoices
from .card_sayings import next_try

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Due:
    """An invoice that is to be charged now, and which try that is."""

    invoice_id: int
    step: int


def due(on: date, gateway: str, after: int = 0, without: Collection[int] = ()) -> tuple[list[Due], int | None]:
    """What is to be charged on that day by cards of this gateway, of the next some hundred open invoices behind the id
    `after`; and from where to go on, None if that was all. Nothing of the customers `without`, by their ids."""
    if not company.value("cards_on"):
        return [], None
    rows = db.session.execute(_open(on, gateway).where(Invoice.id > after).order_by(Invoice.id).limit(CHUNK)).all()
    tried = _tried([row.id for row in rows])
    found = [
        Due(row.id, len(tried.get(row.id, ())))
        for row in rows
        if row.customer_id not in without and _is_due(tried.get(row.id, ()), row.card_id, on)
    ]
    return found, rows[-1].id if len(rows) == CHUNK else None


def begin(one: Due, *, gateway: str, on: date, by: Actor) -> PaymentAttempt | None:
    """Write down the try, unless it is not due any more. Raises what card_payments.begin does. Flushes; commit before
    asking the gateway."""
    by.require("payments.edit")
    invoice = lock_invoices([one.invoice_id]).get(one.invoice_id)
    row = db.session.execute(_open(on, gateway).where(Invoice.id == one.invoice_id)).first()
    tried = _tried([one.invoice_id]).get(one.invoice_id, ())
    if invoice is None or row is None or len(tried) != one.step or not _is_due(tried, row.card_id, on):
        return None
    card = db.session.get_one(Card, row.card_id)
    return card_payments.begin(
        invoice.customer, [invoice], gateway=gateway, card=card, charged=(invoice, one.step), by=by
    )


def _open(on: date, gateway: str) -> Select[int, int, int]:
    """Open invoices (and proformas) of customers who pay by card and have one, whose day has come, that nobody pays
    right now and that were not paid by card before."""
    day = Invoice.issued_on if company.value("card_charge") == "issued" else Invoice.due_on
    wants = or_(
        and_(Invoice.kind == "invoice", Invoice.open_minor > 0),
        and_(Invoice.kind == "proforma", Invoice.became_id.is_(None), Invoice.total_minor > 0),
    )
    busy = select(AttemptPart.id).join(AttemptPart.attempt).where(AttemptPart.invoice_id == Invoice.id)
    busy = busy.where(or_(AttemptPart.holds, PaymentAttempt.state == AttemptState.SUCCEEDED))
    pays = (Customer.payment_method == PaymentMethod.CARD, Customer.status == CustomerStatus.ACTIVE)
    left_alone = or_(Customer.held_until.is_(None), Customer.held_until < on)
    promised = or_(Invoice.promised_on.is_(None), Invoice.promised_on < on)
    query = select(Invoice.id, Invoice.customer_id, Card.id.label("card_id"))
    query = query.join(Customer, Customer.id == Invoice.customer_id)
    query = query.join(Card, and_(Card.customer_id == Customer.id, Card.is_default, Card.gateway == gateway))
    same = Invoice.currency == Customer.currency
    return query.where(
        Invoice.state == InvoiceState.ISSUED, wants, day <= on, *pays, left_alone, promised, same, ~busy.exists()
    )


def _tried(ids: Sequence[int]) -> dict[int, list[PaymentAttempt]]:
    """The automatic tries of each invoice, in their order."""
    found: dict[int, list[PaymentAttempt]] = {}
    if not ids:
        return found
    mine = select(PaymentAttempt).where(among(db.session, PaymentAttempt.charged_id, ids))
    for attempt in db.session.scalars(mine.order_by(PaymentAttempt.charged_id, PaymentAttempt.step)):
        found.setdefault(attempt.charged_id or 0, []).append(attempt)
    return found


def _is_due(tried: Sequence[PaymentAttempt], card_id: int, on: date) -> bool:
    """What was never asked for counts as no try, but one a day is enough; a new card begins anew."""
    if tried and company.day_of(tried[-1].begun_at) >= on:
        return False
    refused = [one for one in tried if one.state == AttemptState.DECLINED]
    if not refused or refused[-1].card_id != card_id:
        return True
    following = None if refused[-1].final else next_try(company.day_of(refused[0].begun_at), len(refused))
    return following is not None and following <= on
