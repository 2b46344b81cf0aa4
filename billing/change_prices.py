"""What is wanted of a change, and what a service would cost after it: list prices or an agreed one, and options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, bindparam, select
from sqlalchemy.orm.attributes import set_committed_value

from models import (
    BillingError,
    ChangeWhen,
    Customer,
    Money,
    OptionKind,
    OptionPrice,
    Package,
    PackageOption,
    PackagePrice,
    Service,
)
from models.objects import prepared_objects
from models.prepared import among_given

from . import fx_prices
from .change_terms import OptionTerms, Terms, but
from .fx import Exchange, FxTable
from .money import convert
from .package_prices import check_bounds
from .packages import price_of
from .prices import check_period, check_price, check_quantity, in_account, period_words
from .services import Chosen, MissingOption, NoPrice
from .texts import one_line


class ChangeRefused(BillingError):
    """A service cannot be changed like that. `reasons` are all that stands against it."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a service is to be changed to. `package_id` may be its own, for another period, price or options.

    Without `months` and `days` the period stays. `options` None keeps those that the new package has too. `on` is the
    day, where `when` asks for one. A `price` agreed wins over the list, and wants a reason.
    """

    package_id: int
    months: int = 0
    days: int = 0
    options: Sequence[Chosen] | None = None
    when: ChangeWhen = ChangeWhen.NOW
    on: date | None = None
    price: Money | None = None
    price_reason: str = ""


def plain(wanted: Wanted) -> dict[str, Any]:
    """Period and options, as the row of a change keeps them."""
    options = wanted.options
    return {
        "months": wanted.months,
        "days": wanted.days,
        "options": None if options is None else [_plain_option(one) for one in options],
    }


def _plain_option(chosen: Chosen) -> dict[str, Any]:
    return {
        "option_id": chosen.option.id if chosen.option else None,
        "name": chosen.name,
        "value": chosen.value,
        "quantity": f"{chosen.quantity:f}",
        "price_minor": chosen.price.minor if chosen.price else None,
        "currency": chosen.price.currency if chosen.price else None,
    }


def read_options(rows: Sequence[Mapping[str, Any]] | None, package: Package) -> list[Chosen] | None:
    """The options that `plain` wrote, of the package as it is now. Raises ChangeRefused for one that is gone."""
    if rows is None:
        return None
    there = {option.id: option for option in package.options}
    found = []
    for row in rows:
        option = there.get(row["option_id"])
        if option is None and row["option_id"] is not None:
            raise ChangeRefused(f"{package.name} lost an option meanwhile. Choose its options anew.")
        price = Money(row["price_minor"], row["currency"]) if row["price_minor"] is not None else None
        found.append(Chosen(option, row["name"], row["value"], Decimal(row["quantity"]), price))
    return found


def terms_of(service: Service) -> Terms:
    """The service as it is."""
    return Terms(
        package_id=service.package_id,
        package=service.package.name,
        description=service.description,
        price=service.price,
        setup_fee=service.setup_fee,
        months=service.months,
        days=service.days,
        anchor_day=service.anchor_day,
        anchor_month=service.anchor_month,
        anchored_on=service.anchored_on,
        next_on=service.next_renewal_on,
        ends_on=service.ends_on,
        taxed_as=service.package.tax_category,
        options=tuple(
            OptionTerms(option.option_id, option.name, option.value, option.quantity, option.price)
            for option in service.options
        ),
    )


def new_terms(before: Terms, wanted: Wanted, package: Package, customer: Customer) -> tuple[Terms, list[str]]:
    """The service after the change, its dates as they were; and what has to be said about it.

    Raises NoPrice, InvalidPrice, InvalidTerms, ChangeRefused, MissingOption.
    """
    months, days = (wanted.months, wanted.days) if wanted.months or wanted.days else before.period
    check_period(months, days)
    listed = price_of(package, customer.currency, months, days)
    if wanted.price is not None:
        price = in_account(customer, check_price(wanted.price))
        if not one_line(wanted.price_reason, 200, "The reason", empty=True):
            raise ChangeRefused("Say why this price was agreed; the history of the service keeps it.")
    else:
        listed = listed or fx_prices.listed_elsewhere(package, customer.currency, months, days)
        price = _list_price(package, listed, customer, before, (months, days))
    changed = replace(
        before,
        package_id=package.id,
        package=package.name,
        description=_description(before, package),
        price=price,
        setup_fee=_setup_fee(listed, price),
        months=months,
        days=days,
        taxed_as=package.tax_category,
        options=(),
    )
    options, said = _options(before, wanted, package, changed)
    return but(changed, options=options), said


def _list_price(
    package: Package, listed: PackagePrice | None, customer: Customer, before: Terms, period: tuple[int, int]
) -> Money:
    if listed is not None:
        return listed.price
    if package.id == before.package_id and period == before.period:
        return before.price  # it was agreed, there is nothing in the list to change it to
    raise NoPrice(
        f"{package.name} has no price in {customer.currency} for {period_words(*period)}. "
        "Choose another period, add a price to the package, or enter the agreed one here."
    )


def _setup_fee(listed: PackagePrice | None, price: Money) -> Money:
    fits = listed is not None and listed.currency == price.currency
    return listed.setup_fee if listed is not None and fits else Money.zero(price.currency)


def _description(before: Terms, package: Package) -> str:
    """A name given by hand stays; one that begins with the package's follows the package."""
    if before.description.startswith(before.package):
        return (package.name + before.description[len(before.package) :])[:200]
    return before.description


