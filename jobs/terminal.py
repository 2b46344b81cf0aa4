"""Progress of long work on a terminal; nothing where there is none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Watch = Callable[[int, int], None]


@contextmanager
def progress_bar(label: str) -> Iterator[Watch]:
    """A bar on stderr; call what it yields with (done, total) as often as you like."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def watch(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield watch
