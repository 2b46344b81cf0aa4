"""In which language somebody reads: their own choice, else the company's, else what the browser asks for."""

from __future__ import annotations

from functools import cache

from babel import Locale, UnknownLocaleError
from flask import Flask, current_app, g, has_request_context, request
from flask_babel import Babel

from billing import company

from .permissions import signed_in_portal_user, signed_in_staff

babel = Babel()
# Dates and amounts follow each of these; words do where there is a translation.
OFFERED = (
    "en", "en_GB", "en_US", "en_AU", "en_CA", "en_IE", "en_IN", "en_ZA", "ar", "bg", "cs", "da", "de", "de_AT",
    "de_CH", "el", "es", "es_MX", "et", "fi", "fr", "fr_CA", "fr_CH", "he", "hr", "hu", "it", "ja", "ko", "lt", "lv",
    "nb", "nl", "pl", "pt", "pt_BR", "ro", "ru", "sk", "sl", "sr", "sv", "tr", "uk", "zh_CN", "zh_TW",
)  # fmt: skip


def init_app(app: Flask) -> None:
    babel.init_app(app, locale_selector=choose, timezone_selector=timezone)


def choose() -> str:
    """The locale of this request, as Babel writes it."""
    for wish in (_own(), _company()):
        if is_known(wish):
            return wish
    if has_request_context():
        wished = request.accept_languages.best_match([name.replace("_", "-") for name in OFFERED])
        return (wished or "en").replace("-", "_")
    return "en"


def timezone() -> str:
    """The business's own zone; people everywhere read its times."""
    found = None if without_database() else company.get()
    return found.timezone if found else "UTC"


def without_database() -> bool:
    """Whether this request found the database broken: the page that says so must not ask it again."""
    return bool(g and g.get("without_database"))


def is_known(name: str) -> bool:
    return name in _names()


def choices() -> list[tuple[str, str]]:
    """What can be chosen: locale and its own name for itself."""
    return sorted(_names().items(), key=lambda pair: pair[1].casefold())


@cache
def _names() -> dict[str, str]:
    names = {}
    for name in OFFERED:
        try:
            own = Locale.parse(name).get_display_name(name) or name
            names[name] = own[0].upper() + own[1:]
        except UnknownLocaleError:
            continue
    return names


def _own() -> str:
    if not has_request_context() or without_database():
        return ""
    person = signed_in_staff() or signed_in_portal_user()
    return person.language if person else ""


def _company() -> str:
    if not current_app or without_database():
        return ""
    found = company.get()
    return found.locale if found else ""
