"""Every refusal and every breakdown as a page in people's words; never a trace, never half a page."""

from __future__ import annotations

import secrets

from flask import Flask, current_app, g, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.wrappers import Response

from billing.actor import NotAllowed
from billing.sign_in import TooManyTries
from models import BillingError, db

from . import logs

PAGES = {400, 403, 404, 405, 409, 413, 429, 500, 503}
_LOST = ("locked", "busy", "connection", "server closed", "unable to open", "could not translate", "shutting down")
_AT_ONCE = ("uniqueviolation", "foreignkeyviolation", "unique constraint failed", "foreign key constraint failed")
_UNMIGRATED = ("no such table", "no such column", "undefinedtable", "undefinedcolumn")
_WRONG_HOST = "Tillbook does not answer to this name. Whoever runs it can add the name to TRUSTED_HOSTS.\n"
Answer = tuple[str, int]


def page(status: int, message: str | None = None) -> Answer:
    """The page of `status`, with its own sentence unless `message` says it better."""
    shown = status if status in PAGES else (500 if status >= 500 else 400)
    return render_template(f"errors/{shown}.html", message=message, request_id=g.get("failure")), status


def http_error(error: HTTPException) -> Answer | Response | HTTPException:
    if isinstance(error, SecurityError):  # no page can be built for a host that is not ours
        current_app.logger.warning("a request for the host %s was refused", request.headers.get("Host", ""))
        return current_app.response_class(_WRONG_HOST, 400, mimetype="text/plain")
    if error.response is not None or error.code is None or error.code < 400:
        return error
    return _with_headers(error, page(error.code, _own_words(error)))


def _own_words(error: HTTPException) -> str | None:
    """What we said ourselves when refusing; never the library's sentence."""
    own = error.description if "description" in vars(error) else None
    return str(own) if own and not isinstance(error, CSRFError) else None


def _with_headers(error: HTTPException, answer: Answer) -> Answer | Response:
    """`Allow` of a 405 and `Retry-After` of a 429 belong to the answer."""
    response = current_app.make_response(answer)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def csrf_error(error: CSRFError) -> Answer:
    logs.security("form refused", reason=error.description)
    return page(400)


def refusal(error: BillingError) -> Answer:
    """A rule said no and the view did not say it itself."""
    db.session.rollback()
    status = 403 if isinstance(error, NotAllowed) else 429 if isinstance(error, TooManyTries) else 409
    return page(status, str(error))


def stale(error: StaleDataError) -> Answer:
    db.session.rollback()
    return page(409)


def database_error(error: DBAPIError) -> Answer:
    """Busy or away is not our fault and passes, nor is a second one at the same moment; all else is to be found."""
    said = f"{type(error.orig).__name__} {error.orig}".lower()
    twice = isinstance(error, IntegrityError) and any(word in said for word in _AT_ONCE)
    if twice or "deadlockdetected" in said:  # each waited for the other: nothing was done, and once more it goes
        db.session.rollback()
        current_app.logger.warning("two at once: %s", " ".join(str(error.orig).split())[:300])
        return page(409)
    if any(word in said for word in _UNMIGRATED):
        return _unavailable(
            error, _("The database is not ready yet. Run “flask db upgrade”, then load this page again.")
        )
    if error.connection_invalidated or any(word in said for word in _LOST):
        return _unavailable(error)
    return breakdown(error)


def no_connection(error: PoolTimeout) -> Answer:
    return _unavailable(error)


def _unavailable(error: Exception, message: str | None = None) -> Answer:
    g.without_database = True
    current_app.logger.error("database: %s", " ".join(str(error).split())[:300])
    return page(503, message)


def breakdown(error: Exception) -> Answer:
    """A fault of ours: the trace goes to the log under a number that the page shows."""
    g.without_database = True
    db.session.remove()  # a transaction that broke can print no page
    g.failure = secrets.token_hex(4)
    logged = isinstance(error, HTTPException)  # by Flask, with its trace, one line up
    current_app.logger.error("failure number %s", g.failure, exc_info=None if logged else error)
    return page(500)


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(CSRFError, csrf_error)
    app.register_error_handler(BillingError, refusal)
    app.register_error_handler(StaleDataError, stale)
    app.register_error_handler(DBAPIError, database_error)
    app.register_error_handler(PoolTimeout, no_connection)
    app.register_error_handler(500, breakdown)
