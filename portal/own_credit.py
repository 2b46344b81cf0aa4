"""Paying what is ticked with the credit in hand; the rest is paid by card or in another way."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _

from billing import own_credit
from billing.card_payments import to_pay
from models import BillingError, Invoice, Money, PortalAccess, db
from web import form_tokens, params
from web.entering import own_hands
from web.formatters import money
from web.permissions import actor

from .card_payments import check_may, ticked
from .navigation import check_on
from .pages import ID, for_customer, pages


@pages.post(f"/<{ID}:customer_id>/pay/credit")
@own_hands
@for_customer
def pay_by_credit(access: PortalAccess) -> Any:
    """Pay the invoices ticked (``invoice``) with ``amount`` of credit, as the page said it would be."""
    check_may(access)
    check_on("portal_credit")
    customer, invoices = access.customer, ticked(access)
    seen = Money(params.number(request.form, "amount"), customer.currency)
    token = params.only(request.form, form_tokens.FIELD)
    if before := form_tokens.once(token):
        return redirect(before, 303)
    try:
        used = own_credit.pay(customer, [one for one in invoices if one.kind == "invoice"], seen=seen, by=actor())
    except BillingError as refusal:
        db.session.rollback()
        flash(str(refusal), "danger")
        return redirect(url_for("portal.pay", customer_id=access.customer_id, **_named(invoices)), 303)
    left = [one for one in invoices if to_pay(one)]
    done = url_for("portal.pay", customer_id=customer.id, **_named(left)) if left else _paid(access)
    form_tokens.led_to(token, done)
    db.session.commit()
    flash(_told(used, left), "success")
    return redirect(done, 303)


def _named(invoices: list[Invoice]) -> dict[str, Any]:
    return {"chosen": 1, "invoice": [one.id for one in invoices]}


def _paid(access: PortalAccess) -> str:
    return url_for("portal.invoices", customer_id=access.customer_id)


def _told(used: Money, left: list[Invoice]) -> str:
    if not left:
        return _("Paid with %(amount)s of your credit. Thank you.", amount=money(used))
    rest = sum((to_pay(one) for one in left), Money.zero(used.currency))
    return _("%(amount)s of your credit is used. %(rest)s is left to pay.", amount=money(used), rest=money(rest))
