"""What one chooses about the look of documents: a closed list, each choice with its bounds and its default.

Choices are plain values (JSON): texts and labels by language, everything else once. A choice left out holds its
default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from models import BillingError, TemplateKind

from .texts import InvalidText, one_line

LAYOUTS = {TemplateKind.DOCUMENT: ("standard", "letter", "compact"), TemplateKind.WEB: ("standard", "plain")}
FONTS = ("Inter", "IBM Plex Sans", "Source Serif 4")
PAPERS = ("", "a4", "us-letter")
"""Empty: the company's."""
LOGOS = ("company", "own", "none")
HEIGHTS = {"small": 9, "medium": 13, "large": 20}
"""Millimetres."""
COLUMNS = ("position", "quantity", "price", "tax")
INK = "#161a23"
PARAGRAPHS = ("intro", "payment", "foot")
LABELS = ("billed_to", "seller", "facts", "description", "quantity", "price", "tax", "amount")
TEXTS = ("heading", *PARAGRAPHS, *LABELS)
LONGEST_TEXT, LONGEST_LABEL, MOST_LANGUAGES = 2_000, 40, 20
EVERY_LANGUAGE = ""

_LANGUAGE = re.compile(r"|[a-z]{2,3}(?:_[A-Za-z0-9]{2,8})?")
_COLOUR = re.compile(r"#[0-9a-f]{6}")


class WrongChoices(BillingError):
    """Choices that cannot be; `errors` has a sentence by choice (texts: ``texts-de-intro``)."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


def defaults(kind: TemplateKind, **changes: Any) -> dict[str, Any]:
    """The choices of the standard template, with `changes`."""
    choices = {
        "layout": "standard", "font": FONTS[0], "accent": INK, "logo": "company", "logo_height": "medium",
        "columns": ["quantity", "price", "tax"], "details": True, "qr": False, "texts": {},
    }  # fmt: skip
    return {**choices, **({"paper": ""} if kind == TemplateKind.DOCUMENT else {}), **changes}


SHIPPED: dict[TemplateKind, dict[str, dict[str, Any]]] = {
    TemplateKind.DOCUMENT: {
        "standard": defaults(TemplateKind.DOCUMENT),
        "letter": defaults(TemplateKind.DOCUMENT, layout="letter"),
        "compact": defaults(TemplateKind.DOCUMENT, layout="compact"),
    },
    TemplateKind.WEB: {
        "standard": defaults(TemplateKind.WEB),
        "plain": defaults(TemplateKind.WEB, layout="plain", logo="none"),
    },
}
"""The choices of the templates that come with the product, by kind and key."""


def read(kind: TemplateKind, values: Mapping[str, Any]) -> dict[str, Any]:
    """The choices, complete and fit to be stored. Raises WrongChoices with everything that is wrong."""
    found, errors = defaults(kind), {}
    for name, take in _readers(kind).items():
        if name not in values:
            continue
        try:
            found[name] = take(values[name])
        except InvalidText as error:
            errors[name] = str(error)
    found["texts"] = _texts(values.get("texts") or {}, errors)
    if errors:
        raise WrongChoices(errors)
    return found


def texts_for(choices: Mapping[str, Any], locale: str) -> dict[str, str]:
    """The texts for a reader, each by itself: of the locale (de_CH), else its language (de), else of everybody."""
    known = choices.get("texts") or {}
    wanted = [known.get(name, {}) for name in (locale, locale.split("_")[0], EVERY_LANGUAGE)]
    found = {name: next((each[name] for each in wanted if each.get(name)), "") for name in TEXTS}
    return {name: text for name, text in found.items() if text}


def _readers(kind: TemplateKind) -> dict[str, Callable[[Any], Any]]:
    known: dict[str, Callable[[Any], Any]] = {
        "layout": _one_of(LAYOUTS[kind]), "font": _one_of(FONTS), "accent": _colour, "logo": _one_of(LOGOS),
        "logo_height": _one_of(HEIGHTS), "columns": _columns, "details": bool, "qr": bool,
    }  # fmt: skip
    return {**known, "paper": _one_of(PAPERS)} if kind == TemplateKind.DOCUMENT else known


def _one_of(words: Any) -> Callable[[Any], str]:
    def take(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise InvalidText("Choose one from the list.")
        return value

    return take


def _colour(value: Any) -> str:
    if not isinstance(value, str) or not _COLOUR.fullmatch(value.strip().lower()):
        raise InvalidText("A colour is written like #0e8577.")
    return value.strip().lower()


def _columns(value: Any) -> list[str]:
    wanted = set(value) if isinstance(value, list | tuple) else {None}
    if not wanted <= set(COLUMNS):
        raise InvalidText("Choose columns from the list.")
    return [name for name in COLUMNS if name in wanted]


def _texts(value: Any, errors: dict[str, str]) -> dict[str, dict[str, str]]:
    """Texts by language; those that are empty are left out, and so are languages that say nothing."""
    found: dict[str, dict[str, str]] = {}
    if not isinstance(value, Mapping) or len(value) > MOST_LANGUAGES:
        errors["texts"] = f"There are at most {MOST_LANGUAGES} languages."
        return found
    for language, words in value.items():
        if not isinstance(language, str) or not _LANGUAGE.fullmatch(language) or not isinstance(words, Mapping):
            errors["texts"] = "Choose a language from the list."
            continue
        said = {}
        for name in TEXTS:
            try:
                said[name] = _text(name, words.get(name) or "")
            except InvalidText as error:
                errors[f"texts-{language}-{name}"] = str(error)
        found[language] = {name: text for name, text in said.items() if text}
    return {language: words for language, words in sorted(found.items()) if words}


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidText("This is text.")
    text = value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()
    if name in PARAGRAPHS:
        if len(text) > LONGEST_TEXT:
            raise InvalidText(f"A text has at most {LONGEST_TEXT:,} letters.")
        return text
    return one_line(text, 200 if name == "heading" else LONGEST_LABEL, "This", empty=True)
