"""What can be picked on an order form, and what was: a package, a period, its options. Nothing else is sold there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from models import (
    BillingError,
    Money,
    OptionKind,
    OrderForm,
    OrderFormPackage,
    Package,
    PackageOption,
    PackagePrice,
)

from .document_lines import read_quantity
from .package_prices import check_bounds

ONE = Decimal(1)


class ChoiceRefused(BillingError):
    """This cannot be ordered like that; `field` is package, period, coupon, or ``option.ID``."""

    def __init__(self, sentence: str, field: str = "package") -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody picks: a package of the form, a period (months, days), and of its options what was typed, by id:
    a choice's words, a number, or ``yes``."""

    package_id: int
    months: int = 0
    days: int = 0
    options: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PickedOption:
    """An option that was picked, at its price for one."""

    option: PackageOption
    value: str
    quantity: Decimal
    price: Money


@dataclass(frozen=True, slots=True)
class Picked:
    """What was picked, found on the form and in the catalogue."""

    row: OrderFormPackage
    price: PackagePrice
    options: tuple[PickedOption, ...]

    @property
    def package(self) -> Package:
        return self.row.package

    @property
    def recurs(self) -> bool:
        return bool(self.price.months or self.price.days)


def pick(form: OrderForm, choice: Choice, currency: str = "") -> Picked:
    """What was picked, as far as the form offers it, priced as `prices` says; anything else is refused. Raises
    ChoiceRefused."""
    row = next((one for one in form.packages if one.package_id == choice.package_id), None)
    if row is None or row.package.archived:
        raise ChoiceRefused("Choose one of the packages.")
    price = next(
        (one for one in prices(form, row, currency) if (one.months, one.days) == (choice.months, choice.days)), None
    )
    if price is None:
        raise ChoiceRefused(f"{row.package.name} is not sold for this period. Choose another one.", "period")
    known = {option.id: option for option in options(form, row)}
    picked = [_picked(known.get(number), text, price) for number, text in choice.options.items() if text.strip()]
    chosen = tuple(one for one in picked if one is not None)
    for option in row.package.options:
        if option.required and option.id not in {one.option.id for one in chosen}:
            raise ChoiceRefused(f"{option.name} belongs to {row.package.name}. Choose it.", f"option.{option.id}")
    return Picked(row, price, tuple(sorted(chosen, key=lambda one: (one.option.position, one.option.id))))


def prices(form: OrderForm, row: OrderFormPackage, currency: str = "") -> list[PackagePrice]:
    """The prices of a package that the form offers it at, shortest period first; once comes last. For an account of
    another `currency` than the form's those in it come first; what has none is converted by the bill (SPEC 3.1)."""
    wanted = None if row.periods is None else {(months, days) for months, days in row.periods}
    of_period: dict[tuple[int, int], PackagePrice] = {}
    for code in (form.currency, currency or form.currency):
        of_period |= {(one.months, one.days): one for one in row.package.prices if one.currency == code}
    found = [price for period, price in of_period.items() if wanted is None or period in wanted]
    return sorted(found, key=lambda one: (not (one.months or one.days), one.months * 31 + one.days, one.id))


def options(form: OrderForm, row: OrderFormPackage) -> list[PackageOption]:
    """The options of a package that the form offers."""
    return [option for option in row.package.options if row.options is None or option.id in row.options]


def option_price(option: PackageOption, value: str, price: PackagePrice) -> Money | None:
    """What one of the option costs beside this price; None where it is not sold for its period."""
    key = (value if option.kind == OptionKind.CHOICE else "", price.currency, price.months, price.days)
    for row in option.prices:
        if (row.value, row.currency, row.months, row.days) == key:
            return row.price
    return None


def default_choice(form: OrderForm, row: OrderFormPackage, currency: str = "") -> Choice:
    """What a form begins with for this package."""
    price = prices(form, row, currency)[0]
    typed = {option.id: option.default_value for option in options(form, row) if option.default_value}
    return Choice(row.package_id, price.months, price.days, typed)


def in_currency(picked: Picked, currency: str) -> Picked | None:
    """The same at the prices of the catalogue in this currency; None unless all of it has one."""
    same = (one for one in picked.package.prices if (one.months, one.days) == (picked.price.months, picked.price.days))
    price = next((one for one in same if one.currency == currency), None)
    if price is None:
        return None
    found = [(one, option_price(one.option, one.value, price)) for one in picked.options]
    chosen = tuple(replace(one, price=cost) for one, cost in found if cost is not None)
    return replace(picked, price=price, options=chosen) if len(chosen) == len(found) else None


def _picked(option: PackageOption | None, text: str, price: PackagePrice) -> PickedOption | None:
    if option is None:
        raise ChoiceRefused("One of the options is not offered any more. Load the page again.")
    where, value, quantity = f"option.{option.id}", "", ONE
    if option.kind == OptionKind.CHOICE:
        value = text.strip()
    elif option.kind == OptionKind.QUANTITY:
        try:
            quantity = read_quantity(text).stored
            if not quantity:
                return None
            check_bounds(option.name, quantity, option.min_quantity, option.max_quantity, ChoiceRefused)
        except BillingError as refusal:
            if text.strip() in ("0", "0.0") and not option.required:
                return None
            raise ChoiceRefused(str(refusal), where) from None
    elif text.strip() != "yes":
        return None
    cost = option_price(option, value, price)
    if cost is None:
        raise ChoiceRefused(f"{option.name} is not sold like that for this period. Choose again.", where)
    return PickedOption(option, value, quantity, cost)
