"""The form of a charge: what, how much, when, and where it is billed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import InputRequired, ValidationError

from admin.fields import AmountField, DayField, ExactField, WholeField, amount_text
from admin.package_forms import UNITS, tax_categories
from admin.service_form import MOST_GROUPS
from billing import charges
from billing.charges import Terms
from models import BillingGroup, Charge, Customer, Service, ServiceStatus, db
from web.forms import choices
from web.permissions import actor

TIMING = ("unit", "every", "anchor_day", "starts_on")


class ChargeForm(FlaskForm):
    description = StringField(_l("What for"), [InputRequired(_l("Say what it is; this stands on the invoice."))])
    price = AmountField(
        _l("Price of one"), [InputRequired(_l("Type the price."))],
        description=_l("Below zero: paid in advance, taken off the next bills."),
    )  # fmt: skip
    quantity = ExactField(_l("How many"), [InputRequired(_l("Type how many."))])
    unit = SelectField(_l("Billed"), choices=choices([UNITS[2], *UNITS[:2]]))
    every = WholeField(_l("Every"), description=_l("For what comes again: how many months or days."))
    starts_on = DayField(_l("From"), [InputRequired(_l("Choose the day."))], description=_l("With the next bill then."))
    ends_on = DayField(_l("Until"), description=_l("The first day without it. Empty: no end."))
    anchor_day = WholeField(_l("Day of the month"), description=_l("1 to 31. Empty: the day it starts."))
    proratable = BooleanField(_l("Bill only the days of a short period"))
    billing_group = SelectField(_l("Billing group"), coerce=int)
    service = SelectField(_l("Belongs to"), coerce=int, description=_l("Ends with that service."))
    tax_category = SelectField(_l("Tax"))

    def __init__(self, customer: Customer, charge: Charge | None = None) -> None:
        super().__init__()
        self.charge, self.currency = charge, customer.currency
        self._offer(customer)
        self.price.label.text = _("Price of one, in %(currency)s", currency=customer.currency)
        if not self.is_submitted():
            self._show(charge) if charge else self._begin()
        if charge is not None and charges.is_billed(charge):
            for name in TIMING:
                self[name].render_kw = {"disabled": True}
            self.starts_on.description = _("Fixed: it was billed already.")

    def _offer(self, customer: Customer) -> None:
        mine = BillingGroup.customer_id == customer.id
        open_ = BillingGroup.closed_on.is_(None)
        groups = select(BillingGroup).where(mine, open_).order_by(BillingGroup.id).limit(MOST_GROUPS)
        running = Service.customer_id == customer.id, Service.status != ServiceStatus.CANCELLED
        services = select(Service).where(*running).order_by(Service.id.desc()).limit(MOST_GROUPS)
        self.billing_group.choices = choices((g.id, g.name) for g in db.session.scalars(groups))
        found = {s.id: str(s) for s in db.session.scalars(services.options(joinedload(Service.package)))}
        if self.charge and self.charge.service_id and self.charge.service_id not in found:
            found[self.charge.service_id] = str(db.session.get_one(Service, self.charge.service_id))
        self.service.choices = choices([(0, _("No service")), *found.items()])
        self.tax_category.choices = choices(tax_categories([self.charge.tax_category] if self.charge else []))

    def _begin(self) -> None:
        self.starts_on.data, self.every.data = actor().today, 1
        self.quantity.data, self.tax_category.data = Decimal(1), "S"

    def _show(self, charge: Charge) -> None:
        for name in ("description", "quantity", "starts_on", "ends_on", "proratable", "tax_category"):
            self[name].data = getattr(charge, name)
        self.price.data = amount_text(charge.price)
        self.unit.data = "months" if charge.months else "days" if charge.days else "once"
        self.every.data = charge.months or charge.days or None
        self.anchor_day.data = charge.anchor_day if charge.months else None
        self.billing_group.data, self.service.data = charge.billing_group_id, charge.service_id or 0

    def validate(self, extra_validators: Any = None) -> bool:
        """What is fixed was not sent, and is not asked for."""
        if self.charge is not None and self.starts_on.render_kw:
            sent = self.ends_on.data
            self._fixed(self.charge)
            self.ends_on.data = sent
        return bool(super().validate(extra_validators)) and self.price.fits(self.currency)

    def _fixed(self, charge: Charge) -> None:
        self.starts_on.data, self.starts_on.raw_data = charge.starts_on, [charge.starts_on.isoformat()]
        self.unit.data = "months" if charge.months else "days" if charge.days else "once"
        self.every.data, self.anchor_day.data = charge.months or charge.days or None, charge.anchor_day

    def validate_every(self, field: Any) -> None:
        if self.unit.data != "once" and not field.data:
            raise ValidationError(_("Write how many months or days it is."))

    def terms(self) -> Terms:
        n, price = self.every.data or 0, self.price.money(self.currency)
        assert price is not None and isinstance(self.starts_on.data, date)
        kept = self.charge.anchor_day if self.charge and self.unit.data != "months" else None
        return Terms(
            self.description.data or "", price, self.starts_on.data, self.quantity.data,
            months=n if self.unit.data == "months" else 0, days=n if self.unit.data == "days" else 0,
            ends_on=self.ends_on.data, anchor_day=self.anchor_day.data or kept, proratable=self.proratable.data,
            tax_category=self.tax_category.data or "S",
        )  # fmt: skip

    def group(self) -> BillingGroup:
        return db.session.get_one(BillingGroup, self.billing_group.data)

    def of_service(self) -> Service | None:
        return db.session.get(Service, self.service.data) if self.service.data else None


class EndForm(FlaskForm):
    on = DayField(_l("First day without it"), [InputRequired(_l("Choose the day."))])
