"""The mail that brings a receipt."""

from __future__ import annotations

from datetime import datetime

from flask_babel import force_locale

from billing import company as companies
from billing import refunds
from billing.receipts import RECEIPT
from integrations.documents import DocumentError
from integrations.letters import Attachment
from models import Message, Payment, db

from . import brands, receipt_document, template_values, templates
from .compose import Content, framed
from .documents import NotPrintable
from .formats import day, language_of, money
from .refusals import CannotBeWritten, NotNeeded, NotYet
from .template_language import Plain
from .templates import Said


def write(message: Message, at: datetime) -> Content:
    """The mail with the receipt as PDF. Raises NotNeeded for a payment that was taken back, CannotBeWritten, NotYet."""
    payment = db.session.get(Payment, message.payment_id) if message.payment_id else None
    if payment is None:
        raise CannotBeWritten("The payment this receipt is for is not there.")
    if payment.reversed_on is not None:
        raise NotNeeded("The payment was taken back as a mistake before the mail left.")
    said, brand = words(payment, at)
    return framed(said, brand, payment.customer, attachments=(_pdf(payment),))


def words(payment: Payment, at: datetime) -> tuple[Said, brands.Brand]:
    """What the mail says, and in whose name. Raises CannotBeWritten."""
    locale = language_of(payment.customer, companies.settings())
    with force_locale(locale):
        return templates.write(RECEIPT, values(payment, locale, at), locale), brands.of(payment.customer)


def values(payment: Payment, locale: str, at: datetime) -> dict[str, Plain]:
    """What the template of receipts knows; gettext is set to the reader's language."""
    customer = payment.customer
    lines = [{"text": text, "amount": money(amount, locale)} for text, amount in receipt_document.lines_of(payment)]
    back = payment.amount - refunds.refundable(payment)
    return {
        **template_values.common(customer, brands.of(customer), locale, companies.day_of(at)),
        "payment": {
            "number": str(payment.id),
            "amount": money(payment.amount, locale),
            "received_on": day(payment.received_on, locale),
            "method": payment.method,
            "reference": payment.reference,
            "refunded": money(back, locale) if back else "",
        },
        "lines": lines,
    }  # fmt: skip


def _pdf(payment: Payment) -> Attachment:
    try:
        data = receipt_document.pdf_of(payment)
    except NotPrintable as error:
        raise CannotBeWritten(str(error)) from error
    except (DocumentError, OSError) as error:
        raise NotYet(f"The PDF could not be made, so the mail was not sent: {error}") from error
    return Attachment(receipt_document.file_name(payment), "application/pdf", data)
