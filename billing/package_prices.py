"""What a package costs and what can be chosen with it: checked, and written in place of what there was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from sqlalchemy import update

from models import (
    BillingError,
    Money,
    OptionKind,
    OptionPrice,
    Package,
    PackageOption,
    PackagePrice,
    ServiceOption,
    db,
)

from .prices import check_period, check_price, check_quantity, period_words
from .texts import one_line

KINDS_IN_WORDS = {
    OptionKind.YES_NO: "yes or no", OptionKind.QUANTITY: "a number of them", OptionKind.CHOICE: "one of several",
}  # fmt: skip
YES = "yes"
"""The default of a yes-or-no option that a form begins with ticked."""


class InvalidPackage(BillingError):
    """The catalogue cannot hold this."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a package costs for one period (months, or days, or neither: once), in the price's currency."""

    price: Money
    months: int = 1
    days: int = 0
    setup_fee: Money | None = None


@dataclass(frozen=True, slots=True)
class ChoicePrice:
    """What an option costs per period; of a choice, what this `value` of it costs."""

    price: Money
    value: str = ""
    months: int = 1
    days: int = 0


@dataclass(frozen=True, slots=True)
class Option:
    """Something that can be chosen with a package.

    A `required` one must be chosen. The bounds are those of a number of them. `default` is what a form begins with:
    one of the choices, a number, or ``yes``.
    """

    name: str
    kind: OptionKind = OptionKind.YES_NO
    prices: Sequence[ChoicePrice] = ()
    required: bool = False
    min_quantity: Decimal | None = None
    max_quantity: Decimal | None = None
    default: str = ""


def write_prices(package: Package, prices: Sequence[Price]) -> None:
    """Rows for the same period and currency are changed in place, the others go. Raises InvalidPackage,
    InvalidPrice, InvalidTerms."""
    wanted = {(p.price.currency, p.months, p.days): _checked(p) for p in prices}
    if len(wanted) < len(prices):
        raise InvalidPackage("A package has one price for each period and currency; one of them is there twice.")
    for row in list(package.prices):
        if (row.currency, row.months, row.days) not in wanted:
            package.prices.remove(row)
            db.session.delete(row)
    there = {(row.currency, row.months, row.days): row for row in package.prices}
    for (currency, months, days), price in wanted.items():
        row = there.get((currency, months, days)) or PackagePrice(currency=currency, months=months, days=days)
        if row not in package.prices:
            package.prices.append(row)
        row.price_minor = price.price.minor
        row.setup_fee_minor = price.setup_fee.minor if price.setup_fee else 0
    db.session.flush()


def check_option(option: Option) -> None:
    """Whether the catalogue can hold the option by itself. Raises InvalidPackage, InvalidPrice, InvalidTerms."""
    _bounds(option)
    _default(option)
    _check_prices(option)


def write_options(package: Package, options: Sequence[Option]) -> None:
    """Options are known by name. One that goes stays written on the services that have it. Raises as
    `write_prices` does."""
    wanted = {one_line(option.name, 120, "The option's name"): option for option in options}
    if len(wanted) < len(options):
        raise InvalidPackage("Each option of a package has a name of its own; one of them is there twice.")
    for row in [row for row in package.options if row.name not in wanted]:
        _drop_option(package, row)
    there = {row.name: row for row in package.options}
    for position, (name, option) in enumerate(wanted.items()):
        row = there.get(name) or PackageOption(name=name)
        if row not in package.options:
            package.options.append(row)
        row.kind, row.position, row.required = OptionKind(option.kind), position, option.required
        row.min_quantity, row.max_quantity = _bounds(option)
        row.default_value = _default(option)
        db.session.flush()
        _write_option_prices(row, option)


def summary(package: Package) -> dict[str, str]:
    """Prices and options in words, for the audit log."""
    prices = [
        f"{row.price} {_per(row.months, row.days)}" + (f" + {row.setup_fee}" if row.setup_fee_minor else "")
        for row in package.prices
    ]
    return {"prices": "; ".join(sorted(prices)), "options": "; ".join(_option_summary(row) for row in package.options)}


def _checked(price: Price) -> Price:
    check_period(price.months, price.days, once=True)
    check_price(price.price)
    if price.setup_fee is not None:
        check_price(price.setup_fee, "The set-up fee")
        if price.setup_fee.currency != price.price.currency:
            raise InvalidPackage("The set-up fee is in the currency of the price.")
    return price


