"""Segments as networks count them; the figures are those of 3GPP TS 23.038 and 23.040."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.segments import EXTENSION, GSM, count


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("", "GSM-7", 0),
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("a" * 306, "GSM-7", 2),
        ("a" * 307, "GSM-7", 3),
        ("€" * 80, "GSM-7", 1),  # each takes two
        ("€" * 81, "GSM-7", 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 3),  # the pair moves to the next segment as a whole
        ("a" * 152 + "€" + "a" * 151, "GSM-7", 2),
        ("Grüße, Ñandù, ΔΦ", "GSM-7", 1),
        ("naïve", "UCS-2", 1),  # ï is not in the alphabet
        ("я" * 70, "UCS-2", 1),
        ("я" * 71, "UCS-2", 2),
        ("я" * 134, "UCS-2", 2),
        ("я" * 135, "UCS-2", 3),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 36, "UCS-2", 2),
        ("я" * 66 + "😀" + "я" * 66, "UCS-2", 3),
        ("it’s", "UCS-2", 1),
    ],
)
def test_known_texts(text: str, encoding: str, segments: int) -> None:
    size = count(text)
    assert (size.encoding, size.segments) == (encoding, segments)


def test_what_made_it_dear_is_named() -> None:
    assert count("it’s naïve – it’s").odd == "’ï–"


def test_the_alphabet_has_its_size() -> None:
    assert (len(GSM), len(EXTENSION)) == (127, 10)  # 128 with the escape


@given(st.text(alphabet="aé€[😀я\n", max_size=500))
def test_it_never_takes_less_than_its_bits(text: str) -> None:
    size = count(text)
    assert size.units <= size.segments * size.per_segment
    assert size.segments <= max(1, -(-size.units // (size.per_segment - 1))) if text else size.segments == 0
