"""The few addresses that belong to nobody: the front door, health, and help."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, current_app, redirect, render_template
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response

from models import db

pages = Blueprint("pages", __name__)


@pages.get("/")
def front_door() -> Response:
    return redirect("/admin/")


@pages.get("/help")
def help_page() -> str:
    return render_template("web/help.html")


@pages.get("/healthz")
def health() -> tuple[dict[str, str], int]:
    """For a load balancer: can this process work? Says nothing that a stranger may not know."""
    try:
        schema = "ok" if schema_matches() else "run flask db upgrade"
        database = "ok"
    except DBAPIError:
        db.session.rollback()
        schema, database = "unknown", "not reachable"
    well = schema == database == "ok"
    return {"status": "ok" if well else "unavailable", "database": database, "schema": schema}, 200 if well else 503


def schema_matches() -> bool:
    """Whether the database is at the version this code was written for."""
    with db.engine.connect() as connection:
        return set(MigrationContext.configure(connection).get_current_heads()) == _versions(current_app.root_path)


@cache
def _versions(root: str) -> frozenset[str]:
    return frozenset(ScriptDirectory(str(Path(root) / "migrations")).get_heads())
