"""Money by hand in the demo company: prices changed for many, a bank statement, prepayments, credit paid out."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import select

from billing import bank_booking, bank_statements, bulk, charges, credit_outflows, price_changes
from billing.bank_mapping import BankMapping
from billing.import_store import Store
from billing.money import Money
from billing.price_changes import Plan
from billing.price_rule import How, PriceRule
from billing.services import main_group
from messaging import files
from models import Customer, CustomerStatus, Invoice, InvoiceState, Package, PaymentMethod, PricePart, db

from .diary import Deed, Diary, Moment

BANK = "bank"
PAID, STRANGERS = 9, (("Harbour View Hotel", "Deposit summer fair", "150.00"), ("M Keane", "thank you", "12.40"))


def plan(diary: Diary, last: date) -> None:
    """Write it down for the months up to `last`, the day the story ends on."""
    diary.plan(last - timedelta(days=130), _undone_rise)
    diary.plan(last - timedelta(days=45), _rise)
    diary.plan(last - timedelta(days=5), _dearer_set_up)
    for turn, ago in enumerate((75, 40, 16)):
        diary.plan(last - timedelta(days=ago), _prepay(turn))
    for ago in (58, 23):
        diary.plan(last - timedelta(days=ago), _pay_out)
    diary.plan(last - timedelta(days=3), _read_statement)


def _undone_rise(moment: Moment) -> None:
    """Decided too early: nobody was billed by it."""
    by = moment.by("owner")
    terms = Plan(_ids("Managed"), _percent("8"), moment.today + timedelta(days=60))
    change = price_changes.decide(terms, seen=price_changes.preview(terms, by).fingerprint, by=by)
    price_changes.undo(change, by=by)


def _rise(moment: Moment) -> None:
    """Hosting becomes a little dearer, options too, for everybody at the list price."""
    by = moment.by("owner")
    parts = (PricePart.PACKAGE, PricePart.OPTION)
    terms = Plan(_ids("Hosting"), _percent("4", ending="90"), moment.today, running=True, parts=parts)
    change = price_changes.decide(terms, seen=price_changes.preview(terms, by).fingerprint, by=by)
    if change.bulk_action is not None:
        bulk.do_now(change.bulk_action, by=by)


def _dearer_set_up(moment: Moment) -> None:
    """Planned: it has not begun yet."""
    by = moment.by("owner")
    on = (moment.today.replace(day=1) + timedelta(days=63)).replace(day=1)
    terms = Plan(_ids("Fibre"), _percent("10", ending="00"), on, parts=(PricePart.SETUP,))
    price_changes.decide(terms, seen=price_changes.preview(terms, by).fingerprint, by=by)


def _percent(text: str, ending: str = "") -> PriceRule:
    return PriceRule(How.PERCENT, Decimal(text), ending=ending)


def _ids(first_word: str) -> list[int]:
    named = select(Package.id).where(Package.name.like(f"{first_word}%"), ~Package.archived)
    return list(db.session.scalars(named.order_by(Package.id)))


def _businesses(limit: int = 30) -> Sequence[Customer]:
    known = Customer.status == CustomerStatus.ACTIVE, Customer.payment_method == PaymentMethod.INVOICE
    mine = select(Customer).where(*known, Customer.currency == "EUR", Customer.company_name != "")
    return db.session.scalars(mine.order_by(Customer.id).limit(limit)).all()


def _prepay(turn: int) -> Deed:
    def deed(moment: Moment) -> None:
        found = _businesses()
        if found:
            customer = found[(turn * 7 + 3) % len(found)]
            price = Money(-(120_00, 300_00, 75_00)[turn], "EUR")
            words = ("Paid at the counter", "Paid ahead for a quarter", "Left over from the old contract")[turn]
            charges.add_charge(main_group(customer), words, price, starts_on=moment.today, by=moment.by("billing"))

    return deed


def _pay_out(moment: Moment) -> None:
    """Whoever paid too much, or left, is given it back; a gift is not."""
    by = moment.by("billing")
    rich = select(Customer).where(Customer.credit_minor > 0, Customer.currency == "EUR")
    customer = db.session.scalars(rich.order_by(Customer.credit_minor.desc(), Customer.id).limit(1)).first()
    if customer is None:
        return
    amount = credit_outflows.available(customer, moment.today)
    if amount:
        credit_outflows.pay_out(customer, amount, method="Bank transfer", on=moment.today, reference="Asked for", by=by)


def _read_statement(moment: Moment) -> None:
    """What is sure is booked; the rest waits for a person."""
    by = moment.by("billing")
    store = Store(files.folder_of(BANK))
    name, _size = store.keep(io.BytesIO(_statement(moment.today).encode()))
    statement = bank_statements.take_in(f"quayside-{moment.today:%Y-%m-%d}.csv", name, store, "EUR", by)
    bank_statements.read_in(statement, store, BankMapping.of(statement.mapping), by)
    bank_booking.book_sure(statement, by=by)
    statement.stored_as = ""
    store.remove(name)


def _statement(day: date) -> str:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["Date", "Name", "Description", "Amount"])
    unpaid = select(Invoice).where(Invoice.kind == "invoice", Invoice.state == InvoiceState.ISSUED)
    unpaid = unpaid.where(Invoice.open_minor > 0, Invoice.currency == "EUR").order_by(Invoice.due_on, Invoice.id)
    for place, invoice in enumerate(db.session.scalars(unpaid.limit(PAID))):
        words = f"Invoice {invoice.number}" if place % 3 else "Internet"
        rows.writerow([day.isoformat(), invoice.customer.name, words, f"{invoice.open.decimal():f}"])
    for who, words, amount in STRANGERS:
        rows.writerow([day.isoformat(), who, words, amount])
    rows.writerow([day.isoformat(), "Quayside Savings Bank", "Fees", "-14.90"])
    return text.getvalue()
