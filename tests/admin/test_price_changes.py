"""Changing many prices in the panel: asked for in the address, reviewed, done once, undone, written about."""

from __future__ import annotations

import csv
import io
import re

import pytest
from factories import add, make_company, make_customer, make_package, make_service
from signing_in import make_role, sign_in
from sqlalchemy import select
from statements import spoken

from models import Mailing, NewPrice, OptionPrice, PackageOption, PackagePrice, PriceChange, ServiceOption, db

HERE = "/admin/price-changes/"


@pytest.fixture
def panel(staff_client):
    make_company()
    db.session.commit()
    return staff_client


def get(client, url, status=200, **query):
    answer = client.get(url, **({"query_string": query} if query else {}))
    assert answer.status_code == status, answer.text[:400]
    return answer.text


def asked(*packages, **more):
    known = {"how": "percent", "percent": "10", "from_on": "2026-11-22", "whom": "listed", "rounding": "nearest"}
    return {"packages": [package.id for package in packages], "parts": "package", **known, **more}


def sent(page):
    """What the button of a review sends."""
    return {name: re.search(f'name="{name}" value="([^"]+)"', page)[1] for name in ("form_token", "seen")}


def test_prices_are_changed_as_reviewed_once(panel):
    package = make_package(1000, name="Fibre")
    make_service(make_customer(name="Doyle"), package)
    make_service(make_customer(name="=cmd"), package)
    page = get(panel, f"{HERE}review/", **asked(package))
    assert "€10.00" in page and "€11.00" in page and "Change 1 list prices and 2 services" in page
    assert "€20.00" in page and "€22.00" in page and "+€2.00" in page and "Doyle" in page
    for _time in range(2):
        answer = panel.post(f"{HERE}review/", query_string=asked(package), data=sent(page))
        assert answer.location == f"{HERE}details/?id={db.session.scalars(select(PriceChange.id)).one()}"
    assert db.session.scalars(select(PackagePrice.price_minor)).all() == [1100]
    assert db.session.scalars(select(NewPrice.new_minor)).all() == [1100, 1100]
    done = get(panel, answer.location)
    assert "In effect" in done and "Wait for their next renewal" in done
    service = db.session.scalars(select(NewPrice)).first().service
    assert "€11.00 a month" in get(panel, f"/admin/service/details/?id={service.id}")
    results = get(panel, re.search(r'href="([^"]+)">Each result', done)[1])
    assert "Change of prices" in results and "€10.00 → €11.00" in results
    assert "+10 %" in get(panel, HERE)


def test_what_changed_since_the_review_is_refused_with_a_fresh_one(panel):
    package = make_package(1000)
    page = get(panel, f"{HERE}review/", **asked(package))
    make_service(make_customer(), package)
    answer = panel.post(f"{HERE}review/", query_string=asked(package), data=sent(page))
    assert answer.status_code == 200 and "have changed since you looked" in answer.text
    assert "Change 1 list prices and 1 service" in answer.text
    assert not db.session.query(PriceChange).count()
    panel.post(f"{HERE}review/", query_string=asked(package), data=sent(answer.text))
    assert db.session.query(NewPrice).count() == 1


def test_it_is_undone_and_written_about(panel):
    package = make_package(1000)
    make_service(make_customer(), package)
    page = panel.post(
        f"{HERE}review/", query_string=asked(package), data=sent(get(panel, f"{HERE}review/", **asked(package)))
    ).location
    number = page.rpartition("=")[2]
    assert "/admin/messages/edit/" in panel.post(f"{HERE}write/", data={"id": number}).location
    assert db.session.query(Mailing).count() == 1
    assert panel.post(f"{HERE}undo/", data={"id": number}).location == page
    assert "Undone" in get(panel, page)
    assert db.session.scalars(select(NewPrice.state)).one() == "undone"
    assert db.session.scalars(select(PackagePrice.price_minor)).one() == 1000
    assert "undone already" in panel.post(f"{HERE}undo/", data={"id": number}, follow_redirects=True).text


def test_the_services_come_as_a_file_without_formulas(panel):
    package = make_package(1000, name="Fibre")
    make_service(make_customer(name="=cmd()"), package, description="+1")
    answer = panel.get(f"{HERE}services/", query_string=asked(package))
    _head, row = csv.reader(io.StringIO(answer.text))
    assert row[1:] == ["'=cmd()", "'+1", "Fibre", "EUR", "Monthly", "10.00", "11.00", "0.00", "0.00", "2026-12-01"]


