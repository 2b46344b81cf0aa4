"""A company that may text, customers with numbers, and texts in the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from factories import make_company, make_customer
from flask import Flask
from textserver import SID, TOKEN, TextServer, text_server

from billing import company
from billing.actor import system
from jobs import texts
from messaging.outbox import queue_message
from models import Channel, Customer, Delivery, db

NUMBERS = [f"+3538612345{n:02d}" for n in range(60)]
UNSET = {"TWILIO_ACCOUNT_SID": "", "TWILIO_AUTH_TOKEN": "", "TWILIO_FROM": "", "TWILIO_API_URL": ""}


@contextmanager
def texting(app: Flask, folder: Path, *rules: dict[str, Any]) -> Iterator[TextServer]:
    """The fake as this app's Twilio, with the app's clock."""
    with text_server(folder, *rules) as server:
        server.server.clock = app.clock  # type: ignore[attr-defined]
        app.config.update(
            TWILIO_ACCOUNT_SID=SID, TWILIO_AUTH_TOKEN=TOKEN, TWILIO_FROM="+353861110000", TWILIO_API_URL=server.url
        )
        try:
            yield server
        finally:
            app.config.update(UNSET)


def texted(number: str = NUMBERS[0], **values: Any) -> Customer:
    """A customer with this number."""
    if company.get() is None:
        make_company(name="Harbour", email="office@harbour.example", locale="en", timezone="Europe/Dublin")
    digits = "".join(filter(str.isdigit, number))
    return make_customer(phone=number, phone_digits=digits, **values)


def queue_text(app: Flask, customer: Customer, words: str = "Fibre is back.", **values: Any) -> Delivery:
    """One text to the customer, committed."""
    by = system(app.clock(), app.clock().date())  # type: ignore[attr-defined]
    about = values.pop("about", f"{words[:40]} {db.session.query(Delivery).count()}")
    known = {"kind": "notice", "about": about, "by": by, "customer": customer, "channel": Channel.SMS}
    to = [values.pop("to", customer.phone)]
    message = queue_message(values.pop("subject", ""), words, to, **{**known, **values})
    assert message is not None
    db.session.commit()
    delivery = message.deliveries[0]
    db.session.rollback()
    return delivery


def run() -> dict[str, Any]:
    """A run's counts, without the noughts."""
    return {name: value for name, value in texts.run().items() if value}
