"""Packages in the panel: what they cost, rows added without scripts, and running services left alone."""

from __future__ import annotations

import re

import pytest
from factories import make_company, make_customer, make_package, make_service
from signing_in import make_role, sign_in
from sqlalchemy import event, select

from models import AuditEvent, Package, Service, ServiceStatus, db

LIST = "/admin/package/"


@pytest.fixture
def panel(staff_client):
    make_company()
    db.session.commit()
    return staff_client


def get(client, url, status=200):
    answer = client.get(url)
    assert answer.status_code == status, answer.text[:400]
    return answer.text


def token(page: str) -> str:
    return re.search(r'name="form_token" value="([^"]+)"', page)[1]


def price(n: int, amount: str, **more: str) -> dict[str, str]:
    values = {"every": "1", "unit": "months", "currency": "EUR", "price": amount, "setup_fee": "", **more}
    return {f"prices-{n}-{name}": value for name, value in values.items()}


def option(n: int, name: str, kind: str, amount: str, **more: str) -> dict[str, str]:
    values = {"name": name, "kind": kind, "value": "", "every": "1", "unit": "months", "currency": "EUR"}
    return {f"options-{n}-{key}": value for key, value in {**values, "price": amount, **more}.items()}


def about(client, **more: str) -> dict[str, str]:
    page = get(client, f"{LIST}new/")
    return {"name": "Fibre 300", "description": "", "tax_category": "S", "form_token": token(page), **more}


def test_a_package_is_made_with_prices_and_options_once(panel):
    form = about(panel) | price(0, "49") | price(1, "") | price(2, "490.50", every="12", setup_fee="30", currency="usd")
    form |= option(0, "Router", "yes_no", "5") | option(1, "Speed", "choice", "9", value="500")
    form |= (
        option(2, "", "yes_no", "") | option(3, "Speed", "choice", "19", value="1000") | option(4, "SLA", "yes_no", "")
    )
    first, second = (panel.post(f"{LIST}new/", data=form) for _time in range(2))
    package = db.session.scalars(select(Package)).one()
    assert first.location == second.location == f"{LIST}details/?id={package.id}"
    prices = [(p.months, p.days, p.currency, p.price_minor, p.setup_fee_minor) for p in package.prices]
    assert prices == [(1, 0, "EUR", 4900, 0), (12, 0, "USD", 49050, 3000)]
    options = [(o.name, o.kind, [(p.value, p.price_minor) for p in o.prices]) for o in package.options]
    assert options == [
        ("Router", "yes_no", [("", 500)]),
        ("Speed", "choice", [("500", 900), ("1000", 1900)]),
        ("SLA", "yes_no", []),
    ]
    page = get(panel, first.location)
    assert "€49.00 a month" in page and "$490.50 a year" in page and "Agreed with each service" in page


def test_the_form_of_a_package_saves_it_as_it_is(panel):
    form = about(panel) | price(0, "1234.50", setup_fee="3") | option(0, "Speed", "choice", "9", value="500")
    panel.post(f"{LIST}new/", data={**form, **option(1, "SLA", "yes_no", "")})
    package = db.session.scalars(select(Package)).one()
    url = f"{LIST}edit/?id={package.id}"
    inputs = dict(
        re.findall(r'<input class="form-control[^"]*"[^>]* name="([\w-]+)"[^>]* value="([^"]*)"', get(panel, url))
    )
    assert inputs["prices-0-price"] == "1234.50" and inputs["options-0-value"] == "500"
    kinds = {"options-0-kind": "choice", "prices-0-unit": "months", "options-0-unit": "months", "tax_category": "S"}
    panel.post(url, data={**inputs, **kinds, "description": "", "form_token": token(get(panel, url))})
    verbs = db.session.scalars(select(AuditEvent.verb).where(AuditEvent.object_type == "package")).all()
    assert verbs == ["package.created"]


