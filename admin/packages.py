"""Packages: the catalogue, the page of one, and its form. The rules are in billing.packages."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_admin.actions import action
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from admin.actions import Chosen, StaffAction, staff_action
from admin.base import StaffView
from admin.cells import pill
from admin.customers.choices import Rows
from admin.doors import once
from admin.filters import RowFilter
from admin.list_columns import ListColumn
from admin.narrowing import NOBODY
from admin.package_forms import PackageForm
from admin.package_page import PackagePage, running, status_words
from admin.period_field import offered
from admin.rights import Open
from billing import company, packages
from models import BillingError, Money, Package, PackageGroup
from models.currencies import DECIMALS
from web.forms import put_error
from web.permissions import actor
from web.price_words import price_words

SHOWN_PRICES = 2


def _prices(view: Any, _context: Any, row: Package, _key: str) -> str:
    """Those in the company's currency; any others only where there are none."""
    own = company.settings().currency
    prices = [p for p in row.prices if p.currency == own] or list(row.prices)
    words = [price_words(Money(p.price_minor, p.currency), p.months, p.days) for p in prices]
    more = len(words) - SHOWN_PRICES
    return ", ".join(words[:SHOWN_PRICES]) + (_(" and %(n)s more", n=more) if more > 0 else "")


def _status(view: Any, _context: Any, row: Package, _key: str) -> Any:
    return pill(*status_words(row))


def _group(view: Any, _context: Any, row: Package, _key: str) -> str:
    return row.group.name if row.group else ""


class PackageView(PackagePage, StaffView):
    needs = "packages.view"
    of_customer = NOBODY
    can_create = can_edit = can_delete = Open("packages.edit")
    can_view_details = True
    column_list = ("name", "group", "prices", "running", "archived")
    column_labels = {
        "name": _l("Name"),
        "group": _l("Group"),
        "prices": _l("Prices"),
        "running": _l("Running services"),
        "archived": _l("Status"),
    }
    column_details_list = ("id",)  # the page is our own
    column_sortable_list = ("name",)
    column_default_sort = ("name", False)
    column_link = "name"
    column_phone = {"name": "title", "prices": "sub", "archived": "end"}
    column_formatters = {"group": _group, "prices": _prices, "archived": _status}
    column_extra = (ListColumn("running", _l("Running services"), running, numeric=True),)
    column_filters = (
        "name",
        RowFilter(Package.group_id, _l("Group"), "is", "group", Rows(PackageGroup)),
        "archived",
        "hidden",
    )
    saved_views = (
        (_l("All"), {}),
        (_l("On sale"), {"flt0_archived_is": "0", "flt1_hidden_is": "0"}),
        (_l("Hidden"), {"flt0_archived_is": "0", "flt1_hidden_is": "1"}),
        (_l("Archived"), {"flt0_archived_is": "1"}),
    )
    create_label, save_label = _l("Add package"), _l("Save package")
    delete_label = _l("Delete package")
    list_template = "admin/packages/list.html"
    empty_title = _l("No packages yet")
    empty_text = _l("A package is what you sell, with its prices per period and its options. Add the first one.")

    def list_options(self) -> tuple[Any, ...]:
        return selectinload(Package.prices), joinedload(Package.group)

    @staff_action("archive", _l("Archive"), permission="packages.edit", icon="archive")
    def archive(self, row: Package) -> None:
        packages.archive([row], by=actor())

    @staff_action("restore", _l("Sell again"), permission="packages.edit", icon="undo-2")
    def restore(self, row: Package) -> None:
        packages.restore([row], by=actor())

    @staff_action("hide", _l("Hide"), permission="packages.edit", icon="lock")
    def hide(self, row: Package) -> None:
        packages.hide([row], by=actor())

    @staff_action("show", _l("Show"), permission="packages.edit", icon="eye")
    def show(self, row: Package) -> None:
        packages.show([row], by=actor())

    @action("prices", _l("Change prices"))
    def prices(self, ids: list[str]) -> Any:
        """Leads to the form that changes their prices."""
        chosen = Chosen.read(self, ids)
        chosen.counted()
        return redirect(self.get_url("price_changes.create_view", packages=list(chosen.all_ids())))

    prices.staff_action = StaffAction("prices", _l("Change prices"), "packages.edit", icon="percent")  # type: ignore[attr-defined]

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        return self._form(None) if self.can_create else abort(404)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        return self._form(self._found(self.can_edit))

    def _form(self, package: Package | None) -> Any:
        form = PackageForm(package)
        if request.method == "POST" and not form.rearranged() and form.validate():
            try:
                return redirect(once(lambda: self._keep(form, package)))
            except BillingError as refusal:
                field = {packages.DuplicatePackage: form.name, packages.NoGroup: form.group}.get(type(refusal))
                if field is not None:
                    put_error(field, str(refusal))
                else:
                    flash(_("Nothing was saved. %(why)s", why=str(refusal)), "danger")
        back = self.row_url(package) if package else self.back()
        groups = self.db_session.scalars(select(PackageGroup.name).order_by(PackageGroup.name).limit(200)).all()
        return self.render(
            "admin/packages/form.html", form=form, package=package, cancel_url=back,
            known_currencies=sorted(DECIMALS), known_periods=offered(), known_groups=groups,
        )  # fmt: skip

    def _keep(self, form: PackageForm, package: Package | None) -> str:
        rows: dict[str, Any] = {"prices": form.wanted_prices(), "options": form.wanted_options()}
        rows |= {"targets": form.wanted_targets(), "by": actor()}
        values = form.values()
        if package is None:
            package = packages.create(values.pop("name"), **values, **rows)
        else:
            packages.edit(package, values, **rows)
        flash(_("%(name)s saved", name=package.name), "toast")
        return self.row_url(package)
