"""The child of `pdf_sandbox`: takes its own rights away, then sets one template. Run as a script, with an empty
folder as its only argument.

Reads the order as JSON from standard input; writes one line of JSON (what is wrong, or how long each file is), then
the files: PDFs, one for each set of data, or pictures of pages.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

CODE = Path(__file__).resolve().parent.parent


def main(root: Path, order: dict[str, Any]) -> None:
    """Typeset what the order says, and answer on standard output."""
    _limit(order["seconds"], order["megabytes"])
    sys.path.append(str(CODE))
    # Only now: what these load counts, and runs under the limits.
    from integrations.pdf import DocumentError, typeset

    try:
        source, on = order["source"].encode(errors="replace"), date.fromisoformat(order["on"])
        made = [typeset(source, data, on=on, root=root, kind=order["kind"]) for data in order["data"]]
        _say({}, made if order["kind"] == "pdf" else [page for pages in made for page in pages][: order["pages"]])
    except DocumentError as error:
        _say({"message": error.sentence, "line": error.line, "column": error.column})


def _limit(seconds: int, megabytes: int) -> None:
    """Bounds on the processor's time, memory, written files and core dumps; they cannot be raised again."""
    memory = megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    # The soft limit ends the process with a signal of its own, so that the parent can tell why.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _say(verdict: dict[str, Any], files: Sequence[bytes] = ()) -> None:
    told = {**verdict, "files": [len(file) for file in files]}
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + b"".join(files))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.load(sys.stdin.buffer))
