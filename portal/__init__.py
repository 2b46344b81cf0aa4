"""The customer's side."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Add the portal under /portal/."""
