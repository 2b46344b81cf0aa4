"""All customers that a person reaches, to be searched; and the invitations that wait for an answer."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from billing import order_records, portal_users
from models import Customer, PortalAccess, PortalUser, db, find
from models.search import SearchIndex
from web import entering
from web.entering import own_hands
from web.params import only
from web.permissions import actor, portal_accesses, signed_in_portal_user, to_sign_in

from . import paging
from .pages import ID, pages
from .users import RIGHTS

ON_A_PAGE = 25
SEARCHED = SearchIndex("customer", ("name",), ("name",))


@pages.get("/accounts")
def accounts() -> Any:
    """``q``: what their names, numbers or addresses hold."""
    user = signed_in_portal_user()
    if user is None:
        return to_sign_in()
    if entering.current() is not None:
        return redirect(url_for("portal.home", customer_id=portal_accesses()[0].customer_id))
    typed = only(request.args, "q").strip()[:100]
    page = paging.read(_found(user, typed), PortalAccess.id, ON_A_PAGE)
    invited = portal_users.invitations(user)
    return render_template(
        "portal/accounts.html", typed=typed, page=page, found=[row[0] for row in page.rows], rights=RIGHTS,
        invited=invited, orders=order_records.of_invitations(user, invited),
        to=lambda **more: url_for("portal.accounts", q=typed or None, **more),
    )  # fmt: skip


@pages.post(f"/accounts/<{ID}:access_id>/accept")
@own_hands
def accept_invitation(access_id: int) -> Any:
    access = _invited(access_id)
    portal_users.accept(access, by=actor())
    name, number = access.customer.name, access.customer_id
    db.session.commit()
    flash(_("%(name)s stands among your accounts now.", name=name), "success")
    return redirect(url_for("portal.home", customer_id=number), 303)


@pages.post(f"/accounts/<{ID}:access_id>/decline")
@own_hands
def decline_invitation(access_id: int) -> Any:
    access = _invited(access_id)
    portal_users.decline(access, by=actor())
    db.session.commit()
    flash(_("Declined."), "success")
    return redirect(url_for("portal.accounts"), 303)


def _found(user: PortalUser, typed: str) -> Any:
    query = portal_users.reachable(user)
    if words := SEARCHED.words(typed):
        dialect = db.session.get_bind().dialect.name
        query = query.where(find.contains(SEARCHED, Customer, words, dialect))
    return query


def _invited(access_id: int) -> PortalAccess:
    """An invitation of whoever asks; 404 for everything else."""
    user = signed_in_portal_user() or abort(404)
    mine = PortalAccess.id == access_id, PortalAccess.portal_user_id == user.id, ~PortalAccess.accepted
    return db.session.scalar(select(PortalAccess).where(*mine)) or abort(404)
