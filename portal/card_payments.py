"""Paying by card: with a saved one at once, or to the gateway's own page and back; and what came of it.

Nothing is open in the database while the gateway is asked. Looking at the result changes nothing; asking the gateway
how it stands is a POST that the page sends by itself when the customer comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from billing import card_payments, cards, company
from billing.card_payments import BeingPaid
from integrations.gateways import Answer
from messaging import cards as gateway_questions
from models import (
    AttemptKind,
    AttemptState,
    BillingError,
    Card,
    Invoice,
    Money,
    PaymentAttempt,
    PortalAccess,
    PortalRight,
    db,
)
from web import entering, form_tokens, params, redirects
from web.entering import own_hands
from web.permissions import actor

from .pages import ID, for_customer, others, pages

OPEN_FOR = timedelta(minutes=45)
"""How long the gateway's page waits for the customer."""
MOST = 200
"""Invoices that are paid at once."""


@pages.post(f"/<{ID}:customer_id>/pay/card")
@own_hands
@for_customer
def pay_by_card(access: PortalAccess) -> Response:
    """Pay the invoices ticked (``invoice``, any number of them) by card, or put ``amount`` onto the account if none is.

    ``card``: one they have saved is charged at once; where the bank asks something, it leads to its page. Otherwise it
    leads to the gateway's page, and ``save_card`` keeps the card. The form carries a form token."""
    if instead := not_offered(access):
        return instead
    if before := form_tokens.once(request.form.get(form_tokens.FIELD, "")):
        return redirect(before, 303)  # type: ignore[return-value]
    try:
        attempt = _begun(access)
    except BeingPaid as busy:
        return _again(access, busy.attempt)
    except BillingError as refusal:
        db.session.rollback()
        flash(str(refusal), "danger")
        return redirect(_start(access), 303)  # type: ignore[return-value]
    return _to_the_page(access, attempt)


@pages.get(f"/<{ID}:customer_id>/card-payments/<{ID}:attempt_id>")
@for_customer
def payment_result(access: PortalAccess, attempt_id: int) -> str:
    """What became of a payment by card: paid, being processed, declined, or nothing paid."""
    attempt = _theirs(access, attempt_id)
    open_ = attempt.state in card_payments.OPEN
    may_pay = access.right in card_payments.MAY_PAY and entering.current() is None
    return render_template(
        "portal/cards/result.html", customer=access.customer, others=others(), attempt=attempt, open=open_,
        leaving=open_ and may_pay and bool(attempt.page_url) and "go" in request.args,
        checked="checked" in request.args,
        may_pay=may_pay, back=_start(access),
        gateway=gateway_questions.gateway().title,
    )  # fmt: skip


@pages.post(f"/<{ID}:customer_id>/card-payments/<{ID}:attempt_id>/check")
@for_customer
def check_card_payment(access: PortalAccess, attempt_id: int) -> Response:
    """Ask the gateway how it stands."""
    attempt = _theirs(access, attempt_id)
    if attempt.state in card_payments.OPEN:
        attempt = settled(attempt, gateway_questions.gateway().look_up)
    return redirect(_result(access, attempt, checked=1), 303)  # type: ignore[return-value]


@pages.post(f"/<{ID}:customer_id>/card-payments/<{ID}:attempt_id>/cancel")
@own_hands
@for_customer
def cancel_card_payment(access: PortalAccess, attempt_id: int) -> Response:
    """Think better of it: the gateway's page takes no more money. What was paid meanwhile is paid."""
    attempt = _theirs(access, attempt_id)
    check_may(access)
    if attempt.state == AttemptState.REDIRECTED:
        attempt = settled(attempt, gateway_questions.gateway().close_page)
    return redirect(_result(access, attempt, checked=1), 303)  # type: ignore[return-value]


def begin_on_page(access: PortalAccess, attempt: PaymentAttempt) -> Response:
    """Commit the attempt, have the gateway open a page for it, and lead there."""
    return _to_the_page(access, attempt)


def ticked(access: PortalAccess) -> list[Invoice]:
    """The invoices of the form (``invoice``, any number of them), those due first in front; 404 for one that is not
    theirs."""
    wanted = [params.row_id(text) or abort(404) for text in request.form.getlist("invoice")]
    if len(wanted) > MOST:
        abort(400)
    mine = select(Invoice).where(Invoice.id.in_(wanted), Invoice.customer_id == access.customer_id)
    invoices = list(db.session.scalars(mine.order_by(Invoice.due_on, Invoice.id)))
    if len(invoices) < len(set(wanted)):
        abort(404)
    return invoices


