"""Where uploaded tables lie: under random names in one folder, each with a small note of how far the work on it is."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from models import BillingError

FOLDER = "imports"
"""Of the files folder."""
LARGEST = 15 * 1024 * 1024
"""Bytes; larger files are for the command, which reads them where they are."""
BLOCK = 1 << 20
_OURS = re.compile(r"[0-9a-f]{32}")


class TooLarge(BillingError):
    """The file does not fit."""


@dataclass(frozen=True, slots=True)
class Store:
    """The folder. What people call a file never becomes part of a path."""

    folder: Path

    def keep(self, stream: BinaryIO) -> tuple[str, int]:
        """Write the stream's bytes down; returns the new random name and the size. Raises TooLarge, OSError.

        A file is there whole or not at all.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name, size = secrets.token_hex(16), 0
        part = self.folder / f"{name}.part"
        try:
            with part.open("xb") as file:
                while block := stream.read(BLOCK):
                    size += len(block)
                    if size > LARGEST:
                        raise TooLarge(
                            f"The file is larger than {LARGEST >> 20} MB. Split it, or import it on the server with "
                            "flask customers import."
                        )
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.folder / name)
        finally:
            part.unlink(missing_ok=True)
        return name, size

    def path(self, name: str) -> Path:
        """Where the file is; `name` is one that `keep` made."""
        if not _OURS.fullmatch(name):
            raise ValueError(f"{name!r} is no name of ours")
        return self.folder / name

    def remove(self, name: str) -> None:
        """The file and its note; nothing happens if they are gone."""
        self.path(name).unlink(missing_ok=True)
        self._note(name).unlink(missing_ok=True)

    def stale(self, before: datetime) -> Iterator[str]:
        """Names of files that were last written before the moment (aware UTC)."""
        for path in sorted(self.folder.glob("*")) if self.folder.is_dir() else ():
            if _OURS.fullmatch(path.stem) and path.stat().st_mtime < before.timestamp():
                yield path.stem

    def note_progress(self, name: str, done: int, total: int) -> None:
        """Note how far the work on the file is. A transaction that is not over could not tell it."""
        part = self._note(name).with_suffix(".part")
        part.write_text(f"{done} {total}")
        part.replace(self._note(name))

    def progress(self, name: str) -> tuple[int, int]:
        """(done, total) as last noted; zeros before that."""
        try:
            done, total = self._note(name).read_text().split()
            return int(done), int(total)
        except (OSError, ValueError):
            return 0, 0

    def _note(self, name: str) -> Path:
        return self.path(name).with_suffix(".progress")
