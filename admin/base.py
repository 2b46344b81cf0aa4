"""The one base of the panel's lists and records: closed by default, fast at a million rows, whole without scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, abort, current_app, flash, redirect, request
from flask_admin import expose
from flask_admin.contrib.sqla import ModelView
from flask_babel import gettext as _
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from admin import columns, narrowing
from admin.actions import Chosen, StaffAction
from admin.cells import RowAction
from admin.export import respond
from admin.filter_kinds import StaffFilterConverter
from admin.filters import StaffFilter
from admin.list_columns import Columns
from admin.listing import Listing, editor
from admin.listrequest import ListRequest
from admin.lists import Lister
from admin.paging import SortKey
from admin.records import Records
from admin.saved_lists import SavedLists
from web.params import row_id
from web.permissions import allows, refuse, signed_in_staff, to_sign_in


class StaffView(Columns, SavedLists, Records, ModelView):
    """A list with its records. A view opens what it needs and names the permission it needs for it."""

    needs: str = ""  # permission to see anything here; without one nobody does
    of_customer: str = ""  # the column that says which customer a row is about, or NOBODY (admin.narrowing)
    can_create = can_edit = can_delete = can_export = can_view_details = False
    export_types = ["csv"]
    page_size = 50
    named_filter_urls = True
    column_auto_select_related = False
    filter_converter = StaffFilterConverter()
    action_delete = None  # Flask-Admin's own; ours are rules

    search_index: Any = None  # a SearchIndex
    finder: Any = None  # searches instead of models.find
    search_hint: Any = ""
    column_link = ""  # the cell that opens the record
    column_numeric: tuple[str, ...] = ()
    column_phone: dict[str, str] = {}  # column -> title, sub, end, end2
    under = ""  # the endpoint of the menu entry that a page without one of its own belongs to
    crowded = False  # many columns: title and sub give way, and icons after the second go into a menu
    saved_views: tuple[tuple[Any, dict[str, str]], ...] = ()
    filter_groups: tuple[tuple[Any, tuple[str, ...]], ...] = ()  # (heading, names of filters) of a long list
    create_label: Any = ""
    save_label: Any = ""
    delete_label: Any = ""
    empty_title: Any = ""
    empty_text: Any = ""
    form_sections: Any = None

    @property
    def db_session(self) -> Session:
        return self.session.session

    def get_url(self, endpoint: str, **kwargs: Any) -> str:
        """As Flask-Admin's, but `.name` is a page of this view, whichever view's page is being printed."""
        return super().get_url(f"{self.endpoint}{endpoint}" if endpoint.startswith(".") else endpoint, **kwargs)

    # Who may

    def is_accessible(self) -> bool:
        return bool(self.needs) and allows(self.needs)

    def inaccessible_callback(self, name: str, **_kwargs: Any) -> Any:
        """Whoever is not signed in may do so; others are told that their role does not include this."""
        return refuse(self.needs) if signed_in_staff() else to_sign_in()

    def is_action_allowed(self, name: str) -> bool:
        known = self.known_action(name)
        return bool(known) and allows(known.permission)

    # Which rows

    def scope(self, query: Select[Any]) -> Select[Any]:
        """The rows this person may see. The one place that narrows list, count, record, export and actions.

        Return `query` itself where nothing is narrowed: the count of a whole table need not be exact.
        """
        return query

    def narrowed(self, query: Select[Any]) -> Select[Any]:
        """The rows that lists, exports and actions are about: those in scope, of one customer if one is chosen."""
        return narrowing.narrowed(self, self.scope(query))

    def create_url(self) -> str:
        """The form that makes a record, with the chosen customer filled in."""
        return self.get_url(f"{self.endpoint}.create_view", **narrowing.preset(self))

    def get_query(self) -> Select[Any]:
        return self.scope(select(self.model))

    def get_count_query(self) -> Select[Any]:
        return self.scope(select(func.count()).select_from(self.model))

    def get_one(self, id: Any) -> Any:
        number = row_id(str(id))
        if number is None:
            return None
        return self.db_session.scalars(self.get_query().where(self.model.id == number)).one_or_none()

    def list_options(self) -> tuple[Any, ...]:
        """Loader options of the rows on a page: selectinload for whatever a cell reads beyond its own row."""
        return ()

    # What is counted beside the list, in the same statement: scalar subqueries, and where their numbers go

    def also_counted(self) -> list[Any]:
        return []

    def keep_counted(self, numbers: list[int]) -> None:
        return None

    # What is printed

    def rows_shown(self, rows: list[Any]) -> None:
        """Called with the rows of a page before their cells are printed: to ask once for what belongs to all."""

    def cell_value(self, row: Any, key: str) -> Any:
        how = self.column_formatters.get(key)
        return how(self, None, row, key) if how else self._get_field_value(row, key)

    def row_url(self, row: Any) -> str:
        """Where a click on the row leads."""
        return f"{self.url}/details/?id={row.id}" if self.can_view_details else ""

    def row_actions(self) -> list[RowAction]:
        """The icons at the end of each row."""
        return self.own_row_actions()

    # Order, filters, columns

    def get_sortable_columns(self) -> dict[Any, Any]:
        self._sortable = columns.sortable(self.model, self.column_sortable_list)
        return {name: column for name, (column, _joins) in self._sortable.items()}

    def sort_columns(self) -> dict[str, tuple[Any, list[Any]]]:
        return self._sortable

    def default_sort(self) -> tuple[str, bool]:
        given = self.column_default_sort
        return given if isinstance(given, tuple) else (given or "id", False)

    def sort_key(self, asked: ListRequest) -> tuple[SortKey, list[Any]]:
        name, desc = (asked.sort, asked.desc) if asked.sort else self.default_sort()
        return columns.sort_key(self.model, self._sortable, name, desc)

    def get_filter_arg(self, index: int, flt: StaffFilter) -> str:
        return f"{flt.key}_{flt.way}"

    def more_filters(self) -> list[StaffFilter]:
        """Further filters, beside those of column_filters. Override for those that depend on rows."""
        return []

    def before_filters(self, asked: list[StaffFilter]) -> None:
        """Called with the filters of an address before their values are read: to ask once for what several need."""

    def filters_by_arg(self) -> dict[str, StaffFilter]:
        return {f"{found.key}_{found.way}": found for found in (*(self._filters or ()), *self.more_filters())}

    def init_search(self) -> bool:
        return False  # Flask-Admin's reads every row; ours is search_index

    def export_columns(self) -> list[tuple[Any, Any, Callable[[Any], str]]]:
        """(heading, database column, how to print it) of the export of all columns."""
        return columns.exported(self.model, self.get_export_columns())

    def export_shown(self, asked: ListRequest) -> list[tuple[Any, Any, Callable[[Any], str]]]:
        """The same for the columns that are shown; those that only the page works out are left out."""
        return columns.exported_some(self.model, self.shown_columns(asked), self.more_columns())

    # Doors

    @expose("/")
    def index_view(self) -> Any:
        asked = ListRequest.read(self, request.args)
        form = editor(self, asked, request.args)
        if isinstance(form, ListRequest):
            return redirect(form.url(self.get_url(".index_view")))
        for words in asked.wrong:
            flash(_("This filter was left out. %(why)s", why=words), "warning")
        shown = self.shown_columns(asked)
        extra = [one for one in self.more_columns() if one.key in dict(shown)]
        page = Lister(self, asked, self.db_session).page(extra)
        listing = Listing(self, asked, page, form, shown, extra)
        return self.render(self.list_template, listing=listing, actions=self.offered_actions())

    @expose("/export/<export_type>/")
    def export(self, export_type: str) -> Response:
        return respond(self) if self.can_export and export_type in self.export_types else abort(404)

    @expose("/action/", methods=("POST",))
    def action_view(self) -> Any:
        name, rows = request.form.get("action", ""), request.form.getlist("rowid")
        if "one" in request.form:  # an icon of one row; ticks do not count
            name, _dot, row = request.form["one"].partition(".")
            rows = [row]
        if not self.is_action_allowed(name):
            abort(404)
        return self._actions_data[name][0](rows)

    # Actions

    def known_action(self, name: str) -> StaffAction | None:
        handler = self._actions_data.get(name, (None,))[0]
        return getattr(handler, "staff_action", None)

    def offered_actions(self) -> list[StaffAction]:
        """What this person may do with rows; whatever destroys stands last."""
        known = [self.known_action(name) for name, _label in self._actions if self.is_action_allowed(name)]
        offered = [one for one in known if one and (one.when is None or one.when())]
        return sorted(offered, key=lambda one: (one.danger, one.place))

    def enqueue(self, action: StaffAction, chosen: Chosen) -> bool:
        """Hand a long action to a job and say True; False does it here, in batches."""
        hand_over = current_app.extensions.get("staff_action_jobs")
        return bool(hand_over and hand_over(self, action, chosen))
