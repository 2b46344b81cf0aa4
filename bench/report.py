"""How a bench says what it found: one JSON line per case, and the memory it took."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any


def peak_mb() -> float:
    """The most memory this process has held so far, in MB (resident)."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage also counts what the parent held when it started us; this does not.
        (high,) = [row for row in status.read_text().splitlines() if row.startswith("VmHWM")]
        return round(int(high.split()[1]) / 1024, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)


def line(
    *, case: str, db: str, n: int, seconds: float, limit_seconds: float | None = None, **more: Any
) -> dict[str, Any]:
    """Print one case and return it.

    `n` units took `seconds`; `limit_seconds` is what the bare work took in the same run, and `ratio` is limit ÷
    ours: 1 is as fast as the bare work. `peak_mb` is this process's unless given among `more` (`statements`,
    `bytes`, ...).
    """
    row = {
        "case": case,
        "db": db,
        "n": n,
        "seconds": round(seconds, 4),
        "per_second": round(n / seconds, 1) if seconds else None,
        "peak_mb": more.pop("peak_mb", None) or peak_mb(),
    }
    if limit_seconds is not None:
        row["limit_seconds"] = round(limit_seconds, 4)
        row["ratio"] = round(limit_seconds / seconds, 3) if seconds else None
    row |= more
    print(json.dumps(row), flush=True)
    return row
