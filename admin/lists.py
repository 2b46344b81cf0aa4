"""The rows of one page and how many there are, each by an index, at a million rows as at ten thousand.

Up to CAP matches are gathered and sorted; more are walked in the order of the list until the page is full.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import format_number
from flask_babel import gettext as _
from sqlalchemy import BigInteger, ColumnElement, Row, Select, column, func, select, text, true
from sqlalchemy.orm import Session

from admin.listrequest import ListRequest
from admin.paging import SortKey, anchor, fetch, ordered, token
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

    def conditions(self) -> list[ColumnElement[bool]]:
        return [one.filter.where(one.clean) for one in self.asked.filters]

    def matching(self) -> Select[Any]:
        """`SELECT id` of all rows that match, in no order."""
        ids = self.base.with_only_columns(self.model.id).order_by(None).where(*self.conditions())
        if not self.words:
            return ids
        hits = self.find.hits(self.view.search_index, self.model, self.words, self.dialect)
        if not self.asked.filters and not self.limited:
            return hits
        found = hits.subquery("found")
        return ids.join(found, found.c.id == self.model.id)

    def exact(self) -> int:
        return self.session.execute(select(func.count()).select_from(self.matching().subquery())).scalar_one()

    def count(self) -> Count:
        if self.asked.narrowed or self.limited:
            return self._count_narrowed()
        capped = select(func.count()).select_from(self.matching().limit(CAP + 1).subquery())
        n, about = self._counted(capped.scalar_subquery(), self._estimate())
        return Count(n) if n <= CAP else Count(max(int(about or 0), n), exact=False)

    def _count_narrowed(self) -> Count:
        """The number, and the ids themselves if they are few: a dear search for little is not done twice."""
        most = min(FEW, CAP)
        few = list(self.session.scalars(self.matching().limit(most + 1)))
        if len(few) <= most:
            self.few = few
            return Count(len(few))
        capped = select(func.count()).select_from(self.matching().limit(CAP + 1).subquery())
        (n,) = self._counted(capped.scalar_subquery())
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
        """Whether one index holds just what matches, in the order of id already."""
        filters = self.asked.filters
        if not key.by_id or len(filters) + bool(self.words) != 1:
            return False
        if filters:
            return filters[0].filter.leads(filters[0].clean)
        return self.find.in_order_of_id(self.view.search_index, self.model, self.words, self.dialect) is not None

    def _walk(self, query: Select[Any], key: SortKey) -> tuple[Select[Any], SortKey]:
        """Many match: go along the sorted index. SQLite has no figures to see that by itself: it is shown the way."""
        steer = self.dialect == "sqlite"
        for one in self.asked.filters:
            where = one.filter.where(one.clean)
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

    def page(self) -> Page:
        count = self.count()
        query, key = self.rows_query(count)
        query = query.add_columns(key.column.label("sorted_value")).options(*self.view.list_options())
        size, asked = self.view.page_size, self.asked
        back = bool(asked.last or asked.before)
        start = anchor(self.key, asked.before or asked.after) if not asked.last else None
        if asked.before and start is None:
            back = False
        rows = fetch(self.session.execute, query, key, start, size + 1, back)
        if back and start and len(rows) <= size:  # the first page is always full
            back, start = False, None
            rows = fetch(self.session.execute, query, key, None, size + 1, False)
        return self._page(rows, count, back, start)

    def _page(self, rows: list[Row[Any]], count: Count, back: bool, start: Any) -> Page:
        size = self.view.page_size
        more = len(rows) > size
        shown = rows[-size:] if back else rows[:size]
        has_prev = bool(shown) and (more if back else start is not None)
        has_next = bool(shown) and (start is not None if back else more)
        first, last = (token(self.key, r[0].id, r[1]) for r in (shown[0], shown[-1])) if shown else ("", "")
        return Page([r[0] for r in shown], count, first * has_prev, last * has_next, not has_prev, not has_next)

    def in_order(self, columns: list[Any]) -> Select[Any]:
        """Everything that matches, only these columns, in the order of the list: for exports."""
        query = self.base.with_only_columns(*columns)
        for path in self.joins:
            query = query.outerjoin(path)
        if self.asked.narrowed:
            query = query.where(self.model.id.in_(self.matching()))
        return ordered(query, self.key)
