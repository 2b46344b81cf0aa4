"""What staff do with a service in the panel: seen first, done once, by those who may."""

from __future__ import annotations

import re
from datetime import date
from html import unescape

import pytest
from factories import add, make_company, make_customer, make_group, make_package, make_service
from signing_in import make_role, sign_in
from statements import spoken

from billing import services
from jobs import bulk as jobs_bulk
from models import BulkAction, OptionKind, OptionPrice, PackageOption, Service, ServiceStatus, WaitsFor, db

HERE = "/admin/service/"
TODAY = date(2026, 11, 22)


@pytest.fixture
def panel(staff_client):
    make_company()
    db.session.commit()
    return staff_client


@pytest.fixture
def service(panel):
    made = make_service(make_customer(name="Lindqvist"), make_package(name="Fibre"), billed_from=date(2026, 11, 1))
    db.session.commit()
    return made


def hidden(page: str, name: str) -> str:
    return re.search(rf'name="{name}" (?:type="hidden" )?value="([^"]*)"', page)[1]


def get(client, url):
    answer = client.get(url)
    assert answer.status_code == 200, answer.text[:300]
    return unescape(answer.text)


def turn(client, service, verb, **values):
    """The page as a person fills it in: looked at, and once more where the values are others."""
    url = f"{HERE}turn/?id={service.id}&do={verb}"
    page = get(client, url)
    for _ in range(2):
        data = {"form_token": hidden(page, "form_token"), "seen": hidden(page, "seen"), **values}
        answer = client.post(url, data=data)
        if answer.status_code == 302:
            db.session.expire_all()
            return page
        page = unescape(answer.text)
    return page


def reload(service) -> Service:
    db.session.expire_all()
    return db.session.get_one(Service, service.id)


def test_suspended_and_brought_back(panel, service):
    turn(panel, service, "suspend", reason="Misuse")
    assert reload(service).status == "suspended"
    page = get(panel, f"{HERE}details/?id={service.id}")
    assert "Suspended by staff since 22 Nov 2026. Misuse." in page and "Bring back" in page
    assert "Suspended" in get(panel, f"/admin/customer/details/?id={service.customer_id}&tab=services")
    turn(panel, service, "unsuspend", billed="no")
    assert reload(service).status == "active" and service.customer.service_count == 1


def test_other_values_are_shown_before_they_are_done(panel, service):
    url = f"{HERE}turn/?id={service.id}&do=pause"
    page = get(panel, url)
    data = {"start": "2026-12-10", "until": "2027-01-10", "form_token": hidden(page, "form_token")}
    answer = unescape(panel.post(url, data={**data, "seen": hidden(page, "seen")}).text)
    assert "not billed from 10 Dec 2026 on, and runs again on 10 Jan 2027" in answer
    assert reload(service).paused_from is None
    assert panel.post(url, data={**data, "seen": hidden(answer, "seen")}).status_code == 302
    assert reload(service).paused_until == date(2027, 1, 10)
    page = get(panel, f"{HERE}details/?id={service.id}")
    assert "A pause begins on 10 Dec 2026." in page and "Call the pause off" in page
    turn(panel, service, "no-pause")
    assert reload(service).paused_from is None


def test_a_pause_under_way_is_resumed(panel, service):
    turn(panel, service, "pause", start="2026-11-22")
    assert "Paused since 22 Nov 2026, until somebody resumes it." in get(panel, f"{HERE}details/?id={service.id}")
    turn(panel, service, "resume")
    assert reload(service).status == "active"


def test_ended_and_brought_back(panel, service, by):
    services.cancel(service, TODAY, "Moved", by=by)
    db.session.commit()
    assert "Ended on 22 Nov 2026. Moved" in get(panel, f"{HERE}details/?id={service.id}")
    turn(panel, service, "reactivate", on="2026-11-22")
    assert reload(service).status == "active"
    services.cancel(service, date(2026, 12, 24), "", by=by)
    db.session.commit()
    turn(panel, service, "keep")
    assert reload(service).ends_on is None


def test_wrong_days_are_told_at_the_field(panel, service, by):
    services.cancel(service, TODAY, "", by=by)
    db.session.commit()
    page = turn(panel, service, "reactivate", on="2026-12-24")
    assert "It can come back from 22 Nov 2026, its end, to today." in page and reload(service).status == "cancelled"


def test_pending_ones_wait_and_are_activated(panel, by):
    customer, package = make_customer(), make_package(3000)
    db.session.commit()
    url = f"{HERE}new/?customer={customer.id}&package={package.id}"
    page = get(panel, url)
    data = {"form_token": hidden(page, "form_token"), "terms": "0", "start": "2026-11-22", "begins": "activation",
            "unit": "months", "billing_group": "0", "ends": "2027-01-15"}  # fmt: skip
    assert panel.post(url, data=data).status_code == 302
    service = db.session.query(Service).one()
    assert (service.status, service.waits_for) == (ServiceStatus.PENDING, WaitsFor.ACTIVATION)
    assert "It waits to be activated" in get(panel, f"{HERE}details/?id={service.id}")
    turn(panel, service, "activate", on="2026-11-25")
    assert (reload(service).status, service.next_renewal_on) == ("active", date(2026, 11, 25))
    assert service.ends_on == date(2027, 1, 15)
    assert "Before its first bill: on 25 Nov 2026" in get(panel, f"{HERE}end/?id={service.id}")


