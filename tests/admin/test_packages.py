"""Packages in the panel: what they cost, rows added without scripts, and running services left alone."""

from __future__ import annotations

import re

import pytest
from factories import make_company, make_customer, make_package, make_service
from signing_in import make_role, sign_in
from sqlalchemy import select
from statements import spoken

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
    values = {"period": "month", "currency": "EUR", "price": amount, "setup_fee": "", **more}
    return {f"prices-{n}-{name}": value for name, value in values.items()}


def option(n: int, name: str, kind: str, *amounts: str, **more: str) -> dict[str, str]:
    """An option with a price for each amount; ``500=9`` is the price of the choice 500."""
    form = {f"options-{n}-{key}": value for key, value in {"name": name, "kind": kind, **more}.items()}
    for k, amount in enumerate(amounts):
        value, _is, cost = amount.rpartition("=")
        row = {"value": value, "period": "month", "currency": "EUR", "price": cost}
        form |= {f"options-{n}-prices-{k}-{key}": one for key, one in row.items()}
    return form


def about(client, **more: str) -> dict[str, str]:
    page = get(client, f"{LIST}new/")
    known = {"description": "", "tax_category": "S", "trial_days": "0", "change_to": "any"}
    return {"name": "Fibre 300", **known, "form_token": token(page), **more}


def test_a_package_is_made_with_prices_and_options_once(panel):
    form = about(panel, group="Access", trial_days="14", order_text="**Fast**")
    form |= price(0, "49") | price(1, "") | price(2, "490.50", period="Yearly", setup_fee="30", currency="usd")
    form |= option(0, "Router", "yes_no", "5", ticked="y") | option(
        1, "Speed", "choice", "500=9", "1000=19", usual="500"
    )
    form |= option(2, "", "yes_no") | option(3, "Rack units", "quantity", least="1", most="4", required="y")
    first, second = (panel.post(f"{LIST}new/", data=form) for _time in range(2))
    package = db.session.scalars(select(Package)).one()
    assert first.location == second.location == f"{LIST}details/?id={package.id}"
    prices = [(p.months, p.days, p.currency, p.price_minor, p.setup_fee_minor) for p in package.prices]
    assert prices == [(1, 0, "EUR", 4900, 0), (12, 0, "USD", 49050, 3000)]
    options = [(o.name, o.kind, o.default_value, [(p.value, p.price_minor) for p in o.prices]) for o in package.options]
    assert options == [
        ("Router", "yes_no", "yes", [("", 500)]),
        ("Speed", "choice", "500", [("500", 900), ("1000", 1900)]),
        ("Rack units", "quantity", "", []),
    ]
    assert (package.group.name, package.trial_days, package.options[2].required) == ("Access", 14, True)
    page = get(panel, first.location)
    assert "€49.00 a month" in page and "$490.50 a year" in page and "Agreed with each service" in page
    assert "<strong>Fast</strong>" in page and "14 days free" in page and "at most 4" in page


def test_which_packages_it_may_change_to_is_chosen_with_a_direction(panel):
    other, away = make_package(1000, name="Fibre 100"), make_package(name="Old", archived=True)
    form = about(panel, change_to="chosen") | price(0, "49")
    assert "Choose at least one package" in panel.post(f"{LIST}new/", data=form).text
    form |= {"targets-0-to": str(other.id), "targets-0-direction": "upgrade"}
    assert f'<option value="{away.id}"' not in panel.post(f"{LIST}new/", data={**form, "add": "targets"}).text
    page = get(panel, panel.post(f"{LIST}new/", data=form).location)
    assert "Only those chosen below" in page and "Fibre 100" in page and "Upgrade" in page
    lost = about(panel, name="Fibre 500", change_to="group") | price(0, "49")
    assert "Write the group" in panel.post(f"{LIST}new/", data=lost).text


