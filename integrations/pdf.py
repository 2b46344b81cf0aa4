"""PDFs of documents: typst sets the shipped templates, with the shipped fonts and nothing else.

Data goes in as JSON, never as source, so nothing that a person typed is ever run. The same data gives the same
bytes, on every machine: fonts are ours, the date is given, and no clock, network or system font is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import typst

from integrations.documents import DocumentError
from integrations.pdf_data import as_json, with_printable_text

__all__ = [
    "FAMILIES",
    "FOLDER",
    "FONTS",
    "WEB_FONTS",
    "DocumentError",
    "document_names",
    "pictures",
    "render",
    "typeset",
]

FOLDER = Path(__file__).resolve().parent.parent / "templates" / "documents"
FONTS = FOLDER / "fonts"
WEB_FONTS = FOLDER.parent.parent / "static" / "web" / "fonts"
"""Those that pages in a browser are set in, too."""
STANDARD = "a-3b"
FAMILIES = ("Inter", "IBM Plex Sans", "Source Serif 4")
"""Fonts one can choose for Latin, Greek and Cyrillic; what a font lacks is set in Noto."""
SHARPNESS = 110.0  # dots per inch of pictures

_UNPRINTABLE = "could not be displayed with font"


def document_names() -> frozenset[str]:
    """The documents there are templates for: `invoice`."""
    return frozenset(path.stem for path in FOLDER.glob("*.typ"))


def render(document: str, data: Mapping[str, Any], *, on: date) -> bytes:
    """The PDF (PDF/A-3b) of a shipped document, as bytes.

    `document` is one of `document_names()`, `data` what its template asks for (for `invoice`:
    `integrations.documents.InvoiceDocument`), `on` the day printed into the file's properties. The same
    arguments give the same bytes. Characters that no shipped font has print as �. Safe to call from several
    threads. Raises DocumentError for an unknown document or data that do not fit the template.
    """
    if document not in document_names():
        raise DocumentError(f"There is no document called “{document}”.")
    return typeset(FOLDER / f"{document}.typ", data, on=on)


def pictures(document: str, data: Mapping[str, Any], *, on: date) -> list[bytes]:
    """The pages of a shipped document as PNG, to look at in a browser. Otherwise as `render`."""
    if document not in document_names():
        raise DocumentError(f"There is no document called “{document}”.")
    return typeset(FOLDER / f"{document}.typ", data, on=on, kind="png")


def typeset(
    template: Path | bytes, data: Mapping[str, Any], *, on: date, root: Path = FOLDER, kind: str = "pdf"
) -> Any:
    """The PDF of a template given as a file or as its source, or (kind `png`) the list of its pages as pictures;
    files it reads must lie under `root`.

    Runs without limits of time and memory in this process: only for templates we ship, or in a process of
    their own (`integrations.pdf_sandbox`). Raises DocumentError.
    """
    try:
        return _compile(template, as_json(data), on, root, kind)
    except typst.TypstError as error:
        if _UNPRINTABLE not in error.message:
            raise _explained(error) from error
    try:
        return _compile(template, as_json(with_printable_text(data, _prints)), on, root, kind)
    except typst.TypstError as error:
        raise _explained(error) from error


def _compile(template: Path | bytes, data: str, on: date, root: Path, kind: str = "pdf") -> Any:
    if kind == "png":
        pages = _pooled(template, root=root, format="png", ppi=SHARPNESS, sys_inputs={"data": data})
        return pages if isinstance(pages, list) else [pages]
    return _pooled(
        template,
        root=root,
        format="pdf",
        sys_inputs={"data": data},
        pdf_standards=[STANDARD],
        timestamp=datetime(on.year, on.month, on.day, tzinfo=UTC),
    )


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS, WEB_FONTS])


# A compiler serves one thread at a time ("Already borrowed"), and knows the templates it has read: as many are
# kept as were ever needed at once. Taking from and adding to a list is atomic.
_idle: list[typst.Compiler] = []


def _pooled(template: Path | bytes, **options: Any) -> Any:
    try:
        compiler = _idle.pop()
    except IndexError:
        compiler = typst.Compiler(root=FOLDER, font_paths=_fonts(), ignore_system_fonts=True)
    try:
        return compiler.compile(template, **options)
    finally:
        _idle.append(compiler)


def _prints(texts: list[str]) -> bool:
    """Whether the fonts have every character of these texts."""
    page = b'#set text(font: "Inter")\n#for it in json(bytes(sys.inputs.data)) [#it\\ ]'
    try:
        _compile(page, as_json(texts), date(2000, 1, 1), FOLDER)
    except typst.TypstError:
        return False
    return True


def _explained(error: typst.TypstError) -> DocumentError:
    """The compiler's complaint as one sentence, with the place in the template it is about."""
    # Columns are counted from nought there.
    place = re.search(r"┌─ .*?:(\d+):(\d+)", error.diagnostic)
    message = error.message
    if "package" in message and ("download" in message or "not found" in message):
        message = "packages cannot be used; put what you need into the template itself"
    elif "outside of the project" in error.diagnostic or message.startswith("file not found"):
        message = "a template can read no files"
    return DocumentError(f"{message[:1].upper()}{message[1:]}.", *((int(place[1]), int(place[2]) + 1) if place else ()))
