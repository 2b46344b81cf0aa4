"""Where a browser may be sent: our own paths only; and links for mails, which start with BASE_URL."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from flask import current_app, request, url_for
from werkzeug.exceptions import BadRequest

# One slash, then something that no browser takes for a host, a scheme or a line break.
_OWN_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def safe_next(url: str | None, fallback: str = "/") -> str:
    """`url` if it is a path of ours, else `fallback`."""
    if not url or len(url) > 2000 or not _OWN_PATH.fullmatch(url):
        return fallback
    parts = urlsplit(url)
    if parts.scheme or parts.netloc or "//" in parts.path:
        return fallback
    return url


def this_page() -> str:
    """The address asked for, as a path with its question."""
    return request.full_path if request.query_string else request.path


def sign_in_url() -> str:
    """The sign-in page of the face that was asked for; it leads back here if this was only a look."""
    portal = request.path.startswith("/portal") and "portal.sign_in" in current_app.view_functions
    back = this_page() if request.method in ("GET", "HEAD") else None
    return url_for("portal.sign_in" if portal else "sign_in.form", next=safe_next(back, "") or None)


def absolute(path: str) -> str:
    """A link for a mail or a text. Never built from what the browser says, unless this is only our own machine."""
    base = current_app.config["BASE_URL"]
    if not base and request and is_loopback(request.host):
        base = request.host_url
    if not base:
        raise BadRequest("BASE_URL is not set, so links in mails would lead nowhere.")
    return base.rstrip("/") + path


def is_loopback(host: str) -> bool:
    """Whether `host` (with or without a port) is this very machine."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