def _begun(access: PortalAccess) -> PaymentAttempt:
    invoices = ticked(access)
    amount = None if invoices else _typed_amount(access)
    card = _card(access)
    return card_payments.begin(
        access.customer, invoices, gateway=gateway_questions.gateway().name, amount=amount, card=card,
        save_card=card is None and bool(request.form.get("save_card")), by=actor(),
    )  # fmt: skip


def _card(access: PortalAccess) -> Card | None:
    """The saved card that was chosen, if one was; 404 for one that is not theirs or cannot be charged."""
    if not (named := params.only(request.form, "card")):
        return None
    theirs = cards.chargeable(access.customer, gateway_questions.gateway().name, on=actor().today)
    return next((card for card in theirs if card.id == params.row_id(named)), None) or abort(404)


def _typed_amount(access: PortalAccess) -> Money:
    if not company.value("portal_top_up"):
        raise card_payments.CannotPay(_("Tick an invoice to pay."))
    typed = request.form.get("amount", "").strip().replace(" ", "").replace(",", ".")
    try:
        return Money.of(typed[:20], access.customer.currency)
    except BillingError:
        raise card_payments.CannotPay(_("Type the amount to pay, such as 25.00, or tick an invoice.")) from None


def _to_the_page(access: PortalAccess, attempt: PaymentAttempt) -> Response:
    return to_the_page(attempt, partial(_result, access))


def to_the_page(attempt: PaymentAttempt, result: Callable[..., str]) -> Response:
    """Commit the attempt and lead to the gateway. `result` makes the address of the page that tells what came of it."""
    here = result(attempt)
    if token := request.form.get(form_tokens.FIELD, ""):
        form_tokens.led_to(token, here)
    asked, until = gateway_questions.ask(attempt), actor().at + OPEN_FOR
    back = redirects.absolute(here)
    db.session.commit()
    gateway = gateway_questions.gateway()
    if asked.kind == AttemptKind.CHARGE:
        answer = gateway.confirm(asked, back=back)
    else:
        answer = gateway.open_page(asked, back=back, cancelled=back, until=until)
    attempt = kept(attempt, answer)
    return redirect(result(attempt, **({"go": 1} if attempt.page_url else {})), 303)  # type: ignore[return-value]


def _again(access: PortalAccess, attempt: PaymentAttempt) -> Response:
    """Somebody pays this already. A page that waits is closed, and another one opened; anything else is waited for."""
    db.session.rollback()
    if attempt.customer_id != access.customer_id:
        abort(404)
    if attempt.state == AttemptState.REDIRECTED:
        attempt = settled(attempt, gateway_questions.gateway().close_page)
        if attempt.state not in (*card_payments.OPEN, AttemptState.SUCCEEDED):
            try:
                form_tokens.once(request.form.get(form_tokens.FIELD, ""))
                return _to_the_page(access, _begun(access))
            except BillingError as refusal:
                db.session.rollback()
                flash(str(refusal), "danger")
    return redirect(_result(access, attempt), 303)  # type: ignore[return-value]


def settled(attempt: PaymentAttempt, question: Any) -> PaymentAttempt:
    """Ask with nothing open in the database, then do what follows."""
    asked = gateway_questions.ask(attempt)
    db.session.rollback()
    return kept(attempt, question(asked))


def kept(attempt: PaymentAttempt, answer: Answer) -> PaymentAttempt:
    attempt = card_payments.settle(attempt, answer, by=actor())
    db.session.commit()
    return attempt


def not_offered(access: PortalAccess) -> Response | None:
    """Where to go instead, if this customer cannot pay by card here and now."""
    check_may(access)
    if gateway_questions.offered(access.customer):
        return None
    flash(_("Cards are not taken at the moment. Pay another way, or ask us."), "info")
    return redirect(_start(access), 303)  # type: ignore[return-value]


def check_may(access: PortalAccess) -> None:
    """Who sees no money finds nothing; who may only look is told so."""
    if access.right == PortalRight.TECHNICAL:
        abort(404)
    if access.right not in card_payments.MAY_PAY:
        abort(403, _("Your access only lets you look. Ask the account's owner for the right to pay."))


def _theirs(access: PortalAccess, attempt_id: int) -> PaymentAttempt:
    if access.right == PortalRight.TECHNICAL:
        abort(404)
    mine = PaymentAttempt.id == attempt_id, PaymentAttempt.customer_id == access.customer_id
    return db.session.scalar(select(PaymentAttempt).where(*mine)) or abort(404)


def _result(access: PortalAccess, attempt: PaymentAttempt, **more: Any) -> str:
    return url_for("portal.payment_result", customer_id=access.customer_id, attempt_id=attempt.id, **more)


def _start(access: PortalAccess) -> str:
    """Where one pays, or else where one sees what is due."""
    name = "portal.pay" if "portal.pay" in current_app.view_functions else "portal.home"
    return url_for(name, customer_id=access.customer_id)
