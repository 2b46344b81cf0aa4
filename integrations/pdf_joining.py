"""Several PDFs of ours as one file, to be printed in one go: typst sets their pages as pictures, one on each page."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import typst

from .documents import DocumentError

_PAGES = re.compile(rb"/Type\s*/Page\b(?!s)")
_SIZE = re.compile(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]")
_SOURCE = """#let files = json("files.json")
#set page(margin: 0pt)
#for file in files { for n in range(1, file.pages + 1) {
  page(width: file.width * 1pt, height: file.height * 1pt, margin: 0pt,
    image(file.name, format: "pdf", page: n, width: 100%, height: 100%))
} }
"""


def joined(files: Sequence[bytes]) -> bytes:
    """The pages of all files, one after the other; a single file is given back as it is.

    For PDFs that integrations.pdf has made. The result is for the printer: it claims none of the standards its parts
    meet. Raises DocumentError for what cannot be put together.
    """
    if len(files) == 1:
        return files[0]
    with tempfile.TemporaryDirectory() as folder:
        return _joined([_about(file, number) for number, file in enumerate(files)], files, Path(folder))


def _about(file: bytes, number: int) -> tuple[str, int, str, str]:
    """Its name, pages, width and height in points."""
    pages, size = len(_PAGES.findall(file)), _SIZE.search(file)
    if not pages or size is None:
        raise DocumentError("One of the documents is no PDF that can be put together with others.")
    return f"{number}.pdf", pages, size[1].decode(), size[2].decode()


def _joined(about: list[tuple[str, int, str, str]], files: Sequence[bytes], folder: Path) -> bytes:
    rows = (f'{{"name":"{n}","pages":{pages},"width":{w},"height":{h}}}' for n, pages, w, h in about)
    (folder / "files.json").write_text(f"[{','.join(rows)}]")
    (folder / "main.typ").write_text(_SOURCE)
    for (name, *_rest), file in zip(about, files, strict=True):
        (folder / name).write_bytes(file)
    try:
        return typst.compile(folder / "main.typ", root=folder, ignore_system_fonts=True)
    except typst.TypstError as error:
        raise DocumentError(f"The documents could not be put together: {error.message}.") from error
