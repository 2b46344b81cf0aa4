"""The blueprint all pages of the portal belong to, and who may see them.

Every id in an address is resolved through the accesses of the person who asks: what is not theirs is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, session, url_for

from billing import portal_users
from models import PortalAccess, PortalRight
from web.permissions import portal_accesses, signed_in_portal_user, to_sign_in

pages = Blueprint("portal", __name__, url_prefix="/portal")

IN_MENU = 8
"""Customers of a person that the account menu names; a page lists all."""
LAST = "portal_at"
ID = "int(max=9223372036854775807)"


def for_customer(view: Callable[..., Any]) -> Callable[..., Any]:
    """Call the view with the person's access to the customer of the address, or else to the one they were at last.

    Others are sent to the sign-in page; a customer that is not theirs is a 404, like one that does not exist.
    """

    @wraps(view)
    def guarded(*args: Any, customer_id: int | None = None, **kwargs: Any) -> Any:
        user = signed_in_portal_user()
        if user is None:
            return to_sign_in()
        mine = g.portal_accesses = portal_accesses(customer_id or _last(), IN_MENU + 1)
        if not mine and portal_users.invitations(user):
            return redirect(url_for("portal.accounts"))
        if not mine:
            return render_template("portal/closed.html"), 403
        access = next((one for one in mine if customer_id in (None, one.customer_id)), None) or abort(404)
        if len(mine) > 1 and session.get(LAST) != access.customer_id:
            session[LAST] = access.customer_id
        g.portal_access = access
        return view(access, *args, **kwargs)

    return guarded


def _last() -> int | None:
    """The customer whose page this browser showed last, if the person reaches several."""
    found = session.get(LAST)
    return found if isinstance(found, int) else None


def needs(rights: Collection[PortalRight]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Below `for_customer`: whoever has none of these rights at the customer finds nothing here."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(access: PortalAccess, *args: Any, **kwargs: Any) -> Any:
            return view(access, *args, **kwargs) if access.right in rights else abort(404)

        return guarded

    return decorate


def others() -> list[PortalAccess]:
    """The customers of the person who asks, for the account menu: the one they are at in front, then by name; one more
    than is shown where there are more."""
    found: list[PortalAccess] = g.get("portal_accesses", [])
    return found
