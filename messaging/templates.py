"""Templates at work: which words a reader gets, in which language, and what becomes of them.

For messages that people write:

    offers(Channel.EMAIL)                      # the templates one can choose from
    source("spring-offer", "de_CH")            # its words as they were typed, to be changed further
    check_words(words)                         # {"body": BadTemplate}: what is wrong in words that were typed
    fill(words, customer, at=…, to=…)          # Said: subject, text, html, sms: as this reader gets it
    marked("spring-offer")                     # for Message.template and .template_mark: each reader gets it in
                                               # their own language, in the words of that moment

A text without double braces is said as it was typed. HTML is made of the same text (rich_text says how).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import func, select

from billing import company as companies
from models import Channel, Customer, MessageTemplate, TemplateVersion, db

from . import brands, shipped, template_values
from .formats import language_of
from .refusals import CannotBeWritten
from .rich_text import MARK, bad_link, html_of
from .template_kinds import KINDS, fields_of
from .template_language import BadTemplate, Out, Plain, check, render

LONGEST_SUBJECT = 300
Wrong = dict[str, BadTemplate]
BY_HAND = ""
"""Stands for the key of words that belong to no template."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a message before fields are filled in. `text_body` is what texts say; empty: the same as mails."""

    subject: str = ""
    body: str = ""
    text_body: str = ""
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Said:
    """A message as one reader gets it. `html` is the inside of the letter, without its frame."""

    subject: str
    text: str
    html: str
    language: str
    sms: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A template that people may write with."""

    key: str
    name: str
    category: str
    languages: tuple[str, ...]


def offers(channel: Channel) -> list[Offer]:
    """The shop's active templates for this channel that have words, by name. Two statements."""
    fits = MessageTemplate.by_text if channel == Channel.SMS else MessageTemplate.by_mail
    found = db.session.scalars(
        select(MessageTemplate)
        .where(fits, MessageTemplate.active, MessageTemplate.builtin.is_(False))
        .order_by(MessageTemplate.name)
    ).all()
    spoken: dict[int, list[str]] = {}
    for version in current([each.id for each in found]):
        spoken.setdefault(version.template_id, []).append(version.language)
    return [Offer(each.key, each.name, each.category, tuple(spoken[each.id])) for each in found if each.id in spoken]


def source(key: str, language: str) -> Words:
    """The words of a template for readers of this language, as they were typed. Raises CannotBeWritten without any."""
    return _words(key, language, 0)


def marked(key: str) -> tuple[str, int]:
    """What a message is given as `template` and `template_mark`, so that later changes do not change it."""
    return key, db.session.scalar(select(func.max(TemplateVersion.id))) or 0


def check_words(words: Words, key: str = BY_HAND, *, channels: tuple[bool, bool] = (True, True)) -> Wrong:
    """What is wrong in each of the texts, by name (subject, body, text_body); empty if nothing is.

    `channels`: whether mails, and whether texts, are written with them.
    """
    kind, fields = KINDS.get(key), fields_of(key)
    used = _used(words, channels)
    wrong: Wrong = {}
    for name in ("subject", "body", "text_body"):
        text = getattr(words, name)
        try:
            check(text, fields, needs=kind.needs if kind and name in used else ())
            if found := bad_link(text):
                raise BadTemplate(found[0], _no_link(found[1]))
        except BadTemplate as error:
            wrong[name] = error
    return wrong


def _used(words: Words, channels: tuple[bool, bool]) -> set[str]:
    """The texts that readers get."""
    by_mail, by_text = channels
    return ({"body"} if by_mail else set()) | ({"text_body" if words.text_body else "body"} if by_text else set())


def _no_link(target: str) -> str:
    return _("“%(link)s” is no link for a message: it begins with https://, mailto: or tel:.", link=target[:60])


def fill(words: Words, customer: Customer | None, *, at: datetime, to: str = "") -> Said:
    """The words as this reader gets them at that moment (aware). Raises CannotBeWritten.

    `to` is the address it goes to, which may be one of the customer's contacts.
    """
    company = companies.settings()
    locale = language_of(customer, company)
    with force_locale(locale):
        known = template_values.by_hand(customer, brands.of(customer), locale, companies.day_of(at), to=to)
        filled = said(words, known)
        return replace(filled, subject=" ".join(filled.subject.split())[:LONGEST_SUBJECT])


