"""Uploads: looked at by name and content, kept whole under names of our own, never shown by a browser."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pytest

from messaging import uploads
from messaging.files import FileLost
from messaging.uploads import Refused

PDF = b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\ntrailer\n%%EOF\n"
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xc0\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00\xff\xd9"
)
GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


def png(width: int = 8, height: int = 8) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 72)) + chunk(b"IEND", b"")


def packed(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def keep(data: bytes, name: str) -> uploads.Stored:
    return uploads.keep(io.BytesIO(data), name)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("contract.pdf", PDF), ("Photo.JPG", JPEG), ("a.png", png()), ("a.gif", GIF),
        ("list.csv", b"a,b\n1,2\n"), ("note.txt", "Grüße <3".encode()), ("old.txt", b"Gr\xfc\xdfe\r\n"),
        ("letter.docx", packed(("word/document.xml", b"<w/>"))), ("t.ods", packed(("content.xml", b"<x/>"))),
    ],
)  # fmt: skip
def test_what_it_says_it_is_is_kept_and_read_back(app, name, data):
    stored = keep(data, name)
    assert (stored.name, stored.size) == (name, len(data))
    assert uploads.read(stored.stored_name, stored.sha256) == data
    assert len(stored.stored_name) == 32 and uploads.path_of(stored.stored_name).name == stored.stored_name


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.pdf", b"<html><script>alert(1)</script>"), ("mixed.pdf", b"%PDF-1.7 <script>1</script> %%EOF"),
        ("poly.gif", b"GIF89a=1;/*" + GIF[11:] + b"*/alert(1)"), ("more.gif", GIF + b"<script>"),
        ("more.png", png() + b"<?php 1"), ("bomb.png", png(30_000, 30_000)),
        ("no.jpg", b"\xff\xd8\xff<script>\xff\xd9"),
        ("x.php", b"<?php 1"), ("x.html", b"<html>"), ("x.svg", b"<svg/>"), ("x.php.pdf", PDF), ("noending", PDF),
        ("x.txt", b"hello <script>alert(1)</script>"), ("x.csv", b"\x00\x01"), ("empty.pdf", b""), (".pdf", PDF),
        ("a.exe", b"MZ"), ("m.docx", packed(("word/vbaProject.bin", b"x"))), ("z.docx", PDF),
        ("slip.docx", packed(("word/a", b"x"), ("../../etc/passwd", b"x"))),
        ("nest.xlsx", packed(("xl/a", b"x"), ("xl/b.zip", packed(("c", b"x"))))),
        ("bomb.docx", packed(("word/a.xml", b"\0" * 20_000_000))),
        ("many.docx", packed(*((f"word/{n}", b"") for n in range(2001)))),
    ],
)  # fmt: skip
def test_everything_else_is_refused_and_leaves_nothing(app, tmp_path, monkeypatch, name, data):
    monkeypatch.setitem(app.config, "FILES_DIR", str(tmp_path))
    with pytest.raises(Refused):
        keep(data, name)
    assert list(tmp_path.rglob("*")) == []


def test_what_is_too_large_is_refused(app):
    with pytest.raises(Refused, match="10 MB at the most"):
        keep(PDF + b"\0" * uploads.MOST_BYTES, "big.pdf")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/x.pdf", "x.pdf"), ("C:\\x\\y.pdf", "y.pdf"), ("a\0b.pdf", "ab.pdf"), ("con.pdf", "con.pdf"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"), ("\u202efdp.pdf", "fdp.pdf"), ('a"\r\nX: y; é.pdf', 'a"X: y; é.pdf'),
    ],
)  # fmt: skip
def test_names_are_only_for_reading(app, name, shown):
    stored = keep(PDF, name)
    assert stored.name == shown
    assert uploads.path_of(stored.stored_name).parent.parent == uploads.root()


def test_a_download_is_saved_and_never_shown(app):
    answer = uploads.as_download(PDF, 'a"\r\nX: y; é.pdf', "application/pdf")
    said = answer.headers["Content-Disposition"]
    assert said == "attachment; filename=\"a_X_ y_ e.pdf\"; filename*=UTF-8''a%22%0D%0AX%3A%20y%3B%20%C3%A9.pdf" or (
        said.startswith("attachment; ") and "\n" not in said and "\r" not in said
    )
    assert (
        answer.headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in answer.headers["Content-Security-Policy"]
    )


def test_a_file_that_is_gone_or_changed_is_told(app):
    stored = keep(PDF, "a.pdf")
    uploads.path_of(stored.stored_name).write_bytes(b"other")
    with pytest.raises(FileLost, match="changed"):
        uploads.read(stored.stored_name, stored.sha256)
    uploads.forget([stored.stored_name, stored.stored_name])
    with pytest.raises(FileLost, match="missing"):
        uploads.read(stored.stored_name, stored.sha256)
    with pytest.raises(FileLost):
        uploads.path_of("../secret")


def test_a_full_disk_leaves_nothing_half_written(app, tmp_path, monkeypatch):
    """A folder that cannot take the file: the write fails, and no part of it stays."""
    monkeypatch.setitem(app.config, "FILES_DIR", str(tmp_path / "files"))
    (tmp_path / "files").write_text("a file where the folder should be")
    with pytest.raises(OSError):
        keep(PDF, "a.pdf")
    assert [path.name for path in tmp_path.rglob("*")] == ["files"]
