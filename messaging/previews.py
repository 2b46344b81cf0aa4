"""A template as a real customer would get it, before anybody does. Nothing is stored or sent."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import select

from billing import card_sayings, credit_outflows, order_links, phone_verification, quote_links, segments, statements
from billing import company as companies
from billing.outbox import INVOICE
from billing.receipts import RECEIPT
from billing.reminders import REMINDER
from integrations.letters import BadHeader, Letter, check
from models import Customer, Invoice, InvoiceState, Order, Payment, Quote, Service, db

from . import (
    account_mail,
    brands,
    card_mail,
    compose,
    digest_mail,
    dunning_mail,
    invoice_document,
    mail_frame,
    order_mail,
    portal_mail,
    quote_mail,
    receipt_mail,
    reminder_mail,
    templates,
    texts,
)
from .formats import language_of
from .refusals import CannotBeWritten
from .template_kinds import KINDS
from .templates import Said, Words

EXAMPLE_CODE = "482910"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a reader would see. `html` is the whole mail."""

    said: Said
    html: str
    logo: bytes
    sender: str
    reply_to: str
    segments: segments.Size


def show(key: str, words: Words, customer: Customer | None, *, at: datetime) -> Shown:
    """The words as the customer would get them, in the customer's way of writing. Raises CannotBeWritten.

    Invoices are shown on the customer's newest one, links and codes with made-up ones.
    """
    brand, said = _said(key, words, customer, at)
    logo = brands.logo_of(customer)
    html = mail_frame.in_frame(said, brand.name, with_logo=bool(logo))
    return Shown(said, html, logo, brand.name, brand.email, segments.count(said.sms))


def as_letter(shown: Shown, to: str, *, at: datetime) -> Letter:
    """The mail that was shown, to be sent to `to` as a test. Raises CannotBeWritten."""
    sender = compose.sender_address()
    letter = Letter(
        message_id=f"<test.{secrets.token_hex(12)}@{sender.rpartition('@')[2].encode('idna').decode()}>",
        sender=sender, sender_name=shown.sender, to=to, subject=shown.said.subject, text=shown.said.text,
        html=shown.html, written_at=at, logo=shown.logo,
    )  # fmt: skip
    try:
        check(letter)
    except BadHeader as error:
        raise CannotBeWritten(str(error)) from error
    return letter


def somebody() -> Customer | None:
    """The customer a preview begins with: one who has an invoice if there is one, else the newest."""
    billed = (
        select(Invoice.customer_id).where(Invoice.state == InvoiceState.ISSUED).order_by(Invoice.id.desc()).limit(1)
    )
    number = db.session.scalar(billed) or db.session.scalar(select(Customer.id).order_by(Customer.id.desc()).limit(1))
    return db.session.get(Customer, number) if number else None


