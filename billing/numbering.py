"""Document numbers: gapless per series, taken in the transaction that issues, the counter row last."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select, update

from models import Company, Series, db


def series_year(company: Company, issued_on: date) -> int:
    """The year a number belongs to; 0 where numbers do not start again each year."""
    return issued_on.year if company.yearly_numbers else 0


def take(company: Company, issued_on: date, count: int) -> tuple[int, int]:
    """(series id, first of `count` consecutive numbers). Locks the series until the transaction ends."""
    year = series_year(company, issued_on)
    series_id = _series_id(company, year)
    last = db.session.execute(
        update(Series)
        .where(Series.id == series_id)
        .values(last_number=Series.last_number + count)
        .returning(Series.last_number)
        .execution_options(synchronize_session=False)
    ).scalar_one()
    return series_id, last - count + 1


def written(company: Company, issued_on: date, sequence: int) -> str:
    """A number as it is printed: INV-00042, or INV-2026-00042 with yearly numbers."""
    year = series_year(company, issued_on)
    middle = f"{year}-" if year else ""
    return f"{company.invoice_prefix}-{middle}{sequence:0{company.number_digits}d}"


def _series_id(company: Company, year: int) -> int:
    wanted = select(Series.id).where(Series.prefix == company.invoice_prefix, Series.year == year)
    found = db.session.scalar(wanted)
    if found is None:
        # The first number continues what was counted elsewhere; a new year begins at one.
        known = select(Series.id).where(Series.prefix == company.invoice_prefix).limit(1)
        first = company.first_number if db.session.scalar(known) is None else 1
        values = {"prefix": company.invoice_prefix, "year": year, "first_number": first}
        _insert_unless_there({**values, "last_number": first - 1, "digits": company.number_digits})
        found = db.session.scalars(wanted).one()
    return found


def _insert_unless_there(values: dict[str, object]) -> None:
    """Two first documents at once: the second finds the first's series."""
    dialect = db.session.get_bind().dialect.name
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    db.session.execute(insert(Series).values(**values).on_conflict_do_nothing())
