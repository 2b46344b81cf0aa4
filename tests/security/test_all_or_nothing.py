"""A request that breaks off at any of its statements has done nothing at all, or everything (S20)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from security.conftest import changed, prints
from security.pages import Form, Page
from signing_in import Browser
from sqlalchemy import event, select

from models import Customer, Invoice, db


class Broken(Exception):
    """The wire to the database was cut."""


class Cut:
    """Breaks the n-th statement from now on, and counts them."""

    def __init__(self, at: int) -> None:
        self.at, self.seen = at, 0

    def __call__(self, *_args: object) -> None:
        self.seen += 1
        if self.seen == self.at:
            raise Broken


@contextmanager
def cut(at: int) -> Iterator[Cut]:
    breaking = Cut(at)
    event.listen(db.engine, "before_cursor_execute", breaking)
    try:
        yield breaking
    finally:
        event.remove(db.engine, "before_cursor_execute", breaking)


def form_at(browser: Browser, address: str, door: str) -> Form:
    """The form of that page which is sent to `door`."""
    page = Page(address, browser.get(address).text)
    return next(form for form in page.forms if form.method == "post" and f"/{door}" in form.action)


MOST = 200
"""No request says as much to the database."""
# page, where its form goes, what is typed, and what then has changed
WORK = {
    "record a payment": (
        "/admin/payments/new/?customer={}", "payments/new", {"amount": "1.77"},
        {"payment", "allocation", "invoice", "ledger_posting", "ledger_entry", "customer", "audit_event"},
    ),
    "write a note": ("/admin/customer/details/?id={}", "note", {"text": "cut"}, {"note", "audit_event"}),
    "give credit": (
        "/admin/customer/details/?id={}&tab=payments", "credit", {"amount": "5.00", "reason": "cut"},
        {"credit", "ledger_posting", "ledger_entry", "customer", "audit_event"},
    ),
    "disable": ("/admin/customer/details/?id={}", "status", {"to": "disabled"}, {"customer", "invoice", "audit_event"}),
    "edit": ("/admin/customer/edit/?id={}", "edit", {"name": "Cut Off"}, {"customer", "audit_event"}),
}  # fmt: skip


@pytest.mark.parametrize("work", WORK)
def test_all_or_nothing(world: Flask, owner: Browser, work: str) -> None:
    owing = select(Customer.id).join(Invoice, Invoice.customer_id == Customer.id).where(Invoice.open_minor > 1000)
    number = db.session.scalars(owing.order_by(Customer.id).limit(1)).one()
    address, door, typed, all_of_it = WORK[work]
    form = form_at(owner, address.format(number), door)
    data = {**form.values(), **typed, "csrf_token": owner.csrf_token()}
    before, at, now = prints(), 0, []
    while not now:
        at += 1
        assert at < MOST, "it is refused whole"
        with cut(at):
            try:
                owner.post(form.action, data=data, csrf=False)
            except Broken:
                pass
        now = changed(before, prints())
    assert at > 4 and set(now) - {"customer_search"} == all_of_it
