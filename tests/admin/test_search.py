"""The search of everything: what is found by whom, by how many statements, and where it leads."""

from __future__ import annotations

from datetime import date

import pytest
from factories import add, make_company, make_customer, make_invoice, make_package, make_service
from flask import Flask
from signing_in import Browser, make_role, make_staff, sign_in
from statements import spoken

from billing import payments
from billing.actor import Actor
from models import Charge, Contact, Money, Package, PortalAccess, PortalUser, db


@pytest.fixture
def shop(app: Flask, by: Actor) -> dict[str, object]:
    """One of each kind, all of one customer."""
    make_company()
    customer = make_customer(name="Lindqvist Design Ltd", email="hello@lindqvist.example", phone_digits="35316789012")
    service = make_service(customer, make_package(name="Fibre 500"), description="Line in the studio")
    invoice = make_invoice(customer)
    payment = payments.record(
        customer, Money(5000, "EUR"), method="transfer", received_on=by.today, reference="REF-77812", by=by
    )
    contact = add(Contact(customer_id=customer.id, name="Aoife Byrne", email="aoife@lindqvist.example"))
    charge = add(
        Charge(customer_id=customer.id, billing_group_id=service.billing_group_id, description="Rack space",
               currency="EUR", price_minor=900, starts_on=date(2026, 1, 1))
    )  # fmt: skip
    user = add(PortalUser(name="Sven Lindqvist", email="sven@portal.example"))
    add(PortalAccess(portal_user_id=user.id, customer_id=customer.id))
    db.session.commit()
    return {"customer": customer, "service": service, "invoice": invoice, "payment": payment, "contact": contact,
            "charge": charge, "user": user}  # fmt: skip


def found(client: Browser, words: str) -> str:
    answer = client.get("/admin/search/suggest/", query_string={"q": words})
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    ("words", "title", "url"),
    [
        ("lindqv", "Lindqvist Design Ltd", "/admin/customer/details/?id="),
        ("customer: 1 678 9012", "Lindqvist Design Ltd", "/admin/customer/details/?id="),
        ("inv-0000", "INV-00001", "/admin/invoices/details/?id="),
        ("invoice:1", "INV-00001", "/admin/invoices/details/?id="),
        ("inv: 1", "INV-00001", "/admin/invoices/details/?id="),
        ("ref-778", "€50.00", "/admin/payments/details/?id="),
        ("line in", "Line in the studio", "/admin/service/details/?id="),
        ("service:fibre", "Line in the studio", "/admin/service/details/?id="),
        ("package:fib", "Fibre 500", "/admin/package/details/?id="),
        ("rack", "Rack space", "&amp;tab=services"),
        ("byrne", "Aoife Byrne", "/admin/customer/details/?id="),
        ("sven@portal", "Sven Lindqvist", "/admin/customer/details/?id="),
        ("staff:owner", "Owner", "/admin/staff/details/?id="),
        ("page:tax rates", "Tax rates", "/admin/tax-rates/"),
        ("vat", "Tax rates", "/admin/tax-rates/"),
        ("add customer", "Add customer", "/admin/customer/new/"),
    ],
)
def test_everything_is_found_by_what_people_know_of_it(
    shop: dict[str, object], staff_client: Browser, words: str, title: str, url: str
) -> None:
    answer = found(staff_client, words)
    line = next(part for part in answer.split("<a ") if f">{title}<" in part)
    assert url in line


def test_a_prefix_looks_among_one_kind_only(shop: dict[str, object], staff_client: Browser) -> None:
    answer = found(staff_client, "contact:lindqvist")
    assert "Aoife Byrne" in answer
    assert "Lindqvist Design Ltd</span>" not in answer


def test_nothing_found_says_so_and_repeats_the_words_escaped(shop: dict[str, object], staff_client: Browser) -> None:
    answer = found(staff_client, "<script>zzz")
    assert "Nothing found for “&lt;script&gt;zzz”" in answer


