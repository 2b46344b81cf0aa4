"""One effect per form: the same form sent twice leads to what the first one did."""

from __future__ import annotations

import secrets

from flask import Flask
from markupsafe import Markup
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from werkzeug.exceptions import BadRequest

from models import FormToken, db

from . import sessions

FIELD = "form_token"


def new() -> str:
    return secrets.token_urlsafe(24)


def field() -> Markup:
    """The hidden field that a form with one effect carries."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, new())


def once(form_token: str, url: str = "") -> str | None:
    """None the first time: go on, in this very transaction. Otherwise the address the first one led to.

    A second one sent at the same moment waits for the first one's commit; if that rolled back, it is the first.
    `url` may be told later by `led_to`, when the new row has its id. Raises BadRequest without a token.
    """
    if not (10 <= len(form_token) <= 64 and form_token.isascii() and form_token.isprintable()):
        raise BadRequest("This form was not complete. Load the page again and send it once more.")
    dialect = postgresql if db.session.get_bind().dialect.name == "postgresql" else sqlite
    row = {"token": form_token, "result_url": url, "used_at": sessions.now()}
    insert = dialect.insert(FormToken).values(row).on_conflict_do_nothing().returning(FormToken.token)
    if db.session.scalar(insert):
        return None
    return db.session.scalar(select(FormToken.result_url).where(FormToken.token == form_token)) or "/"


def led_to(form_token: str, url: str) -> None:
    """Where the form led, for the one that is sent again."""
    mine = update(FormToken).where(FormToken.token == form_token).values(result_url=url)
    db.session.execute(mine.execution_options(synchronize_session=False))


def init_app(app: Flask) -> None:
    app.jinja_env.globals["form_token"] = field
