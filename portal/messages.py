"""What was mailed and texted to a customer, as it was sent.

Only kinds of messages that are known to be for the customer's people are shown. What is about signing in (links, codes,
notices) is between the shop and that one person; what staff are told about a customer is not for the customer at all.
Who sees no money reads what the shop itself wrote of its technical categories, unless that names what they owe or have.
"""

from __future__ import annotations

from typing import Any

from flask import abort, render_template, url_for
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import contains_eager, load_only, undefer

from billing import message_categories
from billing.card_sayings import DECLINED, EXPIRING
from billing.credit_outflows import EXPIRED
from billing.dunning.sayings import KINDS as DUNNING
from billing.outbox import INVOICE
from billing.quote_links import PURPOSE as QUOTE
from billing.receipts import RECEIPT
from billing.reminders import REMINDER
from billing.statements import STATEMENT
from models import Channel, Delivery, DeliveryState, Message, MessageTemplate, PortalAccess, TemplateVersion, db

from . import paging
from .navigation import SEE_MONEY, check_on
from .pages import ID, for_customer, others, pages

ON_A_PAGE = 25
SHOWN = frozenset({INVOICE, REMINDER, RECEIPT, STATEMENT, EXPIRED, QUOTE, DECLINED, EXPIRING, *DUNNING.values()})
"""What the system says to customers about what they have. Whatever a person of the shop wrote to them is shown too."""
MONEY_FIELDS = ("balance", "credit")
"""Fields of messages written by hand that are amounts (messaging.template_kinds)."""


@pages.get(f"/<{ID}:customer_id>/messages/")
@for_customer
def messages(access: PortalAccess) -> str:
    check_on("portal_messages")
    customer = access.customer
    query = select(Delivery).join(Delivery.message).where(*_sent_to(access))
    named = load_only(Message.kind, Message.subject, Message.invoice_id)
    page = paging.read(query.options(contains_eager(Delivery.message).options(named)), Delivery.id, ON_A_PAGE)
    return render_template(
        "portal/messages.html", customer=customer, others=others(), page=page, texted=Channel.SMS,
        deliveries=[row[0] for row in page.rows],
        to=lambda **more: url_for("portal.messages", customer_id=customer.id, **more),
    )  # fmt: skip


@pages.get(f"/<{ID}:customer_id>/messages/<{ID}:delivery_id>")
@for_customer
def message(access: PortalAccess, delivery_id: int) -> str:
    check_on("portal_messages")
    mine = select(Delivery).join(Delivery.message).where(Delivery.id == delivery_id, *_sent_to(access))
    mine = mine.options(contains_eager(Delivery.message).joinedload(Message.invoice), undefer(Delivery.sent_text))
    found = db.session.scalar(mine) or abort(404)
    return render_template(
        "portal/message.html", customer=access.customer, others=others(), delivery=found, texted=Channel.SMS
    )


def _sent_to(access: PortalAccess) -> tuple[ColumnElement[bool], ...]:
    mine = Delivery.customer_id == access.customer_id, Delivery.state == DeliveryState.SENT
    by_hand = Message.mailing_id.is_not(None)
    if access.right in SEE_MONEY:
        return *mine, or_(Message.kind.in_(SHOWN), by_hand)
    technical = Message.category.in_(message_categories.technical_keys())
    return *mine, by_hand, technical, ~_names_money(Message), ~_template_names_money()


def _names_money(words: Any) -> ColumnElement[bool]:
    """Whether these words may be filled with an amount of the customer: such a field can be written in several ways, so
    the word alone counts."""
    texts = (words.subject, words.body, words.text_body)
    return or_(*(text.icontains(field) for text in texts for field in MONEY_FIELDS))


def _template_names_money() -> ColumnElement[bool]:
    """The same of the template that said it, in any language it ever had."""
    versions = select(TemplateVersion.id).join(TemplateVersion.template)
    return versions.where(MessageTemplate.key == Message.template, _names_money(TemplateVersion)).exists()
