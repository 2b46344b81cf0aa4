"""The staff panel."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Add the panel under /admin/."""
