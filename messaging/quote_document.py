"""A quote as a document: what its page and its PDF say. What was sent says what was frozen then."""

from __future__ import annotations

from datetime import date

from flask_babel import force_locale, ngettext
from flask_babel import gettext as _

from billing import company as companies
from billing import parties
from billing.money import UnitPrice
from billing.quote_lines import RECURS
from integrations.documents import Fact, InvoiceDocument, Line, Sum
from models import LineKind, Money, Payer, Quote, QuoteLine, QuoteState, db

from .document_parts import NotPrintable as NotPrintable
from .document_parts import frozen_party, labels, quantity, tax_sums
from .documents import frame, printed
from .formats import day, language_of, money, percent, unit_price


def pdf_of(quote: Quote, *, today: date) -> bytes:
    """The PDF, in the template in force for the customer. Raises NotPrintable, DocumentError."""
    document = document_data(quote, nameless=quote.state == QuoteState.DRAFT)
    return printed(document, quote.customer, on=quote.sent_on or today)


def file_name(quote: Quote) -> str:
    """``Q-00042.pdf``: what the file is called where it is downloaded or attached."""
    name = quote.number or _("Draft quote %(id)s", id=quote.id)
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name) + ".pdf"


def document_data(quote: Quote, *, nameless: bool = False) -> InvoiceDocument:
    """What the document says, in the customer's language. Raises NotPrintable if what was frozen is unreadable, or a
    party has no name and that is not wanted (`nameless`)."""
    locale = language_of(quote.customer, companies.settings())
    with force_locale(locale):
        return _Writer(quote, locale, nameless).document()


class _Writer:
    """Writes one quote in one language; gettext must be set to it."""

    def __init__(self, quote: Quote, locale: str, nameless: bool) -> None:
        self.quote, self.locale = quote, locale
        buyer, seller = self._names()
        self.buyer, self.seller = frozen_party(buyer, nameless), frozen_party(seller, nameless)
        self.has_tax = bool(quote.taxes) or any(line.tax_rate for line in quote.lines)

    def _names(self) -> tuple[str, str]:
        """Buyer and seller as they were frozen, or as a draft would freeze them."""
        quote = self.quote
        if quote.buyer and quote.seller:
            return quote.buyer, quote.seller
        payer = db.session.get(Payer, quote.payer_id) if quote.payer_id else None
        return parties.buyer(quote.customer, payer), parties.seller(companies.settings(), quote.customer.project)

    def document(self) -> InvoiceDocument:
        quote = self.quote
        document = frame(
            quote.customer, self.locale, kind="quote", title=_("Quote"), number=quote.number or _("Draft"),
            buyer=self.buyer, seller=self.seller,
        )  # fmt: skip
        document |= {
            "labels": {
                **labels(_("Price incl. tax") if quote.prices_include_tax and self.has_tax else ""),
                "billed_to": _("For"),
            },
            "facts": self._facts(),
            "intro": [text for text in (quote.title, *_paragraphs(quote.note)) if text],
            "columns": ["quantity", "price", "tax"] if self.has_tax else ["quantity", "price"],
            "lines": [self._line(line) for line in quote.lines],
            "subtotals": self._discount() + ([] if quote.prices_include_tax else self._taxes()),
            "total": {"label": _("Total"), "amount": self._money(quote.total)},
            "included": self._taxes() if quote.prices_include_tax else [],
            "notes": [*self._later(), *filter(None, [quote.legal_note]), *_paragraphs(quote.terms)],
        }
        if quote.state == QuoteState.SENT:
            document["sign"] = [_("Place and day"), _("Name and signature")]
        elif quote.state != QuoteState.DRAFT:
            document["mark"] = str(mark(quote.state))
        return document

    def _facts(self) -> list[Fact]:
        quote = self.quote
        days = ((_("Date"), quote.sent_on), (_("Valid until"), quote.valid_until), (_("Start"), quote.starts_on))
        facts = [(label, day(on, self.locale)) for label, on in days if on]
        if quote.po_number:
            facts.append((_("Your order no."), quote.po_number))
        return [{"label": label, "value": value} for label, value in facts]

    def _line(self, line: QuoteLine) -> Line:
        written: Line = {
            "description": line.description,
            "details": [*self._terms_of(line), *(text for text in line.details.splitlines() if text.strip())],
            "quantity": quantity(line, self.locale),
            "price": unit_price(line.unit_price_micro, line.currency, self.locale),
            "amount": self._money(line.amount),
        }
        if self.has_tax:
            written["tax"] = percent(line.tax_rate, self.locale)
        return written

    def _terms_of(self, line: QuoteLine) -> list[str]:
        """How often it is billed, and what was taken off."""
        terms = [_("Billed %(every)s", every=every(line.months, line.days))] if _recurs(line) else []
        if line.kind == LineKind.SETUP:
            terms = [_("Charged once")]
        if line.trial_days:
            terms = [self._tried(line)]
        rate = percent(line.discount_percent, self.locale) if line.discount_percent is not None else ""
        off = self._money(line.discount) if line.discount_minor else ""
        if rate and off:
            off = _("%(percent)s (%(amount)s)", percent=rate, amount=off)
        if off or rate:
            words = _taken_off(line, off or rate)
            terms.append(f"{words}: {line.discount_reason}" if line.discount_reason else words)
        return terms

    def _tried(self, line: QuoteLine) -> str:
        free = ngettext("The first day is free", "The first %(num)d days are free", line.trial_days)
        often = every(line.months, line.days) if _recurs(line) else _("once")
        amount = self._money(UnitPrice(line.unit_price_micro, line.currency).times(line.quantity))
        return _("%(free)s; then %(amount)s, billed %(every)s", free=free, amount=amount, every=often)

    def _discount(self) -> list[Sum]:
        quote = self.quote
        if not quote.discount_minor:
            return []
        lines = sum((line.amount for line in quote.lines), Money.zero(quote.currency))
        label = quote.discount_reason or _("Discount")
        if quote.discount_percent is not None:
            label += f" {percent(quote.discount_percent, self.locale)}"
        if recurring(quote):
            label = _("%(discount)s, off the first bill", discount=label)
        return [
            {"label": _("Sum"), "amount": self._money(lines)},
            {"label": label, "amount": self._money(-quote.discount)},
        ]

    def _taxes(self) -> list[Sum]:
        """The net, and the tax at each rate; nothing where no tax was ever in question."""
        if not self.has_tax:
            return []
        return tax_sums(self.quote.net, self.quote.taxes, self.locale)

    def _later(self) -> list[str]:
        """What the services come to from the second period on, for each length of a period."""
        sums = recurring(self.quote)
        if not sums:
            return []
        words = [_("%(amount)s %(every)s", amount=self._money(sums[key]), every=every(*key)) for key in sorted(sums)]
        plus = _(", plus tax") if self.has_tax and not self.quote.prices_include_tax else ""
        if any(line.discount_id for line in self.quote.lines):
            plus += _(", less the discounts that hold then")
        return [_("From the second period on: %(amounts)s%(plus)s.", amounts=", ".join(words), plus=plus)]

    def _money(self, amount: Money) -> str:
        return money(amount, self.locale)


