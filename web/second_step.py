"""Two-step sign-in for both faces: the code after the password, and the page where a person turns it on or off.

Between the password and the code nobody is signed in: the browser's signed cookie says who waits, for some minutes,
and no longer than the password stays the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from billing import company, second_step
from billing import sign_in as tries
from integrations import qr_codes
from models import BillingError, PortalUser, Staff, db

from . import logs, params, redirects, sessions
from .permissions import actor, granted, signed_in_portal_user, signed_in_staff
from .proving import enter, fingerprint, prove

pages = Blueprint("second_step", __name__)
HOME = "/admin/"
WAITING, MUST = "waiting", "second_step_wanted"
GOOD_FOR = 5 * 60
FACES: dict[str, type[Staff] | type[PortalUser]] = {"staff": Staff, "portal_user": PortalUser}
SIGN_IN = {"staff": "sign_in.form", "portal_user": "portal.sign_in"}
ACCOUNT = {"staff": "/admin/account/", "portal_user": "/portal/account"}
Page = Response | str | tuple[str, int]


def come_in(person: Staff | PortalUser, back: str) -> Response:
    """The password was right: in, or first to the page that asks for the code. The caller commits."""
    if second_step.of(person) is None:
        enter(person)
        if _must(person):
            session[MUST] = True
            return redirect(url_for("second_step.page"))
        return redirect(back)
    until = sessions.now().timestamp() + GOOD_FOR
    sessions.end_this()
    session[WAITING] = [person.__tablename__, person.id, fingerprint(person), until, back]
    return redirect(url_for("second_step.code"))


@pages.get("/sign-in/code")
def code() -> Page:
    person, _back = _waits()
    return _asked() if person else _again()


@pages.post("/sign-in/code")
def check() -> Page:
    person, back = _waits()
    if person is None:
        return _again()
    typed = params.only(request.form, "code")[:40]
    try:
        right = _prove(person, typed)
    except tries.TooManyTries as refusal:
        return _asked(str(refusal)), 429
    if not right:
        return _asked(_("This is not the code that the app shows now. Wait for the next one, and type it.")), 401
    enter(person)
    db.session.commit()
    return redirect(back)


@pages.get("/second-step/")
def page() -> Page:
    person = _person()
    return _shown(person) if person else redirect(url_for(SIGN_IN["staff"]))


@pages.get("/second-step/code.png")
def picture() -> Response:
    person = _person()
    step = second_step.begun(person) if person else None
    if person is None or step is None:
        abort(404)
    seller = company.settings().name or "Tillbook"
    try:
        data = qr_codes.png(second_step.address_of(step, person, seller, _key()))
    except (BillingError, ValueError):
        abort(404)
    return Response(data, mimetype="image/png", headers={"Cache-Control": "no-store"})


@pages.post("/second-step/begin")
def begin() -> Page:
    return _with_password(lambda person: second_step.begin(person, key=_key(), by=actor()))


@pages.post("/second-step/off")
def off() -> Page:
    return _with_password(lambda person: second_step.turn_off(person, by=actor()))


@pages.post("/second-step/codes")
def codes() -> Page:
    return _with_password(lambda person: second_step.new_codes(person, by=actor()))


@pages.post("/second-step/confirm")
def confirm() -> Page:
    person = _person() or abort(404)
    try:
        made = second_step.confirm(person, params.only(request.form, "code")[:40], key=_key(), by=actor())
    except BillingError as refusal:
        db.session.rollback()
        return _shown(_person(), code=str(refusal)), 400
    session.pop(MUST, None)
    db.session.commit()
    return _shown(_person(), codes=made)


def _with_password(do: Callable[[Any], Any]) -> Page:
    """Only for whoever knows the password, not for whoever found the browser open."""
    person = _person() or abort(404)
    kind, email = type(person), person.email
    if not _proven(kind, email):
        return _shown(_person(), password=_("This is not your password.")), 400
    person = _person() or abort(404)
    try:
        made = do(person)
    except BillingError as refusal:
        db.session.rollback()
        return _shown(_person(), password=str(refusal)), 400
    db.session.commit()
    if isinstance(made, list):
        return _shown(_person(), codes=made)
    return redirect(url_for("second_step.page"))


def _proven(kind: Any, email: str) -> bool:
    try:
        return prove(kind, email, params.only(request.form, "password")) is not None
    except tries.TooManyTries:
        return False


def _prove(person: Staff | PortalUser, typed: str) -> bool:
    """Tries are counted as those of passwords are, and first."""
    at, face = sessions.now(), f"{person.__tablename__}_code"
    kind, number, email = type(person), person.id, person.email
    ids = tries.begin_try(face, email, request.remote_addr or "", at)
    db.session.commit()
    try:
        tries.check(ids, at)
    except tries.TooManyTries:
        tries.forget_try(ids)
        db.session.commit()
        logs.security("second step held back", face=face)
        raise
    found = db.session.get_one(kind, number)
    right = second_step.matches(found, typed, key=_key(), by=actor())
    if right:
        tries.succeeded(face, email, ids)
    else:
        logs.security("second step refused", face=face, person=number)
        db.session.commit()
    return right


def _waits() -> tuple[Staff | PortalUser | None, str]:
    """Who proved the password in this browser a moment ago, and where they were going."""
    found = session.get(WAITING)
    if not isinstance(found, list) or len(found) != 5 or sessions.now().timestamp() > found[3]:
        return None, HOME
    face, number, mark, _until, back = found
    person = db.session.get(FACES[face], number)
    if person is None or not person.active or fingerprint(person) != mark:
        return None, HOME
    return person, redirects.safe_next(back, HOME)


def _again() -> Response:
    found = session.pop(WAITING, None) or ["staff"]
    flash(_("That took too long. Sign in once more."), "warning")
    return redirect(url_for(SIGN_IN[found[0]]))


def _asked(problem: str = "") -> str:
    return render_template("web/code.html", problem=problem)


def _person() -> Staff | PortalUser | None:
    """Whoever is signed in as themselves."""
    return None if getattr(current_user, "visit", None) else signed_in_staff() or signed_in_portal_user()


def _shown(person: Staff | PortalUser | None, **said: Any) -> str:
    if person is None:
        abort(404)
    on, step = second_step.of(person), second_step.begun(person)
    secret = ""
    if step:
        try:
            secret = second_step.secret_of(step, _key())
        except BillingError:
            step = None
    return render_template(
        "web/second_step.html",
        on=on,
        left=second_step.codes_left(on) if on else 0,
        step=step,
        secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        said=said,
        must=bool(session.get(MUST)),
        back=ACCOUNT[person.__tablename__],
    )


def _must(person: Staff | PortalUser) -> bool:
    """Whether the settings ask this person for a second step."""
    who = company.value("second_step_for") if isinstance(person, Staff) else ""
    return who == "staff" or (who == "rights" and bool({"staff.edit", "settings.edit"} & granted()))


def _keep_to_it() -> Response | None:
    """Who has to set it up does that first."""
    if not session.get(MUST) or sessions.is_file() or signed_in_staff() is None:
        return None
    endpoint = request.endpoint or ""
    if endpoint.startswith("second_step.") or endpoint == "sign_in.sign_out":
        return None
    return redirect(url_for("second_step.page"))


def _key() -> str:
    return str(current_app.config["SECRET_KEY"])


def init_app(app: Flask) -> None:
    app.register_blueprint(pages)
    app.before_request(_keep_to_it)
