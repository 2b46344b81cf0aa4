"""How many segments a text takes, which is what it costs: 3GPP TS 23.038 (alphabets) and 23.040 (joining).

A segment carries 140 octets: 160 characters of 7 bits, or 70 of 16 bits once one character is outside the GSM
alphabet. A text of several loses six octets of each to the header that joins them: 153, or 67.
"""

from __future__ import annotations

from dataclasses import dataclass

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
"""These take two: an escape and the character; a segment never ends between the two."""
GSM_ALONE, GSM_JOINED, UCS2_ALONE, UCS2_JOINED = 160, 153, 70, 67
LONGEST = 1600
"""Characters Twilio takes in one text."""


@dataclass(frozen=True, slots=True)
class Size:
    """`encoding` is ``GSM-7`` or ``UCS-2``; `units` of `per_segment` are in use; `odd` made it UCS-2."""

    encoding: str
    segments: int
    units: int
    per_segment: int
    odd: str = ""


def count(text: str) -> Size:
    """The size of `text` as it is sent, nothing in it replaced. An empty text has no segment."""
    odd = "".join(dict.fromkeys(sign for sign in text if sign not in GSM and sign not in EXTENSION))
    if odd:
        widths = [2 if ord(sign) > 0xFFFF else 1 for sign in text]  # a pair of surrogates is not parted either
        return _size("UCS-2", widths, UCS2_ALONE, UCS2_JOINED, odd)
    return _size("GSM-7", [2 if sign in EXTENSION else 1 for sign in text], GSM_ALONE, GSM_JOINED, "")


def _size(encoding: str, widths: list[int], alone: int, joined: int, odd: str) -> Size:
    units = sum(widths)
    if units <= alone:
        return Size(encoding, 1 if units else 0, units, alone, odd)
    segments, room = 1, joined
    for width in widths:
        if width > room:
            segments, room = segments + 1, joined
        room -= width
    return Size(encoding, segments, units, joined, odd)
