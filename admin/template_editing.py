"""The editor of a template: its form, its languages, its fields, and how it would look."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField, TextAreaField

from admin.customers.lookup import CustomerField, label
from billing import message_categories
from messaging import mail_frame, previews, templates
from messaging.formats import is_known
from messaging.refusals import CannotBeWritten
from messaging.template_kinds import KINDS, fields_of
from messaging.templates import Words
from models import Customer, MessageTemplate, TemplateVersion
from web import languages, sessions
from web.forms import choices


class WordsForm(FlaskForm):
    """What it says in one language."""

    subject = StringField(_l("Subject"), render_kw={"maxlength": 300, "autocomplete": "off"})
    body = TextAreaField(_l("Words"), render_kw={"rows": 18, "spellcheck": "true"})
    text_body = TextAreaField(
        _l("Words of texts"),
        description=_l("What goes by text where it should be shorter. Empty: the words above."),
        render_kw={"rows": 4},
    )
    customer = CustomerField(_l("Show it as this customer gets it"))

    def words(self, language: str) -> Words:
        found = ((self[name].data or "").replace("\r\n", "\n") for name in ("subject", "body", "text_body"))
        return Words(*found, language=language)

    def put(self, words: Words) -> None:
        for name in ("subject", "body", "text_body"):
            self[name].data = getattr(words, name)


class TemplateForm(FlaskForm):
    """What a template of the shop's own is."""

    name = StringField(_l("Name"), description=_l("Readers never see it."), render_kw={"maxlength": 120})
    category = SelectField(_l("Category"), description=_l("What readers may not want to get."))
    by_mail = BooleanField(_l("For e-mail"), default=True)
    by_text = BooleanField(_l("For texts"))
    active = BooleanField(_l("Offered when messages are written"), default=True)

    def offer(self) -> None:
        known = {**{k: n for k, (n, _e) in message_categories.BUILTIN.items()}}
        known |= {each.key: each.name for each in message_categories.every()}
        self.category.choices = choices(list(known.items()))

    def values(self) -> dict[str, Any]:
        return {name: self[name].data for name in ("name", "category", "by_mail", "by_text", "active")}


def customer_of(form: WordsForm) -> Customer | None:
    """Whom the preview is for; what is wrong with what was typed stands at the field."""
    form.customer.validate(form)
    found: Customer | None = form.customer.data
    return found


@dataclass(frozen=True, slots=True)
class Preview:
    """How it would look, or why it cannot be shown."""

    subject: str = ""
    text: str = ""
    html: str = ""
    sms: str = ""
    segments: str = ""
    trouble: str = ""
    whose: str = ""


def preview(key: str, words: Words, customer: Customer | None) -> Preview:
    """The words as the customer would get them."""
    template_wrong = templates.check_words(words, key)
    if template_wrong:
        return Preview(trouble=" ".join(str(each) for each in template_wrong.values()))
    try:
        shown = previews.show(key, words, customer, at=sessions.now())
    except CannotBeWritten as refusal:
        return Preview(trouble=str(refusal))
    counted = shown.segments
    size = ngettext("%(letters)s letters, %(num)d segment", "%(letters)s letters, %(num)d segments", counted.segments,
                    letters=len(shown.said.sms))  # fmt: skip
    whose = label(customer) if customer else _("nobody in particular")
    return Preview(
        shown.said.subject,
        shown.said.text,
        mail_frame.with_logo_inside(shown.html, shown.logo),
        shown.said.sms,
        size,
        "",
        whose,
    )


def language_tabs(key: str, chosen: str) -> list[tuple[str, str, bool, bool]]:
    """(language, its name, whether the shop has words in it, whether it is this one)."""
    own = templates.own_words(key)
    here = {*own, chosen, "en"} if key in KINDS else {*own, chosen}
    names = dict(languages.choices())
    return [(each, names.get(each, each), each in own, each == chosen) for each in sorted(here)]


def more_languages(key: str, chosen: str) -> list[tuple[str, str]]:
    """Languages that one could begin."""
    there = {each for each, *_rest in language_tabs(key, chosen)}
    return [(each, name) for each, name in languages.choices() if each not in there]


def chosen_language(key: str, wished: str) -> str:
    """The language to be edited: the one asked for, else one there is, else the company's without its country."""
    if wished and is_known(wished) and len(wished) <= 16:
        return wished.replace("-", "_")
    own = templates.own_words(key)
    home = next(templates.chain(""), "en")
    return next((each for each in (home, home.split("_")[0], *own) if each in own), home.split("_")[0])


def starting_words(key: str, language: str) -> Words:
    """What stands in the editor: the shop's words in this language, else those its readers get now, else nothing."""
    try:
        found = templates.source(key, language)
    except CannotBeWritten:
        return Words(language=language)
    return Words(found.subject, found.body, found.text_body, language)


def field_list(key: str) -> list[tuple[str, str, str]]:
    """(how it is written, what it means, what is put in) of each field, in the order they are shown."""
    found: list[tuple[str, str, str]] = []

    def walk(path: str, what: Any) -> None:
        if isinstance(what, dict):
            for name, inner in what.items():
                walk(f"{path}.{name}" if path else name, inner)
        elif isinstance(what, list):
            item = path.rpartition(".")[2].rstrip("s") if path != "bank" else "row"
            inside = "{{ " + (f"{item}.{next(iter(what[0]))}" if isinstance(what[0], dict) else item) + " }}"
            loop = "{% for " + item + " in " + path + " %}"
            meaning = _("a list: %(parts)s", parts=_parts(item, what[0]))
            found.append((loop, meaning, f"{loop}\n{inside}\n{{% endfor %}}"))
        else:
            put = "{{ " + path + " }}" if ".is_" not in path else "{% if " + path + " %}{% endif %}"
            found.append((path, str(what), put))

    walk("", fields_of(key))
    return found


def _parts(item: str, what: Any) -> str:
    if isinstance(what, dict):
        return "; ".join(f"{item}.{name}: {meaning}" for name, meaning in what.items())
    return str(what)


def difference(version: TemplateVersion, former: TemplateVersion | None) -> list[tuple[str, str]]:
    """The lines of a version with a sign: + is new, - was taken out, a space stayed."""
    lines = difflib.ndiff(_lines(former), _lines(version))
    return [(line[0], line[2:]) for line in lines if line[0] != "?"]


def _lines(version: TemplateVersion | None) -> list[str]:
    if version is None or version.is_taken_back:
        return []
    parts = [version.subject, *version.body.splitlines()]
    return [*parts, "—", *version.text_body.splitlines()] if version.text_body else parts


def name_of(key: str, template: MessageTemplate | None) -> str:
    """What people call it."""
    return str(KINDS[key].name) if key in KINDS else template.name if template else key
