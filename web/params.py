"""One value per name: a second one is refused instead of silently taken or dropped."""

from __future__ import annotations

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest


def only(values: MultiDict[str, str], name: str, default: str = "") -> str:
    """The value of `name`. Raises BadRequest when it comes twice."""
    found = values.getlist(name)
    if len(found) > 1:
        raise BadRequest(f"The field {name!r} came more than once. Load the page again.")
    return found[0] if found else default


LARGEST_ID = 2**63 - 1


def row_id(text: str) -> int | None:
    """The row an address means; None for what can be no row's id."""
    known = text.isascii() and text.isdigit() and len(text) <= 19  # int() itself refuses some thousand digits
    return int(text) if known and int(text) <= LARGEST_ID else None


def number(values: MultiDict[str, str], name: str) -> int:
    """The row id in `name`, digits and nothing else. Raises BadRequest."""
    text = only(values, name)
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest(f"The field {name!r} is not a number. Load the page again.")
    return int(text)
