"""One box finds a setting, or a page of settings, by its words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask import url_for
from flask_babel import gettext
from flask_babel import gettext as _

from admin.message_settings_form import MessageSettingsForm
from admin.settings_form import words_of
from admin.settings_parts import address, cards, parts
from billing import company
from billing.setting_list import GROUPS
from web.permissions import allows


@dataclass(frozen=True, slots=True)
class Found:
    """Something that can be set: where it stands, what it does, what it is now, and words it is found by."""

    label: str
    path: str
    about: str
    url: str
    now: str = ""
    words: str = ""

    @property
    def text(self) -> str:
        return f"{self.label} {self.path} {self.about} {self.words}".casefold()


def find(words: str) -> list[Found]:
    """Whatever all the words are about; first what is called so."""
    wanted = words.casefold().split()
    found = [one for one in _everything() if all(word in one.text for word in wanted)]
    return sorted(found, key=lambda one: not all(word in one.label.casefold() for word in wanted))


def _everything() -> Iterator[Found]:
    if allows("settings.edit"):
        yield from _settings()
        yield from _limits()
    titles = {card.key: str(card.title) for card in cards()}
    for part in parts():
        about = str(getattr(part, "about", "") or getattr(part, "empty_text", ""))
        yield Found(str(part.name), titles[part.card], about, address(part), words=str(part.search_words))


def _settings() -> Iterator[Found]:
    seller = company.settings()
    for group in GROUPS:
        for section in group.sections:
            path = " › ".join(dict.fromkeys((gettext(group.title), gettext(section.title))))
            for setting in section.settings:
                url = url_for("settings.group", key=group.key, _anchor=f"at-{setting.name}")
                now = "" if setting.name == "logo" else words_of(setting, company.value(setting.name, seller))
                words = f"{gettext(setting.words)} {setting.name.replace('_', ' ')}"
                yield Found(gettext(setting.label), path, gettext(setting.about), url, now, words)


def _limits() -> Iterator[Found]:
    """The limits of messages have a form and a table of their own."""
    for field in MessageSettingsForm(meta={"csrf": False}):
        url = url_for("message_settings.index", _anchor=field.id)
        yield Found(str(field.label.text), _("Messages"), str(field.description), url)
