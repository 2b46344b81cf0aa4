"""What people with a screen reader, a keyboard or weak eyes get: axe-core finds nothing serious on any page.

`axe/axe.min.js` is axe-core 4.14.1 as published, under the Mozilla Public License 2.0 beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask, template_rendered
from flask.testing import FlaskClient
from guests import sign_in_guest
from jinja2 import Template
from playwright.sync_api import Page
from security.pages import Walk
from signing_in import PASSWORD, make_staff, sign_in
from sqlalchemy import select
from worlds import small_company

from models import OrderForm, PortalAccess, PortalRight, db

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
SERIOUS = {"serious", "critical"}
FIND = """async (rules) => {
  do await new Promise(requestAnimationFrame); while (document.getAnimations().length);
  return (await axe.run(document, {resultTypes: ['violations'], iframes: false, ...rules})).violations.map(found => [
  found.impact, found.id, found.nodes.slice(0, 3).map(node => node.target + ' ' + node.failureSummary).join('; ')])
}"""
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
LISTS = ("admin/model/list.html",)
EDITED = ("/admin/customer/?edit=status", "/admin/customer/?edit=registered_on")


@pytest.fixture
def company(app: Flask, page: Page, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """A company with a past."""
    small_company(tmp_path_factory)
    bring_axe(page)
    return app


def bring_axe(page: Page) -> None:
    """Have axe on every page from the next one on, for `complaints`."""
    page.add_init_script(AXE)
    page.emulate_media(reduced_motion="reduce")


def enter(page: Page, address: str, login: str, name: str) -> None:
    db.session.commit()  # nothing is read any more: it would hold the lock of SQLite
    page.goto(address)
    page.fill(f"input[name={login}]", name)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda reached: not reached.endswith("/sign-in"))


def addresses(app: Flask, visitor: FlaskClient, starts: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """One address of every page that the visitor reaches by links; whether it is the first of its template. Of pages
    that differ only in whose they are one is enough; lists differ in their columns."""
    made: list[str] = []
    known: set[tuple[str, ...]] = set()

    def note(_app: Flask, template: Template, **_more: object) -> None:
        made.append(str(template.name))

    with template_rendered.connected_to(note, app):
        for page in Walk(visitor, starts):
            given = arguments(page.address)
            template = made[-1] if made else ""
            made.clear()
            key = (template, given.get("tab", ""), urlsplit(page.address).path if template in LISTS else "")
            if template and not {"edit", "sort", "last", "after"} & set(given) and key not in known:
                yield page.address, (template,) not in known
                known |= {key, (template,)}


def arguments(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


def complaints(page: Page, address: str, *, by_night: bool) -> list[str]:
    """What is serious on a page in daylight, and what its colours lack by night."""
    page.emulate_media(color_scheme="light")
    page.goto(address)
    found = page.evaluate(FIND, {})
    if by_night:
        page.emulate_media(color_scheme="dark")
        found += page.evaluate(FIND, COLOURS)
    path = urlsplit(address).path
    return [f"{path} {rule}: {where}" for impact, rule, where in found if impact in SERIOUS]


@pytest.mark.database("sqlite")
def test_every_page_of_the_panel_is_read_without_trouble(company: Flask, page: Page) -> None:
    enter(page, "/admin/sign-in", "email", make_staff().email)
    visitor = company.test_client()
    sign_in(visitor)
    pages = [*addresses(company, visitor, ("/admin/", "/admin/settings/", "/help")), *((one, False) for one in EDITED)]
    assert len(pages) > 80
    assert [words for address, new in pages for words in complaints(page, address, by_night=new)] == []


@pytest.mark.database("sqlite")
def test_every_page_for_customers_is_read_without_trouble(company: Flask, page: Page) -> None:
    orders = tuple(f"/order/{form.slug}" for form in db.session.scalars(select(OrderForm)))
    stranger = [*addresses(company, company.test_client(), ("/portal/sign-in", "/portal/forgot", *orders))]
    found = [words for address, new in stranger for words in complaints(page, address, by_night=new)]
    access = db.session.scalars(select(PortalAccess).where(PortalAccess.right == PortalRight.OWNER)).first()
    assert access and len(orders) > 1
    access.portal_user.password_hash = company.extensions["passwords"].hash(PASSWORD)
    pages = [*addresses(company, sign_in_guest(company.test_client(), access), ("/portal/",))]
    assert len(pages) > 15
    enter(page, "/portal/sign-in", "login", access.portal_user.email)
    found += [words for address, new in pages for words in complaints(page, address, by_night=new)]
    assert found == []
