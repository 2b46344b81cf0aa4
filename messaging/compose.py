"""Writing the mail of one delivery: from its template if the system says it, from its own words if a person did."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parseaddr
from functools import partial
from importlib import import_module

from flask import current_app
from flask_babel import force_locale, gettext

from billing import company as companies
from billing.card_sayings import DECLINED, EXPIRING
from billing.credit_outflows import EXPIRED as CREDIT_EXPIRED
from billing.digest import DIGEST
from billing.dunning.sayings import KINDS as DUNNING
from billing.dunning.sayings import STAFF as DUNNING_STAFF
from billing.order_links import PURPOSE as ORDER
from billing.order_links import REFUSED as ORDER_REFUSED
from billing.outbox import INVOICE
from billing.portal_links import EMAIL, RESET, WELCOME
from billing.quote_links import PURPOSE as QUOTE
from billing.receipts import RECEIPT
from billing.reminders import REMINDER
from billing.statements import STATEMENT
from integrations.documents import DocumentError
from integrations.letters import Attachment, BadHeader, Letter, check
from models import CreditNote, Customer, Delivery, Invoice, InvoiceState, Message, Proforma, db

from . import brands, cards, invoice_document, standing, template_values, templates, unsubscribe, uploads
from .files import FileLost
from .formats import day, language_of, language_of_words, money
from .mail_frame import in_frame, page_values, render, with_logo_inside
from .refusals import CannotBeWritten, NotNeeded, NotYet
from .refusals import NotBefore as NotBefore
from .refusals import NotWritten as NotWritten
from .template_language import Plain
from .templates import Said


@dataclass(frozen=True, slots=True)
class Content:
    subject: str
    text: str
    html: str
    sender_name: str
    reply_to: str = ""
    attachments: tuple[Attachment, ...] = ()
    secret: str = ""
    logo: bytes = b""

    @property
    def html_to_show(self) -> str:
        """The HTML for a page, which has no parts to find the logo in."""
        return with_logo_inside(self.html, self.logo)


def letters_for(deliveries: Sequence[Delivery], *, at: datetime) -> Iterator[tuple[int, Callable[[], Letter]]]:
    """The mails of many deliveries, each to be called for: who wants none is asked about all of them at once."""
    kept_back = standing.reasons(deliveries)
    for each in deliveries:
        yield each.id, partial(letter_for, each, at=at, kept_back=kept_back)


def letter_for(delivery: Delivery, *, at: datetime, kept_back: Mapping[int, NotNeeded] | None = None) -> Letter:
    """The mail of this delivery, written anew, dated `at`. Raises NotWritten's kinds. Writes no rows.

    `kept_back` is what is known already of why deliveries must not leave, by id.
    """
    message = delivery.message
    why = (standing.reasons([delivery]) if kept_back is None else kept_back).get(delivery.id)
    if why is not None:
        raise why
    writer = _WRITERS.get(message.kind)
    content = writer(message, at) if writer else by_hand(message, _customer(delivery), at, to=delivery.address)
    sender = brands.of(_customer(delivery)).sender or sender_address()
    letter = Letter(
        message_id=message_id(delivery, sender),
        sender=sender,
        sender_name=content.sender_name,
        to=delivery.address,
        subject=content.subject,
        text=content.text,
        html=content.html,
        written_at=at,
        reply_to="" if content.reply_to.lower() == sender.lower() else content.reply_to,
        attachments=content.attachments,
        unsubscribe_url="" if message.essential else unsubscribe.link(delivery, at=at),
        secret=content.secret,
        logo=content.logo,
    )
    try:
        check(letter)
    except BadHeader as error:
        raise CannotBeWritten(str(error)) from error
    return letter


def message_id(delivery: Delivery, sender: str) -> str:
    """The same for each attempt at this delivery, so that a mail sent again is known as the same mail (F12).

    What it is made from is in the rows: also a restored backup goes on with the same ones.
    """
    moment = delivery.message.created_at.astimezone(UTC).isoformat()
    digest = hashlib.sha256(f"{moment} {delivery.dedupe_key}".encode()).hexdigest()[:24]
    return f"<{delivery.id}.{digest}@{sender.rpartition('@')[2].encode('idna').decode()}>"


def sender_address() -> str:
    """Who our mails come from: MAIL_DEFAULT_SENDER, else the company's address; empty if there is neither."""
    given = parseaddr(current_app.config.get("MAIL_DEFAULT_SENDER") or "")[1]
    return given or companies.settings().email.strip()


