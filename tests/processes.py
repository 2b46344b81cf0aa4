"""Real processes for tests: started as a person would, waited for by what they say, gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60
"""Seconds until a test gives up; only a broken program makes it wait that long."""


class Process:
    """A running command. Its lines are read as they come."""

    def __init__(self, *command: str, **settings: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment(**settings), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.said: list[str] = []
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def wait_for(self, words: str) -> str:
        """The line with these words; fails if the process ends without saying them."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                line = self._lines.get(timeout=max(0.1, until - time.monotonic()))
            except Empty:
                line = ""
            self.said.append(line)
            assert line, f"it never said {words!r}, but: {''.join(self.said)}"
            if words in line:
                return line

    def stop(self, number: int) -> int:
        """Send the signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        assert self.process.stdout
        self.process.stdout.close()


@contextmanager
def flask(*words: str, **settings: str) -> Iterator[Process]:
    """`flask ...` while the block lasts, with these settings in its environment."""
    process = Process("-m", "flask", *words, **settings)
    try:
        yield process
    finally:
        process.close()


def run_flask(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """`flask ...` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *words],
        cwd=ROOT, env=environment(**settings), capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip


def environment(**settings: str) -> dict[str, str]:
    known = {"SECRET_KEY": "a key for tests only, long enough to be strong 0123456789", "PASSWORD_COST": "1"}
    return os.environ | known | settings


def eventually(true: Callable[[], bool]) -> None:
    """Wait until it is true."""
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, "it never became true"
        time.sleep(0.1)
