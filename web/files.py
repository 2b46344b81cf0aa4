"""Where files of this installation lie."""

from __future__ import annotations

from pathlib import Path

from flask import current_app


def folder(name: str) -> Path:
    """A folder of FILES_DIR; it need not be there yet."""
    return Path(current_app.config["FILES_DIR"]) / name
