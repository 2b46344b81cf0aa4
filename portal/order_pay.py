"""Whoever just ordered pays in the same browser, without being signed in to a login that nobody has proved yet.

The link is sealed for one order, good for an hour, and bound to a secret in this browser's session: anywhere else it
opens nothing. It shows and pays the order's own invoice, and nothing else of the customer. A known e-mail address gets
the same pages as a new one: its order is made for a customer of its own then, and who signs in with the address is
asked by mail whether it is theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import force_locale
from flask_babel import gettext as _

from billing import card_payments, order_pay, orders
from billing.card_payments import BeingPaid
from billing.sign_in import TooManyTries
from messaging import cards as gateway_questions
from messaging import order_mail
from models import AttemptState, BillingError, Invoice, Order, OrderState, PaymentAttempt, db
from web import form_tokens, languages, wrong_links
from web.entering import own_hands
from web.permissions import actor

from . import card_payments as by_card
from . import order as order_pages
from . import order_links, paying
from .order import pages
from .pages import ID

RESULT_FOR = order_links.PAY_FOR + 2 * by_card.OPEN_FOR
"""Who began to pay in time may see what came of it a while longer."""


def _by_link(within: timedelta, *, goes_on: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Call the view with the order that the link opens in this browser; anything else is a link that opens nothing.
    Who has not gone on from the page of thanks is sent there, but to the view that `goes_on`."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(token: str, **more: Any) -> Any:
            try:
                wrong_links.check()
            except TooManyTries as refusal:
                return _nothing(str(refusal), 429)
            order = order_links.find(token, within)
            if order is None:
                wrong_links.count()
                return _nothing(_("Pay by the link in the mail that we have sent you, or ask us."), 404)
            if not (goes_on or order_links.has_gone_on(order)):
                return redirect(url_for("order.thanks", slug=order.form.slug, number=order.number), 303)
            if not languages.is_known(order.form.language):
                return view(order, token, **more)
            with force_locale(order.form.language):
                return view(order, token, **more)

        return guarded

    return decorate


@pages.get("/pay/<token>")
@_by_link(order_links.PAY_FOR)
def pay(order: Order, token: str) -> Any:
    """How the order is paid. Looking makes nothing."""
    invoice = order.invoice if order.state == OrderState.ACCEPTED else None
    if invoice is None:
        return _drawn("portal/order/pay.html", order, invoice=None, token=token)
    if busy := card_payments.running([invoice.id]).get(invoice.id):
        return redirect(url_for("order.pay_result", token=token, attempt_id=busy.id), 303)
    amount = card_payments.to_pay(invoice)
    offered = gateway_questions.offered(invoice.customer)
    ways = paying.ways_of(invoice.customer, amount, paying.reference_of(invoice.customer, [invoice]), by_card=offered)
    return _drawn("portal/order/pay.html", order, invoice=invoice, amount=amount, ways=ways, token=token)


@pages.post("/pay/<token>")
@own_hands
@_by_link(order_links.PAY_FOR, goes_on=True)
def go_on(order: Order, token: str) -> Any:
    """From the page of thanks: what the order is paid for is there now."""
    by, here = actor(), url_for("order.pay", token=token)
    order_links.go_on(order)
    if order.state == OrderState.BEGUN and order_links.is_payable_here(order):
        try:
            done = orders.go_on_as_guest(order, by=by)
            link_ = order_pages.panel_link(done)
            order_mail.after_placing(done, base_url=order_pages.base_url(), link=link_, by=by)
            db.session.commit()
        except BillingError as refusal:
            db.session.rollback()
            flash(str(refusal), "warning")
    return redirect(here, 303)


@pages.post("/pay/<token>/card")
@own_hands
@_by_link(order_links.PAY_FOR)
def pay_card(order: Order, token: str) -> Any:
    """To the gateway's page, for what is open on the order's invoice."""
    if order.invoice is None or not gateway_questions.offered(order.invoice.customer):
        abort(404)
    here = url_for("order.pay", token=token)
    if before := form_tokens.once(request.form.get(form_tokens.FIELD, "")):
        return redirect(before, 303)
    try:
        attempt = order_pay.begin(order, gateway=gateway_questions.gateway().name, by=actor())
    except BeingPaid as busy:
        db.session.rollback()
        return redirect(url_for("order.pay_result", token=token, attempt_id=busy.attempt.id), 303)
    except BillingError as refusal:
        db.session.rollback()
        flash(str(refusal), "danger")
        return redirect(here, 303)
    return by_card.to_the_page(attempt, _results(token))


@pages.get(f"/pay/<token>/<{ID}:attempt_id>")
@_by_link(RESULT_FOR)
def pay_result(order: Order, token: str, attempt_id: int) -> Any:
    """What became of the payment by card. Looking asks nobody; the page itself asks by a POST."""
    attempt = _attempt(order, attempt_id)
    open_ = attempt.state in card_payments.OPEN
    return _drawn(
        "portal/order/paid.html", order, token=token, attempt=attempt, open=open_, checked="checked" in request.args,
        leaving=open_ and bool(attempt.page_url) and "go" in request.args, gateway=gateway_questions.gateway().title,
        back=order_pages.return_url(order.form),
    )  # fmt: skip


@pages.post(f"/pay/<token>/<{ID}:attempt_id>/check")
@_by_link(RESULT_FOR)
def pay_check(order: Order, token: str, attempt_id: int) -> Any:
    """Ask the gateway how it stands; with ``stop`` its page takes no more money first."""
    attempt = _attempt(order, attempt_id)
    gateway = gateway_questions.gateway()
    if "stop" in request.form and attempt.state == AttemptState.REDIRECTED:
        attempt = by_card.settled(attempt, gateway.close_page)
    elif attempt.state in card_payments.OPEN:
        attempt = by_card.settled(attempt, gateway.look_up)
    return redirect(url_for("order.pay_result", token=token, attempt_id=attempt.id, checked=1), 303)


def _attempt(order: Order, attempt_id: int) -> PaymentAttempt:
    """A payment for this order's invoice; any other is not there."""
    found = db.session.get(PaymentAttempt, attempt_id)
    mine = found is not None and any(_is_of(order, part.invoice) for part in found.parts)
    return found if found is not None and mine else abort(404)


def _is_of(order: Order, invoice: Invoice) -> bool:
    return order.invoice_id is not None and order.invoice_id in (invoice.id, invoice.became_id)


def _results(token: str) -> Callable[..., str]:
    return lambda attempt, **more: url_for("order.pay_result", token=token, attempt_id=attempt.id, **more)


def _drawn(template: str, order: Order, **known: Any) -> Any:
    known = {"customer": order.customer, **known}
    return order_pages.untold(render_template(template, **order_pages.frame(order.form), order=order, **known))


def _nothing(why: str, status: int) -> Any:
    page = render_template("portal/order/no_link.html", seller_name="", why=why, form=None)
    return order_pages.untold((page, status))