def test_a_trial_is_shown_and_changed(panel, by):
    make = services.start(make_customer(), make_package(), start=TODAY, trial_days=14, by=by)
    db.session.commit()
    assert "Trial until 6 Dec 2026" in get(panel, f"{HERE}?flt0_trial_is=yes")
    services.start(make_customer(), make.package, start=date(2026, 12, 1), by=by)
    db.session.commit()
    assert "Starts 1 Dec 2026" in get(panel, HERE), "not called active before"
    turn(panel, make, "trial", on="2026-12-24")
    assert reload(make).billed_from == date(2026, 12, 24)


def test_the_copy_is_edited_and_a_new_renewal_day_seen_first(panel, service):
    url = f"{HERE}edit/?id={service.id}"
    page = get(panel, url)
    data = {"form_token": hidden(page, "form_token"), "version": hidden(page, "version"), "price": "8.50",
            "price_reason": "Loyal", "description": "Quay 7", "billing_group": str(service.billing_group_id),
            "anchor_day": "15", "new_0_name": "TV", "new_0_quantity": "2", "new_0_price": "3", "new_1_quantity": "1",
            "external_source": "hub", "external_id": "7"}  # fmt: skip
    seen = unescape(panel.post(url, data={**data, "seen": hidden(page, "seen")}).text)
    assert "The next bill is for 1 Dec 2026 to 14 Dec 2026: 14 of 30 days are charged." in seen
    assert reload(service).price_minor == 1000
    assert panel.post(url, data={**data, "seen": hidden(seen, "seen")}).status_code == 302
    done = reload(service)
    assert (done.price_minor, done.anchor_day, done.description, done.external_id) == (850, 15, "Quay 7", "7")
    assert [(o.name, o.quantity, o.price_minor) for o in done.options] == [("TV", 2, 300)]
    assert done.package.prices[0].price_minor == 1000 and "Loyal" in get(panel, f"{HERE}details/?id={service.id}")
    data["form_token"] = hidden(get(panel, url), "form_token")
    stale = panel.post(url, data={**data, "anchor_day": "15", "seen": ""}, follow_redirects=True)
    assert "was changed since you opened it" in unescape(stale.text)


def test_an_option_of_the_package_is_offered_and_brings_its_price(panel, service):
    tv = add(PackageOption(package_id=service.package_id, name="TV", kind=OptionKind.YES_NO))
    for months, minor in ((1, 450), (12, 5000)):
        add(OptionPrice(option_id=tv.id, months=months, currency="EUR", price_minor=minor))
    db.session.commit()
    url = f"{HERE}edit/?id={service.id}"
    page = get(panel, url)
    assert '<option value="TV">€4.50</option>' in page
    data = {"form_token": hidden(page, "form_token"), "version": hidden(page, "version"), "price": "10",
            "billing_group": str(service.billing_group_id), "anchor_day": "0", "new_0_name": "tv",
            "new_0_quantity": "1"}  # fmt: skip
    assert "is a day of the month, 1 to 31" in unescape(panel.post(url, data=data).text)
    assert panel.post(url, data={**data, "anchor_day": "1"}).status_code == 302
    assert [(one.name, one.price_minor, one.option_id) for one in reload(service).options] == [("TV", 450, tv.id)]


def test_a_price_without_a_reason_is_asked_for_it(panel, service):
    url = f"{HERE}edit/?id={service.id}"
    page = get(panel, url)
    data = {"form_token": hidden(page, "form_token"), "version": hidden(page, "version"), "price": "8.50",
            "billing_group": str(service.billing_group_id), "anchor_day": "1"}  # fmt: skip
    assert "The reason of the new price" in panel.post(url, data=data).text and reload(service).price_minor == 1000


def test_it_goes_to_another_customer(panel, service):
    other = make_customer(name="Quay Ltd")
    group = make_group(other)
    db.session.commit()
    assert "Customer" in get(panel, f"{HERE}transfer/?id={service.id}")
    url = f"{HERE}transfer/?id={service.id}&customer={other.id}"
    page = get(panel, url)
    assert "It belongs to Quay Ltd from today on." in page and "What Lindqvist was billed stays theirs" in page
    data = {"form_token": hidden(page, "form_token"), "group": str(group.id), "when": "renewal"}
    seen = unescape(panel.post(url, data={**data, "seen": hidden(page, "seen")}).text)
    assert "It stays with Lindqvist until 1 Dec 2026" in seen
    assert panel.post(url, data={**data, "seen": hidden(seen, "seen")}).status_code == 302
    assert reload(service).transfer_group_id == group.id
    assert "It goes to Quay Ltd with its renewal on 1 Dec 2026." in get(panel, f"{HERE}details/?id={service.id}")
    turn(panel, service, "stay")
    assert reload(service).transfer_on is None


