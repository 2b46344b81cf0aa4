"""The pages on which a customer changes a package: choose, see the sums, agree once, pay. The rules are tested beside
billing.self_service."""

from __future__ import annotations

import re

import pytest
from changing import DAY, DECEMBER, at, documents, priced, running
from factories import add, make_customer
from guests import let_in, sign_in_guest
from signing_in import sign_in
from sqlalchemy import func, select, update
from statements import spoken

from billing import company, package_changes, self_service, settings
from billing.package_changes import Wanted
from models import (
    ChangeState,
    ChangeTo,
    Invoice,
    Message,
    OptionKind,
    Package,
    PackageChange,
    PackageOption,
    PortalRight,
    Service,
    db,
)


@pytest.fixture
def service(client, clock) -> Service:
    """Basic, which may become Pro; its owner is signed in."""
    priced("Pro", "90"), priced("Small", "10")
    found = running(clock)
    found.package.change_to = ChangeTo.ANY
    db.session.scalars(select(Invoice)).one().due_on = DECEMBER
    sign_in_guest(client, let_in(found.customer, at(clock, DAY)))
    return found


def package(name: str) -> int:
    return db.session.scalars(select(Package.id).where(Package.name == name)).one()


def chosen(client, service, name="Pro") -> str:
    """The address of the review."""
    here = f"/portal/{service.customer_id}/services/{service.id}/change"
    number = package(name)
    assert f"?package={number}#terms" in client.get(here).text
    assert 'name="period" value="1-0"' in client.get(f"{here}?package={number}").text
    return client.post(here, data={"package": number, "period": "1-0", "price": "0.01"}).location


def button(page: str) -> dict[str, str]:
    """What the form of the review sends."""
    form = page.split('name="seen"')[0].rpartition("<form")[2] + page.split("</form>")[-2]
    found = dict(re.findall(r'name="(form_token|seen)" value="([^"]+)"', page))
    assert form and set(found) == {"form_token", "seen"}
    return found


def test_an_upgrade_is_shown_done_once_and_leads_to_paying(client, service):
    review = chosen(client, service)
    page = client.get(review).text
    assert "€36.90" in page and "15 of 30 days left" in page and "Change and pay" in page
    sent = button(page)
    for _twice in range(2):
        assert client.post(review, data=sent).location == review
    (change,) = db.session.scalars(select(PackageChange)).all()
    assert (change.state, change.invoice.total_minor) == (ChangeState.DONE, 3690)
    result = client.get(review).text
    assert "Your service is Pro now." in result and "Pay €36.90" in result
    assert db.session.scalar(select(func.count(Invoice.id))) == 2


def test_what_becomes_of_a_proforma_that_is_not_paid_is_told_before(client, clock):
    priced("Pro", "90")
    service = running(clock, company={"number_when_paid": True})
    service.package.change_to = ChangeTo.ANY
    sign_in_guest(client, let_in(service.customer, at(clock, DAY)))
    review = chosen(client, service)
    page = client.get(review).text
    assert "PRO-00001, which is not paid, does not count any more. You are asked for €73.80 instead." in page
    assert "What this change comes to" in page and "Change and pay €73.80" in page
    client.post(review, data=button(page))
    assert [(one.state, one.total_minor) for one in documents(service)] == [("void", 3690), ("issued", 7380)]


def test_a_downgrade_is_put_down_and_called_off(client, service):
    review = chosen(client, service, "Small")
    page = client.get(review).text
    assert "Nothing is charged now." in page or "what is charged" in page.lower()
    client.post(review, data=button(page))
    assert "on 1 Dec 2026" in client.get(review).text
    page = f"/portal/{service.customer_id}/services/{service.id}"
    assert "is on its way" in client.get(f"{page}/change").text
    with spoken() as asked:
        shown = client.get(page).text
    assert "1 Dec 2026: €12.30 with tax" in shown and "for Small, which it becomes on 1 Dec 2026" in shown
    assert len(asked) <= 15, (len(asked), asked)
    client.post(f"{review}/withdraw")
    assert "was called off" in client.get(review).text


def test_sums_that_moved_are_shown_again_and_nothing_is_done(client, service):
    review = chosen(client, service)
    sent = button(client.get(review).text)
    db.session.get(Package, package("Pro")).prices[0].price_minor += 1000
    answer = client.post(review, data=sent)
    assert answer.status_code == 409 and "Nothing was done" in answer.text and button(answer.text) != sent
    assert db.session.scalars(select(PackageChange)).one().state == ChangeState.DRAFT


