"""Writing to everybody in a browser, with a real mail server: compose, preview, send, progress, stop, retry."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from factories import make_company, make_customer
from flask import Flask
from mailserver import mail_server
from playwright.sync_api import Page, expect

from billing import runs
from jobs import deliveries
from models import Lease, db


def test_written_looked_at_sent_stopped_and_gone_on_with(owner: Page, app: Flask, clock, tmp_path: Path) -> None:
    make_company(name="Harbour", email="office@harbour.example")
    for name in ("Anna", "Bob", "Carl"):
        make_customer(name=name, email=f"{name.lower()}@mail.example")
    db.session.add(Lease(name=runs.SCHEDULER, owner="x:1:2", fence=1, expires_at=clock() + timedelta(minutes=1)))
    db.session.commit()
    owner.goto("/admin/messages/new/")
    owner.get_by_role("button", name="Write an e-mail").click()
    owner.get_by_label("Subject").fill("Spring")
    body = owner.locator("#body")
    body.press_sequentially("Dear {{ customer.na")
    expect(owner.locator("#merge-box")).to_be_visible()
    body.press("Enter")
    expect(body).to_have_value("Dear {{ customer.name }}")
    expect(owner.frame_locator(".mail-frame").get_by_text("Dear Anna")).to_be_visible()
    owner.get_by_role("link", name="Next recipient").click()
    expect(owner.frame_locator(".mail-frame").get_by_text("Dear Bob")).to_be_visible()
    expect(body).to_have_value("Dear {{ customer.name }}")  # it survived: the page was loaded anew
    owner.get_by_role("button", name="Look at the recipients").click()
    with mail_server(tmp_path, {"on": "rcpt", "match": "bob", "reply": "554 5.7.1 not you", "times": 1}) as server:
        owner.get_by_role("button", name="Send 3 mails").click()
        expect(owner.locator(".job-line")).to_contain_text("0 of 3")
        owner.get_by_role("button", name="Stop", exact=True).click()
        expect(owner.get_by_text("Stopped. What had left stays sent.")).to_be_visible()
        owner.get_by_role("button", name="Go on sending").click()
        expect(owner.locator(".job-line")).to_contain_text("0 of 3")
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=server.port)
        deliveries.run()
        expect(owner.locator(".job-line")).to_contain_text("3 of 3")
        owner.get_by_role("button", name="Retry 1 that failed").click()
        expect(owner.locator(".job-line")).to_contain_text("2 of 3")
        deliveries.run()
        app.config["MAIL_SERVER"] = ""
        expect(owner.get_by_role("button", name="Retry")).to_have_count(0)
        expect(owner.locator(".job-line")).to_contain_text("3 of 3")
    assert sorted(server.recipients()) == ["anna@mail.example", "bob@mail.example", "carl@mail.example"]
