"""What an issued invoice's document says comes from what was frozen; its PDF is made once and kept."""

from __future__ import annotations

import json
import threading
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from factories import add, make_draft
from flask import Flask
from mailing import SELLER, issue

from messaging.files import FileLost
from messaging.invoice_document import NotPrintable, document_data, file_name, pdf_of, store_pdf
from models import Allocation, Company, Credit, CreditNote, Invoice, InvoiceTax, db

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63e06b2d070001af010b61ae"
    "0df60000000049454e44ae426082"
)


def sums(rows: Any) -> list[tuple[str, str]]:
    return [(row["label"], row["amount"].replace("\xa0", " ")) for row in rows]


def test_what_an_invoice_says(app: Flask) -> None:
    invoice = issue(period_start=date(2026, 11, 1), period_end=date(2026, 12, 1), po_number="88-2041")
    invoice.note, invoice.legal_note, invoice.terms = "Thank you.", "Reverse charge.", "Interest is 8 % a year."
    line = invoice.lines[0]
    line.period_start, line.period_end, line.details = date(2026, 11, 1), date(2026, 12, 1), "lindqvist.example"
    data = document_data(invoice)
    assert (data["kind"], data["number"], data["paper"], data["lang"]) == ("invoice", invoice.number, "a4", "en")
    assert data["seller"]["lines"] == ["3 Custom House Quay", "Dublin D01 K2T9", "Ireland"]
    assert data["seller"]["ids"] == ["Tax no. IE4417820GH"]
    assert data["buyer"]["name"] == "Lindqvist Design"
    assert [(fact["label"], fact["value"]) for fact in data["facts"]] == [
        ("Issued", "1 Nov 2026"),
        ("Due", "15 Nov 2026"),
        ("Period", "1 Nov 2026 – 30 Nov 2026"),
        ("Your order no.", "88-2041"),
    ]
    assert data["lines"] == [
        {
            "description": "Fibre 500",
            "details": ["1 Nov 2026 – 30 Nov 2026", "lindqvist.example"],
            "quantity": "1",
            "price": "€148.03",
            "tax": "23%",
            "amount": "€148.03",
        }
    ]
    assert data["labels"]["price"] == "Price incl. tax"
    assert (sums([data["total"]]), data["subtotals"]) == ([("Total", "€148.03")], [])
    assert sums(data["included"]) == [("Net", "€120.35"), ("Tax 23% on €120.35", "€27.68")]
    assert sums([data["due"]]) == [("To pay", "€148.03")]
    assert data["payment"]["terms"] == ["Please pay by 15 Nov 2026.", "Interest is 8 % a year."]
    assert [fact["label"] for fact in data["payment"]["details"]] == ["IBAN", "BIC", "Reference"]
    assert data["notes"] == ["Reverse charge.", "Thank you."]
    assert data["footer"][0] == "Harbour Fibre & Hosting Ltd · Registered in Ireland 417820"


def test_live_rows_change_nothing(app: Flask) -> None:
    invoice = issue()
    before = document_data(invoice)
    invoice.customer.name, invoice.customer.street, invoice.customer.email = "Other", "Elsewhere 1", "o@x.example"
    company = db.session.get(Company, 1)
    company.name, company.tax_id, company.bank_details, company.invoice_terms = "New Ltd", "X", "IBAN: X", "Never"
    db.session.flush()
    assert document_data(invoice) == before


def without_taxes(invoice: Invoice) -> None:
    db.session.flush()
    db.session.execute(db.delete(InvoiceTax).where(InvoiceTax.invoice_id == invoice.id))
    db.session.refresh(invoice)


def test_several_rates_and_net_prices(app: Flask) -> None:
    invoice = issue()
    invoice.prices_include_tax = False
    invoice.net_minor, invoice.tax_minor, invoice.total_minor = 20000, 2300, 22300
    rates = (("S", "23", 10000, 2300), ("AE", "0", 10000, 0))
    without_taxes(invoice)
    for c, r, n, t in rates:
        sums_of = {"taxable_minor": n, "tax_minor": t}
        add(InvoiceTax(invoice_id=invoice.id, category=c, rate=Decimal(r), currency="EUR", **sums_of))
    db.session.refresh(invoice)
    data = document_data(invoice)
    assert data["labels"]["price"] == "Price"
    assert sums(data["subtotals"]) == [
        ("Net", "€200.00"),
        ("Tax 23% on €100.00", "€23.00"),
        ("Reverse charge, 0% on €100.00", "€0.00"),
    ]
    assert data["included"] == []


