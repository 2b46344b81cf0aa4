"""Places where a test may kill the process, to prove that what comes after a crash is right. Off unless asked for."""

from __future__ import annotations

import os
import signal
from collections import Counter

_passed: Counter[str] = Counter()
_wanted = os.environ.get("TILLBOOK_FAULT", "")


def faultpoint(name: str) -> None:
    """Die here, as by kill -9, when TILLBOOK_FAULT is ``name@n`` and this is the n-th time we pass."""
    if not _wanted:
        return
    _passed[name] += 1
    if _wanted == f"{name}@{_passed[name]}":
        os.kill(os.getpid(), signal.SIGKILL)
