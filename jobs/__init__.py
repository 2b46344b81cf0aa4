"""Unattended work, and the same work as commands."""

from flask import Flask

from . import customers, demo, doctor, renewal_commands, schedule, schedule_commands, serve, staff

GROUPS = (
    customers.customers,
    renewal_commands.renewals,
    doctor.command,
    staff.commands,
    schedule_commands.commands,
    serve.start,
    demo.command,
)


def init_app(app: Flask) -> None:
    """Add the commands, and tell the panel which jobs there are."""
    app.extensions["unattended"] = tuple(job.described() for job in schedule.JOBS)
    for group in GROUPS:
        app.cli.add_command(group)
