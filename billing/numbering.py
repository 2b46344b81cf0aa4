"""Document numbers: gapless per series, taken in the transaction that issues, held from there to its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, Integer, bindparam, literal_column, select, update

from models import Company, Series, db
from models.prepared import prepared

KINDS = ("invoice", "credit_note", "proforma", "quote")


@dataclass(frozen=True, slots=True)
class Style:
    """How the numbers of one kind of document look. `first` is where counting starts, `yearly` whether each year
    begins at one again, with the year in the number."""

    prefix: str
    first: int
    digits: int
    yearly: bool

    def year(self, issued_on: date) -> int:
        """The year a number belongs to; 0 where numbers do not start again each year."""
        return issued_on.year if self.yearly else 0

    def written(self, issued_on: date, sequence: int) -> str:
        """A number as it is printed: INV-00042, or INV-2026-00042 with yearly numbers."""
        middle = f"{issued_on.year}-" if self.yearly else ""
        return f"{self.prefix}-{middle}{sequence:0{self.digits}d}"


def style(company: Company, kind: str) -> Style:
    """How documents of a kind (one of KINDS) are numbered."""
    if kind == "invoice":
        return Style(company.invoice_prefix, company.first_number, company.number_digits, company.yearly_numbers)
    prefix, first, digits, yearly = (
        getattr(company, f"{kind}_{name}") for name in ("prefix", "first", "digits", "yearly")
    )
    return Style(prefix, first, digits, yearly)


def take(company: Company, issued_on: date, count: int = 1, kind: str = "invoice") -> tuple[int, int]:
    """(series id, first of `count` consecutive numbers). Locks the series until the transaction ends.

    Whoever also books takes its number before the postings, as renewals do: all wait for each other in one order.
    """
    return _taken(style(company, kind), issued_on, count)[:2]


def take_one(company: Company, issued_on: date, kind: str) -> tuple[int, int, date | None]:
    """(series id, the next number, day of the document that has the number before). None says that there is none, or
    that it came in just before this transaction had the series."""
    return _taken(style(company, kind), issued_on, 1)


def _taken(style: Style, issued_on: date, count: int) -> tuple[int, int, date | None]:
    found = _draw(style, issued_on, count)
    if found is None:
        _begin(style, style.year(issued_on))
        found = _draw(style, issued_on, count)
        assert found is not None
    series_id, last, newest_on = found
    return series_id, last - count + 1, newest_on


def written(company: Company, issued_on: date, sequence: int, kind: str = "invoice") -> str:
    """A number of that kind of document as it is printed: INV-00042, or INV-2026-00042 with yearly numbers."""
    return style(company, kind).written(issued_on, sequence)


def _draw(style: Style, issued_on: date, count: int) -> tuple[int, int, date | None] | None:
    """(series id, last of the numbers drawn, day of the document with the number before that one, if there is any);
    None where the series has not begun."""
    rows = _drawing(its_prefix=style.prefix, its_year=style.year(issued_on), further=count)
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else None


@prepared
def _drawing() -> Any:
    series: Any = Series.__table__
    mine = series.c.prefix == bindparam("its_prefix"), series.c.year == bindparam("its_year")
    drawn = update(series).where(*mine).values(last_number=series.c.last_number + bindparam("further", type_=Integer))
    # In words: for SQLite columns that are returned are named without their table, also within a subquery.
    before: ColumnElement[Any] = literal_column(
        "(SELECT invoice.issued_on FROM invoice"
        " WHERE invoice.series_id = series.id AND invoice.sequence = series.last_number - 1)",
        Date,
    )
    return drawn.returning(series.c.id, series.c.last_number, before.label("before"))


def _begin(style: Style, year: int) -> None:
    """The first number continues what was counted elsewhere; a new year begins at one."""
    known = select(Series.id).where(Series.prefix == style.prefix).limit(1)
    first = style.first if db.session.scalar(known) is None else 1
    values = {"prefix": style.prefix, "year": year, "first_number": first}
    _insert_unless_there({**values, "last_number": first - 1, "digits": style.digits})


def _insert_unless_there(values: dict[str, object]) -> None:
    """Two first documents at once: the second finds the first's series."""
    dialect = db.session.get_bind().dialect.name
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    db.session.execute(insert(Series).values(**values).on_conflict_do_nothing())