def test_rows_come_and_go_by_buttons_and_keep_what_was_typed(panel):
    form = about(panel, name="") | price(0, "49") | price(1, "abc")
    page = panel.post(f"{LIST}new/", data={**form, "add": "prices"}).text
    assert page.count('name="remove" value="prices-') == 3 and 'value="abc"' in page and "alert" not in page
    page = panel.post(f"{LIST}new/", data={**form, "remove": "prices-0"}).text
    assert re.findall(r'name="remove" value="(prices-\d)"', page) == ["prices-1"]
    assert not db.session.query(Package).count()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (price(0, "12.345"), "at most 2 decimals"),
        (price(0, "much"), "Write an amount"),
        (price(0, "5", currency="XXQ"), "Use three letters"),
        (price(0, "5", every="0"), "At least 1"),
        (price(0, "5", every="999"), "at most 120 months"),
        (price(0, "-5"), "cannot be below zero"),
        (price(0, "5") | price(1, "6"), "one of them is there twice"),
        (option(0, "Speed", "choice", "5"), "price for each choice"),
        (option(0, "Speed", "choice", "5", value="1") | option(1, "Speed", "yes_no", "6"), "two kinds"),
        (option(0, "", "yes_no", "5"), "name is missing"),
    ],
)
def test_a_row_that_cannot_be_is_told_and_nothing_is_kept(panel, row, words):
    page = panel.post(f"{LIST}new/", data=about(panel) | row).text
    assert words in page and 'value="Fibre 300"' in page and 'role="alert"' in page
    assert not db.session.query(Package).count()


def test_a_name_that_is_taken_is_told_at_the_name(panel):
    make_package(name="Fibre 300")
    page = panel.post(f"{LIST}new/", data=about(panel, name="fibre 300") | price(0, "5")).text
    assert "There is a package called fibre 300 already" in page and 'href="#name"' in page


def test_the_list_shows_prices_and_counts_running_services_in_one_statement(panel):
    fibre, _other = make_package(4900, name="Fibre"), make_package(1000, "USD", name="Domain")
    for _n in range(3):
        make_service(make_customer(), fibre)
    make_service(make_customer(), fibre, status=ServiceStatus.CANCELLED)
    db.session.commit()
    seen: list[str] = []
    listen = lambda _c, _k, statement, *_rest: seen.append(statement)  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", listen)
    page = get(panel, LIST)
    event.remove(db.engine, "before_cursor_execute", listen)
    assert len([s for s in seen if s.startswith("SELECT")]) <= 6, "\n".join(seen)
    assert "€49.00 a month" in page and "$10.00 a month" in page
    assert re.findall(r'<td class="num">(\d+)<', page) == ["0", "3"]


def test_archived_packages_are_kept_and_sold_again(panel):
    package = make_package(name="Webspace")
    service = make_service(make_customer(), package)
    here = f"?id={package.id}"
    answer = panel.post(f"{LIST}status/{here}", data={"to": "archived"}, follow_redirects=True)
    assert "Sell again" in answer.text and db.session.get(Service, service.id).status == "active"
    assert "Webspace" not in get(panel, f"{LIST}?flt0_archived_is=0")
    panel.post(f"{LIST}action/", data={"action": "restore", "rowid": [package.id]})
    assert db.session.get(Package, package.id).archived is False


def test_who_may_only_look_changes_nothing(client):
    make_company()
    make_role("reader", "packages.view")
    package = make_package()
    sign_in(client, "reader")
    here = f"?id={package.id}"
    page = get(client, f"{LIST}details/{here}")
    assert "Archive" not in page and "/edit/" not in page
    get(client, f"{LIST}new/", 404), get(client, f"{LIST}edit/{here}", 404)
    assert client.post(f"{LIST}status/{here}", data={"to": "archived"}).status_code == 404
    assert client.post(f"{LIST}action/", data={"action": "archive", "rowid": [package.id]}).status_code == 404