def _said(key: str, words: Words, customer: Customer | None, at: datetime) -> tuple[brands.Brand, Said]:
    if key not in KINDS:
        to = customer.email if customer else ""
        return brands.of(customer), templates.fill(words, customer, at=at, to=to)
    if key == digest_mail.KIND:
        return brands.of(None), digest_mail.example(words, at)
    locale = language_of(customer, companies.settings())
    with force_locale(locale):
        if key in (INVOICE, REMINDER):
            return _of_invoice(key, words, customer, locale, at)
        if key in dunning_mail.NAMES:
            return _of_dunning(key, words, customer, locale, at)
        if key == quote_mail.KIND:
            return _of_quote(words, customer, locale, at)
        if key in (order_mail.CONFIRM, order_mail.REFUSED):
            return _of_order(key, words, locale, at)
        if key == RECEIPT:
            return _of_receipt(words, customer, locale, at)
        if key in (statements.STATEMENT, credit_outflows.EXPIRED):
            return brands.of(customer), templates.said(words, account_mail.example_values(key, customer, locale, at))
        if key in (card_sayings.DECLINED, card_sayings.EXPIRING):
            return brands.of(customer), templates.said(words, card_mail.example_values(key, customer, locale, at))
        if key == phone_verification.KIND:
            minutes = int(phone_verification.VALID.total_seconds() // 60)
            values = texts.code_values(customer, locale, EXAMPLE_CODE, minutes, at)
        else:
            reader = (customer.contact_name or customer.name, customer.email) if customer else ("", "")
            base = str(current_app.config.get("BASE_URL") or "https://portal.example").rstrip("/")
            link, home = f"{base}{portal_mail.PATH}{'x' * 12}", f"{base}/portal/"
            values = portal_mail.link_values(key, reader, customer, locale, link=link, home=home, at=at)
        return brands.of(customer), templates.said(words, values)


def _of_invoice(
    key: str, words: Words, customer: Customer | None, locale: str, at: datetime
) -> tuple[brands.Brand, Said]:
    if customer is None:
        raise CannotBeWritten(_("Choose a customer who has an invoice."))
    issued = select(Invoice).where(Invoice.customer_id == customer.id, Invoice.state == InvoiceState.ISSUED)
    invoice = db.session.scalars(issued.order_by(Invoice.id.desc()).limit(1)).first()
    if invoice is None:
        raise CannotBeWritten(_("%(name)s has no invoice yet. Choose somebody who has one.", name=customer.name))
    try:
        written = reminder_mail.values if key == REMINDER else compose.invoice_values
        brand, values = written(invoice, locale, at)
    except invoice_document.NotPrintable as error:
        raise CannotBeWritten(str(error)) from error
    return brand, templates.said(words, values)


def _of_dunning(
    key: str, words: Words, customer: Customer | None, locale: str, at: datetime
) -> tuple[brands.Brand, Said]:
    """Shown on the customer's newest invoices and services, as if they were not paid."""
    invoices = dunning_mail.open_invoices(customer) if customer else []
    if customer is None or not invoices:
        raise CannotBeWritten(_("Choose a customer who has an invoice."))
    theirs = select(Service).where(Service.customer_id == customer.id).order_by(Service.id).limit(2)
    about = dunning_mail.example_about(dunning_mail.NAMES[key], companies.day_of(at))
    services = [str(service) for service in db.session.scalars(theirs)]
    known = dunning_mail.values(customer, invoices, locale, at, about=about, services=services)
    return brands.of(customer), templates.said(words, known)


def _of_quote(words: Words, customer: Customer | None, locale: str, at: datetime) -> tuple[brands.Brand, Said]:
    """Shown on the customer's newest quote that was sent, with a made-up link."""
    sent = select(Quote).where(Quote.number.is_not(None), Quote.customer_id == (customer.id if customer else None))
    quote = db.session.scalars(sent.order_by(Quote.id.desc()).limit(1)).first()
    if customer is None or quote is None:
        raise CannotBeWritten(_("Choose a customer to whom a quote was sent."))
    base = str(current_app.config.get("BASE_URL") or "https://portal.example").rstrip("/")
    values = quote_mail.values(quote, locale, link=f"{base}{quote_links.PATH}{'x' * 12}", at=at)
    return brands.of(customer), templates.said(words, values)


def _of_order(key: str, words: Words, locale: str, at: datetime) -> tuple[brands.Brand, Said]:
    """Shown on the newest order, with a made-up link."""
    order = db.session.scalars(select(Order).order_by(Order.id.desc()).limit(1)).first()
    if order is None:
        raise CannotBeWritten(_("There is no order yet to show it on."))
    base = str(current_app.config.get("BASE_URL") or "https://portal.example").rstrip("/")
    brand = order_mail.brand_of(order)
    link = f"{base}{order_links.PATH}{'x' * 12}" if key == order_mail.CONFIRM else ""
    return brand, templates.said(words, order_mail.values(order, brand, locale, link=link, at=at))


def _of_receipt(words: Words, customer: Customer | None, locale: str, at: datetime) -> tuple[brands.Brand, Said]:
    """Shown on the customer's newest payment."""
    mine = select(Payment).where(Payment.customer_id == (customer.id if customer else None))
    payment = db.session.scalars(mine.order_by(Payment.id.desc()).limit(1)).first()
    if customer is None or payment is None:
        raise CannotBeWritten(_("Choose a customer who has paid something."))
    return brands.of(customer), templates.said(words, receipt_mail.values(payment, locale, at))
