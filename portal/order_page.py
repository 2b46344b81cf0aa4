"""What the public page of an order form shows, and how it reads what was typed. Prices come from the rules only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import current_app, request
from flask_babel import get_locale
from flask_babel import gettext as _
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.datastructures import MultiDict

from billing import order_choices, order_fields, order_figures, orders
from billing.order_checks import Came
from billing.order_choices import Choice
from billing.order_fields import Asked
from billing.order_figures import Figures
from billing.orders import Typed
from messaging.rich_text import html_of
from models import BillingError, Customer, OptionKind, OrderForm, OrderFormPackage, PackageOption, PackagePrice
from web import params, sessions
from web.permissions import portal_accesses

TRAP = "website"
"""A field that people do not see; whoever fills it in is a machine."""
LONGEST_OPEN = timedelta(hours=24)
LONGEST = 4000
AUTOCOMPLETE = {
    "name": "name", "email": "email", "company_name": "organization", "phone": "tel", "street": "address-line1",
    "street2": "address-line2", "postal_code": "postal-code", "city": "address-level2", "region": "address-level1",
    "country": "country",
}  # fmt: skip
WIDTHS = {"name": "w6", "email": "w6", "street": "w8", "postal_code": "w4", "city": "w8", "region": "w4"}


class OpenTooLong(BillingError):
    """The page does not say when it was opened, or that was long ago."""


@dataclass(slots=True)
class Shown:
    """The page as it is to be drawn: what is chosen, what was typed, what it comes to, and what is wrong."""

    form: OrderForm
    choice: Choice
    fields: list[Asked]
    typed: Mapping[str, str] = field(default_factory=dict)
    coupon: str = ""
    terms: bool = False
    customers: list[Customer] = field(default_factory=list)
    customer: Customer | None = None
    figures: Figures | None = None
    errors: dict[str, str] = field(default_factory=dict)
    notice: str = ""

    @property
    def currency(self) -> str:
        """That of the account that is ordered for, else the form's."""
        return self.customer.currency if self.customer else self.form.currency

    @property
    def row(self) -> OrderFormPackage:
        return next(one for one in self.form.packages if one.package_id == self.choice.package_id)

    @property
    def periods(self) -> list[tuple[int, int]]:
        """Every period that something is sold for, shortest first."""
        sold = (order_choices.prices(self.form, row, self.currency) for row in self.form.packages)
        found = {(price.months, price.days) for prices in sold for price in prices}
        return sorted(found, key=lambda one: (one == (0, 0), one[0] * 31 + one[1]))

    def price(self, row: OrderFormPackage) -> PackagePrice:
        """The price of a package for the period chosen, else for its first one."""
        return _price(self.form, row, (self.choice.months, self.choice.days), self.currency)

    def option_price(self, option: PackageOption, value: str = "") -> Any:
        return order_choices.option_price(option, value, self.price(self.row))

    @property
    def options(self) -> list[PackageOption]:
        """The options of what is chosen that are sold for its period."""
        return [option for option in order_choices.options(self.form, self.row) if self._is_sold(option)]

    def _is_sold(self, option: PackageOption) -> bool:
        if option.kind == OptionKind.CHOICE:
            return bool(self.values(option))
        return self.option_price(option) is not None

    def values(self, option: PackageOption) -> list[str]:
        """What can be chosen of an option for the period."""
        price = self.price(self.row)
        key = price.currency, price.months, price.days
        return [one.value for one in option.prices if (one.currency, one.months, one.days) == key]

    def picked(self, option: PackageOption) -> str:
        return self.choice.options.get(option.id, "")


def is_key(months: int, days: int) -> str:
    """A period as a form says it: m1, m12, d30, once."""
    return f"m{months}" if months else f"d{days}" if days else "once"


def read(form: OrderForm, picked: MultiDict[str, str] | None = None) -> Shown:
    """The page as whoever asks left it, from the address or from what was sent; or from what was `picked` on a page of
    a form that is being edited."""
    posted = request.method == "POST"
    values = picked if picked is not None else request.form if posted else request.args
    period = _period(params.only(values, "period"))
    turned = posted and params.only(values, "period_was") not in ("", params.only(values, "period"))
    mine = may_order_for()
    customer = _customer(mine, params.only(values, "customer"))
    currency = customer.currency if customer else form.currency
    row = _row(form, params.only(values, "package"), period if turned else None, currency)
    price = _price(form, row, period, currency)
    if posted and params.only(values, "options_of") == str(row.package_id):
        options = {one.id: params.only(values, f"option.{one.id}")[:200] for one in order_choices.options(form, row)}
    else:
        options = dict(order_choices.default_choice(form, row, currency).options)
    shown = Shown(form, Choice(row.package_id, price.months, price.days, options), order_fields.asked(form.fields))
    shown.customers, shown.customer = mine, customer
    _drop_unsold(shown)
    if posted:
        names = ("name", "email", *(one.name for one in shown.fields))
        shown.typed = {name: params.only(values, name)[:LONGEST] for name in names}
        shown.coupon, shown.terms = params.only(values, "coupon")[:80], params.only(values, "terms") == "yes"
    return shown


