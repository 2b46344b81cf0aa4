"""The page of one service: what was agreed, what was billed and what changed."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_admin import expose
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from admin import service_states
from admin.audit_words import change_words
from admin.links import new_url, record_url
from admin.package_change_services import on_service
from admin.service_ending import ServiceEnding
from admin.service_verb_list import VERBS
from billing import new_prices, next_bills
from billing.service_trials import in_trial
from models import ChangeState, Charge, Invoice, PackageChange, Renewal, Service, ServiceChange
from web.next_bills import beside, changed
from web.params import row_id
from web.permissions import actor
from web.price_words import period_words, price_words

NEWEST = 20
FIRST = 6  # so many billed periods stand before the history; older ones by pages
CHANGES: dict[str, tuple[str, str, Any]] = {
    "start": ("play", "ok", _l("Started")),
    "imported": ("upload", "ok", _l("Imported")),
    "activate": ("play", "ok", _l("Activated")),
    "suspend": ("ban", "warn", _l("Suspended")),
    "unsuspend": ("play", "ok", _l("Brought back after a suspension")),
    "pause_set": ("calendar", "", _l("Pause set")),
    "pause_unset": ("undo-2", "", _l("Pause called off")),
    "pause": ("pause", "", _l("Paused")),
    "resume": ("play", "ok", _l("Went on after a pause")),
    "trial": ("calendar", "", _l("Trial made longer")),
    "trial_end": ("calendar", "", _l("Trial ended early")),
    "edit": ("pencil", "", _l("Agreed otherwise")),
    "price": ("percent", "info", _l("New price")),
    "currency": ("refresh-cw", "", _l("Price in another currency")),
    "change": ("repeat", "info", _l("Package changed")),
    "cancel": ("calendar", "warn", _l("End set")),
    "end": ("calendar", "", _l("Ended")),
    "reactivate": ("undo-2", "ok", _l("Brought back after its end")),
    "transfer_set": ("calendar", "", _l("Transfer to another customer set")),
    "transfer_unset": ("undo-2", "", _l("Transfer called off")),
    "transfer": ("git-merge", "warn", _l("Came from another customer")),
}


class ServicePage(ServiceEnding):
    """Mixed into ServiceView."""

    def get_one(self, id: Any) -> Any:
        """With what every page about one service names."""
        number = row_id(str(id))
        around = Service.customer, Service.package, Service.billing_group, Service.options
        one = self.get_query().where(Service.id == (number or 0))  # type: ignore[attr-defined]
        found = self.db_session.scalars(one.options(*map(joinedload, around)))  # type: ignore[attr-defined]
        return found.unique().one_or_none()

    @expose("/details/")
    def details_view(self) -> Any:
        service = self._found(True)  # type: ignore[attr-defined]
        billed, more = self._billed(service)
        ahead = on_service(service)
        change = ahead["change"] if ahead else None
        changed_bill = changed(service, change)
        values = {
            "service": service,
            "billed": billed,
            "older": billed[-1][0].id if more else None,
            "charges": self._charges(service),
            "changes": self._changes(service),
            "new_prices": new_prices.waiting_of(service),
            "ahead": ahead,
            "changed": self._changed(service),
            "charge_url": new_url(Charge, customer=service.customer_id),
            "state": service_states.sentences(service, actor().today),
            "trying": in_trial(service, actor().today),
            "changed_bill": changed_bill,
            "next_bill": None if changed_bill else next_bills.of_service(service, actor().today),
            "beside": beside(service, change),
            "verbs": [verb for verb in VERBS.values() if self.can_create and verb.when(service)],  # type: ignore[attr-defined]
        }
        words = {"price_words": price_words, "period_words": period_words, "record_url": record_url}
        return self.render("admin/services/page.html", **values, **words, Invoice=Invoice)  # type: ignore[attr-defined]

    def _billed(self, service: Service) -> tuple[list[Any], bool]:
        """The newest renewals with their invoices, and whether there are older ones."""
        before = request.args.get("before", "")
        most = NEWEST if before else FIRST
        mine = select(Renewal, Invoice).outerjoin(Invoice, Invoice.id == Renewal.invoice_id)
        mine = mine.where(Renewal.service_id == service.id).order_by(Renewal.id.desc()).limit(most + 1)
        if before.isascii() and before.isdigit() and len(before) < 19:
            mine = mine.where(Renewal.id < int(before))
        rows = self.db_session.execute(mine).all()  # type: ignore[attr-defined]
        return [(renewal, invoice) for renewal, invoice in rows[:most]], len(rows) > most

    def _changed(self, service: Service) -> PackageChange | None:
        """The last change of its package, from whose page it can be undone."""
        mine = PackageChange.service_id == service.id, PackageChange.state == ChangeState.DONE
        query = select(PackageChange).where(*mine).order_by(PackageChange.id.desc()).limit(1)
        return self.db_session.scalar(query)  # type: ignore[attr-defined, no-any-return]

    def _charges(self, service: Service) -> list[Charge]:
        query = select(Charge).where(Charge.service_id == service.id).order_by(Charge.id.desc()).limit(NEWEST)
        return list(self.db_session.scalars(query.options(joinedload(Charge.billing_group))))  # type: ignore[attr-defined]

    def _changes(self, service: Service) -> list[dict[str, Any]]:
        query = select(ServiceChange).where(ServiceChange.service_id == service.id).order_by(ServiceChange.id.desc())
        return [_line(change) for change in self.db_session.scalars(query.limit(NEWEST))]  # type: ignore[attr-defined]


def _line(change: ServiceChange) -> dict[str, Any]:
    icon, kind, words = CHANGES.get(change.kind, ("circle-dot", "", change.kind.replace("_", " ").capitalize()))
    after = change.after or {}
    if change.kind == "cancel" and not after.get("ends_on"):
        icon, kind, words = "undo-2", "ok", _l("End removed")
    if change.kind == "pause" and "next_renewal_on" in after:
        words = _l("Went on after a time without bills")
    if change.kind == "change" and after.get("undone"):
        icon, kind, words = "undo-2", "", _l("Change of package undone")
    facts = (_without_echo(change.before or {}), _without_echo(after))
    return change_words(icon, kind, words, change.made_by, change.made_at, *facts)


def _without_echo(facts: dict[str, Any]) -> dict[str, Any]:
    """Without a description that only says the package again."""
    package = facts.get("package")
    return {name: value for name, value in facts.items() if name != "description" or value != package}
