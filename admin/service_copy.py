"""The form of a customer's own copy of a package: everything agreed, each option with a row, and free rows to add."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from wtforms import BooleanField, HiddenField, SelectField, StringField
from wtforms.validators import InputRequired

from admin.fields import AmountField, ExactField, WholeField, amount_text
from admin.service_verbs import Effects, VerbForm
from billing import service_edits
from billing.service_edits import Copy, OwnOption, is_unbilled
from models import BillingError, BillingGroup, Money, OptionPrice, PackageOption, Service, ServiceOption, db
from web.formatters import locale, money, short_date
from web.forms import choices, put_error
from web.permissions import actor

MOST_GROUPS, NEW_ROWS = 200, 2


class CopyForm(VerbForm):
    version = HiddenField()
    description = StringField(_l("Description"), description=_l("Such as a line or a domain. Stands on invoices."))
    billing_group = SelectField(_l("Billing group"), coerce=int, description=_l("What makes one invoice."))
    price = AmountField(_l("Price"), [InputRequired(_l("Write the price; 0 is a price too."))])
    price_reason = StringField(_l("Reason of a new price"), description=_l("Kept in the history."))
    setup_fee = AmountField(_l("Set-up fee"), description=_l("With its first bill."))
    free = BooleanField(_l("Free of charge"))
    anchor_day = WholeField(
        _l("Renewal day"), [InputRequired(_l("Write a day, 1 to 31."))], description=_l("Of the month, 1 to 31.")
    )
    anchor_month = SelectField(_l("Renewal month"), coerce=int)
    external_source = StringField(_l("Other system"), description=_l("Such as the hosting panel it runs on."))
    external_id = StringField(_l("Reference there"))

    service: Service

    @property
    def seen_version(self) -> int:
        return int(self.version.data) if str(self.version.data).isdigit() else 0

    def amounts_fit(self) -> bool:
        """Whether every amount fits the currency; what does not is told at its field."""
        fit = True
        for field in self:
            if isinstance(field, AmountField):
                fit = field.fits(self.service.currency) and fit
        return fit

    @property
    def moves_day(self) -> bool:
        """Whether the renewal day is another, so that the next period is a short one."""
        copy = self.copy()
        return (copy.anchor_day, copy.anchor_month) != (self.service.anchor_day, self.service.anchor_month)

    def copy(self) -> Copy:
        """What the service is to be. Raises BillingError."""
        service, zero = self.service, Money.zero(self.service.currency)
        group = db.session.get(BillingGroup, self.billing_group.data)
        return Copy(
            description=self.description.data or "",
            price=self.price.money(service.currency) or zero,
            setup_fee=(self.setup_fee.money(service.currency) or zero) if "setup_fee" in self else service.setup_fee,
            free=bool(self.free.data),
            options=[*self._kept(), *self._added()],
            billing_group=group or service.billing_group,
            anchor_day=self._day() if "anchor_day" in self else service.anchor_day,
            anchor_month=self.anchor_month.data if "anchor_month" in self else service.anchor_month,
            external_source=self.external_source.data or "",
            external_id=self.external_id.data or "",
            price_reason=self.price_reason.data or "",
        )

    def _day(self) -> int:
        """As typed: 0 is no day."""
        typed = self.anchor_day.data
        return self.service.anchor_day if typed is None else typed

    def _kept(self) -> list[OwnOption]:
        kept = [row for row in self.service.options if not self[f"option_{row.id}_gone"].data]
        return [self._own(f"option_{row.id}", row) for row in kept]

    def _added(self) -> list[OwnOption]:
        names = [f"new_{n}" for n in range(NEW_ROWS)]
        return [self._own(name) for name in names if (self[f"{name}_name"].data or "").strip()]

    def _own(self, name: str, row: ServiceOption | None = None) -> OwnOption:
        price = self[f"{name}_price"].money(self.service.currency)
        typed = row.name if row is not None else self[f"{name}_name"].data or ""
        known = {option.name.lower(): option for option in self.service.package.options}
        quantity, value = self[f"{name}_quantity"].data, self[f"{name}_value"].data or ""
        option = None if row is not None else known.get(typed.strip().lower())
        if option is not None:
            typed = option.name
        if price is None and option is not None:
            price = next((one.price for one in _listed(option, self.service) if one.value == value.strip()), None)
        price = price or Money.zero(self.service.currency)
        return OwnOption(price, row, option, typed, value, quantity)  # type: ignore[arg-type]

    def put_refusal(self, refusal: BillingError) -> None:
        """Tell it where it belongs, as far as one can see."""
        words = str(refusal)
        places = {"reason": "price_reason", "set-up": "setup_fee", "price": "price", "renewal": "anchor_day",
                  "reference": "external_id", "group": "billing_group"}  # fmt: skip
        found = next((name for word, name in places.items() if word in words.lower() and name in self), "description")
        put_error(self[found], words)


def copy_form(service: Service) -> CopyForm:
    """With a field for each option there is, and rows to add some."""
    fields: dict[str, Any] = {}
    for row in service.options:
        fields |= _option_fields(f"option_{row.id}")
        fields[f"option_{row.id}_gone"] = BooleanField(_("Remove %(name)s", name=row.name))
    for n in range(NEW_ROWS):
        fields[f"new_{n}_name"] = StringField(_("New option %(n)s", n=n + 1))
        fields |= _option_fields(f"new_{n}")
    form: CopyForm = type("CopyForm", (CopyForm,), fields)()
    form.service = service
    if not is_unbilled(service):
        del form.setup_fee
    if not service.months:
        del form.anchor_day
    if not service.anchor_month:
        del form.anchor_month
    else:
        names = locale().months["format"]["wide"]
        form.anchor_month.choices = choices((n, names[n].capitalize()) for n in range(1, 13))
    open_ = BillingGroup.customer_id == service.customer_id, BillingGroup.closed_on.is_(None)
    groups = select(BillingGroup).where(*open_).order_by(BillingGroup.id).limit(MOST_GROUPS)
    form.billing_group.choices = choices((group.id, group.name) for group in db.session.scalars(groups))
    if not form.is_submitted():
        _fill(form, service)
    return form


def _listed(option: PackageOption, service: Service) -> list[OptionPrice]:
    """What the option costs for the service's period, in its currency."""
    span = service.currency, service.months, service.days
    return [one for one in option.prices if (one.currency, one.months, one.days) == span]


