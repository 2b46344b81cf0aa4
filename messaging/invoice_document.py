"""An issued invoice as a document: what its PDF says, and the PDF that is made once and kept.

Only what was frozen at issue is printed (parties, lines, taxes, what was settled by then), never live rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Literal

from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import select, update

from billing import company as companies
from billing import credit_parts, document_templates, parties, payers, payment_ways
from billing.document_templates import Chosen
from integrations.documents import DocumentError, Fact, InvoiceDocument, Line, Payment, Sum
from models import (
    Allocation,
    BillingGroup,
    Company,
    CreditNote,
    Invoice,
    InvoiceLine,
    InvoiceState,
    Money,
    PaymentMethod,
    Proforma,
    TemplateKind,
    db,
)

from . import document_looks, files, payment_code
from .document_parts import quantity, tax_sums
from .documents import NotPrintable, bank_facts, frame, frozen_party, labels
from .formats import day, language_of, money, percent, period, unit_price

FOLDER, SUFFIX = "documents", ".pdf"


def pdf_of(invoice: Invoice) -> bytes:
    """The PDF of an issued invoice: the stored one, checked, or if none was made yet a new one, not stored.

    Raises NotPrintable for a draft, FileLost if the stored one is gone or changed, DocumentError if it cannot
    be made. Writes nothing.
    """
    if invoice.pdf_hash:
        return files.read(FOLDER, invoice.pdf_hash, SUFFIX)
    return _made(invoice)


def store_pdf(invoice: Invoice, made: bytes | None = None) -> bytes:
    """The PDF that is this invoice's for good: made (unless given) and stored if there is none yet.

    Of two who do this at once the first to commit wins, and both get its PDF. Raises as `pdf_of` does, and
    OSError if it cannot be written. Flushes; the file is on the disk before its hash is in the row.
    """
    if invoice.pdf_hash:
        return files.read(FOLDER, invoice.pdf_hash, SUFFIX)
    data = made or _made(invoice)
    digest, look = files.keep(FOLDER, data, SUFFIX), look_of(invoice)
    first = update(Invoice).where(Invoice.id == invoice.id, Invoice.pdf_hash.is_(None))
    first = first.values(pdf_hash=digest, template=look.key, template_version_id=look.version_id)
    db.session.execute(first, execution_options={"synchronize_session": False})
    db.session.refresh(invoice, ["pdf_hash", "template", "template_version_id"])
    if invoice.pdf_hash == digest:
        return data
    files.forget(FOLDER, digest, SUFFIX)
    return files.read(FOLDER, str(invoice.pdf_hash), SUFFIX)


def file_name(invoice: Invoice) -> str:
    """``INV-00042.pdf``: what the file is called where it is downloaded or attached."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in str(invoice.number)) + ".pdf"


def _made(invoice: Invoice) -> bytes:
    """In the template it was issued with. Where that one's own source turns out to be unable to set this invoice, a
    newer version of it may mend that: a document has to be had."""
    if invoice.issued_on is None or invoice.state == InvoiceState.DRAFT:
        raise NotPrintable("This invoice is a draft. Issue it first; then it has a number and a PDF.")
    chosen, on = look_of(invoice), invoice.issued_on
    with in_words_of(invoice) as locale:
        document = document_data(invoice)
        try:
            return document_looks.make(document, document_looks.of(TemplateKind.DOCUMENT, chosen), locale, on=on)
        except DocumentError:
            newest = document_templates.Newest(TemplateKind.DOCUMENT).of(chosen.key)
            if newest == chosen:
                raise
        return document_looks.make(document, document_looks.of(TemplateKind.DOCUMENT, newest), locale, on=on)


def look_of(invoice: Invoice) -> Chosen:
    """The template it was issued with; of one that has none noted, the one in force for the customer."""
    if invoice.template:
        return Chosen(invoice.template, invoice.template_version_id)
    return document_templates.in_force(TemplateKind.DOCUMENT, invoice.customer)


@contextmanager
def in_words_of(invoice: Invoice) -> Iterator[str]:
    """gettext in the language of the invoice's reader, and its locale."""
    locale = language_of(invoice.customer, companies.settings())
    with force_locale(locale):
        yield locale


