"""PDFs against the bare compiler: python -m bench.pdf --n 1000

The limit is typst itself on the same template, fonts and data, its JSON made beforehand: a compiler kept and used
again (`kept`), and one made anew for each document (`new`, what `typst.compile` does). Ours and the limit take
turns, document by document, each with data of its own, since typst remembers what it has set before.
`peak_mb` of the memory cases is a fresh process's that only ran ours.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from time import perf_counter
from typing import Any

import typst

from bench.report import line, peak_mb
from integrations.pdf import FOLDER, FONTS, STANDARD, render
from integrations.pdf_data import as_json
from tests.sample_invoice import invoice, long, three_rates

ON = date(2026, 11, 1)
TEMPLATE = FOLDER / "invoice.typ"
OPTIONS = {"format": "pdf", "pdf_standards": [STANDARD], "timestamp": datetime(2026, 11, 1, tzinfo=UTC)}
SHAPES: dict[str, Callable[..., Any]] = {"invoice": invoice, "three rates": three_rates, "40 lines": long}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--n", type=int, default=1000)
    arguments.add_argument("--only-ours", action="store_true", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.only_ours:
        print(json.dumps(only_ours(chosen.n)))
        return
    for name in SHAPES:
        n = chosen.n if name == "invoice" else max(chosen.n // 5, 1)
        beside_the_limit(f"pdf {name}, compiler kept", name, n, kept_compiler())
    beside_the_limit("pdf invoice, compiler new", "invoice", max(chosen.n // 10, 1), new_compiler)
    for n in sorted({max(chosen.n // 10, 1), chosen.n}):
        seconds, peak = in_a_fresh_process(n)
        line(case="pdf memory", db="none", n=n, seconds=seconds, peak_mb=peak)


def data(name: str, number: str) -> Any:
    """A document no other run has set: its own number, customer and note."""
    changes = {
        "number": number,
        "buyer": {"name": f"Customer {number}", "lines": [f"{number} Dawson Street", "Dublin D02 X285"]},
        "notes": [f"Thank you for order {number}."],
    }
    return long(40, **changes) if name == "40 lines" else SHAPES[name](**changes)


def kept_compiler() -> Callable[[str], bytes]:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])
    compiler = typst.Compiler(root=FOLDER, font_paths=fonts, ignore_system_fonts=True)
    return lambda text: compiler.compile(TEMPLATE, sys_inputs={"data": text}, **OPTIONS)


def new_compiler(text: str) -> bytes:
    return typst.compile(
        TEMPLATE,
        root=FOLDER,
        font_paths=[FONTS],
        ignore_system_fonts=True,
        sys_inputs={"data": text},
        **OPTIONS,
    )


def beside_the_limit(case: str, name: str, n: int, bare: Callable[[str], bytes]) -> None:
    ours = limit = 0.0
    for i in range(-5, n):  # the first few load fonts and are not counted
        one, other = data(name, f"A-{i}"), as_json(data(name, f"B-{i}"))
        took = timed(lambda one=one: render("invoice", one, on=ON)), timed(lambda other=other: bare(other))
        if i >= 0:
            ours, limit = ours + took[0], limit + took[1]
    line(case=case, db="none", n=n, seconds=ours, limit_seconds=limit)


def timed(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def only_ours(n: int) -> tuple[float, float]:
    start = perf_counter()
    for i in range(n):
        render("invoice", data("invoice", f"C-{i}"), on=ON)
    return perf_counter() - start, peak_mb()


def in_a_fresh_process(n: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "bench.pdf", "--only-ours", "--n", str(n)]
    seconds, peak = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return seconds, peak


if __name__ == "__main__":
    main()
