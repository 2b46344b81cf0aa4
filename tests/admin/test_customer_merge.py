"""The pages that merge two customers: choose, read what happens, choose details, merge; and what they refuse."""

from __future__ import annotations

import pytest
from factories import make_company, make_customer, make_invoice, make_service
from flask import Flask
from signing_in import Browser, sign_in

from billing import customers
from billing.actor import Actor
from models import Customer, Invoice, db


@pytest.fixture
def pair(app: Flask) -> tuple[Customer, Customer]:
    make_company()
    kept, gone = make_customer(name="Kept Ltd", city=""), make_customer(name="Gone Ltd", city="Cork")
    make_service(gone)
    make_invoice(gone)
    make_invoice(kept)
    db.session.commit()
    return kept, gone


def review(client: Browser, kept: Customer, gone: Customer) -> str:
    return client.get(f"/admin/customer/merge/?id={kept.id}&other={gone.id}").text


def fields(page: str) -> dict[str, str]:
    names = ("form_token", "primary_version", "merged_version")
    return {name: page.split(f'name="{name}" value="', 1)[1].split('"', 1)[0] for name in names}


def send(client: Browser, kept: Customer, gone: Customer, **more: str) -> object:
    known = fields(review(client, kept, gone))
    data = {"id": str(kept.id), "other": str(gone.id), **known, **more}
    return client.post("/admin/customer/merge/", data=data)


def test_the_page_says_all_that_happens_and_changes_nothing(
    pair: tuple[Customer, Customer], staff_client: Browser
) -> None:
    page = review(staff_client, *pair)
    for words in ("To move: 1 service", "To move: 1 document",
                  "€123.00 and €123.00 make €246.00", "Nothing in the books",
                  "Gone Ltd stays as an archived, empty customer", "The other way round"):  # fmt: skip
        assert words in page, words
    city = page.split('name="pick_city" value="merged"', 1)[1]
    assert city.startswith(" checked"), "the one that says something is proposed"
    db.session.expire_all()
    assert pair[1].merged_into_id is None


def test_merged_with_the_details_that_were_chosen(pair: tuple[Customer, Customer], staff_client: Browser) -> None:
    kept, gone = pair
    answer = send(staff_client, kept, gone, pick_city="merged", pick_name="primary", pick_email="merged")
    assert answer.location == f"/admin/customer/details/?id={kept.id}"  # type: ignore[attr-defined]
    db.session.expire_all()
    assert (kept.name, kept.city, kept.email) == ("Kept Ltd", "Cork", gone.email)
    assert db.session.query(Invoice).filter_by(customer_id=kept.id).count() == 2
    page = staff_client.get(f"/admin/customer/details/?id={gone.id}").text
    assert f"Kept Ltd (No. {kept.id})" in page and "Enable" not in page.split("<main", 1)[1]
    assert "Merged into another customer" in staff_client.get(
        f"/admin/customer/details/?id={gone.id}&tab=history"
    ).text  # fmt: skip


def test_the_same_form_twice_merges_once(pair: tuple[Customer, Customer], staff_client: Browser) -> None:
    kept, gone = pair
    data = {"id": str(kept.id), "other": str(gone.id), **fields(review(staff_client, kept, gone))}
    first, second = (staff_client.post("/admin/customer/merge/", data=data) for _ in range(2))
    assert first.location == second.location == f"/admin/customer/details/?id={kept.id}"
    db.session.expire_all()
    assert kept.balance_minor == 24600


def test_a_page_that_is_out_of_date_is_shown_anew(
    pair: tuple[Customer, Customer], staff_client: Browser, by: Actor
) -> None:
    kept, gone = pair
    known = fields(review(staff_client, kept, gone))
    customers.edit(gone, {"city": "Galway"}, by=by)
    db.session.commit()
    data = {"id": str(kept.id), "other": str(gone.id), **known}
    answer = staff_client.post("/admin/customer/merge/", data=data, follow_redirects=True)
    assert "One of the two was changed" in answer.text and "Galway" in answer.text
    db.session.expire_all()
    assert gone.merged_into_id is None


def test_other_currencies_are_refused_in_words(pair: tuple[Customer, Customer], staff_client: Browser) -> None:
    other = make_customer(currency="USD")
    page = review(staff_client, pair[0], other)
    assert "Amounts of different currencies never add up" in page


def test_the_other_one_is_searched_for(pair: tuple[Customer, Customer], staff_client: Browser) -> None:
    kept, gone = pair
    page = staff_client.get(f"/admin/customer/merge/?id={kept.id}").text
    assert 'name="other"' in page
    assert "Merge Gone Ltd into Kept Ltd?" in staff_client.get(
        f"/admin/customer/merge/?id={kept.id}&other=gone"
    ).text  # fmt: skip
    assert "No customer holds these words" in staff_client.get(
        f"/admin/customer/merge/?id={kept.id}&other=zzzz"
    ).text  # fmt: skip


@pytest.mark.parametrize("wrong", ["0", "999999", "", "x", "9" * 40])
def test_who_is_not_there_is_not_found(pair: tuple[Customer, Customer], staff_client: Browser, wrong: str) -> None:
    assert staff_client.get(f"/admin/customer/merge/?id={wrong}").status_code == 404
    data = {"id": wrong, "other": str(pair[1].id), **fields(review(staff_client, *pair))}
    assert staff_client.post("/admin/customer/merge/", data=data).status_code == 404


def test_fields_that_are_not_offered_change_nothing(pair: tuple[Customer, Customer], staff_client: Browser) -> None:
    kept, gone = pair
    for name in ("pick_balance_minor", "pick_currency", "pick_status", "pick_"):
        send(staff_client, kept, gone, **{name: "merged"})
        db.session.expire_all()
        assert gone.merged_into_id is None, name


def test_only_those_who_may(pair: tuple[Customer, Customer], client: Browser) -> None:
    sign_in(client, "billing")
    assert client.get(f"/admin/customer/merge/?id={pair[0].id}").status_code == 404
    data = {"id": str(pair[0].id), "other": str(pair[1].id)}
    assert client.post("/admin/customer/merge/", data=data).status_code == 404
    assert "Merge with another" not in client.get(f"/admin/customer/details/?id={pair[0].id}").text


def test_a_forged_form_merges_nothing(pair: tuple[Customer, Customer], staff_client: Browser) -> None:
    data = {"id": str(pair[0].id), "other": str(pair[1].id), **fields(review(staff_client, *pair))}
    assert staff_client.post("/admin/customer/merge/", data=data, csrf=False).status_code == 400