def of_message(template: str, mark: int, customer: Customer | None, *, at: datetime, to: str = "") -> Said:
    """What a message that was queued with a template says to this reader. Raises CannotBeWritten."""
    language = language_of(customer, companies.settings())
    return fill(_words(template, language, mark), customer, at=at, to=to)


def write(key: str, values: dict[str, Plain], locale: str) -> Said:
    """What the system says by itself, with these values. Raises CannotBeWritten."""
    return said(_words(key, locale, 0), values)


def said(words: Words, values: dict[str, Plain]) -> Said:
    """Put the values into the words. Raises CannotBeWritten."""
    marks = Out(MARK)
    marked_text = render(words.body, values, marks)
    text = render(words.body, values, Out()) if marks.values else marked_text
    return Said(
        subject=render(words.subject, values, Out()),
        text=text,
        html=html_of(marked_text, marks.values),
        language=words.language,
        sms=render(words.text_body, values, Out()) if words.text_body else text,
    )


def chain(locale: str) -> Iterator[str]:
    """Languages in the order they are asked: the reader's, without its country, the company's, English."""
    seen: set[str] = set()
    for wish in (locale, companies.settings().locale, "en"):
        for each in (wish.replace("-", "_"), wish.replace("-", "_").split("_")[0]):
            if each and each not in seen:
                seen.add(each)
                yield each


def current(template_ids: list[int], mark: int = 0) -> list[TemplateVersion]:
    """The newest words of each language that were not taken back; up to the version `mark` if given."""
    known = select(func.max(TemplateVersion.id)).where(TemplateVersion.template_id.in_(template_ids))
    if mark:
        known = known.where(TemplateVersion.id <= mark)
    newest = known.group_by(TemplateVersion.template_id, TemplateVersion.language)
    rows = select(TemplateVersion).where(TemplateVersion.id.in_(newest), TemplateVersion.is_taken_back.is_(False))
    return list(db.session.scalars(rows.order_by(TemplateVersion.language)))


def own_words(key: str, mark: int = 0) -> dict[str, Words]:
    """The words the shop gave a template, by language. Asked once in each transaction."""
    kept = _kept()
    if (key, mark) not in kept:
        template_id = db.session.scalar(select(MessageTemplate.id).where(MessageTemplate.key == key))
        rows = current([template_id], mark) if template_id else []
        kept[key, mark] = {row.language: Words(row.subject, row.body, row.text_body, row.language) for row in rows}
    return kept[key, mark]


def _kept() -> dict[tuple[str, int], dict[str, Words]]:
    """What was read in this transaction; another one may have saved since."""
    session = db.session()
    transaction = session.get_transaction()
    held, known = session.info.get("templates", (None, {}))
    if held is None or held is not transaction:
        known = {}
        session.info["templates"] = (transaction, known)
    return known


def forget() -> None:
    """Words were saved in this transaction."""
    db.session().info.pop("templates", None)


def _words(key: str, locale: str, mark: int) -> Words:
    own = own_words(key, mark)
    for language in chain(locale):
        if language in own:
            return own[language]
        if key in KINDS and language in _shipped_languages():
            return shipped_words(key, language)
    if own:
        return next(iter(own.values()))
    raise CannotBeWritten(_("The template “%(key)s” has no words.", key=key))


def _shipped_languages() -> frozenset[str]:
    """Languages the system's own words are translated to."""
    translated: Any = current_app.extensions["babel"].instance.list_translations()
    return frozenset({"en", *(str(each) for each in translated)})


@lru_cache(maxsize=128)
def shipped_words(key: str, language: str) -> Words:
    """The system's own words in one of its languages, in the very language of templates that people edit."""
    kind = KINDS[key]
    with force_locale(language):
        if not kind.by_mail:
            return Words(body=shipped.text(key, "sms"), language=language)
        sms = shipped.text(key, "sms") if kind.by_text else ""
        return Words(shipped.text(key, "subject"), shipped.text(key, "body"), sms, language)
