"""What the unattended jobs, imports and checks did."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Select

from admin import run_words
from admin.base import StaffView
from admin.export import plain
from admin.filter_kinds import choice
from admin.narrowing import NOBODY
from billing import runs
from models import Run
from web import sessions


def _kinds() -> list[tuple[str, str]]:
    """Known kinds; others stand in the list as they are."""
    return [(kind, str(words)) for kind, words in run_words.KIND_WORDS.items() if kind not in runs.KINDS]


class JobLogView(StaffView):
    needs = "runs.view"
    of_customer = NOBODY
    under = "scheduler"
    can_export = True
    column_list = ("kind", "on", "started_by", "started_at", "did", "took", "error", "result")
    column_labels = {
        "kind": _l("Job"), "on": _l("For day"), "started_by": _l("Started by"), "started_at": _l("Started"),
        "did": _l("What it did"), "took": _l("Took"), "error": _l("Remark"), "result": _l("Result"),
    }  # fmt: skip
    column_sortable_list = ("started_at",)
    column_default_sort = ("id", True)
    column_link = "kind"
    column_numeric = ("took",)
    column_phone = {"kind": "title", "did": "sub", "result": "end", "on": "end2"}
    column_formatters = {
        "kind": lambda view, context, row, name: run_words.kind_words(row.kind),
        "did": lambda view, context, row, name: run_words.did(row),
        "took": lambda view, context, row, name: run_words.took(row),
        "result": lambda view, context, row, name: run_words.result_pill(row),
    }
    column_filters = (
        *choice(Run.kind, _l("Job"), _kinds),
        *choice(Run.state, _l("Result"), [(state.value, words) for state, (_kind, words) in run_words.STATES.items()]),
        "on", "started_at",
    )  # fmt: skip
    list_template = "admin/runs/jobs.html"
    empty_title = _l("No job has done anything yet")
    empty_text = _l("Imports, mails sent, checks of the books: each leaves a line here when it did something.")

    def is_visible(self) -> bool:
        return False  # Scheduler leads here

    def scope(self, query: Select[Any]) -> Select[Any]:
        return query.where(Run.kind.not_in(runs.KINDS))

    def row_url(self, row: Run) -> str:
        return self.get_url("runs.details_view", id=row.id)

    def export_columns(self) -> list[tuple[Any, Any, Any]]:
        words = self.column_labels
        named = [("kind", Run.kind), ("on", Run.on), ("started_by", Run.started_by), ("started_at", Run.started_at)]
        own = [(words[name], column, plain) for name, column in named]
        did = (words["did"], Run.counts, run_words.counts_plain)
        return [*own, did, (words["error"], Run.error, plain), (words["result"], Run.state, plain)]

    def render(self, template: str, **values: Any) -> str:
        return super().render(template, alive=runs.scheduler_alive(sessions.now()), **values)
