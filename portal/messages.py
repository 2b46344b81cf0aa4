"""What was mailed and texted to a customer, as it was sent.

Only kinds of messages that are known to be for the customer's people are shown. What is about signing in (links, codes,
notices) is between the shop and that one person; what staff are told about a customer is not for the customer at all.
"""

from __future__ import annotations

from flask import abort, render_template, url_for
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import contains_eager, load_only, undefer

from billing.card_sayings import DECLINED, EXPIRING
from billing.credit_outflows import EXPIRED
from billing.dunning.sayings import KINDS as DUNNING
from billing.outbox import INVOICE
from billing.quote_links import PURPOSE as QUOTE
from billing.receipts import RECEIPT
from billing.reminders import REMINDER
from billing.statements import STATEMENT
from models import Channel, Customer, Delivery, DeliveryState, Message, PortalAccess, db

from . import paging
from .navigation import SEE_MONEY, check_on
from .pages import ID, for_customer, needs, others, pages

ON_A_PAGE = 25
SHOWN = frozenset({INVOICE, REMINDER, RECEIPT, STATEMENT, EXPIRED, QUOTE, DECLINED, EXPIRING, *DUNNING.values()})
"""What the system says to customers about what they have. Whatever a person of the shop wrote to them is shown too."""


@pages.get(f"/<{ID}:customer_id>/messages/")
@for_customer
@needs(SEE_MONEY)
def messages(access: PortalAccess) -> str:
    check_on("portal_messages")
    customer = access.customer
    query = select(Delivery).join(Delivery.message).where(*_sent_to(customer))
    named = load_only(Message.kind, Message.subject, Message.invoice_id)
    page = paging.read(query.options(contains_eager(Delivery.message).options(named)), Delivery.id, ON_A_PAGE)
    return render_template(
        "portal/messages.html", customer=customer, others=others(), page=page, texted=Channel.SMS,
        deliveries=[row[0] for row in page.rows],
        to=lambda **more: url_for("portal.messages", customer_id=customer.id, **more),
    )  # fmt: skip


@pages.get(f"/<{ID}:customer_id>/messages/<{ID}:delivery_id>")
@for_customer
@needs(SEE_MONEY)
def message(access: PortalAccess, delivery_id: int) -> str:
    check_on("portal_messages")
    mine = select(Delivery).join(Delivery.message).where(Delivery.id == delivery_id, *_sent_to(access.customer))
    mine = mine.options(contains_eager(Delivery.message).joinedload(Message.invoice), undefer(Delivery.sent_text))
    found = db.session.scalar(mine) or abort(404)
    return render_template(
        "portal/message.html", customer=access.customer, others=others(), delivery=found, texted=Channel.SMS
    )


def _sent_to(customer: Customer) -> tuple[ColumnElement[bool], ...]:
    written = or_(Message.kind.in_(SHOWN), Message.mailing_id.is_not(None))
    return Delivery.customer_id == customer.id, Delivery.state == DeliveryState.SENT, written
