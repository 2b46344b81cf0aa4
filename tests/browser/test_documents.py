"""Money comes in for an invoice, and a mail that came back is sent again, by hand in a browser."""

from __future__ import annotations

import re
from datetime import date

from factories import make_company, make_customer, make_invoice
from playwright.sync_api import Page, expect

from billing import credits
from billing.actor import Actor
from messaging import outbox
from models import Delivery, DeliveryState, Money, Payment, db


def test_from_the_list_to_a_paid_invoice(owner: Page, by: Actor) -> None:
    make_company()
    anna = make_customer(name="Anna Lindqvist")
    make_invoice(make_customer(name="Bob Stone"), 900)
    invoice = make_invoice(anna, 5000, tax_rate="23", due_on=date(2026, 11, 14))
    credits.grant(anna, Money(1000, "EUR"), reason="Gift", on=date(2026, 11, 1), by=by)
    db.session.commit()
    owner.goto("/admin/invoices/")
    owner.get_by_label("Find in this list").fill("lindq")
    owner.keyboard.press("Enter")
    owner.get_by_role("link", name=str(invoice.number), exact=True).click()
    expect(owner.get_by_role("heading", level=1)).to_have_text(str(invoice.number))
    expect(owner.get_by_text("Overdue 8 days")).to_be_visible()
    owner.get_by_role("button", name="Use €10.00 credit").click()
    expect(owner.get_by_role("status").get_by_text("€10.00 of credit used")).to_be_visible()
    owner.get_by_role("link", name="Record payment").click()
    expect(owner.get_by_label("Amount")).to_have_value("40.00")
    owner.get_by_role("button", name="Record payment").click()
    expect(owner.get_by_text("€40.00 recorded for Anna Lindqvist")).to_be_visible()
    expect(owner.locator(".pill", has_text="Paid").first).to_be_visible()
    db.session.expire_all()
    assert invoice.open_minor == 0
    db.session.rollback()


def test_only_the_document_is_printed(owner: Page) -> None:
    make_company()
    invoice = make_invoice(make_customer(), 5000)
    db.session.commit()
    owner.goto(f"/admin/invoices/details/?id={invoice.id}")
    owner.emulate_media(media="print")
    expect(owner.locator(".sheet")).to_be_visible()
    for hidden in (".side", ".topbar", ".page-head", "aside.stack", "section:has(#books)"):
        expect(owner.locator(hidden).first).to_be_hidden()


def test_a_customer_is_chosen_while_typing(owner: Page) -> None:
    make_company()
    anna = make_customer(name="Anna Lindqvist")
    make_customer(name="Bob Stone")
    db.session.commit()
    owner.goto("/admin/payments/new/")
    owner.get_by_label("Customer").press_sequentially("lindq")
    offered = owner.locator("#customers option")
    expect(offered).to_have_count(1)
    owner.get_by_label("Customer").fill(str(offered.get_attribute("value")))
    owner.get_by_role("button", name="Go on").click()
    owner.get_by_label("Amount").fill("12.50")
    expect(owner.get_by_text("Nothing is open, so all of it becomes credit")).to_be_visible()
    owner.get_by_role("button", name="Record payment").click()
    expect(owner.get_by_text("€12.50 recorded for Anna Lindqvist")).to_be_visible()
    assert db.session.query(Payment).one().customer_id == anna.id
    db.session.rollback()


def test_a_mail_that_came_back_is_sent_again(owner: Page, by: Actor) -> None:
    make_company()
    anna = make_customer()
    message = outbox.queue_message("Hello", "Dear Anna", [anna.email], kind="note", about=1, by=by, customer=anna)
    message.deliveries[0].state, message.deliveries[0].error = DeliveryState.BOUNCED, "550 mailbox full"
    db.session.commit()
    owner.goto("/admin/deliveries/")
    owner.get_by_role("link", name=re.compile("Bounced")).click()
    owner.get_by_role("link", name=anna.email).click()
    expect(owner.get_by_text("550 mailbox full").first).to_be_visible()
    owner.get_by_role("button", name="Send again").click()
    expect(owner.locator(".pill", has_text="Waiting")).to_be_visible()
    db.session.expire_all()
    assert db.session.query(Delivery).one().state == DeliveryState.QUEUED
    db.session.rollback()
