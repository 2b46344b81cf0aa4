"""What the two faces share: sessions, sign-in, permissions, formatters, error pages."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Add what both faces need to every request."""
