"""Kinds of goods: what a package is taxed as. Some come with the product, a shop may name them anew and add its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select

from models import Charge, FieldError, InvoiceLine, Package, TaxCategory, TaxRate, db

from . import audit
from .actor import Actor
from .texts import one_line

LETTERS = {"S": "Taxed", "Z": "Zero rated", "E": "Exempt", "AE": "Reverse charge", "O": "Not subject to tax"}
"""How documents tell a kind of goods to machines (UNCL 5305), where it is not the customer that decides."""
BUILT_IN = {
    "S": ("Standard rate", "S"), "R": ("Reduced rate", "S"), "RR": ("Second reduced rate", "S"),
    "SR": ("Super-reduced rate", "S"), "Z": ("Zero rate", "Z"), "E": ("Exempt", "E"), "AE": ("Reverse charge", "AE"),
    "O": ("Not subject to tax", "O"),
}  # fmt: skip
"""code -> (name, letter)"""
_CODE = re.compile(r"[A-Z][A-Z0-9]{0,11}")


class TaxCategoryRefused(FieldError):
    """A kind of goods cannot be like this; `field` names what is wrong."""


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of goods; `own` is its row where the shop added it or named it anew."""

    code: str
    name: str
    letter: str
    own: TaxCategory | None = None

    @property
    def built_in(self) -> bool:
        return self.code in BUILT_IN


def every() -> list[Category]:
    """All there are: those that come with the product first, then the shop's own by name."""
    rows = {row.code: row for row in db.session.scalars(select(TaxCategory).order_by(TaxCategory.name))}
    known = [
        Category(code, rows[code].name if code in rows else name, letter, rows.get(code))
        for code, (name, letter) in BUILT_IN.items()
    ]
    return known + [Category(c, row.name, row.letter, row) for c, row in rows.items() if c not in BUILT_IN]


def names() -> dict[str, str]:
    """code -> name, for lists to choose from."""
    return {category.code: category.name for category in every()}


def letters() -> dict[str, str]:
    """code -> letter."""
    return {category.code: category.letter for category in every()}


def put(code: str, name: str, letter: str, *, new: bool = False, by: Actor) -> TaxCategory:
    """Add a kind of goods (`new`), or name one anew. The letter of one that comes with the product stays.
    Raises NotAllowed, TaxCategoryRefused, InvalidText."""
    by.require("settings.edit")
    known = {category.code: category for category in every()}
    if new and code in known:
        raise TaxCategoryRefused(f"{known[code].name} has this code already.", "code")
    if not _CODE.fullmatch(code):
        raise TaxCategoryRefused("The code is one to twelve capital letters or digits, such as BOOK.", "code")
    letter = BUILT_IN[code][1] if code in BUILT_IN else letter
    values = {"name": one_line(name, 60, "The name"), "letter": letter}
    if letter not in LETTERS:
        raise TaxCategoryRefused("Choose one from the list.", "letter")
    if any(values["name"].casefold() == each.name.casefold() for each in known.values() if each.code != code):
        raise TaxCategoryRefused("Another kind of goods has this name.", "name")
    return _written(code, values, known.get(code), by)


def _written(code: str, values: dict[str, str], known: Category | None, by: Actor) -> TaxCategory:
    row = known.own if known and known.own else TaxCategory(code=code)
    before = {"name": known.name, "letter": known.letter} if known else {}
    changed = {name: value for name, value in values.items() if before.get(name) != value}
    row.name, row.letter = values["name"], values["letter"]
    if changed:
        db.session.add(row)
        db.session.flush()
        verb = "tax_category.changed" if known else "tax_category.created"
        audit.record(by, verb, row, before={name: before[name] for name in changed if name in before}, after=changed)
    return row


def delete(code: str, *, by: Actor) -> None:
    """Take a kind of goods of one's own away, or give one that comes with the product its name back.
    Raises NotAllowed, TaxCategoryRefused while something is taxed as it."""
    by.require("settings.edit")
    row = db.session.scalars(select(TaxCategory).where(TaxCategory.code == code)).one_or_none()
    if row is None:
        return
    if code not in BUILT_IN and (what := used_by(code)):
        raise TaxCategoryRefused(f"{row.name} is in use: {what}. Give these another one first.", "code")
    audit.record(by, "tax_category.deleted", row, before={"code": row.code, "name": row.name, "letter": row.letter})
    db.session.delete(row)
    db.session.flush()


def used_by(code: str) -> str:
    """What is taxed as this kind of goods, in words; empty when nothing is."""
    places = {
        "packages": Package.tax_category, "charges": Charge.tax_category, "tax rates": TaxRate.category,
        "lines of documents": InvoiceLine.taxed_as,
    }  # fmt: skip
    found = [
        words for words, column in places.items() if db.session.scalar(select(column).where(column == code).limit(1))
    ]
    return ", ".join(found)
