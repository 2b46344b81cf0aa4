"""The card of a customer's discounts: for each service the one that applies, why it wins, and codes given in."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length

from admin import discount_words as words
from admin.doors import once
from admin.links import new_url
from billing import coupons
from billing.discount_meetings import standings
from models import BillingError, CouponUse, Customer, Discount, Service, ServiceStatus, db
from web.forms import choices, put_error, stripped
from web.permissions import actor

from .page_doors import PageDoors

SHOWN, OFFERED = 20, 200


class CodeForm(FlaskForm):
    code = StringField(_l("Code"), [InputRequired(_l("Type the code.")), Length(max=60)], filters=[stripped])
    service = SelectField(_l("For"), coerce=int)

    def __init__(self, customer: Customer, **more: Any) -> None:
        super().__init__(**more)
        running = Service.customer_id == customer.id, Service.status != ServiceStatus.CANCELLED
        found = select(Service).where(*running).options(joinedload(Service.package)).order_by(Service.id.desc())
        rows = db.session.scalars(found.limit(OFFERED))
        self.service.choices = choices([("0", _("All services")), *((str(one.id), str(one)) for one in rows)])


def card(customer: Customer) -> dict[str, Any]:
    """What applies today to the newest running services."""
    running = Service.customer_id == customer.id, Service.status == ServiceStatus.ACTIVE, Service.free.is_(False)
    found = select(Service).where(*running).options(joinedload(Service.package)).order_by(Service.id.desc())
    services = list(db.session.scalars(found.limit(SHOWN + 1)))
    standing = standings(customer, services[:SHOWN], actor().today)
    rows = [(service, standing.get(service.id, [])) for service in services[:SHOWN]]
    return {
        "rows": [(service, [one for one in found if one.wins], [one for one in found if not one.wins])
                 for service, found in rows if found],
        "more": len(services) > SHOWN, "discounts": _named(rows), "why": words.WHY, "sentence": words.sentence,
        "codes": _codes(customer), "form": CodeForm(customer, formdata=None),
        "add_url": new_url(Discount, customer=customer.id),
    }  # fmt: skip


def _named(rows: list[Any]) -> dict[int, Discount]:
    """The discounts that stand on the card, by id."""
    ids = {one.offer.id for _service, found in rows for one in found}
    if not ids:
        return {}
    how = (
        joinedload(Discount.customer), joinedload(Discount.group), joinedload(Discount.project),
        selectinload(Discount.packages), selectinload(Discount.amounts),
    )  # fmt: skip
    found = db.session.scalars(select(Discount).where(Discount.id.in_(ids)).options(*how))
    return {discount.id: discount for discount in found}


def _codes(customer: Customer) -> list[CouponUse]:
    wanted = select(CouponUse).where(CouponUse.customer_id == customer.id).order_by(CouponUse.id.desc()).limit(SHOWN)
    return list(db.session.scalars(wanted.options(joinedload(CouponUse.coupon), joinedload(CouponUse.service))))


class DiscountDoors(PageDoors):
    """Mixed into CustomerView."""

    @expose("/code/", methods=("POST",))
    def code_view(self) -> Any:
        """Give a code in for one service of the customer, or for all."""
        customer = self._open("discounts.edit")
        form = CodeForm(customer)
        if form.validate_on_submit():
            number = form.service.data
            service = db.session.get(Service, number) if number else None
            if service is not None and service.customer_id != customer.id:
                abort(404)
            try:
                return redirect(once(lambda: self._give(form.code.data or "", customer, service)))
            except BillingError as refusal:
                put_error(form.code, str(refusal))
        return self.customer_page(customer, "services", discounts={"form": form}), 400  # type: ignore[attr-defined]

    def _give(self, code: str, customer: Customer, service: Service | None) -> str:
        use = coupons.redeem(code, customer, service=service, by=actor())
        flash(_("Code %(code)s given in", code=use.coupon.code), "toast")
        return self._to(customer, "services")
