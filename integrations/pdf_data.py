"""Document data on its way into a template: JSON that typst can read, and text that our fonts can print."""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from integrations.documents import DocumentError

MISSING = "�"
MAX_LOGO = 1_000_000  # bytes
PICTURES = ("logo", "qr")

Prints = Callable[[list[str]], bool]


def as_json(data: Any) -> str:
    """The data as JSON; the base64 of a picture (`PICTURES`) becomes the list of its bytes, which is what typst can
    turn into a picture. Keys keep their order, so the same data give the same text. Raises DocumentError for one that
    is no PNG or JPEG, or too large."""
    if isinstance(data, Mapping):
        data = _with_pictures(data)
        if isinstance(data.get("payment"), Mapping):
            data = {**data, "payment": _with_pictures(data["payment"])}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace").decode()  # half a surrogate pair is no text


def _with_pictures(data: Mapping[str, Any]) -> Mapping[str, Any]:
    found = {name: {**data[name], "data": list(_picture(data[name]["data"]))} for name in PICTURES if data.get(name)}
    return {**data, **found} if found else data


def _picture(encoded: str) -> bytes:
    """The file in `encoded`. Other kinds are refused: an SVG, for one, can ask for more files."""
    if len(encoded) > MAX_LOGO * 4 // 3 + 4:
        raise DocumentError("The logo is larger than 1 MB. Save it smaller and upload it again.")
    try:
        picture = base64.b64decode(encoded, validate=True)
    except ValueError:
        picture = b""
    if not picture.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        raise DocumentError("The logo is not a PNG or JPEG picture.")
    return picture


def with_printable_text(data: Any, prints: Prints) -> Any:
    """The same data with whatever `prints` says cannot be printed replaced by �.

    PDF/A allows no empty boxes, so one stray control character would otherwise keep an invoice from being
    made at all. Only texts that are at fault are touched.
    """
    faulty = {text: _mended(text, prints) for text in _failing(_texts(data), prints)}
    return _replaced(data, faulty)


def _texts(data: Any) -> list[str]:
    if isinstance(data, str):
        return [data]
    if isinstance(data, Mapping):
        return [text for key, value in data.items() if key not in PICTURES for text in _texts(value)]
    if isinstance(data, list | tuple):
        return [text for value in data for text in _texts(value)]
    return []


def _failing(texts: list[str], prints: Prints) -> list[str]:
    """Those of the texts that do not print, found by halving."""
    if not texts or prints(texts):
        return []
    if len(texts) == 1:
        return texts
    middle = len(texts) // 2
    return _failing(texts[:middle], prints) + _failing(texts[middle:], prints)


def _mended(text: str, prints: Prints) -> str:
    bad = set(_failing(sorted(set(text)), prints))
    text = "".join(MISSING if char in bad else char for char in text)
    if prints([text]):
        return text
    # What is left are marks set on a letter of another script, which no one font can draw.
    composed = unicodedata.normalize("NFC", text)
    return "".join(char for char in composed if not unicodedata.category(char).startswith("M"))


def _replaced(data: Any, new: Mapping[str, str]) -> Any:
    if isinstance(data, str):
        return new.get(data, data)
    if isinstance(data, Mapping):
        return {key: value if key in PICTURES else _replaced(value, new) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_replaced(value, new) for value in data]
    return data
