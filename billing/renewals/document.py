"""A bill as a document about to be issued: number, dates and the words that are frozen on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from billing import content, numbering, parties
from billing.document_templates import Newest
from billing.inheritance import Defaults
from models import Company, Project, TemplateKind

from . import due
from .bill import Bill, Line, micro_per_minor


@dataclass(slots=True)
class Document:
    """Everything of an issued invoice, its values in the order of INVOICE, LINE and content.TAX columns."""

    bill: Bill
    number: str
    invoice: tuple[Any, ...]
    lines: list[tuple[Any, ...]]
    taxes: list[tuple[Any, ...]]
    discounted: bool
    """Whether its lines are in the order of DISCOUNTED_LINE, as all of a chunk are if one has a discount."""

    @property
    def id(self) -> int:
        """Known once it is written."""
        assert self.bill.invoice_id is not None
        return self.bill.invoice_id

    @property
    def kind(self) -> str:
        """invoice, or proforma, which nothing is booked for."""
        return str(self.invoice[0])


def kind_of(bill: Bill, company: Any) -> str:
    """A proforma where invoices get their number when they are paid; credit in hand is money on it already."""
    asks = company.number_when_paid and bill.amount.minor > 0 and not bill.credit_used
    return "proforma" if asks else "invoice"


# The hashed part comes first, as content.DOCUMENT and content.LINE list it.
INVOICE = (
    *content.DOCUMENT, "customer_id", "billing_group_id", "payer_id", "series_id", "sequence", "state",
    "open_minor", "content_hash", "created_at", "template", "template_version_id",
)  # fmt: skip
LINE = (*content.LINE, "service_id", "charge_id")
DISCOUNTED_LINE = (*LINE, *content.FURTHER_LINE, "discount_id")
"""The columns where any line of a chunk is discounted; without, the defaults say that none is."""
_SHOWN = len(content.LINE)
_NO_DISCOUNT = (None, None, 0, "", 0)


class Printer:
    """What all documents of a chunk have in common; asked once per chunk, not per document."""

    def __init__(self, company: Company, bills: Sequence[Bill]) -> None:
        self.company = company
        self.discounted = any(line.cut for bill in bills for line in bill.lines)
        self._projects = _found(due.projects, [bill.account.project_id for bill in bills])
        self._sellers: dict[int | None, str] = {}
        self._templates = Newest(TemplateKind.DOCUMENT)
        self._defaults = Defaults([bill.account.customer_group_id for bill in bills], company)

    def print(self, bill: Bill, kind: str, series_id: int, sequence: int, issued_on: date, at: Any) -> Document:
        """The document of a bill, fingerprinted."""
        account, totals = bill.account, bill.totals
        assert totals is not None
        number = numbering.written(self.company, issued_on, sequence, kind)
        start, end = _span(bill.lines)
        project = self._projects.get(account.project_id) if account.project_id else None
        terms = (project.invoice_terms if project else "") or self.company.invoice_terms
        group = account.customer_group_id
        days = self._defaults.of("payment_days", account.payment_days, group)
        note = self._defaults.of("invoice_note", account.invoice_note, group, project)
        template = self._templates.of(self._defaults.of("invoice_template", account.invoice_template, group, project))
        lines = [_line(position, line) for position, line in enumerate(bill.lines, 1)]
        taxes = [
            (tax.category, tax.rate, tax.taxable.currency, tax.taxable.minor, tax.tax.minor)
            for tax in totals.subtotals
            if tax.category != "O"
        ]
        exchange = bill.exchange if kind == "invoice" else None
        shown = (
            kind, number, issued_on, issued_on + timedelta(days=days), start, end,
            account.currency, totals.net.minor, totals.tax.minor, totals.gross.minor, self.company.prices_include_tax,
            self.company.currency if exchange else "", exchange.rate if exchange else None,
            exchange.source if exchange else "", parties.buyer(account, bill.payer),
            self._seller(account.project_id), account.group_po_number or account.po_number, note, terms,
            _notes(bill.lines),
        )  # fmt: skip
        digest = content.fingerprint(shown, lines, taxes)
        invoice = (
            *shown, account.customer_id, account.group_id, bill.payer.id if bill.payer else None, series_id,
            sequence, "issued", bill.still_due if kind == "invoice" else 0, digest, at, template.key,
            template.version_id,
        )  # fmt: skip
        return Document(
            bill,
            number,
            invoice,
            [self._row(row, line) for row, line in zip(lines, bill.lines, strict=True)],
            taxes,
            self.discounted,
        )

    def _row(self, shown: tuple[Any, ...], line: Line) -> tuple[Any, ...]:
        """A line in the order of LINE, or of DISCOUNTED_LINE."""
        whose = line.service_id, line.charge_id
        if not self.discounted:
            return *shown, *whose
        return (*shown[:_SHOWN], *whose, *(shown[_SHOWN:] or _NO_DISCOUNT), line.cut.discount_id if line.cut else None)

    def _seller(self, project_id: int | None) -> str:
        if project_id not in self._sellers:
            project: Project | None = self._projects.get(project_id) if project_id else None
            self._sellers[project_id] = parties.seller(self.company, project)
        return self._sellers[project_id]


def _found(load: Any, ids: Sequence[int | None]) -> dict[int | None, Any]:
    wanted = {one for one in ids if one is not None}
    found: dict[int | None, Project] = load(wanted) if wanted else {}
    return found


def _span(lines: Sequence[Line]) -> tuple[date | None, date | None]:
    periods = [line.period for line in lines if line.period]
    if not periods:
        return None, None
    return min(p.start for p in periods), max(p.end for p in periods)


def _notes(lines: Sequence[Line]) -> str:
    """The legal sentences of the taxes on the document, each once."""
    if len(lines) == 1:
        return lines[0].tax.note
    return "\n".join(dict.fromkeys(line.tax.note for line in lines if line.tax.note))


def _line(position: int, line: Line) -> tuple[Any, ...]:
    period, currency = line.period, line.amount.currency
    found = (
        position, line.kind.value, line.description, line.details, period.start if period else None,
        period.end if period else None, line.quantity, currency, line.price.minor * micro_per_minor(currency),
        line.amount.minor, line.tax.category, line.tax.rate,
    )  # fmt: skip
    cut = line.cut
    return found if cut is None else (*found, None, cut.percent, cut.minor, cut.reason, 0)
