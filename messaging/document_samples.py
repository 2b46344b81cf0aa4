"""Made-up documents with something in every place: what a template has to be able to set, and what a preview shows
before there is an invoice."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from integrations.documents import InvoiceDocument, Line, Table

from .document_parts import labels

IBAN = "IE29 AIBK 9311 5212 3456 78"
CODE = "BCD\n002\n1\nSCT\n\nHarbour Fibre Ltd\nIE29AIBK93115212345678\nEUR146.92\n\n\nINV-00042"


def invoice(**changes: Any) -> InvoiceDocument:
    """An invoice with discounts, two rates of tax, a part paid, and a note."""
    document: InvoiceDocument = {
        "kind": "invoice",
        "title": _("Invoice"),
        "number": "INV-00042",
        "paper": "a4",
        "lang": "en",
        "labels": labels(),
        "logo": None,
        "seller": {
            "name": "Harbour Fibre Ltd",
            "lines": ["3 Custom House Quay", "Dublin D01 K2T9", "Ireland"],
            "ids": ["IE4417820GH"],
        },
        "buyer": {
            "name": "Lindqvist Design",
            "lines": ["Anna Lindqvist", "14 Dawson Street", "Dublin D02 X285", "Ireland"],
        },
        "facts": [
            {"label": _("Issued"), "value": "1 Nov 2026"},
            {"label": _("Due"), "value": "15 Nov 2026"},
            {"label": _("Period"), "value": "1 Nov 2026 – 30 Nov 2026"},
        ],
        "about": {
            "issued_on": "1 Nov 2026", "due_on": "15 Nov 2026", "period": "1 Nov 2026 – 30 Nov 2026",
            "po_number": "88-2041", "customer_number": "1042",
        },
        "columns": ["quantity", "price", "tax"],
        "lines": _lines(),
        "subtotals": [
            {"label": _("Net"), "amount": "€120.35"},
            {"label": _("Tax %(rate)s on %(amount)s", rate="23%", amount="€115.53"), "amount": "€26.57"},
            {"label": _("Tax %(rate)s on %(amount)s", rate="0%", amount="€4.82"), "amount": "€0.00"},
        ],
        "total": {"label": _("Total"), "amount": "€146.92"},
        "settled": [{"label": _("Paid"), "amount": "−€46.92"}],
        "due": {"label": _("To pay"), "amount": "€100.00"},
        "payment": {
            "terms": [_("Please pay by %(day)s.", day="15 Nov 2026")],
            "asked": 1,
            "details": [{"label": "IBAN", "value": IBAN}, {"label": _("Reference"), "value": "INV-00042"}],
            "code": CODE,
        },
        "notes": [_("Thank you.")],
        "footer": ["Harbour Fibre Ltd · Registered in Ireland 417820", "billing@harbour.example"],
    }  # fmt: skip
    return {**document, **changes}  # type: ignore[typeddict-item]


def _lines() -> list[Line]:
    reduced = [_("Discount %(percent)s", percent="10%") + ": −€5.90"]
    return [
        {"description": "Fibre 300", "details": ["1 Nov 2026 – 30 Nov 2026", *reduced], "quantity": "1",
         "price": "€59.00", "tax": "23%", "amount": "€53.10"},
        {"description": "Hosting", "quantity": "2.5", "price": "€24.97", "tax": "23%", "amount": "€62.43"},
        {"description": "Handbook", "quantity": "1", "price": "€4.82", "tax": "0%", "amount": "€4.82"},
    ]  # fmt: skip


def _statement() -> InvoiceDocument:
    table: Table = {
        "columns": [
            {"label": _("Date"), "figure": False},
            {"label": _("Description"), "figure": False, "wide": True},
            {"label": _("Amount"), "figure": True},
            {"label": _("Balance"), "figure": True},
        ],
        "rows": [["1 Nov 2026", "INV-00042", "€146.92", "€146.92"], ["3 Nov 2026", _("Paid"), "−€46.92", "€100.00"]],
    }
    return invoice(
        kind="statement", title=_("Statement of account"), number="", lines=[], table=table, payment=None, due=None,
        subtotals=[], settled=[], notes=[],
    )  # fmt: skip


def invoices() -> list[InvoiceDocument]:
    """What the portal shows: an invoice, one that is void and says nothing but what it must, a credit note."""
    bare = invoice(
        number="INV-00043", mark=_("Void"), facts=[], columns=["quantity", "price"], lines=[], subtotals=[],
        payment=None, notes=[], footer=[], settled=[], about={},
    )  # fmt: skip
    note = invoice(
        kind="credit_note", title=_("Credit note"), number="CN-00007", due=None, payment=None, settled=[], about={}
    )
    return [invoice(), bare, note]


def every() -> list[InvoiceDocument]:
    """One of each kind that is printed."""
    quote = invoice(
        kind="quote", title=_("Quote"), number="Q-00003", due=None, payment=None, settled=[],
        intro=[_("Thank you.")], sign=[_("Place, day"), _("Signature")],
    )  # fmt: skip
    receipt = invoice(
        kind="receipt", title=_("Receipt"), number="17", due=None, payment=None, settled=[], subtotals=[], columns=[]
    )
    proforma = invoice(kind="proforma", title=_("Proforma invoice"), number="PRO-00005")
    return [*invoices(), proforma, quote, receipt, _statement()]
