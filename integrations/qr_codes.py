"""Squares to be scanned (ISO/IEC 18004), as small pictures."""

from __future__ import annotations

import io

import segno

LONGEST = 331
"""Bytes that fit into a payment code (version 13 at error correction M, EPC069-12)."""


def png(text: str, *, scale: int = 6) -> bytes:
    """The QR code of a text at error correction M as a PNG, without the quiet zone; `scale` dots per module.

    The same text gives the same bytes. Raises ValueError for a text that does not fit.
    """
    data = text.encode()
    if len(data) > LONGEST:
        raise ValueError(f"a code holds at most {LONGEST} bytes")
    file = io.BytesIO()
    code = segno.make(data, error="m", mode="byte", micro=False, boost_error=False)
    code.save(file, kind="png", scale=scale, border=0)
    return file.getvalue()
