"""Work in a process of its own that a test may kill: forked from one that has loaded the program already.

A process that starts from nothing takes seconds to import everything; this one dies by the same signal all the same.
Commands, and what happens when a process starts, are tested by real starts (`processes`).
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import traceback
from multiprocessing.connection import Connection
from typing import Any

from conftest import Clock, settings
from flask import Flask
from sqlalchemy.orm import configure_mappers

PATIENCE = 120
"""Seconds until a test gives up; only a broken program makes it wait that long."""

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["app", "forked", "jobs.deliveries"])
configure_mappers()  # once here, or each process would begin with it


class Forked:
    """`work` ("module:function") called with `arguments` in an app of its own, on the database and files of `app`.

    Values of modules are set first: {"jobs.renewals.CHUNK": 5}. It kills itself at `fault` ("renewals.built@1").
    """

    def __init__(self, app: Flask, work: str, *arguments: Any, values: dict[str, Any] | None = None, fault: str = ""):
        config = settings(app.config["SQLALCHEMY_DATABASE_URI"], app.config["FILES_DIR"])
        given = {"SQLALCHEMY_ENGINE_OPTIONS": app.config["SQLALCHEMY_ENGINE_OPTIONS"]}
        given |= {name: value for name, value in app.config.items() if name.startswith(("MAIL_", "STRIPE_"))}
        config |= {**given, "CLOCK": app.clock()}  # type: ignore[attr-defined]
        self._hears, says = _server.Pipe(duplex=False)
        self.process = _server.Process(target=_run, args=(config, work, arguments, values or {}, fault, says))
        self.process.start()
        says.close()

    def ended(self) -> int:
        """The exit code; below zero the signal that killed it. Fails if the work itself failed."""
        self.process.join(PATIENCE)
        assert self.process.exitcode is not None, "it never ended"
        said = self._said()
        assert "failed" not in said, said["failed"]
        self.result = said.get("result")
        return self.process.exitcode

    def kill(self) -> None:
        """kill -9, if it is still there."""
        self.process.kill()
        self.process.join(PATIENCE)

    def _said(self) -> dict[str, Any]:
        try:
            return self._hears.recv()
        except EOFError:
            return {}
        finally:
            self._hears.close()


def _run(
    config: dict[str, Any], work: str, arguments: tuple[Any, ...], values: dict[str, Any], fault: str, says: Connection
) -> None:
    """What the new process does."""
    from app import create_app
    from models import faults

    faults._wanted = os.environ["TILLBOOK_FAULT"] = fault
    for name, value in values.items():
        module, _dot, attribute = name.rpartition(".")
        setattr(importlib.import_module(module), attribute, value)
    clock = Clock()
    clock.now = config["CLOCK"]
    try:
        app = create_app(config | {"CLOCK": clock})
        module, _colon, function = work.partition(":")
        with app.app_context():
            result = getattr(importlib.import_module(module), function)(*arguments)
    except BaseException:
        says.send({"failed": traceback.format_exc()})
        raise
    says.send({"result": result})
