"""What the two faces share: sessions, sign-in, permissions, formatters, error pages."""

from flask import Flask
from flask_compress import Compress
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from billing.passwords import Passwords
from billing.signed_in import PORTAL_LONGEST

from . import (
    assets,
    context,
    entering,
    errors,
    form_tokens,
    formatters,
    headers,
    languages,
    logs,
    pages,
    second_step,
    sessions,
    setup,
    sign_in,
)


def init_app(app: Flask) -> None:
    """Add what both faces need to every request."""
    if app.config["PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=app.config["PROXIES"], x_proto=app.config["PROXIES"])  # type: ignore[method-assign]
    app.extensions["passwords"] = Passwords(app.config["PASSWORD_COST"])
    app.permanent_session_lifetime = PORTAL_LONGEST
    Compress(app)
    logs.init_app(app)
    languages.init_app(app)
    headers.init_app(app)
    app.before_request(sessions.open_request)
    app.teardown_request(sessions.close_request)
    app.before_request(setup.keep_closed)
    CSRFProtect(app)
    sessions.login_manager.init_app(app)
    entering.init_app(app)
    second_step.init_app(app)
    for part in (assets, formatters, form_tokens, context, errors):
        part.init_app(app)
    for part in (pages, sign_in, setup):
        app.register_blueprint(part.pages)
