"""The page of one customer: figures, and tabs with their own addresses, each made of cards."""

from __future__ import annotations

from typing import Any

from flask import abort, request
from flask_admin import expose
from flask_babel import lazy_gettext as _l

from admin.links import list_url, new_url, record_url
from admin.price_words import price_words
from models import AuditEvent, Charge, Customer, Delivery, Invoice, Message, Note, Payment, Service
from web.permissions import actor, allows, refuse

from . import inherited, panels
from . import show_cards as show
from .cards import Card, Tab
from .page_doors import PageDoors

# The tabs, in their order.
TABS: tuple[Tab, ...] = (
    Tab("overview", _l("Overview")),
    Tab("services", _l("Services"), "services.view", counts=Service),
    Tab("invoices", _l("Invoices"), "invoices.view", counts=Invoice),
    Tab("payments", _l("Payments and credit"), "payments.view", counts=Payment),
    Tab("people", _l("People")),
    Tab("notes", _l("Notes"), counts=Note),
    Tab("messages", _l("Messages"), "messages.view", counts=Message),
    Tab("history", _l("History"), "audit.view"),
)

# The cards, in their order on each tab; those with `aside` stand in the narrow column.
CARDS: tuple[Card, ...] = (
    Card("pinned", "overview", show.pinned),
    Card("some_services", "overview", show.some_services, "services.view"),
    Card("some_invoices", "overview", show.some_invoices, "invoices.view"),
    Card("some_notes", "overview", show.some_notes),
    Card("details", "overview", show.details, aside=True),
    Card("defaults", "overview", inherited.defaults, aside=True),
    Card("tags", "overview", aside=True),
    Card("services", "services", show.services, "services.view"),
    Card("charges", "services", show.charges, "services.view"),
    Card("groups", "services", show.groups, "services.view"),
    Card("invoices", "invoices", show.invoices, "invoices.view"),
    Card("payments", "payments", show.payments, "payments.view"),
    Card("credits", "payments", show.credits, "payments.view"),
    Card("give_credit", "payments", show.give_credit, "payments.edit", aside=True),
    Card("contacts", "people"),
    Card("copies", "people", aside=True),
    Card("notes", "notes", show.notes),
    Card("messages", "messages", show.messages, "messages.view"),
    Card("history", "history", show.history, "audit.view"),
)

SHOWN = {
    "record_url": record_url, "list_url": list_url, "price_words": price_words, "Service": Service,
    "Invoice": Invoice, "Payment": Payment, "Delivery": Delivery, "AuditEvent": AuditEvent, "cap": panels.CAP,
}  # fmt: skip


class CustomerPage(PageDoors):
    """Mixed into CustomerView."""

    @expose("/details/")
    def details_view(self) -> Any:
        customer = self._found(True)  # type: ignore[attr-defined]
        return self.customer_page(customer, request.args.get("tab", "overview"))

    def customer_page(self, customer: Customer, name: str, **given: dict[str, Any]) -> Any:
        """The page with one tab open. `given`: by the name of a card what it is to show besides, such as the form
        that was sent and refused."""
        tab = next((tab for tab in TABS if tab.name == name), None) or abort(404)
        if not allows(tab.needs):
            refuse(tab.needs)
        cards = [card for card in CARDS if card.tab == name and allows(card.needs)]
        filled = {card.name: {**card.fill(customer), **given.get(card.name, {})} for card in cards}
        today = actor().today
        known = {"customer": customer, "tab": name, "today": today, "cards": cards, "filled": filled}
        tabs = [tab for tab in TABS if allows(tab.needs)]
        figures = panels.glance(customer, today, {tab.name: tab.counts for tab in tabs if tab.counts})
        known |= {"tabs": tabs, "glance": figures, "initials": _initials(customer.name)}
        return self.render("admin/customers/page.html", **SHOWN, **known, **self._ways(customer))  # type: ignore[attr-defined]

    def _ways(self, customer: Customer) -> dict[str, str]:
        """Where to go from here to make something for this customer."""
        ways = {"start_url": Service, "charge_url": Charge, "pay_url": Payment}
        return {name: new_url(model, customer=customer.id) for name, model in ways.items()}


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.split() if word[0].isalnum())[:2].upper()