def test_options_and_set_up_fees_change_as_reviewed(panel):
    package = make_package(1000, name="Fibre")
    db.session.scalars(select(PackagePrice)).one().setup_fee_minor = 5000
    option = add(PackageOption(package_id=package.id, name="Address"))
    add(OptionPrice(option_id=option.id, currency="EUR", price_minor=500))
    service = make_service(make_customer(name="Doyle"), package)
    add(ServiceOption(service_id=service.id, option_id=option.id, name="Address", currency="EUR", price_minor=500))
    query = asked(package, parts=["package", "option", "setup"])
    page = get(panel, f"{HERE}review/", **query)
    for words in ("Address · Monthly", "Set-up fee · Monthly", "€5.50", "€55.00", "€15.00", "€16.50", "with Address"):
        assert words in page
    assert "Change 3 list prices and 1 service" in page
    done = get(panel, panel.post(f"{HERE}review/", query_string=query, data=sent(page)).location)
    assert "Prices of packages, prices of options, set-up fees" in done
    assert "Address · Monthly" in done
    shown = get(panel, f"/admin/service/details/?id={service.id}")
    assert "€11.00 a month" in shown and "Address: " in shown and "€5.50 a month" in shown


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"packages": []}, "at least one package"),
        ({"percent": ""}, "by how many percent"),
        ({"percent": "much"}, "number"),
        ({"how": "amount", "amount": "1"}, "Choose the currency"),
        ({"how": "price", "amount": "1", "currency": "EUR"}, "Choose the period"),
        ({"how": "amount", "amount": "1.234", "currency": "EUR"}, "at most 2 decimals"),
        ({"how": "amount", "amount": "-11", "currency": "EUR"}, "below zero"),
        ({"from_on": "2026-11-01"}, "or later"),
        ({"from_on": "soon"}, "year-month-day"),
        ({"how": "magic"}, "Not a valid choice"),
        ({"parts": []}, "Choose which prices"),
        ({"how": "price", "amount": "1", "currency": "EUR", "period": "1-0", "parts": ["option"]}, "by percent"),
        ({"packages": ["99999", "x"]}, "valid choice"),
    ],
)
def test_what_cannot_be_is_told_at_its_field(panel, more, words):
    package = make_package(1000)
    page = get(panel, f"{HERE}review/", 400, **{**asked(package), **more})
    assert words in page and "field" in page and 'role="alert"' in page


def test_a_review_of_many_takes_few_statements_and_is_paged(panel):
    package = make_package(1000)
    for _n in range(25):
        make_service(make_customer(), package)
    db.session.commit()
    with spoken() as seen:
        page = get(panel, f"{HERE}review/", **asked(package))
    assert len(seen) <= 15, "\n".join(seen)
    following = re.search(r'rel="next" href="([^"]+)"', page)[1].replace("&amp;", "&")
    assert get(panel, following).count('<tr class="changed"') == 5 + 1


def test_the_list_of_packages_leads_there_with_those_ticked(panel):
    packages = [make_package() for _n in range(3)]
    ids = [str(package.id) for package in packages[:2]]
    answer = panel.post("/admin/package/action/", data={"action": "prices", "rowid": ids})
    assert answer.location == f"{HERE}new/?packages={ids[0]}&packages={ids[1]}"
    assert get(panel, answer.location).count("checked") >= 2


def test_who_may_only_look_changes_nothing(client):
    make_company()
    package = make_package()
    make_role("reader", "packages.view")
    sign_in(client, "reader")
    assert "Change prices" not in get(client, HERE)
    for door in ("new/", "review/", "services/"):
        get(client, f"{HERE}{door}", 404, **asked(package))
    make_role("pricer", "packages.view", "packages.edit")
    sign_in(client, "pricer")
    page = get(client, f"{HERE}review/", **asked(package, whom="new"))
    make_service(make_customer(), package)
    refused = client.post(f"{HERE}review/", query_string=asked(package), data=sent(page), follow_redirects=True)
    assert "Your role does not allow this" in refused.text and not db.session.query(PriceChange).count()
