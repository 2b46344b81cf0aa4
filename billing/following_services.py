"""Which running services a change of prices is about, and which of their prices: their own, and those of options."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, and_, case, false, or_, select, true

from models import (
    ListedPriceChange,
    OptionKind,
    OptionPrice,
    PackageOption,
    PackagePrice,
    PriceChange,
    PricePart,
    Service,
    ServiceOption,
)

from .price_rule import PriceRule

VALUE: ColumnElement[str] = case((PackageOption.kind == OptionKind.CHOICE, ServiceOption.value), else_="")
"""Which of an option's list prices the option of a service has."""
_SPAN = ("currency", "months", "days")


def about(packages: Sequence[int], rule: PriceRule) -> list[ColumnElement[bool]]:
    """The services of these packages in the currency and for the period of the rule."""
    where: list[ColumnElement[bool]] = [Service.package_id.in_(packages)]
    if rule.currency:
        where.append(Service.currency == rule.currency)
    if rule.period is not None:
        where += [Service.months == rule.period[0], Service.days == rule.period[1]]
    return where


def own_price(parts: Sequence[str], agreed: bool) -> ColumnElement[bool]:
    """Whether the service's own price follows: at the list price of now, or any where agreed ones follow too."""
    if PricePart.PACKAGE not in parts:
        return false()
    listed = select(PackagePrice.id).where(PackagePrice.package_id == Service.package_id, *_spans(PackagePrice))
    return true() if agreed else listed.where(PackagePrice.price_minor == Service.price_minor).exists()


def option_price(parts: Sequence[str], agreed: bool) -> ColumnElement[bool]:
    """Whether the price of a ServiceOption of the Service follows."""
    if PricePart.OPTION not in parts:
        return false()
    listed = (
        select(OptionPrice.id)
        .join(PackageOption, PackageOption.id == OptionPrice.option_id)
        .where(
            OptionPrice.option_id == ServiceOption.option_id,
            OptionPrice.value == VALUE,
            OptionPrice.price_minor == ServiceOption.price_minor,
            *_spans(OptionPrice),
        )
    )
    return and_(ServiceOption.price_minor > 0, true() if agreed else listed.exists())


def either(parts: Sequence[str], agreed: bool) -> ColumnElement[bool]:
    """Whether something of the service follows."""
    theirs = select(ServiceOption.id).where(ServiceOption.service_id == Service.id, option_price(parts, agreed))
    own = own_price(parts, agreed)
    return or_(own, theirs.exists()) if PricePart.OPTION in parts else own


def own_as_foreseen(change: PriceChange) -> ColumnElement[bool]:
    """`own_price` as it was when the change was decided: at the list price of then."""
    if PricePart.PACKAGE not in change.parts:
        return false()
    if change.agreed:
        return true()
    at = ListedPriceChange.package_id == Service.package_id, ListedPriceChange.old_minor == Service.price_minor
    return _listed(change, PricePart.PACKAGE).where(*at).exists()


def option_as_foreseen(change: PriceChange) -> ColumnElement[bool]:
    """`option_price` as it was when the change was decided."""
    if PricePart.OPTION not in change.parts:
        return false()
    listed = (
        _listed(change, PricePart.OPTION)
        .join(PackageOption, PackageOption.package_id == ListedPriceChange.package_id)
        .where(
            PackageOption.id == ServiceOption.option_id,
            ListedPriceChange.option_name == PackageOption.name,
            ListedPriceChange.value == VALUE,
            ListedPriceChange.package_id == Service.package_id,
            ListedPriceChange.old_minor == ServiceOption.price_minor,
        )
    )
    return and_(ServiceOption.price_minor > 0, true() if change.agreed else listed.exists())


def either_as_foreseen(change: PriceChange) -> ColumnElement[bool]:
    """`either` as it was when the change was decided."""
    theirs = select(ServiceOption.id).where(ServiceOption.service_id == Service.id, option_as_foreseen(change))
    own = own_as_foreseen(change)
    return or_(own, theirs.exists()) if PricePart.OPTION in change.parts else own


def _listed(change: PriceChange, part: PricePart) -> Select[int]:
    mine = ListedPriceChange.price_change_id == change.id, ListedPriceChange.part == part
    return select(ListedPriceChange.id).where(*mine, *_spans(ListedPriceChange))


def _spans(table: type[PackagePrice | OptionPrice | ListedPriceChange]) -> list[ColumnElement[bool]]:
    return [getattr(table, name) == getattr(Service, name) for name in _SPAN]
