"""What is said about unpaid invoices, as mail and as text: written when it leaves, from what is still open then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from flask import current_app
from flask_babel import force_locale, ngettext
from flask_babel import gettext as _
from sqlalchemy import and_, or_, select

from billing import company as companies
from billing.dunning.sayings import KINDS, STAFF
from billing.dunning_plans import BACK, CANCELLED, SUSPENDED, WARNING
from models import (
    Customer,
    Delivery,
    Invoice,
    InvoiceState,
    Message,
    Money,
    Proforma,
    Service,
    ServiceStatus,
    db,
)

from . import brands, invoice_document, template_values, templates
from .compose import Content, addressee, framed, invoice_pdf
from .formats import day, language_of, money
from .mail_frame import page_values, render
from .refusals import CannotBeWritten, NotNeeded
from .template_language import Plain
from .templates import Said

MOST_LISTED, MOST_ATTACHED = 50, 10
NAMES = {kind: name for name, kind in KINDS.items()}


def write(message: Message, at: datetime) -> Content:
    """The mail as it stands at that moment; not needed once everything is paid. Raises CannotBeWritten, NotYet."""
    if message.kind == STAFF:
        return _for_staff(message)
    customer, invoices = addressee(message), _listed(message)
    said, brand = words(message, customer, invoices, at)
    attached = invoices[:MOST_ATTACHED] if (message.about or {}).get("attach") else ()
    return framed(said, brand, customer, attachments=tuple(map(invoice_pdf, attached)))


def text(delivery: Delivery, at: datetime) -> str:
    """The same as a text. Raises CannotBeWritten, NotNeeded."""
    message = delivery.message
    said, _brand = words(message, addressee(message), _listed(message), at)
    # Amounts are written with spaces that never break, of which one alone doubles what a text costs.
    return said.sms.translate({0xA0: " ", 0x202F: " "})


def words(message: Message, customer: Customer, invoices: Sequence[Invoice], at: datetime) -> tuple[Said, brands.Brand]:
    """What is said, and in whose name. Raises CannotBeWritten, NotNeeded."""
    name, about = NAMES[message.kind], message.about or {}
    services = _services(name, about)
    if name == BACK and not services:
        raise NotNeeded("The services are not switched on any more.")
    if name != BACK and not invoices:
        raise NotNeeded("Everything was paid meanwhile.")
    if name == SUSPENDED and not services:
        raise NotNeeded("The services are switched on again already.")
    locale = language_of(customer, companies.settings())
    with force_locale(locale):
        known = values(customer, invoices, locale, at, about=about, services=[str(one) for one in services])
        return templates.write(message.kind, known, locale), brands.of(customer)


def values(
    customer: Customer, invoices: Sequence[Invoice], locale: str, at: datetime, *, about: dict[str, Any],
    services: Sequence[str] = (),
) -> dict[str, Plain]:  # fmt: skip
    """What the templates know; gettext is set to the reader's language. Raises CannotBeWritten."""
    today = companies.day_of(at)
    asked = [(invoice, invoice.total if isinstance(invoice, Proforma) else invoice.open) for invoice in invoices]
    total = sum((amount for _invoice, amount in asked), Money.zero(customer.currency))
    first = min((invoice.due_on for invoice in invoices if invoice.due_on), default=None)
    suspend_on = about.get("suspend_on")
    base = str(current_app.config.get("BASE_URL") or "").rstrip("/")
    return {
        **template_values.common(customer, brands.of(customer), locale, today),
        "invoices": [_row(invoice, amount, today, base, locale) for invoice, amount in asked],
        "total": money(total, locale),
        "reference": _reference(invoices),
        "due_on": day(first, locale) if first else "",
        "days_overdue": max((today - first).days, 0) if first else 0,
        "suspend_on": day(date.fromisoformat(suspend_on), locale) if suspend_on else "",
        "services": list(services),
        "fees": [_fee(one, locale) for one in about.get("fees", ())],
        "bank": _bank(invoices),
        "portal": {"address": f"{base}{template_values.PORTAL}" if base else ""},
    }  # fmt: skip


def example_about(name: str, today: date) -> dict[str, Any]:
    """For a preview."""
    return {"suspend_on": today.isoformat()} if name == WARNING else {}


def open_invoices(customer: Customer) -> list[Invoice]:
    """For a preview: the customer's newest invoices, whether they are paid or not."""
    mine = Invoice.customer_id == customer.id, Invoice.kind == "invoice", Invoice.state == InvoiceState.ISSUED
    return list(db.session.scalars(select(Invoice).where(*mine).order_by(Invoice.id.desc()).limit(2)))