@pytest.mark.parametrize("words", ["%", "_", "'", '"', "a" * 500, "\0", ":", "customer:", "invoice:999999999999999999"])
def test_odd_words_find_nothing_and_break_nothing(shop: dict[str, object], staff_client: Browser, words: str) -> None:
    assert "INV-00001" not in found(staff_client, words)


def test_a_single_hit_is_opened_at_once(shop: dict[str, object], staff_client: Browser) -> None:
    answer = staff_client.get("/admin/search/", query_string={"q": "invoice:1"})
    assert answer.status_code == 302
    assert answer.location == f"/admin/invoices/details/?id={shop['invoice'].id}"  # type: ignore[attr-defined]


def test_several_hits_are_a_page(shop: dict[str, object], staff_client: Browser) -> None:
    page = staff_client.get("/admin/search/", query_string={"q": "lindqvist"}).text
    assert "Lindqvist Design Ltd" in page and "Aoife Byrne" in page


def test_only_what_one_may_see_is_found(shop: dict[str, object], client: Browser) -> None:
    make_role("desk", "customers.view")
    sign_in(client, "desk", email="desk@staff.example")
    assert "Lindqvist Design Ltd" in found(client, "lindqvist")
    for words in ("inv-0000", "ref-778", "line in", "fibre", "rack", "staff:owner", "tax rates", "add customer"):
        assert "<a " not in found(client, words), words


def test_strangers_find_nothing(shop: dict[str, object], client: Browser) -> None:
    for path in ("/admin/search/", "/admin/search/suggest/?q=lindqvist"):
        answer = client.get(path)
        assert answer.status_code == 302
        assert "/admin/sign-in" in answer.location


def test_one_statement_for_each_kind(shop: dict[str, object], staff_client: Browser) -> None:
    found(staff_client, "lindqvist")
    with spoken() as asked:
        found(staff_client, "lindqvist")
    assert len(asked) <= 12, asked  # ten kinds, the session, the company


def test_what_was_opened_last_is_offered_before_anything_is_typed(
    shop: dict[str, object], staff_client: Browser
) -> None:
    customer, invoice = shop["customer"].id, shop["invoice"].id  # type: ignore[attr-defined]
    assert "Type a name" in found(staff_client, "")
    staff_client.get(f"/admin/customer/details/?id={customer}")
    staff_client.get(f"/admin/invoices/details/?id={invoice}")
    staff_client.get("/admin/customer/details/?id=999999")
    answer = found(staff_client, "")
    assert answer.index("INV-00001") < answer.index("Lindqvist Design Ltd")
    assert answer.count("<a ") == 2


def test_what_was_opened_last_is_forgotten_with_the_right_to_see_it_or_the_record(
    shop: dict[str, object], app: Flask
) -> None:
    browser = app.test_client()
    role = make_role("some", "customers.view", "packages.view")
    sign_in(browser, "some", email="some@staff.example")
    package = add(Package(name="Gone soon"))
    browser.get(f"/admin/customer/details/?id={shop['customer'].id}")  # type: ignore[attr-defined]
    browser.get(f"/admin/package/details/?id={package.id}")
    assert found(browser, "").count("<a ") == 2  # type: ignore[arg-type]
    db.session.delete(package)
    role.permissions = ["packages.view"]
    db.session.commit()
    assert found(browser, "").count("<a ") == 0  # type: ignore[arg-type]


def test_the_button_stands_on_every_page(shop: dict[str, object], staff_client: Browser) -> None:
    for path in ("/admin/", "/admin/customer/", "/admin/settings/", "/admin/account/"):
        assert "data-search-open" in staff_client.get(path).text


def test_the_search_keeps_to_the_chosen_customer(shop: dict[str, object], staff_client: Browser) -> None:
    other = make_customer(name="Lindholm Bakery")
    make_invoice(other)
    staff_client.post("/admin/only/", data={"id": str(other.id)})
    answer = found(staff_client, "lind")
    assert "Lindholm Bakery" in answer
    assert "Lindqvist" not in answer
    answer = found(staff_client, "invoice:inv")
    assert "INV-00002" in answer and "INV-00001" not in answer
    assert "Sven" not in found(staff_client, "user:sven")
    assert make_staff().name in found(staff_client, "staff:owner")
