"""The page of one customer: figures, and tabs with their own addresses, each made of cards."""

from __future__ import annotations

from typing import Any

from flask import abort, request
from flask_admin import expose
from flask_babel import lazy_gettext as _l

from admin.links import list_url, new_url, record_url
from models import (
    AuditEvent,
    Charge,
    Contact,
    Credit,
    Customer,
    CustomerStatus,
    Delivery,
    File,
    Invoice,
    Note,
    Order,
    Payment,
    Quote,
    Service,
)
from web.permissions import actor, allows, refuse
from web.price_words import price_words

from . import discounts, expenses, inherited, location, own_fields, panels, reach_doors
from . import show_cards as show
from .cards import Card, EditCard, Tab
from .edit_doors import EditDoors
from .edit_fields import SWITCHES
from .edits import card_form
from .files import files
from .logins import logins
from .part_doors import PartDoors
from .payers import payers

# The tabs, in their order.
TABS: tuple[Tab, ...] = (
    Tab("overview", _l("Overview")),
    Tab("services", _l("Services"), "services.view", counts=Service),
    Tab("invoices", _l("Invoices"), "invoices.view", counts=Invoice),
    Tab("quotes", _l("Quotes"), "quotes.view", counts=Quote),
    Tab("payments", _l("Payments and credit"), "payments.view", counts=Payment),
    Tab("expenses", _l("Expenses"), "payments.view"),
    Tab("billing", _l("Billing settings")),
    Tab("people", _l("People"), counts=Contact),
    Tab("notes", _l("Notes"), counts=Note),
    Tab("files", _l("Files"), counts=File),
    Tab("messages", _l("Messages"), "messages.view", counts=Delivery),
    Tab("history", _l("History"), "audit.view"),
)

DETAILS = card_form(
    name=12, account_type=12, company_name=12, registration_number=12, contact_name=12,
    email=12, phone=8, phone_extension=4, username=6,
    language=6, project_id=12,
)  # fmt: skip
ADDRESS = card_form(street=12, street2=12, postal_code=4, city=8, region=12, country=12)
BELONGS = card_form(group_id=12, reseller_id=12, salespeople=12, attitude=12, about=12)

# The cards, in their order on each tab; those with `aside` stand in the narrow column.
CARDS: tuple[Card, ...] = (
    EditCard(
        "registered", "", show.registered, form=card_form(registered_on=12, registration_ip=12), words=_l("Registered")
    ),
    Card("pinned", "overview", show.pinned),
    Card("overdue", "overview", show.overdue, "invoices.view"),
    Card("some_services", "overview", show.some_services, "services.view"),
    Card("some_invoices", "overview", show.some_invoices, "invoices.view"),
    Card("some_notes", "overview", show.some_notes),
    Card("activity", "overview", show.activity, "audit.view"),
    EditCard("details", "overview", show.details, aside=True, form=DETAILS, words=_l("Details")),
    EditCard("address", "overview", show.address, aside=True, form=ADDRESS, words=_l("Address")),
    Card("location", "overview", location.shown, aside=True),
    EditCard("belongs", "overview", show.belongs, aside=True, form=BELONGS, words=_l("Belongs to")),
    Card("switches", "overview", show.switches, aside=True),
    Card("projects", "overview", inherited.closed_projects, aside=True),
    Card("own_fields", "overview", own_fields.card, aside=True),
    Card("services", "services", show.services, "services.view"),
    Card("charges", "services", show.charges, "services.view"),
    Card("orders", "services", show.some_orders, "orders.view"),
    Card("discounts", "services", discounts.card, "discounts.view"),
    Card("groups", "services", show.groups, "services.view"),
    Card("invoices", "invoices", show.invoices, "invoices.view"),
    Card("quotes", "quotes", show.quotes, "quotes.view"),
    Card("payments", "payments", show.payments, "payments.view"),
    Card("credits", "payments", show.credits, "payments.view"),
    Card("saved_cards", "payments", show.saved_cards, "payments.view", aside=True),
    Card("account", "payments", show.account, "payments.view", aside=True),
    Card("give_credit", "payments", show.give_credit, "payments.edit", aside=True),
    Card("expenses", "expenses", expenses.shown, "payments.view"),
    EditCard(
        "paying", "billing", show.paying, words=_l("Paying"),
        form=card_form(payment_method=6, payment_days=6, dunning_plan_id=12, po_number=6, vendor_number=6),
    ),
    EditCard("tax", "billing", show.tax, form=card_form(tax_id=6, tax_rate=6, identity_number=6), words=_l("Tax")),
    EditCard(
        "documents", "billing", show.documents, words=_l("Documents"),
        form=card_form(invoice_template=6, web_template=6, invoice_note=12),
    ),
    EditCard(
        "contract", "billing", words=_l("Contract"), form=card_form(contract_type_id=12, starts_on=6, ends_on=6)
    ),
    Card("rates", "billing", show.rates),
    Card("switches", "billing", show.switches, aside=True),
    Card("copies", "billing", show.copies, aside=True),
    Card("logins", "people", logins),
    Card("contacts", "people", show.contacts),
    Card("payers", "people", payers),
    Card("files", "files", files),
    Card("notes", "notes", show.notes),
    Card("messages", "messages", show.messages, "messages.view"),
    Card("reach", "messages", reach_doors.shown, "messages.view", aside=True),
    Card("history", "history", show.history, "audit.view"),
)  # fmt: skip

