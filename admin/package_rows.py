"""The rows of a package's form: prices, options with prices of their own, packages it may change to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, FieldList, Form, FormField, SelectField, StringField

from admin.fields import AmountField, ExactField
from admin.period_field import PeriodField
from billing.package_prices import YES, ChoicePrice, Option, Price, check_option
from billing.prices import check_period, check_price
from models import BillingError, Direction, OptionKind
from models.money import decimals_of
from web.forms import choices, put_error

KINDS = [
    (OptionKind.YES_NO, _l("Yes or no")),
    (OptionKind.QUANTITY, _l("A number of them")),
    (OptionKind.CHOICE, _l("One of several")),
]
DIRECTIONS = [
    ("", _l("As the prices say")),
    (Direction.UPGRADE, _l("Upgrade")),
    (Direction.DOWNGRADE, _l("Downgrade")),
    (Direction.SIDEWAYS, _l("Neither")),
]
MOST_ROWS = 200


class Row(Form):
    """A price for one period in one currency."""

    period = PeriodField(_l("Every"))
    currency = StringField(_l("Currency"))
    price = AmountField(_l("Price"))

    def span(self) -> dict[str, int]:
        months, days = self.period.data
        return {"months": months, "days": days}

    def validate(self, extra_validators: Any = None) -> bool:
        good = super().validate(extra_validators)
        if not self.wanted:
            return good
        self.currency.data = (self.currency.data or "").strip().upper()
        if not _known(self.currency):
            return False
        if self.period.data is None:
            if not self.period.errors:
                put_error(self.period, _("Write it like month, 3 months, year, 30 days or once."))
            return False
        amounts = [_fits(f, self.currency.data) for f in self if isinstance(f, AmountField)]
        return good and _told(self.period, lambda: check_period(**self.span(), once=True)) and all(amounts)

    @property
    def wanted(self) -> bool:
        """Empty rows are left out."""
        return bool(self.price.typed)


class PriceRow(Row):
    setup_fee = AmountField(_l("Set-up fee"))

    def price_of(self) -> Price:
        price = self.price.money(self.currency.data)
        assert price is not None
        return Price(price, **self.span(), setup_fee=self.setup_fee.money(self.currency.data))


class ChoiceRow(Row):
    value = StringField(_l("Choice"))

    @property
    def wanted(self) -> bool:
        return bool(self.price.typed or (self.value.data or "").strip())

    def validate(self, extra_validators: Any = None) -> bool:
        good = super().validate(extra_validators)
        if self.wanted and not self.price.typed:
            put_error(self.price, _("Write what it costs; 0 if it costs nothing."))
            return False
        return good

    def price_of(self) -> ChoicePrice:
        price = self.price.money(self.currency.data)
        assert price is not None
        return ChoicePrice(price, (self.value.data or "").strip(), **self.span())


class OptionForm(Form):
    """One option with its prices. Which fields count depends on the kind."""

    name = StringField(_l("Option"))
    kind = SelectField(_l("Kind"), choices=choices(KINDS), default=OptionKind.YES_NO)
    required = BooleanField(_l("Must be chosen"))
    least = ExactField(_l("At least"))
    most = ExactField(_l("At most"))
    usual = StringField(_l("Begins with"))
    ticked = BooleanField(_l("Ticked to begin with"))
    prices = FieldList(FormField(ChoiceRow), max_entries=MOST_ROWS)

    @property
    def wanted(self) -> bool:
        return bool((self.name.data or "").strip() or any(row.form.wanted for row in self.prices))

    def validate(self, extra_validators: Any = None) -> bool:
        if not super().validate(extra_validators):
            return False
        if not self.wanted:
            return True
        if not (self.name.data or "").strip():
            put_error(self.name, _("Give the option a name."))
            return False
        return self._values_fit() and _told(self.name, lambda: check_option(self.option()))

    def _values_fit(self) -> bool:
        """A choice is named in each of its prices, and only there."""
        is_choice = self.kind.data == OptionKind.CHOICE
        wrong = [r.form for r in self.prices if r.form.wanted and bool((r.form.value.data or "").strip()) != is_choice]
        for row in wrong:
            words = _("Name the choice this price is for.") if is_choice else _("Only one of several has choices.")
            put_error(row.value, words)
        return not wrong

    def option(self) -> Option:
        kind = OptionKind(self.kind.data)
        usual = (self.usual.data or "").strip() if kind != OptionKind.YES_NO else YES if self.ticked.data else ""
        bounds: tuple[Decimal | None, ...] = (self.least.data, self.most.data)
        bounds = bounds if kind == OptionKind.QUANTITY else (None, None)
        prices = [row.form.price_of() for row in self.prices if row.form.wanted]
        return Option((self.name.data or "").strip(), kind, prices, self.required.data, *bounds, usual)


class TargetRow(Form):
    to = SelectField(_l("Package"), coerce=lambda text: int(text) if str(text).isdigit() else None, choices=[])
    direction = SelectField(_l("It is"), choices=choices(DIRECTIONS), default="")


def _known(currency: Any) -> bool:
    try:
        decimals_of(currency.data)
    except BillingError:
        put_error(currency, _("Use three letters, such as EUR."))
        return False
    return True


def _fits(field: AmountField, currency: str) -> bool:
    if not field.fits(currency):
        return False
    amount = field.money(currency)
    return amount is None or _told(field, lambda: check_price(amount, str(field.label.text)))


def _told(field: Any, check: Any) -> bool:
    """Whether it is all right; a refusal is told at the field."""
    try:
        check()
    except BillingError as refusal:
        put_error(field, str(refusal))
        return False
    return True
