"""Proving a password, and the panel's pages to sign in and out. The portal proves its passwords here too."""

from __future__ import annotations

from typing import TypeVar

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from billing import audit, setup, sign_in
from billing.passwords import LONGEST, Passwords
from models import PortalUser, Staff, db, engine

from . import logs, params, redirects, sessions
from .permissions import actor, signed_in_staff

HOME = "/admin/"
Person = TypeVar("Person", Staff, PortalUser)
pages = Blueprint("sign_in", __name__)


def passwords() -> Passwords:
    """The one that hashes and checks passwords, at this installation's cost."""
    return current_app.extensions["passwords"]


def prove(kind: type[Person], email: str, password: str) -> Person | None:
    """The person this e-mail and password belong to, with a write transaction open that counts the success.

    None if they do not fit together, whatever the reason; the same work is done for unknown accounts. Raises
    TooManyTries. Three short transactions, because no password is hashed inside one.
    """
    at, address, face = sessions.now(), request.remote_addr or "", kind.__tablename__
    db.session.rollback()
    tries = sign_in.begin_try(face, email, address, at)
    db.session.commit()
    password_hash = _before_hashing(kind, email, tries)
    right = passwords().verify(password_hash, password[: LONGEST + 1])
    fresh_hash = passwords().hash(password) if right and passwords().outdated(password_hash) else password_hash
    person = _by_email(kind, email, lock=True)
    if not (right and person and person.active and person.password_hash == password_hash):
        _note_refusal(face, email, person)
        return None
    person.password_hash = fresh_hash
    sign_in.succeeded(face, email, tries)
    return person


def _before_hashing(kind: type[Person], email: str, tries: list[int]) -> str:
    """The hash to compare with, if another try is allowed; ends its transaction."""
    try:
        with engine.reading():
            sign_in.check(tries, sessions.now())
            person = _by_email(kind, email)
            return person.password_hash if person else ""
    except sign_in.TooManyTries as refusal:
        db.session.rollback()
        sign_in.forget_try(tries)
        db.session.commit()
        logs.security("sign-in held back", face=kind.__tablename__, wait=str(refusal.wait))
        raise
    finally:
        db.session.rollback()


def _by_email(kind: type[Person], email: str, lock: bool = False) -> Person | None:
    email = email.strip().lower()
    found = select(kind).where(kind.email == email)
    if lock:
        found = found.with_for_update(of=kind).execution_options(populate_existing=True)
    return None if "\x00" in email else db.session.scalar(found)


def _note_refusal(face: str, email: str, person: Staff | PortalUser | None) -> None:
    """Keep what was tried, unless it may be a password in the wrong field."""
    shown = "".join(letter for letter in email.strip()[:200] if letter.isprintable()) if "@" in email else ""
    thing = person or (Staff if face == "staff" else PortalUser)(email=shown, name=shown or "unknown")
    audit.record(actor(), f"{face}.sign_in_refused", thing)
    db.session.commit()
    logs.security("sign-in refused", face=face, email=shown)


@pages.get("/admin/sign-in")
def form() -> Response | str:
    if signed_in_staff():
        return redirect(redirects.safe_next(params.only(request.args, "next"), HOME))
    if setup.is_open():
        return redirect(url_for("setup.form"))
    return _page()


@pages.post("/admin/sign-in")
def submit() -> Response | str | tuple[str, int]:
    email, password = params.only(request.form, "email"), params.only(request.form, "password")
    if not (email.strip() and password):
        return _page(_("Type your e-mail and your password."), 400)
    try:
        person = prove(Staff, email, password)
    except sign_in.TooManyTries as refusal:
        return _page(str(refusal), 429)
    if person is None:
        return _page(_("The e-mail and password do not fit together. Check both and try again."), 401)
    enter(person)
    db.session.commit()
    return redirect(redirects.safe_next(params.only(request.form, "next"), HOME))


def enter(person: Staff | PortalUser) -> None:
    """Sign the person in with a new session, and write it down. The caller commits."""
    sessions.start(person)
    audit.record(actor(), f"{person.__tablename__}.signed_in", person)


@pages.post("/admin/sign-out")
def sign_out() -> Response:
    person = signed_in_staff()
    if person:
        audit.record(actor(), "staff.signed_out", person)
    sessions.end_this()
    db.session.commit()
    flash(_("You are signed out."), "success")
    return redirect(url_for("sign_in.form"))


def _page(problem: str = "", status: int = 200) -> tuple[str, int]:
    values = request.form if request.method == "POST" else request.args
    back = redirects.safe_next(params.only(values, "next"), "")
    email = params.only(request.form, "email")[:254]
    return render_template("web/sign_in.html", problem=problem, email=email, next=back), status
