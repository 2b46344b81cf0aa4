"""Starting a service: first whose and which, then the terms that this package offers this customer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import selectinload
from wtforms import BooleanField, Form, RadioField, SelectField, StringField
from wtforms.validators import InputRequired, ValidationError

from admin.customers.lookup import CustomerField
from admin.fields import AmountField, DayField, ExactField, WholeField
from admin.package_forms import UNITS
from billing import company, fx_prices
from billing.package_prices import YES
from billing.services import Chosen, NoPrice
from models import BillingGroup, Customer, Money, OptionKind, Package, PackageOption, PackagePrice, WaitsFor, db
from web.formatters import money
from web.forms import choices, put_error
from web.permissions import actor
from web.price_words import price_words

OTHER = "other"
MOST_GROUPS, MOST_PACKAGES = 200, 1000


class WhoForm(Form):
    """Reads the address: nothing is made yet."""

    customer = CustomerField(_l("Customer"), [InputRequired(_l("Choose a customer."))])


class WhatForm(WhoForm):
    package = SelectField(_l("Package"), coerce=lambda text: int(text) if str(text).isdigit() else None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sold = select(Package.id, Package.name).where(~Package.archived).order_by(Package.name).limit(MOST_PACKAGES)
        self.package.choices = choices([("", _("Choose")), *((row.id, row.name) for row in db.session.execute(sold))])

    def validate_package(self, field: Any) -> None:
        if field.data is None:
            raise ValidationError(_("Choose a package."))


class TermsForm(FlaskForm):
    terms = RadioField(_l("Billed"))
    every = WholeField(_l("Every"))
    unit = SelectField(_l("Period"), choices=choices(UNITS[:2]))
    price = AmountField(_l("Agreed price"), description=_l("Empty: the price chosen above."))
    setup_fee = AmountField(_l("Set-up fee"), description=_l("Empty: the one of the price."))
    free = BooleanField(_l("Free of charge"))
    start = DayField(_l("Starts on"), [InputRequired(_l("Choose the day it starts."))])
    trial_days = WholeField(_l("Free days to try"), description=_l("Empty: those of the package."))
    billed_from = DayField(_l("First day billed"), description=_l("Empty: the start. Later, if it was billed before."))
    anchor_day = WholeField(_l("Renewal day"), description=_l("Of the month, 1 to 31. Empty: the first day billed."))
    ends = DayField(_l("Ends on"), description=_l("The first day without it. Empty: no end."))
    begins = RadioField(_l("It begins"), choices=choices([
        ("active", _l("At once, or on the day above")),
        ("activation", _l("When somebody activates it")),
        ("payment", _l("When its first bill is paid; the bill is made now")),
    ]), default="active")  # fmt: skip
    description = StringField(_l("Description"), description=_l("Such as a line or a domain. Stands on invoices."))
    billing_group = SelectField(_l("Billing group"), coerce=int)

    customer: Customer
    package: Package
    offered: list[PackagePrice]

    def period(self) -> dict[str, int]:
        """Months and days of the terms chosen."""
        if self.terms.data == OTHER:
            n = self.every.data or 0
            return {"months": n, "days": 0} if self.unit.data == "months" else {"months": 0, "days": n}
        listed = self.offered[int(self.terms.data)]
        return {"months": listed.months, "days": listed.days}

    @property
    def currency(self) -> str:
        """What set-up and options are priced in: the account's currency, unless the package has no price in it and
        none was agreed."""
        own = self.customer.currency
        return own if self.terms.data == OTHER or self.price.typed else self.offered[int(self.terms.data)].currency

    def chosen(self) -> list[Chosen]:
        """The options that were picked, at their own or the package's price."""
        currency = self.currency
        picked = [(o, picks(self, o)) for o in self.package.options]
        return [
            Chosen(option, value=value, quantity=quantity, price=self[f"price_{option.id}"].money(currency))
            for option, (taken, value, quantity) in picked
            if taken
        ]

    def group(self) -> BillingGroup | None:
        return db.session.get(BillingGroup, self.billing_group.data) if self.billing_group.data else None

    def waits(self) -> WaitsFor | None:
        """What the service waits for before it begins."""
        return None if self.begins.data == "active" else WaitsFor(self.begins.data)

    def validate_every(self, field: Any) -> None:
        if self.terms.data == OTHER and not field.data:
            raise ValidationError(_("Write how many months or days it is."))

    def validate_price(self, field: Any) -> None:
        if self.terms.data == OTHER and not field.typed:
            raise ValidationError(_("Write the price agreed; the package has none for this period."))

    def validate_trial_days(self, field: Any) -> None:
        if field.data and self.billed_from.data:
            raise ValidationError(_("Either free days, or the first day billed. Leave one of them empty."))

    def validate_ends(self, field: Any) -> None:
        if field.data and field.data <= max(self.start.data or field.data, actor().today):
            raise ValidationError(_("Choose a day after its start and after today."))
        if field.data and self.begins.data == "payment":
            raise ValidationError(_("Its first bill is made now for a whole period. Set the end once that is paid."))

    def put_refusal(self, refusal: Exception) -> None:
        """Tell it where it belongs."""
        option = getattr(refusal, "option", None)
        name = f"option_{option.id}" if option is not None else ""
        field = self[name] if name in self else self.price if isinstance(refusal, NoPrice) else self.start
        put_error(field, str(refusal))

    def amounts_fit(self) -> bool:
        """Whether every amount fits the currency; what does not is told at its field."""
        fit = True
        for field in self:
            if isinstance(field, AmountField):
                currency = self.customer.currency if field is self.price else self.currency
                fit = field.fits(currency) and fit
        return fit


