"""What every answer carries for the browser's sake: content policy, no sniffing, no storing of private pages."""

from __future__ import annotations

import secrets

from flask import Flask, Response, current_app, g, request

from . import sessions

YEAR = 365 * 24 * 3600
POLICY = (
    "default-src 'self'; script-src 'nonce-{}'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)


def _policy() -> str:
    policy = POLICY.format(csp_nonce())
    if "csp_images" in g:
        policy = policy.replace("img-src 'self' data:", f"img-src 'self' data: {g.csp_images}")
    if "csp_forms" in g:
        policy = policy.replace("form-action 'self'", f"form-action 'self' {g.csp_forms}")
    if "csp_styles" in g:
        policy = policy.replace("style-src 'self'", f"style-src 'self' 'nonce-{csp_nonce()}'")
    if "csp_framed" in g:
        policy = policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
    return policy


def csp_nonce() -> str:
    """The word that lets a script of this page run; new for every answer."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(18)
    return g.csp_nonce


def allow_images(origin: str) -> None:
    """Let this answer show pictures of one other address, such as ``https://tile.company.example``."""
    g.csp_images = origin


def allow_forms_to(origin: str) -> None:
    """Let a form of this answer lead on to one other address in the end, such as ``https://www.company.example``."""
    g.csp_forms = origin


def allow_own_styles() -> None:
    """Let this answer hold style sheets that bear its nonce: a mail is shown in a frame that follows its policy."""
    g.csp_styles = True


def allow_own_frame() -> None:
    """Let this answer be shown within a page of ours: a preview beside what makes it."""
    g.csp_framed = True


def protect(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _policy())
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if current_app.config["BASE_URL"].startswith("https://"):
        headers["Strict-Transport-Security"] = f"max-age={2 * YEAR}; includeSubDomains"
    if not sessions.is_file():
        response.vary.add("Cookie")
        headers.setdefault("Cache-Control", "no-store")
    elif response.status_code == 200 and (request.args.get("v") or request.args.get("ver")):
        headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return response


def init_app(app: Flask) -> None:
    app.after_request(protect)
