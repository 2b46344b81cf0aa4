"""Unattended work, and the same work as commands."""

from flask import Flask

from . import customers, doctor, renewal_commands, schedule_commands, serve, staff

GROUPS = (
    customers.customers,
    renewal_commands.renewals,
    doctor.command,
    staff.commands,
    schedule_commands.commands,
    serve.start,
)


def init_app(app: Flask) -> None:
    """Add the commands."""
    for group in GROUPS:
        app.cli.add_command(group)
