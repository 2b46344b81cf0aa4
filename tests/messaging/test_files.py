"""Kept files are whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from messaging import files


def test_kept_twice_is_kept_once(app: Flask) -> None:
    digest = files.keep("things", b"abc", ".txt")
    assert files.keep("things", b"abc", ".txt") == digest
    assert files.read("things", digest, ".txt") == b"abc"
    folder = Path(app.config["FILES_DIR"]) / "things" / digest[:2]
    assert [path.name for path in folder.iterdir()] == [f"{digest}.txt"]


def test_a_full_disk_leaves_nothing_behind(app: Flask) -> None:
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="large"):
            files.keep("full", b"x" * 5000, ".txt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert [path for path in (Path(app.config["FILES_DIR"]) / "full").rglob("*") if path.is_file()] == []
