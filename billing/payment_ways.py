"""The ways in which money comes in, in the shop's own words: bank transfer, cash, and whatever a shop takes.

A payment keeps the word it came by, whatever becomes of the way. Instructions are printed on invoices and shown in the
portal to those they are for: by the way customers are billed, which they have themselves or are handed down by group,
project or company. They are frozen with the seller's name and bank details when a document is issued.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import func, select

from models import FieldError, Payment, PaymentMethod, PaymentWay, db
from models.prepared import prepared

from . import audit
from .actor import Actor
from .texts import InvalidText, many_lines, one_line

USUAL = ("Bank transfer", "Cash", "Cheque", "Card", "Direct debit")
"""What a shop begins with."""
FIELDS = ("name", "instructions", "shown_to", "position")
EVERYBODY = "all"
"""Stands beside `PaymentMethod` where instructions are frozen: for everybody who is billed."""


class WayRefused(FieldError):
    """A way to pay cannot be like this; `field` names what is wrong."""


def offered() -> list[PaymentWay]:
    """The ways in use, in their order."""
    query = select(PaymentWay).where(PaymentWay.archived_on.is_(None))
    return list(db.session.scalars(query.order_by(PaymentWay.position, PaymentWay.name)))


def names() -> list[str]:
    """What one can choose from while a payment is entered: the shop's own words, or the usual ones as long as there
    are none."""
    return [way.name for way in offered()] or list(USUAL)


def ids(names: Iterable[str]) -> dict[str, int]:
    """The ways of these names, whether they are still in use or not; others are no way of the shop's own."""
    query = select(PaymentWay.name, PaymentWay.id).where(PaymentWay.name.in_(set(names)))
    return dict(db.session.execute(query).all())


def instructions() -> dict[str, str]:
    """What is frozen on documents: the instructions in use by whom they are for, each way's behind its name."""
    found: dict[str, list[str]] = {}
    for name, instructions, shown_to in _in_use():
        if instructions and shown_to != PaymentMethod.FREE:
            found.setdefault(str(shown_to or EVERYBODY), []).append(f"{name}: {instructions}")
    return {f"pay_{whom}": "\n".join(texts) for whom, texts in found.items()}


@prepared
def _in_use() -> Any:
    columns = PaymentWay.name, PaymentWay.instructions, PaymentWay.shown_to
    return select(*columns).where(PaymentWay.archived_on.is_(None)).order_by(PaymentWay.position, PaymentWay.name)


def shown(seller: Mapping[str, str], method: str) -> list[str]:
    """The lines of a frozen seller that a customer billed by `method` is shown."""
    texts = [seller.get(f"pay_{whom}", "") for whom in (EVERYBODY, method)]
    return [line for text in texts for line in text.splitlines() if line.strip()]


def create(values: Mapping[str, Any], *, by: Actor) -> PaymentWay:
    """Add a way to pay. Raises NotAllowed, WayRefused. Flushes."""
    by.require("settings.edit")
    way = PaymentWay(**_read(values))
    db.session.add(way)
    db.session.flush()
    audit.record(by, "payment_way.created", way, after=audit.plain({name: getattr(way, name) for name in values}))
    return way


def begin() -> None:
    """The usual ways, for a shop that is just being set up. Flushes."""
    db.session.add_all(PaymentWay(name=name, position=place * 10) for place, name in enumerate(USUAL, 1))
    db.session.flush()


def add_usual(*, by: Actor) -> int:
    """Add those of the usual ways that are missing; how many. Raises NotAllowed."""
    by.require("settings.edit")
    known = set(db.session.scalars(select(func.lower(PaymentWay.name))))
    wanted = [name for name in USUAL if name.lower() not in known]
    for place, name in enumerate(wanted, 1):
        create({"name": name, "position": place * 10}, by=by)
    return len(wanted)


def change(way: PaymentWay, values: Mapping[str, Any], *, by: Actor) -> None:
    """Change a way; payments keep the word they were entered with, issued documents what they say. Raises NotAllowed,
    WayRefused."""
    by.require("settings.edit")
    read = _read(values, way)
    before, after = audit.changes(way, read)
    for name in after:
        setattr(way, name, read[name])
    db.session.flush()
    if after:
        audit.record(by, "payment_way.changed", way, before=before, after=after)


def archive(way: PaymentWay, *, by: Actor) -> None:
    """It can be chosen no more, and its instructions are shown no more. Raises NotAllowed."""
    by.require("settings.edit")
    if way.archived_on is None:
        way.archived_on = by.today
        audit.record(by, "payment_way.archived", way)
        db.session.flush()


def restore(way: PaymentWay, *, by: Actor) -> None:
    """It can be chosen again. Raises NotAllowed."""
    by.require("settings.edit")
    if way.archived_on is not None:
        way.archived_on = None
        audit.record(by, "payment_way.restored", way)
        db.session.flush()


def delete(way: PaymentWay, *, by: Actor) -> None:
    """Delete a way by which nothing came in. Raises NotAllowed, WayRefused."""
    by.require("settings.edit")
    if db.session.scalar(select(Payment.id).where(Payment.way_id == way.id).limit(1)):
        raise WayRefused(f"Payments came by {way.name}, so it stays. Archive it, and nobody can choose it any more.")
    audit.record(by, "payment_way.deleted", way, before={"name": way.name})
    db.session.delete(way)
    db.session.flush()


def _read(values: Mapping[str, Any], way: PaymentWay | None = None) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, value in values.items():
        try:
            read[name] = _READERS[name](value)
        except (InvalidText, ValueError) as refusal:
            raise WayRefused(str(refusal), name) from refusal
    if "name" in read:
        _check_free(read["name"], way)
    return read


def _check_free(name: str, way: PaymentWay | None) -> None:
    same = select(PaymentWay.id).where(func.lower(PaymentWay.name) == name.lower())
    if db.session.scalar(same.where(PaymentWay.id != (way.id if way else 0)).limit(1)):
        raise WayRefused(f"There is a way to pay called {name} already.", "name")


def _place(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 9999:
        raise InvalidText("The place in the list is a whole number from 0 to 9999.")
    return value


def _whom(value: Any) -> PaymentMethod | None:
    if value in (None, ""):
        return None
    if value not in (PaymentMethod.INVOICE, PaymentMethod.CARD):
        raise InvalidText("Choose from the list whom the instructions are for.")
    return PaymentMethod(value)


_READERS = {
    "name": lambda value: one_line(value, 60, "The name"),
    "instructions": lambda value: many_lines(value or "", "The text"),
    "shown_to": _whom,
    "position": _place,
}
