"""The system's own words, as templates in the language that is set: what is translated is put in first."""

from __future__ import annotations

import re
from pathlib import Path

from flask_babel import gettext

FOLDER = Path(__file__).resolve().parent.parent / "templates" / "mail"
_PHRASE = re.compile(r'\{\{ _\("((?:[^"\\]|\\.)*)"((?:, \w+=[\w.]+)*)\) \}\}')
_NAMED = re.compile(r"%\((\w+)\)s")


def text(key: str, part: str) -> str:
    """``{{ _("Hello %(name)s,", name=invoice.buyer) }}`` becomes ``Hallo {{ invoice.buyer }},`` in German."""
    source = (FOLDER / f"{key}.{part}.txt").read_text(encoding="utf-8")
    return _PHRASE.sub(_said, source).strip("\n")


def _said(found: re.Match[str]) -> str:
    words, rest = found.groups()
    fields = dict(each.split("=", 1) for each in rest.split(", ") if each)
    return _NAMED.sub(lambda name: f"{{{{ {fields[name[1]]} }}}}", gettext(words))
