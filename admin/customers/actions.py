"""What can be done with many customers at once."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request
from flask_admin.actions import action
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin.actions import Chosen, Moved, StaffAction, staff_action
from billing import customers
from models import Customer, Tag
from web.permissions import actor

MOST_TAGS = 200  # offered while typing; any other can be typed
TAG = StaffAction("tag", _l("Tag"), "customers.edit", icon="tag")


def _disable_effects(_view: Any, _count: int) -> list[tuple[str, str, str]]:
    return [
        ("warn", "ban", _("They cannot sign in, and no bills are made for them.")),
        ("ok", "history", _("Everything is kept. Enable brings them back; the time between is never billed.")),
    ]


def archive_effects(_view: Any, _count: int) -> list[tuple[str, str, str]]:
    return [
        ("warn", "archive", _("They leave the lists of forms, cannot sign in and get no bills.")),
        ("warn", "mail", _("Mail that is still waiting for them is not sent.")),
        ("ok", "history", _("Documents and history are kept. Enable brings them back.")),
        ("", "info", _("Whoever still has running services is left as is; end those first.")),
    ]


def delete_effects(_view: Any, _count: int) -> list[tuple[str, str, str]]:
    return [
        ("bad", "trash-2", _("Details, contacts, notes, services and billing groups are removed for good.")),
        ("ok", "receipt-text", _("Whoever has invoices, payments or messages is left as is. Archive them instead.")),
        ("", "scroll-text", _("The audit log keeps name and e-mail address.")),
    ]


class CustomerActions:
    """Mixed into CustomerView."""

    @staff_action("enable", _l("Enable"), permission="customers.edit", icon="power")
    def enable(self, row: Customer) -> None:
        customers.enable([row], by=actor())

    @staff_action("disable", _l("Disable"), permission="customers.edit", icon="ban", effects=_disable_effects)
    def disable(self, row: Customer) -> None:
        customers.disable([row], by=actor())

    @action("tag", _l("Tag"))
    def tag(self, ids: list[str]) -> Any:
        """Asks for the tags first."""
        chosen = Chosen.read(self, ids)
        names = [name for name in request.form.get("tags", "").split(",") if name.strip()]
        if not names:
            return self._ask_tags(chosen)
        change = customers.remove_tags if request.form.get("way") == "remove" else customers.add_tags
        by = actor()
        return chosen.run(TAG, lambda row: change([row], names, by=by))

    tag.staff_action = TAG  # type: ignore[attr-defined]

    @staff_action(
        "archive", _l("Archive"), permission="customers.delete", icon="archive", confirm=True, danger=True,
        effects=archive_effects,
    )  # fmt: skip
    def archive(self, row: Customer) -> None:
        customers.archive([row], by=actor())

    @staff_action(
        "delete", _l("Delete"), permission="customers.delete", icon="trash-2", confirm=True, danger=True,
        effects=delete_effects,
    )  # fmt: skip
    def delete_many(self, row: Customer) -> None:
        customers.delete(row, by=actor())

    def _ask_tags(self, chosen: Chosen) -> Any:
        try:
            count = chosen.count()
        except Moved as moved:
            flash(str(moved), "warning")
            return redirect(chosen.back())
        if not count:
            flash(_("Tick at least one row first."), "warning")
            return redirect(chosen.back())
        known = [name for (name,) in self.db_session.execute(select(Tag.name).order_by(Tag.name).limit(MOST_TAGS))]  # type: ignore[attr-defined]
        values = {"count": count, "fields": chosen.hidden(TAG, count), "known": known, "return_url": chosen.back()}
        return self.render("admin/customers/tag.html", **values)  # type: ignore[attr-defined]
