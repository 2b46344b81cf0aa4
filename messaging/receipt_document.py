"""A receipt as a document: what came in, what it paid, and what became of the rest."""

from __future__ import annotations

from flask_babel import force_locale
from flask_babel import gettext as _

from billing import allocations, parties, refunds
from billing import company as companies
from integrations.documents import Fact, InvoiceDocument, Line, Sum
from models import Money, Payment, RefundKind

from .documents import frame, frozen_party, labels, printed
from .formats import day, language_of, money


def pdf_of(payment: Payment) -> bytes:
    """The PDF, in the template in force for the customer. Raises NotPrintable, DocumentError."""
    return printed(document_data(payment), payment.customer, on=payment.received_on)


def file_name(payment: Payment) -> str:
    """``Receipt-42.pdf``: what the file is called where it is downloaded or attached."""
    locale = language_of(payment.customer, companies.settings())
    with force_locale(locale):
        name = _("Receipt %(number)s", number=payment.id)
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name) + ".pdf"


def document_data(payment: Payment) -> InvoiceDocument:
    """What the receipt says, in the customer's language, as things are now. Raises NotPrintable."""
    company = companies.settings()
    locale = language_of(payment.customer, company)
    with force_locale(locale):
        return _document(payment, locale)


def lines_of(payment: Payment) -> list[tuple[str, Money]]:
    """What the payment went on, in the language that is set: each invoice once, then what is still in hand."""
    amounts: dict[str, Money] = {}
    for there in allocations.settled_by(payment):
        words = _("Invoice %(number)s", number=str(there.invoice))
        amounts[words] = amounts.get(words, Money.zero(payment.currency)) + there.amount
    credit = allocations.credit_of(payment)
    rest = [(_("Credit for what comes"), credit.remaining)] if credit and credit.remaining_minor else []
    return [*amounts.items(), *rest]


def _document(payment: Payment, locale: str) -> InvoiceDocument:
    customer, company = payment.customer, companies.settings()
    seller = frozen_party(parties.seller(company, customer.project))
    buyer = frozen_party(parties.buyer(customer))
    document = frame(
        customer, locale, kind="receipt", title=_("Receipt"), number=str(payment.id), buyer=buyer, seller=seller
    )
    lines: list[Line] = [{"description": words, "amount": money(amount, locale)} for words, amount in lines_of(payment)]
    came: Sum = {"label": _("Received"), "amount": money(payment.amount, locale)}
    document |= {
        "labels": {**labels(), "billed_to": _("Received from"), "description": _("Used for")},
        "facts": _facts(payment, locale),
        "columns": [],
        "lines": lines,
        "total": came,
        "settled": _gone_back(payment, locale),
        "notes": [_("Thank you.")],
    }
    if payment.reversed_on is not None:
        document["mark"] = _("Void")
    return document


def _facts(payment: Payment, locale: str) -> list[Fact]:
    known = ((_("Received"), day(payment.received_on, locale)), (_("Method"), payment.method),
             (_("Reference"), payment.reference), (_("Customer no."), str(payment.customer_id)))  # fmt: skip
    return [{"label": label, "value": value} for label, value in known if value]


def _gone_back(payment: Payment, locale: str) -> list[Sum]:
    rows = [row for row in refunds.of_payment(payment) if row.kind == RefundKind.REFUND and not row.came_back_on]
    return [
        {"label": _("Given back on %(day)s", day=day(row.refunded_on, locale)), "amount": money(-row.amount, locale)}
        for row in rows
    ]
