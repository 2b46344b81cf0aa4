"""What a file is by its content. Each kind looks at the whole file: one that is two things at once is refused."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable

MOST_PIXELS = 50_000_000
MOST_UNPACKED = 100 * 1024 * 1024
MOST_ENTRIES = 2000
MOST_RATIO = 200
_MARKUP = re.compile(rb"<\s*(?:!doctype\s+html|html|head|body|script|svg|iframe|object|embed|\?php|%)", re.IGNORECASE)
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf", b"BZh", b"\xfd7zXZ")


def recognise(suffix: str, data: bytes) -> bool:
    """Whether the bytes are a file of this ending (lower case, without its point) and nothing else besides."""
    return suffix in _CHECKS and _CHECKS[suffix](data)


def _pdf(data: bytes) -> bool:
    return data.startswith(b"%PDF-") and b"%%EOF" in data[-2048:] and not _MARKUP.search(data[:1024])


def _png(data: bytes) -> bool:
    """Signature, header, and chunks in a row up to the end (PNG 1.2 §3)."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR" or len(data) < 33:
        return False
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        at += 12 + length
        if kind == b"IEND":
            return at == len(data) and _small(*struct.unpack(">II", data[16:24]))
    return False


def _jpeg(data: bytes) -> bool:
    """Start, segments, a frame with a size, end (ITU-T T.81 B.1)."""
    if not data.startswith(b"\xff\xd8\xff") or not data.rstrip(b"\0").endswith(b"\xff\xd9"):
        return False
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return _small(width, height)
        at += 2 + length
    return False


def _gif(data: bytes) -> bool:
    """Blocks in a row from the header to the trailer (GIF89a §18 to §27)."""
    if data[:6] not in (b"GIF87a", b"GIF89a") or len(data) < 14:
        return False
    width, height, flags = struct.unpack("<HHB", data[6:11])
    at = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    while at < len(data) and data[at] != 0x3B:
        at = _gif_block(data, at)
        if not at:
            return False
    return at == len(data) - 1 and _small(width, height)


def _gif_block(data: bytes, at: int) -> int:
    """Where the next block begins; 0 if this is none."""
    if data[at] == 0x21:
        at += 2
    elif data[at] == 0x2C and at + 10 < len(data):
        flags = data[at + 9]
        at += 11 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    else:
        return 0
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1 if at < len(data) else 0


def _webp(data: bytes) -> bool:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or data[12:16] not in (b"VP8 ", b"VP8L", b"VP8X"):
        return False
    size = struct.unpack("<I", data[4:8])[0] + 8
    return size in (len(data), len(data) + 1, len(data) - 1) and _small(*_webp_size(data))


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height by the three ways WebP writes them (RFC 9649 §2.5 to §2.7)."""
    if len(data) < 30:
        return 0, 0
    if data[12:16] == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _small(width: int, height: int) -> bool:
    return width > 0 and height > 0 and width * height <= MOST_PIXELS


def _text(data: bytes) -> bool:
    if b"\0" in data or _MARKUP.search(data):
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        # What older programs save; its control characters are none of a text.
        return not any(byte < 9 or 13 < byte < 32 for byte in data)
    return True


def _office(member: str) -> Callable[[bytes], bool]:
    """A packed document: it holds what its kind needs, and does not unpack to something huge or to more archives."""

    def check(data: bytes) -> bool:
        if not data.startswith(b"PK\x03\x04"):
            return False
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as packed:
                return _is_sound(packed.infolist(), len(data), member) and not _has_archives(packed)
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError, OSError):
            return False

    return check


def _is_sound(entries: list[zipfile.ZipInfo], size: int, member: str) -> bool:
    unpacked = sum(entry.file_size for entry in entries)
    names = {entry.filename for entry in entries}
    # Told sizes can lie, but reading stops at them: see _has_archives.
    return (
        0 < len(entries) <= MOST_ENTRIES
        and unpacked <= min(MOST_UNPACKED, size * MOST_RATIO)
        and any(name == member or name.startswith(member) for name in names)
        and not any(_leads_out(name) for name in names)
        and not any("vbaproject" in name.lower() for name in names)
    )


def _leads_out(name: str) -> bool:
    return name.startswith(("/", "\\")) or ".." in name.split("/") or "\\" in name or ":" in name


def _has_archives(packed: zipfile.ZipFile) -> bool:
    for entry in packed.infolist():
        if not entry.is_dir():
            with packed.open(entry) as part:
                if part.read(8).startswith(_ARCHIVES):
                    return True
    return False


_OOXML, _ODF = "application/vnd.openxmlformats-officedocument", "application/vnd.oasis.opendocument"
KINDS: dict[str, str] = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "txt": "text/plain",
    "csv": "text/csv",
    "docx": f"{_OOXML}.wordprocessingml.document",
    "xlsx": f"{_OOXML}.spreadsheetml.sheet",
    "odt": f"{_ODF}.text",
    "ods": f"{_ODF}.spreadsheet",
}
"""Endings that may be kept, and what they are."""

_CHECKS: dict[str, Callable[[bytes], bool]] = {
    "pdf": _pdf,
    "png": _png,
    "jpg": _jpeg,
    "jpeg": _jpeg,
    "gif": _gif,
    "webp": _webp,
    "txt": _text,
    "csv": _text,
    "docx": _office("word/"),
    "xlsx": _office("xl/"),
    "odt": _office("content.xml"),
    "ods": _office("content.xml"),
}
