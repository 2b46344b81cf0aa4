"""The mails about a customer's account: its statement, and credit that ran out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask import current_app
from flask_babel import force_locale

from billing import company as companies
from billing.credit_outflows import EXPIRED
from billing.statements import MOVEMENTS, STATEMENT, InvalidPeriod, OpenItems, Statement, Stretch
from integrations.documents import DocumentError
from integrations.letters import Attachment
from models import Credit, Customer, Message, Money, db

from . import brands, statement_document, template_values, templates
from .compose import Content, addressee, framed
from .documents import NotPrintable
from .formats import day, language_of, money
from .refusals import CannotBeWritten, NotYet
from .template_language import Plain


def write(message: Message, at: datetime) -> Content:
    """The mail of this kind; a statement comes with its PDF. Raises CannotBeWritten, NotYet."""
    customer = addressee(message)
    if not message.about:
        raise CannotBeWritten("What this mail should say is not there any more.")
    locale = language_of(customer, companies.settings())
    with force_locale(locale):
        if message.kind == STATEMENT:
            what = _statement(customer, message.about, at)
            values, files = statement_values(what, locale, at), (_pdf(what),)
        else:
            values, files = _expired(customer, message.about, locale, at), ()
        said = templates.write(message.kind, values, locale)
    return framed(said, brands.of(customer), customer, attachments=files)


def _statement(customer: Customer, about: dict[str, Any], at: datetime) -> Statement | OpenItems:
    try:
        since, until = date.fromisoformat(about["since"]), date.fromisoformat(about["until"])
        return statement_document.found(customer, Stretch(since, until), about["variant"], companies.day_of(at))
    except (KeyError, ValueError, InvalidPeriod) as error:
        raise CannotBeWritten(f"The statement cannot be made: {error}") from error


def statement_values(what: Statement | OpenItems, locale: str, at: datetime) -> dict[str, Plain]:
    """What the template of statements knows."""
    if isinstance(what, Statement):
        account = what.accounts[0]
        since, until, opening, closing = what.since, what.until, account.opening, account.closing
        owed = closing
    else:
        since, until, owed = what.on, what.on, what.owed
        opening = closing = owed
    return {
        **template_values.common(what.customer, brands.of(what.customer), locale, companies.day_of(at)),
        "statement": {
            "is_open_items": isinstance(what, OpenItems),
            "since": day(since, locale),
            "until": day(until, locale),
            "opening": money(opening, locale),
            "closing": money(closing, locale),
            "to_pay": money(max(owed, Money.zero(owed.currency)), locale),
            "is_settled": owed.minor <= 0,
        },
    }


def _pdf(what: Statement | OpenItems) -> Attachment:
    try:
        data = statement_document.pdf_of(what)
    except (DocumentError, NotPrintable, OSError) as error:
        raise NotYet(f"The PDF could not be made, so the mail was not sent: {error}") from error
    return Attachment(statement_document.file_name(what), "application/pdf", data)


def _expired(customer: Customer, about: dict[str, Any], locale: str, at: datetime) -> dict[str, Plain]:
    credit = db.session.get(Credit, about.get("credit"))
    if credit is None or credit.customer_id != customer.id or credit.expires_on is None:
        raise CannotBeWritten("The credit this mail is about is not there any more.")
    amount = Money(int(about["amount_minor"]), credit.currency)
    return expired_values(customer, amount, credit.reason, credit.expires_on, locale, at)


def expired_values(
    customer: Customer | None, amount: Money, reason: str, last_day: date, locale: str, at: datetime
) -> dict[str, Plain]:
    """What the template of credit that ran out knows."""
    base = str(current_app.config.get("BASE_URL") or "").rstrip("/")
    return {
        **template_values.common(customer, brands.of(customer), locale, companies.day_of(at)),
        "credit": {"amount": money(amount, locale), "reason": reason, "last_day": day(last_day, locale)},
        "portal": {"address": f"{base}{template_values.PORTAL}" if base else ""},
    }


def example_values(key: str, customer: Customer | None, locale: str, at: datetime) -> dict[str, Plain]:
    """For a preview: the customer's statement of the month, or a made-up credit. Raises CannotBeWritten."""
    today = companies.day_of(at)
    if key == EXPIRED:
        currency = customer.currency if customer else companies.settings().currency or "EUR"
        return expired_values(customer, Money(1000, currency), "Outage", today, locale, at)
    if customer is None:
        raise CannotBeWritten("Choose a customer.")
    about = {"since": today.replace(day=1).isoformat(), "until": today.isoformat(), "variant": MOVEMENTS}
    return statement_values(_statement(customer, about, at), locale, at)
