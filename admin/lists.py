"""The rows of one page and how many there are, each by an index, at a million rows as at ten thousand.

Up to CAP matches are gathered and sorted; more are walked in the order of the list until the page is full.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import format_number
from flask_babel import gettext as _
from sqlalchemy import BigInteger, Row, Select, column, func, select, text, true
from sqlalchemy.orm import Session

from admin.listrequest import ListRequest
from admin.paging import SortKey, anchor, fetch, ordered, ordered_alike, token
from models import find

CAP = 10_000
FEW = 200


@dataclass(frozen=True)
class Count:
    """How many rows there are: exactly, or as well as can be said quickly."""

    n: int
    exact: bool = True
    capped: bool = False

    @property
    def text(self) -> str:
        if self.capped:
            return f"{format_number(self.n)}+"
        return format_number(self.n) if self.exact else _("about %(number)s", number=format_number(self.n))


@dataclass(frozen=True)
class Page:
    rows: list[Any]
    count: Count
    prev: str = ""
    next: str = ""
    first: bool = True
    last: bool = True
    extra: Sequence[Any] = ()  # for each row, what its further columns hold


@dataclass
class Lister:
    """Builds the statements of one list from a view and an address."""

    view: Any
    asked: ListRequest
    session: Session

    def __post_init__(self) -> None:
        self.model = self.view.model
        self.dialect = self.session.get_bind().dialect.name
        self.words = self.view.search_index.words(self.asked.search) if self.asked.search else []
        plain = select(self.model)
        self.base = self.view.narrowed(plain)
        self.limited = self.base is not plain
        self.few: list[int] | None = None  # all ids that match, once counted, where they are few
        self.key, self.joins = self.view.sort_key(self.asked)
        self.find: Any = self.view.finder or find

    def matching(self) -> Select[Any]:
        """`SELECT id` of all rows that match, in no order."""
        straight = [(one, one.filter.ids(one.clean)) for one in self.asked.filters]
        conditions = [one.filter.where(one.clean) for one, ids in straight if ids is None]
        sources = [ids for _one, ids in straight if ids is not None]
        if self.words:
            sources.append(self.find.hits(self.view.search_index, self.model, self.words, self.dialect))
        if len(sources) == 1 and not conditions and not self.limited:
            return sources[0]
        ids = self.base.with_only_columns(self.model.id).order_by(None).where(*conditions)
        for i, source in enumerate(sources):
            found = source.subquery(f"found_{i}")
            ids = ids.join(found, found.c.id == self.model.id)
        return ids

    def exact(self) -> int:
        return self.session.execute(select(func.count()).select_from(self.matching().subquery())).scalar_one()

    def count(self) -> Count:
        if self.asked.narrowed or self.limited:
            return self._count_narrowed()
        capped = select(func.count()).select_from(self.matching().limit(CAP + 1).subquery())
        n, about = self._counted(capped.scalar_subquery(), self._estimate())
        return Count(n) if n <= CAP else Count(max(int(about or 0), n), exact=False)

    def _count_narrowed(self) -> Count:
        """The number, and the ids themselves if they are few, in one statement: a dear search is not done twice."""
        most = min(FEW, CAP)
        found = self.matching().limit(CAP + 1).cte("counted").prefix_with("MATERIALIZED")
        number = select(func.count()).select_from(found).scalar_subquery()
        also = self.view.also_counted()
        figures = select(number.label("n"), *(one.label(f"also_{i}") for i, one in enumerate(also))).subquery("figures")
        some = select(found.c.id).limit(most + 1).subquery("some")
        rows = self.session.execute(select(figures, some.c.id).select_from(figures.outerjoin(some, true()))).all()
        if also:
            self.view.keep_counted(list(rows[0][1:-1]))
        n = rows[0].n
        if n <= most:
            self.few = [row.id for row in rows if row.id is not None]
        return Count(min(n, CAP), exact=n <= CAP, capped=n > CAP)

    def _counted(self, *wanted: Any) -> list[Any]:
        """The numbers wanted, and in the same statement those that the view wants beside them."""
        also = self.view.also_counted()
        found = list(self.session.execute(select(*wanted, *also)).one())
        if also:
            self.view.keep_counted(found[len(wanted) :])
        return found[: len(wanted)]

    def _estimate(self) -> Any:
        if self.dialect == "postgresql":
            known = text("SELECT reltuples::bigint AS n FROM pg_class WHERE oid = cast(:name AS regclass)")
            named = known.bindparams(name=self.model.__table__.name).columns(column("n", BigInteger))
            return named.scalar_subquery()
        return select(func.max(self.model.id)).scalar_subquery()

    def rows_query(self, count: Count) -> tuple[Select[Any], SortKey]:
        """Entities with their sorted value; how depends on how many match."""
        query, key = self.base, self.key
        for path in self.joins:
            query = query.outerjoin(path)
        if not self.asked.narrowed:
            return query, key
        if self.few is not None:
            return query.where(self.model.id.in_(self.few)), key
        if not count.exact or self._leads_in_order(key):
            return self._walk(query, key)
        found = self.matching().cte("found").prefix_with("MATERIALIZED", dialect="postgresql")
        return query.join(found, found.c.id == self.model.id), key

    def _leads_in_order(self, key: SortKey) -> bool:
        """Whether one index holds just what matches, in the order of the list already."""
        filters = self.asked.filters
        if len(filters) + bool(self.words) != 1:
            return False
        if filters and filters[0].filter.bounds(key.column):
            return True
        if not key.by_id:
            return False
        if filters:
            return filters[0].filter.leads(filters[0].clean)
        return self.find.in_order_of_id(self.view.search_index, self.model, self.words, self.dialect) is not None

    def _walk(self, query: Select[Any], key: SortKey) -> tuple[Select[Any], SortKey]:
        """Many match: go along the sorted index. SQLite has no figures to see that by itself: it is shown the way."""
        steer = self.dialect == "sqlite"
        for one in self.asked.filters:
            where = one.filter.holds(one.clean)
            led = steer and not one.filter.bounds(key.column) and not (key.by_id and one.filter.leads(one.clean))
            query = query.where(where.self_group().is_(true()) if led else where)
        if not self.words:
            return query, key
        what = (self.view.search_index, self.model, self.words, self.dialect)
        joined = self.find.in_order_of_id(*what) if key.by_id else None
        if joined is None:
            return query.where(self.find.contains(*what)), key
        found, matches = joined
        query = query.join(found, found.c.rowid == self.model.id).where(matches)
        return query, SortKey(found.c.rowid, found.c.rowid, key.desc)

    def page(self, extra: Sequence[Any] = ()) -> Page:
        """One page; `extra` are further columns (ListColumn), asked for these rows alone."""
        count = self.count()
        query, key = self.rows_query(count)
        query = query.add_columns(key.column.label("sorted_value"))
        read = self._reader(extra)
        size, asked = self.view.page_size, self.asked
        back = bool(asked.last or asked.before)
        start = anchor(self.key, asked.before or asked.after) if not asked.last else None
        if asked.before and start is None:
            back = False
        rows = fetch(read, query, key, start, size + 1, back)
        if back and start and len(rows) <= size:  # the first page is always full
            back, start = False, None
            rows = fetch(read, query, key, None, size + 1, False)
        return self._page(rows, count, back, start)

    def _reader(self, extra: Sequence[Any]) -> Callable[[Select[Any]], Any]:
        """Reads a page. Further columns are worked out for its rows only, not for all that are sorted before."""
        options = self.view.list_options()

        def plainly(query: Select[Any]) -> Any:
            return self.session.execute(query.options(*options))

        def with_more(query: Select[Any]) -> Any:
            narrow = query.with_only_columns(self.model.id, query.selected_columns["sorted_value"])
            page = narrow.subquery("page")
            more = [one.value().label(f"more_{one.key}") for one in extra]
            wide = select(self.model, page.c.sorted_value, *more).join(page, page.c.id == self.model.id)
            return self.session.execute(wide.order_by(*ordered_alike(query, page)).options(*options))

        return with_more if extra else plainly

    def _page(self, rows: list[Row[Any]], count: Count, back: bool, start: Any) -> Page:
        size = self.view.page_size
        more = len(rows) > size
        shown = rows[-size:] if back else rows[:size]
        has_prev = bool(shown) and (more if back else start is not None)
        has_next = bool(shown) and (start is not None if back else more)
        first, last = (token(self.key, r[0].id, r[1]) for r in (shown[0], shown[-1])) if shown else ("", "")
        more = [tuple(r[2:]) for r in shown]
        return Page([r[0] for r in shown], count, first * has_prev, last * has_next, not has_prev, not has_next, more)

    def in_order(self, columns: list[Any]) -> Select[Any]:
        """Everything that matches, only these columns, in the order of the list: for exports."""
        query = self.base.with_only_columns(*columns)
        for path in self.joins:
            query = query.outerjoin(path)
        query = query.where(*(one.filter.where(one.clean) for one in self.asked.filters))
        if self.words:
            hits = self.find.hits(self.view.search_index, self.model, self.words, self.dialect)
            query = query.where(self.model.id.in_(hits))
        return ordered(query, self.key)
