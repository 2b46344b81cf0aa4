"""The form of a message: what is typed is kept, however unfinished; what is wrong stands at its field."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import BooleanField, DateTimeLocalField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import Length, Optional

from admin.fields import WholeField
from billing import company, message_categories, message_settings
from messaging import mailings, templates
from messaging.mailings import WrongMailing
from models import Channel, Customer, Mailing, db
from web import languages
from web.forms import choices, put_error
from web.permissions import allows

WHEN = [
    (mailings.NOW, _l("Now")),
    (mailings.AT, _l("At a time")),
    (mailings.NIGHT, _l("At night")),
]
LONGEST = 50_000


class MailingForm(FlaskForm):
    by_mail = BooleanField(_l("E-mail"))
    by_text = BooleanField(_l("Text"))
    language = SelectField(_l("Language"), validate_choice=True)
    template = SelectField(_l("Template"))
    category = SelectField(_l("Category"))
    subject = StringField(_l("Subject"), [Length(max=300, message=_l("The subject has at most 300 letters."))])
    body = TextAreaField(_l("Message"), [Length(max=LONGEST, message=_l("That is too long for a message."))])
    text_body = TextAreaField(_l("Other words for the text"), [Length(max=10_000, message=_l("That is too long."))])
    reply_to = StringField(_l("Answers go to"), [Length(max=254, message=_l("That is too long for an address."))])
    with_contacts = BooleanField(_l("A copy to contacts who get such mails"))
    legal_notice = BooleanField(_l("Legal notice"))
    send_when = RadioField(_l("When"), choices=choices(WHEN), default=mailings.NOW)
    send_at = DateTimeLocalField(_l("Day and time"), [Optional()])
    every_days = WholeField(_l("Repeat every … days"))

    def __init__(self, mailing: Mailing, **given: Any) -> None:
        super().__init__(obj=mailing, **given)
        self.category.choices = choices([(one.key, one.name) for one in message_categories.every()] or _builtin())
        self.template.choices = choices([("", _("None: my own words")), *_offered(mailing)])
        self.language.choices = choices(_languages(mailing.language))
        if not self.is_submitted():
            self.send_at.data = _local(mailing.send_at)
            self.every_days.data = mailing.every_days or None

    def values(self) -> dict[str, Any]:
        """What `mailings.change` keeps. A right that somebody lacks is no right, whatever was sent."""
        names = ("by_mail", "by_text", "language", "template", "category", "with_contacts", "send_when")
        found: dict[str, Any] = {name: self[name].data for name in names if not self[name].errors}
        texts = {name: (self[name].data or "") for name in mailings.TEXTS if not self[name].errors}
        found |= texts | {"send_at": _aware(self.send_at.data), "every_days": self.every_days.data or 0}
        found["reply_to"] = found.get("reply_to", "").strip()
        return found | ({"legal_notice": self.legal_notice.data} if allows("messages.legal") else {})

    def refused(self, error: WrongMailing) -> None:
        for name, sentence in error.errors.items():
            put_error(self[name], sentence)


def _builtin() -> list[tuple[str, str]]:
    return [(key, name) for key, (name, _essential) in message_categories.BUILTIN.items()]


def _offered(mailing: Mailing) -> list[tuple[str, str]]:
    """Templates for mails and for texts; one that is no longer offered stays where it was chosen."""
    found = {one.key: one.name for channel in Channel for one in templates.offers(channel)}
    if mailing.template and mailing.template not in found:
        found[mailing.template] = mailing.template
    return sorted(found.items(), key=lambda pair: pair[1].lower())


def _languages(chosen: str) -> list[tuple[str, str]]:
    """Everybody, or those who have one of the languages that customers have."""
    spoken = select(Customer.language).where(Customer.language != "").distinct().limit(100)
    have = {name.replace("-", "_").split("_")[0].lower() for name in db.session.scalars(spoken)} | {chosen}
    names = {key.split("_")[0]: word for key, word in reversed(languages.choices())}
    found = [(key, _("Only those who read %(language)s", language=names.get(key, key))) for key in sorted(have) if key]
    return [("", _("Everybody")), *found]


def zone() -> ZoneInfo:
    return ZoneInfo(company.settings().timezone)


def _local(at: datetime | None) -> datetime | None:
    return at.astimezone(zone()).replace(tzinfo=None) if at else None


def _aware(typed: datetime | None) -> datetime | None:
    return typed.replace(tzinfo=zone()) if typed else None


def night_words() -> str:
    hour = message_settings.get().night_hour
    return _("At %(hour)s:00, when few look at their mail", hour=hour)
