"""The panel's pages to sign in and out."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from billing import audit, setup, sign_in
from models import Staff, db

from . import params, redirects, second_step, sessions
from .permissions import actor, signed_in_staff
from .proving import prove
from .second_step import HOME

pages = Blueprint("sign_in", __name__)


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
    answer = second_step.come_in(person, redirects.safe_next(params.only(request.form, "next"), HOME))
    db.session.commit()
    return answer


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
