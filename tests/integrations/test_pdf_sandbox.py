"""Templates that a person has edited, the honest and the hostile ones."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from sample_invoice import invoice

from integrations.pdf import FOLDER, DocumentError, render
from integrations.pdf_sandbox import check_untrusted, pictures_untrusted, render_untrusted

ON = date(2026, 11, 1)
BUSY = "#for a in range(100000) { for b in range(100000) { let c = a * b } }"
HOG = "#let twice(n, it) = if n == 0 { it } else { twice(n - 1, it + it) }\n#twice(60, (1, 2, 3))"


def refused(source: str, **limits: int) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        render_untrusted(source, invoice(), on=ON, **limits)
    return caught.value


def test_the_shipped_template_makes_the_same_file_here() -> None:
    source = (FOLDER / "invoice.typ").read_text()
    pdf = render_untrusted(source, invoice(), on=ON)
    assert pdf == render("invoice", invoice(), on=ON)


def test_an_own_template_gets_the_data_and_makes_pdf_a() -> None:
    source = "#let doc = json(bytes(sys.inputs.data))\nOur invoice #doc.number for #doc.buyer.name"
    pdf = render_untrusted(source, invoice(), on=ON)
    text = pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_bounded()
    assert text == "Our invoice INV-2026-4817 for Lindqvist Design Ltd"
    with pikepdf.open(io.BytesIO(pdf)).open_metadata() as meta:
        assert meta["pdfaid:part"] == "3"


def test_a_loop_that_never_ends_is_stopped() -> None:
    error = refused(BUSY, seconds=1)
    assert str(error) == "The template takes longer than 1 s. Look for a loop that never ends."


def test_too_much_memory_is_refused() -> None:
    assert "more than 300 MB of memory" in str(refused(HOG, megabytes=300))


def test_a_limit_below_what_the_compiler_itself_needs_is_said_too() -> None:
    assert "more than 20 MB of memory" in str(refused("Hello", megabytes=20))


@pytest.mark.parametrize(
    "source",
    [
        'x\n#read("/etc/hostname")',
        'x\n#read("../../etc/hostname")',
        'x\n#image("/etc/logo.png")',
        'x\n#include "/etc/hostname"',
        'x\n#plugin("/lib/x.wasm")',
        f'x\n#read("{Path(__file__).name}")',
        f'x\n#read("{FOLDER}/invoice.typ")',
    ],
)
def test_files_cannot_be_read(source: str) -> None:
    error = refused(source)
    assert (error.line, error.sentence) == (2, "A template can read no files.")


@pytest.mark.parametrize("name", ['"@preview/tablex:0.0.8"', '"@pre" + "view/tablex:0.0.8"', '"@local/x:1.0.0"'])
def test_packages_cannot_be_imported(name: str) -> None:
    error = refused(f"\n\n#import {name}: *")
    assert error.line == 3
    assert error.sentence.startswith("Packages cannot be used")


def test_a_mistake_is_named_with_its_line() -> None:
    error = refused("= Invoice\n\n#let total = \n")
    assert (error.line, error.column, str(error)) == (3, 13, "Line 3, column 13: Expected expression.")


def test_data_that_are_not_there_are_named_with_the_line() -> None:
    error = refused("#let doc = json(bytes(sys.inputs.data))\n#doc.colour")
    assert error.line == 2
    assert '"colour"' in str(error)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    render_untrusted("Hello", {}, on=ON)
    refused(BUSY, seconds=1)
    assert list(tmp_path.iterdir()) == []


def test_every_sample_has_to_be_set() -> None:
    source = '#let doc = json(bytes(sys.inputs.data))\n#if doc.kind == "quote" { doc.nothing }'
    check_untrusted(source, [invoice()], on=ON)
    with pytest.raises(DocumentError, match="Line 2, column"):
        check_untrusted(source, [invoice(), invoice(kind="quote")], on=ON)


def test_pages_are_pictures_as_many_as_asked_for() -> None:
    pages = pictures_untrusted("a\n#pagebreak()\nb\n#pagebreak()\nc", {}, on=ON, pages=2)
    assert [page[:4] for page in pages] == [b"\x89PNG"] * 2
