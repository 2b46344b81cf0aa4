"""A statement of account as a document: on the screen, as a PDF and in the portal it says the same, in the customer's
language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache

from flask_babel import force_locale
from flask_babel import gettext as _

from billing import company as companies
from billing import parties, statements
from billing.statements import MOVEMENTS, CurrencyAccount, Movement, OpenItems, Statement, Stretch
from integrations.documents import Column, Fact, InvoiceDocument, Sum
from models import Company, Customer, Money

from .documents import bank_facts, frame, frozen_party, printed
from .formats import day, language_of, money, period

NOTHING = ""


def found(customer: Customer, days: Stretch, variant: str, today: date) -> Statement | OpenItems:
    """The statement of these days, or what is owed on the day `today`. Raises InvalidPeriod."""
    if variant == MOVEMENTS:
        return statements.statement(customer, *days)
    return statements.open_items(customer, today)


def document_data(what: Statement | OpenItems) -> InvoiceDocument:
    """What the document says, in the customer's language. Raises NotPrintable if nobody sells yet."""
    company = companies.settings()
    locale = language_of(what.customer, company)
    with force_locale(locale):
        return _Writer(what.customer, company, locale).document(what)


def pdf_of(what: Statement | OpenItems) -> bytes:
    """Raises NotPrintable, DocumentError."""
    on = what.until if isinstance(what, Statement) else what.on
    return printed(document_data(what), what.customer, on=on)


def file_name(what: Statement | OpenItems) -> str:
    """``statement-12-2026-11-01-2026-11-30.pdf``"""
    if isinstance(what, Statement):
        return f"statement-{what.customer.id}-{what.since}-{what.until}.pdf"
    return f"open-items-{what.customer.id}-{what.on}.pdf"