def recurring(quote: Quote) -> dict[tuple[int, int], Money]:
    """(months, days) -> what the services of the quote come to each such period, less what is off every bill."""
    sums: dict[tuple[int, int], Money] = {}
    for line in quote.lines:
        if _recurs(line):
            key = line.months, line.days
            sums[key] = sums.get(key, Money.zero(quote.currency)) + _later_amount(line)
    return sums


def _recurs(line: QuoteLine) -> bool:
    return line.kind in RECURS and bool(line.months or line.days)


def _later_amount(line: QuoteLine) -> Money:
    """What a line comes to on later bills."""
    full = UnitPrice(line.unit_price_micro, line.currency).times(line.quantity)
    if not line.discount_always or line.discount_id is not None:
        return full
    if line.discount_percent is not None:
        return full - full.times(line.discount_percent / 100)
    return full - line.discount


def every(months: int, days: int) -> str:
    """Each month, every 3 months, each year, every 30 days."""
    if days:
        return ngettext("each day", "every %(num)d days", days)
    if months % 12 == 0:
        return ngettext("each year", "every %(num)d years", months // 12)
    return ngettext("each month", "every %(num)d months", months)


def mark(state: QuoteState) -> str:
    """The state as a word beside the number."""
    words = {
        QuoteState.DRAFT: _("Draft"), QuoteState.SENT: _("Sent"), QuoteState.ACCEPTED: _("Accepted"),
        QuoteState.DECLINED: _("Declined"), QuoteState.EXPIRED: _("Expired"), QuoteState.WITHDRAWN: _("Withdrawn"),
        QuoteState.SUPERSEDED: _("Replaced"),
    }  # fmt: skip
    return words[state]


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in text.split("\n\n") if part.strip()]


def _taken_off(line: QuoteLine, off: str) -> str:
    """What comes off, and off which bills; a discount that came by itself goes on as it says itself."""
    if line.discount_id is not None or not _recurs(line):
        return _("Discount %(off)s", off=off)
    if line.discount_always:
        return _("Discount %(off)s off every bill", off=off)
    return _("Discount %(off)s off the first bill", off=off)
