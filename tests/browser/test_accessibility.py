"""What people with a screen reader, a keyboard or weak eyes get: axe-core finds nothing serious on any page.

`axe/axe.min.js` is axe-core 4.14.1 as published, under the Mozilla Public License 2.0 beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask, template_rendered
from jinja2 import Template
from playwright.sync_api import Page
from security.pages import Walk
from signing_in import PASSWORD, make_staff, sign_in
from worlds import small_company

from models import db

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
SERIOUS = {"serious", "critical"}
FIND = """async (rules) => {
  do await new Promise(requestAnimationFrame); while (document.getAnimations().length);
  return (await axe.run(document, {resultTypes: ['violations'], ...rules})).violations.map(found => [
  found.impact, found.id, found.nodes.slice(0, 3).map(node => node.target + ' ' + node.failureSummary).join('; ')])
}"""
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
LISTS = ("admin/model/list.html",)
EDITED = ("/admin/customer/?edit=status", "/admin/customer/?edit=registered_on")


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


def addresses(app: Flask) -> Iterator[tuple[str, bool]]:
    """One address of every page that an owner reaches by links, and one filter being set; whether it is the first of
    its template. Of pages that differ only in whose they are one is enough; lists differ in their columns."""
    visitor = app.test_client()
    sign_in(visitor)
    made: list[str] = []
    known: set[tuple[str, ...]] = set()

    def note(_app: Flask, template: Template, **_more: object) -> None:
        made.append(str(template.name))

    with template_rendered.connected_to(note, app):
        for page in Walk(visitor, ("/admin/", "/admin/settings/", "/help")):
            given = arguments(page.address)
            template = made[-1] if made else ""
            made.clear()
            key = (template, given.get("tab", ""), urlsplit(page.address).path if template in LISTS else "")
            if template and not {"edit", "sort", "last", "after"} & set(given) and key not in known:
                yield page.address, (template,) not in known
                known |= {key, (template,)}
    yield from ((address, False) for address in EDITED)


def arguments(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


def complaints(page: Page, address: str, *, by_night: bool) -> list[str]:
    """What is serious on a page in daylight, and what its colours lack by night."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.goto(address)
    page.evaluate(AXE)
    found = page.evaluate(FIND, {})
    if by_night:
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        found += page.evaluate(FIND, COLOURS)
    path = urlsplit(address).path
    return [f"{path} {rule}: {where}" for impact, rule, where in found if impact in SERIOUS]


@pytest.mark.database("sqlite")
def test_every_page_is_read_without_trouble(company: Flask, page: Page) -> None:
    pages = list(addresses(company))
    assert len(pages) > 80
    assert [words for address, new in pages for words in complaints(page, address, by_night=new)] == []
