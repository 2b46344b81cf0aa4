"""Packages: the catalogue, the page of one, and its form. The rules are in billing.packages."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from admin.actions import staff_action
from admin.audit_words import timeline
from admin.base import StaffView
from admin.cells import pill
from admin.doors import once, told
from admin.links import list_url
from admin.list_columns import ListColumn
from admin.narrowing import NOBODY
from admin.package_forms import KINDS, TAXES, PackageForm
from admin.rights import Open
from billing import company, packages
from models import AuditEvent, BillingError, Money, Package, PackageOption, Service, ServiceStatus
from models.currencies import DECIMALS
from web.forms import put_error
from web.permissions import actor, allows
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
    return pill("", _("Archived")) if row.archived else pill("ok", _("On sale"))


def _running() -> Any:
    """How many services run of the package of the row."""
    running = select(func.count()).where(Service.package_id == Package.id, Service.status == ServiceStatus.ACTIVE)
    return running.correlate(Package).scalar_subquery()


class PackageView(StaffView):
    needs = "packages.view"
    of_customer = NOBODY
    can_create, can_edit = Open("packages.edit"), Open("packages.edit")
    can_view_details = True
    column_list = ("name", "prices", "running", "archived")
    column_labels = {
        "name": _l("Name"),
        "prices": _l("Prices"),
        "running": _l("Running services"),
        "archived": _l("Status"),
    }
    column_details_list = ("id",)  # the page is our own
    column_sortable_list = ("name",)
    column_default_sort = ("name", False)
    column_link = "name"
    column_phone = {"name": "title", "prices": "sub", "archived": "end"}
    column_formatters = {"prices": _prices, "archived": _status}
    column_extra = (ListColumn("running", _l("Running services"), _running, numeric=True),)
    column_filters = ("name", "archived")
    saved_views = (
        (_l("All"), {}),
        (_l("On sale"), {"flt0_archived_is": "0"}),
        (_l("Archived"), {"flt0_archived_is": "1"}),
    )
    create_label, save_label = _l("Add package"), _l("Save package")
    empty_title = _l("No packages yet")
    empty_text = _l("A package is what you sell, with its prices per period and its options. Add the first one.")

    def list_options(self) -> tuple[Any, ...]:
        return (selectinload(Package.prices),)

    @staff_action("archive", _l("Archive"), permission="packages.edit", icon="archive")
    def archive(self, row: Package) -> None:
        packages.archive([row], by=actor())

    @staff_action("restore", _l("Sell again"), permission="packages.edit", icon="undo-2")
    def restore(self, row: Package) -> None:
        packages.restore([row], by=actor())

    @expose("/details/")
    def details_view(self) -> Any:
        package = self._found(True)
        running = self.db_session.scalar(select(_running()).where(Package.id == package.id))
        found = {
            "package": package,
            "options": self._options(package),
            "running": running,
        }
        words = {"kinds": dict(KINDS), "taxes": dict(TAXES), "price_words": price_words}
        services = list_url(Service, package_is=package.id)
        return self.render(
            "admin/packages/page.html", **found, **words, services=services, events=self._events(package)
        )

    def _options(self, package: Package) -> list[PackageOption]:
        query = select(PackageOption).where(PackageOption.package_id == package.id)
        order = PackageOption.position, PackageOption.id
        return list(self.db_session.scalars(query.order_by(*order).options(selectinload(PackageOption.prices))))

    def _events(self, package: Package) -> list[dict[str, Any]]:
        if not allows("audit.view"):
            return []
        mine = AuditEvent.object_type == "package", AuditEvent.object_id == package.id
        return timeline(
            list(self.db_session.scalars(select(AuditEvent).where(*mine).order_by(AuditEvent.id.desc()).limit(20)))
        )

    @expose("/status/", methods=("POST",))
    def status_view(self) -> Any:
        """Archive it, or sell it again."""
        package = self._found(self.can_edit)
        away = request.values.get("to") == "archived"
        change = packages.archive if away else packages.restore
        words = _("%(name)s archived", name=package.name) if away else _("%(name)s is sold again", name=package.name)
        if told(lambda: change([package], by=actor())):
            undo = self.get_url(".status_view", id=package.id, to="" if away else "archived")
            flash({"text": words, "undo": undo}, "toast")  # type: ignore[arg-type]
        return redirect(self.row_url(package))

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
                if isinstance(refusal, packages.DuplicatePackage):
                    put_error(form.name, str(refusal))
                elif not form.errors:
                    flash(_("Nothing was saved. %(why)s", why=str(refusal)), "danger")
        back = self.row_url(package) if package else self.back()
        known = sorted(DECIMALS)
        return self.render(
            "admin/packages/form.html", form=form, package=package, cancel_url=back, known_currencies=known
        )

    def _keep(self, form: PackageForm, package: Package | None) -> str:
        about = {"description": form.description.data or "", "tax_category": form.tax_category.data}
        rows: dict[str, Any] = {"prices": form.wanted_prices(), "options": form.wanted_options(), "by": actor()}
        if package is None:
            package = packages.create(form.name.data or "", **about, **rows)
        else:
            packages.edit(package, {"name": form.name.data, **about}, **rows)
        flash(_("%(name)s saved", name=package.name), "toast")
        return self.row_url(package)