def reckon(shown: Shown, on: Any) -> None:
    """Work out what it comes to; a choice or code that is refused is told at its field."""
    details = _for_tax(shown.typed)
    coupon = shown.coupon if shown.form.coupons else ""
    try:
        shown.figures = _figures(shown, on, coupon, details)
    except order_choices.ChoiceRefused as refusal:
        shown.errors[refusal.field] = str(refusal)
        if refusal.field == "coupon":
            shown.figures = _figures(shown, on, "", details)
    except BillingError as refusal:
        shown.errors["package"] = str(refusal)


def typed_of(shown: Shown) -> Typed:
    """What is handed to the rules."""
    return Typed(
        shown.choice, shown.typed, shown.coupon, shown.terms, language=str(get_locale() or ""), customer=shown.customer
    )


def came(form: OrderForm, opened: str) -> Came:
    """How the order came. `opened` is the sealed moment that the page was opened. Raises OpenTooLong."""
    try:
        at = float(_sealer(form).loads(opened))
    except (BadSignature, ValueError, TypeError):
        raise OpenTooLong(_("Look at your order once more, then send it.")) from None
    seconds = sessions.now().timestamp() - at
    if not 0 <= seconds <= LONGEST_OPEN.total_seconds():
        raise OpenTooLong(_("This page was open for long. Look at your order once more, then send it."))
    trapped = bool(params.only(request.form, TRAP).strip())
    return Came(request.remote_addr or "", request.user_agent.string[:200], seconds, trapped)


def opened_now(form: OrderForm) -> str:
    """The sealed moment, for the form to bring back."""
    return str(_sealer(form).dumps(round(sessions.now().timestamp(), 3)))


def may_order_for() -> list[Customer]:
    """The customers that whoever is signed in may order for."""
    return [access.customer for access in portal_accesses() if access.right in orders.MAY_ORDER]


def text_html(text: str) -> str:
    """Text of staff with a little Markdown, as safe HTML."""
    return html_of(text, [])


def _figures(shown: Shown, on: Any, coupon: str, details: Mapping[str, Any]) -> Figures:
    picked = order_choices.pick(shown.form, shown.choice, shown.currency)
    return order_figures.figures(
        shown.form, picked, on=on, coupon=coupon, buyer=shown.customer, details=details
    )  # fmt: skip


def _for_tax(typed: Mapping[str, str]) -> dict[str, Any]:
    """What of the details changes the tax, as far as it is well enough typed."""
    found = {name: typed.get(name, "").strip() for name in ("company_name", "tax_id", "country")}
    try:
        checked = order_fields.check(
            [Asked(name, name) for name in found], {"name": "x", "email": "x@x.example", **found}, home=""
        )
    except order_fields.DetailsRefused:
        return {}
    return {name: checked[name] for name in found if name in checked}


def _drop_unsold(shown: Shown) -> None:
    """Options that are not sold for this period are not picked, whatever was picked for another one."""
    sold = {option.id: option for option in shown.options}
    kept = {
        number: text
        for number, text in shown.choice.options.items()
        if number in sold and (sold[number].kind != OptionKind.CHOICE or text in ("", *shown.values(sold[number])))
    }
    shown.choice = Choice(shown.choice.package_id, shown.choice.months, shown.choice.days, kept)


def _row(form: OrderForm, text: str, period: tuple[int, int] | None, currency: str) -> OrderFormPackage:
    """The package named, else the first; where another `period` was just chosen, one that is sold for it."""
    prices = {row: order_choices.prices(form, row, currency) for row in form.packages if not row.package.archived}
    sold = [row for row, found in prices.items() if found]
    named = next((row for row in sold if str(row.package_id) == text), sold[0])
    fits = [row for row in sold if any((one.months, one.days) == period for one in prices[row])]
    return named if period is None or named in fits or not fits else fits[0]


def _price(form: OrderForm, row: OrderFormPackage, period: tuple[int, int] | None, currency: str) -> PackagePrice:
    found = order_choices.prices(form, row, currency)
    return next((one for one in found if (one.months, one.days) == period), found[0])


def _period(text: str) -> tuple[int, int] | None:
    if text == "once":
        return 0, 0
    number = text[1:]
    if not (number.isascii() and number.isdigit() and len(number) <= 4):
        return None
    return (int(number), 0) if text[0] == "m" else (0, int(number)) if text[0] == "d" else None


def _customer(mine: list[Customer], text: str) -> Customer | None:
    """The one named, of those who may be ordered for; else the first."""
    return next((one for one in mine if str(one.id) == text), mine[0] if mine else None)


def _sealer(form: OrderForm) -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt=f"order-form-opened:{form.id}")
