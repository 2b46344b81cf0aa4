"""What templates of documents may say: the fields of their texts, and of the web pages of invoices."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from .template_language import Fields

TEXT: Fields = {
    "number": _l("Number of the document"),
    "title": _l("What it is: invoice, credit note, quote…"),
    "buyer": _l("Who is billed"),
    "seller": _l("Who sells"),
    "total": _l("Its total, with tax"),
    "to_pay": _l("What was to be paid when it was issued"),
    "issued_on": _l("Its date"),
    "due_on": _l("The day it is due, or nothing"),
    "period": _l("The days it is for, or nothing"),
    "po_number": _l("The customer's order number, or nothing"),
    "customer_number": _l("Number of the customer"),
    "is_credit_note": _l("Whether it is a credit note"),
}
"""Of the title, introduction, payment text and foot."""
PARTY: Fields = {
    "name": _l("Name"),
    "lines": [_l("A line of the address")],
    "ids": [_l("A tax or registration number")],
}
SUM: Fields = {"label": _l("What it is"), "amount": _l("The amount")}
FACT: Fields = {"label": _l("The word"), "value": _l("What stands behind it")}
WEB: Fields = {
    **TEXT,
    "mark": _l("A word beside the number, such as Void"),
    "logo": _l("The logo, as the address of a picture; or nothing"),
    "logo_alt": _l("What the logo shows"),
    "company": PARTY,
    "customer": PARTY,
    "facts": [FACT],
    "intro": [_l("A paragraph of the introduction")],
    "lines": [
        {
            "position": _l("Its number"),
            "description": _l("What it is for"),
            "details": [_l("Small print: period, discount…")],
            "quantity": _l("Quantity"),
            "price": _l("Price"),
            "tax": _l("Rate of tax"),
            "amount": _l("Amount"),
        }
    ],
    "show": {
        "position": _l("Whether lines are numbered"),
        "quantity": _l("Whether the quantity is shown"),
        "price": _l("Whether the price is shown"),
        "tax": _l("Whether the tax is shown"),
    },
    "labels": {
        "billed_to": _l("Head of the buyer"),
        "seller": _l("Head of the seller"),
        "facts": _l("Head of the facts"),
        "position": _l("Head of the numbers"),
        "description": _l("Head of the descriptions"),
        "quantity": _l("Head of the quantities"),
        "price": _l("Head of the prices"),
        "tax": _l("Head of the tax rates"),
        "amount": _l("Head of the amounts"),
    },
    "subtotals": [SUM],
    "sum": SUM,
    "included": [SUM],
    "settled": [SUM],
    "due": SUM,
    "has_due": _l("Whether anything is or was to be paid on it"),
    "is_paid": _l("Whether nothing is left to pay"),
    "terms": [_l("A sentence about paying")],
    "bank": [FACT],
    "code": _l("A payment code to scan, as the address of a picture; or nothing"),
    "code_label": _l("What stands below the code"),
    "notes": [_l("A paragraph of the notes")],
    "foot": [_l("A line of the foot")],
}
"""Of the web page of an invoice."""