def document_data(invoice: Invoice, *, nameless: bool = False) -> InvoiceDocument:
    """What the document says, in the customer's language; a draft says what it would.

    Raises NotPrintable if what was frozen is unreadable, or if a party has no name and that is not wanted
    (`nameless`, to look at an invoice of a company that was not set up).
    """
    with in_words_of(invoice) as locale:
        return _Writer(invoice, companies.settings(), locale, nameless).document()


def _names_now(invoice: Invoice, company: Company) -> tuple[str, str]:
    """Buyer and seller as a draft would freeze them."""
    group = db.session.get(BillingGroup, invoice.billing_group_id) if invoice.billing_group_id else None
    buyer = parties.buyer(invoice.customer, payers.billed(invoice.customer, group))
    return buyer, parties.seller(company, invoice.customer.project)


class _Writer:
    """Writes one invoice in one language; gettext must be set to it."""

    def __init__(self, invoice: Invoice, company: Company, locale: str, nameless: bool) -> None:
        self.invoice, self.company, self.locale = invoice, company, locale
        names = (invoice.buyer, invoice.seller)
        buyer, seller = names if invoice.state != InvoiceState.DRAFT else _names_now(invoice, company)
        self.buyer, self.seller = frozen_party(buyer, nameless), frozen_party(seller, nameless)
        self.is_credit_note = isinstance(invoice, CreditNote)
        self.has_tax = bool(invoice.taxes) or any(line.tax_rate for line in invoice.lines)
        self.settled = self._settled()

    def document(self) -> InvoiceDocument:
        invoice = self.invoice
        kind, title = self._kind()
        document = frame(
            invoice.customer,
            self.locale,
            kind=kind,
            title=title,
            number=invoice.number or _("Draft"),
            buyer=self.buyer,
            seller=self.seller,
        )
        document |= {
            "labels": labels(_("Price incl. tax") if invoice.prices_include_tax and self.has_tax else ""),
            "facts": self._facts(),
            "columns": ["quantity", "price", "tax"] if self.has_tax else ["quantity", "price"],
            "lines": [self._line(line) for line in invoice.lines],
            "about": self._about(),
            "subtotals": self._discount() + ([] if invoice.prices_include_tax else self._subtotals()),
            "total": {"label": _("Total"), "amount": self._money(invoice.total)},
            "included": self._subtotals() if invoice.prices_include_tax else [],
            "settled": [{"label": label, "amount": self._money(-amount)} for label, amount in self.settled],
            "due": None if self.is_credit_note else {"label": _("To pay"), "amount": self._money(self._due())},
            "payment": self._payment(),
            "notes": [text for text in (invoice.legal_note, invoice.note) if text],
        }
        if invoice.state == InvoiceState.VOID:
            document["mark"] = _("Void")
        return document

    def _kind(self) -> tuple[Literal["invoice", "credit_note", "proforma"], str]:
        if self.is_credit_note:
            return "credit_note", _("Credit note")
        return ("proforma", _("Proforma invoice")) if isinstance(self.invoice, Proforma) else ("invoice", _("Invoice"))

    def _about(self) -> dict[str, str]:
        """What the texts of a template may say, each empty where there is nothing."""
        invoice, spans = self.invoice, bool(self.invoice.period_start and self.invoice.period_end)
        return {
            "issued_on": day(invoice.issued_on, self.locale) if invoice.issued_on else "",
            "due_on": day(invoice.due_on, self.locale) if invoice.due_on and not self.is_credit_note else "",
            "period": period(invoice.period_start, invoice.period_end, self.locale) if spans else "",  # type: ignore[arg-type]
            "po_number": invoice.po_number,
            "customer_number": str(invoice.customer_id),
        }

    def _facts(self) -> list[Fact]:
        invoice, facts = self.invoice, []
        if invoice.issued_on:
            facts.append((_("Issued"), day(invoice.issued_on, self.locale)))
        if invoice.due_on and not self.is_credit_note:
            facts.append((_("Due"), day(invoice.due_on, self.locale)))
        if invoice.period_start and invoice.period_end:
            facts.append((_("Period"), period(invoice.period_start, invoice.period_end, self.locale)))
        if self.is_credit_note and (originals := credit_parts.originals(invoice)):
            facts.append((_("For invoice"), ", ".join(str(original) for original in originals)))
        if invoice.po_number:
            facts.append((_("Your order no."), invoice.po_number))
        return [{"label": label, "value": value} for label, value in facts]

    def _line(self, line: InvoiceLine) -> Line:
        spans = [(line.period_start, line.period_end)] if line.period_start and line.period_end else []
        details = [period(start, end, self.locale) for start, end in spans]
        written: Line = {
            "description": line.description,
            "details": details + [text for text in line.details.splitlines() if text.strip()] + self._taken_off(line),
            "quantity": quantity(line, self.locale),
            "price": unit_price(line.unit_price_micro, line.currency, self.locale),
            "amount": self._money(line.amount),
        }
        if self.has_tax:
            written["tax"] = percent(line.tax_rate, self.locale)
        return written

    def _taken_off(self, line: InvoiceLine) -> list[str]:
        if not line.discount_minor:
            return []
        words = _discount_words(line.discount_percent, line.discount_reason, self.locale)
        return [f"{words}: {self._money(-line.discount)}"]

    def _discount(self) -> list[Sum]:
        """What was taken off the whole document, with the sum it was taken off."""
        invoice = self.invoice
        if not invoice.discount_minor:
            return []
        lines = sum((line.amount for line in invoice.lines), Money.zero(invoice.currency))
        words = _discount_words(invoice.discount_percent, invoice.discount_reason, self.locale)
        return [
            {"label": _("Sum of the lines"), "amount": self._money(lines)},
            {"label": words, "amount": self._money(-invoice.discount)},
        ]

    def _subtotals(self) -> list[Sum]:
        """The net, and the tax at each rate; nothing where no tax was ever in question."""
        if not self.has_tax:
            return []
        return tax_sums(self.invoice.net, self.invoice.taxes, self.locale)

    def _settled(self) -> list[tuple[str, Money]]:
        """What had settled the invoice by the day of its issue: credit and payments, each as one sum."""
        if self.invoice.issued_on is None:
            return []
        query = select(Allocation).where(Allocation.invoice_id == self.invoice.id)
        known = list(db.session.scalars(query.where(Allocation.on <= self.invoice.issued_on)))
        nothing = Money.zero(self.invoice.currency)
        credit = sum((a.amount for a in known if a.credit_id is not None), nothing)
        paid = sum((a.amount for a in known if a.payment_id is not None), nothing)
        return [(label, amount) for label, amount in ((_("Credit used"), credit), (_("Paid"), paid)) if amount]

    def _due(self) -> Money:
        return self.invoice.total - sum((amount for _label, amount in self.settled), Money.zero(self.invoice.currency))

    def _payment(self) -> Payment | None:
        """How to pay, as long as there is something to pay."""
        invoice = self.invoice
        if self.is_credit_note or self._due().minor <= 0 or invoice.state == InvoiceState.VOID:
            return None
        terms = [text.strip() for text in invoice.terms.splitlines() if text.strip()]
        if invoice.due_on:
            terms.insert(0, _("Please pay by %(day)s.", day=day(invoice.due_on, self.locale)))
        terms += payment_ways.shown(self.seller, self.buyer.get("pays_by", PaymentMethod.INVOICE))
        reference: Fact = {"label": _("Reference"), "value": str(invoice.number)}
        bank = self.seller.get("bank_details", "")
        return {
            "terms": terms,
            "asked": int(bool(invoice.due_on)),
            "details": [*bank_facts(bank), reference],
            "code": payment_code.text(self.seller["name"], bank, self._due(), str(invoice.number)),
        }

    def _money(self, amount: Money) -> str:
        return money(amount, self.locale)


def _discount_words(percentage: Decimal | None, reason: str, locale: str) -> str:
    """``Discount 10%, loyalty``."""
    words = _("Discount %(percent)s", percent=percent(percentage, locale)) if percentage else _("Discount")
    return f"{words}, {reason}" if reason else words
