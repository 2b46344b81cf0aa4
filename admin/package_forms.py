"""The form of a package: prices and options are rows, which are added and taken away without scripts too."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import FieldList, Form, FormField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired

from admin.fields import AmountField, WholeField, amount_text
from billing import company
from billing.packages import ChoicePrice, InvalidPackage, Option, Price
from models import BillingError, Money, OptionKind, Package, TaxRate, db
from models.money import decimals_of
from web.forms import choices, put_error

UNITS = [("months", _l("months")), ("days", _l("days")), ("once", _l("once"))]
KINDS = [
    (OptionKind.YES_NO, _l("Yes or no")),
    (OptionKind.QUANTITY, _l("A number of them")),
    (OptionKind.CHOICE, _l("One of several")),
]
TAXES = [
    ("S", _l("Standard rate")),
    ("Z", _l("Zero rate")),
    ("E", _l("Exempt")),
    ("AE", _l("Reverse charge")),
    ("O", _l("Not subject to tax")),
]
EMPTY_ROWS, MOST_ROWS = 2, 200


class Row(Form):
    """A price for one period in one currency."""

    every = WholeField(_l("Every"), default=1)
    unit = SelectField(_l("Period"), choices=choices(UNITS), default="months")
    currency = StringField(_l("Currency"))
    price = AmountField(_l("Price"))

    def period(self) -> dict[str, int]:
        n = self.every.data if self.every.data is not None else 1
        return {"months": n if self.unit.data == "months" else 0, "days": n if self.unit.data == "days" else 0}

    def validate(self, extra_validators: Any = None) -> bool:
        good = super().validate(extra_validators)
        if not self.wanted:
            return good
        self.currency.data = (self.currency.data or "").strip().upper()
        try:
            decimals_of(self.currency.data)
        except BillingError:
            put_error(self.currency, _("Use three letters, such as EUR."))
            return False
        if self.unit.data != "once" and not self.period()[self.unit.data]:
            put_error(self.every, _("At least 1."))
            return False
        amounts = [f.fits(self.currency.data) for f in self if isinstance(f, AmountField)]
        return good and all(amounts)

    @property
    def wanted(self) -> bool:
        """Empty rows are left out."""
        return bool(self.price.typed)


class PriceRow(Row):
    setup_fee = AmountField(_l("Set-up fee"))

    def price_of(self) -> Price:
        price = self.price.money(self.currency.data)
        assert price is not None
        return Price(price, **self.period(), setup_fee=self.setup_fee.money(self.currency.data))


class OptionRow(Row):
    name = StringField(_l("Option"))
    kind = SelectField(_l("Kind"), choices=choices(KINDS), default=OptionKind.YES_NO)
    value = StringField(_l("Choice"))

    @property
    def wanted(self) -> bool:
        return bool((self.name.data or "").strip() or self.price.typed)

    def price_of(self) -> ChoicePrice | None:
        price = self.price.money(self.currency.data)
        return ChoicePrice(price, (self.value.data or "").strip(), **self.period()) if price else None


class PackageForm(FlaskForm):
    name = StringField(_l("Name"), [InputRequired(_l("Type the package's name; it stands on invoices."))])
    description = TextAreaField(_l("Description"))
    tax_category = SelectField(_l("Tax"), default="S")
    prices = FieldList(FormField(PriceRow), max_entries=MOST_ROWS)
    options = FieldList(FormField(OptionRow), max_entries=MOST_ROWS)

    def __init__(self, package: Package | None = None) -> None:
        values = _values(package) if package and request.method != "POST" else {}
        super().__init__(data=values)
        own = [package.tax_category] if package else []
        self.tax_category.choices = choices(tax_categories(own))
        if request.method != "POST":
            for rows in (self.prices, self.options):
                for _row in range(EMPTY_ROWS if rows.entries else EMPTY_ROWS + 1):
                    self.add_row(rows)

    def rearranged(self) -> bool:
        """Whether the button pressed adds a row or takes one away; then nothing is saved yet."""
        for rows in (self.prices, self.options):
            if request.form.get("add") == rows.name and len(rows.entries) < MOST_ROWS:
                self.add_row(rows)
                return True
            gone = [row for row in rows.entries if row.name == request.form.get("remove")]
            if gone:
                rows.entries.remove(gone[0])
                return True
        return False

    def add_row(self, rows: FieldList) -> None:
        rows.append_entry({"currency": company.settings().currency})

    def wanted_prices(self) -> list[Price]:
        return [row.form.price_of() for row in self.prices if row.form.wanted]

    def wanted_options(self) -> list[Option]:
        """Rows of the same name are one option with several prices."""
        rows = [row.form for row in self.options if row.form.wanted]
        order = list(dict.fromkeys(_named(row) for row in rows))
        grouped = groupby(sorted(rows, key=lambda row: order.index(_named(row))), key=_named)
        return [_option(name, list(members)) for name, members in grouped]


def _named(row: Any) -> str:
    return (row.name.data or "").strip()


def _option(name: str, rows: list[Any]) -> Option:
    kinds = {row.kind.data for row in rows}
    if len(kinds) > 1:
        raise InvalidPackage(
            _("%(name)s is there with two kinds. Choose the same kind in each of its rows.", name=name)
        )
    return Option(name, OptionKind(kinds.pop()), [price for row in rows if (price := row.price_of())])


def _values(package: Package) -> dict[str, Any]:
    prices = [{**_row(p), "setup_fee": amount_text(p.setup_fee) if p.setup_fee_minor else None} for p in package.prices]
    options = []
    for option in package.options:
        about = {"name": option.name, "kind": option.kind}
        options += [{**about, **_row(p), "value": p.value} for p in option.prices] or [about]
    about = {"name": package.name, "description": package.description, "tax_category": package.tax_category}
    return {**about, "prices": prices, "options": options}


def _row(price: Any) -> dict[str, Any]:
    unit = "months" if price.months else "days" if price.days else "once"
    amount = Money(price.price_minor, price.currency)
    every = price.months or price.days or 1
    return {"every": every, "unit": unit, "currency": price.currency, "price": amount_text(amount)}


def tax_categories(own: list[str]) -> list[tuple[str, Any]]:
    """The usual ones, those with a rate, and the one that is chosen already."""
    known = dict(TAXES)
    for code in [*db.session.scalars(select(TaxRate.category).distinct().limit(50)), *own]:
        known.setdefault(code, code)
    return [(code, f"{words} ({code})" if words != code else code) for code, words in known.items()]
