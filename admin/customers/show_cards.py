"""What each card on the page of a customer shows."""

from __future__ import annotations

from typing import Any

from flask import g, request, url_for

from admin import credit_states, order_shown, payment_states, quote_states
from admin.collecting import rows
from admin.delivery_states import state_pill, subject
from admin.invoice_states import today
from admin.order_words import state_pill as order_state
from billing import card_payments, cards, collecting, customers, inheritance, orders
from billing.expenses import standing
from billing.inheritance import STORED
from messaging import cards as gateway_questions
from models import BillingGroup, Customer, PaymentMethod
from web import formatters
from web.permissions import actor, allows

from . import panels, story
from .edit_fields import SWITCHES
from .inherited import handed
from .page_forms import CreditForm, NoteForm


def registered(customer: Customer) -> dict[str, Any]:
    """How the customer came: by hand, or by an order."""
    number = panels.first_order(customer) if allows(orders.VIEW) else None
    return {"order_url": url_for("orders.details_view", id=number) if number else ""}


def some_orders(customer: Customer) -> dict[str, Any]:
    """Nothing is asked where there are none."""
    found = panels.orders(customer) if panels.first_order(customer) else []
    return {"orders": [(order, order_shown.package_words(order), order_state(order)) for order in found]}


def pinned(customer: Customer) -> dict[str, Any]:
    return {"notes": panels.pinned(customer)}


def overdue(customer: Customer) -> dict[str, Any]:
    """What is overdue, what comes next and what was promised; nothing of it where nothing is."""
    known = rows.read([customer], with_last=False).get(customer.id)
    held = collecting.is_held(customer, today())
    url = url_for("collections.details_view", id=customer.id)
    return {"known": known, "rows": rows, "held": held, "url": url}


def some_services(customer: Customer) -> dict[str, Any]:
    return {"services": panels.services(customer, 5)}


def some_invoices(customer: Customer) -> dict[str, Any]:
    return {"invoices": panels.invoices(customer, 5)}


def some_notes(customer: Customer) -> dict[str, Any]:
    return {"note": NoteForm(blank=True), "notes": panels.notes(customer, None, 5)[:5]}


def activity(customer: Customer) -> dict[str, Any]:
    return {"events": story.lines(panels.events(customer, (), None, 5)[:5])}


def details(customer: Customer) -> dict[str, Any]:
    return {"handed": handed(customer, "language")}


def address(customer: Customer) -> dict[str, Any]:
    return {"country": formatters.locale().territories.get(customer.country, customer.country)}


def belongs(customer: Customer) -> dict[str, Any]:
    return {"salespeople": panels.salespeople(customer)}


def switches(customer: Customer) -> dict[str, Any]:
    known = handed(customer, *(name for name in SWITCHES if name in STORED))
    return {"switches": [(name, getattr(customer, name), known.get(name)) for name in SWITCHES]}


def tax(customer: Customer) -> dict[str, Any]:
    return {"mask": customers.mask(customer.identity_number), "revealed": ""}


def paying(customer: Customer) -> dict[str, Any]:
    return {"handed": handed(customer, "payment_method", "payment_days", "dunning_plan_id", "never_suspend")}


def documents(customer: Customer) -> dict[str, Any]:
    return {"handed": handed(customer, "invoice_template", "web_template", "invoice_note")}


def rates(customer: Customer) -> dict[str, Any]:
    return {"rates": panels.rates(customer)}


def copies(customer: Customer) -> dict[str, Any]:
    return {"addresses": customer.invoice_addresses}


def contacts(customer: Customer) -> dict[str, Any]:
    return {"contacts": customer.contacts}


def services(customer: Customer) -> dict[str, Any]:
    return {"services": panels.services(customer), "open_groups": _open_groups(customer)}


def charges(customer: Customer) -> dict[str, Any]:
    open_ = _open_groups(customer)
    return {
        "charges": panels.charges(customer),
        "open_groups": open_,
        "may_edit": allows("services.edit"),
        "may_move": len(open_) > 1 and allows("services.edit"),
    }


def groups(customer: Customer) -> dict[str, Any]:
    return {"groups": _groups(customer)}


def _open_groups(customer: Customer) -> list[BillingGroup]:
    return [group for group in _groups(customer) if group.closed_on is None]


def _groups(customer: Customer) -> list[BillingGroup]:
    """Asked once for all cards of the tab."""
    known: dict[int, list[BillingGroup]] = g.setdefault("billing_groups", {})
    if customer.id not in known:
        known[customer.id] = panels.groups(customer)
    return known[customer.id]


def invoices(customer: Customer) -> dict[str, Any]:
    return {"invoices": panels.invoices(customer)}


def quotes(customer: Customer) -> dict[str, Any]:
    found = panels.quotes(customer)
    return {"quotes": [(one, quote_states.state_pill(one, today())) for one in found]}


def payments(customer: Customer) -> dict[str, Any]:
    return {"payments": panels.payments(customer)}


def credits(customer: Customer) -> dict[str, Any]:
    found = panels.credits(customer)
    ends, on = credit_states.ends(found), actor().today
    return {"credits": found, "pill": lambda credit: credit_states.state_pill(credit, on, ends.get(credit.id))}


def saved_cards(customer: Customer) -> dict[str, Any]:
    """The cards they saved, and the newest tries to pay with one."""
    return {
        "cards": cards.of_customer(customer), "attempts": card_payments.of_customer(customer, 5),
        "pill": payment_states.attempt_pill, "today": actor().today, "missing": gateway_questions.missing(),
        "may_remove": allows(cards.PERMISSION), "by_itself": customer.payment_method == PaymentMethod.CARD,
    }  # fmt: skip


def account(customer: Customer) -> dict[str, Any]:
    """What the personal account comes to, and on which terms it is kept."""
    return {
        "standing": standing(customer, actor().today),
        "handed": handed(customer, "payment_method"),
        "payment_days": inheritance.effective(customer, "payment_days").value,
        "may_edit": allows("payments.edit"),
        "top_up_url": url_for("credits.top_up_view", customer=customer.id),
        "pay_out_url": url_for("credits.pay_out_view", customer=customer.id),
    }


def give_credit(customer: Customer) -> dict[str, Any]:
    return {"credit": CreditForm(customer, blank=True)}


def messages(customer: Customer) -> dict[str, Any]:
    return {"messages": panels.messages(customer), "subject": subject, "state_pill": state_pill}


def notes(customer: Customer) -> dict[str, Any]:
    found = panels.notes(customer, start())
    return {"notes": found[: panels.NEWEST], **older(found)}


def history(customer: Customer) -> dict[str, Any]:
    kind = request.args.get("kind", "")
    events = panels.events(customer, story.KINDS.get(kind, ("", ()))[1], start())
    return {"events": story.lines(events[: panels.NEWEST]), "kinds": story.KINDS, "kind": kind, **older(events)}


def start() -> int | None:
    """The id before which a page of something endless begins."""
    before = request.args.get("before", "")
    return int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None


def older(rows: list[Any]) -> dict[str, Any]:
    """Where the next page of something endless begins, for `older_pages`."""
    more = len(rows) > panels.NEWEST
    return {"older": rows[panels.NEWEST - 1].id if more else None, "newer": "before" in request.args}