def _invoice(message: Message, at: datetime) -> Content:
    """The mail that brings an invoice or credit note, with its PDF."""
    invoice = db.session.get(Invoice, message.invoice_id) if message.invoice_id else None
    if invoice is None:
        raise CannotBeWritten("The invoice this mail should bring is not there.")
    if invoice.state != InvoiceState.ISSUED:
        raise NotNeeded("The invoice is not in force any more.")
    said, seller = invoice_words(invoice, at)
    return framed(said, seller, invoice.customer, attachments=(invoice_pdf(invoice),))


def invoice_words(invoice: Invoice, at: datetime) -> tuple[Said, brands.Brand]:
    """What the mail with this invoice says, and in whose name. Raises CannotBeWritten."""
    locale = language_of(invoice.customer, companies.settings())
    with force_locale(locale):
        try:
            seller, values = invoice_values(invoice, locale, at)
        except invoice_document.NotPrintable as error:
            raise CannotBeWritten(str(error)) from error
        return templates.write(INVOICE, values, locale), seller


def framed(
    said: Said, brand: brands.Brand, customer: Customer | None, *, attachments: tuple[Attachment, ...] = (),
    secret: str = "",
) -> Content:  # fmt: skip
    """What is said to the customer in the name of `brand`, as a mail with the logo."""
    logo = brands.logo_of(customer)
    html = in_frame(said, brand.name, with_logo=bool(logo))
    return Content(said.subject, said.text, html, brand.name, brand.email, attachments, secret, logo)


def invoice_pdf(invoice: Invoice) -> Attachment:
    """The document as it goes with mails. Raises NotYet."""
    try:
        data = invoice_document.pdf_of(invoice)
    except (DocumentError, FileLost, OSError) as error:
        raise NotYet(f"The PDF could not be made, so the mail was not sent: {error}") from error
    return Attachment(invoice_document.file_name(invoice), "application/pdf", data)


def invoice_values(invoice: Invoice, locale: str, at: datetime) -> tuple[brands.Brand, dict[str, Plain]]:
    """Who the invoice is from, and what its mail's template knows; raises NotPrintable."""
    buyer = invoice_document.frozen_party(invoice.buyer)
    seller = invoice_document.frozen_party(invoice.seller)
    brand = brands.Brand(seller["name"], seller.get("email", ""), seller.get("phone", ""))
    asked = invoice.total if isinstance(invoice, Proforma) else invoice.open
    base = str(current_app.config.get("BASE_URL") or "").rstrip("/")
    about: dict[str, Plain] = {
        "number": str(invoice.number),
        "buyer": buyer["name"],
        "is_credit_note": isinstance(invoice, CreditNote),
        "is_proforma": isinstance(invoice, Proforma),
        "link": f"{base}/portal/invoices/{invoice.id}" if base else "",
        "total": money(invoice.total, locale),
        "to_pay": money(asked, locale),
        "is_settled": not asked,
        "is_partly_settled": 0 < invoice.open_minor < invoice.total_minor,
        "issued_on": day(invoice.issued_on, locale) if invoice.issued_on else "",
        "due_on": day(invoice.due_on, locale) if invoice.due_on else "",
    }
    facts = invoice_document.bank_facts(seller.get("bank_details", ""))
    return brand, {
        **template_values.common(invoice.customer, brand, locale, companies.day_of(at)),
        "invoice": about,
        "card": {"name": cards.charged_by_itself(invoice.customer)},
        "bank": [{"label": fact["label"], "value": fact["value"]} for fact in facts],
        "terms": [line.strip() for line in invoice.terms.splitlines() if line.strip()],
    }