class _Writer:
    """Writes one statement in one language; gettext must be set to it."""

    def __init__(self, customer: Customer, company: Company, locale: str) -> None:
        self.customer, self.locale = customer, locale
        self.seller = frozen_party(parties.seller(company, customer.project))
        self.buyer = frozen_party(parties.buyer(customer))
        self._day: Callable[[date], str] = lru_cache(lambda on: day(on, locale))
        self._words: Callable[[str], str] = lru_cache(_words)

    def document(self, what: Statement | OpenItems) -> InvoiceDocument:
        if isinstance(what, OpenItems):
            return self._open_items(what)
        number = period(what.since, what.until.fromordinal(what.until.toordinal() + 1), self.locale)
        document = self._frame(_("Statement of account"), number)
        document["facts"] = self._facts([])
        document["table"] = {"columns": _columns(), "rows": [r for one in what.accounts for r in self._rows(what, one)]}
        first = what.accounts[0]
        document["subtotals"] = [
            self._sum(_("Opening balance"), first.opening), self._sum(_("Charged"), first.charged),
            self._sum(_("Paid and credited"), -first.settled),
        ]  # fmt: skip
        document["total"] = self._sum(_("Closing balance"), first.closing)
        owed = first.closing.minor > 0
        document["notes"] = [] if owed else [self._nothing_owed(first.closing)]
        self._how_to_pay(document, owed)
        return document

    def _open_items(self, what: OpenItems) -> InvoiceDocument:
        document = self._frame(_("Open items"), self._day(what.on))
        document["facts"] = self._facts([(_("As of"), self._day(what.on))])
        rows = [
            [
                str(one.number), self._day(one.issued_on) if one.issued_on else NOTHING,
                self._due(one.due_on, what.on), self._money(one.total), self._money(one.open),
            ]
            for one in what.invoices
        ]  # fmt: skip
        names = ((_("Invoice"), False), (_("Issued"), False), (_("Due"), False), (_("Total"), True), (_("Open"), True))
        columns: list[Column] = [{"label": name, "figure": figure} for name, figure in names]
        columns[2]["wide"] = True
        document["table"] = {"columns": columns, "rows": rows}
        document["subtotals"] = [self._sum(_("Overdue"), what.overdue)] if what.overdue else []
        document["total"] = self._sum(_("Still to pay"), what.owed)
        document["settled"] = [self._sum(_("Your credit"), -what.credit)] if what.credit else []
        document["notes"] = [] if what.invoices else [_("Nothing is owed.")]
        self._how_to_pay(document, bool(what.invoices))
        return document

    def _frame(self, title: str, number: str) -> InvoiceDocument:
        document = frame(
            self.customer, self.locale, kind="statement", title=title, number=number, buyer=self.buyer,
            seller=self.seller,
        )  # fmt: skip
        document["labels"] = {**document["labels"], "billed_to": _("For")}
        return document

    def _facts(self, facts: list[tuple[str, str]]) -> list[Fact]:
        known = [*facts, (_("Customer no."), str(self.customer.id)), (_("Currency"), self.customer.currency)]
        return [{"label": label, "value": value} for label, value in known]

    def _rows(self, what: Statement, account: CurrencyAccount) -> list[list[str]]:
        """Opening balance, each movement, closing balance; a second currency is told by its amounts."""
        first = [self._day(what.since), _("Opening balance"), NOTHING, NOTHING, self._money(account.opening)]
        last = [self._day(what.until), _("Closing balance"), NOTHING, NOTHING, self._money(account.closing)]
        return [first, *(self._row(one, account.currency) for one in account.movements), last]

    def _row(self, one: Movement, currency: str) -> list[str]:
        amount = self._money(Money(abs(one.change), currency))
        sides = (amount, NOTHING) if one.change > 0 else (NOTHING, amount)
        return [self._day(one.on), self._said(one), *sides, self._money(Money(one.balance, currency))]

    def _said(self, one: Movement) -> str:
        """``Invoice INV-00012, due 14 Nov 2026``; ``Payment: Bank transfer, REF 7``."""
        kind = "write_off_undone" if one.kind == "write_off" and one.change > 0 else one.kind
        name = f"{self._words(kind)} {one.number}" if one.number else self._words(kind)
        if one.kind == "invoice" and one.due_on:
            return _("%(invoice)s, due %(day)s", invoice=name, day=self._day(one.due_on))
        reason = None if one.method else one.reason
        more = ", ".join(filter(None, (one.method, one.reference, reason)))
        return f"{name}: {more}" if more else name

    def _due(self, due_on: date | None, today: date) -> str:
        if due_on is None:
            return NOTHING
        late = (today - due_on).days
        return _("%(day)s, %(n)s days late", day=self._day(due_on), n=late) if late > 0 else self._day(due_on)

    def _nothing_owed(self, closing: Money) -> str:
        if closing:
            return _("You have %(amount)s in hand.", amount=self._money(-closing))
        return _("Nothing is owed.")

    def _how_to_pay(self, document: InvoiceDocument, owed: bool) -> None:
        details = bank_facts(self.seller.get("bank_details", ""))
        if owed and details:
            terms = [_("Give your customer number %(number)s when you pay.", number=self.customer.id)]
            document["payment"] = {"terms": terms, "details": details}

    def _sum(self, label: str, amount: Money) -> Sum:
        return {"label": label, "amount": self._money(amount)}

    def _money(self, amount: Money) -> str:
        return money(amount, self.locale)


def _columns() -> list[Column]:
    return [
        {"label": _("Day"), "figure": False},
        {"label": _("What"), "figure": False, "wide": True},
        {"label": _("Charged"), "figure": True},
        {"label": _("Paid"), "figure": True},
        {"label": _("Balance"), "figure": True},
    ]


def _words(kind: str) -> str:
    """What a posting is, as customers say it."""
    words = {
        "invoice": _("Invoice"), "void": _("Cancelled invoice"), "credit_note": _("Credit note"),
        "payment": _("Payment"), "refund": _("Refund"), "refund_returned": _("Refund that did not arrive"),
        "payment_reversed": _("Payment taken back"), "credit": _("Credit"),
        "credit_expired": _("Credit ran out"), "payout": _("Credit paid out"),
        "credit_taken_back": _("Credit taken back"), "write_off": _("Written off"),
        "write_off_undone": _("Write-off taken back"), "merge": _("Accounts merged"),
    }  # fmt: skip
    return words.get(kind) or kind.replace("_", " ").capitalize()
