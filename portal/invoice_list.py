"""The invoices of a customer, the newest first: all of them, those that wait for money, those that are settled."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, func, or_, select

from billing import card_payments
from models import Customer, Invoice, InvoiceState, PortalAccess, db
from web.params import only
from web.permissions import actor

from . import paging
from .navigation import MAY_PAY, SEE_MONEY
from .pages import ID, for_customer, needs, others, pages

ON_A_PAGE = 25
ALL, OPEN, PAID = "all", "open", "paid"
NAMES = {ALL: _l("All"), OPEN: _l("Open"), PAID: _l("Paid")}


@pages.get(f"/<{ID}:customer_id>/invoices/")
@for_customer
@needs(SEE_MONEY)
def invoices(access: PortalAccess) -> str:
    customer, asked = access.customer, only(request.args, "show", ALL)
    show = asked if asked in NAMES else ALL
    counts = _counts(customer)
    query = select(Invoice).where(*seen_by(customer), *([] if show == ALL else [_IS[show]]))
    page = paging.read(query, Invoice.id, ON_A_PAGE)
    found = [row[0] for row in page.rows]
    return render_template(
        "portal/invoices.html", customer=customer, others=others(), page=page, invoices=found, show=show,
        tabs=[(key, name, counts[key]) for key, name in NAMES.items()], today=actor().today,
        running=card_payments.running(one.id for one in found if card_payments.to_pay(one)),
        may_pay=access.right in MAY_PAY, to_pay=card_payments.to_pay,
        to=lambda **more: url_for("portal.invoices", customer_id=customer.id, show=show, **more),
    )  # fmt: skip


def seen_by(customer: Customer) -> tuple[ColumnElement[bool], ...]:
    """The documents a customer may see."""
    return Invoice.customer_id == customer.id, Invoice.state == InvoiceState.ISSUED


def is_open() -> ColumnElement[bool]:
    """What waits for money: invoices with something left to pay, and proformas nobody has paid."""
    waiting = and_(Invoice.kind == "proforma", Invoice.became_id.is_(None))
    return or_(and_(Invoice.kind == "invoice", Invoice.open_minor > 0), waiting)


_IS: dict[str, Any] = {OPEN: is_open(), PAID: and_(Invoice.kind == "invoice", Invoice.open_minor == 0)}


def _counts(customer: Customer) -> dict[str, int]:
    counted = [func.count(), *(func.count().filter(_IS[key]) for key in (OPEN, PAID))]
    row = db.session.execute(select(*counted).select_from(Invoice).where(*seen_by(customer))).one()
    return dict(zip(NAMES, map(int, row), strict=True))
