"""What every command shares: refusals end in one line and an exit code, never in a stack trace."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click
import psycopg
from sqlalchemy.exc import DBAPIError

from models import BillingError, db

P = ParamSpec("P")
R = TypeVar("R")

NO_TABLES = ("no such table", "no such column", "has no column named", "undefinedtable", "undefinedcolumn")
BUSY = ("database is locked", "database is busy")
NOT_REACHED = ("unable to open database file", "connection failed", "connection refused", "could not translate host")


def command_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn what a rule or the database refuses into one line on stderr and exit code 1; nothing stays half-written.

    Goes under `@click.command`. A wrong setting (ConfigError) stops the application before any command
    begins and is a click error by itself.
    """

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except BillingError as refusal:
            message = str(refusal)
        except (DBAPIError, sqlite3.Error, psycopg.Error) as error:
            message = database_trouble(error)
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            message = f"{error.filename or 'A file'} cannot be used: {error.strerror or error}."
        db.session.rollback()
        raise click.ClickException(one_line(message))

    return guarded


def one_line(text: str) -> str:
    """`text` as a terminal may show it: what came out of a file cannot move the cursor or fake further lines."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def database_trouble(error: Exception) -> str:
    """One line about what the database said, and what to do."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    text = f"{type(cause).__name__} {cause}".lower()
    if any(words in text for words in NO_TABLES):
        return "The database has no tables yet, or old ones. Run flask db upgrade first."
    if any(words in text for words in BUSY):
        return "The database is busy with another task. Nothing was written; try again in a moment."
    if any(words in text for words in NOT_REACHED):
        return "The database cannot be reached. Check DATABASE_URL and that the server is running."
    first = (str(cause).strip() or type(cause).__name__).splitlines()[0]
    return f"The database refused this, nothing was written: {first[:200]}"
