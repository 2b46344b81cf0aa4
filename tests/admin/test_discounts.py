"""Discounts in the panel: written with a sentence beside, listed, explained, switched, with codes; on customers too."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from documents import ids, text_of
from factories import add, make_company, make_customer, make_package, make_service
from flask import Flask
from signing_in import Browser, sign_in
from statements import spoken

from billing import coupons, discounts
from billing.actor import Actor
from jobs import renewals
from models import Coupon, CouponUse, Customer, CustomerGroup, Discount, Money, Package, db

URL, CODES = "/admin/discounts/", "/admin/coupons/"
DECEMBER = date(2026, 12, 1)


@pytest.fixture
def shop(app: Flask) -> dict[str, Any]:
    make_company()
    group = add(CustomerGroup(name="Schools"))
    ann = make_customer(name="Ann Byrne", group_id=group.id)
    fibre = make_package(name="Fibre")
    service = make_service(ann, fibre, price_minor=2000, description="Quay 1")
    db.session.commit()
    return {"group": group, "ann": ann, "fibre": fibre, "service": service}


def make(by: Actor, share: str = "10", **given: Any) -> Discount:
    packages, amounts = given.pop("packages", ()), given.pop("amounts", ())
    known: dict[str, Any] = {"name": f"Of {share}", "percent": Decimal(share)}
    made = discounts.create({**known, **given}, packages=packages, amounts=amounts, by=by)
    db.session.commit()
    return made


def token(name: str) -> dict[str, str]:
    return {"form_token": f"a form of its own: {name}"}


def form(number: int = 1, **values: str) -> dict[str, str]:
    known = {
        "form_token": f"a form of its own {number}", "name": "Autumn", "kind": "percent", "percent": "10",
        "covers": "price", "audience": "everyone", "target": "all", "lasts_for": "service", "priority": "100",
        "active": "y",
    }  # fmt: skip
    return known | values


def test_it_is_written_with_all_it_has(staff_client: Browser, shop: dict[str, Any]) -> None:
    fibre: Package = shop["fibre"]
    sent = form(
        audience="group", group_id=str(shop["group"].id), target="packages", packages=str(fibre.id), every="3",
        unit="months", kind="amount", starts_on="2026-12-01", last_on="2026-12-31", lasts="45", lasts_unit="days",
        bills="2", priority="250", needs_code="y", reason="Schools pay less",
        **{"amounts-0-currency": "eur", "amounts-0-amount": "5.00", "amounts-1-currency": "", "amounts-1-amount": ""},
    )  # fmt: skip
    answer = staff_client.post(f"{URL}new/", data=sent, follow_redirects=True)
    assert answer.status_code == 200
    page = text_of(answer.text)
    assert (
        "€5.00 off Fibre billed every 3 months for customers of the group Schools, from 1 Dec 2026 to 31 Dec 2026, "
        "for 45 days from the first use of each service, on the first 2 bills of each service, with a code."
    ) in page
    found = db.session.query(Discount).one()
    assert (found.months, found.lasts_days, found.priority, found.needs_code) == (3, 45, 250, True)
    assert [one.amount for one in found.amounts] == [Money(500, "EUR")]
    edit = staff_client.get(f"{URL}edit/?id={found.id}").text
    assert 'value="5.00"' in edit and 'value="45"' in edit


def test_two_clicks_make_one(staff_client: Browser, shop: dict[str, Any]) -> None:
    for _ in range(2):
        staff_client.post(f"{URL}new/", data=form())
    assert db.session.query(Discount).count() == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"percent": "101"}, "at most 100 %"),
        ({"percent": "ten"}, "Write a number"),
        ({"percent": ""}, "Type the percentage"),
        ({"name": ""}, "Type a name"),
        ({"audience": "group"}, "Choose the group"),
        ({"audience": "customer", "customer_id": "nobody at all"}, "No customer holds these words"),
        ({"target": "packages"}, "Choose one package"),
        ({"target": "packages", "packages": "999"}, "not there any more"),
        ({"kind": "amount", "amounts-0-currency": "EUX", "amounts-0-amount": "5"}, "three letters"),
        ({"kind": "amount", "amounts-0-currency": "EUR", "amounts-0-amount": "5.001"}, "at most 2 decimals"),
        ({"kind": "amount"}, "at least one currency"),
        ({"starts_on": "2026-12-02", "last_on": "2026-12-01"}, "cannot be before the first"),
        ({"unit": "months"}, "how many months or days"),
        ({"priority": "12345"}, "from 0 to 9,999"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    staff_client: Browser, shop: dict[str, Any], wrong: dict[str, str], said: str
) -> None:
    answer = staff_client.post(f"{URL}new/", data=form(reason="Because of autumn", **wrong))
    assert said in answer.text and 'value="Because of autumn"' in answer.text
    assert db.session.query(Discount).count() == 0


def test_somebody_elses_change_is_not_overwritten(staff_client: Browser, shop: dict[str, Any], by: Actor) -> None:
    discount = make(by)
    answer = staff_client.post(f"{URL}edit/?id={discount.id}", data=form(version="7"))
    assert "Somebody changed this discount" in answer.text
    staff_client.post(f"{URL}edit/?id={discount.id}", data=form(2, version="1", percent="33"))
    db.session.expire_all()
    assert db.session.query(Discount).one().percent == 33


def test_the_words_beside_the_form_follow_and_keep_nothing(
    staff_client: Browser, shop: dict[str, Any], by: Actor
) -> None:
    other = make(by, "50", priority=200)
    answer = staff_client.post(f"{URL}trial/", data=form())
    page = " ".join(answer.text.split())
    assert "10% off every package for every customer." in page
    assert "It touches 1 running service of 1 customer." in page and "€2.00 off €20.00 a month" in page
    assert "Of 50 wins: higher priority." in page
    assert db.session.query(Discount).count() == 1
    again = staff_client.post(f"{URL}trial/?id={other.id}", data=form())
    assert "Of 50 wins" not in again.text, "it does not meet itself"
    assert "Choose the group." in staff_client.post(f"{URL}trial/", data=form(audience="group")).text


def test_the_list_says_what_each_does_and_finds_them(staff_client: Browser, shop: dict[str, Any], by: Actor) -> None:
    made = {
        "now": make(by),
        "planned": make(by, starts_on=DECEMBER),
        "over": make(by, last_on=date(2026, 11, 21)),
        "off": make(by, active=False),
        "group": make(by, audience="group", group_id=shop["group"].id),
        "ann": make(by, audience="customer", customer_id=shop["ann"].id, needs_code=True),
        "fibre": make(by, target="packages", packages=[shop["fibre"].id]),
    }
    discounts.archive(make(by), by=by)
    db.session.commit()

    def shown(**asked: str) -> set[int]:
        return set(ids(staff_client.get(URL, query_string=asked).text))

    on = {made[name].id for name in ("now", "group", "ann", "fibre")}
    assert shown(flt0_state_is="now") == on
    for name in ("planned", "over", "off"):
        assert shown(flt0_state_is=name) == {made[name].id}
    assert len(shown(flt0_state_is="archived")) == 1 and len(shown(flt0_state_is="kept")) == 7
    assert shown(flt0_audience_is="group") == {made["group"].id} == shown(flt0_group_is=str(shop["group"].id))
    assert shown(flt0_customer_is=str(shop["ann"].id)) == {made["ann"].id} == shown(flt0_needs_code_is="1")
    assert shown(flt0_target_is="packages") == {made["fibre"].id} == shown(flt0_package_is=str(shop["fibre"].id))
    page = text_of(staff_client.get(URL).text)
    assert "Customers of the group Schools" in page and "Planned" in page
    with spoken() as said:
        staff_client.get(URL)
    assert len(said) <= 10
    assert "reason" in staff_client.get(f"{URL}export/csv/").text.lower()


def test_the_page_tells_whom_it_touches_meets_and_what_it_took(
    staff_client: Browser, shop: dict[str, Any], by: Actor
) -> None:
    discount, other = make(by, "25"), make(by, "5", priority=300, starts_on=date(2027, 1, 1))
    db.session.commit()
    renewals.run(DECEMBER)
    page = text_of(staff_client.get(f"{URL}details/?id={discount.id}").text)
    for words in ("25% off every package", "€5.00 of €20.00", "on 1 bill", "Quay 1", "Ann Byrne", "INV-00001"):
        assert words in page, words
    assert f"{other.name} Wins against this one higher priority" in page
    with spoken() as said:
        staff_client.get(f"{URL}details/?id={discount.id}")
    assert len(said) <= 20


def test_switched_off_archived_and_undone(staff_client: Browser, shop: dict[str, Any], by: Actor) -> None:
    discount = make(by)
    for to, expected in (("off", (False, None)), ("on", (True, None)), ("archived", (True, by.today)),
                         ("kept", (True, None))):  # fmt: skip
        staff_client.post(f"{URL}state/?id={discount.id}", data={"to": to})
        db.session.expire_all()
        assert (discount.active, discount.archived_on) == expected
    assert staff_client.post(f"{URL}state/?id={discount.id}", data={"to": "gone"}).status_code == 404
    assert staff_client.post(f"{URL}state/?id=999", data={"to": "off"}).status_code == 404


def test_codes_are_made_listed_and_taken_back(staff_client: Browser, shop: dict[str, Any], by: Actor) -> None:
    discount = make(by, needs_code=True)
    door = f"{URL}codes/?id={discount.id}"
    staff_client.post(
        door,
        data={**token("one code"), "code": "spring 26", "count": "1", "most_per_customer": ""},
    )
    staff_client.post(
        door,
        data={**token("many codes"), "count": "5", "prefix": "fair", "most_per_customer": "1"},
    )
    found = {coupon.code: coupon for coupon in db.session.query(Coupon)}
    assert len(found) == 6 and found["SPRING26"].most_uses is None
    assert all(c.most_uses == 1 and code.startswith("FAIR") for code, c in found.items() if code != "SPRING26")
    again = staff_client.post(door, data={**token("again"), "code": "SPRING-26", "count": "1"})
    assert again.status_code == 400 and "There is a code SPRING26 already" in again.text
    assert len(ids(staff_client.get(f"{CODES}?flt0_discount_is={discount.id}").text)) == 6
    assert len(ids(staff_client.get(f"{CODES}?flt0_code_is=spring 26").text)) == 1
    use = coupons.redeem("SPRING26", shop["ann"], by=by)
    db.session.commit()
    mine = found["SPRING26"]
    assert "Ann Byrne" in text_of(staff_client.get(f"{CODES}details/?id={mine.id}").text)
    other = next(c for c in found.values() if c is not mine)
    foreign = staff_client.post(f"{CODES}take-back/?id={other.id}", data={"use": str(use.id)})
    assert foreign.status_code == 404
    staff_client.post(f"{CODES}take-back/?id={mine.id}", data={"use": str(use.id)})
    staff_client.post(f"{CODES}state/?id={mine.id}", data={"to": "off"})
    db.session.expire_all()
    assert (db.session.query(CouponUse).count(), mine.uses, mine.active) == (0, 0, False)


def test_a_customers_page_says_which_one_wins_and_takes_codes(
    staff_client: Browser, shop: dict[str, Any], by: Actor
) -> None:
    ann: Customer = shop["ann"]
    make(by, "5", priority=200, name="Best")
    make(by, "20", name="Ours", audience="group", group_id=shop["group"].id)
    code = make(by, "50", name="By code", needs_code=True, priority=900)
    coupons.create(code, "HALF", by=by)
    db.session.commit()
    address = f"/admin/customer/details/?id={ann.id}&tab=services"
    page = text_of(staff_client.get(address).text)
    assert "Quay 1 Best not Ours , Best: higher priority €1.00" in page
    door = f"/admin/customer/code/?id={ann.id}"
    refused = staff_client.post(door, data={**token("first"), "code": "NONE", "service": "0"})
    assert refused.status_code == 400 and "There is no such code" in refused.text
    stranger = make_service(make_customer())
    db.session.commit()
    foreign = staff_client.post(door, data={**token("other"), "code": "HALF", "service": str(stranger.id)})
    assert foreign.status_code == 400
    staff_client.post(door, data={**token("second"), "code": "half", "service": str(shop["service"].id)})
    assert db.session.query(CouponUse).one().service_id == shop["service"].id
    assert "Quay 1 By code not Best , By code: higher priority" in text_of(staff_client.get(address).text)
    group = text_of(staff_client.get(f"/admin/groups/details/?id={shop['group'].id}").text)
    assert group.index("By code") < group.index("Best") < group.index("Ours")


@pytest.mark.parametrize(
    ("role", "sees", "changes"), [("viewer", 200, 404), ("sales", 200, 404), ("billing", 200, 200)]
)
def test_roles_decide(client: Browser, shop: dict[str, Any], by: Actor, role: str, sees: int, changes: int) -> None:
    discount = make(by, needs_code=True)
    sign_in(client, role=role)
    assert client.get(URL).status_code == 200
    page = client.get(f"{URL}details/?id={discount.id}")
    assert (page.status_code, "Make codes" in page.text) == (200, changes == 200)
    assert client.get(f"{URL}new/").status_code == changes
    assert client.get(f"{URL}edit/?id={discount.id}").status_code == changes
    refused = client.post(f"/admin/customer/code/?id={shop['ann'].id}", data={**token("x"), "code": "A"})
    assert refused.status_code == (400 if changes == 200 else 403)
    assert client.post(f"{URL}trial/", data=form()).status_code == (200 if changes == 200 else 403)