def test_the_form_of_a_package_saves_it_as_it_is(panel):
    form = about(panel) | price(0, "1234.50", setup_fee="3") | option(0, "Speed", "choice", "500=9", usual="500")
    panel.post(f"{LIST}new/", data={**form, **option(1, "SLA", "yes_no")})
    package = db.session.scalars(select(Package)).one()
    url = f"{LIST}edit/?id={package.id}"
    inputs = dict(
        re.findall(r'<input class="form-control[^"]*"[^>]* name="([\w-]+)"[^>]* value="([^"]*)"', get(panel, url))
    )
    assert inputs["prices-0-price"] == "1234.50" and inputs["options-0-prices-0-value"] == "500"
    assert inputs["prices-0-period"] == "month"
    kinds = {"options-0-kind": "choice", "options-1-kind": "yes_no", "tax_category": "S", "change_to": "any"}
    panel.post(url, data={**inputs, **kinds, "description": "", "form_token": token(get(panel, url))})
    verbs = db.session.scalars(select(AuditEvent.verb).where(AuditEvent.object_type == "package")).all()
    assert verbs == ["package.created"]


def test_rows_come_and_go_by_buttons_and_keep_what_was_typed(panel):
    form = about(panel, name="") | price(0, "49") | price(1, "abc")
    page = panel.post(f"{LIST}new/", data={**form, **price(1, "abc", currency="USD"), "add": "prices"}).text
    assert page.count('value="USD"') == 2 + 1  # a new row begins with the currency of the one above, and the list
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
        (price(0, "5", period="often"), "Write it like month"),
        (price(0, "5", period=""), "Write it like month"),
        (price(0, "5", period="999 months"), "at most 120 months"),
        (price(0, "-5"), "cannot be below zero"),
        (price(0, "5") | price(1, "6"), "is there twice"),
        (option(0, "Speed", "choice", "5"), "Name the choice"),
        (option(0, "Speed", "yes_no", "big=5"), "Only one of several"),
        (option(0, "Speed", "choice", "1=5") | option(1, "speed", "yes_no", "6"), "option of this name"),
        (option(0, "Speed", "choice", "1=5", usual="7"), "none of the choices"),
        (option(0, "Space", "quantity", "5", least="4", most="2"), "below the smallest"),
        (option(0, "", "yes_no", "5"), "Give the option a name"),
        ({"trial_days": "400"}, "from 0 to 366"),
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
    with spoken() as seen:
        page = get(panel, LIST)
    assert len(seen) <= 6, "\n".join(seen)
    assert "€49.00 a month" in page and "$10.00 a month" in page
    assert re.findall(r"<td class=num>(\d+)<", page) == ["0", "3"]


def test_archived_packages_are_kept_and_sold_again(panel):
    package = make_package(name="Webspace")
    service = make_service(make_customer(), package)
    here = f"?id={package.id}"
    answer = panel.post(f"{LIST}status/{here}", data={"to": "archived"}, follow_redirects=True)
    assert "Sell again" in answer.text and db.session.get(Service, service.id).status == "active"
    assert "Webspace" not in get(panel, f"{LIST}?flt0_archived_is=0")
    panel.post(f"{LIST}action/", data={"action": "restore", "rowid": [package.id]})
    assert db.session.get(Package, package.id).archived is False


def test_a_package_is_copied_hidden_and_only_an_unused_one_deleted(panel):
    package = make_package(4900, name="Webspace", trial_days=7)
    here = f"{LIST}copy/?id={package.id}"
    form = {"name": "Webspace", "form_token": token(get(panel, here))}
    assert "called Webspace already" in panel.post(here, data=form).text
    panel.post(here, data={**form, "name": "Webspace 2"})
    copied = db.session.scalars(select(Package).where(Package.name == "Webspace 2")).one()
    assert (copied.hidden, copied.trial_days, copied.prices[0].price_minor) == (True, 7, 4900)
    make_service(make_customer(), package)
    db.session.commit()
    for one, left in ((package, 2), (copied, 1)):
        panel.post(f"{LIST}delete/", data={"id": one.id})
        assert db.session.query(Package).count() == left
    assert "Delete" not in get(panel, f"{LIST}details/?id={package.id}")


def test_the_page_of_a_package_says_what_runs_and_what_it_brings(panel):
    package = make_package(4900, name="Webspace")
    make_service(make_customer(name="Doyle"), package, price_minor=1200, months=12)
    make_service(make_customer(), package, price_minor=300)
    make_service(make_customer(), package, price_minor=9900, free=True)
    page = get(panel, f"{LIST}details/?id={package.id}")
    assert "€4.00 a month" in page and "Doyle" in page and "3 running services" in page


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
