"""Sending what waits: in this process, or in another one that may be killed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from forked import Forked
from mailserver import MailServer, mail_server

from jobs import deliveries
from models import AuditEvent, Delivery, db


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


@contextmanager
def child(app: Flask) -> Iterator[Forked]:
    """Another process that delivers from the same database; killed at the end of the block."""
    process = Forked(app, "jobs.deliveries:run")
    try:
        yield process
    finally:
        process.kill()
