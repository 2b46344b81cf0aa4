"""From an order form to a paid invoice: chosen, confirmed by the link of the mail that really left, paid by card."""

from __future__ import annotations

import re
from pathlib import Path

from cardserver import taking_cards
from flask import Flask
from mailserver import mail_server
from ordering import make_form, make_shop
from playwright.sync_api import Page, expect
from sqlalchemy import select

from billing.actor import Actor
from integrations.fakes.stripe_server import GOOD
from jobs import deliveries
from models import Order, ServiceStatus, db


def test_from_the_order_form_to_a_paid_invoice(page: Page, app: Flask, address: str, by: Actor, tmp_path: Path) -> None:
    form = make_form(make_shop(email="office@harbour.example"), by=by, confirm_email=True, terms="Be nice.")
    url = f"/order/{form.slug}"
    db.session.commit()
    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    page.goto(url)
    expect(page.locator("#order-sums")).to_contain_text("€97.17")
    page.get_by_label("Static address").check()
    expect(page.locator("#order-sums")).to_contain_text("€102.09")
    page.get_by_text("Yearly").click()
    expect(page.locator("#order-sums")).to_contain_text("€725.70")
    page.get_by_text("Monthly").click()
    expect(page.locator("#order-sums")).to_contain_text("€97.17")
    page.get_by_label("Name").fill("Niamh Doyle")
    page.get_by_label("I accept the terms.").check()
    app.clock.advance(minutes=1)  # type: ignore[attr-defined]
    page.get_by_label("E-mail").fill("niamh@doyles.example")
    page.locator("#order-send button").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("One more step: look into your mailbox")
    with mail_server(tmp_path) as server:
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=server.port)
        assert deliveries.run()["sent"] == 1
        app.config["MAIL_SERVER"] = ""
    text = server.mails()[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    link = re.search(rf"{address}/order/confirm/\S+", text)
    assert link is not None
    page.goto(link[0])
    with taking_cards(app) as stripe:
        app.config["BASE_URL"] = address
        page.get_by_role("button", name="Order and pay €97.17").click()
        page.wait_for_url(re.compile(r"/portal/\d+/pay\?invoice="))
        page.get_by_role("button", name="Pay €97.17").click()
        page.wait_for_url(f"{stripe.address}/pay/**")
        page.fill("input[name=number]", GOOD)
        page.get_by_role("button", name="Pay").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Paid, thank you")
    db.session.expire_all()
    done = db.session.scalars(select(Order)).one()
    assert done.invoice is not None and done.service is not None
    assert (done.invoice.open_minor, done.service.status) == (0, ServiceStatus.ACTIVE)
