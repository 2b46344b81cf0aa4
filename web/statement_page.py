"""The page of a statement of account, for the panel and the portal: which days, what it says, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import Response, request

from billing import statements
from billing.statements import MOVEMENTS, OPEN_ITEMS, OpenItems, Statement, Stretch
from integrations.documents import InvoiceDocument
from messaging import statement_document
from models import BillingError, Customer

from . import days
from .csv_file import csv_file, csv_stream
from .days import Days

ON_A_PAGE, SHOWN = 900, 1000
"""Movements of a page, and open items, on the screen; the files hold all of them."""


@dataclass(frozen=True, slots=True)
class StatementPage:
    """`doc` is None where it cannot be made: `wrong` says why. `left_out` rows are only in the files. A long time is
    told on `count` pages, this is the one of that `number`."""

    period: Days
    variant: str
    doc: InvoiceDocument | None
    left_out: int
    is_empty: bool
    wrong: str
    offered: list[tuple[str, date, date]]
    number: int = 1
    count: int = 1

    @property
    def address(self) -> dict[str, str]:
        """What a link to the same statement names."""
        return {"since": str(self.period.since), "until": str(self.period.until), "variant": self.variant}


def asked(today: date) -> tuple[Days, str]:
    """The days and the variant that the address names; this year's movements if it names none."""
    variant = request.values.get("variant", MOVEMENTS)
    period = days.read(request.values, (today.replace(month=1, day=1), today))
    return period, variant if variant in (MOVEMENTS, OPEN_ITEMS) else MOVEMENTS


def made(customer: Customer, today: date) -> Statement | OpenItems:
    """What the address asks for. Raises InvalidPeriod."""
    period, variant = asked(today)
    assert period.since is not None and period.until is not None
    return statement_document.found(customer, Stretch(period.since, period.until), variant, today)


def read(customer: Customer, today: date) -> StatementPage:
    """The page that the address asks for: of a long time, the newest stretch or the one named."""
    period, variant = asked(today)
    offered = days.offered(today)
    try:
        pages = _pages(customer, period, variant)
        number = _number(len(pages))
        what = statement_document.found(customer, pages[number - 1], variant, today)
        doc = statement_document.document_data(what)
    except BillingError as error:
        return StatementPage(period, variant, None, 0, True, period.wrong or str(error), offered)
    table = doc["table"]
    assert table is not None
    left_out = max(len(table["rows"]) - SHOWN, 0)
    table["rows"] = table["rows"][left_out:]
    empty = what.is_empty and len(pages) == 1
    return StatementPage(period, variant, doc, left_out, empty, period.wrong, offered, number, len(pages))


def _pages(customer: Customer, period: Days, variant: str) -> list[Stretch]:
    assert period.since is not None and period.until is not None
    if variant != MOVEMENTS:
        return [Stretch(period.since, period.until)]
    return statements.parts(customer, period.since, period.until, ON_A_PAGE)


def _number(count: int) -> int:
    """Which of the pages; the last one if the address names none that there is."""
    asked = request.values.get("page", "")
    wanted = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else count
    return wanted if 1 <= wanted <= count else count


def as_pdf(what: Statement | OpenItems) -> Response:
    """Raises NotPrintable, DocumentError."""
    name = statement_document.file_name(what)
    told = {"Content-Disposition": f'inline; filename="{name}"'}
    return Response(statement_document.pdf_of(what), mimetype="application/pdf", headers=told)


def csv(customer: Customer, today: date) -> Response:
    """What the address asks for as a table, however long. Raises InvalidPeriod."""
    period, variant = asked(today)
    if variant != MOVEMENTS:
        what = made(customer, today)
        return csv_file(statement_document.file_name(what).removesuffix(".pdf") + ".csv", statements.csv_rows(what))
    assert period.since is not None and period.until is not None
    rows = statements.rows_of_all(customer, period.since, period.until)
    return csv_stream(f"statement-{customer.id}-{period.since}-{period.until}.csv", rows)
