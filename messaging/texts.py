"""Writing the text of one delivery, and everything that may keep it from leaving: looked at before any call."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import func, select

from billing import company as companies
from billing import message_settings, opt_outs, phone_verification, phones, segments
from billing.dunning.sayings import KINDS as DUNNING
from billing.message_settings import MILLION
from integrations.texts import API, Account, Text
from models import Channel, Customer, Delivery, DeliveryState, Message, MessageSettings, PhoneCode, db
from models.currencies import DECIMALS

from . import brands, template_values, templates
from .compose import said_by_hand
from .formats import language_of
from .refusals import CannotBeWritten, NotBefore, NotNeeded, NotWanted
from .template_language import Plain

STATUS_PATH = "/hooks/twilio/status"
INVALID = "invalid"
"""What Customer.phone_state says once a text could not arrive there for good."""


def why_not_set_up() -> str:
    """What is missing before any text can leave; empty if nothing is."""
    missing = [name for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN") if not current_app.config.get(name)]
    if not (current_app.config.get("TWILIO_FROM") or current_app.config.get("TWILIO_MESSAGING_SERVICE_SID")):
        missing.append("TWILIO_FROM")
    if not missing:
        return ""
    return _("Texts are not set up. Missing: %(names)s.", names=", ".join(missing))


def account() -> Account:
    """Who we are to Twilio."""
    get = current_app.config.get
    return Account(get("TWILIO_ACCOUNT_SID") or "", get("TWILIO_AUTH_TOKEN") or "", get("TWILIO_API_URL") or API)


def waiting() -> int:
    """How many texts wait."""
    of = select(func.count()).select_from(Delivery).where(Delivery.state == DeliveryState.QUEUED)
    return db.session.scalar(of.where(Delivery.channel == Channel.SMS)) or 0


def text_for(delivery: Delivery, *, at: datetime) -> Text:
    """The text of this delivery. Raises NotWritten's kinds. Writes no rows."""
    message = delivery.message
    if message.stopped_at is not None:
        raise NotNeeded("Sending this message was stopped.")
    if row := opt_outs.blocks(delivery, message):
        raise NotWanted(
            "Whoever has this number replied STOP."
            if row.by_carrier
            else "Whoever has this number wants no such texts."
        )
    number = number_of(delivery)
    if not message.essential:
        _mind_the_hour(number, at)
    return Text(to=number, sender=sender_for(delivery), body=words_of(delivery, at=at), callback=_callback(delivery))


def test_text(typed: str) -> Text:
    """A text to try things out with. Raises CannotBeWritten, NotWanted with the reason."""
    words = _("This is a test from %(company)s. Texts work.", company=companies.settings().name or "Tillbook")
    return text_to(typed, words)


def text_to(typed: str, words: str) -> Text:
    """These words to a number somebody typed. Raises CannotBeWritten, NotWanted with the reason."""
    delivery = Delivery(channel=Channel.SMS, address=_typed_number(typed))
    if opt_outs.blocks(delivery, Message(category="", essential=True, legal_notice=True)):
        raise NotWanted("Whoever has this number replied STOP. They must text START to you first.")
    return Text(to=number_of(delivery), sender=_own_sender(), body=words)


def _typed_number(typed: str) -> str:
    try:
        return phones.e164(typed, companies.settings().country)
    except phones.WrongNumber as error:
        raise CannotBeWritten(str(error)) from error


def number_of(delivery: Delivery) -> str:
    """The number in E.164, in a country that texts may go to. Raises CannotBeWritten."""
    try:
        number = phones.e164(delivery.address)
    except phones.WrongNumber as error:
        raise CannotBeWritten(str(error)) from error
    if phones.country_of(number) not in message_settings.countries():
        raise CannotBeWritten("Texts to this country are not allowed. Allow it in Settings, Messages.")
    return number


def sender_for(delivery: Delivery) -> str:
    """The customer's project's own sender, else the company's."""
    project_id = delivery.customer.project_id if delivery.customer else None
    return message_settings.sender_of(project_id) or _own_sender()


def _own_sender() -> str:
    get = current_app.config.get
    return get("TWILIO_MESSAGING_SERVICE_SID") or get("TWILIO_FROM") or ""


def words_of(delivery: Delivery, *, at: datetime) -> str:
    """What the text says. Raises CannotBeWritten, NotNeeded."""
    writer = _WRITERS.get(delivery.message.kind, _as_typed)
    words = writer(delivery, at).replace("\r\n", "\n").strip()
    if not words:
        raise CannotBeWritten("This message has no text.")
    if len(words) > segments.LONGEST:
        raise CannotBeWritten(f"A text has at most {segments.LONGEST:,} letters; this one has {len(words):,}.")
    return words


def _as_typed(delivery: Delivery, at: datetime) -> str:
    number = delivery.customer_id or delivery.message.customer_id
    customer = db.session.get(Customer, number) if number else None
    return by_hand(delivery.message, customer, at, to=delivery.address)


def by_hand(message: Message, customer: Customer | None, at: datetime, *, to: str = "") -> str:
    """What a person wrote, as the text that this customer gets. Raises CannotBeWritten."""
    if not message.template and message.mailing is None:
        return message.text_body or message.body
    words = said_by_hand(message, customer, at, to=to).sms
    # Amounts are written with spaces that never break, of which one alone doubles what a text costs.
    return words.translate(_BREAKABLE).replace("\r\n", "\n").strip()


