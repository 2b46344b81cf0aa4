"""The page of a statement of account, for the panel and the portal: which days, what it says, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import Response, request

from billing import statements
from billing.statements import MOVEMENTS, OPEN_ITEMS, OpenItems, Statement
from integrations.documents import InvoiceDocument
from messaging import statement_document
from models import BillingError, Customer

from . import days
from .csv_file import csv_file
from .days import Days

SHOWN = 1000
"""Rows on the screen; the files hold all of them."""


@dataclass(frozen=True, slots=True)
class StatementPage:
    """`doc` is None where it cannot be made: `wrong` says why. `left_out` rows are only in the files."""

    period: Days
    variant: str
    doc: InvoiceDocument | None
    left_out: int
    is_empty: bool
    wrong: str
    offered: list[tuple[str, date, date]]

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
    return statement_document.found(customer, period.since, period.until, variant, today)


def read(customer: Customer, today: date) -> StatementPage:
    """The page that the address asks for."""
    period, variant = asked(today)
    offered = days.offered(today)
    try:
        what = made(customer, today)
        doc = statement_document.document_data(what)
    except BillingError as error:
        return StatementPage(period, variant, None, 0, True, period.wrong or str(error), offered)
    table = doc["table"]
    assert table is not None
    left_out = max(len(table["rows"]) - SHOWN, 0)
    table["rows"] = table["rows"][left_out:]
    return StatementPage(period, variant, doc, left_out, what.is_empty, period.wrong, offered)


def as_pdf(what: Statement | OpenItems) -> Response:
    """Raises NotPrintable, DocumentError."""
    name = statement_document.file_name(what)
    told = {"Content-Disposition": f'inline; filename="{name}"'}
    return Response(statement_document.pdf_of(what), mimetype="application/pdf", headers=told)


def as_csv(what: Statement | OpenItems) -> Response:
    name = statement_document.file_name(what).removesuffix(".pdf") + ".csv"
    return csv_file(name, statements.csv_rows(what))
