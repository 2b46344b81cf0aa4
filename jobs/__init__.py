"""Unattended work, and the same work as commands."""

from flask import Flask

from . import customers, renewal_commands, staff

GROUPS = (customers.customers, renewal_commands.renewals, staff.commands)


def init_app(app: Flask) -> None:
    """Add the commands."""
    for group in GROUPS:
        app.cli.add_command(group)
