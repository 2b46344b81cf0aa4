"""Coming to a clean end: long work asks between two steps whether the process has been told to stop."""

from __future__ import annotations

from threading import Event

_asked = Event()


class Stopping(Exception):
    """The process ends. What is done is kept; the rest is done after the next start."""


def ask() -> None:
    """Let all work of this process end after the step it is at."""
    _asked.set()


def withdraw() -> None:
    """Work may begin (again)."""
    _asked.clear()


def asked() -> bool:
    return _asked.is_set()


def check() -> None:
    """Between two steps, with nothing open. Raises Stopping."""
    if _asked.is_set():
        raise Stopping("Tillbook was stopped; what is left is done after the next start.")
