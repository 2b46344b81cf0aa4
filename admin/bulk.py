"""Actions on many customers: what goes on, what each did, and how to stop, undo or finish it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin import bulk_words
from admin.base import StaffView
from admin.bulk_doors import carried_out
from admin.export import plain
from admin.filter_kinds import choice
from admin.links import list_url, record_url, view_of
from admin.narrowing import NOBODY
from billing import bulk, runs
from billing.bulk_kinds import permission_for
from models import BillingError, BulkAction, BulkRow, Customer, RowResult, Service, db
from web import sessions
from web.permissions import actor, allows, refuse

SHOWN = 20


def _kinds() -> list[tuple[str, str]]:
    return [(kind, str(words)) for kind, words in bulk_words.KINDS.items()]


class BulkActionsView(StaffView):
    needs = "customers.edit"
    of_customer = NOBODY
    can_view_details = can_export = True
    column_list = ("what", "total", "asked_by", "asked_at", "did", "took", "result")
    column_labels = {
        "what": _l("Action"), "total": _l("Rows"), "asked_by": _l("Asked by"), "asked_at": _l("When"),
        "did": _l("What it did"), "took": _l("Took"), "result": _l("Result"),
    }  # fmt: skip
    column_details_list = ("id",)  # the page is our own
    column_sortable_list = ("total", "asked_at")
    column_default_sort = ("id", True)
    column_link = "what"
    column_numeric = ("total", "took")
    column_phone = {"what": "title", "did": "sub", "result": "end", "total": "end2"}
    column_formatters = {
        "what": lambda view, context, row, name: bulk_words.what(row),
        "did": lambda view, context, row, name: bulk_words.done_words(row),
        "took": lambda view, context, row, name: bulk_words.took(row),
        "result": lambda view, context, row, name: bulk_words.pill_of(row),
    }
    column_filters = (
        *choice(BulkAction.kind, _l("Action"), _kinds),
        *choice(
            BulkAction.state, _l("Result"), [(s.value, words) for s, (_k, words) in bulk_words.run_words.STATES.items()]
        ),
        "asked_at", "asked_by", "total",
    )  # fmt: skip
    details_template = "admin/bulk/page.html"
    empty_title = _l("Nothing was done to many at once yet")
    empty_text = _l(
        "Tick customers or services in their list, or narrow it and select all that match. What you do is kept here."
    )

    def export_columns(self) -> list[tuple[Any, Any, Any]]:
        words = self.column_labels
        own = [("total", BulkAction.total), ("asked_by", BulkAction.asked_by), ("asked_at", BulkAction.asked_at)]
        counts = [(word, BulkAction.counts, _count(state)) for state, (_kind, word) in bulk_words.RESULTS.items()]
        head = [(words["what"], BulkAction.kind, plain), *((words[name], column, plain) for name, column in own)]
        return [*head, *counts, (words["result"], BulkAction.state, plain), (_("Remark"), BulkAction.error, plain)]

    def _live(self, action: BulkAction) -> dict[str, Any]:
        at = sessions.now()
        return bulk_words.live(action, at, scheduler=runs.scheduler_alive(at), at_work=runs.is_held(bulk.LEASE, at))

    @expose("/live/")
    def live_view(self) -> Any:
        """The card of one action, for the page that watches it."""
        action = self._found(True)
        return self.render("admin/bulk/live.html", live=self._live(action), may=self._may(action))

    @expose("/details/")
    def details_view(self) -> Any:
        action = self._found(True)
        asked = request.args.get("state", "")
        there = [state for state in bulk_words.TABS if action.counts.get(state.value)]
        state = next((one for one in there if one == asked), there[0] if there else None)
        rows = _first(action, state) if state else []
        return self.render(
            self.details_template, live=self._live(action), action=action, may=self._may(action), state=state,
            rows=rows,
            tabs=[(one.value, bulk_words.RESULTS[one][1], action.counts[one.value]) for one in there],
            changes=bulk_words.Changes(rows), there=_there(action, rows), record_url=record_url, back_url=self.back(),
            about=bulk_words.about_of(action), things=bulk_words.things,
            rows_view=view_of(BulkRow), rest=bulk.rest_count(action), can_undo=bulk.can_be_undone(action),
            undone=bulk.followed(action, BulkAction.undoes_id), again=bulk.followed(action, BulkAction.rest_of_id),
            title=bulk_words.title, list_url=list_url(_model(action)),
        )  # fmt: skip

    def _may(self, action: BulkAction) -> bool:
        return allows(permission_for(action.kind, action.params))

    def _action(self) -> BulkAction:
        """The action the form is about, for somebody who may do such a thing."""
        action = self._found(True)
        permission = permission_for(action.kind, action.params)
        if not allows(permission):
            refuse(permission)
        return action

    @expose("/stop/", methods=("POST",))
    def stop_view(self) -> Any:
        action = self._action()
        stopped = bulk.stop(action, by=actor())
        db.session.commit()
        flash(_("Stopped. What was done is kept.") if stopped else _("It was over already."), "toast")
        return redirect(self.get_url(".details_view", id=action.id))

    @expose("/undo/", methods=("POST",))
    def undo_view(self) -> Any:
        """Take it back; a small one leads back to the list of customers if the click was made there."""
        action = self._action()
        return self._go(action, lambda: bulk.undo(action, by=actor()))

    @expose("/again/", methods=("POST",))
    def again_view(self) -> Any:
        action = self._action()
        return self._go(action, lambda: bulk.again(action, by=actor()))

    def _go(self, action: BulkAction, ask: Any) -> Any:
        page = self.get_url(".details_view", id=action.id)
        try:
            found = ask()
            came = urlsplit(request.referrer or "")
            there = view_of(_model(action))
            index = there.get_url(".index_view") if there else ""
            back = f"{index}?{came.query}" if came.path == index else self.get_url(".details_view", id=found.id)
            url = carried_out(found, back)
            db.session.commit()
        except BillingError as refusal:
            db.session.rollback()
            flash(str(refusal), "warning")
            return redirect(page)
        return redirect(url)


def _first(action: BulkAction, state: RowResult) -> list[BulkRow]:
    rows = select(BulkRow).where(BulkRow.action_id == action.id, BulkRow.state == state)
    return list(db.session.scalars(rows.order_by(BulkRow.id).limit(SHOWN)))


def _model(action: BulkAction) -> Any:
    return Service if bulk_words.about_of(action) == "service" else Customer


def _there(action: BulkAction, rows: list[BulkRow]) -> dict[int, Any]:
    """The customers, or services, of these results that have not been deleted."""
    ids, model = [row.customer_id for row in rows], _model(action)
    return {one.id: one for one in db.session.scalars(select(model).where(model.id.in_(ids)))} if ids else {}


def _count(state: RowResult) -> Any:
    return lambda counts: str((counts or {}).get(state.value, 0))
