"""Where Twilio and Stripe tell us things: checked by their signatures, stored, answered at once; then carried out."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, current_app, request

from integrations import texts as twilio
from integrations.gateways import NotSigned
from messaging import card_events, cards, hooks
from models import db
from web import logs
from web.permissions import actor

pages = Blueprint("hooks", __name__, url_prefix="/hooks")
NOTHING_TO_SAY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

log = logging.getLogger(__name__)


@pages.post("/twilio/status")
def status() -> Response:
    """What became of a text."""
    return _take(hooks.STATUS)


@pages.post("/twilio/inbound")
def inbound() -> Response:
    """Somebody texted us. Twilio itself answers STOP, START and HELP."""
    return _take(hooks.INBOUND)


def _take(kind: str) -> Response:
    """Keep the event, then try to carry it out; what fails then is tried again by the job `texts`."""
    if not _is_signed():
        logs.security("unsigned webhook", path=request.path)
        return Response("The signature is not right.", 400, mimetype="text/plain")
    event_id = hooks.store(kind, {**request.args.to_dict(), **request.form.to_dict()}, by=actor())
    db.session.commit()
    if event_id is not None:
        try:
            hooks.process(event_id, by=actor())
            db.session.commit()
        except Exception:
            db.session.rollback()
            log.exception("the event %s waits to be carried out", event_id)
    return Response(NOTHING_TO_SAY, mimetype="text/xml")


def _is_signed() -> bool:
    """Signed for the address we told Twilio, whatever the request says its host is."""
    base = current_app.config.get("BASE_URL") or ""
    query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
    given = request.headers.get("X-Twilio-Signature", "")
    token = current_app.config.get("TWILIO_AUTH_TOKEN") or ""
    return bool(base) and twilio.signature_is_right(token, f"{base}{request.path}{query}", request.form, given)


@pages.post("/stripe")
def stripe() -> Response:
    """Stripe tells what happened. Kept and answered at once; the job `cards` carries it out."""
    try:
        event = cards.gateway().read_event(
            request.get_data(cache=False), request.headers.get("Stripe-Signature", ""), at=actor().at
        )
    except NotSigned as why:
        logs.security("unsigned webhook", path=request.path)
        return Response(str(why), 400, mimetype="text/plain")
    card_events.store(event, by=actor())
    db.session.commit()
    return Response("Kept.", mimetype="text/plain")
