"""Templates of documents at work: what is in force, what an issued invoice keeps, and what the choices do."""

from __future__ import annotations

import base64
import io
from datetime import date
from decimal import Decimal
from typing import Any

import pypdfium2
import pytest
from documenting import DOCUMENT, WEB, change_template, examined, make_template
from factories import add, make_company, make_customer, make_draft, make_service
from flask import Flask
from flask_babel import force_locale
from invoicing import issued
from mailing import issue
from sample_invoice import logo

from billing import credit_notes, document_choices, document_templates
from billing.actor import Actor
from billing.document_templates import Chosen, in_force, stamp
from integrations import pdf
from integrations.documents import DocumentError
from jobs import renewals
from messaging import document_looks, document_samples, payment_code
from messaging.document_looks import dressed, shipped
from messaging.documents import frame, printed
from messaging.invoice_document import document_data, pdf_of, store_pdf
from models import CustomerGroup, DocumentTemplateVersion, Invoice, Money, Project, db

PNG = base64.b64decode(logo()["data"])
BY_NUMBER = "#let doc = json(bytes(sys.inputs.data))\nOWN #doc.number"
BREAKS_FOR_ANNA = BY_NUMBER + '\n#if doc.buyer.name == "Anna" { doc.nothing }'


def words(made: bytes) -> str:
    document = pypdfium2.PdfDocument(io.BytesIO(made))
    return " ".join(" ".join(page.get_textpage().get_text_bounded().split()) for page in document)


def dress(document: Any = None, **choices: Any) -> Any:
    with force_locale("en"):
        look = document_looks.Look(DOCUMENT, document_choices.read(DOCUMENT, choices))
        return dressed(document or document_samples.invoice(), look, "en")


def test_fonts_one_can_choose_are_those_that_are_shipped() -> None:
    assert document_choices.FONTS == pdf.FAMILIES


def test_who_says_nothing_gets_what_project_group_or_company_say(app: Flask, by: Actor) -> None:
    invoice = issue()
    customer = invoice.customer
    for name in ("company", "project", "group", "own"):
        make_template(by, name)
    assert in_force(DOCUMENT, customer) == Chosen("standard")
    document_templates.make_default(DOCUMENT, "company", by=by)
    assert in_force(DOCUMENT, customer).key == "company"
    customer.project = add(Project(name="Brand", invoice_template="project"))
    assert in_force(DOCUMENT, customer).key == "project"
    customer.group = add(CustomerGroup(name="Gold", invoice_template="group"))
    assert in_force(DOCUMENT, customer).key == "group"
    customer.invoice_template = "own"
    assert in_force(DOCUMENT, customer).key == "own"
    assert in_force(WEB, customer) == Chosen("standard")
    customer.invoice_template = "was-never-there"
    assert in_force(DOCUMENT, customer) == Chosen("standard")


def test_an_issued_invoice_keeps_the_template_and_the_version_of_its_issue(app: Flask, by: Actor) -> None:
    invoice = issue(customer={"invoice_template": "blue"})
    template = make_template(by, "Blue", source=BY_NUMBER, foot="x")
    stamp(invoice)
    first = words(pdf_of(invoice))
    assert first == f"OWN {invoice.number}"
    change_template(template, by, source=BY_NUMBER.replace("OWN", "NEW"))
    invoice.customer.invoice_template = "compact"
    stamp(invoice)
    assert words(pdf_of(invoice)) == first
    assert words(store_pdf(invoice)) == first
    later = issue(customer={"invoice_template": "blue"})
    assert words(pdf_of(later)) == f"NEW {later.number}"


def test_one_that_notes_no_template_notes_it_with_its_first_stored_pdf(app: Flask, by: Actor) -> None:
    template = make_template(by, "Blue", source=BY_NUMBER)
    invoice = issue(customer={"invoice_template": "blue"})
    made = store_pdf(invoice)
    assert (invoice.template, invoice.template_version_id) == (
        "blue",
        document_templates.Newest(DOCUMENT).of("blue").version_id,
    )
    change_template(template, by, source=BY_NUMBER.replace("OWN", "NEW"))
    assert pdf_of(invoice) == made