def _options(
    before: Terms, wanted: Wanted, package: Package, changed: Terms
) -> tuple[tuple[OptionTerms, ...], list[str]]:
    if wanted.options is None:
        kept, said = _kept(before, package, changed)
    else:
        kept, said = tuple(_chosen(one, package, changed) for one in wanted.options), []
    there = {option.option_id for option in kept}
    for needed in package.options:
        if needed.required and needed.id not in there:
            raise MissingOption(f"{needed.name} belongs to {package.name}. Choose it.", needed)
    return kept, said


def _kept(before: Terms, package: Package, changed: Terms) -> tuple[tuple[OptionTerms, ...], list[str]]:
    """Those of before that go on: as they were agreed where nothing of it changes, else at the new list price."""
    same = before.period == changed.period and before.price.currency == changed.price.currency
    by_name = {option.name: option for option in package.options}
    kept, said = [], []
    for one in before.options:
        option = by_name.get(one.name)
        if same and (one.option_id is None or package.id == before.package_id):
            kept.append(one)
        elif option is not None and (price := listed_price(option, one.value, changed)) is not None:
            kept.append(replace(one, option_id=option.id, price=price))
        elif one.option_id is None and not one.price:
            kept.append(replace(one, price=Money.zero(changed.price.currency)))
        else:
            said.append(f"{one.words} is not part of {package.name} for {period_words(*changed.period)}: it ends.")
    return tuple(kept), said


def _chosen(chosen: Chosen, package: Package, changed: Terms) -> OptionTerms:
    option, value = chosen.option, one_line(chosen.value, 120, "The choice", empty=True)
    if option is not None and option.package_id != package.id:
        raise ChangeRefused(f"{option.name} is not an option of {package.name}.")
    if option is not None and option.kind == OptionKind.QUANTITY:
        check_bounds(option.name, chosen.quantity, option.min_quantity, option.max_quantity, ChangeRefused)
    price = chosen.price if chosen.price is not None else _option_price(option, value, changed)
    if price.currency != changed.price.currency:
        raise ChangeRefused(f"This service is priced in {changed.price.currency}. Enter the amount in that.")
    name = one_line(chosen.name or (option.name if option else ""), 120, "The option's name")
    return OptionTerms(option.id if option else None, name, value, check_quantity(chosen.quantity), check_price(price))


def _option_price(option: PackageOption | None, value: str, changed: Terms) -> Money:
    if option is None:
        return Money.zero(changed.price.currency)
    price = listed_price(option, value, changed)
    if price is None:
        what = f"{option.name} ({value})" if value else option.name
        period = period_words(*changed.period)
        raise NoPrice(
            f"{what} has no price in {changed.price.currency} for {period}. Add one, or enter the agreed price here."
        )
    return price


def listed_price(option: PackageOption, value: str, terms: Terms) -> Money | None:
    """What the package asks for the option, or this choice of it, for the period and in the currency of the terms."""
    wanted = (value if option.kind == OptionKind.CHOICE else "", terms.price.currency, terms.months, terms.days)
    rows = (row.price for row in option.prices if (row.value, row.currency, row.months, row.days) == wanted)
    return next(rows, None)


def charged_in(terms: Terms, customer: Customer, on: date, fx: FxTable) -> tuple[Terms, str]:
    """The same in the currency of the account, at the rate of the day, and what stands below the lines then. Raises
    NoExchangeRate."""
    currency = customer.currency
    if terms.price.currency == currency:
        return terms, ""
    exchange = rate_of(terms, customer, on, fx)
    converted = replace(
        terms,
        price=convert(terms.price, exchange.rate, currency),
        setup_fee=convert(terms.setup_fee, exchange.rate, currency),
        options=tuple(replace(o, price=convert(o.price, exchange.rate, currency)) for o in terms.options),
    )
    return converted, fx_prices.note(terms.price.currency, exchange, currency)


def rate_of(terms: Terms, customer: Customer, on: date, fx: FxTable) -> Exchange:
    """What one unit of the terms' currency is worth in the account's. Raises NoExchangeRate."""
    who = {"customer_id": customer.id, "group_id": customer.group_id}
    return fx.exchange(terms.price.currency, customer.currency, on, **who)


def package_for(package_id: int) -> Package | None:
    """A package with all its prices and options, in one statement, or two where it has options."""
    rows = _package(package=package_id)
    if not rows:
        return None
    package: Package = rows[0][0]
    options = list(dict.fromkeys(option for _package, _price, option in rows if option))
    set_committed_value(package, "prices", list(dict.fromkeys(price for _package, price, _option in rows if price)))
    set_committed_value(package, "options", options)
    asked: dict[int, list[OptionPrice]] = {option.id: [] for option in options}
    for (price,) in _option_prices(ids=list(asked)) if asked else ():
        asked[price.option_id].append(price)
    for option in options:
        set_committed_value(option, "prices", asked[option.id])
    return package


@prepared_objects
def _package() -> Any:
    wanted = select(Package, PackagePrice, PackageOption).select_from(Package)
    wanted = wanted.outerjoin(PackagePrice, PackagePrice.package_id == Package.id)
    wanted = wanted.outerjoin(PackageOption, PackageOption.package_id == Package.id)
    wanted = wanted.where(Package.id == bindparam("package", type_=BigInteger))
    prices = PackagePrice.currency, PackagePrice.months, PackagePrice.days
    return wanted.order_by(*prices, PackageOption.position, PackageOption.id)


@prepared_objects
def _option_prices() -> Any:
    return select(OptionPrice).where(among_given(OptionPrice.option_id, "ids")).order_by(OptionPrice.id)
