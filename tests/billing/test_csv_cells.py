"""No cell of ours starts a formula, and every text comes back as it was."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from billing.csv_cells import defuse, undefuse

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\rx",
    "\nx",
    "  =1",
    "\ufeff=1",
    "\u200b+1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
]
TEXTS = st.text(st.sampled_from("=+-@'\t\r\n ＝\ufeffa1\"") | st.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text(text: str) -> None:
    assert defuse(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "'", "O'Brien", "'t Hof", "a=1", "12.30", "''"])
def test_plain_text_stays(text: str) -> None:
    assert defuse(text) == text == undefuse(text)


@given(TEXTS)
@example("'=1")
@example("''=1")
@example(" '=1")
def test_every_text_comes_back_through_a_file(text: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow([defuse(text), "end"])
    file.seek(0)
    cell = next(csv.reader(file, strict=True))[0]
    assert cell.lstrip(" \ufeff\u200b")[:1] not in set("=+-@\t\r\n＝＋－＠") - {""}
    assert undefuse(cell) == text
