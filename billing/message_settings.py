"""The limits of sending, what texts cost and who sends them: chosen in Settings, asked before anything leaves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from models import BillingError, MessageSettings, Project, TextPrice, TextSender, db
from models.currencies import DECIMALS

from . import audit, company
from .actor import Actor
from .countries import COUNTRIES

_NUMBERS: dict[str, tuple[int, int, str]] = {
    "mails_per_minute": (0, 100_000, "The number of mails"),
    "texts_per_minute": (0, 10_000, "The number of texts"),
    "texts_per_number": (0, 1_000, "The number of texts"),
    "texts_per_day": (0, 1_000_000, "The number of texts"),
    "spend_per_day_minor": (0, 10**12, "The amount"),
    "quiet_from": (0, 23, "The hour"),
    "quiet_until": (0, 23, "The hour"),
    "night_hour": (0, 23, "The hour"),
}
_SENDER = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|MG[0-9a-f]{32}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_PREFIX = re.compile(r"\+\d{1,10}")
MILLION = 1_000_000


class RefusedLimits(BillingError):
    """Nothing was changed; `errors` has a sentence for each value that was wrong."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


def get(*, locked: bool = False) -> MessageSettings:
    """The limits; with the defaults while nobody has chosen any (not stored then). `locked`: for this transaction."""
    found = db.session.get(MessageSettings, 1, with_for_update=locked or None)
    if found is None:
        with db.session.no_autoflush:
            found = MessageSettings(
                id=1, mails_per_minute=0, texts_per_minute=60, texts_per_number=6, texts_per_day=1000,
                price_currency="", spend_per_day_minor=5000, quiet_from=21, quiet_until=8, night_hour=2,
                text_countries=[],
            )  # fmt: skip
    return found


def currency() -> str:
    """What the prices of texts are in: the chosen currency, else the company's."""
    return get().price_currency or company.settings().currency or "USD"


def countries() -> frozenset[str]:
    """Where texts may go: the chosen countries, else the company's own."""
    chosen = frozenset(get().text_countries)
    return chosen or frozenset(filter(None, [company.settings().country]))


def price_of(number: str) -> int | None:
    """What one segment to a number in E.164 costs, in millionths; None if no price is known."""
    beginnings = ["", *(number[:length] for length in range(2, min(len(number), 12) + 1))]
    known: dict[str, int] = {}
    for prefix, price in db.session.execute(
        select(TextPrice.prefix, TextPrice.price_micro).where(TextPrice.prefix.in_(beginnings))
    ):
        known[prefix] = price
    return known[max(known, key=len)] if known else None


def prices() -> dict[str, int]:
    """Every price by the beginning of the numbers it is for."""
    rows = db.session.scalars(select(TextPrice).order_by(TextPrice.prefix))
    return {row.prefix: row.price_micro for row in rows}


def sender_of(project_id: int | None) -> str:
    """Who the texts of a project come from; empty if the company's own sender does."""
    if project_id is None:
        return ""
    return db.session.scalar(select(TextSender.sender).where(TextSender.project_id == project_id)) or ""


def senders() -> dict[int, str]:
    """Every sender by its project's id."""
    return {row.project_id: row.sender for row in db.session.scalars(select(TextSender))}


def change(values: Mapping[str, Any], *, by: Actor) -> dict[str, Any]:
    """Change the limits named; returns those that differ now. Raises NotAllowed, RefusedLimits. Flushes.

    Beside the columns of MessageSettings: `prices` as lines ``+353 0.075`` (``* 0.10`` for all others, per segment)
    and `senders` as {project id: sender}, an empty one takes it away.
    """
    by.require("settings.edit")
    errors: dict[str, str] = {}
    read: dict[str, Any] = {}
    for name, value in values.items():
        try:
            read[name] = _READ[name](value)
        except BillingError as refusal:
            errors[name] = str(refusal)
    if errors:
        raise RefusedLimits(errors)
    row = get(locked=True)
    if row not in db.session:
        db.session.add(row)
        db.session.flush()
    columns = {name: value for name, value in read.items() if name not in ("prices", "senders")}
    before, after = audit.changes(row, columns)
    for name in after:
        setattr(row, name, columns[name])
    for name, put in (("prices", _put_prices), ("senders", _put_senders)):
        if name in read and (changed := put(read[name])):
            before[name], after[name] = changed
    if after:
        audit.record(by, "message_settings.changed", row, before=before, after=after)
    db.session.flush()
    return after