def test_a_version_that_cannot_set_an_invoice_gives_way_to_a_newer_one_only(app: Flask, by: Actor) -> None:
    template = make_template(by, "Blue", source=BREAKS_FOR_ANNA)
    invoice = issue(customer={"name": "Anna", "invoice_template": "blue"})
    stamp(invoice)
    with pytest.raises(DocumentError, match="Line 3, column"):
        pdf_of(invoice)
    change_template(template, by, source=BY_NUMBER)
    assert words(pdf_of(invoice)).startswith("OWN")


def test_whoever_issues_notes_the_template(app: Flask, by: Actor) -> None:
    """By hand, by a run, and on a credit note: the template of that day."""
    make_company()
    version = document_templates.Newest(DOCUMENT).of(make_template(by, "Blue").key).version_id
    customer = make_customer(invoice_template="blue", own_payment_method=True)
    make_service(customer)
    db.session.commit()
    by_hand = issued(customer, by)
    credit_notes.credit(by_hand, None, reason="", by=by)
    renewals.run(date(2026, 12, 1), by=by)
    found = [(one.template, one.template_version_id) for one in db.session.query(Invoice)]
    assert found == [("blue", version)] * 3
    assert by_hand.template == "blue"


def test_documents_of_other_kinds_wear_the_same_template(app: Flask, by: Actor) -> None:
    issue()
    make_template(by, "Blue", foot="x", texts={"": {"foot": "A word of ours"}})
    customer = make_customer(invoice_template="blue")
    with force_locale("en"):
        party = {"name": "Harbour"}
        quote = frame(customer, "en", kind="quote", title="Quote", number="Q-1", buyer=party, seller=party)
    assert "A word of ours" in words(printed(quote, customer, on=date(2026, 11, 1)))


def test_choices_change_what_they_name(app: Flask) -> None:
    plain, worn = dress(), dress(
        accent="#0e8577", columns=["tax", "position"], layout="letter", paper="us-letter", font="Source Serif 4",
        logo_height="large", details=False,
    )  # fmt: skip
    assert (plain["accent"], plain["columns"], plain["paper"]) == ("#161a23", ["quantity", "price", "tax"], "a4")
    assert (worn["accent"], worn["columns"], worn["paper"]) == ("#0e8577", ["position", "tax"], "us-letter")
    assert worn["look"] == {"layout": "letter", "font": "Source Serif 4", "logo_height": 20, "details": False}


def test_a_column_that_is_not_in_question_is_not_added(app: Flask) -> None:
    assert dress(document_samples.invoice(columns=["quantity"]))["columns"] == ["quantity"]


def test_texts_are_said_with_their_fields_in_the_language_of_the_reader(app: Flask) -> None:
    texts = {
        "": {"heading": "Tax invoice", "intro": "Dear {{ buyer }},\n\nNo. {{ number }}", "amount": "Sum"},
        "de": {"intro": "Guten Tag"},
    }
    worn = dress(texts=texts)
    assert (worn["title"], worn["intro"]) == ("Tax invoice", ["Dear Lindqvist Design,", "No. INV-00042"])
    assert worn["labels"]["amount"] == "Sum"
    look = document_looks.Look(DOCUMENT, document_choices.read(DOCUMENT, {"texts": texts}))
    with force_locale("de_CH"):
        german = dressed(document_samples.invoice(), look, "de_CH")
    assert (german["title"], german["intro"]) == ("Tax invoice", ["Guten Tag"])


def test_a_credit_note_keeps_its_own_title(app: Flask) -> None:
    worn = dress(document_samples.invoices()[2], texts={"": {"heading": "Tax invoice", "intro": "Please pay"}})
    assert (worn["title"], "intro" in worn) == ("Credit note", False)


def test_a_payment_text_stands_in_place_of_the_sentence_but_terms_stay(app: Flask) -> None:
    document = document_samples.invoice()
    document["payment"]["terms"].append("Interest is 8 % a year.")
    worn = dress(document, texts={"": {"payment": "Within {{ due_on }}, please."}})
    assert worn["payment"]["terms"] == ["Within 15 Nov 2026, please.", "Interest is 8 % a year."]


