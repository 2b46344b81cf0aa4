"""What a package change asks for: the new package, its period and options, when it begins, and an agreed price."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.validators import Length

from admin.fields import AmountField, DayField, amount_text
from admin.service_form import begin_with, offered_prices, option_field, picks
from billing.package_changes import Wanted
from billing.prices import InvalidPrice, InvalidTerms
from billing.services import Chosen
from models import BillingError, ChangeWhen, OptionKind, Package, PackageChange, PackageOption, PackagePrice, Service
from web.forms import choices, put_error, stripped
from web.permissions import actor

NOW, ON, RENEWAL = "now", "on", "renewal"


class ChangeForm(FlaskForm):
    """The fields that are always there; `change_form` adds one for each option of the chosen package."""

    package = SelectField(_l("New package"), coerce=lambda text: int(text) if str(text).isdigit() else None)
    period = SelectField(_l("Billed"), validate_choice=False)
    price = AmountField(_l("Agreed price"), description=_l("Empty: the price of the package for that period."))
    price_reason = StringField(
        _l("Why another price"), [Length(max=200)], filters=[stripped], description=_l("Kept with the change.")
    )
    when = SelectField(_l("When"), choices=choices([(NOW, ""), (ON, ""), (RENEWAL, "")]), default=NOW)
    on = DayField(_l("The day"))

    service: Service
    chosen: Package | None
    offered: list[PackagePrice]

    @property
    def price_listed(self) -> PackagePrice | None:
        """The price of the package for the period that is chosen."""
        named = self.period.data or ""
        return next((one for one in self.offered if span(one) == named), None)

    def options(self) -> list[Chosen]:
        """The options that were picked, at the package's price."""
        assert self.chosen is not None
        picked = [(one, picks(self, one)) for one in self.chosen.options]
        return [Chosen(one, value=value, quantity=number) for one, (taken, value, number) in picked if taken]

    def wanted(self) -> Wanted:
        """What was chosen, as the rules want it; `fits` has said that it is all there."""
        assert self.chosen is not None
        months, _dash, days = (self.period.data or "0-0").partition("-")
        when = ChangeWhen(self.when.data) if self.when.data in (NOW, ON, RENEWAL) else ChangeWhen.NOW
        return Wanted(
            self.chosen.id, int(months), int(days), self.options(), when,
            self.on.data if when == ChangeWhen.ON else None,
            self.price.money(self.service.currency), self.price_reason.data or "",
        )  # fmt: skip

    def fill(self, change: PackageChange) -> None:
        """With what was kept."""
        self.on.data = change.on if change.asked_for == ChangeWhen.ON else None
        self.package.data, self.when.data = change.to_package_id, change.asked_for.value
        self.period.data = f"{change.terms['months']}-{change.terms['days']}"
        if change.agreed is not None:
            self.price.data = amount_text(change.agreed)
        self.price_reason.data = change.price_reason
        kept = {row["option_id"]: row for row in change.terms.get("options") or ()}
        for option in self.chosen.options if self.chosen else ():
            row = kept.get(option.id)
            self[f"option_{option.id}"].data = _kept_value(option, row)

    def refuse(self, refusal: BillingError) -> None:
        """Tell it where it belongs."""
        option = getattr(refusal, "option", None)
        name = f"option_{option.id}" if option is not None else ""
        field = self[name] if name in self else self.price if isinstance(refusal, InvalidPrice) else self.package
        if isinstance(refusal, InvalidTerms):
            field = self.on if self.when.data == ON else self.period
        put_error(field, str(refusal))

    def fits(self) -> bool:
        """Whether all that is needed is there; what is not is told at its field."""
        if self.chosen is None:
            put_error(self.package, _("Choose the new package."))
        elif self.price_listed is None:
            put_error(self.period, _("Choose how often it is billed."))
        if self.when.data == ON and not self.on.data and not self.on.errors:
            put_error(self.on, _("Choose the day it begins."))
        elif self.when.data == ON and self.on.data and self.on.data < actor().today:
            put_error(self.on, _("Choose today or a later day."))
        if self.price.typed and not self.price_reason.data:
            put_error(self.price_reason, _("Say why the price differs from the package’s."))
        return self.price.fits(self.service.currency) and not self.errors


def change_form(
    service: Service, packages: Sequence[int], chosen: Package | None, billed: tuple[int, int] | None = None
) -> ChangeForm:
    """The form with the options of `chosen`, if one is, at their prices for the period `billed`."""
    fields: dict[str, Any] = {}
    offered = offered_prices(service.customer, chosen) if chosen else []
    currency = offered[0].currency if offered else service.currency
    for option in chosen.options if chosen else ():
        fields[f"option_{option.id}"] = option_field(option, currency, billed)
    form = type("ChangeForm", (ChangeForm,), fields)()
    form.service, form.chosen, form.offered = service, chosen, offered
    form.package.choices = choices([("", ""), *((number, "") for number in packages)])
    return form


def fill_options(form: ChangeForm) -> None:
    """Begin with what the service has of the same name, else with what the package begins with."""
    has = {one.name.casefold(): one for one in form.service.options}
    sent = request.form
    for option in form.chosen.options if form.chosen else ():
        name = f"option_{option.id}"
        if f"had_{option.id}" in sent:
            continue
        field, own = form[name], has.get(option.name.casefold())
        if own is None:
            begin_with(field, option)
        elif option.kind == OptionKind.QUANTITY:
            field.data = own.quantity
        else:
            field.data = own.value if option.kind == OptionKind.CHOICE else True


def _kept_value(option: PackageOption, row: Any) -> Any:
    """What the field of an option holds where the draft has it; nothing where it was left out."""
    if option.kind == OptionKind.QUANTITY:
        return Decimal(row["quantity"]) if row else None
    return (row["value"] if option.kind == OptionKind.CHOICE else True) if row else ""


def span(price: Any) -> str:
    """A period as the form names it: 1-0 is monthly."""
    return f"{price.months}-{price.days}"
