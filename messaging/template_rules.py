"""Making and changing templates. Words are only ever added: each save is a new version, and none is lost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from babel import Locale, UnknownLocaleError
from flask_babel import gettext as _
from sqlalchemy import func, select

from billing import audit, message_categories, segments
from billing.actor import Actor
from billing.texts import InvalidText, one_line
from models import BillingError, Message, MessageTemplate, TemplateVersion, db

from . import templates
from .template_kinds import KINDS
from .template_language import LONGEST_SOURCE
from .templates import Words

KEPT = ("subject", "body", "text_body")


class TemplateRefused(BillingError):
    """A template cannot be like this; `errors` says what is wrong with which field."""

    def __init__(self, **errors: str) -> None:
        super().__init__(next(iter(errors.values())))
        self.errors = errors


def get(key: str) -> MessageTemplate | None:
    """The template with this key, if it was ever changed or made."""
    return db.session.scalars(select(MessageTemplate).where(MessageTemplate.key == key)).first()


def create(values: Mapping[str, Any], *, by: Actor) -> MessageTemplate:
    """A template of the shop's own: name, category, by_mail, by_text, active. Raises NotAllowed, TemplateRefused."""
    by.require("settings.edit")
    read = _read(values, None)
    template = MessageTemplate(key=_free_key(read["name"]), builtin=False, **read)
    db.session.add(template)
    db.session.flush()
    audit.record(by, "message_template.created", template, after=audit.plain(read))
    db.session.flush()
    return template


def change(template: MessageTemplate, values: Mapping[str, Any], *, by: Actor) -> bool:
    """Change a template of the shop's own; whether anything was different. Raises as `create`. Flushes."""
    by.require("settings.edit")
    if template.builtin:
        raise TemplateRefused(name=_("The system says this by itself: only its words can be changed."))
    read = _read(values, template.id)
    before, after = audit.changes(template, read)
    for field in after:
        setattr(template, field, read[field])
    if after:
        audit.record(by, "message_template.changed", template, before=before, after=after)
    db.session.flush()
    return bool(after)


def save(template_key: str, words: Words, *, by: Actor) -> TemplateVersion | None:
    """Keep these words as the newest of their language; None if they are what holds already. Flushes.

    Raises NotAllowed, TemplateRefused with what is wrong at each text and its line.
    """
    by.require("settings.edit")
    template = _made(template_key)
    words = _clean(words)
    _check(template, words)
    known = templates.own_words(template_key).get(words.language)
    if known == words:
        return None
    return _add(template, words, by)


def take_back(template_key: str, language: str, *, by: Actor) -> TemplateVersion | None:
    """No own words in this language any more: the system's hold again, or none. None if there were none. Flushes."""
    by.require("settings.edit")
    template = get(template_key)
    if template is None or language not in templates.own_words(template_key):
        return None
    return _add(template, Words(language=language), by, is_taken_back=True)


def restore(version: TemplateVersion, *, by: Actor) -> TemplateVersion | None:
    """Say again what this version said: it becomes the newest. Raises as `save`. Flushes."""
    if version.is_taken_back:
        return take_back(version.template.key, version.language, by=by)
    words = Words(version.subject, version.body, version.text_body, version.language)
    return save(version.template.key, words, by=by)


def delete(template: MessageTemplate, *, by: Actor) -> None:
    """Delete one of the shop's own that no message was written with. Raises NotAllowed, TemplateRefused. Flushes."""
    by.require("settings.edit")
    if template.builtin:
        raise TemplateRefused(name=_("The system says this by itself, so it cannot be deleted."))
    if db.session.scalar(select(Message.id).where(Message.template == template.key).limit(1)):
        raise TemplateRefused(name=_("Messages were written with it, so it has to stay. Switch it off instead."))
    audit.record(by, "message_template.deleted", template, before={"name": template.name})
    db.session.execute(db.delete(TemplateVersion).where(TemplateVersion.template_id == template.id))
    db.session.delete(template)
    db.session.flush()
    templates.forget()


def versions(template: MessageTemplate, language: str, *, limit: int = 20) -> list[TemplateVersion]:
    """The newest words first."""
    its = (TemplateVersion.template_id == template.id, TemplateVersion.language == language)
    return list(
        db.session.scalars(select(TemplateVersion).where(*its).order_by(TemplateVersion.id.desc()).limit(limit))
    )


def before(version: TemplateVersion) -> TemplateVersion | None:
    """What held before this version."""
    its = (TemplateVersion.template_id == version.template_id, TemplateVersion.language == version.language)
    return db.session.scalars(select(TemplateVersion).where(*its, TemplateVersion.number == version.number - 1)).first()