SHOWN = {
    "record_url": record_url, "list_url": list_url, "price_words": price_words, "Service": Service,
    "Invoice": Invoice, "Quote": Quote, "Credit": Credit, "Payment": Payment, "Delivery": Delivery,
    "AuditEvent": AuditEvent, "Order": Order, "cap": panels.CAP, "switch_words": SWITCHES,
}  # fmt: skip


class CustomerPage(EditDoors, PartDoors, location.LocationDoors, discounts.DiscountDoors):
    """Mixed into CustomerView."""

    @expose("/details/")
    def details_view(self) -> Any:
        customer = self._found(True)  # type: ignore[attr-defined]
        editing = request.args.get("edit", "") if allows("customers.edit") else ""
        return self.customer_page(customer, request.args.get("tab", "overview"), editing)

    def tab_asked(self) -> str:
        """The tab that a form on the page names in its address; nothing is the first."""
        name = request.args.get("tab", "")
        return name if name in {tab.name for tab in TABS[1:]} else ""

    def card_named(self, name: str) -> Card | None:
        return next((card for card in CARDS if card.name == name), None)

    def customer_page(self, customer: Customer, name: str, editing: str = "", **given: dict[str, Any]) -> Any:
        """The page with one tab open, and the card called `editing` as its form. `given`: by the name of a card what
        it is to show besides, such as the form that was sent and refused.

        A script that wants one card only names it in the header X-Card.
        """
        tab = next((tab for tab in TABS if tab.name == name), None) or abort(404)
        if not allows(tab.needs):
            refuse(tab.needs)
        panels.load(customer)
        only = request.headers.get("X-Card", "")
        cards = [c for c in CARDS if c.tab in ("", name) and allows(c.needs) and (not only or c.name == only)]
        known = {"customer": customer, "tab": name, "today": actor().today, "cards": cards, "editing": editing}
        known["filled"] = {card.name: _filled(card, customer, editing, given.get(card.name, {})) for card in cards}
        if only:
            return self.render("admin/customers/one_card.html", **SHOWN, **known, **self._ways(customer))  # type: ignore[attr-defined]
        tabs = [tab for tab in TABS if allows(tab.needs)]
        figures = panels.glance(customer, known["today"], {tab.name: tab.counts for tab in tabs if tab.counts})
        known |= {"tabs": tabs, "glance": figures, "initials": _initials(customer.name)}
        return self.render("admin/customers/page.html", **SHOWN, **known, **self._ways(customer))  # type: ignore[attr-defined]

    def _ways(self, customer: Customer) -> dict[str, str]:
        """Where to go from here to make something for this customer."""
        ways = {"start_url": Service, "charge_url": Charge, "pay_url": Payment, "quote_url": Quote}
        closed = ("start_url", "quote_url") if customer.status == CustomerStatus.ARCHIVED else ()
        return {name: "" if name in closed else new_url(model, customer=customer.id) for name, model in ways.items()}


def _filled(card: Card, customer: Customer, editing: str, given: dict[str, Any]) -> dict[str, Any]:
    if isinstance(card, EditCard) and card.name == editing:
        return {"form": card.form(customer), **given} if "form" not in given else given
    return {**card.fill(customer), **given}


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.split() if word[0].isalnum())[:2].upper()
