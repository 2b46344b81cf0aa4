"""Imports of customers: what was imported, and the way there in four steps."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from admin import import_words
from admin.base import StaffView
from admin.cells import pill
from admin.filter_kinds import choice
from admin.import_pages import ImportPages
from admin.narrowing import NOBODY
from admin.rights import Open
from billing import import_drafts
from models import ImportFile
from web.formatters import number


def _count(name: str) -> Any:
    return lambda view, context, row, key: number(row.counts[name]) if name in row.counts else ""


class ImportsView(ImportPages, StaffView):
    needs = import_drafts.NEEDS
    of_customer = NOBODY
    can_view_details = True
    can_create = Open(import_drafts.NEEDS)
    column_list = ("file_name", "made_at", "made_by", "rows", "new", "changed", "rejected", "state")
    column_labels = {
        "file_name": _l("File"), "made_at": _l("Uploaded"), "made_by": _l("By"), "rows": _l("Lines"),
        "new": _l("New"), "changed": _l("Changed"), "rejected": _l("Wrong"), "state": _l("State"),
    }  # fmt: skip
    column_details_list = ("id",)  # the pages are our own
    column_sortable_list = ("made_at", "file_name")
    column_default_sort = ("id", True)
    column_link = "file_name"
    column_numeric = ("rows", "new", "changed", "rejected")
    column_phone = {"file_name": "title", "made_at": "sub", "state": "end", "rows": "end2"}
    column_formatters = {
        "new": _count("new"), "changed": _count("changed"), "rejected": _count("rejected"),
        "state": lambda view, context, row, key: pill(*import_words.result(row)),
    }  # fmt: skip
    column_filters = (
        *choice(ImportFile.state, _l("State"), [(s.value, word) for s, (_kind, word) in import_words.STATES.items()]),
        "made_at", "made_by", "file_name",
    )  # fmt: skip
    page_size = 25
    create_label = _l("Import a file")
    empty_title = _l("Nothing imported yet")
    empty_text = _l(
        "Bring your customers from another system or a spreadsheet: save them there as CSV and upload the file. "
        "It is checked line by line before anything is kept."
    )
