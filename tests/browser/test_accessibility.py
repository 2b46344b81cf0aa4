"""What people with a screen reader, a keyboard or weak eyes get: axe-core finds nothing serious on any page.

`axe/axe.min.js` is axe-core 4.14.1 as published, under the Mozilla Public License 2.0 beside it.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from conftest import Backend
from flask import Flask
from playwright.sync_api import Page
from security.pages import Walk
from signing_in import PASSWORD, make_staff, sign_in
from worlds import small_company

from models import db

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
SERIOUS = {"serious", "critical"}
FIND = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations.map(found => [
  found.impact, found.id, found.nodes.slice(0, 3).map(node => node.target + ' ' + node.failureSummary).join('; ')])"""
EDITED = ("/admin/customer/?edit=status", "/admin/customer/?edit=registered_on")
HEART = ("/admin/customer/", "/admin/customer/new/")


@pytest.fixture
def company(app: Flask, page: Page, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """A company with a past, and its owner at the browser."""
    small_company(tmp_path_factory)
    email = make_staff().email
    db.session.commit()  # nothing is read any more: it would hold the lock of SQLite
    page.goto("/admin/sign-in")
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/admin/")
    return app


def addresses(app: Flask) -> list[str]:
    """One address of every page that an owner reaches by links, and one filter being set."""
    visitor = app.test_client()
    sign_in(visitor)
    pages = [page.address for page in Walk(visitor, ("/admin/", "/admin/settings/", "/help"))]
    plain = [address for address in pages if not {"edit", "sort", "last", "after"} & set(arguments(address))]
    return [*{(urlsplit(a).path, arguments(a).get("tab")): a for a in reversed(plain)}.values(), *EDITED]


def arguments(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


def complaints(page: Page, address: str, scheme: str) -> list[str]:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(address)
    page.evaluate(AXE)
    found = page.evaluate(FIND)
    path = urlsplit(address).path
    return [f"{scheme} {path} {rule}: {where}" for impact, rule, where in found if impact in SERIOUS]


def test_every_page_is_read_without_trouble(company: Flask, page: Page, backend: Backend) -> None:
    """All pages in one scheme a database, which has no part in the colours; the heart of the panel in both."""
    scheme = "light" if backend.name == "sqlite" else "dark"
    found = [words for address in addresses(company) for words in complaints(page, address, scheme)]
    for other in {"light", "dark"} - {scheme}:
        found += [words for address in HEART for words in complaints(page, address, other)]
    assert found == []
