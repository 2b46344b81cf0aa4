"""Templates that a person has edited: set in a process of their own, with little time, memory and nothing else.

typst runs what a template says, without limits of its own: one endless loop would hold a web worker for ever,
and one long list take all memory. So the compiler runs in a child (`pdf_child.py`) that first takes away its own
rights: no file outside an empty folder, no file written, no network, and bounds on time and memory. It starts
from a clean environment and hears the template on standard input.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from integrations.pdf import DocumentError

CHILD = Path(__file__).with_name("pdf_child.py")
OUT_OF_MEMORY = (b"MemoryError", b"allocat", b"failed to map segment")

# typst downloads packages over HTTPS and follows these; nobody listens there. One thread, few arenas: address
# space is what the memory limit counts, and each thread reserves some.
ENVIRONMENT = {
    "PATH": "",
    "RAYON_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
}


def render_untrusted(
    source: str, data: Mapping[str, Any], *, on: date, seconds: int = 10, megabytes: int = 1024
) -> bytes:
    """The PDF (PDF/A-3b) that the template `source` makes of `data`; `on` is the day in the file's properties.

    `seconds` bounds both the time on the clock and the processor's, `megabytes` the memory of the child.
    Raises DocumentError with a sentence for the person who edits the template, and the place at fault if there
    is one: a mistake in it, data it does not find, too much time or memory, a file or package asked for.
    """
    return _ordered(source, [data], on, "pdf", seconds, megabytes)[0]


def pictures_untrusted(
    source: str, data: Mapping[str, Any], *, on: date, pages: int = 5, seconds: int = 10, megabytes: int = 1024
) -> list[bytes]:
    """The first pages as PNG, to look at in a browser. Otherwise as `render_untrusted`."""
    return _ordered(source, [data], on, "png", seconds, megabytes, pages)


def check_untrusted(
    source: str, samples: Sequence[Mapping[str, Any]], *, on: date, seconds: int = 10, megabytes: int = 1024
) -> None:
    """Whether the template can set every one of the `samples`. Raises DocumentError as `render_untrusted` does."""
    _ordered(source, samples, on, "pdf", seconds, megabytes)


def _ordered(
    source: str, data: Sequence[Mapping[str, Any]], on: date, kind: str, seconds: int, megabytes: int, pages: int = 0
) -> list[bytes]:
    order = {
        "source": source, "data": list(data), "on": on.isoformat(), "kind": kind, "pages": pages, "seconds": seconds,
        "megabytes": megabytes,
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="document-") as root:
        try:
            child = subprocess.run(  # noqa: S603 - our own file; the template only comes on its input
                [sys.executable, "-I", str(CHILD), root],
                input=json.dumps(order).encode(),
                capture_output=True,
                timeout=seconds,
                cwd=root,
                env=ENVIRONMENT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _too_slow(seconds) from None
    return _answer(child, seconds, megabytes)


def _answer(child: subprocess.CompletedProcess[bytes], seconds: int, megabytes: int) -> list[bytes]:
    if child.returncode != 0:
        raise _died(child, seconds, megabytes)
    head, _, rest = child.stdout.partition(b"\n")
    told = json.loads(head)
    if "message" in told:
        raise DocumentError(told["message"], told["line"], told["column"])
    files, start = [], 0
    for length in told["files"]:
        files.append(rest[start : start + length])
        start += length
    return files


def _died(child: subprocess.CompletedProcess[bytes], seconds: int, megabytes: int) -> DocumentError:
    if child.returncode == -signal.SIGXCPU:
        return _too_slow(seconds)
    # Rust aborts when an allocation is refused; Python says MemoryError.
    if child.returncode < 0 or any(it in child.stderr for it in OUT_OF_MEMORY):
        return DocumentError(
            f"The template needs more than {megabytes} MB of memory. Look for a loop that collects too much."
        )
    return DocumentError("The template could not be set. Take back the last change and try again.")


def _too_slow(seconds: int) -> DocumentError:
    return DocumentError(f"The template takes longer than {seconds} s. Look for a loop that never ends.")
