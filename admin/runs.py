"""Renewals and bills: what is going on, what was set aside, and every run there was."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select

from admin import doors, run_panels, run_words
from admin.base import StaffView
from admin.export import plain
from admin.filter_kinds import choice
from admin.links import record_url, view_of
from admin.narrowing import NOBODY
from admin.run_asking import AskForm, effects
from billing import company, runs, unattended
from models import BillingError, Invoice, JobState, Run, RunUnit, db
from web import sessions
from web.permissions import actor, allows, refuse

JUST_OVER = timedelta(minutes=10)


class RunsView(StaffView):
    needs = "runs.view"
    of_customer = NOBODY
    can_view_details = can_export = True
    column_list = ("on", "kind", "started_by", "started_at", "invoices", "total", "parked", "failed", "took", "result")
    column_labels = {
        "on": _l("For day"), "kind": _l("Kind"), "started_by": _l("Started by"), "invoices": _l("Invoices"),
        "total": _l("Total"), "parked": _l("Set aside"), "failed": _l("Failed"), "took": _l("Took"),
        "result": _l("Result"), "started_at": _l("Started"),
    }  # fmt: skip
    column_details_list = ("id",)  # the page is our own
    column_sortable_list = ("on", "started_at")
    column_default_sort = ("id", True)
    column_link = "on"
    column_numeric = ("invoices", "total", "parked", "failed", "took")
    column_phone = {"on": "title", "kind": "sub", "total": "end2", "result": "end"}
    column_formatters = {
        "kind": lambda view, context, row, name: run_words.kind_words(row.kind),
        "invoices": lambda view, context, row, name: row.counts.get("done", 0),
        "total": lambda view, context, row, name: run_words.sums_text(row),
        "parked": lambda view, context, row, name: run_words.zero(row.counts.get("parked", 0)),
        "failed": lambda view, context, row, name: run_words.zero(row.counts.get("failed", 0)),
        "took": lambda view, context, row, name: run_words.took(row),
        "result": lambda view, context, row, name: run_words.result_pill(row),
    }
    column_filters = (
        *choice(Run.kind, _l("Kind"), [(kind, run_words.KIND_WORDS[kind]) for kind in runs.KINDS]),
        *choice(Run.state, _l("Result"), [(state.value, words) for state, (_kind, words) in run_words.STATES.items()]),
        "on", "started_at", "started_by",
    )  # fmt: skip
    page_size = 25
    list_template, details_template = "admin/runs/list.html", "admin/runs/page.html"
    empty_title = _l("No runs yet")
    empty_text = _l("Every day at its hour a run bills what is due. A dry run shows what it would come to.")

    def scope(self, query: Select[Any]) -> Select[Any]:
        return query.where(Run.kind.in_(runs.KINDS))

    def get_one(self, id: Any) -> Run | None:
        """Any run has a page here, imports and checks too."""
        number = str(id)
        ok = number.isascii() and number.isdigit() and len(number) < 19
        return self.db_session.get(Run, int(number)) if ok else None

    def export_columns(self) -> list[tuple[Any, Any, Any]]:
        words = self.column_labels
        counts = [(run_words.COUNTS[n], Run.counts, _count(n)) for n in ("done", "skipped", "parked", "failed")]
        times = [(words["started_at"], Run.started_at, plain), (_("Ended"), Run.finished_at, plain)]
        head = [(words["on"], Run.on, plain), (words["kind"], Run.kind, plain)]
        totals = [(words["total"], Run.totals, run_words.sums_plain), (words["result"], Run.state, plain)]
        return [*head, (words["started_by"], Run.started_by, plain), *times, *counts, *totals]

    def render(self, template: str, **values: Any) -> str:
        if template == self.list_template:
            values = {**self._around(), **values}
        return super().render(template, **values)

    def _around(self) -> dict[str, Any]:
        """What stands above the list of earlier runs."""
        at, ours, busy = sessions.now(), company.settings(), runs.current()
        last = run_panels.last()
        shown = busy or (last if last and last.finished_at and at - last.finished_at < JUST_OVER else None)
        return {
            **self._asking(),
            "live": self._live(shown) if shown else None,
            "last_took": run_words.took(last) if last else "",
            "next_words": run_words.next_words(runs.next_automatic(at, ours), at, _pause(company.day_of(at))),
            "parked": run_panels.Parked.read(),
            "record_url": record_url,
            "would_be": run_panels.would_be,
        }

    def _asking(self) -> dict[str, Any]:
        """What the buttons need: a form, and whether anybody would carry a run out."""
        at = sessions.now()
        form = AskForm(formdata=None, on=company.day_of(at))
        return {
            "ask": form,
            "busy": runs.current(),
            "alive": runs.scheduler_alive(at),
            "may_start": allows("runs.start"),
        }

    def _live(self, run: Run) -> dict[str, Any]:
        return run_words.live(run, sessions.now(), runs.billing_alive(sessions.now()))

    @expose("/live/")
    def live_view(self) -> Any:
        """The card of one run, for the page that watches it."""
        run = self._found(True)
        return self.render(
            "admin/runs/live.html", live=self._live(run), may_start=allows("runs.start"), alone="alone" in request.args
        )

    @expose("/details/")
    def details_view(self) -> Any:
        run = self._found(True)
        counts = run.counts if run.kind in runs.KINDS else {}
        state = run_panels.tab(run, request.args.get("state", "")) if counts else None
        before = self.db_session.get(Run, run.resumes_id) if run.resumes_id else None
        return self.render(
            self.details_template, **self._asking(), run=run, live=self._live(run), resumes=before, state=state,
            tabs=run_panels.tabs(run) if counts else [], units=run_panels.units(run, state) if state else [],
            units_view=view_of(RunUnit), back_url=self.back(), record_url=record_url, Invoice=Invoice,
        )  # fmt: skip

    @expose("/ask/", methods=("POST",))
    def ask_view(self) -> Any:
        """Ask for a run. Bills are only made once somebody has read what that means."""
        if not allows("runs.start"):
            refuse("runs.start")
        form = AskForm()
        if form.kind.data not in runs.KINDS:
            abort(400)
        if not form.accept():
            return self.render("admin/runs/ask.html", form=form, effects=[]), 400
        if not runs.scheduler_alive(sessions.now()):
            flash(_("Nothing was begun: there is no scheduler that would carry it out."), "danger")
            return redirect(self.get_url(".index_view"))
        if form.kind.data == "renewals" and "sure" not in request.form:
            return self.render("admin/runs/ask.html", form=form, effects=effects(form.on.data))
        return redirect(self._asked(form.kind.data, form.on.data))

    def _asked(self, kind: str, on: date) -> str:
        try:
            return doors.once(lambda: runs.ask_for(kind, on, actor()) and self.get_url(".index_view"))
        except BillingError as refusal:
            flash(str(refusal), "warning")
            return self.get_url(".index_view")


def _pause(today: date) -> JobState | None:
    """What keeps the daily run from beginning, if somebody does."""
    state = db.session.get(JobState, "renewals")
    return state if unattended.is_paused(state, today) else None


def _count(name: str) -> Any:
    return lambda counts: str((counts or {}).get(name, 0))
