"""Who is asking and what they may do; the views ask here, the rules get an Actor."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import abort, redirect, request
from flask_login import current_user
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response

from billing import company, portal_users, staff
from billing.actor import Actor
from models import PortalAccess, PortalUser, Staff

from . import logs, redirects, sessions


def signed_in_staff() -> Staff | None:
    """The member of staff who asks; None for everybody else, portal users included."""
    return getattr(current_user, "staff", None)


def signed_in_portal_user() -> PortalUser | None:
    """The portal user who asks; None for everybody else, staff included."""
    return getattr(current_user, "portal_user", None)


current_staff: Any = LocalProxy(signed_in_staff)
current_portal_user: Any = LocalProxy(signed_in_portal_user)


def portal_accesses(at: int | None = None, limit: int = portal_users.MOST) -> list[PortalAccess]:
    """The customers that the portal user who asks may act for, the one with the id `at` in front; in a customer's view
    that one alone."""
    through = getattr(current_user, "access", None)
    person = signed_in_portal_user()
    return [through] if through else portal_users.accesses(person, at=at, limit=limit) if person else []


def granted() -> frozenset[str]:
    """The permissions of whoever asks; portal users have none in the panel."""
    person = signed_in_staff()
    return staff.permissions_of(person.role) if person else frozenset()


def allows(permission: str) -> bool:
    """Whether the signed-in member of staff has `permission`."""
    return permission in granted()


def needs(permission: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let only staff in, with `permission` if one is named. Others are sent to the sign-in page, or refused."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not signed_in_staff():
                return to_sign_in()
            if permission and not allows(permission):
                refuse(permission)
            return view(*args, **kwargs)

        return guarded

    return decorate


def refuse(permission: str) -> None:
    """Answer 403 and leave a line in the log."""
    logs.security("access refused", staff=current_staff.id, permission=permission, path=request.path)
    abort(403)


def to_sign_in() -> Response:
    """To the sign-in page, and back here afterwards if this was only a look."""
    return redirect(redirects.sign_in_url())


def actor() -> Actor:
    """Whoever asks, as the rules want to know them."""
    at = sessions.now()
    person, guest = signed_in_staff(), signed_in_portal_user()
    return Actor(
        name=str(person or guest or "Visitor"),
        at=at,
        today=company.day_of(at),
        permissions=granted(),
        staff_id=person.id if person else None,
        portal_user_id=guest.id if guest else None,
        real_staff_id=_behind(),
        address=(request.remote_addr or "")[:45],
    )


def _behind() -> int | None:
    """The member of staff who is in a customer's view."""
    visit = getattr(current_user, "visit", None)
    return visit.staff_id if visit else None
