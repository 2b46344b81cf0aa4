"""Hostile templates of documents and of web pages: S07 to S11."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from datetime import date

import pypdfium2
import pytest
from documenting import DOCUMENT, WEB, examined
from flask import Flask
from flask_babel import force_locale

from billing.document_templates import TemplateRefused
from integrations.documents import DocumentError
from integrations.pdf_sandbox import render_untrusted
from messaging import document_looks, document_samples, web_documents
from messaging.document_looks import Look
from messaging.refusals import CannotBeWritten

BEGIN = "#let doc = json(bytes(sys.inputs.data))\n"
HOSTILE = "\"'><img src=x onerror=1><script>alert(1)</script>{{7*7}}"


def refused(kind: object, source: str) -> str:
    with pytest.raises(TemplateRefused) as caught:
        examined(kind, source=source)  # type: ignore[arg-type]
    return caught.value.errors["source"]


def page(source: str, **changes: object) -> str:
    look = Look(WEB, document_looks.shipped(WEB).choices, source)
    with force_locale("en"):
        return web_documents.page(document_samples.invoice(**changes), look, "en")


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A server that remembers who knocked."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _address = server.accept()
                except OSError:
                    return
                heard.append(b"knock")
                connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], heard


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ('a\n #read("/etc/hostname")', "Line 2, column 8: A template can read no files."),
        ('#image("/etc/logo.png")', "Line 1, column 8: A template can read no files."),
        ('#include "other.typ"', "can read no files"),
        ('#import "@preview/tablex:0.0.8": *', "Packages cannot be used"),
        ('#plugin("x.wasm")', "can read no files"),
        ("#let x = ", "Line 1, column 9: Expected expression."),
        (BEGIN + "#doc.nothing", "Line 2, column 6"),
        (BEGIN + '#if doc.kind == "statement" { doc.nothing }', "Line 2, column"),
        ("#for a in range(100000) { for b in range(100000) { let c = a * b } }", "takes longer than"),
        ("#let t(n, it) = if n == 0 { it } else { t(n - 1, it + it) }\n#t(60, (1, 2, 3))", "MB of memory"),
        ("x" * 100_001, "at most 100000 letters"),
    ],
)
def test_a_source_of_documents_that_does_harm_is_refused_with_its_place(app: Flask, source: str, why: str) -> None:
    assert why in refused(DOCUMENT, source)


def test_a_source_of_documents_asks_nobody_for_anything(app: Flask, listener: tuple[int, list[bytes]]) -> None:
    port, heard = listener
    for source in (f'#image("http://127.0.0.1:{port}/x.png")', f'#read("http://127.0.0.1:{port}/x")'):
        refused(DOCUMENT, source)
    link = BEGIN + f'#link("http://127.0.0.1:{port}/x")[a]'
    render_untrusted(link, document_samples.invoice(), on=date(2026, 1, 1))
    assert heard == []


def test_a_condition_cannot_hide_a_file_from_the_check(app: Flask) -> None:
    source = BEGIN + '#if doc.number == "INV-7" { read("/etc/hostname") }'
    look = Look(DOCUMENT, document_looks.shipped(DOCUMENT).choices, examined(DOCUMENT, source=source).source)
    with force_locale("en"), pytest.raises(DocumentError, match="can read no files"):
        document_looks.make(document_samples.invoice(number="INV-7"), look, "en", on=date(2026, 1, 1))


def test_what_people_typed_is_printed_and_never_run(app: Flask) -> None:
    source = BEGIN + "#doc.buyer.name"
    for text in (HOSTILE, '#read("/etc/hostname")', "] #panic() ["):
        document = document_samples.invoice(buyer={"name": text, "lines": []})
        made = render_untrusted(source, document, on=date(2026, 1, 1))
        assert pypdfium2.PdfDocument(io.BytesIO(made))[0].get_textpage().get_text_bounded() == text


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("<p>\n {{ ''.__class__ }}</p>", "Line 2, column"),
        ("{{ config }}", "There is no field “config”"),
        ("{{ self }}", "There is no field “self”"),
        ("{{ number.__class__.__mro__ }}", "There is no field"),
        ("{{ lines[0] }}", "Only fields have parts"),
        ("a\n  {% include 'x' %}", "Line 2, column 6: {% include %} cannot be used"),
        ("{% import 'x' as y %}", "{% import %} cannot be used"),
        ("{% extends 'x' %}", "{% extends %} cannot be used"),
        ("{% macro x() %}{% endmacro %}", "{% macro %} cannot be used"),
        ("{% set x = 1 %}", "{% set %} cannot be used"),
        ("{{ number|attr('f') }}", "“|attr” cannot be used"),
        ("{{ number()|upper }}", "Functions cannot be called"),
        ("{{ 'a' * 100000000 }}", "This cannot be used"),
        ("{% for i in range(10) %}x{% endfor %}", "Functions cannot be called"),
        ("{% for a in lines %}" * 3 + "x" + "{% endfor %}" * 3, "Too many lists"),
        ("{{ number", "unexpected end of template"),
        ("a\n <script>x</script>", "Line 2, column 2: <script> cannot be used"),
        ("<p onclick='x'>a</p>", "“onclick” cannot be used on <p>"),
        ("<p style='x'>a</p>", "“style” cannot be used on <p>"),
        ("<style>p{}</style>", "<style> cannot be used"),
        ("<iframe src='/'></iframe>", "<iframe> cannot be used"),
        ("<math><mi></mi></math>", "<math> cannot be used"),
        ("<svg></svg>", "<svg> cannot be used"),
        ("<form><input></form>", "<form> cannot be used"),
        ("<link rel=stylesheet href=x>", "<link> cannot be used"),
        ("<img src='http://127.0.0.1/x'>", "its own pictures only"),
        ("<img src='data:image/svg+xml,x'>", "its own pictures only"),
        ("<a href='javascript:alert(1)'>a</a>", "A link begins with"),
        ("<a href=' JavaScript:alert(1)'>a</a>", "A link begins with"),
        ("<p class='toasts'>a</p>", "Classes begin with"),
        ("<!-- x -->", "Write remarks as"),
        ("<!doctype html>", "the frame around it is there already"),
    ],
)
def test_a_source_of_pages_that_does_harm_is_refused_with_its_place(app: Flask, source: str, why: str) -> None:
    told = refused(WEB, source)
    assert why in told
    assert told.startswith("Line ")


@pytest.mark.parametrize(
    "source",
    [
        "{% raw %}{{<script>alert(1)</script>}}{% endraw %}<p>a</p>",
        "<p title={{ buyer }}>a</p>",
        "<p class='doc-{{ buyer }}'>a</p>",
        "<a href='{{ buyer }}'>a</a>",
        "<img src='{{ buyer }}'>",
        "<{{ buyer }}>",
        "<p {{ buyer }}>a</p>",
    ],
)
@pytest.mark.parametrize("buyer", [HOSTILE, "x onclick=alert(1)", "javascript:alert(1)", "script src=//x.example/y"])
def test_what_slips_past_the_check_is_cleaned_out_of_the_page(app: Flask, source: str, buyer: str) -> None:
    html = page(source, buyer={"name": buyer, "lines": []}).lower()
    for evil in ("<script", "onerror=1>", 'onclick="', 'href="javascript', 'src="//', 'src="x'):
        assert evil not in html.replace("&gt;", "").replace("&lt;", "")


def test_values_are_text_in_the_shipped_page(app: Flask) -> None:
    changes = {"buyer": {"name": HOSTILE, "lines": [HOSTILE], "ids": [HOSTILE]}, "notes": [HOSTILE], "number": HOSTILE}
    html = page("", **changes)
    assert "<script" not in html and "<img" not in html
    assert "{{7*7}}" in html and "49" not in html.replace("€4.82", "")


def test_a_page_is_bounded_in_size_and_time(app: Flask) -> None:
    line = {"description": "x" * 400, "amount": "€1.00"}
    twice = "{% for a in lines %}{% for b in lines %}{{ b.description }}{% endfor %}{% endfor %}"
    with pytest.raises(CannotBeWritten, match="too much text"):
        page(twice, lines=[line] * 200)


def test_texts_of_a_look_reach_nothing_and_stay_literal(app: Flask) -> None:
    for text in ("{{ ''.__class__ }}", "{% include 'x' %}", "{{ config }}", "{{ number|attr('f') }}"):
        with pytest.raises(TemplateRefused) as caught:
            examined(DOCUMENT, texts={"": {"intro": text}})
        assert list(caught.value.errors) == ["texts--intro"]
    kept = examined(WEB, texts={"": {"foot": "{number.__init__.__globals__} %(x)s <b>x</b>"}})
    look = Look(WEB, kept.choices)
    with force_locale("en"):
        html = web_documents.page(document_samples.invoice(), look, "en")
    assert "{number.__init__.__globals__} %(x)s &lt;b&gt;x&lt;/b&gt;" in html


@pytest.mark.parametrize("picture", [b"<svg onload=alert(1)>", b"GIF89a", b"\x89PNG\r\n\x1a\nbroken", b"\xff\xd8\xff"])
def test_a_logo_has_to_be_a_picture_that_prints(app: Flask, picture: bytes) -> None:
    with pytest.raises(TemplateRefused) as caught:
        examined(DOCUMENT, logo="own", picture=picture)
    assert list(caught.value.errors) == ["picture"]
