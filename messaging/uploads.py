"""Files people upload: looked at before they are kept, under names of our own, never half-written.

What a file is, its content says as well as its name: both have to agree, and only kinds that cannot run in a browser
or a shell are taken. Downloads never render in our origin.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from flask import Response

from models import BillingError

from . import files
from .file_kinds import KINDS, recognise
from .files import FileLost

FOLDER = "uploads"
MOST_BYTES = 10 * 1024 * 1024
LONGEST_NAME = 150
_STORED = re.compile(r"[0-9a-f]{32}")


class Refused(BillingError):
    """This file is not kept; str(error) says why."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that lies in the folder: its random name there, and what it is."""

    stored_name: str
    name: str
    media_type: str
    size: int
    sha256: str


def keep(stream: BinaryIO, name: str) -> Stored:
    """Look at the file and store it for good under a random name (temporary name, fsync, rename).

    Raises Refused when it is too large, empty, or not what its name says; OSError when the disk is full, with
    nothing left behind.
    """
    name = clean_name(name)
    suffix = Path(name).suffix.lower().lstrip(".")
    data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise Refused(f"{name} is too large: {MOST_BYTES // 1024**2} MB at the most.")
    if not data:
        raise Refused(f"{name} is empty.")
    if suffix not in KINDS:
        raise Refused(f"{name} cannot be kept. These can: {', '.join(sorted(KINDS))}.")
    if not recognise(suffix, data):
        raise Refused(f"{name} is not what its name says, or holds something unsafe. Save it anew and try again.")
    stored_name = secrets.token_hex(16)
    files.write(path_of(stored_name), data)
    return Stored(stored_name, name, KINDS[suffix], len(data), hashlib.sha256(data).hexdigest())


def path_of(stored_name: str) -> Path:
    """Where a stored file lies: FILES_DIR/uploads/ab/ab12…."""
    if not _STORED.fullmatch(stored_name):
        raise FileLost("This is not the name of a stored file.")
    return root() / stored_name[:2] / stored_name


def root() -> Path:
    """The folder all of them lie in."""
    return files.folder_of(FOLDER)


def stored_before(at: datetime) -> frozenset[str]:
    """The names of all files in the folder that were last written before `at` (aware)."""
    found = root().glob("??/" + "[0-9a-f]" * 32) if root().is_dir() else ()
    return frozenset(path.name for path in found if path.stat().st_mtime < at.timestamp())


def read(stored_name: str, sha256: str) -> bytes:
    """The bytes as they were stored. Raises FileLost if they are missing or were changed."""
    try:
        data = path_of(stored_name).read_bytes()
    except OSError:
        raise FileLost("This file is missing on the disk. Restore the files folder from a backup.") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise FileLost("This file was changed on the disk. Restore the files folder from a backup.")
    return data


def forget(stored_names: Iterable[str]) -> None:
    """Remove stored files whose rows are gone; call it after the commit."""
    for name in stored_names:
        path_of(name).unlink(missing_ok=True)


def as_download(data: bytes, name: str, media_type: str) -> Response:
    """An answer that a browser saves and never shows: attachment, no sniffing, sandboxed (S23, S37)."""
    answer = Response(data, mimetype="application/octet-stream" if media_type.startswith("text/") else media_type)
    answer.headers["Content-Disposition"] = disposition(name)
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer


def disposition(name: str) -> str:
    """One header whatever the name holds: ASCII letters, and the name itself as RFC 6266 and 8187 write it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^A-Za-z0-9._ -]", "_", plain) or "file"
    return f"attachment; filename=\"{safe}\"; filename*=UTF-8''{quote(name, safe='')}"


def clean_name(name: str) -> str:
    """The name people know the file by: no folders, no control characters, one ending. Raises Refused."""
    last = re.split(r"[/\\]", name.replace("\0", ""))[-1]
    shown = "".join(c for c in unicodedata.normalize("NFC", last) if c.isprintable() and c not in _TURNS)
    shown = " ".join(shown.split()).strip(". ")
    stem, dot, suffix = shown.rpartition(".")
    if not (stem and dot and suffix):
        raise Refused(f"{shown[:60] or 'A file'} has no ending, such as .pdf, that says what it is.")
    if any(part.lower() in _RUNS for part in stem.split(".")[1:]):
        raise Refused(f"{shown[:60]} has two endings, one of a program. Rename it and try again.")
    return f"{stem[: LONGEST_NAME - len(suffix[:10]) - 1]}.{suffix[:10]}"


_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
_RUNS = frozenset(
    ("asp", "aspx", "bat", "cgi", "cmd", "com", "exe", "htm", "html", "jar", "js", "jsp", "msi", "phar", "php", "phtml")
    + ("pl", "ps1", "py", "rb", "scr", "sh", "shtml", "svg", "vbs", "wsf", "xhtml", "xml")
)