def _whole(least: int, most: int, what: str) -> Any:
    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise BillingError(f"{what} is a whole number from {least:,} to {most:,}.")
        return value

    return read


def _countries(value: Any) -> list[str]:
    wrong = [code for code in value if code not in COUNTRIES]
    if wrong:
        raise BillingError(f"{wrong[0]} is not a country.")
    return sorted(set(value))


def _currency(value: Any) -> str:
    if value and value not in DECIMALS:
        raise BillingError("Choose a currency from the list.")
    return str(value)


def _prices(text: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, line in enumerate(str(text).splitlines(), 1):
        if line.strip():
            prefix, price = _price(line, number)
            if prefix in found:
                raise BillingError(f"Line {number}: {prefix or '*'} has a price already.")
            found[prefix] = price
    return found


def _price(line: str, number: int) -> tuple[str, int]:
    words = line.split()
    how = f"Line {number}: write the beginning of the numbers and the price, such as “+353 0.075” or “* 0.10”."
    if len(words) != 2 or not (words[0] == "*" or _PREFIX.fullmatch(words[0])):
        raise BillingError(how)
    try:
        price = Decimal(words[1]) if words[1].isascii() else Decimal("NaN")
        micro = price * MILLION
    except ArithmeticError:
        raise BillingError(how) from None
    if not price.is_finite() or not 0 <= price <= 100 or micro != micro.to_integral_value():
        raise BillingError(f"Line {number}: a price is a number from 0 to 100 with at most six decimals.")
    return ("" if words[0] == "*" else words[0]), int(micro)


def _senders(value: Mapping[int, str]) -> dict[int, str]:
    found = {}
    for project_id, sender in value.items():
        if sender and not _SENDER.fullmatch(sender):
            raise BillingError(
                "A sender is a number such as +353861234567, a name of at most 11 letters and digits, or the id of a "
                "messaging service (MG…)."
            )
        found[int(project_id)] = sender
    return found


_READ: dict[str, Any] = {
    **{name: _whole(*bounds) for name, bounds in _NUMBERS.items()},
    "price_currency": _currency,
    "text_countries": _countries,
    "prices": _prices,
    "senders": _senders,
}


def written_prices(known: Mapping[str, int]) -> str:
    """The prices as `change` reads them."""
    return "\n".join(f"{prefix or '*'} {Decimal(price) / MILLION:f}" for prefix, price in known.items())


def _put_prices(wanted: dict[str, int]) -> tuple[str, str] | None:
    known = prices()
    if known == wanted:
        return None
    db.session.execute(db.delete(TextPrice))
    db.session.add_all(TextPrice(prefix=prefix, price_micro=price) for prefix, price in wanted.items())
    return written_prices(known), written_prices(wanted)


def _put_senders(wanted: dict[int, str]) -> tuple[str, str] | None:
    known = senders()
    changed = {each: sender for each, sender in wanted.items() if known.get(each, "") != sender}
    if not changed:
        return None
    names: dict[int, str] = {}
    for project_id, name in db.session.execute(select(Project.id, Project.name).where(Project.id.in_(changed))):
        names[project_id] = name
    db.session.execute(db.delete(TextSender).where(TextSender.project_id.in_(names)))
    db.session.add_all(TextSender(project_id=each, sender=changed[each]) for each in names if changed[each])
    shown = [", ".join(f"{names[p]}: {s}" for p, s in each.items() if p in names and s) for each in (known, changed)]
    return shown[0], shown[1]
