"""A quote is written, sent, opened by the link of the mail that really left, and accepted; the invoice is there."""

from __future__ import annotations

import re
from pathlib import Path

from factories import add, make_company, make_customer, make_package, make_tax_rate
from flask import Flask
from mailserver import mail_server
from playwright.sync_api import Browser, Page, expect

from jobs import deliveries
from models import Invoice, OptionKind, OptionPrice, PackageOption, Quote, QuoteState, Service, db


def test_from_the_first_line_to_a_running_service(
    owner: Page, chromium: Browser, app: Flask, address: str, tmp_path: Path
) -> None:
    make_company(email="office@harbour.example")
    make_tax_rate("IE", "23")
    fibre = make_package(4500, name="Fibre 500")
    router = add(PackageOption(package_id=fibre.id, name="Router", kind=OptionKind.YES_NO))
    add(OptionPrice(option_id=router.id, currency="EUR", price_minor=500))
    anna = make_customer(name="Anna Lindqvist", email="anna@mail.example")
    db.session.commit()
    owner.goto(f"/admin/quotes/new/?customer={anna.id}")
    owner.get_by_role("button", name="Write the quote").click()
    owner.wait_for_url("**/edit/**")
    owner.get_by_label("Title").fill("New office")
    owner.get_by_label("From the catalogue").select_option("Fibre 500")
    owner.get_by_label("Router").select_option("Yes")
    owner.get_by_role("button", name="Add to the lines").click()
    expect(owner.locator("[data-line]")).to_have_count(2)
    owner.get_by_role("button", name="Add line").click()
    expect(owner.locator("[data-line]")).to_have_count(3)
    last = owner.locator("[data-line]").last
    last.get_by_label("Description").fill("Cabling")
    last.get_by_label("Quantity").fill("55/60")
    last.get_by_label("Price").fill("80")
    expect(last.locator("[data-amount]")).to_have_text("€73.33")
    expect(owner.locator("#lines-totals")).to_contain_text("€151.70")
    owner.get_by_role("button", name="Save and send").click()
    owner.wait_for_url("**/send/**")
    owner.get_by_role("button", name="Send quote").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Q-00001")
    with mail_server(tmp_path) as server:
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=server.port)
        assert deliveries.run()["sent"] == 1
        app.config["MAIL_SERVER"] = ""
    text = server.mails()[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    link = re.search(rf"{address}/portal/quote/\S+", text)
    assert link is not None
    context = chromium.new_context(locale="en-IE")
    page = context.new_page()
    page.goto(link[0])
    expect(page.get_by_role("heading", level=1)).to_have_text("Quote Q-00001")
    expect(page.get_by_text("Fibre 500").first).to_be_visible()
    page.locator("#accept-name").fill("Anna Lindqvist")
    page.locator("#accept-agreed").check()
    page.get_by_role("button", name="Accept quote").click()
    expect(page.get_by_text("Accepted by Anna Lindqvist")).to_be_visible()
    context.close()
    owner.reload()
    expect(owner.get_by_text("By the link of a mail")).to_be_visible()
    owner.get_by_role("link", name="Open invoice").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("INV-00001")
    quote, invoice, service = (db.session.query(model).one() for model in (Quote, Invoice, Service))
    assert (quote.state, quote.invoice_id, quote.total_minor) == (QuoteState.ACCEPTED, invoice.id, invoice.total_minor)
    assert (service.price_minor, service.options[0].price_minor) == (4500, 500)
    db.session.rollback()
