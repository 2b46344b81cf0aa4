"""Reminding a customer of an invoice that is still to be paid: by hand, one invoice and day at a time."""

from __future__ import annotations

from sqlalchemy import select

from models import BillingError, Contact, Customer, Invoice, InvoiceState, Message, Payer, db

from . import audit
from .actor import Actor
from .outbox import queue_about

REMINDER = "reminder"
"""The kind of message, and of template, that reminds of an invoice."""


class CannotRemind(BillingError):
    """Nobody is to be reminded of this now."""


def remind(invoice: Invoice, *, by: Actor) -> Message:
    """Queue a reminder of an invoice to whoever is billed and the contacts who get reminders, once a day. Flushes.

    Its words are written when it leaves, and it does not leave once the invoice is paid. Raises NotAllowed without
    ``messages.send``, CannotRemind.
    """
    by.require("messages.send")
    if invoice.kind != "invoice" or invoice.state != InvoiceState.ISSUED:
        raise CannotRemind(f"{invoice} is not an invoice in force, so there is nothing to remind of.")
    if not invoice.open_minor:
        raise CannotRemind(f"{invoice} is paid: there is nothing to remind of.")
    to = addresses(invoice.customer, db.session.get(Payer, invoice.payer_id) if invoice.payer_id else None)
    if not any(to):
        raise CannotRemind(f"{invoice.customer.name} has no e-mail address. Add one, then remind of the invoice.")
    occasion = f"{invoice.id}:{by.today.isoformat()}"
    message = queue_about(REMINDER, invoice.customer, to, occasion, {}, category=REMINDER, by=by)
    if message is None:
        raise CannotRemind(f"A reminder of {invoice} was sent, or waits to be sent, today already.")
    message.invoice_id = invoice.id
    audit.record(by, "invoice.reminded", invoice, after={"to": ", ".join(dict.fromkeys(filter(None, to)))})
    db.session.flush()
    return message


def addresses(customer: Customer, payer: Payer | None) -> list[str]:
    """Who is reminded: whoever is billed, then the contacts who get reminders. Some may be blank."""
    wants = (Contact.customer_id == customer.id, Contact.gets_reminders, Contact.email != "")
    people = db.session.scalars(select(Contact.email).where(*wants).order_by(Contact.id))
    return [payer.email if payer and payer.email else customer.email, *people]