def _bounds(option: Option) -> tuple[Decimal | None, Decimal | None]:
    if option.kind != OptionKind.QUANTITY:
        return None, None
    least, most = option.min_quantity, option.max_quantity
    for bound in (least, most):
        if bound:
            check_quantity(bound)
        elif bound is not None and bound < 0:
            raise InvalidPackage(f"{option.name}: the smallest number is zero or more.")
    if most is not None and most < (least or 0):
        raise InvalidPackage(f"{option.name}: the largest number ({most:f}) is below the smallest ({least:f}).")
    return least, most


def _default(option: Option) -> str:
    value = one_line(option.default, 120, "The usual choice", empty=True)
    if not value:
        return ""
    if option.kind == OptionKind.CHOICE and value not in {price.value.strip() for price in option.prices}:
        raise InvalidPackage(f"{option.name}: {value} is chosen to begin with, but is none of the choices.")
    if option.kind == OptionKind.YES_NO and value != YES:
        raise InvalidPackage(f"{option.name} is chosen to begin with, or it is not.")
    if option.kind == OptionKind.QUANTITY:
        return _usual_number(option, value)
    return value


def _usual_number(option: Option, value: str) -> str:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise InvalidPackage(f"{option.name}: write the number to begin with, such as 2.") from None
    check_quantity(number)
    check_bounds(option.name, number, option.min_quantity, option.max_quantity, InvalidPackage)
    return f"{number:f}"


def check_bounds(
    name: str, number: Decimal, least: Decimal | None, most: Decimal | None, refusal: type[BillingError]
) -> None:
    """Raises `refusal` when there are too few or too many of an option, or it is no number at all."""
    if not number.is_finite():
        raise refusal(f"{name}: type a number.")
    if least is not None and number < least:
        raise refusal(f"{name}: at least {least:f}.")
    if most is not None and number > most:
        raise refusal(f"{name}: at most {most:f}.")


def _drop_option(package: Package, row: PackageOption) -> None:
    db.session.execute(update(ServiceOption).where(ServiceOption.option_id == row.id).values(option_id=None))
    for price in list(row.prices):
        db.session.delete(price)
    db.session.flush()
    package.options.remove(row)
    db.session.delete(row)


def _check_prices(option: Option) -> None:
    keys = set()
    for price in option.prices:
        check_period(price.months, price.days, once=True)
        check_price(price.price, f"The price of {option.name}")
        if bool(price.value.strip()) != (option.kind == OptionKind.CHOICE):
            raise InvalidPackage(f"{option.name}: only an option with choices has a price for each choice.")
        keys.add((price.value.strip(), price.price.currency, price.months, price.days))
    if len(keys) < len(option.prices):
        raise InvalidPackage(f"{option.name} has two prices for the same choice, period and currency.")


def _write_option_prices(row: PackageOption, option: Option) -> None:
    _check_prices(option)
    for old in list(row.prices):
        row.prices.remove(old)
        db.session.delete(old)
    db.session.flush()
    row.prices.extend(_option_price(price) for price in option.prices)
    db.session.flush()


def _option_price(price: ChoicePrice) -> OptionPrice:
    return OptionPrice(
        value=one_line(price.value, 120, "The choice", empty=True),
        months=price.months,
        days=price.days,
        currency=price.price.currency,
        price_minor=price.price.minor,
    )


def _option_summary(row: PackageOption) -> str:
    bounds = (("at least", row.min_quantity), ("at most", row.max_quantity))
    about = [KINDS_IN_WORDS[row.kind], *(["required"] if row.required else [])]
    about += [f"{words} {bound:f}" for words, bound in bounds if bound is not None]
    about += [f"begins with {row.default_value}"] if row.default_value else []
    prices = ", ".join(map(_price_words, row.prices))
    return f"{row.name}, {', '.join(about)}" + (f" ({prices})" if prices else "")


def _price_words(price: OptionPrice) -> str:
    return f"{price.value} {price.price} {_per(price.months, price.days)}".strip()


def _per(months: int, days: int) -> str:
    words = period_words(months, days)
    return words if words == "once" or words.startswith("a ") else f"every {words}"
