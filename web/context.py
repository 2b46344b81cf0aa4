"""What every template may use without being given it."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, url_for

from billing import company

from . import formatters, headers, languages, permissions, sessions


def for_templates() -> dict[str, Any]:
    """Also for the page that says the database is away, which must not ask it."""
    away = languages.without_database()
    seller = None if away else company.get()
    return {
        "company": seller,
        "current_staff": None if away else permissions.signed_in_staff(),
        "current_portal_user": None if away else permissions.signed_in_portal_user(),
        "allows": (lambda permission: False) if away else permissions.allows,
        "help_url": (seller.help_url if seller else "") or url_for("pages.help_page"),
        "sign_out_url": url_for("sign_in.sign_out"),
        "account_url": url_for("account.index") if "account.index" in current_app.view_functions else "",
        "locale": formatters.locale(),
        "now": sessions.now,
    }


def init_app(app: Flask) -> None:
    app.context_processor(for_templates)
    app.jinja_env.globals["csp_nonce"] = headers.csp_nonce
