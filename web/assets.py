"""Addresses of shipped files, with a version so that browsers may keep them for a year."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, current_app, g, url_for


def static_url(name: str) -> str:
    """The address of `static/<name>`; it changes when the file does. Worked out once a page, which has it 20 times."""
    known: dict[str, str] = g.setdefault("static_urls", {})
    if name not in known:
        path = Path(current_app.static_folder or "") / name
        known[name] = url_for("static", filename=name, v=_version(path, path.stat().st_mtime_ns))
    return known[name]


@lru_cache(maxsize=512)
def _version(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:5]


def init_app(app: Flask) -> None:
    app.jinja_env.globals["static_url"] = static_url