def test_another_currency_asks_for_a_price(panel, service):
    other = make_customer(currency="USD")
    db.session.commit()
    url = f"{HERE}transfer/?id={service.id}&customer={other.id}"
    page = get(panel, url)
    assert "Agree on a price in USD" in page
    data = {"form_token": hidden(page, "form_token"), "group": "0", "when": "now", "price": "12", "seen": ""}
    seen = panel.post(url, data=data).text
    assert panel.post(url, data={**data, "seen": hidden(seen, "seen")}).status_code == 302
    assert (reload(service).currency, service.customer_id) == ("USD", other.id)


def test_what_does_not_fit_the_state_is_not_offered(panel, service):
    for verb in ("resume", "reactivate", "unsuspend", "activate", "keep", "stay", "trial"):
        answer = panel.get(f"{HERE}turn/?id={service.id}&do={verb}", follow_redirects=True)
        assert "this cannot be done with it" in answer.text
    assert panel.get(f"{HERE}turn/?id={service.id}&do=dance").status_code == 404
    assert panel.get(f"{HERE}turn/?id=0&do=suspend").status_code == 404


def test_who_may_only_look_does_nothing(client, service):
    make_role("reader", "services.view")
    sign_in(client, "reader")
    for door in ("turn/?do=suspend&", "edit/?", "transfer/?"):
        assert client.post(f"{HERE}{door}id={service.id}").status_code in (403, 404)
    assert "Suspend" not in get(client, f"{HERE}details/?id={service.id}")


def act(client, name, ids, **values):
    """An action on ticked rows: the page that asks, then the deed."""
    data = {"action": name, "rowid": [str(one) for one in ids]}
    page = unescape(client.post(f"{HERE}action/", data=data).text)
    answer = client.post(
        f"{HERE}action/", data={**data, "sure": "1", "form_token": hidden(page, "form_token"), **values}
    )
    assert answer.status_code == 302, answer.text[:300]
    db.session.expire_all()
    return page


def test_many_are_suspended_each_with_its_result_and_it_is_undone(panel, service):
    ended = make_service(make_customer(), status=ServiceStatus.CANCELLED, cancelled_on=TODAY, ends_on=TODAY)
    db.session.commit()
    page = act(panel, "suspend", [service.id, ended.id], reason="Abuse")
    assert "Suspend: 2 services" in page and "switched off today" in page
    assert (reload(service).status, service.suspend_reason) == ("suspended", "Abuse")
    action = db.session.query(BulkAction).one()
    results = get(panel, f"/admin/bulk/details/?id={action.id}")
    assert "Suspend services · 2 services" in results and f"{HERE}details/?id={service.id}" in results
    assert "Active → Suspended" in results
    assert "is not active" in get(panel, f"/admin/bulk/details/?id={action.id}&state=unchanged")
    panel.post(f"/admin/bulk/undo/?id={action.id}")
    assert reload(service).status == "active"


def test_many_are_paused_resumed_ended_and_brought_back(panel, service):
    act(panel, "pause", [service.id], start="2026-12-10")
    act(panel, "resume", [service.id])
    assert reload(service).paused_from is None
    act(panel, "end", [service.id], on="2026-12-24", reason="Moves")
    assert reload(service).ends_on == date(2026, 12, 24)
    panel.post(f"/admin/bulk/undo/?id={db.session.query(BulkAction).order_by(BulkAction.id.desc()).first().id}")
    assert reload(service).ends_on is None
    act(panel, "suspend", [service.id])
    act(panel, "unsuspend", [service.id], billed="no")
    assert reload(service).status == "active"
    assert "Pause: 1 service" in act(panel, "pause", [service.id], start="2026-11-22", until="2026-12-22")
    assert reload(service).suspended_for == "pause"


def test_more_than_fit_at_once_go_to_the_background(panel, by):
    customer, package = make_customer(), make_package()
    group = make_group(customer)
    ids = [make_service(customer, package, billing_group_id=group.id, status="pending", waits_for="activation").id
           for _ in range(205)]  # fmt: skip
    db.session.commit()
    assert "in the background" in act(panel, "activate", ids, on="2026-11-22")
    jobs_bulk.run()
    assert db.session.query(Service).filter_by(status="active").count() == 205


def test_the_page_of_a_service_takes_few_statements(panel, service, by):
    services.suspend([service], reason="Misuse", by=by)
    services.unsuspend([service], by=by)
    db.session.commit()
    page = f"{HERE}details/?id={service.id}"
    get(panel, page)
    with spoken() as seen:
        get(panel, page)
    assert len(seen) <= 15, "\n".join(seen)
