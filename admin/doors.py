"""The door of a form: one effect per form, one commit, and refusals told where they belong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import flash, request

from models import BillingError, db
from web import form_tokens, params

T = TypeVar("T")


def once(do: Callable[[], str]) -> str:
    """Do it and commit; the address it led to. The same form sent again does nothing and leads there too.

    Whatever `do` raises comes out, with nothing kept; the form may then be sent again.
    """
    token = params.only(request.form, form_tokens.FIELD)

    def first() -> str:
        url = form_tokens.once(token)
        if url is None:
            url = do()
            form_tokens.led_to(token, url)
        return url

    return kept(first)


def kept(do: Callable[[], T]) -> T:
    """Do it and commit; what it gives. Whatever `do` raises comes out, with nothing kept."""
    try:
        done = do()
        db.session.commit()
    except Exception:
        db.session.rollback()
        raise
    return done


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
