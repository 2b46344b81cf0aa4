"""What the list template prints: columns, rows, chips, and the address behind every click."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask_babel import format_number
from flask_babel import gettext as _
from markupsafe import Markup

from admin.cells import Column, Icons, RowView, cells, shortened
from admin.filters import StaffFilter, WrongValue
from admin.icons import symbols
from admin.list_columns import ListColumn
from admin.listrequest import Asked, ListRequest
from admin.lists import Page


@dataclass(frozen=True)
class Chip:
    name: str
    op: str
    value: str
    edit_url: str
    drop_url: str

    @property
    def text(self) -> str:
        return f"{self.name} {self.op} {self.value}".rstrip()


@dataclass(frozen=True)
class Editor:
    """The form of one filter that is being added or changed."""

    field: str
    name: str
    ops: list[tuple[str, str]]
    op: str
    options: list[tuple[str, Any]]
    type: str
    mode: str
    value: str
    error: str
    kept: list[tuple[str, str]]
    cancel_url: str


class Listing:
    """One page of one list, ready to print."""

    def __init__(
        self, view: Any, asked: ListRequest, page: Page, editor: Editor | None,
        shown: list[tuple[str, Any]], extra: list[ListColumn],
    ) -> None:  # fmt: skip
        self.view, self.asked, self.page, self.editor = view, asked, page, editor
        self.base = view.get_url(".index_view")
        self.count, self.query, self.search, self.narrowed = page.count, asked.query(), asked.search, asked.narrowed
        self.searchable = view.search_index is not None
        self.placeholder = view.search_hint or _("Find")
        self.row_actions = view.row_actions()
        self.has_row_actions = bool(self.row_actions)
        self.extra = {one.key: (i, one) for i, one in enumerate(extra)}
        self.arrangement = view.arrangement(asked)
        self.columns = [self._column(key, label) for key, label in shown]
        headed = any(column.link for column in self.columns)
        self.icons = Icons(self.row_actions, self.base, not headed, 2 if view.crowded else 0)
        view.rows_shown(page.rows)
        self.rows = self._rows()

    def _column(self, key: str, label: Any) -> Column:
        view, asked = self.view, self.asked
        current, desc = asked.sort or view.default_sort()[0], asked.desc if asked.sort else view.default_sort()[1]
        sorted_ = ("descending" if desc else "ascending") if key == current else ""
        url = ""
        if key in view.sort_columns():
            url = shortened(asked.but(sort=key, desc=bool(sorted_) and not desc).url(self.base), self.base)
        numeric, phone = key in view.column_numeric, view.column_phone.get(key, "")
        numeric = numeric or (key in self.extra and self.extra[key][1].numeric)
        return Column(key, label, key == view.column_link, numeric, phone, url, sorted_)

    def _rows(self) -> list[RowView]:
        out = []
        for i, row in enumerate(self.page.rows):
            url = shortened(self.view.row_url(row), self.base)
            values = [self._value(row, column.key, i) for column in self.columns]
            out.append(RowView(row.id, str(row), cells(self.columns, values, url), self.icons.of(row, url)))
        return out

    def _value(self, row: Any, key: str, i: int) -> Any:
        if key not in self.extra:
            return self.view.cell_value(row, key)
        place, column = self.extra[key]
        return column.cell(row, self.page.extra[i][place])

    @property
    def symbols(self) -> Markup:
        return symbols({action.icon for action in self.row_actions})

    def kept(self, leave_out: str) -> list[tuple[str, str]]:
        """The address as hidden fields, for a form that changes one part of it."""
        return self.asked.but().pairs(leave_out)

    @property
    def chips(self) -> list[Chip]:
        return [self._chip(i, one) for i, one in enumerate(self.asked.filters)]

    def _chip(self, i: int, one: Asked) -> Chip:
        edit = self.asked.but().url(self.base, ("edit", str(i)))
        words = (str(one.filter.name), str(one.filter.operation()), one.filter.printed(one.value))
        return Chip(*words, edit, self.asked.without(i).url(self.base))

    @cached_property
    def field_groups(self) -> list[tuple[Any, list[tuple[str, str]]]]:
        """(heading, fields to filter by) as the view groups them; the rest comes last."""
        names = {f.key: str(f.name) for f in self.view.filters_by_arg().values()}
        groups = [(title, [(k, names.pop(k)) for k in keys if k in names]) for title, keys in self.view.filter_groups]
        rest = list(names.items())
        return [(title, fields) for title, fields in [*groups, (_("More") if groups else "", rest)] if fields]

    @property
    def field_count(self) -> int:
        return sum(len(fields) for _title, fields in self.field_groups)

    @cached_property
    def views(self) -> list[tuple[Any, str, bool]]:
        here = set(self.asked.but(sort="", desc=False).pairs())
        out = []
        for label, args in self.view.saved_views:
            there = ListRequest.read(self.view, args)
            out.append((label, there.url(self.base), set(there.but(sort="", desc=False).pairs()) == here))
        return out

    @property
    def saved(self) -> list[tuple[str, str, bool, bool]]:
        """(name, address, whether it is open, whether others see it) of the saved filters."""
        opened = self.arrangement.opened
        return [
            (one.name, f"{self.base}?{one.query}{'&' * bool(one.query)}saved={one.id}", one is opened, one.shared)
            for one in self.arrangement.named
        ]

    @property
    def changed(self) -> bool:
        """Whether the list is no longer as the open filter has it."""
        opened = self.arrangement.opened
        return opened is not None and opened.query != self.asked.but(saved="").query()

    @property
    def clear_url(self) -> str:
        return self.asked.but(search="", filters=(), saved="").url(self.base)

    @property
    def export_url(self) -> str:
        return self.asked.but().url(self.view.get_url(".export", export_type="csv"))

    @property
    def export_shown_url(self) -> str:
        return self.asked.but().url(self.view.get_url(".export", export_type="csv"), ("columns", "shown"))

    @property
    def columns_url(self) -> str:
        return self.view.get_url(".choose_columns", list=self.asked.but().query() or None)

    @property
    def prev_url(self) -> str:
        return self.asked.but(before=self.page.prev).url(self.base) if self.page.prev else ""

    @property
    def next_url(self) -> str:
        return self.asked.but(after=self.page.next).url(self.base) if self.page.next else ""

    @property
    def first_url(self) -> str:
        return "" if self.page.first else self.asked.but().url(self.base)

    @property
    def last_url(self) -> str:
        return "" if self.page.last else self.asked.but(last=True).url(self.base)

    @property
    def range(self) -> str:
        shown, count = format_number(len(self.rows)), self.count.text
        if self.page.first and self.page.last:
            return _("%(count)s in all", count=count)
        if self.page.first:
            return _("First %(shown)s of %(count)s", shown=shown, count=count)
        if self.page.last:
            return _("Last %(shown)s of %(count)s", shown=shown, count=count)
        return _("%(shown)s of %(count)s", shown=shown, count=count)

    @property
    def caption(self) -> str:
        parts = [str(self.view.name), *(chip.text for chip in self.chips)]
        parts += [_("search “%(words)s”", words=self.search)] if self.search else []
        parts += [_("sorted by %(column)s", column=c.label) for c in self.columns if c.sorted]
        return ", ".join(parts)

    @property
    def why_empty(self) -> str:
        if self.search and not self.asked.filters:
            return _("No record holds “%(words)s”. Look for a shorter part of it.", words=self.search)
        return _("These conditions together leave nothing over.")


def editor(view: Any, asked: ListRequest, args: Any) -> Editor | ListRequest | None:
    """The filter form the address asks for; a ListRequest once it was filled in and is to be shown."""
    which = args.get("set") or args.get("edit")
    if not which:
        return None
    position = int(which) if which.isascii() and which.isdigit() and int(which[:4]) < len(asked.filters) else None
    old = asked.filters[position] if position is not None else None
    key = old.filter.key if old else which
    ways = {f.way: f for f in view.filters_by_arg().values() if f.key == key}
    if not ways:
        return None
    way = args.get("op") if args.get("op") in ways else (old.filter.way if old else next(iter(ways)))
    value, error = args.get("value", old.value if old else "")[:200], ""
    value = value if ways[way].takes_value else "1"
    if args.get("set"):
        try:
            return asked.having(Asked(ways[way], value, _checked(ways[way], value)), position)
        except WrongValue as wrong:
            error = str(wrong)
    return _editor(view, asked, which, ways, way, value, error)


def _checked(found: StaffFilter, value: str) -> Any:
    if not value.strip():
        raise WrongValue(_("Write a value to compare with."))
    return found.read(value)


def _editor(
    view: Any, asked: ListRequest, which: str, ways: dict[str, StaffFilter], way: str, value: str, error: str
) -> Editor:
    one = ways[way]
    ops = [(code, str(f.operation())) for code, f in ways.items()]
    kept, cancel = asked.but().pairs(), asked.but().url(view.get_url(".index_view"))
    return Editor(which, str(one.name), ops, way, one.choices(), one.type, one.mode, value, error, kept, cancel)
