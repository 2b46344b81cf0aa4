"""Entering as a customer: the session of a member of staff becomes the customer's view, and becomes the panel again.

While it lasts the session opens the portal of that one customer and nothing else. Both ways the browser gets a new
token, so that a cookie copied before or meanwhile is worth nothing afterwards. Time that is over does not open the
panel by itself: that takes the button "Return to panel".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, abort, render_template, request
from flask_babel import gettext as _
from flask_login import current_user

from billing import visits
from models import Customer, PortalAccess, Visit

from . import logs, sessions
from .permissions import actor, signed_in_staff

RETURN = "portal.return_to_panel"


def current() -> Visit | None:
    """The visit of whoever asks; None for everybody who is themselves."""
    return getattr(current_user, "visit", None)


def begin(customer: Customer, access: PortalAccess | None = None) -> None:
    """Enter. Raises what `visits.enter` does; the caller commits."""
    visit = visits.enter(customer, access, by=actor())
    logs.security("entered as customer", staff=signed_in_staff().id, customer=customer.id)  # type: ignore[union-attr]
    row = current_user.row
    row.visit, row.only_customer_id = visit, None
    sessions.renew(row)


def finish() -> Customer | None:
    """Leave; whose view it was, None for somebody who was in nobody's. The caller commits."""
    visit = current()
    if visit is None:
        return None
    visits.leave(visit, by=actor())
    row = current_user.row
    row.visit = None
    sessions.renew(row)
    return visit.customer


def own_hands(view: Callable[..., Any]) -> Callable[..., Any]:
    """Keep staff in a customer's view out of what a person does for themselves: password, card, e-mail."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if current() is not None:
            logs.security("refused in a customer's view", staff=current_user.row.staff_id, path=request.path)
            abort(403, _("Only the customer can do this. You are in their view, and this is locked for you."))
        return view(*args, **kwargs)

    return guarded


def _keep_inside() -> Any:
    """Nothing but the customer's portal is open meanwhile, and only as long as the visit lasts."""
    visit = current()
    if visit is None or request.endpoint == RETURN or sessions.is_file():
        return None
    over = current_user.portal_user is None
    if over or not request.path.startswith(("/portal/", "/unsubscribe/")):
        return render_template("web/entered.html", visit=visit, over=over), 409
    return None


def init_app(app: Flask) -> None:
    app.before_request(_keep_inside)
    app.context_processor(lambda: {"visit": current()})
