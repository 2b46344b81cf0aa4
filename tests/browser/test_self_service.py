"""A customer upgrades by themselves up to the invoice, and takes another address to sign in with.

On one database: the rules are tested on both.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from changing import DAY, DECEMBER, at, priced, running
from conftest import Clock
from flask import Flask
from mailserver import mail_server
from playwright.sync_api import Page, expect
from signing_in import PASSWORD, hashed
from sqlalchemy import select

from billing import portal_users
from jobs import deliveries
from models import ChangeTo, Invoice, PortalUser, Service, db

pytestmark = pytest.mark.database("sqlite")


@pytest.fixture
def service(app: Flask, clock: Clock) -> Service:
    """A service that may become Pro; its customer's owner is anna@m.example."""
    priced("Pro", "90")
    found = running(clock, company={"email": "office@harbour.example"})
    found.package.change_to = ChangeTo.ANY
    db.session.scalars(select(Invoice)).one().due_on = DECEMBER
    secret = hashed(app.extensions["passwords"], PASSWORD)
    portal_users.add(found.customer, "anna@m.example", name="Anna", password_hash=secret, by=at(clock, DAY))
    db.session.commit()
    return found


def enter(page: Page, login: str) -> None:
    page.goto("/portal/sign-in")
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/portal/")


def test_an_upgrade_up_to_paying(page: Page, service: Service) -> None:
    enter(page, "anna@m.example")
    page.goto(f"/portal/{service.customer_id}/services/{service.id}/change")
    page.get_by_role("link", name="Pro").click()
    page.get_by_role("button", name="See what it comes to").click()
    page.wait_for_url("**/changes/*")
    expect(page.locator("tfoot .total")).to_contain_text("€36.90")
    page.get_by_role("button", name="Change and pay €36.90").click()
    expect(page.get_by_text("Your service is Pro now.")).to_be_visible()
    expect(page.get_by_role("link", name="Pay €36.90")).to_be_visible()
    assert db.session.get(Service, service.id, populate_existing=True).package.name == "Pro"  # type: ignore[union-attr]


def test_another_address_by_the_link_in_the_mail(
    page: Page, service: Service, app: Flask, address: str, tmp_path: Path
) -> None:
    enter(page, "anna@m.example")
    page.goto("/portal/account")
    page.get_by_label("New address").fill("new@m.example")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_text("A mail with a link is on its way")).to_be_visible()
    with mail_server(tmp_path) as server:
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=server.port)
        deliveries.run()
        app.config["MAIL_SERVER"] = ""
    bodies = [mail.get_body(("plain",)).get_content() for mail in server.mails()]  # type: ignore[union-attr]
    links = [found[0] for body in bodies if (found := re.search(rf"{address}/portal/confirm-email/\S+", body))]
    page.goto(links[0])
    page.get_by_role("button", name="Use this address").click()
    expect(page.get_by_text("You sign in with new@m.example from now on.")).to_be_visible()
    db.session.expire_all()
    assert db.session.scalars(select(PortalUser.email)).all() == ["new@m.example"]
