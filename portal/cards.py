"""The cards a customer has saved: added on the gateway's page, removed, and which of them is charged by itself."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from billing import card_payments, cards
from messaging import cards as gateway_questions
from models import BillingError, Card, PaymentMethod, PortalAccess, PortalRight, db
from web import form_tokens
from web.entering import own_hands
from web.permissions import actor

from .card_payments import begin_on_page, check_may, not_offered
from .pages import ID, for_customer, others, pages


@pages.get(f"/<{ID}:customer_id>/cards")
@for_customer
def saved_cards(access: PortalAccess) -> str:
    if access.right == PortalRight.TECHNICAL:
        abort(404)
    customer = access.customer
    return render_template(
        "portal/cards/cards.html", customer=customer, others=others(), cards=cards.of_customer(customer),
        offered=gateway_questions.offered(customer), may_pay=access.right in card_payments.MAY_PAY,
        by_itself=customer.payment_method == PaymentMethod.CARD, today=actor().today,
        gateway=gateway_questions.gateway().title,
    )  # fmt: skip


@pages.post(f"/<{ID}:customer_id>/cards/add")
@own_hands
@for_customer
def save_card(access: PortalAccess) -> Any:
    if instead := not_offered(access):
        return instead
    if before := form_tokens.once(request.form.get(form_tokens.FIELD, "")):
        return redirect(before, 303)
    attempt = card_payments.begin_saving(access.customer, gateway=gateway_questions.gateway().name, by=actor())
    return begin_on_page(access, attempt)


@pages.post(f"/<{ID}:customer_id>/cards/<{ID}:card_id>/default")
@own_hands
@for_customer
def make_card_default(access: PortalAccess, card_id: int) -> Any:
    card = _theirs(access, card_id)
    return _done(access, lambda: cards.make_default(card, by=actor()), _("%(card)s is the main card now.", card=card))


@pages.post(f"/<{ID}:customer_id>/cards/<{ID}:card_id>/remove")
@own_hands
@for_customer
def remove_card(access: PortalAccess, card_id: int) -> Any:
    card = _theirs(access, card_id)
    return _done(access, lambda: cards.remove(card, by=actor()), _("%(card)s is removed.", card=card))


def _theirs(access: PortalAccess, card_id: int) -> Card:
    if access.right == PortalRight.TECHNICAL:
        abort(404)
    mine = Card.id == card_id, Card.customer_id == access.customer_id, Card.removed_at.is_(None)
    card = db.session.scalar(select(Card).where(*mine)) or abort(404)
    check_may(access)
    return card


def _done(access: PortalAccess, change: Any, said: str) -> Any:
    try:
        change()
        db.session.commit()
        flash(said, "success")
    except BillingError as refusal:
        db.session.rollback()
        flash(str(refusal), "danger")
    return redirect(url_for("portal.saved_cards", customer_id=access.customer_id), 303)
