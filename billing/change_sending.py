"""How the document of a change of package goes out: with which note of its own, and whether it is mailed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models import PackageChange, db

from .actor import Actor
from .texts import one_line

PERMISSION = "services.edit"
LONGEST = 300


def say(change: PackageChange, *, note: str, send: bool, by: Actor) -> None:
    """Keep both with the change, for the day its document is made. Raises InvalidText, NotAllowed. Flushes."""
    by.require(PERMISSION)
    change.terms = {**change.terms, "note": one_line(note, LONGEST, "The note", empty=True), "send": send}
    db.session.flush()


def kept(terms: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of it in the terms of a change, for other terms in their place."""
    return {name: terms[name] for name in ("note", "send") if name in terms}


def note(change: PackageChange) -> str:
    """Empty without one."""
    return str(change.terms.get("note", ""))


def is_sent(change: PackageChange) -> bool:
    """Mailed, unless somebody said otherwise."""
    return bool(change.terms.get("send", True))