def test_a_logo_of_its_own_is_kept_once_and_goes_with_the_version(app: Flask, by: Actor) -> None:
    template = make_template(by, "Blue", logo="own", picture=PNG)
    version = db.session.query(DocumentTemplateVersion).one()
    assert document_looks.of_version(version).picture == PNG
    document = dress()
    worn = dressed(document, document_looks.of_version(version), "en")
    assert worn["logo"]["data"] == logo()["data"]
    change_template(template, by, logo="none")
    newest = db.session.query(DocumentTemplateVersion).order_by(DocumentTemplateVersion.id.desc()).first()
    assert dressed(document, document_looks.of_version(newest), "en")["logo"] is None
    make_template(by, "Green", logo="own", picture=PNG)
    assert db.session.execute(db.text("SELECT count(*) FROM template_picture")).scalar() == 1


def test_line_and_document_discounts_are_shown_with_their_reason(app: Flask) -> None:
    invoice = issue(10000, tax_rate="0")
    line = invoice.lines[0]
    line.discount_percent, line.discount_minor, line.discount_reason = Decimal(10), 1000, "loyalty"
    line.amount_minor, line.document_discount_minor = 9000, 500
    invoice.discount_minor, invoice.discount_reason = 500, "Christmas"
    data = document_data(invoice)
    assert data["lines"][0]["details"] == ["Discount 10%, loyalty: −€10.00"]
    assert [(row["label"], row["amount"]) for row in data["subtotals"][:2]] == [
        ("Sum of the lines", "€90.00"),
        ("Discount, Christmas", "−€5.00"),
    ]


def test_a_fraction_is_shown_as_it_was_typed(app: Flask) -> None:
    invoice = issue()
    invoice.lines[0].quantity, invoice.lines[0].quantity_per = Decimal("0.916667"), 60
    assert document_data(invoice)["lines"][0]["quantity"] == "55/60"


def test_a_payment_code_says_what_the_standard_asks(app: Flask) -> None:
    said = payment_code.text(
        "Harbour", "IBAN: IE29 AIBK 9311 5212 3456 78\nBIC: AIBKIE2D", Money(14803, "EUR"), "INV-1"
    )
    assert said.split("\n") == [
        "BCD", "002", "1", "SCT", "AIBKIE2D", "Harbour", "IE29AIBK93115212345678", "EUR148.03", "", "", "INV-1",
    ]  # fmt: skip
    assert dress(qr=True)["payment"]["qr"]["label"] == "Scan to pay"
    assert "qr" not in dress()["payment"]


@pytest.mark.parametrize(
    ("bank", "amount"),
    [
        ("IBAN: IE29 AIBK 9311 5212 3456 79", Money(1, "EUR")),
        ("Account 12345", Money(1, "EUR")),
        ("IBAN: IE29 AIBK 9311 5212 3456 78", Money(1, "GBP")),
        ("IBAN: IE29 AIBK 9311 5212 3456 78", Money(0, "EUR")),
    ],
)
def test_there_is_no_code_that_would_pay_wrongly(bank: str, amount: Money) -> None:
    assert payment_code.text("Harbour", bank, amount, "x") == ""


def test_a_draft_has_no_template_yet(app: Flask) -> None:
    draft = make_draft(make_customer())
    assert (draft.template, draft.template_version_id) == ("", None)
    assert isinstance(draft, Invoice)


def test_every_shipped_look_sets_every_kind_of_document(app: Flask) -> None:
    for key in document_choices.SHIPPED[DOCUMENT]:
        for sample in document_samples.every():
            assert document_looks.make(sample, shipped(DOCUMENT, key), "en", on=date(2026, 1, 1)).startswith(b"%PDF")


def test_the_same_choices_are_no_new_version(app: Flask, by: Actor) -> None:
    template = make_template(by, accent="#0e8577")
    change_template(template, by, accent="#0E8577")
    assert db.session.query(DocumentTemplateVersion).count() == 1
    assert examined(DOCUMENT, accent="#0E8577").choices["accent"] == "#0e8577"
