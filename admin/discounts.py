"""Discounts: the list, the page of one, its form with what it would do. The rules are in billing.discounts."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from admin import discount_words as words
from admin.actions import staff_action
from admin.base import StaffView
from admin.cells import pill
from admin.discount_filters import FILTERS
from admin.discount_form import DiscountForm
from admin.discount_page import DiscountPage
from admin.doors import once, told
from admin.rights import Open
from billing import discounts
from billing.discount_figures import touched
from billing.discount_meetings import MOST_COMPARED, meetings
from billing.discount_terms import DiscountRefused
from models import BillingError, Customer, CustomerGroup, Discount, db
from models.currencies import DECIMALS
from web.forms import put_error
from web.params import row_id
from web.permissions import actor, refuse


class DiscountView(DiscountPage, StaffView):
    needs = "discounts.view"
    of_customer = "customer_id"
    can_create, can_edit, can_export = Open("discounts.edit"), Open("discounts.edit"), True
    can_view_details = True
    column_details_list = ("id",)  # the page is our own
    column_list = ("name", "kind", "audience", "target", "starts_on", "last_on", "priority", "active")
    column_labels = {
        "id": _l("Id"), "name": _l("Name"), "kind": _l("Takes off"), "audience": _l("Whom it is for"),
        "target": _l("What it is for"), "starts_on": _l("First day"), "last_on": _l("Last day"),
        "priority": _l("Priority"), "active": _l("Status"), "reason": _l("Reason"), "percent": _l("Percent"),
        "needs_code": _l("By code"), "archived_on": _l("Archived"),
    }  # fmt: skip
    column_sortable_list = ("name", "priority", "starts_on", "last_on")
    column_default_sort = ("id", True)
    column_link = "name"
    column_numeric = ("kind", "priority")
    column_phone = {"name": "title", "target": "sub", "kind": "end", "active": "end2"}
    column_formatters = {
        "kind": lambda view, context, row, name: words.short_value(row),
        "audience": lambda view, context, row, name: words.capital(words.whom(row)),
        "target": lambda view, context, row, name: words.target(row),
        "active": lambda view, context, row, name: pill(*words.state(row, actor().today)),
    }
    column_export_list = (
        "id", "name", "reason", "audience", "group_id", "customer_id", "target", "project_id", "months", "days", "kind",
        "percent", "covers", "starts_on", "last_on", "lasts_months", "lasts_days", "bills", "service_from",
        "service_until", "priority", "needs_code", "active", "archived_on",
    )  # fmt: skip
    column_filters = FILTERS
    saved_views = (
        (_l("All"), {}),
        (_l("Not archived"), {"flt0_state_is": "kept"}),
        (_l("Active now"), {"flt0_state_is": "now"}),
        (_l("By code"), {"flt0_needs_code_is": "1"}),
    )
    create_label, save_label = _l("Add discount"), _l("Save discount")
    empty_title = _l("No discounts yet")
    empty_text = _l(
        "A discount takes something off the bills of everyone, a group or one customer, by itself or with a code. "
        "Invoices say why."
    )

    def list_options(self) -> tuple[Any, ...]:
        return (
            joinedload(Discount.customer), joinedload(Discount.group), joinedload(Discount.project),
            selectinload(Discount.packages), selectinload(Discount.amounts),
        )  # fmt: skip

    @staff_action("archive", _l("Archive"), permission="discounts.edit", icon="archive")
    def archive(self, row: Discount) -> None:
        discounts.archive(row, by=actor())

    @staff_action("restore", _l("Bring back"), permission="discounts.edit", icon="undo-2")
    def restore(self, row: Discount) -> None:
        discounts.restore(row, by=actor())

    # The form

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        return self._edit(None) if self.can_create else abort(404)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        return self._edit(self._found(self.can_edit))

    def _edit(self, discount: Discount | None) -> Any:
        form = DiscountForm(discount, self._preset() if discount is None else None)
        if not form.only_rows and form.validate_on_submit():
            try:
                return redirect(once(lambda: self._keep(discount, form)))
            except DiscountRefused as refusal:
                form.refuse(refusal.field, str(refusal))
            except BillingError as refusal:
                put_error(form.name, str(refusal))
        back = self.row_url(discount) if discount else self.back()
        known = {"form": form, "discount": discount, "cancel_url": back, "known_currencies": sorted(DECIMALS)}
        return self.render("admin/discounts/form.html", **known, **self._trial(form, discount))

    def _preset(self) -> dict[str, Any]:
        """What the form begins with where it is opened from the page of a customer or a group."""
        customer, group = row_id(request.args.get("customer", "")), row_id(request.args.get("group", ""))
        if customer is not None and (found := self.db_session.get(Customer, customer)):
            return {"audience": "customer", "customer_id": found}
        if group is not None and self.db_session.scalar(select(CustomerGroup.id).where(CustomerGroup.id == group)):
            return {"audience": "group", "group_id": group}
        return {}

    def _keep(self, discount: Discount | None, form: DiscountForm) -> str:
        chosen: dict[str, Any] = {"packages": form.packages.data or [], "amounts": form.sums(), "by": actor()}
        if discount is None:
            discount = discounts.create(form.values(), **chosen)
            flash(_("%(name)s added", name=discount.name), "toast")
        else:
            seen = int(form.version.data) if (form.version.data or "").isdigit() else -1
            discounts.change(discount, form.values(), seen=seen, **chosen)
            flash(_("%(name)s saved", name=discount.name), "toast")
        return self.row_url(discount)

    @expose("/trial/", methods=("POST",))
    def trial_view(self) -> Any:
        """What the discount that is being typed would do, for the page's script. Nothing of it is kept."""
        if not self.can_create:
            refuse("discounts.edit")
        number = row_id(request.args.get("id", ""))
        discount = self.get_one(str(number)) if number is not None else None
        form = DiscountForm(discount)
        form.validate()
        return self.render("admin/discounts/trial.html", why=words.WHY, **self._trial(form, discount))

    def _trial(self, form: DiscountForm, discount: Discount | None) -> dict[str, Any]:
        """Made by the rule itself and taken back: its sentence, whom it touches, which others it meets."""
        if not request.form:
            return {"trial": None if discount is None else self._effects(discount), "refusal": ""}
        own = discount.id if discount else 0
        with db.session.no_autoflush:
            trial = db.session.begin_nested()
            try:
                made = discounts.create(
                    form.values(), packages=form.packages.data or [], amounts=form.sums(), by=actor()
                )
                return {"trial": self._effects(made, own), "refusal": ""}
            except BillingError as refusal:
                return {"trial": None, "refusal": str(refusal)}
            finally:
                trial.rollback()

    def _effects(self, discount: Discount, own: int = 0) -> dict[str, Any]:
        met = [one for one in meetings(discount, actor().today) if one.other.id != own]
        told = {"sentence": words.sentence(discount), "touched": touched(discount), "meetings": met}
        return {**told, "why": words.WHY, "most": MOST_COMPARED - 1}

    @expose("/state/", methods=("POST",))
    def state_view(self) -> Any:
        """Switch it on or off, archive it or bring it back."""
        discount, by = self._found(self.can_edit), actor()
        changes: dict[str, tuple[Any, Any, str]] = {
            "on": (lambda: discounts.switch(discount, True, by=by), _("%(name)s is switched on"), "off"),
            "off": (lambda: discounts.switch(discount, False, by=by), _("%(name)s is switched off"), "on"),
            "archived": (lambda: discounts.archive(discount, by=by), _("%(name)s archived"), "kept"),
            "kept": (lambda: discounts.restore(discount, by=by), _("%(name)s is back"), "archived"),
        }
        change, said, undo = changes.get(request.values.get("to", "")) or abort(404)
        if told(change):
            back = self.get_url(".state_view", id=discount.id, to=undo)
            flash({"text": said % {"name": discount.name}, "undo": back}, "toast")  # type: ignore[arg-type]
        return redirect(self.row_url(discount))
