"""Sending what waits: in this process, or in another one that may be killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conftest import Backend
from flask import Flask
from mailserver import MailServer, mail_server

from jobs import deliveries
from models import AuditEvent, Delivery, db

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def serving(app: Flask, folder: Path, *rules: dict[str, Any]) -> Iterator[MailServer]:
    with mail_server(folder, *rules) as server:
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=server.port)
        try:
            yield server
        finally:
            app.config["MAIL_SERVER"] = ""


def run() -> dict[str, Any]:
    """A run's counts, without the noughts."""
    return {name: value for name, value in deliveries.run().items() if value}


def states() -> list[str]:
    db.session.expire_all()
    return [delivery.state.value for delivery in db.session.query(Delivery).order_by(Delivery.id)]


def verbs() -> list[str]:
    return list(db.session.scalars(db.select(AuditEvent.verb).order_by(AuditEvent.id)))


def wait_for(condition: Callable[[], object], seconds: int = 60) -> None:
    """Until it holds in another process; the time is far more than that takes."""
    nothing, pause = threading.Event(), seconds / 3000
    for _try in range(3000):
        if condition():
            return
        nothing.wait(pause)
    raise AssertionError("it did not come to that")


CHILD = """
import sys
from datetime import UTC, datetime
from app import create_app
url, files, port, moment = sys.argv[1:]
app = create_app({
    "SECRET_KEY": "a key for tests only, long enough to be strong 0123456789",
    "SQLALCHEMY_DATABASE_URI": url, "FILES_DIR": files, "MAIL_SERVER": "127.0.0.1", "MAIL_PORT": int(port),
    "CLOCK": lambda: datetime.fromisoformat(moment),
})
with app.app_context():
    from jobs import deliveries
    deliveries.run()
"""


@contextmanager
def child(app: Flask, backend: Backend, server: MailServer) -> Iterator[subprocess.Popen[str]]:
    """Another process that delivers from the same database; killed at the end of the block."""
    arguments = [backend.url, app.config["FILES_DIR"], str(server.port), app.clock().isoformat()]
    process = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
