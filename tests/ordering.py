"""Order forms to order on, and what people type into them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from factories import add, make_company, make_package, make_tax_rate

from billing import order_forms
from billing.actor import Actor
from billing.order_checks import Came
from billing.order_choices import Choice
from billing.order_forms import Offered
from billing.orders import Typed
from models import OptionKind, OptionPrice, OrderForm, Package, PackageOption, PackagePrice

NIAMH = {"name": "Niamh Doyle", "email": "niamh@doyles.example"}
HERE = Came(address="192.0.2.7", browser="Firefox")


def make_shop(**company: Any) -> Package:
    """A company in Ireland that sells a package for €59.00 a month and €590.00 a year, set-up €20.00, with a static
    address for €4.00 and 1 to 5 further lines for €10.00 each."""
    make_company(**company)
    make_tax_rate("IE", "23")
    package = make_package(5900, name="Fibre 300", order_text="300 Mbit/s both ways")
    package.prices[0].setup_fee_minor = 2000
    add(PackagePrice(package_id=package.id, currency="EUR", price_minor=59000, months=12))
    for name, kind, minor, more in (
        ("Static address", OptionKind.YES_NO, 400, {}),
        ("Further lines", OptionKind.QUANTITY, 1000, {"min_quantity": Decimal(1), "max_quantity": Decimal(5)}),
    ):
        option = add(PackageOption(package_id=package.id, name=name, kind=kind, **more))
        add(OptionPrice(option_id=option.id, currency="EUR", months=1, price_minor=minor))
    return package


def make_form(package: Package, *, by: Actor, **values: Any) -> OrderForm:
    """An open form that sells the package, accepts by itself, and asks for nothing to be confirmed."""
    known = {"name": "Fibre for shops", "currency": "EUR", "confirm_email": False}
    form = order_forms.create({**known, **values}, [Offered(package.id)], by=by)
    order_forms.open_(form, by=by)
    return order_forms.find(form.slug)


def typed(package: Package, months: int = 1, options: dict[int, str] | None = None, **more: Any) -> Typed:
    details = {**NIAMH, **more.pop("details", {})}
    return Typed(Choice(package.id, months, 0, options or {}), details=details, **more)
