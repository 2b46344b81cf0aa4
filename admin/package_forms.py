"""The form of a package: prices, options and targets are rows, which are added and taken away without scripts too."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import BooleanField, FieldList, FormField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired

from admin.fields import WholeField, amount_text
from admin.package_rows import MOST_ROWS, OptionForm, PriceRow, TargetRow
from admin.tax_words import category_words
from billing import company
from billing.package_prices import YES, Option, Price
from models import ChangeTo, Direction, Money, OptionKind, Package, db
from web.forms import choices, put_error

UNITS = [("months", _l("months")), ("days", _l("days")), ("once", _l("once"))]
WAYS = [
    (ChangeTo.ANY, _l("Any package on sale")),
    (ChangeTo.GROUP, _l("All packages of the same group")),
    (ChangeTo.CHOSEN, _l("Only those chosen below")),
    (ChangeTo.NONE, _l("None: it stays what it is")),
]
MOST_PACKAGES = 1000


class PackageForm(FlaskForm):
    name = StringField(_l("Name"), [InputRequired(_l("Type the package's name; it stands on invoices."))])
    group = StringField(_l("Group"), description=_l("Of packages that can stand in for one another, such as Hosting."))
    description = TextAreaField(_l("Description"), description=_l("Stands on quotes and invoices."))
    order_text = TextAreaField(
        _l("Text on the order form"),
        description=_l("**bold**, *italic*, lists with - in front, [words](https://…) for a link."),
    )
    tax_category = SelectField(_l("Tax"), default="S")
    trial_days = WholeField(_l("Free days to try"), default=0, description=_l("Before the first period is billed."))
    hidden = BooleanField(_l("Hidden from customers"), description=_l("Staff can still sell it."))
    prices = FieldList(FormField(PriceRow), max_entries=MOST_ROWS)
    options = FieldList(FormField(OptionForm), max_entries=MOST_ROWS)
    change_to = RadioField(_l("It may change to"), choices=choices(WAYS), default=ChangeTo.ANY)
    targets = FieldList(FormField(TargetRow), max_entries=MOST_ROWS)

    def __init__(self, package: Package | None = None) -> None:
        looked_at = request.method != "POST"
        super().__init__(data=_values(package) if package and looked_at else {})
        self.tax_category.choices = choices(tax_categories([package.tax_category] if package else []))
        if looked_at and not package:
            self.add_row(self.prices)
        self.others = _others(package)
        for row in self.targets:
            row.form.to.choices = self._packages()

    def _packages(self) -> Any:
        return choices([("", _("Choose")), *self.others])

    def rearranged(self) -> bool:
        """Whether the button pressed adds a row or takes one away; then nothing is saved yet."""
        lists = [self.prices, self.options, self.targets, *(option.form.prices for option in self.options)]
        for rows in lists:
            if request.form.get("add") == rows.name and len(rows.entries) < MOST_ROWS:
                self.add_row(rows)
                return True
            gone = [row for row in rows.entries if row.name == request.form.get("remove")]
            if gone:
                rows.entries.remove(gone[0])
                return True
        return False

    def add_row(self, rows: FieldList) -> None:
        """An empty one; a price begins with the currency and the period of the one above it."""
        row = rows.append_entry({}).form
        if rows is self.targets:
            row.to.choices = self._packages()
        elif rows is self.options:
            self.add_row(row.prices)
        else:
            above = rows.entries[-2].form if len(rows.entries) > 1 else self._first_price(rows)
            row.currency.data = (above.currency.data if above else "") or company.settings().currency
            row.period.data = (above.period.data if above else None) or (1, 0)

    def _first_price(self, rows: FieldList) -> Any:
        priced = [row.form for row in self.prices if row.form.period.data]
        return priced[0] if rows is not self.prices and priced else None

    def validate(self, extra_validators: Any = None) -> bool:
        good = super().validate(extra_validators)
        return all([good, self._no_twins(), self._targets_fit()])

    def _no_twins(self) -> bool:
        """Each period and currency once, each option once; the second is told."""
        seen: set[Any] = set()
        fit = True
        for row in self.prices:
            key = row.form.wanted and (row.form.currency.data, row.form.period.data)
            if key and key in seen:
                put_error(row.form.period, _("This period and currency is there twice."))
                fit = False
            seen.add(key)
        for option in self.options:
            name = option.form.wanted and (option.form.name.data or "").strip().casefold()
            if name and name in seen:
                put_error(option.form.name, _("There is an option of this name already."))
                fit = False
            seen.add(name)
        for rows in (self.prices, self.options):
            rows.errors = [row.errors for row in rows]
        return fit

    def _targets_fit(self) -> bool:
        if self.change_to.data == ChangeTo.GROUP and not (self.group.data or "").strip():
            put_error(self.group, _("Write the group whose packages it may change to."))
            return False
        if self.change_to.data == ChangeTo.CHOSEN and not self.wanted_targets():
            put_error(self.change_to, _("Choose at least one package below."))
            return False
        return True

    def wanted_prices(self) -> list[Price]:
        return [row.form.price_of() for row in self.prices if row.form.wanted]

    def wanted_options(self) -> list[Option]:
        return [row.form.option() for row in self.options if row.form.wanted]

    def wanted_targets(self) -> dict[Package, Direction | None]:
        ways = {row.form.to.data: row.form.direction.data for row in self.targets if row.form.to.data}
        if self.change_to.data != ChangeTo.CHOSEN or not ways:
            return {}
        found = db.session.scalars(select(Package).where(Package.id.in_(ways)))
        return {package: Direction(ways[package.id]) if ways[package.id] else None for package in found}

    def values(self) -> dict[str, Any]:
        names = ("name", "group", "description", "order_text", "tax_category", "hidden", "change_to")
        return {**{name: self[name].data or "" for name in names}, "trial_days": self.trial_days.data or 0}


def _values(package: Package) -> dict[str, Any]:
    about = {name: getattr(package, name) for name in PLAIN}
    return {
        **about,
        "group": package.group.name if package.group else "",
        "prices": [
            {**_row(p), "setup_fee": amount_text(p.setup_fee) if p.setup_fee_minor else None} for p in package.prices
        ],
        "options": [_option(option) for option in package.options],
        "targets": [{"to": row.to_id, "direction": row.direction or ""} for row in package.targets],
    }


PLAIN = ("name", "description", "order_text", "tax_category", "trial_days", "hidden", "change_to")


def _option(option: Any) -> dict[str, Any]:
    usual = option.default_value
    return {
        "name": option.name, "kind": option.kind, "required": option.required, "least": option.min_quantity,
        "most": option.max_quantity, "usual": "" if option.kind == OptionKind.YES_NO else usual,
        "ticked": option.kind == OptionKind.YES_NO and usual == YES,
        "prices": [{**_row(p), "value": p.value} for p in option.prices],
    }  # fmt: skip


def _row(price: Any) -> dict[str, Any]:
    amount = Money(price.price_minor, price.currency)
    return {"period": (price.months, price.days), "currency": price.currency, "price": amount_text(amount)}


def _others(package: Package | None) -> list[tuple[int, str]]:
    """The packages this one may be changed to; archived ones only where they are chosen already."""
    chosen = [row.to_id for row in package.targets] if package else []
    there = select(Package.id, Package.name).where(~Package.archived | Package.id.in_(chosen))
    mine = there.where(Package.id != (package.id if package else 0)).order_by(Package.name).limit(MOST_PACKAGES)
    return [(row.id, row.name) for row in db.session.execute(mine)]


def tax_categories(own: list[str]) -> list[tuple[str, Any]]:
    """All kinds of goods, and the one that is chosen already."""
    known = category_words()
    return [*known.items(), *((code, code) for code in own if code not in known)]
