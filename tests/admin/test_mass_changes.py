"""The same change of package for many services in the panel: asked for, looked at, carried out, told one by one."""

from __future__ import annotations

import re

import pytest
from changing import DAY, NOVEMBER, at, documents, priced, renewed, running
from factories import make_customer, make_service
from signing_in import sign_in
from statements import spoken

from billing import mass_changes
from billing.mass_changes import MassWanted
from jobs import mass_changes as job
from models import MassChange, MassState, PackageChange, Service, db

HERE = "/admin/mass-changes/"


def get(client, url, status=200):
    answer = client.get(url)
    assert answer.status_code == status, answer.text[:400]
    return answer.text


def hidden(page, *names):
    return {name: re.search(f'name="{name}" value="([^"]*)"', page)[1] for name in names}


def words(page):
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", page))


@pytest.fixture
def two(clock, staff_client):
    """Two customers with a service of Basic at 30 euro, billed for November."""
    first = running(clock, bill=False)
    second = make_service(
        make_customer(name="=Bea"), first.package, started_on=NOVEMBER, billed_from=NOVEMBER, price_minor=3000,
        next_renewal_on=NOVEMBER,
    )  # fmt: skip
    db.session.commit()
    renewed(clock, NOVEMBER)
    at(clock, DAY)
    return first, second


def begun(client, service, package, **more):
    """All services of a package, looked at; where that led."""
    page = get(client, f"{HERE}new/?from={service.package_id}")
    sent = {"package": package.id, "span": "keep", "when": "now", **hidden(page, "form_token", "from", "count"), **more}
    return client.post(f"{HERE}new/", data=sent)


def test_all_services_of_a_package_change_as_shown(staff_client, two):
    plus, number = priced("Plus", "60"), two[0].id
    offered = get(staff_client, f"{HERE}new/")
    assert "Basic · 2 services" in offered and "Plus" not in offered, "those that run, and how many"
    assert "Change all services" in get(staff_client, f"/admin/package/details/?id={two[0].package_id}")
    assert '<a href="/admin/package-changes/" aria-current="page">' in get(staff_client, HERE), "marked in the menu"
    url = begun(staff_client, two[0], plus).location
    page = get(staff_client, url)
    told = words(page)
    assert "Can be changed 2" in told and "Invoices 2 · €36.90" in told and "Difference +€60.00" in told
    assert "€30.00 a month" in told and "Change 2 services" in told and not db.session.query(PackageChange).count()
    sent = {"id": url.partition("id=")[2], **hidden(page, "form_token", "seen")}
    for _twice in range(2):
        assert staff_client.post(f"{HERE}start/?{url.partition('?')[2]}", data=sent).location == url
    assert "Changing one service after the other" in get(staff_client, url)
    assert "0 of 2" in get(staff_client, url.replace("details", "live"))
    job.run()
    done = words(get(staff_client, url))
    assert "Changed 2" in done and "Finished" in done and "2 of 2" in words(get(staff_client, HERE))
    assert [one.total_minor for one in documents(db.session.get_one(Service, number))] == [3690, 1845]
    page = get(staff_client, url)
    assert "Change 2 services back" in words(page)
    sent = {"id": url.partition("id=")[2], **hidden(page, "form_token", "seen")}
    for _twice in range(2):
        assert staff_client.post(f"{HERE}undo/?{url.partition('?')[2]}", data=sent).location == url
    assert "Changing one service back after the other" in get(staff_client, url)
    job.run()
    back = words(get(staff_client, url))
    assert "Changed back 2" in back and "services back" not in back and "Undone" in words(get(staff_client, HERE))
    text = get(staff_client, f"{HERE}rows/?{url.partition('?')[2]}")
    assert "18.45" in text and "'=Bea" in text and text.count("\r\n") == 3


def test_ticked_services_are_asked_about_in_the_list(staff_client, two):
    plus = priced("Plus", "60")
    sent = {"action": "change_package", "rowid": [two[1].id], "list": ""}
    page = staff_client.post("/admin/service/action/", data=sent)
    assert "Change the package of 1 service" in page.text
    more = {"sure": "1", "package": plus.id, "span": "keep", "when": "renewal", **hidden(page.text, "form_token")}
    url = staff_client.post("/admin/service/action/", data={**sent, **more}).location
    assert "Scheduled, foreseen 1" in words(get(staff_client, url))


def test_a_list_that_moved_and_wrong_fields_are_told(staff_client, two):
    plus = priced("Plus", "60")
    assert "has changed since you saw it" in begun(staff_client, two[0], plus, count="3").text
    page = get(staff_client, f"{HERE}new/?from={two[0].package_id}")
    missing = staff_client.post(f"{HERE}new/", data={"package": "", **hidden(page, "form_token", "from", "count")})
    assert missing.status_code == 400 and "Choose the new package." in missing.text
    assert "Choose the day it begins." in begun(staff_client, two[0], plus, when="on").text
    assert not db.session.query(MassChange).count()


def test_many_are_looked_at_by_the_job_and_it_is_called_off(staff_client, two, by):
    ids = [one.id for one in two]
    url = f"{HERE}details/?id={mass_changes.begin(ids, MassWanted(priced('Plus', '60').id), by=by).id}"
    assert "Looking at each service" in get(staff_client, url)
    job.run()
    page = get(staff_client, url)
    assert "Change 2 services" in page
    staff_client.post(f"{HERE}discard/?{url.partition('?')[2]}", data=hidden(page, "form_token"))
    assert "Called off" in get(staff_client, url)


def test_only_those_who_may_change_services_begin_one(client, two, by):
    sign_in(client, "viewer")
    mass = mass_changes.begin([two[0].id], MassWanted(priced("Plus", "60").id), by=by)
    assert client.get(f"{HERE}details/?id={mass.id}").status_code == 200
    assert client.get(f"{HERE}new/?from=1").status_code == 404
    for door in ("start", "stop", "discard", "again"):
        assert client.post(f"{HERE}{door}/?id={mass.id}").status_code == 403
    assert client.post("/admin/service/action/", data={"action": "change_package", "rowid": "1"}).status_code == 404
    db.session.refresh(mass)
    assert mass.state is MassState.LOOKING


def test_the_page_asks_the_database_a_few_times(staff_client, two):
    url = begun(staff_client, two[0], priced("Plus", "60")).location
    with spoken() as asked:
        get(staff_client, url)
    assert len(asked) <= 15 and db.session.get_one(Service, two[0].id).package.name == "Basic"