def _listed(message: Message) -> list[Invoice]:
    """Those of the message that are still open, and, if it tells of all, what else is overdue for the same payer."""
    about = message.about or {}
    ids = about.get("invoices") or []
    if not ids:
        return []
    waiting = and_(Invoice.kind == "proforma", Invoice.state == InvoiceState.ISSUED, Invoice.became_id.is_(None))
    its = Invoice.id.in_(ids)
    if about.get("together") and not about.get("proforma"):
        overdue = Invoice.due_on < companies.day_of(message.created_at)
        its = or_(its, and_(overdue, Invoice.payer_id.is_not_distinct_from(about.get("payer"))))
    wanted = select(Invoice).where(Invoice.customer_id == message.customer_id, its)
    wanted = wanted.where(or_(Invoice.open_minor > 0, waiting))
    return list(db.session.scalars(wanted.order_by(Invoice.due_on, Invoice.id).limit(MOST_LISTED)))


def _services(name: str, about: dict[str, Any]) -> list[Service]:
    """The services that it is about, as long as it is true of them."""
    wanted = {
        BACK: ServiceStatus.ACTIVE, SUSPENDED: ServiceStatus.SUSPENDED, CANCELLED: ServiceStatus.CANCELLED
    }.get(name)  # fmt: skip
    ids = about.get("services") or []
    if wanted is None or not ids:
        return []
    mine = Service.id.in_(ids), Service.status == wanted
    return list(db.session.scalars(select(Service).where(*mine).order_by(Service.id)))


def _row(invoice: Invoice, asked: Money, today: date, base: str, locale: str) -> dict[str, Plain]:
    late = (today - invoice.due_on).days if invoice.due_on else 0
    return {
        "number": str(invoice),
        "issued_on": day(invoice.issued_on, locale) if invoice.issued_on else "",
        "due_on": day(invoice.due_on, locale) if invoice.due_on else "",
        "to_pay": money(asked, locale),
        "total": money(invoice.total, locale),
        "days_overdue": max(late, 0),
        "is_overdue": late > 0,
        "is_proforma": isinstance(invoice, Proforma),
        "link": f"{base}/portal/invoices/{invoice.id}" if base else "",
    }


def _reference(invoices: Sequence[Invoice]) -> str:
    """The numbers; of many only the first ones."""
    named = ", ".join(str(invoice) for invoice in invoices[:5])
    more = len(invoices) - 5
    return (
        named if more <= 0 else ngettext("%(named)s and %(num)d more", "%(named)s and %(num)d more", more, named=named)
    )


def _fee(one: dict[str, Any], locale: str) -> dict[str, Plain]:
    invoice = db.session.get(Invoice, one["invoice"])
    return {"number": str(invoice or ""), "amount": money(Money(one["minor"], one["currency"]), locale)}


def _bank(invoices: Sequence[Invoice]) -> list[Plain]:
    if not invoices:
        return []
    try:
        seller = invoice_document.frozen_party(invoices[-1].seller)
    except invoice_document.NotPrintable as error:
        raise CannotBeWritten(str(error)) from error
    facts = invoice_document.bank_facts(seller.get("bank_details", ""))
    return [{"label": fact["label"], "value": fact["value"]} for fact in facts]


def _for_staff(message: Message) -> Content:
    """A word to the staff, in the company's language."""
    about, seller = message.about or {}, companies.settings()
    customer, invoice = db.session.get(Customer, about.get("customer")), db.session.get(Invoice, about.get("invoice"))
    if customer is None or invoice is None:
        raise CannotBeWritten("What this should tell of is not there any more.")
    locale = language_of(None, seller)
    with force_locale(locale):
        subject, lines = _staff_words(str(about.get("what")), customer, invoice, locale)
        names = [str(one) for one in db.session.scalars(select(Service).where(Service.id.in_(about["services"])))]
        paragraphs = [lines, *([names] if names else [])]
        known = {**page_values(locale), "company": seller.name, "with_logo": False, "subject": subject}
        html = render("message.html", {**known, "paragraphs": paragraphs})
    body = "\n\n".join("\n".join(part) for part in paragraphs)
    return Content(subject, body, html, seller.name, seller.email)


def _staff_words(what: str, customer: Customer, invoice: Invoice, locale: str) -> tuple[str, list[str]]:
    known = {"customer": customer.name, "invoice": str(invoice)}
    subjects = {
        "suspend": _("Suspended for non-payment: %(customer)s", **known),
        "cancel": _("Cancelled for non-payment: %(customer)s", **known),
        "kept": _("Not suspended, as it never is: %(customer)s", **known),
    }
    due = day(invoice.due_on, locale) if invoice.due_on else "–"
    owed = _("%(invoice)s was due on %(due)s; %(amount)s of it is open.", invoice=str(invoice), due=due,
             amount=money(invoice.open, locale))  # fmt: skip
    base = str(current_app.config.get("BASE_URL") or "").rstrip("/")
    link = [f"{base}/admin/customer/details/?id={customer.id}"] if base else []
    return subjects.get(what, str(customer.name)), [owed, *link]