def offered_options(service: Service) -> list[tuple[str, str]]:
    """(name, what it costs) of the package's options that the service does not have, to choose from while typing."""
    has, found = {row.name.lower() for row in service.options}, []
    for option in service.package.options:
        prices = [f"{one.value} {money(one.price)}".strip() for one in _listed(option, service)]
        if option.name.lower() not in has:
            found.append((option.name, ", ".join(prices)))
    return found


def offered_values(service: Service) -> list[str]:
    """The choices that the package's options have."""
    rows = (one.value for option in service.package.options for one in _listed(option, service) if one.value)
    return list(dict.fromkeys(rows))


def _option_fields(name: str) -> dict[str, Any]:
    """The legend around them says of what."""
    return {
        f"{name}_value": StringField(_("Choice")),
        f"{name}_quantity": ExactField(_("Quantity")),
        f"{name}_price": AmountField(_("Price")),
    }


def _fill(form: CopyForm, service: Service) -> None:
    form.version.data = str(service.version)
    form.description.data, form.free.data = service.description, service.free
    form.billing_group.data, form.price.data = service.billing_group_id, amount_text(service.price)
    for name, value in (
        ("setup_fee", amount_text(service.setup_fee)), ("anchor_day", service.anchor_day),
        ("anchor_month", service.anchor_month), ("external_source", service.external_source or ""),
        ("external_id", service.external_id or ""),
    ):  # fmt: skip
        if name in form:
            form[name].data = value
    for row in service.options:
        form[f"option_{row.id}_value"].data = row.value
        form[f"option_{row.id}_quantity"].data = row.quantity
        form[f"option_{row.id}_price"].data = amount_text(row.price) if row.price_minor else ""
    for n in range(NEW_ROWS):
        form[f"new_{n}_quantity"].data = 1


def next_period_words(service: Service, form: CopyForm) -> Effects:
    """From when the copy counts, and what a new renewal day does to the next period."""
    day = short_date(service.next_renewal_on)
    said: Effects = [
        (
            "",
            "receipt-text",
            _("What you change counts from the next renewal on, %(day)s. Bills there are stay.", day=day),
        ),
        ("", "package", _("The package in the catalogue and other customers are left alone.")),
    ]
    if "anchor_day" not in form or form.errors:
        return said
    month = form.anchor_month.data if "anchor_month" in form else service.anchor_month
    wanted = form._day()
    try:
        found = service_edits.next_period(service, wanted, month)
    except BillingError as refusal:
        put_error(form.anchor_day, str(refusal))
        return said
    if (wanted, month) != (service.anchor_day, service.anchor_month):
        words = _("The next bill is for %(first)s to %(last)s: %(days)s of %(whole)s days are charged. After that it "
                  "renews on the new day.", first=short_date(found.period.start),
                  last=short_date(found.period.last_day), days=found.period.days, whole=found.whole.days)  # fmt: skip
        said.append(("warn", "calendar", words))
    if actor().today > service.next_renewal_on:
        said.append(("warn", "clock", _("That day has passed; the next run bills it.")))
    return said
