"""Ending a kind of mail by the link that came with it: one click of the mail program (RFC 8058), or a page."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from billing import message_categories, opt_outs
from messaging import unsubscribe
from models import Delivery, db
from web import sessions
from web.permissions import actor

pages = Blueprint("unsubscribe", __name__)


@pages.get(f"{unsubscribe.PATH}<token>")
def ask(token: str) -> str:
    """Looking changes nothing: mail scanners open every link."""
    delivery = _delivery(token)
    return render_template(
        "portal/unsubscribe.html",
        token=token,
        address=delivery.address,
        kind=message_categories.name_of(delivery.message.category),
        ended=opt_outs.blocks(delivery, delivery.message) is not None,
    )


@pages.post(f"{unsubscribe.PATH}<token>")
def submit(token: str) -> Response:
    """The link is the proof, so this takes no form token: mail programs have none."""
    delivery = _delivery(token)
    if request.form.get("want") == "again":
        unsubscribe.put_back(delivery, by=actor())
    else:
        unsubscribe.take_off(delivery, by=actor())
    db.session.commit()
    return redirect(url_for("unsubscribe.ask", token=token), 303)


def _delivery(token: str) -> Delivery:
    delivery = unsubscribe.read(token, at=sessions.now())
    if delivery is None or delivery.message.essential:
        abort(404)
    return delivery