def picks(form: Any, option: PackageOption) -> tuple[bool, str, Any]:
    """(whether it was picked, the choice, how many)."""
    data = form[f"option_{option.id}"].data
    if option.kind == OptionKind.QUANTITY:
        return bool(data), "", data
    return bool(data), data if option.kind == OptionKind.CHOICE else "", Decimal(1)


def terms_form(customer: Customer, package: Package) -> TermsForm:
    """The second step, with a field for each option of the package."""
    fields: dict[str, Any] = {}
    offered = offered_prices(customer, package)
    currency = offered[0].currency if offered else customer.currency
    for option in package.options:
        fields[f"option_{option.id}"] = option_field(option, currency)
        fields[f"price_{option.id}"] = AmountField(_("Price of %(name)s", name=option.name))
    form = type("TermsForm", (TermsForm,), fields)()
    form.customer, form.package = customer, package
    form.offered = offered
    offers = [(str(i), _offer(p, customer.currency)) for i, p in enumerate(form.offered)]
    form.terms.choices = choices([*offers, (OTHER, _("Another period, at an agreed price"))])
    open_ = BillingGroup.customer_id == customer.id, BillingGroup.closed_on.is_(None)
    groups = select(BillingGroup).where(*open_).order_by(BillingGroup.id)
    form.billing_group.choices = choices((g.id, g.name) for g in db.session.scalars(groups.limit(MOST_GROUPS))) or [
        *choices([(0, _("Main"))])
    ]
    if not form.is_submitted():
        form.terms.data = "0" if offers else OTHER
        form.start.data = actor().today
        form.begins.data = company.value("new_services")
        form.every.data = 1
        form.trial_days.data = package.trial_days or None
        for option in package.options:
            begin_with(form[f"option_{option.id}"], option)
    return form


def offered_prices(customer: Customer, package: Package) -> list[PackagePrice]:
    """The package's prices in the account's currency, else those that each invoice converts."""
    own = [price for price in package.prices if price.currency == customer.currency]
    listed = own or fx_prices.elsewhere(package, customer.currency)
    return [price for price in listed if price.months or price.days]


def _offer(price: PackagePrice, currency: str) -> str:
    words = price_words(Money(price.price_minor, price.currency), price.months, price.days)
    if price.currency != currency:
        words = _("%(price)s, in %(currency)s at the rate of each invoice’s day", price=words, currency=currency)
    fee = money(Money(price.setup_fee_minor, price.currency))
    return _("%(price)s, set-up %(fee)s", price=words, fee=fee) if price.setup_fee_minor else words


def option_field(option: PackageOption, currency: str, span: tuple[int, int] | None = None) -> Any:
    """Its field, with its prices in that currency; those of one period (months, days) where it has some."""
    prices = [p for p in option.prices if p.currency == currency]
    prices = [p for p in prices if (p.months, p.days) == span] or prices
    listed = ", ".join(price_words(Money(p.price_minor, p.currency), p.months, p.days) for p in prices)
    if option.kind == OptionKind.CHOICE:
        values = dict.fromkeys(p.value for p in option.prices)
        offers = {v: ", ".join(_words(p) for p in prices if p.value == v) for v in values}
        named = [(v, f"{v}: {words}" if words else v) for v, words in offers.items()]
        return SelectField(
            option.name, choices=choices([("", _("Choose") if option.required else _("None")), *named]), default=""
        )
    if option.kind == OptionKind.QUANTITY:
        return ExactField(option.name, description=_about(option, listed))
    return BooleanField(option.name, description=_about(option, listed))


def begin_with(field: Any, option: PackageOption) -> None:
    """What the package begins with."""
    usual = option.default_value
    if option.kind == OptionKind.QUANTITY:
        field.data = Decimal(usual) if usual else option.min_quantity or None
    elif usual:
        field.data = usual == YES if option.kind == OptionKind.YES_NO else usual


def _about(option: PackageOption, listed: str) -> str:
    """Its prices, and whether it must be there."""
    least, most = option.min_quantity, option.max_quantity
    words = [listed, _("Must be chosen.") if option.required else ""]
    words += [_("At least %(n)s.", n=f"{least:f}") if least else "", _("At most %(n)s.", n=f"{most:f}") if most else ""]
    return " ".join(word for word in words if word)


def _words(price: Any) -> str:
    return price_words(Money(price.price_minor, price.currency), price.months, price.days)


def package_with_options(package_id: int | None) -> Package | None:
    """The package as the second step needs it, in three statements."""
    how = selectinload(Package.prices), selectinload(Package.options).selectinload(PackageOption.prices)
    return db.session.scalars(select(Package).where(Package.id == package_id).options(*how)).one_or_none()