def test_no_tax_no_tax_column(app: Flask) -> None:
    invoice = issue(tax_rate="0")
    without_taxes(invoice)
    data = document_data(invoice)
    assert (data["columns"], data["subtotals"], "tax" in data["lines"][0]) == (["quantity", "price"], [], False)


def settle(invoice: Invoice, minor: int, on: date) -> None:
    credit = add(
        Credit(customer_id=invoice.customer_id, reason="Gift", currency="EUR", amount_minor=minor, remaining_minor=0,
               granted_on=on)
    )  # fmt: skip
    whose = {"customer_id": invoice.customer_id, "invoice_id": invoice.id, "credit_id": credit.id}
    add(Allocation(**whose, currency="EUR", amount_minor=minor, on=on))


def test_credit_used_at_issue_is_taken_off_and_later_money_is_not(app: Flask) -> None:
    invoice = issue()
    settle(invoice, 4803, date(2026, 11, 1))
    settle(invoice, 1000, date(2026, 11, 9))
    data = document_data(invoice)
    assert sums(data["settled"]) == [("Credit used", "−€48.03")]
    assert sums([data["due"]]) == [("To pay", "€100.00")]


def test_all_settled_needs_no_way_to_pay(app: Flask) -> None:
    invoice = issue()
    settle(invoice, invoice.total_minor, date(2026, 11, 1))
    data = document_data(invoice)
    assert (sums([data["due"]]), data["payment"]) == ([("To pay", "€0.00")], None)


@pytest.mark.parametrize(
    ("language", "currency", "minor", "total", "issued"),
    [
        ("de", "EUR", 1234567, "12.345,67 €", "1. Nov. 2026"),
        ("ja", "JPY", 1234567, "￥1,234,567", "2026年11月1日"),
        ("en_US", "KWD", 1234567, "KWD1,234.567", "Nov 1, 2026"),
        ("nonsense", "EUR", 100, "€1.00", "1 Nov 2026"),
        ("", "EUR", 100, "€1.00", "1 Nov 2026"),
    ],
)
def test_amounts_and_days_follow_the_customer(
    app: Flask, language: str, currency: str, minor: int, total: str, issued: str
) -> None:
    invoice = issue(minor, customer={"language": language, "currency": currency})
    data = document_data(invoice)
    assert data["total"]["amount"].replace("\xa0", " ") == total
    assert data["facts"][0]["value"] == issued


def test_prices_finer_than_a_cent(app: Flask) -> None:
    invoice = issue()
    invoice.lines[0].unit_price_micro, invoice.lines[0].quantity = 1500, Decimal("2500.5")
    assert [document_data(invoice)["lines"][0][key] for key in ("price", "quantity")] == ["€0.0015", "2,500.5"]


def test_letter_paper_logo_and_mark(app: Flask) -> None:
    invoice = issue()
    company = db.session.get(Company, 1)
    company.paper, company.logo, invoice.state = "letter", PNG, "void"
    data = document_data(invoice)
    assert (data["paper"], data["mark"], data["payment"]) == ("us-letter", "Void", None)
    assert data["logo"]["alt"] == "Logo of Harbour Fibre & Hosting Ltd"
    company.logo = b"<svg onload=alert(1)>"
    assert document_data(invoice)["logo"] is None


def test_american_addresses(app: Flask) -> None:
    seller = {"name": "A", "street": "1 Main St", "city": "Austin", "region": "TX", "postal_code": "78701",
              "country": "US"}  # fmt: skip
    invoice = issue(seller=json.dumps(seller), buyer=json.dumps({"name": "Ann", "company": "Ann & Co"}))
    data = document_data(invoice)
    assert data["seller"]["lines"] == ["1 Main St", "Austin, TX 78701", "United States"]
    assert data["buyer"] == {"name": "Ann & Co", "lines": ["Ann"], "ids": []}


