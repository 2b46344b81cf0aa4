"""Unattended work, and the same work as commands."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Add the commands."""
