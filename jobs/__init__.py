"""Unattended work, and the same work as commands."""

from flask import Flask

from .customers import customers

GROUPS = (customers,)


def init_app(app: Flask) -> None:
    """Add the commands."""
    for group in GROUPS:
        app.cli.add_command(group)
