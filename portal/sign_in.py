"""Signing in to the portal and out again, and asking for a new password."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from billing import audit, portal_links, portal_users
from billing import sign_in as tries
from messaging import portal_mail
from models import PortalUser, db
from web import entering, logs, params, redirects, second_step, sessions
from web.permissions import actor, signed_in_portal_user
from web.proving import prove

from .pages import pages

HOME, ORDER = "/portal/", "/order/"


def _next(values: object) -> str:
    back = redirects.safe_next(params.only(values, "next"), HOME)  # type: ignore[arg-type]
    return back if back.startswith((HOME, ORDER)) else HOME


@pages.get("/sign-in")
def sign_in() -> Response | str | tuple[str, int]:
    if signed_in_portal_user():
        return redirect(_next(request.args))
    return _page()


@pages.post("/sign-in")
def submit() -> Response | tuple[str, int]:
    typed, password = params.only(request.form, "login"), params.only(request.form, "password")
    if not (typed.strip() and password):
        return _page(_("Type your e-mail or user name, and your password."), 400)
    try:
        person = prove(PortalUser, portal_users.login_of(typed), password)
    except tries.TooManyTries as refusal:
        return _page(str(refusal), 429)
    if person is None or not portal_users.may_come(person):
        db.session.rollback()
        return _page(_("This name and password do not fit together. Check both and try again."), 401)
    answer = second_step.come_in(person, _next(request.form))
    db.session.commit()
    return answer


@pages.post("/return")
def return_to_panel() -> Response:
    """Out of a customer's view, to the page of that customer in the panel."""
    customer = entering.finish()
    db.session.commit()
    return redirect(url_for("customer.details_view", id=customer.id) if customer else HOME)


@pages.post("/sign-out")
def sign_out() -> Response:
    if entering.current():
        return return_to_panel()
    person = signed_in_portal_user()
    if person:
        audit.record(actor(), "portal_user.signed_out", person)
    sessions.end_this()
    db.session.commit()
    flash(_("You are signed out."), "success")
    return redirect(url_for("portal.sign_in"))


@pages.get("/forgot")
def forgot() -> str:
    return render_template("portal/forgot.html", problem="", asked=False, login="")


@pages.post("/forgot")
@entering.own_hands
def ask_for_link() -> tuple[str, int]:
    """The same answer whether somebody is known or not; the mail tells only its owner."""
    typed = params.only(request.form, "login")[:254]
    if not typed.strip():
        return render_template("portal/forgot.html", problem=_("Type your e-mail or user name."), asked=False), 400
    try:
        _count(typed)
    except tries.TooManyTries as refusal:
        db.session.rollback()
        logs.security("reset held back", face="portal")
        return render_template("portal/forgot.html", problem=str(refusal), asked=False, login=typed), 429
    _queue(typed)
    db.session.commit()
    return render_template("portal/forgot.html", problem="", asked=True), 200


def _count(typed: str) -> None:
    """Tries are counted before anything is looked up, so that tries sent side by side are counted too."""
    ids = tries.begin_try("reset", typed, request.remote_addr or "", sessions.now())
    db.session.commit()
    tries.check(ids, sessions.now())


def _queue(typed: str) -> None:
    user = portal_users.by_email(portal_users.login_of(typed))
    if user is None or not user.active:
        return
    mine = portal_users.accesses(user, limit=1) or portal_users.invitations(user)
    if not mine or not portal_links.may_reset(user, sessions.now()):
        return
    try:
        base = redirects.absolute("")
    except BadRequest:
        current_app.logger.error("A customer asked for a new password, but BASE_URL is not set: no link can be made.")
        return
    portal_mail.queue_link(user, mine[0].customer, portal_links.RESET, base_url=base, by=actor())


def _page(problem: str = "", status: int = 200) -> tuple[str, int]:
    values = request.form if request.method == "POST" else request.args
    back, login = _next(values), params.only(request.form, "login")[:254]
    return render_template("portal/sign_in.html", problem=problem, login=login, next=back), status
