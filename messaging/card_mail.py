"""The mails about cards: a charge that was declined, and a card that expires."""

from __future__ import annotations

from datetime import date, datetime

from flask import current_app
from flask_babel import force_locale

from billing import cards
from billing import company as companies
from billing.card_sayings import DECLINED
from models import Card, Customer, Message, Money, PaymentAttempt, db

from . import brands, template_values, templates
from .compose import Content, addressee, framed
from .formats import day, language_of, money
from .refusals import CannotBeWritten, NotNeeded
from .template_language import Plain


def write(message: Message, at: datetime) -> Content:
    """The mail of this kind. Raises CannotBeWritten; NotNeeded once it is paid, or the card is another one."""
    customer = addressee(message)
    if not message.about:
        raise CannotBeWritten("What this mail should say is not there any more.")
    locale = language_of(customer, companies.settings())
    with force_locale(locale):
        if message.kind == DECLINED:
            values = _declined(customer, message.about, locale, at)
        else:
            values = _expiring(customer, message.about, locale, at)
        said = templates.write(message.kind, values, locale)
    return framed(said, brands.of(customer), customer)


def _declined(customer: Customer, about: dict[str, object], locale: str, at: datetime) -> dict[str, Plain]:
    attempt = db.session.get(PaymentAttempt, about.get("attempt"))
    if attempt is None or attempt.customer_id != customer.id:
        raise CannotBeWritten("The charge this mail is about is not there any more.")
    if not any(part.invoice.open_minor or part.invoice.kind == "proforma" for part in attempt.parts):
        raise NotNeeded("It was paid before the mail left.")
    following = str(about.get("next_on") or "")
    numbers = ", ".join(str(part.invoice) for part in attempt.parts)
    return declined_values(
        customer, str(attempt.card or ""), attempt.amount, numbers, attempt.error,
        date.fromisoformat(following) if following else None, locale, at,
    )  # fmt: skip


def _expiring(customer: Customer, about: dict[str, object], locale: str, at: datetime) -> dict[str, Plain]:
    card = db.session.get(Card, about.get("card"))
    if card is None or card.customer_id != customer.id:
        raise CannotBeWritten("The card this mail is about is not there any more.")
    if card.removed_at is not None or not card.is_default:
        raise NotNeeded("Another card is used by now.")
    return expiring_values(customer, str(card), card.last_day, locale, at)


def declined_values(
    customer: Customer | None,
    card: str,
    amount: Money,
    numbers: str,
    reason: str,
    following: date | None,
    locale: str,
    at: datetime,
) -> dict[str, Plain]:
    """What the template of declined charges knows."""
    return {
        **template_values.common(customer, brands.of(customer), locale, companies.day_of(at)),
        "card": {"name": card},
        "payment": {
            "amount": money(amount, locale), "invoices": numbers, "reason": reason,
            "next_on": day(following, locale) if following else "",
        },
        "portal": {"address": _address("")},
        "cards": {"address": _address(f"{customer.id}/cards" if customer else "")},
    }  # fmt: skip


def expiring_values(
    customer: Customer | None, card: str, last_day: date, locale: str, at: datetime
) -> dict[str, Plain]:
    """What the template of expiring cards knows."""
    return {
        **template_values.common(customer, brands.of(customer), locale, companies.day_of(at)),
        "card": {"name": card, "last_day": day(last_day, locale)},
        "cards": {"address": _address(f"{customer.id}/cards" if customer else "")},
    }


def example_values(key: str, customer: Customer | None, locale: str, at: datetime) -> dict[str, Plain]:
    """For a preview: the customer's card if there is one, and made-up sums."""
    today = companies.day_of(at)
    card = cards.default_of(customer) if customer else None
    name = str(card) if card else "Visa ···· 4242"
    if key == DECLINED:
        currency = customer.currency if customer else companies.settings().currency or "EUR"
        words = "Your card has insufficient funds."
        return declined_values(customer, name, Money(4900, currency), "INV-00042", words, today, locale, at)
    return expiring_values(customer, name, card.last_day if card else today, locale, at)


def _address(path: str) -> str:
    base = str(current_app.config.get("BASE_URL") or "").rstrip("/")
    return f"{base}{template_values.PORTAL}{path}" if base else ""