def test_only_the_customers_own_people_with_a_say_get_there(client, service, by, clock):
    review = chosen(client, service)
    staffs = package_changes.begin(service, by=by)
    package_changes.write(staffs, Wanted(package("Pro")), by=by)
    assert client.get(f"/portal/{service.customer_id}/changes/{staffs.id}").status_code == 404
    here = f"/portal/{service.customer_id}/services/{service.id}/change"
    for access in (
        let_in(make_customer(), by, "else@m.example"),
        let_in(service.customer, by, "t@m.example", PortalRight.TECHNICAL),
        let_in(service.customer, by, "r@m.example", PortalRight.READ_ONLY),
    ):
        other = sign_in_guest(client.application.test_client(), access)
        mine = re.sub(r"/portal/\d+/", f"/portal/{access.customer_id}/", review)
        for path in (here, review, mine, mine.replace("changes", "services") + "/change"):
            assert other.get(path).status_code == 404, path
            assert other.post(path).status_code == 404, path
    for wrong in ({}, {"package": package("Pro"), "period": "x"}, {"package": "9" * 18, "period": "1-0"}):
        assert client.post(here, data=wrong).status_code == 400
    lines = add(PackageOption(package_id=package("Pro"), name="Lines", kind=OptionKind.QUANTITY, min_quantity=1))
    for typed in ("NaN", "sNaN", "Infinity"):
        sent = {"package": package("Pro"), "period": "1-0", f"option_{lines.id}": typed}
        assert "type a number" in client.post(here, data=sent, follow_redirects=True).text


def test_staff_who_look_in_see_the_sums_and_cannot_agree(client, service):
    review = chosen(client, service)
    sent = button(client.get(review).text)
    other = client.application.test_client()
    sign_in(other)
    other.post(f"/admin/customer/enter/?id={service.customer_id}")
    page = other.get(review).text
    assert "€36.90" in page and "Change and pay" not in page
    assert other.post(review, data=sent).status_code == 403
    assert service.package.name == "Basic"


def test_cancelling_asks_or_ends_once_and_tells_staff(client, service, by):
    here = f"/portal/{service.customer_id}/services/{service.id}/end"
    company.settings().email = "office@harbour.example"
    sent = {"reason": "We <move>", "form_token": "token-for-one-form"}
    assert "Ask to cancel" in client.get(here).text
    assert client.post(here, data={**sent, "reason": "x" * 1001}).status_code == 400
    for _twice in range(2):
        assert client.post(here, data=sent).status_code == 303
    settings.change({"portal_endings": "end"}, by=by)
    assert "Cancel on 1 Dec 2026" in client.get(here).text
    client.post(here, data={**sent, "form_token": "token-for-another"})
    assert db.session.get(Service, service.id, populate_existing=True).ends_on == DECEMBER
    told = db.session.scalars(select(Message.body).where(Message.kind.like("service_end%")).order_by(Message.id)).all()
    assert ["asks to cancel" in told[0], "cancelled Basic" in told[1], len(told)] == [True, True, 2]
    assert client.get(here).status_code == 404
    keep = here.removesuffix("end") + "keep"
    page = client.get(here.removesuffix("/end")).text
    assert "Keep the service" in page and keep in page
    for _twice in range(2):
        assert client.post(keep, data={"form_token": "token-for-keeping"}).status_code == 303
    assert db.session.get(Service, service.id, populate_existing=True).ends_on is None
    page = client.get(here.removesuffix("/end")).text
    assert "Your service goes on" in page and "not taken back" not in page and "keeps Basic" in told_staff()[-1]


def told_staff() -> list[str]:
    mine = Message.kind.like("service_end%")
    return list(db.session.scalars(select(Message.subject).where(mine).order_by(Message.id)))


def test_the_former_owner_of_a_service_finds_no_change_of_it(client, service):
    review = chosen(client, service)
    assert client.get(review).status_code == 200
    other = make_customer(name="Next owner")
    db.session.execute(update(Service).where(Service.id == service.id).values(customer_id=other.id))
    db.session.commit()
    for answer in (client.get(review), client.post(review), client.post(f"{review}/withdraw")):
        assert answer.status_code == 404 and "Basic" not in answer.text


def test_few_statements(client, service):
    review = chosen(client, service)
    here = f"/portal/{service.customer_id}/services/{service.id}/change"
    for path in (here, f"{here}?package={package('Pro')}", review):
        with spoken() as asked:
            assert client.get(path).status_code == 200
        assert len(asked) <= 10, (path, len(asked), asked)
    assert self_service.waiting(service) is None
