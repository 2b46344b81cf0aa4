"""Files kept under the hash of what is in them: never half-written, never changed, checked when read."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from flask import current_app

from models import BillingError


class FileLost(BillingError):
    """A file we keep is gone or no longer what it was."""


def folder_of(name: str) -> Path:
    """A folder of FILES_DIR; it need not be there yet."""
    return Path(current_app.config["FILES_DIR"]) / name


def path_of(folder: str, digest: str, suffix: str) -> Path:
    """Where the file with this hash lies: FILES_DIR/folder/ab/ab12….pdf."""
    return folder_of(folder) / digest[:2] / f"{digest}{suffix}"


def keep(folder: str, data: bytes, suffix: str) -> str:
    """Store the bytes for good before returning their SHA-256; storing them again changes nothing."""
    digest = hashlib.sha256(data).hexdigest()
    write(path_of(folder, digest, suffix), data)
    return digest


def write(path: Path, data: bytes) -> None:
    """All of it is on the disk under this name, or nothing is. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _settle(path.parent)


def read(folder: str, digest: str, suffix: str) -> bytes:
    """The stored bytes; raises FileLost if they are missing or were changed."""
    path = path_of(folder, digest, suffix)
    try:
        data = path.read_bytes()
    except OSError:
        raise FileLost(
            f"The stored file {path.name} is missing. Restore the folder “{folder}” from a backup."
        ) from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise FileLost(f"The stored file {path.name} was changed. Restore it from a backup.")
    return data


def forget(folder: str, digest: str, suffix: str) -> None:
    """Remove a file that nothing points to."""
    path_of(folder, digest, suffix).unlink(missing_ok=True)


def _settle(folder: Path) -> None:
    """The new name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