def by_hand(message: Message, customer: Customer | None, at: datetime, *, to: str = "") -> Content:
    """What a person wrote, as this customer gets it at that moment: by a template in the reader's language, in words
    of their own with fields filled in, or word for word. Raises CannotBeWritten, NotYet."""
    if not message.template and message.mailing is None:
        return _as_typed(message, customer)
    said = said_by_hand(message, customer, at, to=to)
    if not (said.text.strip() and said.subject):
        raise CannotBeWritten("It has no text or no subject for mails.")
    content = framed(said, brands.of(customer), customer, attachments=files_of(message))
    return replace(content, reply_to=message.reply_to or content.reply_to)


def said_by_hand(message: Message, customer: Customer | None, at: datetime, *, to: str = "") -> Said:
    """The words of a template, or those that were typed, for this reader. Raises CannotBeWritten."""
    if message.template:
        return templates.of_message(message.template, message.template_mark, customer, at=at, to=to)
    locale = language_of(customer, companies.settings())
    words = templates.Words(message.subject, message.body, message.text_body, language_of_words(locale))
    return templates.fill(words, customer, at=at, to=to)


def files_of(message: Message) -> tuple[Attachment, ...]:
    """What goes with it. Raises NotYet when a file is not there, or not what it was."""
    files = message.mailing.files if message.mailing else []
    try:
        return tuple(Attachment(f.name, f.media_type, uploads.read(f.stored_name, f.sha256)) for f in files)
    except FileLost as lost:
        raise NotYet(f"An attachment cannot be read, so the mail was not sent: {lost}") from lost


def _as_typed(message: Message, customer: Customer | None) -> Content:
    """A mail in its writer's own words."""
    if not message.body.strip():
        raise CannotBeWritten("This message has no text.")
    brand, locale, logo = brands.of(customer), language_of(customer, companies.settings()), brands.logo_of(customer)
    values: dict[str, Plain] = {
        **page_values(locale),
        "company": brand.name,
        "with_logo": bool(logo),
        "subject": message.subject,
        "paragraphs": [part.splitlines() for part in message.body.replace("\r\n", "\n").split("\n\n") if part.strip()],
    }
    with force_locale(locale):
        html = render("message.html", values)
        subject = message.subject or gettext("Message from %(company)s", company=brand.name)
    return Content(subject, message.body, html, brand.name, message.reply_to or brand.email, logo=logo)


def _customer(delivery: Delivery) -> Customer | None:
    """Whom the mail is for."""
    number = delivery.customer_id or delivery.message.customer_id
    return db.session.get(Customer, number) if number else None


def addressee(message: Message) -> Customer:
    """The customer that a mail of the system is for. Raises CannotBeWritten."""
    found = db.session.get(Customer, message.customer_id) if message.customer_id else None
    if found is None:
        raise CannotBeWritten("The customer this should go to is not there any more.")
    return found


def _by(module: str) -> Callable[[Message, datetime], Content]:
    """What a module of this room writes with what is defined here."""
    return lambda message, at: import_module(f".{module}", __package__).write(message, at)  # type: ignore[no-any-return]


_WRITERS: dict[str, Callable[[Message, datetime], Content]] = {
    INVOICE: _invoice, QUOTE: _by("quote_mail"), **dict.fromkeys((WELCOME, RESET, EMAIL), _by("portal_mail")),
    RECEIPT: _by("receipt_mail"), STATEMENT: _by("account_mail"), CREDIT_EXPIRED: _by("account_mail"),
    ORDER: _by("order_mail"), ORDER_REFUSED: _by("order_mail"), DECLINED: _by("card_mail"), EXPIRING: _by("card_mail"),
    REMINDER: _by("reminder_mail"), DIGEST: _by("digest_mail"),
    **dict.fromkeys((*DUNNING.values(), DUNNING_STAFF), _by("dunning_mail")),
}  # fmt: skip
