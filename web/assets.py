"""Addresses of shipped files, with a version so that browsers may keep them for a year; texts go out compressed."""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, g, request, url_for

TEXTS = {".css", ".js", ".svg"}


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


def compressed(response: Response) -> Response:
    """A style sheet, script or drawing in a quarter of its bytes, for whoever can read it so; compressed once."""
    path = Path(current_app.static_folder or "") / (request.view_args or {}).get("filename", "")
    if request.endpoint != "static" or response.status_code != 200 or path.suffix not in TEXTS:
        return response
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] and "Range" not in request.headers:
        response.call_on_close(getattr(response.response, "close", lambda: None))
        response.direct_passthrough = False
        response.set_data(_gzipped(path, path.stat().st_mtime_ns))
        response.content_encoding = "gzip"
        tag, _weak = response.get_etag()
        response.set_etag(tag or "", weak=True)
    return response


@lru_cache(maxsize=64)
def _gzipped(path: Path, changed: int) -> bytes:
    return gzip.compress(path.read_bytes(), 9, mtime=0)


def init_app(app: Flask) -> None:
    app.after_request(compressed)
    app.jinja_env.globals["static_url"] = static_url
