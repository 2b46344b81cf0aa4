"""Real PDFs, read back with two other libraries than the one that made them."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
from sample_invoice import LABELS, invoice, line, logo, long, three_rates

from integrations.pdf import FAMILIES, FONTS, WEB_FONTS, DocumentError, document_names, pictures, render

ON = date(2026, 11, 1)
ROOT = Path(__file__).resolve().parents[2]


def printed(pdf: bytes) -> list[str]:
    """The text of each page, white space as single spaces."""
    document = pypdfium2.PdfDocument(pdf)
    return [" ".join(page.get_textpage().get_text_bounded().split()) for page in document]


def render_invoice(data: Any) -> bytes:
    return render("invoice", data, on=ON)


def size_of(pdf: bytes) -> tuple[int, int]:
    document = pikepdf.open(io.BytesIO(pdf))
    box = document.pages[0].mediabox
    return round(float(box[2])), round(float(box[3]))


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    values = value.values() if isinstance(value, dict) else value
    return [text for each in values for text in texts(each)]


def test_is_pdf_a_3b_with_title_author_language_and_day() -> None:
    document = pikepdf.open(io.BytesIO(render_invoice(invoice())))
    with document.open_metadata() as meta:
        assert (meta["pdfaid:part"], meta["pdfaid:conformance"]) == ("3", "B")
        assert meta["dc:title"] == "Invoice INV-2026-4817"
        assert meta["dc:creator"] == ["Harbour Fibre & Hosting Ltd"]
        assert meta["xmp:CreateDate"].startswith("2026-11-01T00:00:00")
    assert str(document.Root.Lang) == "en"
    assert document.Root.MarkInfo.Marked  # tagged, so that it can be read aloud


def test_same_data_same_bytes_in_this_process_and_in_another() -> None:
    here = render_invoice(three_rates())
    script = (
        "import sys; from datetime import date; from sample_invoice import three_rates;"
        "from integrations.pdf import render;"
        "sys.stdout.buffer.write(render('invoice', three_rates(), on=date(2026, 11, 1)))"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    env = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "7", "TZ": "Pacific/Auckland", "LANG": "C"}
    there = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=env).stdout
    assert here == render_invoice(three_rates()) == there


def test_another_day_is_another_file() -> None:
    assert render("invoice", invoice(), on=date(2026, 11, 2)) != render_invoice(invoice())


@pytest.mark.parametrize("data", [invoice(), three_rates()], ids=["one rate", "three rates"])
def test_prints_every_name_amount_and_word(data: Any) -> None:
    (page,) = printed(render_invoice(data))
    unseen = {"invoice", "en", "a4", data["accent"], LABELS["credit_note"], LABELS["page"]}
    unseen |= set(data["logo"].values())
    missing = [text for text in texts(data) if text not in unseen and " ".join(text.split()) not in page]
    assert missing == []


def test_columns_that_are_not_wanted_are_left_out() -> None:
    (page,) = printed(render_invoice(invoice(columns=["quantity"])))
    assert "Description Quantity Amount" in page
    assert "€2.47" not in page


def test_credit_note_has_its_own_title_and_may_lack_payment_and_amount_due() -> None:
    note = invoice(kind="credit_note", number="CN-2026-0012", due=None, payment=None, settled=[], notes=[])
    (page,) = printed(render_invoice(note))
    assert page.startswith("Credit note CN-2026-0012")
    assert "Still to pay" not in page
    assert "IBAN" not in page


def test_only_what_must_be_there_is_needed() -> None:
    needed = "kind number paper labels seller buyer facts lines subtotals total"
    data = {key: value for key, value in invoice().items() if key in needed.split()}
    (page,) = printed(render_invoice(data))
    assert "Harbour Fibre & Hosting Ltd" in page
    assert "Total €148.03" in page


def test_120_lines_take_pages_with_head_and_number_on_each() -> None:
    pages = printed(render_invoice(long(120)))
    assert len(pages) > 3
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
    with_lines = [page for page in pages if "Mailbox" in page]
    assert all("Description Quantity Price Tax Amount" in page for page in with_lines)
    assert all("Invoice INV-2026-4817" in page for page in pages[1:])
    assert all(any(f"€{i}.25" in page for page in pages) for i in range(1, 121))
    assert "Still to pay" in pages[-1]


def test_one_page_has_no_page_number() -> None:
    assert "Page 1" not in printed(render_invoice(invoice()))[0]


@pytest.mark.parametrize(("paper", "size"), [("a4", (595, 842)), ("us-letter", (612, 792))])
def test_paper(paper: str, size: tuple[int, int]) -> None:
    assert size_of(render_invoice(invoice(paper=paper))) == size


def fonts_of(pdf: bytes) -> set[str]:
    """The fonts in the file; each must be embedded."""
    names = set()
    document = pikepdf.open(io.BytesIO(pdf))
    for item in document.objects:
        if isinstance(item, pikepdf.Dictionary) and item.get("/Type") == "/FontDescriptor":
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(item.keys())
            names.add(str(item.FontName).partition("+")[2])
    return names


SHIPPED = {path.stem for folder in (FONTS, WEB_FONTS) for path in folder.iterdir()}
SCRIPTS = {
    "Latin": "Łódź, Ærø, Đà Nẵng, İzmir",
    "Greek": "Ελληνικά ᾠδή",
    "Cyrillic": "Київ, Ђорђе, Қазақстан",
    "Chinese": "云服务器 雲端伺服器",
    "Japanese": "株式会社𠮷野デザイン",
    "Korean": "서울 호스팅 주식회사",
    "Arabic": "شركة النور",
    "Urdu": "پاکستان ٹیلی کام",
    "Hebrew": "חברת שלום",
    "Devanagari": "नमस्ते भारत",
    "Bengali": "বাংলা",
    "Tamil": "தமிழ்",
    "Telugu": "తెలుగు",
    "Sinhala": "සිංහල",
    "Thai": "บริษัทไทย",
    "Lao": "ລາວ",
    "Khmer": "ខ្មែរ",
    "Burmese": "မြန်မာ",
    "Tibetan": "བོད་ཡིག",
    "Georgian": "საქართველო",
    "Armenian": "Հայաստան",
    "Amharic": "አማርኛ",
    "Cherokee": "ᏣᎳᎩ",
    "Symbols": "★ ☎ → ∑ ½ ₿ ₹ ₺ ₴ 🎉 𝓐",
}


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_any_script_prints_without_an_empty_box(text: str) -> None:
    data = invoice(buyer={"name": text, "lines": [text]}, lines=[line(text, "€1", "0%", [text])])
    pdf = render_invoice(data)  # PDF/A itself refuses a glyph that is not there
    document = pypdfium2.PdfDocument(pdf)
    assert "�" not in document[0].get_textpage().get_text_bounded()
    assert fonts_of(pdf) <= SHIPPED


def test_fonts_of_the_machine_are_not_asked() -> None:
    assert fonts_of(render_invoice(invoice())) == {"Inter-Regular", "Inter-SemiBold"}


def test_bold_latin_greek_and_cyrillic_is_bold() -> None:
    data = invoice(buyer={"name": "Żółć Ελλάς Київ", "lines": []})
    assert fonts_of(render_invoice(data)) == fonts_of(render_invoice(invoice()))
    assert "Inter-SemiBold" in fonts_of(render_invoice(data))


def test_arabic_runs_from_right_to_left() -> None:
    """The heading starts at the right edge, and the amounts stand at the left."""
    document = pypdfium2.PdfDocument(render_invoice(invoice(lang="ar", logo=None)))
    page = document[0].get_textpage()
    left, *_ = page.get_charbox(page.search("4817").get_next()[0])
    amount, *_ = page.get_charbox(page.search("148.03").get_next()[0])
    assert left > 400
    assert amount < 150


HOSTILE = [
    '#read("x")',
    "] #panic() [",
    "\\",
    "$x^2$",
    "@x <y>",
    "*b* _i_ `c`",
    "#sys.inputs",
    '"}',
    "= H // c",
    "~ -- '",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_type_is_printed_never_run(text: str) -> None:
    data = invoice(buyer={"name": text, "lines": [text]}, lines=[line(text, text, text, [text])], notes=[text])
    (page,) = printed(render_invoice(data))
    assert page.count(" ".join(text.split())) >= 6


def test_characters_no_font_has_are_replaced_and_the_rest_stays() -> None:
    name = "Acme\x07 \U00013000\uf8ff Ltd \ud800 नि"
    (page,) = printed(render_invoice(invoice(buyer={"name": name, "lines": ["A\u0bcd 廹\ua9b6"]})))
    assert "Acme� �� Ltd" in page
    assert "廹" in page
    assert "€148.03" in page


def test_long_words_stay_in_their_column_and_on_the_page() -> None:
    word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
    data = invoice(
        number="INV-" + "9" * 90,
        brand="B" * 90,
        seller={"name": word, "lines": ["https://" + "w" * 90 + ".example"]},
        buyer={"name": word, "lines": [word], "ids": ["8" * 90]},
        facts=[{"label": "F" * 40, "value": "7" * 60}],
        lines=[line("x" * 300, "€1,234,567,890.12", "23%", ["y" * 300])],
        subtotals=[{"label": "S" * 60, "amount": "€1,234,567,890.12"}],
        payment={"terms": ["t" * 200], "details": [{"label": "L" * 60, "value": "v" * 200}]},
        notes=["n" * 300],
        footer=["f" * 300],
    )
    document = pypdfium2.PdfDocument(render_invoice(data))
    for page in document:
        text = page.get_textpage()
        boxes = [text.get_charbox(i) for i in range(text.count_chars())]
        assert max(box[2] for box in boxes) <= page.get_width() - 59  # 21 mm of margin
        assert min(box[0] for box in boxes) >= 58
    text = document[0].get_textpage()
    name = text.search("elektrizit").get_next()[0]
    assert text.get_charbox(name)[2] < 230  # the first of three columns


def test_a_line_longer_than_a_page_goes_on_overleaf() -> None:
    words = [f"word{i}" for i in range(1500)]
    pages = printed(render_invoice(invoice(lines=[line(" ".join(words), "€1.00", "0%")])))
    assert all(word in " ".join(pages) for word in words)


def test_logo_is_a_picture_with_its_description() -> None:
    with_logo = pikepdf.open(io.BytesIO(render_invoice(invoice())))
    without = pikepdf.open(io.BytesIO(render_invoice(invoice(logo=None))))
    assert len(with_logo.pages[0].get_images()) == 1
    assert len(without.pages[0].get_images()) == 0
    alts = [str(it.Alt) for it in with_logo.objects if isinstance(it, pikepdf.Dictionary) and "/Alt" in it]
    assert alts == [logo()["alt"]]


@pytest.mark.parametrize(
    "file", [b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\ncut", b""]
)
def test_a_logo_that_is_no_picture_is_refused(file: bytes) -> None:
    for data in (base64.b64encode(file).decode() or "=", "not base64!"):
        with pytest.raises(DocumentError):
            render_invoice(invoice(logo={"data": data, "alt": "x"}))


def test_a_logo_that_is_too_large_is_refused() -> None:
    with pytest.raises(DocumentError, match="larger than 1 MB"):
        render_invoice(invoice(logo={"data": "A" * 1_400_000, "alt": "x"}))


def test_names_of_documents_are_a_closed_set() -> None:
    assert document_names() == {"invoice"}
    for name in ("../invoice", "invoice.typ", "/etc/passwd", "", "fonts/../invoice", "Invoice"):
        with pytest.raises(DocumentError, match="no document called"):
            render(name, invoice(), on=ON)


def test_data_that_do_not_fit_are_named() -> None:
    data = {key: value for key, value in invoice().items() if key != "total"}
    with pytest.raises(DocumentError, match='"total"'):
        render_invoice(data)


def test_threads_get_their_own_documents() -> None:
    def make(i: int) -> bytes:
        return render_invoice(invoice(number=f"INV-{i}-X"))

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(make, range(40)))
    # pdfium serves one thread, so they are read here.
    assert all(f"INV-{i}-X" in printed(pdf)[0] for i, pdf in enumerate(made))


def test_memory_is_flat_over_200() -> None:
    script = (
        "from datetime import date; from sample_invoice import invoice\n"
        "from bench.report import peak_mb; from integrations.pdf import render\n"
        "def run(a, b):\n"
        "    for i in range(a, b): render('invoice', invoice(number=f'INV-{i}'), on=date(2026, 11, 1))\n"
        "run(0, 50); before = peak_mb(); run(50, 250); print([before, peak_mb()])"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=env).stdout
    before, after = json.loads(out)
    assert after - before < 15, f"{before} MB, then {after} MB"


def test_a_title_paragraphs_numbers_and_places_to_sign() -> None:
    quote = invoice(
        kind="quote",
        title="Quotation",
        intro=["Dear Anna,", "as asked for:"],
        columns=["position", "quantity"],
        labels={**LABELS, "position": "Pos."},
        sign=["Place, day", "Signature"],
        due=None,
        payment=None,
    )
    (page,) = printed(render_invoice(quote))
    assert page.startswith("Quotation INV-2026-4817")
    assert page.index("Dear Anna, as asked for:") < page.index("Pos. Description Quantity Amount 1 Fibre 300 Business")
    assert "2 Managed hosting M" in page
    assert page.index("Place, day Signature") > page.index("Thank you")


def test_a_table_of_its_own_stands_in_place_of_the_lines() -> None:
    columns = [{"label": "Day", "figure": False}, {"label": "What", "figure": False, "wide": True}]
    table = {"columns": [*columns, {"label": "Balance", "figure": True}], "rows": [["1 Nov", "Invoice 7", "€10.00"]]}
    (page,) = printed(render_invoice(invoice(kind="statement", title="Statement", lines=[], table=table)))
    assert "Day What Balance 1 Nov Invoice 7 €10.00 Net" in page
    assert "Quantity" not in page


@pytest.mark.parametrize("layout", ["standard", "letter", "compact"])
def test_every_layout_says_the_same_words(layout: str) -> None:
    plain, page = three_rates(), " ".join(printed(render_invoice(three_rates(look={"layout": layout}))))
    for text in [*texts(plain["lines"]), *texts(plain["total"]), *texts(plain["buyer"]), *texts(plain["facts"])]:
        assert " ".join(text.split()) in page


def test_the_address_of_a_letter_stands_in_the_window() -> None:
    document = pypdfium2.PdfDocument(render_invoice(invoice(look={"layout": "letter"})))
    page = document[0].get_textpage()
    left, _bottom, _right, top = page.get_charbox(page.search("Lindqvist").get_next()[0])
    millimetres = 25.4 / 72
    assert 20 <= left * millimetres <= 30
    assert 45 <= (document[0].get_height() - top) * millimetres <= 62


@pytest.mark.parametrize("family", FAMILIES)
def test_a_font_can_be_chosen_and_what_it_lacks_is_still_printed(family: str) -> None:
    name = family.replace(" ", "")
    pdf = render_invoice(invoice(buyer={"name": "Київ 株式会社", "lines": []}, look={"font": family}))
    assert {f"{name}-Regular", f"{name}-SemiBold"} <= fonts_of(pdf) <= SHIPPED


def test_small_print_can_be_left_out() -> None:
    (page,) = printed(render_invoice(invoice(look={"details": False})))
    assert "Line 044-7712" not in page


def test_a_payment_code_is_a_picture_with_its_words() -> None:
    bare, code = invoice(), {"data": logo()["data"], "alt": "Payment code", "label": "Scan to pay"}
    with_code = render_invoice(invoice(payment={**bare["payment"], "qr": code}))
    assert "Scan to pay" in printed(with_code)[0]
    assert len(pictures_in(with_code)) == len(pictures_in(render_invoice(bare))) + 1


def pictures_in(pdf: bytes) -> list[Any]:
    document = pypdfium2.PdfDocument(pdf)
    return list(document[0].get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]))


def test_pages_are_pictures_to_look_at() -> None:
    pages = pictures("invoice", long(120), on=ON)
    assert len(pages) == len(printed(render_invoice(long(120))))
    assert all(page.startswith(b"\x89PNG") for page in pages)
