"""`flask start`: from nothing to a panel that answers. `make run` calls it."""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from waitress.server import create_server

from billing import setup, staff
from models import db
from models.engine import reading

from . import demo, schema
from .commands import command_errors
from .scheduler import Worker

HOST = "127.0.0.1"
THREADS = 4


@click.command("start")
@with_appcontext
@command_errors
def start() -> None:
    """Prepare the database, then serve the panel and do the unattended work, until Ctrl-C."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    check_folder()
    with door(app.config["PORT"]) as listening:
        address = f"http://{HOST}:{listening.getsockname()[1]}"
        schema.bring_up_to_date()
        welcome(address)
        db.session.remove()
        serve(app, listening, address)


@contextmanager
def door(port: int) -> Iterator[socket.socket]:
    """The port, ours before anything is written: two starts at once cannot both prepare the database."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen(1024)
        except OverflowError:
            raise click.ClickException(f"There is no port {port}. Choose one up to 65535.") from None
        except OSError as error:
            raise click.ClickException(_why_closed(error, port)) from None
        yield listening


def _why_closed(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use. Stop the program that uses it (is Tillbook running already?), "
            f"or choose another one: make run PORT={port + 1 if port < 65535 else 5001}"
        )
    return f"Port {port} cannot be used: {error.strerror}. Choose another one: make run PORT=5001"


def check_folder() -> None:
    """SQLite says only "unable to open"; say which folder it is."""
    url = db.engine.url
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return
    folder = Path(url.database).absolute().parent
    if not folder.is_dir():
        raise click.ClickException(
            f"The folder {folder} for the database does not exist. Make it, or change DATABASE_URL."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise click.ClickException(f"The folder {folder} cannot be written, and the database is kept there. Allow it.")


def welcome(address: str) -> None:
    """On the first start the demo company, if it is wanted, and how to get in. Later starts touch nothing."""
    with reading():
        demo.check_whole()
        empty, owned = setup.is_open(), staff.has_owner()
        db.session.rollback()
    if empty and current_app.config["DEMO"]:
        demo.fill_and_tell()
    elif empty:
        click.echo(f"Nothing is set up yet. Open {address}/setup to name the company and its owner.")
    elif not owned:
        click.echo("Nobody owns this installation yet. Run: flask staff create YOUR-EMAIL --role owner")


def serve(app: Flask, listening: socket.socket, address: str) -> None:
    """Answer requests and work on schedule until somebody says stop; the work under way comes to a clean end."""
    signal.signal(signal.SIGTERM, _leave)
    largest = app.config["MAX_CONTENT_LENGTH"] or 0
    server = create_server(
        app,
        sockets=[listening],
        threads=THREADS,
        ident=None,
        clear_untrusted_proxy_headers=not app.config["PROXIES"],
        max_request_body_size=2 * largest or 1 << 30,
    )
    worker = Worker(app)
    worker.start()
    click.echo(f"Tillbook is ready: {address}/admin/ (Ctrl-C stops it)")
    try:
        server.run()
    finally:
        worker.stop()
        server.close()
    click.echo("Tillbook has stopped.")


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