def test_a_credit_note_asks_for_nothing(app: Flask) -> None:
    known = issue()
    note = make_draft(known.customer)
    db.session.execute(
        db.update(Invoice).where(Invoice.id == note.id).values(
            kind="credit_note", state="issued", number="CN-1", issued_on=date(2026, 11, 2), seller=known.seller,
            buyer=known.buyer, due_on=date(2026, 11, 9),
        )
    )  # fmt: skip
    db.session.expunge_all()
    found = db.session.get(Invoice, note.id)
    assert isinstance(found, CreditNote)
    data = document_data(found)
    assert (data["kind"], data["due"], data["payment"]) == ("credit_note", None, None)
    assert [fact["label"] for fact in data["facts"]] == ["Issued"]
    assert pdf_of(found).startswith(b"%PDF-")


def test_a_draft_has_no_pdf(app: Flask) -> None:
    with pytest.raises(NotPrintable, match="draft"):
        pdf_of(make_draft(issue().customer))


@pytest.mark.parametrize("frozen", ["", "[]", "{", '"x"', '{"street": "x"}'])
def test_names_that_cannot_be_read(app: Flask, frozen: str) -> None:
    invoice = issue()
    invoice.buyer = frozen
    with pytest.raises(NotPrintable, match="cannot be read"):
        document_data(invoice)


def stored(app: Flask, invoice: Invoice) -> Path:
    return Path(app.config["FILES_DIR"]) / "documents" / invoice.pdf_hash[:2] / f"{invoice.pdf_hash}.pdf"


def test_a_stored_pdf_stays_what_it_was(app: Flask) -> None:
    invoice = issue()
    first = store_pdf(invoice)
    db.session.commit()
    db.session.get(Company, 1).logo, db.session.get(Company, 1).paper = PNG, "letter"
    db.session.commit()
    assert pdf_of(invoice) == store_pdf(invoice) == first == stored(app, invoice).read_bytes()
    assert pdf_of(issue()) != first


def test_nothing_is_stored_by_looking(app: Flask) -> None:
    invoice = issue()
    assert pdf_of(invoice) == pdf_of(invoice)
    assert invoice.pdf_hash is None


def test_a_changed_or_missing_file_is_noticed(app: Flask) -> None:
    invoice = issue()
    store_pdf(invoice)
    file = stored(app, invoice)
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(FileLost, match="changed"):
        pdf_of(invoice)
    file.unlink()
    with pytest.raises(FileLost, match="missing"):
        store_pdf(invoice)


def test_two_at_once_end_with_one_pdf(app: Flask) -> None:
    """They made different ones: the company's logo changed in between."""
    invoice = issue()
    number, invoice_id = str(invoice.number), invoice.id
    db.session.commit()
    together, results = threading.Barrier(2), []

    def make(data: bytes) -> None:
        with app.app_context():
            together.wait()
            results.append(store_pdf(db.session.get_one(Invoice, invoice_id), data))
            db.session.commit()

    threads = [threading.Thread(target=make, args=(f"%PDF-{number}-{n}".encode(),)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    db.session.expire_all()
    assert len(results) == 2
    assert len(set(results)) == 1
    assert stored(app, invoice).read_bytes() == results[0]
    files = Path(app.config["FILES_DIR"]).rglob("*.pdf")
    assert [f for f in files if f.read_bytes().startswith(f"%PDF-{number}-".encode())] == [stored(app, invoice)]


def test_a_file_name_from_a_number(app: Flask) -> None:
    invoice = issue()
    invoice.number = "../2026/INV 7\r\n"
    assert file_name(invoice) == "..-2026-INV-7--.pdf"


def test_bank_details_without_words(app: Flask) -> None:
    invoice = issue(seller=json.dumps({**SELLER, "bank_details": "AIB Dublin\n\nIBAN : IE29"}))
    details = document_data(invoice)["payment"]["details"]
    assert [tuple(fact.values()) for fact in details][:2] == [("", "AIB Dublin"), ("IBAN", "IE29")]
