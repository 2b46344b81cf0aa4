"""What other systems were told: the list, one of them with its text and its answer, and sending it again."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from flask import redirect
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy.orm import joinedload

from admin.actions import staff_action
from admin.base import StaffView
from admin.customers.choices import Rows
from admin.doors import told
from admin.filter_kinds import choice
from admin.filters import ChoiceFilter, NumberFilter
from admin.links import record_url
from admin.narrowing import NOBODY
from admin.tabs import Tabs
from admin.webhook_words import STATES, answer_of, state_pill
from billing import webhook_queue, webhooks
from billing.webhook_events import EVENTS, TEST
from models import Customer, Invoice, Service, WebhookDelivery, WebhookEndpoint, WebhookEvent, db
from web.permissions import actor

WORDS = [(state.value, word) for state, (_kind, word) in STATES.items()]
NAMES = [(name, name) for name in (*EVENTS, TEST)]


class EndpointFilter(ChoiceFilter):
    def clean(self, value: str) -> int:
        return int(super().clean(value))


class OfEvent:
    """A filter by a column of the event."""

    @property
    def equality(self) -> bool:
        return False

    def where(self, value: Any) -> Any:
        column = self.column  # type: ignore[attr-defined]
        return WebhookDelivery.event.has(column == value)


class NameFilter(OfEvent, ChoiceFilter):
    pass


class AboutFilter(OfEvent, NumberFilter):
    """Events about a service or a customer, by its number."""


class WebhookDeliveriesView(Tabs, StaffView):
    needs = webhooks.PERMISSION
    of_customer = NOBODY
    under = "webhooks"
    can_view_details = True
    column_details_list = ("id",)  # the page is our own
    list_template = "admin/webhooks/list.html"
    column_list = ("event", "about", "endpoint", "state", "attempts", "status", "made_at")
    column_labels = {
        "event": _l("Event"), "about": _l("About"), "endpoint": _l("Webhook"), "state": _l("State"),
        "attempts": _l("Tries"), "status": _l("Answer"), "made_at": _l("Happened"),
    }  # fmt: skip
    column_sortable_list = ()
    column_default_sort = ("id", True)
    column_link = "event"
    column_numeric = ("attempts",)
    column_phone = {"event": "title", "endpoint": "sub", "state": "end"}
    column_formatters = {
        "event": lambda view, context, row, name: row.event.name,
        "about": lambda view, context, row, name: about(row.event),
        "endpoint": lambda view, context, row, name: row.endpoint.name,
        "state": lambda view, context, row, name: state_pill(row),
        "status": lambda view, context, row, name: answer_of(row) or None,
        "made_at": lambda view, context, row, name: row.event.made_at,
    }
    column_filters = (
        *choice(WebhookDelivery.state, _l("State"), WORDS)[:1],
        EndpointFilter(WebhookDelivery.endpoint_id, _l("Webhook"), "is", "endpoint", Rows(WebhookEndpoint)),
        NameFilter(WebhookEvent.name, _l("Event"), "is", "event", NAMES),
        AboutFilter(WebhookEvent.service_id, _l("Service"), "is", "service"),
        AboutFilter(WebhookEvent.customer_id, _l("Number of the customer"), "is", "customer"),
    )
    tabs = (
        (_l("All"), {}),
        (_l("Waiting"), {"flt0_state_is": "queued"}),
        (_l("Failed"), {"flt0_state_is": "failed"}),
        (_l("Given up"), {"flt0_state_is": "given_up"}),
        (_l("Taken"), {"flt0_state_is": "sent"}),
    )
    empty_title = _l("Nothing was told yet")
    empty_text = _l("What other systems are told stands here: waiting, taken, or why it was not.")

    def is_visible(self) -> bool:
        """Reached from the webhooks."""
        return False

    def list_options(self) -> tuple[Any, ...]:
        event = joinedload(WebhookDelivery.event, innerjoin=True).defer(WebhookEvent.payload)
        return event, joinedload(WebhookDelivery.endpoint, innerjoin=True)

    @expose("/details/")
    def details_view(self) -> Any:
        delivery = self._found(True)
        db.session.refresh(delivery, ["answer"])
        event = delivery.event
        return self._render(
            "admin/webhooks/delivery.html",
            delivery=delivery,
            event=event,
            text=readable(event.payload),
            pill=state_pill(delivery),
            endpoint_url=record_url(delivery.endpoint),
            about=about(event),
            can_send=delivery.endpoint.active,
        )

    @expose("/again/", methods=("POST",))
    def again_view(self) -> Any:
        delivery = self._found(True)
        told(lambda: webhook_queue.send_again(delivery, by=actor()), _("Queued; it leaves in a moment"))
        return redirect(self.row_url(delivery))

    @staff_action("again", _l("Send again"), permission=webhooks.PERMISSION, icon="refresh-cw")
    def send_many(self, row: WebhookDelivery) -> None:
        webhook_queue.send_again(row, by=actor())


def about(event: WebhookEvent) -> Any:
    """What it was about, as a link where there is a page."""
    for model, number, word in (
        (Service, event.service_id, _("Service %(id)s", id=event.service_id)),
        (Invoice, event.invoice_id, _("Invoice %(id)s", id=event.invoice_id)),
        (Customer, event.customer_id, _("Customer %(id)s", id=event.customer_id)),
    ):
        if number:
            url = record_url(SimpleNamespace(id=number), model)
            return Markup('<a href="{}">{}</a>').format(url, word) if url else word
    return None


def readable(payload: str) -> str:
    """The text as sent, with line breaks for people."""
    try:
        return json.dumps(json.loads(payload), ensure_ascii=False, indent=2)
    except ValueError:
        return payload
