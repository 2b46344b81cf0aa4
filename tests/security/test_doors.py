"""Who gets through which door: every address and verb there is, for nobody and for each role (S49, S50, S28).

`doors.txt` pins the answers; an address that is not in it fails. After a change that is wanted, write it anew with
`PIN=1 python -m pytest tests/security/test_doors.py -k sqlite` and read what changed before it is committed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from conftest import Backend
from flask import Flask
from security.conftest import changed, prints
from signing_in import Browser, make_staff, sign_in
from werkzeug.routing import Rule

from billing.permissions import ROLES
from models import db

PINNED = Path(__file__).with_name("doors.txt")
# Who may least knocks first: a door that deletes still finds something for the others.
ROLE_NAMES = sorted(ROLES, key=lambda name: (len(ROLES[name]), name))
ENTERING = "customer.enter_view"
DEAD = {"/setup"}  # since there is an owner
# Signed by whoever calls, or by the link itself, so no token of ours.
CALLED_FROM_OUTSIDE = {"hooks.status", "hooks.inbound", "hooks.stripe", "unsubscribe.submit"}


def doors(app: Flask) -> Iterator[tuple[str, Rule]]:
    """Every verb of every address."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, str(rule.endpoint))):
        if not rule.endpoint.endswith("static"):
            yield from ((verb, rule) for verb in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "DELETE"}))


def address_of(app: Flask, rule: Rule, number: int = 1) -> str:
    """The address with something plausible wherever it wants something, and the id of a record."""
    values = {"export_type": "csv"}
    given = {name: values.get(name, number) for name in rule.arguments}
    with app.test_request_context():
        path = app.url_map.bind("localhost").build(rule.endpoint, given)
    return f"{path}?{urlencode({'id': number})}"


def knock(browser: Browser, verb: str, address: str) -> str:
    """What happens at a door: `in`, `sign in`, `refused` or `missing`."""
    answer = browser.open(address, method=verb, data={"csrf_token": browser.token} if verb != "GET" else None)
    if answer.status_code >= 500 and answer.status_code != 503:
        raise AssertionError(f"{verb} {address}: {answer.status}")
    if answer.status_code in (302, 303) and "/sign-in" in answer.location:
        return "sign in"
    return {401: "sign in", 403: "refused", 404: "missing"}.get(answer.status_code, "in")


@pytest.fixture
def browsers(world: Flask) -> dict[str, Browser]:
    made = {}
    for role in ROLE_NAMES:
        browser = made[role] = world.test_client()
        make_staff(role)
        sign_in(browser, role)
        browser.token = browser.csrf_token()
    nobody = made["nobody"] = world.test_client()
    nobody.token = nobody.csrf_token()
    return made


def come_back(browser: Browser) -> None:
    """Out of the customer's view that a knock at its door led into."""
    page = browser.get("/portal/").text
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    assert browser.post("/portal/return", data={"csrf_token": token}).status_code == 302
    browser.token = browser.csrf_token()


def line(app: Flask, browsers: dict[str, Browser], verb: str, rule: Rule) -> str:
    """One line of the matrix: who gets in, who is sent to sign in, who is refused, for whom there is nothing."""
    address, said = address_of(app, rule), {}
    for who, browser in browsers.items():
        with db.engine.connect():
            found = knock(browser, verb, address)
            said.setdefault(found, []).append(who)
            if rule.endpoint == ENTERING and found == "in":
                come_back(browser)
    told = [f"{what}: {'all' if len(who) == len(browsers) else ' '.join(who)}" for what, who in said.items()]
    return f"{verb} {rule.rule} → {'; '.join(told)}"


def leave_alone(verb: str, rule: Rule) -> bool:
    """What would end the very visit that knocks."""
    return verb == "POST" and rule.endpoint.split(".")[-1] in {"sign_out", "end_other_sessions"}


def test_every_door_lets_in_whom_it_should(world: Flask, browsers: dict[str, Browser]) -> None:
    found = [line(world, browsers, verb, rule) for verb, rule in doors(world) if not leave_alone(verb, rule)]
    if os.environ.get("PIN"):
        PINNED.write_text("\n".join(found) + "\n")
    assert found == PINNED.read_text().splitlines()


def test_no_verb_works_without_the_token_of_the_session(world: Flask, owner: Browser) -> None:
    stranger = world.test_client()
    foreign = stranger.csrf_token()
    before = prints()
    for verb, rule in doors(world):
        if verb == "GET" or rule.endpoint in CALLED_FROM_OUTSIDE:
            continue
        for token in ({}, {"csrf_token": foreign}, {"csrf_token": "x" * 91}):
            answer = owner.open(address_of(world, rule), method=verb, data=token)
            wanted = 404 if rule.rule in DEAD else 400
            assert answer.status_code == wanted, f"{verb} {rule.rule} with {token} answered {answer.status}"
    assert changed(before, prints()) == []


BAD_IDS = ("0", "-1", "999999999", "9" * 40, "1e3", "١", "1;2", "a'b", "", "%00")
# PostgreSQL minds what is no number or too large; SQLite minds numbers too large for it and takes all else.
BAD_IDS_OF = {"sqlite": ("0", "9" * 40, "a'b", "%00"), "postgresql": BAD_IDS}


def test_an_id_of_nothing_is_answered_as_missing_and_never_as_a_breakdown(
    world: Flask, owner: Browser, backend: Backend
) -> None:
    for verb, rule in doors(world):
        if verb != "GET":
            continue
        for bad in BAD_IDS_OF[backend.name]:
            path = address_of(world, rule).split("?")[0]
            answer = owner.get(path, query_string=f"id={bad}")
            assert answer.status_code < 500, f"{path}?id={bad} answered {answer.status}"
