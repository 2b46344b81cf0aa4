"""The page of one discount: what it does, whom it touches, which others it meets, where it was used, its codes."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from wtforms import BooleanField, StringField
from wtforms.validators import Length

from admin import discount_words as words
from admin.audit_words import timeline
from admin.coupons import state as code_state
from admin.coupons import uses as code_uses
from admin.doors import once
from admin.fields import DayField, WholeField
from admin.links import list_url, record_url
from billing import coupons
from billing.coupons import CodeRefused
from billing.discount_figures import taken_off, touched, touched_services
from billing.discount_meetings import MOST_COMPARED, meetings
from models import AuditEvent, BillingError, Coupon, Customer, Discount, DiscountUse, Invoice, Service, db
from web.forms import put_error, stripped
from web.permissions import actor, allows
from web.price_words import price_words

NEWEST = 10


class CodeForm(FlaskForm):
    """One code of a person's choice, or many that are made up."""

    code = StringField(
        _l("Code"), [Length(max=60)], filters=[stripped],
        description=_l("Such as SPRING26. Capitals, spaces and dashes do not matter. Empty: made up."),
    )  # fmt: skip
    count = WholeField(_l("How many"), default=1, description=_l("More than one: made up, each good once."))
    prefix = StringField(_l("Made up codes start with"), [Length(max=20)], filters=[stripped])
    most_uses = WholeField(_l("Uses in all"), description=_l("Empty: no limit."))
    most_per_customer = WholeField(_l("Uses per customer"), default=1, description=_l("Empty: no limit."))
    last_on = DayField(_l("Last day"), description=_l("It can be given in until then. Empty: no end."))
    new_services_only = BooleanField(_l("For new services only"))
    note = StringField(
        _l("Note"), [Length(max=200)], filters=[stripped], description=_l("For you and your colleagues.")
    )

    def limits(self) -> dict[str, Any]:
        names = ("most_uses", "most_per_customer", "last_on", "new_services_only")
        return {**{name: self[name].data for name in names}, "note": self.note.data or ""}


class DiscountPage:
    """Mixed into DiscountView."""

    @expose("/details/")
    def details_view(self) -> Any:
        return self._page(self._found(True), CodeForm(formdata=None))  # type: ignore[attr-defined]

    @expose("/codes/", methods=("POST",))
    def codes_view(self) -> Any:
        """Make one code, or many."""
        discount = self._found(self.can_edit)  # type: ignore[attr-defined]
        form = CodeForm()
        if form.validate_on_submit():
            try:
                return redirect(once(lambda: self._make(discount, form)))
            except CodeRefused as refusal:
                put_error(form[refusal.field if refusal.field in form else "code"], str(refusal))
            except BillingError as refusal:
                put_error(form.code, str(refusal))
        return self._page(discount, form), 400

    def _make(self, discount: Discount, form: CodeForm) -> str:
        count, by = form.count.data or 1, actor()
        if form.code.data and count == 1:
            made = coupons.create(discount, form.code.data, **form.limits(), by=by)
            flash(_("Code %(code)s added", code=made.code), "toast")
        else:
            limits = form.limits()
            if count > 1:
                limits["most_uses"] = limits["most_uses"] or 1
            coupons.generate(discount, count, prefix=form.prefix.data or form.code.data or "", **limits, by=by)
            flash(ngettext("%(num)d code made", "%(num)d codes made", count), "toast")
        return f"{self.row_url(discount)}#codes"  # type: ignore[attr-defined]

    def _page(self, discount: Discount, form: CodeForm) -> Any:
        today = actor().today
        known = {
            "discount": discount,
            "state": words.state(discount, today),
            "sentence": words.sentence(discount),
            "touched": touched(discount),
            "services": self._services(discount),
            "meetings": meetings(discount, today),
            "most_compared": MOST_COMPARED,
            "why": words.WHY,
            "value": words.value,
            "whom": words.whom,
            "capital": words.capital,
            "target": words.target,
            "window": words.window,
            "taken": taken_off(discount),
            "uses": self._uses(discount),
            "form": form,
            "code_state": code_state,
            "code_uses": code_uses,
            "events": self._events(discount),
            **self._codes(discount),
        }
        ways = {"record_url": record_url, "list_url": list_url, "Invoice": Invoice, "Customer": Customer}
        return self.render("admin/discounts/page.html", **known, **ways, price_words=price_words)  # type: ignore[attr-defined]

    def _services(self, discount: Discount) -> list[Service]:
        wanted = select(Service).join(Customer, Customer.id == Service.customer_id)
        how = joinedload(Service.customer), joinedload(Service.package)
        found = wanted.where(*touched_services(discount)).options(*how).order_by(Service.id.desc()).limit(NEWEST)
        return list(db.session.scalars(found)) if allows("services.view") else []

    def _uses(self, discount: Discount) -> list[Any]:
        """(use, customer, invoice), the newest first."""
        wanted = (
            select(DiscountUse, Customer, Invoice)
            .join(Customer, Customer.id == DiscountUse.customer_id)
            .outerjoin(Invoice, Invoice.id == DiscountUse.invoice_id)
            .where(DiscountUse.discount_id == discount.id)
        )
        newest = wanted.order_by(DiscountUse.id.desc()).limit(NEWEST)
        return list(db.session.execute(newest))

    def _codes(self, discount: Discount) -> dict[str, Any]:
        mine = Coupon.discount_id == discount.id
        newest = select(Coupon).where(mine).order_by(Coupon.id.desc()).limit(NEWEST)
        count = db.session.scalar(select(func.count()).where(mine)) or 0
        return {
            "codes": list(db.session.scalars(newest)),
            "code_count": count,
            "code_list": list_url(Coupon, discount_is=discount.id),
        }

    def _events(self, discount: Discount) -> list[dict[str, Any]]:
        if not allows("audit.view"):
            return []
        mine = AuditEvent.object_type == "discount", AuditEvent.object_id == discount.id
        found = select(AuditEvent).where(*mine).order_by(AuditEvent.id.desc()).limit(20)
        return timeline(list(db.session.scalars(found)))
