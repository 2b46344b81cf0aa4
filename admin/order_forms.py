"""Order forms: the list with what each brings in, the builder, and the small verbs. Rules: billing.order_forms."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, g, redirect, request
from flask_admin import expose
from flask_babel import format_number
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import selectinload
from werkzeug.datastructures import MultiDict

from admin.base import StaffView
from admin.cells import RowAction
from admin.doors import once
from admin.filter_kinds import choice
from admin.narrowing import NOBODY
from admin.order_form_form import BuilderForm
from admin.order_form_page import OrderFormPage
from admin.order_form_rows import addable
from admin.order_words import FORM_STATES, form_pill
from admin.rights import Open
from billing import company, order_forms, order_preview
from billing.order_forms import FormRefused
from models import BillingError, OrderForm, OrderFormPackage, OrderState, db, engine
from web import order_previews
from web.permissions import actor

SHOWN_PACKAGES = 2
SEEN = "seen."


def _packages(_view: Any, _context: Any, row: OrderForm, _key: str) -> str:
    names = [one.package.name for one in row.packages]
    more = len(names) - SHOWN_PACKAGES
    return ", ".join(names[:SHOWN_PACKAGES]) + (_(" and %(n)s more", n=more) if more > 0 else "")


def _month(_view: Any, _context: Any, row: OrderForm, _key: str) -> str:
    return format_number(sum(g.order_counts.get(row.id, {}).values()))


def accepted_words(counts: dict[OrderState, int]) -> str:
    """How many of those that began became something: 8 of 12 (67%)."""
    begun, accepted = sum(counts.values()), counts.get(OrderState.ACCEPTED, 0)
    if not begun:
        return "–"
    return _("%(n)s of %(all)s (%(share)s%%)", n=accepted, all=begun, share=(200 * accepted + begun) // (2 * begun))


class OrderFormsView(OrderFormPage, StaffView):
    needs = "orders.view"
    of_customer = NOBODY
    can_create = can_edit = can_delete = Open("order_forms.edit")
    can_view_details = True
    column_details_list = ("id",)  # the page is our own
    column_list = ("name", "packages", "month", "accepted", "state")
    column_labels = {
        "name": _l("Name"), "packages": _l("Packages"), "month": _l("Orders this month"),
        "accepted": _l("Accepted of them"), "state": _l("State"),
    }  # fmt: skip
    column_sortable_list = ("name", "state")
    column_default_sort = "name"
    column_link = "name"
    column_numeric = ("month", "accepted")
    column_phone = {"name": "title", "packages": "sub", "state": "end", "month": "end2"}
    column_formatters = {
        "packages": _packages, "month": _month,
        "accepted": lambda view, context, row, name: accepted_words(g.order_counts.get(row.id, {})),
        "state": lambda view, context, row, name: form_pill(row),
    }  # fmt: skip
    column_filters = ("name", *choice(OrderForm.state, _l("State"), [(str(s), w[1]) for s, w in FORM_STATES.items()]))
    saved_views = (
        (_l("All"), {}),
        (_l("Open"), {"flt0_state_is": "open"}),
        (_l("Drafts"), {"flt0_state_is": "draft"}),
        (_l("Archived"), {"flt0_state_is": "archived"}),
    )
    create_label, save_label, delete_label = _l("Add order form"), _l("Save order form"), _l("Delete order form")
    empty_title = _l("No order forms yet")
    empty_text = _l("A form is a page on which anybody orders: it makes the customer, the service and the invoice.")

    def list_options(self) -> tuple[Any, ...]:
        return (selectinload(OrderForm.packages).joinedload(OrderFormPackage.package),)

    def rows_shown(self, rows: list[Any]) -> None:
        first = company.beginning_of(actor().today.replace(day=1))
        g.order_counts = order_forms.counts([row.id for row in rows], since=first) if rows else {}

    def row_actions(self) -> list[RowAction]:
        copy = self.get_url(".copy_view")
        made = [RowAction("copy", _("Copy"), lambda row: f"{copy}?id={row.id}")] if self.can_edit else []
        return [*self.own_row_actions()[:1], *made]

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        return self._builder(None) if self.can_create else abort(404)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        return self._builder(self._found(self.can_edit))

    @expose("/preview/", methods=("POST",))
    def preview_view(self) -> Any:
        """What is being edited, as strangers would see it. What was picked on that page comes as ``seen.NAME``."""
        row = self._found(self.can_edit) if request.args.get("id") else None
        if row is None and not self.can_create:
            abort(404)
        db.session.rollback()
        engine.set_reading(True)  # it waits for nobody who writes
        form = BuilderForm(order_forms.loaded(row.id) if row else None)
        sent = request.form.items(multi=True)
        picked = MultiDict((name.removeprefix(SEEN), text) for name, text in sent if name.startswith(SEEN))
        try:
            values = form.values()
        except ValueError:  # of what no form sends
            abort(400)
        return order_previews.draw(order_preview.unsaved(values, form.readable(), form.own), picked)

    def _builder(self, row: OrderForm | None) -> Any:
        form, status = BuilderForm(row), 200
        if request.method == "POST" and not form.rearranged():
            status = 400
            if form.validate():
                try:
                    return redirect(once(lambda: self._keep(form, row)))
                except FormRefused as refusal:
                    form.refuse(refusal)
                except (BillingError, ValueError) as refusal:
                    flash(_("Nothing was saved. %(why)s", why=str(refusal)), "danger")
        page = self.render(
            "admin/order_forms/form.html", form=form, row=row, nothing_sold=len(addable(())) == 1,
            cancel_url=self.row_url(row) if row else self.back(), saved=self.preview_url(row) if row else "",
            preview=self.get_url(".preview_view", preview=1, **({"id": row.id} if row else {})),
        )  # fmt: skip
        return page, status

    def _keep(self, form: BuilderForm, row: OrderForm | None) -> str:
        values, by = form.values(), actor()
        if row is None:
            row = order_forms.create(values, form.offered(), by=by)
        else:
            version = int(form.version.data) if (form.version.data or "").isdigit() else 0
            order_forms.change(row, values, form.offered(), version=version, by=by)
        flash(_("%(name)s saved", name=row.name), "toast")
        return self.get_url(".edit_view", id=row.id) if "stay" in request.form else self.row_url(row)

    def delete(self, row: OrderForm) -> None:
        order_forms.delete(row, by=actor())

    def delete_effects(self, row: OrderForm) -> list[tuple[str, str, str]]:
        if sum(order_forms.counts([row.id])[row.id].values()):
            return [("warn", "archive", _("There are orders on it, which are kept. Archive it instead."))]
        return [
            ("ok", "circle-check", _("Nobody ordered on it.")),
            ("bad", "trash-2", _("%(name)s is removed for good; its address answers nothing more.", name=row.name)),
        ]
