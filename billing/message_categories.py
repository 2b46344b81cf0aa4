"""The kinds of messages: the system's own, and those a shop makes. Nobody opts out of an essential one."""

from __future__ import annotations

import re

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from models import BillingError, Message, MessageCategory, OptOut, db

from . import audit
from .actor import Actor
from .texts import one_line

BUILTIN: dict[str, tuple[str, bool]] = {
    "invoice": ("Invoices", True),
    "quote": ("Quotes", True),
    "reminder": ("Payment reminders", True),
    "receipt": ("Receipts", True),
    "welcome": ("Welcome", True),
    "reset": ("Sign-in and passwords", True),
    "notice": ("Service notices", True),
    "news": ("News and offers", False),
}
"""key -> name, and whether it is essential."""
TECHNICAL = frozenset({"notice"})
"""Those of the system's own that technical people read in the portal, unless the shop says otherwise."""
ABOUT_MONEY = frozenset({"invoice", "quote", "reminder", "receipt", "welcome", "reset"})
"""Those they never read: they name amounts, or are between the shop and one person."""


class CategoryRefused(BillingError):
    """A category cannot be like this."""


def ensure() -> dict[str, MessageCategory]:
    """The system's own categories by their keys; those that are missing are made. Flushes."""
    known = {each.key: each for each in db.session.scalars(select(MessageCategory).where(MessageCategory.builtin))}
    for key, (name, essential) in BUILTIN.items():
        if key not in known:
            try:
                with db.session.begin_nested():
                    known[key] = MessageCategory(
                        key=key, name=name, essential=essential, builtin=True, technical=key in TECHNICAL
                    )
                    db.session.add(known[key])
            except IntegrityError:  # somebody else makes them just now
                known[key] = db.session.scalars(select(MessageCategory).where(MessageCategory.key == key)).one()
    return known


def every() -> list[MessageCategory]:
    """All categories, the system's own first. Only reads: own ones show once `ensure` has made them."""
    query = select(MessageCategory).order_by(MessageCategory.builtin.desc(), MessageCategory.id)
    return list(db.session.scalars(query))


def is_essential(key: str) -> bool:
    """Whether nobody can opt out of it; messages of no category are the system's own and essential."""
    if not key:
        return True
    found = db.session.scalar(select(MessageCategory.essential).where(MessageCategory.key == key))
    if found is None:
        return BUILTIN.get(key, ("", False))[1]
    return found


def technical_keys() -> set[str]:
    """Of which categories those who see no money read messages in the portal. One statement."""
    rows = db.session.execute(select(MessageCategory.key, MessageCategory.technical))
    known = {row.key: row.technical for row in rows}
    return {key for key in (*known, *TECHNICAL) if known.get(key, True)} - ABOUT_MONEY


def name_of(key: str) -> str:
    """The category's name for people."""
    found = db.session.scalar(select(MessageCategory.name).where(MessageCategory.key == key))
    return found or BUILTIN.get(key, (key, False))[0]


def create(name: str, *, essential: bool = False, technical: bool = False, by: Actor) -> MessageCategory:
    """A category of the shop's own. Raises NotAllowed, CategoryRefused, InvalidText. Flushes."""
    by.require("settings.edit")
    ensure()
    found = _free_name(name)
    category = MessageCategory(key=_free_key(found), name=found, essential=essential, technical=technical)
    db.session.add(category)
    db.session.flush()
    audit.record(
        by, "message_category.created", category, after={"name": found, "essential": essential, "technical": technical}
    )
    return category


def change(category: MessageCategory, name: str, *, essential: bool, technical: bool, by: Actor) -> None:
    """Change a category; of the system's own only the name, and who reads it where it is not about money. Raises as
    `create`. Flushes."""
    by.require("settings.edit")
    values: dict[str, object] = {"name": _free_name(name, category)}
    values |= {} if category.builtin else {"essential": essential}
    values |= {} if category.key in ABOUT_MONEY else {"technical": technical}
    before, after = audit.changes(category, values)
    for field in after:
        setattr(category, field, values[field])
    if after:
        audit.record(by, "message_category.changed", category, before=before, after=after)
    db.session.flush()


def delete(category: MessageCategory, *, by: Actor) -> None:
    """Delete one of the shop's own that no message bears. Raises NotAllowed, CategoryRefused. Flushes."""
    by.require("settings.edit")
    if category.builtin:
        raise CategoryRefused(f"{category.name} belongs to the system and cannot be deleted.")
    if db.session.scalar(select(Message.id).where(Message.category == category.key).limit(1)):
        raise CategoryRefused(f"Messages of the category {category.name} were sent, so it has to stay.")
    audit.record(by, "message_category.deleted", category, before={"name": category.name})
    db.session.execute(db.delete(OptOut).where(OptOut.category == category.key))
    db.session.delete(category)
    db.session.flush()


def _free_name(name: str, category: MessageCategory | None = None) -> str:
    found = one_line(name, 120, "The name")
    same = select(MessageCategory.id).where(func.lower(MessageCategory.name) == found.lower())
    if db.session.scalar(same.where(MessageCategory.id != (category.id if category else 0)).limit(1)):
        raise CategoryRefused(f"There is a category {found} already.")
    return found


def _free_key(name: str) -> str:
    """A plain word that no other category has; it stays when the name changes."""
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30] or "own"
    taken = set(db.session.scalars(select(MessageCategory.key).where(MessageCategory.key.startswith(word))))
    taken |= set(BUILTIN)
    return next(key for n in range(1, 10_000) if (key := word if n == 1 else f"{word}-{n}") not in taken)
