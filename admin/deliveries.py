"""Deliveries: what was said to whom, what became of it, and sending it again. The rules are in messaging."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import g, redirect
from flask_admin import expose
from flask_babel import format_decimal, format_number, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from admin import audit_words, doors, links
from admin.actions import staff_action
from admin.base import StaffView
from admin.delivery_states import STATES, reason, state_pill, subject
from admin.document_filters import BeginningFilter, CustomerFilter, along_days
from admin.export import plain
from admin.filter_kinds import choice
from admin.filters import NumberFilter
from admin.finding import ByCustomer
from admin.listrequest import ListRequest
from admin.rights import Open
from admin.tabs import MOST, Tabs
from billing import phone_verification
from messaging import deliver, outbox, texts
from models import AuditEvent, Channel, Customer, Delivery, DeliveryState, Invoice, Message, db
from web.permissions import actor, refuse

ADDRESSES = ByCustomer("delivery", "address")
CHANNELS = [("email", _l("E-mail")), ("sms", _l("Text"))]
WORDS = [(state.value, word) for state, (_kind, word) in STATES.items()]
AGAIN = (DeliveryState.FAILED, DeliveryState.BOUNCED, DeliveryState.UNKNOWN, DeliveryState.CANCELLED)


class MessageFilter(NumberFilter):
    """A message by its number, which its page leads with."""

    def printed(self, value: str) -> str:
        message = db.session.get(Message, self.clean(value))
        return str(message) if message else value


class DeliveriesView(Tabs, StaffView):
    needs = "messages.view"
    of_customer = "customer_id"
    can_view_details = can_export = True
    list_template, details_template = "admin/deliveries/list.html", "admin/deliveries/page.html"
    column_list = column_details_list = (
        "address",
        "subject",
        "customer",
        "state",
        "attempts",
        "next_try_at",
        "sent_at",
    )
    column_labels = {
        "address": _l("To"), "subject": _l("Subject"), "customer": _l("Customer"), "state": _l("State"),
        "attempts": _l("Attempts"), "next_try_at": _l("Next try"), "sent_at": _l("Sent"), "error": _l("Reason"),
        "sent_subject": _l("Subject"), "channel": _l("By"),
    }  # fmt: skip
    column_sortable_list = ("sent_at",)
    column_export_list = ("address", "channel", "sent_subject", "state", "attempts", "next_try_at", "sent_at", "error")
    column_default_sort = ("id", True)
    column_link = "address"
    column_numeric = ("attempts",)
    column_phone = {"address": "title", "subject": "sub", "state": "end"}
    column_formatters = {
        "subject": lambda view, context, row, name: subject(row),
        "customer": lambda view, context, row, name: row.customer.name if row.customer else None,
        "state": lambda view, context, row, name: state_pill(row),
        "next_try_at": lambda view, context, row, name: row.next_try_at if row.state == DeliveryState.QUEUED else None,
    }
    column_filters = (
        *choice(Delivery.state, _l("State"), WORDS)[:1],
        *choice(Delivery.channel, _l("By"), CHANNELS)[:1],
        CustomerFilter(Delivery.customer_id),
        MessageFilter(Delivery.message_id, _l("Message"), "is", "message"),
        BeginningFilter(ADDRESSES, Delivery.address, _l("To")),
        "sent_at",
    )
    search_index, finder = ADDRESSES, ADDRESSES
    search_hint = _l("Address or customer")
    tabs = (
        (_l("All"), {}),
        (_l("Waiting"), {"flt0_state_is": "queued"}),
        (_l("Failed"), {"flt0_state_is": "failed"}),
        (_l("Bounced"), {"flt0_state_is": "bounced"}),
        (_l("Unknown"), {"flt0_state_is": "unknown"}),
        (_l("Sent"), {"flt0_state_is": "sent"}),
    )
    empty_title = _l("Nothing was sent yet")
    empty_text = _l("Every mail and text to a customer stands here: waiting, sent, or why it could not be sent.")
    may_send = Open("messages.send")

    def sort_key(self, asked: ListRequest) -> Any:
        return super().sort_key(along_days(asked, "sent_at"))

    def list_options(self) -> tuple[Any, ...]:
        about = joinedload(Delivery.message, innerjoin=True).load_only(Message.kind, Message.subject)
        number = joinedload(Message.invoice).load_only(Invoice.number)
        return (about.options(number), joinedload(Delivery.customer).load_only(Customer.name))

    def export_columns(self) -> list[Any]:
        name = select(Customer.name).where(Customer.id == Delivery.customer_id).scalar_subquery()
        first, *others = super().export_columns()
        return [first, (_("Customer"), name, plain), *others]

    def counts(self) -> list[int]:
        """Counted once a page: the banner above the list says how many wait."""
        if "delivery_counts" not in g:
            g.delivery_counts = super().counts()
        return g.delivery_counts

    def banner(self) -> str:
        """What stands above the list while no mail can leave."""
        trouble = deliver.why_not_set_up()
        return f"{trouble} {waiting_words(self.counts()[0])}".strip() if trouble else ""

    @expose("/details/")
    def details_view(self) -> Any:
        delivery = self._found(True)
        message, by_text = delivery.message, delivery.channel == Channel.SMS
        own_words = message.kind != phone_verification.KIND
        return self._render(
            self.details_template,
            model=delivery,
            title=subject(delivery),
            text=delivery.sent_text or ((message.text_body if by_text else "") or message.body if own_words else ""),
            cost=cost(delivery),
            pill=state_pill(delivery),
            reason=reason(delivery),
            verb=self.verb(delivery) if self.may_send else "",
            trouble=self.trouble(delivery),
            customer_url=links.record_url(delivery.customer),
            invoice=message.invoice,
            invoice_url=links.record_url(message.invoice, Invoice),
            history=self.history(delivery),
        )

    @expose("/again/", methods=("POST",))
    def again(self) -> Any:
        if not self.may_send:
            refuse("messages.send")
        delivery = self._found(True)
        url, words = self.row_url(delivery), _("Queued for %(address)s", address=delivery.address)
        doors.told(lambda: outbox.send_again(delivery, by=actor()), words)
        return redirect(url)

    @staff_action("again", _l("Send again"), permission="messages.send", icon="refresh-cw")
    def send_many(self, row: Delivery) -> None:
        outbox.send_again(row, by=actor())

    def verb(self, delivery: Delivery) -> str:
        """What a person can do with it now."""
        if delivery.state == DeliveryState.QUEUED:
            return _("Try now")
        return _("Send again") if delivery.state in AGAIN else ""

    def trouble(self, delivery: Delivery) -> str:
        """Why nothing that waits can leave."""
        why = deliver.why_not_set_up if delivery.channel == Channel.EMAIL else texts.why_not_set_up
        return why() if delivery.state == DeliveryState.QUEUED else ""

    def history(self, delivery: Delivery) -> list[dict[str, Any]]:
        mine = select(AuditEvent).where(AuditEvent.object_type == "delivery", AuditEvent.object_id == delivery.id)
        rows = db.session.scalars(mine.order_by(AuditEvent.id.desc()).limit(12))
        return [audit_words.event(row) for row in rows]


def cost(delivery: Delivery) -> str:
    """What a text cost: ``2 segments, 0.15 EUR``; nothing for mails and texts not sent."""
    if not delivery.segments:
        return ""
    words = ngettext("%(num)d segment", "%(num)d segments", delivery.segments)
    if not delivery.cost_micro:
        return words
    amount = format_decimal(Decimal(delivery.cost_micro).scaleb(-6), "#,##0.00####")
    return f"{words}, {amount} {delivery.cost_currency}"


def waiting_words(n: int) -> str:
    """``12 mails wait.``; nothing while none does."""
    if n > MOST:
        return _("More than %(number)s mails wait.", number=format_number(MOST))
    return ngettext("%(num)d mail waits.", "%(num)d mails wait.", n) if n else ""
