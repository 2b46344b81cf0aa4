"""The door of a form: one effect per form, one commit, and refusals told where they belong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, request

from models import BillingError, db
from web import form_tokens, params


def once(do: Callable[[], str]) -> str:
    """Do it and commit; the address it led to. The same form sent again does nothing and leads there too.

    Whatever `do` raises comes out, with nothing kept; the form may then be sent again.
    """
    token = params.only(request.form, form_tokens.FIELD)
    try:
        url = form_tokens.once(token)
        if url is None:
            url = do()
            form_tokens.led_to(token, url)
        db.session.commit()
    except Exception:
        db.session.rollback()
        raise
    return url


def told(do: Callable[[], Any], done: Any = "") -> bool:
    """Do it and commit, saying `done`; a refusal is told at the top of the next page. Whether it was done."""
    try:
        do()
        db.session.commit()
    except BillingError as refusal:
        db.session.rollback()
        flash(str(refusal), "danger")
        return False
    if done:
        flash(done, "toast")
    return True
