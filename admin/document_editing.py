"""The editor of a template of documents: its choices, its texts in each language, and what changed between versions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, FileField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired
from wtforms.widgets import ColorInput

from admin.document_words import offered
from admin.fields import TickField
from admin.own_lists import line
from billing import document_choices
from billing.document_choices import EVERY_LANGUAGE, LABELS, LAYOUTS, PARAGRAPHS, TEXTS
from messaging.document_template_rules import shipped_source
from models import DocumentTemplateVersion, TemplateKind
from web import languages
from web.forms import choices

LAYOUT_WORDS = {
    "standard": _l("Standard"), "letter": _l("Letter with address window"), "compact": _l("Compact"),
    "plain": _l("Plain"),
}  # fmt: skip
LOGO_WORDS = {"company": _l("The project's or company's"), "own": _l("One of its own"), "none": _l("None")}
HEIGHT_WORDS = {"small": _l("Small"), "medium": _l("Medium"), "large": _l("Large")}
COLUMN_WORDS = {
    "position": _l("Number of the line"), "quantity": _l("Quantity"), "price": _l("Price"), "tax": _l("Tax"),
}  # fmt: skip
PAPER_WORDS = {"": _l("The company's"), "a4": "A4", "us-letter": "US Letter"}
TEXT_WORDS = {
    "heading": _l("Title of invoices"), "intro": _l("Introduction"), "payment": _l("Payment text"),
    "foot": _l("Foot"), "billed_to": _l("Billed to"), "seller": _l("From"), "facts": _l("Details"),
    "description": _l("Description"), "quantity": _l("Quantity"), "price": _l("Price"), "tax": _l("Tax"),
    "amount": _l("Amount"),
}  # fmt: skip
TEXT_ABOUT = {
    "heading": _l("In place of “Invoice”, such as “Tax invoice”."),
    "intro": _l("Above the lines of invoices."),
    "payment": _l("In place of “Please pay by …”. The terms stay below it."),
    "foot": _l("At the foot of each page, in place of name and address."),
}
CHOICE_WORDS: dict[str, tuple[Any, Mapping[str, Any]]] = {
    "layout": (_l("Layout"), LAYOUT_WORDS), "accent": (_l("Colour"), {}), "font": (_l("Font"), {}),
    "paper": (_l("Paper"), PAPER_WORDS), "logo": (_l("Logo"), LOGO_WORDS),
    "logo_height": (_l("Size of the logo"), HEIGHT_WORDS), "columns": (_l("Columns"), COLUMN_WORDS),
    "details": (_l("Details under each line"), {}), "qr": (_l("Payment code"), {}),
}  # fmt: skip
_TEXT = re.compile(r"texts-([a-z]{2,3}(?:_[A-Za-z0-9]{2,8})?|)-([a-z_]+)")


class LookForm(FlaskForm):
    """What one chooses; the texts stand beside it, by language."""

    name = line(_l("Name"), 120, _l("Customers never see it."), InputRequired(_l("Type a name.")))
    layout = RadioField(_l("Layout"))
    accent = StringField(_l("Colour"), widget=ColorInput(), description=_l("Of the title and what is to be paid."))
    font = SelectField(_l("Font"), choices=choices((name, name) for name in document_choices.FONTS))
    paper = SelectField(_l("Paper"))
    logo = RadioField(_l("Logo"))
    picture = FileField(_l("Picture"), description=_l("PNG or JPEG of at most 1 MB."),
                        render_kw={"accept": "image/png,image/jpeg"})  # fmt: skip
    logo_height = SelectField(_l("Size of the logo"))
    columns = TickField(_l("Columns"), description=_l("Description and amount are always there."))
    details = BooleanField(_l("Period, discount and details under each line"))
    qr = BooleanField(
        _l("Payment code"), description=_l("A square that European bank apps scan: for euros, with an IBAN.")
    )
    source = TextAreaField(_l("Source"), render_kw={"rows": 24, "spellcheck": "false", "wrap": "off"})
    invoice = StringField(_l("Show it on this invoice"), render_kw={"maxlength": 40, "autocomplete": "off"})

    def __init__(self, kind: TemplateKind, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        self.layout.choices = choices((key, LAYOUT_WORDS[key]) for key in LAYOUTS[kind])
        self.logo.choices, self.logo_height.choices = choices(LOGO_WORDS.items()), choices(HEIGHT_WORDS.items())
        self.columns.choices, self.paper.choices = choices(COLUMN_WORDS.items()), choices(PAPER_WORDS.items())
        self.texts: dict[str, dict[str, str]] = {EVERY_LANGUAGE: {}}
        self.text_errors: dict[str, str] = {}
        if kind == TemplateKind.WEB:
            del self.paper

    def put(self, name: str, chosen: Mapping[str, Any], source: str) -> None:
        """Show a template as it is kept."""
        for key, value in chosen.items():
            if key in self:
                self[key].data = value
        self.name.data, self.source.data = name, source or shipped_source(self.kind)
        self.texts = {EVERY_LANGUAGE: {}, **{language: dict(words) for language, words in chosen["texts"].items()}}

    def take(self) -> None:
        """Read the texts that were sent; a language more if one was asked for."""
        for key, text in request.form.items():
            found = _TEXT.fullmatch(key)
            if found and found[2] in TEXTS:
                self.texts.setdefault(found[1], {})[found[2]] = text.replace("\r\n", "\n")
        more = request.form.get("more", "")
        if "add_language" in request.form and languages.is_known(more):
            self.texts.setdefault(more.replace("-", "_"), {})

    def chosen(self) -> dict[str, Any]:
        """The choices as they were sent, to be read by the rule."""
        plain = ("layout", "accent", "font", "paper", "logo", "logo_height", "columns", "details", "qr")
        return {**{name: self[name].data for name in plain if name in self}, "texts": self.texts}

    def refused(self, errors: Mapping[str, str]) -> None:
        """Put each sentence where it belongs."""
        for name, why in errors.items():
            if name in self:
                self[name].errors = [*self[name].errors, why]
            elif name.startswith("texts-"):
                self.text_errors[name] = why
            else:
                self.form_errors.append(why)

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """The texts as they are shown: for each language its name, and its fields, long ones and labels."""
        names = dict(languages.choices())
        found = []
        for language, words in self.texts.items():
            fields = [_field(language, name, words.get(name, ""), self.text_errors) for name in TEXTS]
            found.append({
                "language": language, "name": names.get(language, language) if language else _("Every language"),
                "texts": [f for f in fields if f["name"] not in LABELS],
                "labels": [f for f in fields if f["name"] in LABELS], "filled": any(words.values()),
                "wrong": any(f["error"] for f in fields),
            })  # fmt: skip
        return found

    @property
    def more_languages(self) -> list[tuple[str, str]]:
        return [(key, name) for key, name in languages.choices() if key.replace("-", "_") not in self.texts]


class NewForm(FlaskForm):
    """What a new template is called, and which one it begins as."""

    name = line(_l("Name"), 120, _l("Customers never see it."), InputRequired(_l("Type a name.")))
    start = SelectField(_l("Begin with"))

    def __init__(self, kind: TemplateKind, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.start.choices = choices(offered(kind))


def _field(language: str, name: str, text: str, errors: Mapping[str, str]) -> dict[str, Any]:
    key = f"texts-{language}-{name}"
    return {
        "id": key, "name": name, "label": TEXT_WORDS[name], "about": TEXT_ABOUT.get(name, ""), "text": text,
        "error": errors.get(key, ""), "long": name in PARAGRAPHS,
    }  # fmt: skip


def difference(version: DocumentTemplateVersion, former: DocumentTemplateVersion | None) -> list[tuple[str, str]]:
    """The lines of a version with a sign: + is new, - was taken out, a space stayed. Long stretches that stayed are
    left out, with … in their place."""
    changed = difflib.unified_diff(_lines(former), _lines(version), lineterm="", n=3)
    return [("…", "") if one.startswith("@@") else (one[0], one[1:]) for one in list(changed)[2:]]


def _said(value: Any, known: Mapping[str, Any]) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(str(known.get(one, one)) for one in value) or _("none")
    return str(known.get(value, value))


def _lines(version: DocumentTemplateVersion | None) -> list[str]:
    if version is None:
        return []
    lines = [f"{label}: {_said(version.choices[name], known)}" for name, (label, known) in CHOICE_WORDS.items()
             if name in version.choices]  # fmt: skip
    for language, words in sorted(version.choices.get("texts", {}).items()):
        for name, text in sorted(words.items()):
            place = f"{TEXT_WORDS[name]} ({language})" if language else str(TEXT_WORDS[name])
            lines += [f"{place}: {each}" for each in text.splitlines()]
    if version.picture_id:
        lines.append(f"{_('Picture')}: {version.picture.sha256[:12]}" if version.picture else "")
    return [*lines, "—", *version.source.splitlines()] if version.source else lines


def uploaded() -> bytes | None:
    """The file that came, if any did; no more of it than is looked at."""
    file = request.files.get("picture")
    if file is None or not file.filename:
        return None
    with file.stream as stream:
        return stream.read(1_000_001)
