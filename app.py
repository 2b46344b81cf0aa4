"""The application: configuration, extensions, blueprints and commands. Nothing else lives here."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import Migrate

# What is made from here on stays: looking through it for garbage again and again takes a quarter of the start.
gc.disable()

import admin
import jobs
import portal
import web
from models import db
from web import config as configuration
from web.late_rule import LateRule

gc.freeze()
gc.enable()
# A request makes thousands of small objects that go with it: looking for circles among them every 700 costs a tenth.
gc.set_threshold(20_000, 20, 20)

migrate = Migrate(db=db, compare_type=True, render_as_batch=True)


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """An application for the database and settings of the environment, overridden by `config`."""
    app = Flask(__name__, instance_path=str(Path(__file__).resolve().parent / "instance"))
    app.url_rule_class = LateRule
    app.config.from_mapping(configuration.load(Path(app.instance_path)))
    app.config.from_mapping(config or {})
    app.clock = app.config.get("CLOCK") or (lambda: datetime.now(UTC))  # type: ignore[attr-defined]
    db.init_app(app)
    migrate.init_app(app)
    web.init_app(app)
    admin.init_app(app)
    portal.init_app(app)
    jobs.init_app(app)
    return app
