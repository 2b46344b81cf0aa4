"""An order is confirmed by the link of its mail. Looking confirms nothing: mail scanners open every link.

Whoever holds the link owns the mailbox: only here may be told that there is a login for it already, which then has to
be signed in. Somebody new is signed in by it, to pay at once; the password is chosen by the link of the next mail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import current_app, flash, redirect, render_template, request, url_for
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from billing import order_forms, order_links, orders
from billing.actor import NotAllowed
from billing.order_figures import Figures
from billing.order_making import TotalHasChanged, figures_of
from billing.sign_in import TooManyTries
from messaging import order_mail
from models import BillingError, Customer, Order, OrderState, PortalUser, db
from web import headers, languages, params, sessions, wrong_links
from web.permissions import actor, portal_accesses, signed_in_portal_user, signed_in_staff
from web.price_words import period_words

from . import order, order_page
from .order import pages


@pages.get("/confirm/<token>")
def confirm(token: str) -> Any:
    return _by_link(token, lambda found: _page(token, found))


@pages.post("/confirm/<token>")
def confirmed(token: str) -> Any:
    return _by_link(token, lambda found: _confirm(token, found))


def _by_link(token: str, show: Callable[[Order], Any]) -> Any:
    try:
        wrong_links.check()
    except TooManyTries as refusal:
        return _nothing(str(refusal), 429)
    found = order_links.find(token, key=current_app.config["SECRET_KEY"])
    if found is None:
        wrong_links.count()
        return _nothing("", 404)
    if not languages.is_known(found.form.language):
        return show(found)
    with force_locale(found.form.language):
        return show(found)


def _nothing(why: str, status: int) -> Any:
    return render_template("portal/order/no_link.html", seller_name="", why=why, form=None), status


def _page(token: str, found: Order, wrong: str = "", status: int = 200, customer_id: int = 0) -> Any:
    if found.state == OrderState.ACCEPTED:
        return _placed(found)
    if found.state != OrderState.BEGUN or sessions.now() >= found.expires_at:
        return _nothing("", 410)
    login = orders.owner_of(found)
    user = signed_in_portal_user()
    mine = order_page.may_order_for() if login is not None and user is not None and user.id == login.id else []
    mine.sort(key=lambda one: one.id != customer_id)  # whose total was asked for stands first, and is chosen
    figures, trouble = _figures(found, mine[0] if mine else None)
    if back := order.return_url(found.form):
        headers.allow_forms_to(order.origin(back))
    return render_template(
        "portal/order/confirm.html",
        **order.frame(found.form), order=found, token=token, login=login, user=user, customers=mine, figures=figures,
        wrong=wrong or trouble, period_words=period_words, days=order.days_of,
    ), status  # fmt: skip


def _placed(found: Order) -> Any:
    """It was gone on with in the browser it was placed in; here whoever has the mailbox learns how to reach it."""
    if signed_in_portal_user() is None:
        chosen = found.portal_user is not None and found.portal_user.password_hash
        more = _("Sign in to see it.") if chosen else _("Another mail brings the link to choose a password.")
        flash(_("Your order is placed.") + f" {more}", "info")
    return redirect(url_for("portal.accounts"), 303)


def _figures(found: Order, buyer: Customer | None) -> tuple[Figures | None, str]:
    """What it comes to today for whoever is to pay; or why it cannot be had any more."""
    try:
        return figures_of(found, _form(found), actor().today, buyer), ""
    except BillingError as refusal:
        return None, str(refusal)


def _form(found: Order) -> Any:
    return order_forms.loaded(found.form_id)


def _confirm(token: str, found: Order) -> Any:
    by, number = actor(), found.id
    here = url_for("order.confirm", token=token)
    login = orders.owner_of(found)
    known = {access.customer_id: access.customer for access in portal_accesses()}
    try:
        wanted = known.get(params.number(request.form, "customer")) if login is not None else None
        done = orders.confirm(
            found, seen=order.seen_total(wanted.currency if wanted else found.currency), customer=wanted, by=by
        )
        order_mail.after_placing(done, base_url=order.base_url(), link=order.panel_link(done), by=by)
        url = _go_on(done, is_new=login is None)
        db.session.commit()
    except orders.SignInFirst:
        db.session.rollback()
        return redirect(url_for("portal.sign_in", next=here), 303)
    except TotalHasChanged as refusal:
        db.session.rollback()
        return _page(token, db.session.get_one(Order, number), str(refusal), 409, wanted.id if wanted else 0)
    except IntegrityError:  # two of the same address at the very same moment: one of them was first
        db.session.rollback()
        return _page(token, db.session.get_one(Order, number), _("That did not go through. Send it once more."), 409)
    except (orders.WrongState, NotAllowed) as refusal:
        db.session.rollback()
        flash(str(refusal), "warning")
        return redirect(here, 303)
    except BillingError as refusal:
        db.session.rollback()
        return _page(token, db.session.get_one(Order, number), str(refusal), 400)
    return redirect(url, 303)


def _go_on(done: Order, *, is_new: bool) -> str:
    """To pay, where there is something to pay: whoever is new is signed in, as the owner of this mailbox."""
    thanks = url_for("order.thanks", slug=done.form.slug, number=done.number)
    if done.state != OrderState.ACCEPTED:
        return thanks
    user = db.session.get(PortalUser, done.portal_user_id) if done.portal_user_id else None
    if is_new and user is not None and not user.password_hash and signed_in_staff() is None:
        sessions.start(user)
        flash(_("Your order is confirmed. A mail brings you the link to choose a password."), "success")
    return order.pay_url(done) or order.return_url(done.form) or thanks