def _made(key: str) -> MessageTemplate:
    """The row of a template; one the system says by itself gets its row with its first words."""
    found = get(key)
    if found is None and key in KINDS:
        kind = KINDS[key]
        found = MessageTemplate(
            key=key, name=str(kind.name), category=kind.category, by_mail=kind.by_mail, by_text=kind.by_text,
            active=True, builtin=True,
        )  # fmt: skip
        db.session.add(found)
        db.session.flush()
    if found is None:
        raise TemplateRefused(name=_("There is no such template."))
    # One at a time, so that two who save at once get numbers one after the other.
    return db.session.get_one(MessageTemplate, found.id, with_for_update=True, populate_existing=True)


def _add(template: MessageTemplate, words: Words, by: Actor, *, is_taken_back: bool = False) -> TemplateVersion:
    its = (TemplateVersion.template_id == template.id, TemplateVersion.language == words.language)
    number = db.session.scalar(select(func.max(TemplateVersion.number)).where(*its)) or 0
    version = TemplateVersion(
        template_id=template.id, number=number + 1, language=words.language, subject=words.subject, body=words.body,
        text_body=words.text_body, is_taken_back=is_taken_back, saved_at=by.at, saved_by=by.name,
    )  # fmt: skip
    db.session.add(version)
    db.session.flush()
    verb = "message_template.taken_back" if is_taken_back else "message_template.saved"
    audit.record(by, verb, template, after={"language": words.language, "version": number + 1})
    db.session.flush()
    templates.forget()
    return version


def _clean(words: Words) -> Words:
    """Line breaks of one kind, no spaces at the ends."""
    subject, body, text_body = (
        getattr(words, name).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip() for name in KEPT
    )
    return Words(subject, body, text_body, _language(words.language))


def _language(name: str) -> str:
    try:
        Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        raise TemplateRefused(language=_("Choose a language from the list.")) from None
    return name.replace("-", "_")


def _check(template: MessageTemplate, words: Words) -> None:
    errors = {}
    if template.by_mail and not words.subject:
        errors["subject"] = _("A mail needs a subject.")
    if "\n" in words.subject or len(words.subject) > templates.LONGEST_SUBJECT:
        errors["subject"] = _("The subject is one line of at most %(n)s letters.", n=templates.LONGEST_SUBJECT)
    if not (words.body or (words.text_body and not template.by_mail)):
        errors["body" if template.by_mail else "text_body"] = _("Type what the message says.")
    if len(words.text_body) > segments.LONGEST:
        errors["text_body"] = _("A text has at most %(n)s letters.", n=segments.LONGEST)
    if max(len(words.body), len(words.text_body)) > LONGEST_SOURCE:
        errors["body"] = _("A template has at most %(n)s letters.", n=LONGEST_SOURCE)
    channels = (template.by_mail, template.by_text)
    for name, wrong in templates.check_words(words, template.key, channels=channels).items():
        errors.setdefault(name, str(wrong))
    if errors:
        raise TemplateRefused(**errors)


def _read(values: Mapping[str, Any], own_id: int | None) -> dict[str, Any]:
    try:
        name = one_line(str(values.get("name") or ""), 120, "The name")
    except InvalidText as error:
        raise TemplateRefused(name=str(error)) from error
    same = select(MessageTemplate.id).where(func.lower(MessageTemplate.name) == name.lower())
    if db.session.scalar(same.where(MessageTemplate.id != (own_id or 0)).limit(1)):
        raise TemplateRefused(name=_("There is a template %(name)s already.", name=name))
    category = str(values.get("category") or "")
    known = {*message_categories.BUILTIN, *(each.key for each in message_categories.every())}
    if category not in known:
        raise TemplateRefused(category=_("Choose what kind of message it is."))
    by_mail, by_text = bool(values.get("by_mail")), bool(values.get("by_text"))
    if not (by_mail or by_text):
        raise TemplateRefused(by_mail=_("Choose e-mail, text, or both."))
    active = bool(values.get("active", True))
    return {"name": name, "category": category, "by_mail": by_mail, "by_text": by_text, "active": active}


def _free_key(name: str) -> str:
    """A plain word that no other template has; it stays when the name changes."""
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30].strip("-") or "template"
    taken = set(db.session.scalars(select(MessageTemplate.key).where(MessageTemplate.key.startswith(word)))) | set(
        KINDS
    )
    return next(key for n in range(1, 10_000) if (key := word if n == 1 else f"{word}-{n}") not in taken)
