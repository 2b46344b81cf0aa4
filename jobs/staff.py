"""Staff from the command line: how the first owner of an unattended installation is made."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup

from billing import passwords, second_step, staff
from models import db

from . import clock
from .commands import command_errors

commands = AppGroup("staff", help="Who may sign in to the panel.")


@commands.command("second-step-off")
@click.argument("email")
@command_errors
def second_step_off(email: str) -> None:
    """Let EMAIL sign in with the password alone, for somebody whose phone and recovery codes are gone."""
    person = staff.by_email(staff.clean_email(email))
    if person is None:
        raise staff.InvalidEmail(f"Nobody on the staff has the e-mail {email}.")
    second_step.turn_off(person, by=clock.actor("Command line"))
    db.session.commit()
    click.echo(f"{person.name} signs in with the password alone.")


@commands.command("create")
@click.argument("email")
@click.option("--role", default=None, help="owner, admin, billing, support, sales, viewer, or a role of your own.")
@click.option("--name", default="", help="Full name; the part before @ without it.")
@command_errors
def create(email: str, role: str | None, name: str) -> None:
    """Add EMAIL to the staff and print a password for the first sign-in, once."""
    if not role:
        raise staff.UnknownRole("Say which role: add --role owner, or another role.")
    given = staff.clean_email(email)
    password = passwords.generate()
    password_hash = current_app.extensions["passwords"].hash(password)
    person = staff.create(given, name, staff.role_named(role), password_hash, clock.actor("Command line"))
    db.session.commit()
    click.echo(
        f"{person.name} ({person.role.name}) can sign in with {person.email} and this password, shown only once:"
    )
    click.echo(password)
