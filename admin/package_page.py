"""The page of one package: what it costs, what runs on it and brings in a month, its history; and its small verbs."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from markupsafe import Markup
from sqlalchemy import BigInteger, func, select, type_coerce
from sqlalchemy.orm import joinedload, selectinload
from wtforms import StringField
from wtforms.validators import InputRequired

from admin.audit_words import timeline
from admin.doors import once, told
from admin.links import list_url, record_url
from admin.package_forms import WAYS
from admin.package_rows import KINDS
from admin.tax_words import category_words
from billing import company, package_moves, packages, reports
from messaging import rich_text
from models import (
    AuditEvent,
    BillingError,
    ChangeTo,
    Direction,
    Money,
    Package,
    PackageOption,
    Service,
    ServiceOption,
    ServiceStatus,
)
from web.forms import put_error
from web.permissions import actor, allows
from web.price_words import price_words

NEWEST = 10
MOST_SHOWN_TARGETS = 30
DIRECTIONS = {
    Direction.UPGRADE: ("ok", _l("Upgrade")),
    Direction.DOWNGRADE: ("warn", _l("Downgrade")),
    Direction.SIDEWAYS: ("", _l("Same price")),
}
VERBS: dict[str, tuple[Any, Any, str]] = {
    "archived": (packages.archive, _l("%(name)s archived"), ""),
    "": (packages.restore, _l("%(name)s is sold again"), "archived"),
    "hidden": (packages.hide, _l("%(name)s is hidden from customers"), "shown"),
    "shown": (packages.show, _l("%(name)s is offered to customers"), "hidden"),
}
"""What the address asks for: (rule, words for having done it, what takes it back)."""


class CopyForm(FlaskForm):
    name = StringField(_l("Name of the copy"), [InputRequired(_l("Type a name for the copy."))])


def status_words(package: Package) -> tuple[str, Any]:
    if package.archived:
        return "", _("Archived")
    return ("info", _("Hidden")) if package.hidden else ("ok", _("On sale"))


def running() -> Any:
    """How many services run of the package of the row."""
    found = select(func.count()).where(Service.package_id == Package.id, Service.status == ServiceStatus.ACTIVE)
    return found.correlate(Package).scalar_subquery()


class PackagePage:
    """Mixed into PackageView."""

    db_session: Any
    get_url: Any
    render: Any
    row_url: Any
    _found: Any

    @expose("/details/")
    def details_view(self) -> Any:
        package = self._found(True)
        count = self.db_session.scalar(select(running()).where(Package.id == package.id))
        words = {
            "kinds": dict(KINDS), "taxes": category_words(), "ways": dict(WAYS), "directions": DIRECTIONS,
            "price_words": price_words, "status": status_words(package), "record_url": record_url,
        }  # fmt: skip
        return self.render(
            "admin/packages/page.html", package=package, options=self._options(package), running=count,
            services=list_url(Service, package_is=package.id), newest=self._services(package),
            monthly=self._monthly(package), events=self._events(package), unused=not packages.used(package),
            targets=self._targets(package), order_text=Markup(rich_text.html_of(package.order_text, [])),  # noqa: S704
            most=MOST_SHOWN_TARGETS, sellable=not package.archived and allows("services.edit"), **words,
        )  # fmt: skip

    def _options(self, package: Package) -> list[PackageOption]:
        query = select(PackageOption).where(PackageOption.package_id == package.id)
        order = PackageOption.position, PackageOption.id
        return list(self.db_session.scalars(query.order_by(*order).options(selectinload(PackageOption.prices))))

    def _services(self, package: Package) -> list[Service]:
        if not allows("services.view"):
            return []
        mine = Service.package_id == package.id, Service.status == ServiceStatus.ACTIVE
        query = select(Service).where(*mine).order_by(Service.customer_id.desc()).limit(NEWEST)
        return list(self.db_session.scalars(query.options(joinedload(Service.customer))))

    def _monthly(self, package: Package) -> list[Money]:
        if not allows("reports.view"):
            return []
        mine = Service.package_id == package.id, Service.status == ServiceStatus.ACTIVE, Service.free.is_(False)
        span = Service.currency, Service.months, Service.days
        price = select(*span, func.sum(Service.price_minor)).where(*mine).group_by(*span)
        worth = ServiceOption.price_minor * type_coerce(ServiceOption.quantity, BigInteger)
        extra = select(*span, func.sum(worth)).join(ServiceOption, ServiceOption.service_id == Service.id)
        more = {tuple(row[:3]): row[3] for row in self.db_session.execute(extra.where(*mine).group_by(*span))}
        return reports.monthly([(*row, more.get(tuple(row[:3]), 0)) for row in self.db_session.execute(price)])

    def _targets(self, package: Package) -> list[package_moves.Target]:
        """Those that are not simply all."""
        if package.change_to == ChangeTo.ANY:
            return []
        return package_moves.targets(package, company.settings().currency)

    def _events(self, package: Package) -> list[dict[str, Any]]:
        if not allows("audit.view"):
            return []
        mine = AuditEvent.object_type == "package", AuditEvent.object_id == package.id
        return timeline(
            list(self.db_session.scalars(select(AuditEvent).where(*mine).order_by(AuditEvent.id.desc()).limit(20)))
        )

    @expose("/status/", methods=("POST",))
    def status_view(self) -> Any:
        """Archive it or sell it again, hide it or show it."""
        package = self._found(self.can_edit)  # type: ignore[attr-defined]
        to = request.values.get("to", "")
        if to not in VERBS:
            abort(404)
        change, words, back = VERBS[to]
        if told(lambda: change([package], by=actor())):
            undo = self.get_url(".status_view", id=package.id, to=back)
            flash({"text": str(words) % {"name": package.name}, "undo": undo}, "toast")
        return redirect(self.row_url(package))

    @expose("/copy/", methods=("GET", "POST"))
    def copy_view(self) -> Any:
        package = self._found(self.can_edit)  # type: ignore[attr-defined]
        form = CopyForm()
        if form.validate_on_submit():
            try:
                return redirect(once(lambda: self._copy(package, form)))
            except BillingError as refusal:
                put_error(form.name, str(refusal))
        elif request.method == "GET":
            form.name.data = _("%(name)s (copy)", name=package.name)[:160]
        return self.render("admin/packages/copy.html", form=form, package=package, back=self.row_url(package))

    def _copy(self, package: Package, form: CopyForm) -> str:
        made = packages.copy(package, form.name.data or "", by=actor())
        flash(_("%(name)s added, hidden from customers for now", name=made.name), "toast")
        return self.get_url(".edit_view", id=made.id)  # type: ignore[no-any-return]

    def delete(self, row: Package) -> None:
        packages.delete(row, by=actor())

    def delete_effects(self, row: Package) -> list[tuple[str, str, str]]:
        if packages.used(row):
            return [("warn", "archive", _("It was sold already, so it cannot be deleted. Archive it instead."))]
        gone = _("%(name)s is removed for good, with its prices and options.", name=row.name)
        return [("ok", "circle-check", _("Nothing was ever sold of it.")), ("bad", "trash-2", gone)]
