"""Codes: the list, and the page of one with everybody who gave it in. The rules are in billing.coupons."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from admin.actions import staff_action
from admin.base import StaffView
from admin.cells import pill
from admin.customers.choices import Rows
from admin.doors import told
from admin.filters import ChoiceFilter, StaffFilter
from admin.links import record_url
from admin.narrowing import NOBODY
from admin.rights import Open
from billing import coupons
from models import Coupon, CouponUse, Customer, Discount
from web.params import row_id
from web.permissions import actor

NEWEST = 50


class DiscountFilter(ChoiceFilter):
    def clean(self, value: str) -> int:
        return int(super().clean(value))


class CodeFilter(StaffFilter):
    """However it is typed."""

    def clean(self, value: str) -> str:
        return coupons.normalised(super().clean(value))


def _discount(view: Any, _context: Any, row: Coupon, _key: str) -> Any:
    url = record_url(row.discount)
    return Markup('<a href="{}">{}</a>').format(url, row.discount.name) if url else row.discount.name


def uses(coupon: Coupon) -> str:
    """3 of 10"""
    if coupon.most_uses is None:
        return str(coupon.uses)
    return _("%(n)s of %(most)s", n=coupon.uses, most=coupon.most_uses)


def state(coupon: Coupon) -> tuple[str, Any]:
    """(kind of the pill, word)."""
    if not coupon.active:
        return "warn", _("Out of use")
    if coupon.most_uses is not None and coupon.uses >= coupon.most_uses:
        return "", _("Used up")
    if coupon.last_on and coupon.last_on < actor().today:
        return "", _("Over")
    return "ok", _("In use")


class CouponView(StaffView):
    needs = "discounts.view"
    of_customer = NOBODY
    under = "discounts"
    can_export = True
    can_view_details = True
    may_change = Open("discounts.edit")
    column_details_list = ("id",)  # the page is our own
    column_list = ("code", "discount", "uses", "most_per_customer", "last_on", "note", "active")
    column_labels = {
        "id": _l("Id"), "code": _l("Code"), "discount": _l("Discount"), "uses": _l("Given in"),
        "most_per_customer": _l("Per customer"), "last_on": _l("Last day"), "note": _l("Note"),
        "active": _l("Status"), "most_uses": _l("Uses in all"), "new_services_only": _l("For new services only"),
        "made_at": _l("Made"), "made_by": _l("Made by"),
    }  # fmt: skip
    column_sortable_list = ("code",)
    column_default_sort = ("id", True)
    column_link = "code"
    column_numeric = ("uses", "most_per_customer")
    column_phone = {"code": "title", "discount": "sub", "uses": "end", "active": "end2"}
    column_formatters = {
        "discount": _discount,
        "uses": lambda view, context, row, name: uses(row),
        "most_per_customer": lambda view, context, row, name: row.most_per_customer or "",
        "active": lambda view, context, row, name: pill(*state(row)),
    }
    column_export_list = (
        "id", "code", "discount_id", "uses", "most_uses", "most_per_customer", "last_on", "new_services_only", "note",
        "active", "made_at", "made_by",
    )  # fmt: skip
    column_filters = (
        CodeFilter(Coupon.code, _l("Code"), "is"),
        CodeFilter(Coupon.code, _l("Code"), "begins"),
        DiscountFilter(Coupon.discount_id, _l("Discount"), "is", "discount", Rows(Discount)),
        "active", "last_on", "note",
    )  # fmt: skip
    empty_title = _l("No codes yet")
    empty_text = _l("Codes are made on the page of a discount that asks for one.")

    def is_visible(self) -> bool:
        """Reached from the discounts."""
        return False

    def list_options(self) -> tuple[Any, ...]:
        return (joinedload(Coupon.discount),)

    @staff_action("off", _l("Take out of use"), permission="discounts.edit", icon="ban")
    def switch_off(self, row: Coupon) -> None:
        coupons.switch(row, False, by=actor())

    @staff_action("on", _l("Put in use"), permission="discounts.edit", icon="power")
    def switch_on(self, row: Coupon) -> None:
        coupons.switch(row, True, by=actor())

    @expose("/details/")
    def details_view(self) -> Any:
        coupon = self._found(True)
        given = (
            select(CouponUse)
            .where(CouponUse.coupon_id == coupon.id)
            .options(joinedload(CouponUse.customer), joinedload(CouponUse.service))
            .order_by(CouponUse.id.desc())
            .limit(NEWEST)
        )
        return self.render(
            "admin/discounts/code.html",
            coupon=coupon,
            state=state(coupon),
            uses_words=uses(coupon),
            given=list(self.db_session.scalars(given)),
            newest=NEWEST,
            record_url=record_url,
            Customer=Customer,
        )

    @expose("/state/", methods=("POST",))
    def state_view(self) -> Any:
        coupon, on = self._found(self.may_change), request.values.get("to") == "on"
        words = _("%(code)s can be given in") if on else _("%(code)s is out of use")
        if told(lambda: coupons.switch(coupon, on, by=actor())):
            back = self.get_url(".state_view", id=coupon.id, to="off" if on else "on")
            flash({"text": words % {"code": coupon.code}, "undo": back}, "toast")  # type: ignore[arg-type]
        return redirect(self.row_url(coupon))

    @expose("/take-back/", methods=("POST",))
    def take_back_view(self) -> Any:
        coupon = self._found(self.may_change)
        number = row_id(request.form.get("use", ""))
        use = self.db_session.get(CouponUse, number) if number is not None else None
        if use is None or use.coupon_id != coupon.id:
            abort(404)
        told(lambda: coupons.take_back(use, by=actor()), _("The use of %(code)s is taken back", code=coupon.code))
        return redirect(self.row_url(coupon))
