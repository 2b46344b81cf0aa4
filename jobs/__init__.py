"""Unattended work, and the same work as commands."""

from flask import Flask

from . import staff
from .customers import customers
from .renewal_commands import renewals

GROUPS = (customers, renewals, staff.commands)


def init_app(app: Flask) -> None:
    """Add the commands."""
    for group in GROUPS:
        app.cli.add_command(group)
