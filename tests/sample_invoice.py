"""Complete documents to print: the ones the tests check and the bench sets."""

from __future__ import annotations

import base64
import struct
import zlib
from functools import cache
from typing import Any

from integrations.documents import InvoiceDocument, InvoiceLabels, Line, Logo

LABELS: InvoiceLabels = {
    "invoice": "Invoice",
    "credit_note": "Credit note",
    "billed_to": "Billed to",
    "seller": "From",
    "facts": "Dates",
    "description": "Description",
    "quantity": "Quantity",
    "price": "Price",
    "tax": "Tax",
    "amount": "Amount",
    "page": "Page {page} of {pages}",
}


@cache
def logo(width: int = 160, height: int = 96) -> Logo:
    """Two green waves on a clear ground, as a PNG."""

    def pixel(x: int, y: int) -> bytes:
        wave = abs((x % 80) - 40) // 2
        inside = any(0 <= y - top - wave < 14 for top in (12, 48))
        return b"\x0e\x85\x77\xff" if inside else b"\0\0\0\0"

    rows = b"".join(b"\0" + b"".join(pixel(x, y) for x in range(width)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)
    return {"data": base64.b64encode(png).decode(), "alt": "Two waves, the mark of Harbour Fibre & Hosting"}


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def invoice(**changes: Any) -> InvoiceDocument:
    """Three lines, one tax rate, all of it still to pay."""
    document: InvoiceDocument = {
        "kind": "invoice",
        "number": "INV-2026-4817",
        "paper": "a4",
        "lang": "en",
        "labels": LABELS,
        "accent": "#161a23",
        "logo": logo(),
        "brand": "Harbour Fibre & Hosting",
        "seller": {
            "name": "Harbour Fibre & Hosting Ltd",
            "lines": ["3 Custom House Quay", "Dublin D01 K2T9, Ireland"],
            "ids": ["VAT IE4417820GH"],
        },
        "buyer": {
            "name": "Lindqvist Design Ltd",
            "lines": ["14 Dawson Street", "Dublin D02 X285, Ireland"],
            "ids": ["VAT IE3604412KH"],
        },
        "facts": [
            {"label": "Issued", "value": "1 Nov 2026"},
            {"label": "Due", "value": "14 Nov 2026"},
            {"label": "Period", "value": "1–30 Nov 2026"},
            {"label": "Your PO", "value": "88-2041"},
        ],
        "lines": [
            {
                "description": "Fibre 300 Business",
                "details": ["Line 044-7712, 1–30 Nov 2026"],
                "quantity": "1",
                "price": "€59.00",
                "tax": "23%",
                "amount": "€59.00",
            },
            {
                "description": "Managed hosting M",
                "details": ["lindqvist.example, 1–30 Nov 2026"],
                "quantity": "1",
                "price": "€49.00",
                "tax": "23%",
                "amount": "€49.00",
            },
            {
                "description": "Traffic above 2,000 GB",
                "details": ["October, 411 GB in blocks of 100"],
                "quantity": "5",
                "price": "€2.47",
                "tax": "23%",
                "amount": "€12.35",
            },
        ],
        "subtotals": [
            {"label": "Net", "amount": "€120.35"},
            {"label": "VAT 23% on €120.35", "amount": "€27.68"},
        ],
        "total": {"label": "Total", "amount": "€148.03"},
        "settled": [{"label": "Paid", "amount": "€0.00"}],
        "due": {"label": "Still to pay", "amount": "€148.03"},
        "payment": {
            "terms": ["Please pay within 14 days, by card in your account or by bank transfer."],
            "details": [
                {"label": "Account", "value": "Harbour Fibre & Hosting Ltd, AIB Dublin"},
                {"label": "IBAN", "value": "IE29 AIBK 9311 5212 3456 78"},
                {"label": "BIC", "value": "AIBKIE2D"},
                {"label": "Reference", "value": "4817-10482"},
            ],
        },
        "notes": ["Thank you for staying with us since 2019."],
        "footer": [
            "Harbour Fibre & Hosting Ltd · Registered in Ireland 417820",
            "billing@harbour.example · +353 1 555 0100",
        ],
    }
    return document | changes  # type: ignore[return-value]


def three_rates(**changes: Any) -> InvoiceDocument:
    """Three tax rates, a discount, credit used and a reverse-charge sentence."""
    changes = {
        "lines": [
            line("Fibre 300 Business", "€59.00", "23%", ["Line 044-7712, 1–30 Nov 2026"]),
            line("Engineer's visit", "€120.00", "13.5%", ["3 Nov 2026, two hours at €60.00"], quantity="2"),
            line("Network handbook, printed", "€18.50", "0%"),
            line("Loyalty discount", "−€7.90", "23%", ["4% of services"], quantity=""),
        ],
        "subtotals": [
            {"label": "Net", "amount": "€189.60"},
            {"label": "VAT 23% on €51.10", "amount": "€11.75"},
            {"label": "VAT 13.5% on €120.00", "amount": "€16.20"},
            {"label": "VAT 0% on €18.50", "amount": "€0.00"},
        ],
        "total": {"label": "Total", "amount": "€217.55"},
        "settled": [
            {"label": "Credit used, from credit note CN-2026-0112", "amount": "−€25.00"},
            {"label": "Paid by card on 2 Nov 2026", "amount": "−€100.00"},
        ],
        "due": {"label": "Still to pay", "amount": "€92.55"},
        "notes": [
            "Reverse charge: the recipient is liable for the VAT (Article 196, Directive 2006/112/EC).",
            "Thank you for staying with us since 2019.",
        ],
    } | changes
    return invoice(**changes)


def long(count: int = 120, **changes: Any) -> InvoiceDocument:
    """An invoice of as many lines as asked for."""
    lines = [line(f"Mailbox {i:03}", f"€{i}.25", "23%", [f"user{i}@lindqvist.example"]) for i in range(1, count + 1)]
    return invoice(lines=lines, **changes)


def line(description: str, amount: str, tax: str, details: list[str] | None = None, quantity: str = "1") -> Line:
    """A line whose price is its amount."""
    figures = {"quantity": quantity, "price": amount, "tax": tax, "amount": amount}
    return {"description": description, "details": details or [], **figures}  # type: ignore[typeddict-item]
