"""The panel in a real browser: one server on the test database, one Chromium, a fresh profile for every test.

A message on the console or a breach of the content security policy fails the test.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import leave_out
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from signing_in import sign_in
from werkzeug.serving import make_server

from models import db

# A browser on a machine that is busy may miss its moment: such a test gets one more try, and the summary counts it.
TRIES_MORE = 1
HERE = Path(__file__).parent
ARGUMENTS = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]
WIDE = {"width": 1440, "height": 1000}
PATIENCE = 20_000
"""Milliseconds until a page gives up, clicking and expecting alike; only a broken program makes it wait that long."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=TRIES_MORE))


@pytest.fixture(scope="session")
def address(migrated_app: Flask) -> Iterator[str]:
    """Where the app of the tests answers."""
    server = make_server("127.0.0.1", 0, migrated_app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        leave_out("no Chromium was found (set CHROMIUM to its path): the panel was not driven in a browser")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, address: str, app: Flask) -> Iterator[Page]:
    """A page of a new profile, nobody signed in.

    What the test has committed stays readable without a transaction: an open one would hold the lock of SQLite.
    """
    db.session().expire_on_commit = False
    context = chromium.new_context(base_url=address, viewport=WIDE, locale="en-IE")
    context.set_default_timeout(PATIENCE)
    page, troubles = context.new_page(), []
    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    yield page
    context.close()
    assert troubles == []


@pytest.fixture
def owner(page: Page, address: str, app: Flask) -> Page:
    """The page of an owner, signed in and at home; the form to sign in with is filled in by those in other roles."""
    enter(page.context, address, app)
    page.goto("/admin/")
    return page


@pytest.fixture
def plain(chromium: Browser, address: str, page: Page, app: Flask) -> Iterator[Page]:
    """The page of a signed-in owner whose browser runs no scripts."""
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    enter(context, address, app)
    yield context.new_page()
    context.close()


def enter(context: BrowserContext, address: str, app: Flask) -> None:
    """Let the browser have the cookie of an owner's session."""
    client = app.test_client()
    sign_in(client)
    [cookie] = [one for one in client._cookies.values() if one.key == app.config["SESSION_COOKIE_NAME"]]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": address}])
