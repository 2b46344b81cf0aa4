"""Charges beside the packages: the list, adding one to a billing group, ending one. Rules are in billing.charges."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from markupsafe import Markup
from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload
from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import InputRequired, ValidationError

from admin.base import StaffView
from admin.cells import RowAction
from admin.document_filters import CustomerFilter
from admin.doors import once
from admin.fields import AmountField, DayField, ExactField, WholeField
from admin.filters import ChoiceFilter
from admin.finding import CustomersOnly
from admin.links import record_url
from admin.package_forms import UNITS, tax_categories
from admin.rights import Open
from admin.service_form import MOST_GROUPS, WhoForm
from billing import charges
from models import BillingError, BillingGroup, Charge, Customer, Service, ServiceStatus, db
from web.forms import choices, put_error
from web.permissions import actor
from web.price_words import price_words


class ChargeForm(FlaskForm):
    description = StringField(_l("What for"), [InputRequired(_l("Say what it is; this stands on the invoice."))])
    price = AmountField(_l("Price of one"), [InputRequired(_l("Type the price."))])
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

    def __init__(self, customer: Customer) -> None:
        super().__init__()
        open_ = BillingGroup.customer_id == customer.id, BillingGroup.closed_on.is_(None)
        mine = select(BillingGroup).where(*open_).order_by(BillingGroup.id)
        running = Service.customer_id == customer.id, Service.status != ServiceStatus.CANCELLED
        services = select(Service).where(*running).order_by(Service.id.desc()).limit(MOST_GROUPS)
        self.billing_group.choices = choices((g.id, g.name) for g in db.session.scalars(mine.limit(MOST_GROUPS)))
        found = db.session.scalars(services.options(joinedload(Service.package)))
        self.service.choices = choices([(0, _("No service")), *((s.id, str(s)) for s in found)])
        self.tax_category.choices = choices(tax_categories([]))
        self.price.description = customer.currency
        if not self.is_submitted():
            self.starts_on.data, self.every.data = actor().today, 1
            self.quantity.data, self.tax_category.data = Decimal(1), "S"

    def validate_every(self, field: Any) -> None:
        if self.unit.data != "once" and not field.data:
            raise ValidationError(_("Write how many months or days it is."))

    def period(self) -> dict[str, int]:
        n = self.every.data or 0
        return {"months": n if self.unit.data == "months" else 0, "days": n if self.unit.data == "days" else 0}


class EndForm(FlaskForm):
    on = DayField(_l("First day without it"), [InputRequired(_l("Choose the day."))])


class StillFilter(ChoiceFilter):
    """Whether more of it will be billed, and whether it comes again."""

    def where(self, value: str) -> Any:
        again = or_(Charge.months > 0, Charge.days > 0)
        return {"again": again & Charge.next_on.is_not(None), "once": ~again & Charge.next_on.is_not(None)}.get(
            value, Charge.next_on.is_(None)
        )

    @property
    def equality(self) -> bool:
        return False


def _customer(view: Any, _context: Any, row: Charge, _key: str) -> Any:
    url = record_url(row.customer)
    return Markup('<a href="{}">{}</a>').format(url, row.customer.name) if url else row.customer.name


class ChargeView(StaffView):
    needs = "services.view"
    of_customer = "customer_id"
    can_create, can_export = Open("services.edit"), True
    column_list = ("description", "customer", "billing_group", "quantity", "price", "starts_on", "next_on", "ends_on")
    column_labels = {
        "description": _l("What for"), "customer": _l("Customer"), "billing_group": _l("Billing group"),
        "quantity": _l("Quantity"), "price": _l("Price"), "starts_on": _l("From"), "next_on": _l("Billed next"),
        "ends_on": _l("Until"), "id": _l("Id"),
    }  # fmt: skip
    column_sortable_list = ("next_on",)
    column_default_sort = ("id", True)
    column_numeric = ("quantity", "price")
    column_phone = {"description": "title", "customer": "sub", "next_on": "end", "price": "end2"}
    column_formatters = {
        "customer": _customer,
        "price": lambda view, context, row, name: price_words(row.price, row.months, row.days),
    }
    column_export_list = (
        "id", "customer_id", "billing_group_id", "service_id", "description", "quantity", "price", "months", "days",
        "tax_category", "starts_on", "ends_on", "next_on",
    )  # fmt: skip
    column_filters = (
        CustomerFilter(Charge.customer_id),
        StillFilter(
            Charge.next_on, _l("To come"), "is", "still",
            [("again", _l("Comes again")), ("once", _l("Once")), ("done", _l("Nothing more"))],
        ),
        "next_on", "starts_on", "ends_on",
    )  # fmt: skip
    saved_views = (
        (_l("All"), {}),
        (_l("Comes again"), {"flt0_still_is": "again"}),
        (_l("Once, still to come"), {"flt0_still_is": "once"}),
    )
    search_index = finder = CustomersOnly("charge", "")
    search_hint = _l("Customer")
    create_label = _l("Add charge")
    empty_title = _l("No charges yet")
    empty_text = _l("What is billed beside the packages, once or every so many months, is added to a billing group.")

    def list_options(self) -> tuple[Any, ...]:
        return joinedload(Charge.customer), joinedload(Charge.billing_group)

    def row_actions(self) -> list[RowAction]:
        end = self.get_url(".end_view")
        gone = lambda row: f"{end}?id={row.id}" if row.next_on else None  # noqa: E731
        return [RowAction("calendar", _("End"), gone)] if self.can_create else []

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """First whose; then, with the customer in the address, what."""
        if not self.can_create:
            abort(404)
        asked = WhoForm(request.args)
        if not ("customer" in request.args and asked.validate()):
            return self.render("admin/charges/choose.html", form=asked, sent="customer" in request.args)
        customer = asked.customer.data
        form = ChargeForm(customer)
        if form.validate_on_submit() and form.price.fits(customer.currency):
            try:
                return redirect(once(lambda: self._add(form, customer)))
            except BillingError as refusal:
                put_error(form.description, str(refusal))
        return self.render("admin/charges/form.html", form=form, customer=customer, back=record_url(customer))

    def _add(self, form: ChargeForm, customer: Customer) -> str:
        group = self.db_session.get_one(BillingGroup, form.billing_group.data)
        charge = charges.add_charge(
            group,
            form.description.data or "",
            form.price.money(customer.currency),  # type: ignore[arg-type]
            starts_on=form.starts_on.data,
            **form.period(),
            quantity=form.quantity.data,
            ends_on=form.ends_on.data,
            anchor_day=form.anchor_day.data,
            proratable=form.proratable.data,
            tax_category=form.tax_category.data,
            service=self.db_session.get(Service, form.service.data) if form.service.data else None,
            by=actor(),
        )
        flash(_("%(name)s added", name=charge.description), "toast")
        return f"{record_url(customer)}&tab=services" if record_url(customer) else self.get_url(".index_view")

    @expose("/end/", methods=("GET", "POST"))
    def end_view(self) -> Any:
        charge = self._found(self.can_create)
        form, back = EndForm(), self.back()
        if form.validate_on_submit():
            try:
                return redirect(once(lambda: self._end(charge, form, back)))
            except BillingError as refusal:
                put_error(form.on, str(refusal))
        elif request.method == "GET":
            form.on.data = charge.next_on or actor().today
        return self.render("admin/charges/end.html", charge=charge, form=form, return_url=back, price_words=price_words)

    def _end(self, charge: Charge, form: EndForm, back: str) -> str:
        charges.end_charge(charge, form.on.data, by=actor())
        flash(_("The end of %(name)s is set", name=charge.description), "toast")
        return back