_BREAKABLE = {0xA0: " ", 0x202F: " "}


def _phone_code(delivery: Delivery, at: datetime) -> str:
    """The code itself is in no row: it is worked out again from the secret key."""
    row = _code_row(delivery)
    if row is None or row.used_at is not None or row.expires_at <= at or row.phone != delivery.address:
        raise NotNeeded("The code is over. A new one can be asked for.")
    customer = db.session.get(Customer, row.customer_id)
    minutes = max(1, round((row.expires_at - at) / timedelta(minutes=1)))
    return code_words(customer, _code(row), minutes, at)


def code_words(customer: Customer | None, code: str, minutes: int, at: datetime) -> str:
    """What the text with a code says to this customer. Raises CannotBeWritten."""
    locale = language_of(customer, companies.settings())
    with force_locale(locale):
        values = code_values(customer, locale, code, minutes, at)
        return templates.write(phone_verification.KIND, values, locale).sms


def code_values(customer: Customer | None, locale: str, code: str, minutes: int, at: datetime) -> dict[str, Plain]:
    """What the template of codes knows."""
    brand = replace(brands.of(customer), name=companies.settings().name or "Tillbook")
    known = template_values.common(customer, brand, locale, companies.day_of(at))
    return {**known, "code": code, "minutes": str(minutes)}


def secret_in(delivery: Delivery) -> str:
    """What of the text's words may be kept nowhere; empty if all may."""
    if delivery.message.kind != phone_verification.KIND:
        return ""
    row = _code_row(delivery)
    return _code(row) if row else ""


def _code_row(delivery: Delivery) -> PhoneCode | None:
    return db.session.get(PhoneCode, int(delivery.message.body))


def _code(row: PhoneCode) -> str:
    return phone_verification.code_of(row, secret=current_app.config["SECRET_KEY"].encode())


def _dunning(delivery: Delivery, at: datetime) -> str:
    from . import dunning_mail  # which writes the mails too

    return dunning_mail.text(delivery, at)


_WRITERS: dict[str, Callable[[Delivery, datetime], str]] = {
    phone_verification.KIND: _phone_code, **dict.fromkeys(DUNNING.values(), _dunning)
}  # fmt: skip


def digest_of(words: str) -> str:
    """What a text is known by again: a keyed hash of its words, so that a code in them cannot be guessed from it."""
    return hmac.new(current_app.config["SECRET_KEY"].encode(), words.encode(), hashlib.sha256).hexdigest()


def cost_of(text: Text) -> tuple[int, int]:
    """Segments, and what they cost in millionths of the currency of the prices; nothing where no price is known."""
    number = segments.count(text.body).segments
    return number, number * (message_settings.price_of(text.to) or 0)


def mind_the_limits(delivery: Delivery, text: Text, *, at: datetime, limits: MessageSettings) -> None:
    """Raises NotBefore with tomorrow's beginning when one of the daily limits is reached; `limits` are locked."""
    begin, tomorrow = _day(at)
    today = (Delivery.channel == Channel.SMS, Delivery.begun_at >= begin, Delivery.id != delivery.id)
    sums = select(func.count(), func.coalesce(func.sum(Delivery.cost_micro), 0)).where(*today)
    count, spent = db.session.execute(sums).one()
    if limits.texts_per_day and count >= limits.texts_per_day:
        raise NotBefore("The limit of texts a day is reached; it goes on tomorrow.", tomorrow)
    number = db.session.scalar(select(func.count()).where(*today, Delivery.address == delivery.address)) or 0
    if limits.texts_per_number and number >= limits.texts_per_number:
        raise NotBefore("This number got as many texts as it may get in a day; it goes on tomorrow.", tomorrow)
    most = _micro(limits.spend_per_day_minor)
    if most and int(spent) + cost_of(text)[1] > most:
        raise NotBefore("What texts may cost in a day is spent; it goes on tomorrow.", tomorrow)


def _micro(minor: int) -> int:
    return minor * MILLION // 10 ** DECIMALS.get(message_settings.currency(), 2)


def _day(at: datetime) -> tuple[datetime, datetime]:
    """The beginning of the business's day, and of the next one."""
    zone = ZoneInfo(companies.settings().timezone)
    today = at.astimezone(zone).date()
    first, last = (datetime.combine(today + timedelta(days=n), time(), zone) for n in (0, 1))
    return first, last


def _mind_the_hour(number: str, at: datetime) -> None:
    limits = message_settings.get()
    home = ZoneInfo(companies.settings().timezone)
    if then := phones.quiet_until(number, at, limits.quiet_from, limits.quiet_until, home):
        raise NotBefore("It is late where they are; the text leaves in the morning.", then)


def _callback(delivery: Delivery) -> str:
    base: Any = current_app.config.get("BASE_URL")
    return f"{base}{STATUS_PATH}?d={delivery.id}" if base else ""


def with_words(text: Text, words: str) -> Text:
    """The same text with other words."""
    return replace(text, body=words)
