"""Taking lines from the catalogue: first which package, then for which period, with which options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from admin.service_form import MOST_PACKAGES, package_with_options
from billing import discounts
from billing.catalogue_lines import Currency, FromCatalogue, Picked, lines_of, periods_of
from billing.document_lines import read_quantity
from models import BillingError, OptionKind, Package, PackageOption, db
from web.params import row_id
from web.price_words import price_words

ONCE = "0-0"


class Picker:
    """What the form says about the catalogue, and what its second step offers."""

    def __init__(self, sent: Mapping[str, Any]) -> None:
        self.sent = sent
        self.package: Package | None = None
        self.error = ""
        self.periods: list[tuple[str, str]] = []
        self.options: list[tuple[PackageOption, list[tuple[str, str]]]] = []
        self.start = ""

    @property
    def packages(self) -> list[Any]:
        """(id, name) of what is sold."""
        sold = select(Package.id, Package.name).where(~Package.archived).order_by(Package.name).limit(MOST_PACKAGES)
        return list(db.session.execute(sold))

    def value(self, name: str, otherwise: str = "") -> str:
        """What was typed in a field of the second step."""
        return str(self.sent.get(f"pick_{name}", otherwise))

    def show(self, into: Currency, wanted: bool) -> None:
        """Offer the periods and options of the package named; a package that is not sold has none."""
        number = row_id(self.value("package")) if wanted else None
        self.package = package_with_options(number) if number is not None else None
        if self.package is None or self.package.archived:
            self.package, self.error = None, _("Choose a package.") if wanted else ""
            return
        self.start = self.value("start") or into.on.isoformat()
        self.periods = [(f"{m}-{d}", _price_of(self.package, m, d, into)) for m, d in periods_of(self.package)]
        self.options = [(one, _values(one)) for one in self.package.options]

    def lines(self, into: Currency) -> list[FromCatalogue]:
        """The lines of what was chosen; none, with the reason in `error`, if that cannot be."""
        self.show(into, True)
        if self.package is None:
            return []
        try:
            months, days = _period(self.value("period", ONCE))
            found = lines_of(
                self.package,
                months,
                days,
                into=into,
                start=date.fromisoformat(self.start) if self.start else None,
                quantity=read_quantity(self.value("quantity", "1") or "1"),
                options=self._picked(self.package),
                with_setup=bool(self.value("setup")),
            )
        except (BillingError, ValueError) as refusal:
            self.error = str(refusal) if isinstance(refusal, BillingError) else _("Choose a period and a first day.")
            return []
        self.package, self.sent = None, {}
        return _discounted(found, into)

    def known(self, named: Iterable[str | None]) -> frozenset[int]:
        """Those of the ids in a form that are packages."""
        ids = {number for text in named if text and (number := row_id(text)) is not None}
        return frozenset(db.session.scalars(select(Package.id).where(Package.id.in_(ids)))) if ids else frozenset()

    def _picked(self, package: Package) -> list[Picked]:
        picked = []
        for option in package.options:
            text = self.value(f"option_{option.id}").strip()
            if not text:
                continue
            if option.kind == OptionKind.QUANTITY:
                picked.append(Picked(option, quantity=read_quantity(text)))
            else:
                picked.append(Picked(option, value=text if option.kind == OptionKind.CHOICE else ""))
        return picked


def _discounted(found: list[FromCatalogue], into: Currency) -> list[FromCatalogue]:
    """With the discounts that apply by themselves, which a person may take off again."""
    lines = discounts.discounted(
        [one.line for one in found], into.customer, on=into.on, periods=[(one.months, one.days) for one in found]
    )
    return [replace(one, line=line) for one, line in zip(found, lines, strict=True)]


def _period(text: str) -> tuple[int, int]:
    months, _dash, days = text.partition("-")
    return int(months), int(days)


def _price_of(package: Package, months: int, days: int, into: Currency) -> str:
    """The price of a period in the customer's currency, or that there is no rate for it."""
    priced = [(one.price, one) for one in package.prices if (one.months, one.days) == (months, days)]
    try:
        return price_words(into.of(priced)[0], months, days)
    except BillingError as refusal:
        return f"{price_words(priced[0][0], months, days)} ({refusal})"


def _values(option: PackageOption) -> list[tuple[str, str]]:
    """The choices of an option, each once."""
    return [(value, value) for value in dict.fromkeys(price.value for price in option.prices)]
