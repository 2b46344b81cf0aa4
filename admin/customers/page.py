"""The page of one customer: figures, and tabs with their own addresses."""

from __future__ import annotations

from typing import Any

from flask import abort, request
from flask_admin import expose
from flask_babel import lazy_gettext as _l

from admin.audit_words import timeline
from admin.links import list_url, new_url, record_url
from admin.price_words import price_words
from billing import customers
from models import AuditEvent, Charge, Customer, Delivery, Invoice, Payment, Service
from web import formatters, languages
from web.permissions import actor, allows, refuse

from . import panels
from .page_doors import PageDoors
from .page_forms import CreditForm, NoteForm

# tab -> (words, permission)
TABS: dict[str, tuple[Any, str]] = {
    "overview": (_l("Overview"), "customers.view"),
    "services": (_l("Services"), "services.view"),
    "invoices": (_l("Invoices"), "invoices.view"),
    "payments": (_l("Payments and credit"), "payments.view"),
    "notes": (_l("Notes"), "customers.view"),
    "messages": (_l("Messages"), "messages.view"),
    "history": (_l("History"), "audit.view"),
}

SHOWN = {
    "record_url": record_url, "list_url": list_url, "price_words": price_words, "Service": Service,
    "Invoice": Invoice, "Payment": Payment, "Delivery": Delivery, "AuditEvent": AuditEvent,
}  # fmt: skip


class CustomerPage(PageDoors):
    """Mixed into CustomerView."""

    @expose("/details/")
    def details_view(self) -> Any:
        customer = self._found(True)  # type: ignore[attr-defined]
        tab = request.args.get("tab", "overview")
        if tab not in TABS:
            abort(404)
        return self.customer_page(customer, tab)

    def customer_page(self, customer: Customer, tab: str, **forms: Any) -> Any:
        """The page with one tab open; `forms` are those that were sent and refused."""
        if not allows(TABS[tab][1]):
            refuse(TABS[tab][1])
        today = actor().today
        figures = panels.glance(customer, today)
        tabs = [(name, words, figures.counts.get(name)) for name, (words, need) in TABS.items() if allows(need)]
        content = getattr(self, f"_{tab}")(customer)
        initials = "".join(word[0] for word in customer.name.split() if word[0].isalnum())[:2].upper()
        known = {
            "initials": initials,
            "customer": customer,
            "glance": figures,
            "tabs": tabs,
            "tab": tab,
            "today": today,
            "cap": panels.CAP,
        }
        template = f"admin/customers/{tab}.html"
        return self.render(template, **SHOWN, **known, **{**content, **self._ways(customer), **forms})  # type: ignore[attr-defined]

    def _ways(self, customer: Customer) -> dict[str, str]:
        """Where to go from here to make something for this customer."""
        ways = {"start_url": Service, "charge_url": Charge, "pay_url": Payment}
        return {name: new_url(model, customer=customer.id) for name, model in ways.items()}

    # What each tab shows

    def _overview(self, customer: Customer) -> dict[str, Any]:
        reader = formatters.locale()
        return {
            "note": NoteForm(),
            "notes": panels.notes(customer, None, 5),
            "pinned": panels.pinned(customer),
            "mask": customers.mask(customer.identity_number),
            "revealed": "",
            "country": reader.territories.get(customer.country, customer.country),
            "language": dict(languages.choices()).get(customer.language, customer.language),
            "services": panels.services(customer, 5) if allows("services.view") else [],
            "invoices": panels.invoices(customer, 5) if allows("invoices.view") else [],
            "groups": panels.groups(customer),
            "salespeople": panels.salespeople(customer),
        }

    def _services(self, customer: Customer) -> dict[str, Any]:
        return {"services": panels.services(customer), "charges": panels.charges(customer)}

    def _invoices(self, customer: Customer) -> dict[str, Any]:
        return {"invoices": panels.invoices(customer)}

    def _payments(self, customer: Customer) -> dict[str, Any]:
        credit = CreditForm(customer)
        return {"payments": panels.payments(customer), "credits": panels.credits(customer), "credit": credit}

    def _messages(self, customer: Customer) -> dict[str, Any]:
        return {"messages": panels.messages(customer)}

    def _notes(self, customer: Customer) -> dict[str, Any]:
        notes = panels.notes(customer, _start())
        return {"notes": notes[: panels.NEWEST], **_older(notes)}

    def _history(self, customer: Customer) -> dict[str, Any]:
        events = panels.history(customer, _start())
        return {"events": timeline(events[: panels.NEWEST]), **_older(events)}


def _start() -> int | None:
    """The id before which a page of something endless begins."""
    before = request.args.get("before", "")
    return int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None


def _older(rows: list[Any]) -> dict[str, Any]:
    more = len(rows) > panels.NEWEST
    return {"older": rows[panels.NEWEST - 1].id if more else None, "newer": "before" in request.args}
