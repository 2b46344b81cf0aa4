"""Archive, anonymise, delete: three verbs, three pages that say what would happen, three rules."""

from __future__ import annotations

import pytest
from factories import add, make_company, make_customer, make_invoice, make_service
from flask import Flask
from signing_in import Browser, sign_in

from billing import payments
from billing.actor import Actor
from messaging import uploads
from models import Contact, Customer, CustomerStatus, File, Note, db

VERBS = ("archive", "anonymise")


@pytest.fixture
def customer(app: Flask, by: Actor) -> Customer:
    """With a paid invoice, a contact and two notes."""
    make_company()
    made = make_customer(name="Settled Ltd")
    invoice = make_invoice(made)
    payments.record(made, invoice.open, method="bank", received_on=by.today, invoices=[invoice], by=by)
    add(Contact(customer_id=made.id, name="Aoife"))
    for text in ("one", "two"):
        add(Note(customer_id=made.id, text=text, written_at=by.at, written_by="x"))
    db.session.commit()
    return made


def token(page: str) -> str:
    return page.split('name="form_token" value="', 1)[1].split('"', 1)[0]


def test_the_page_of_anonymising_counts_what_goes_and_what_is_kept(customer: Customer, staff_client: Browser) -> None:
    page = staff_client.get(f"/admin/customer/anonymise/?id={customer.id}").text
    for words in ("Removed: 1 contact", "Removed: 2 notes", "1 issued document with the buyer", "cannot be undone"):
        assert words in page, words
    db.session.expire_all()
    assert customer.anonymised_on is None


def test_anonymised_once(customer: Customer, staff_client: Browser) -> None:
    page = staff_client.get(f"/admin/customer/anonymise/?id={customer.id}").text
    data = {"id": str(customer.id), "form_token": token(page)}
    for _time in range(2):
        answer = staff_client.post("/admin/customer/anonymise/", data=data)
        assert answer.location == f"/admin/customer/details/?id={customer.id}"
    db.session.expire_all()
    assert (customer.name, customer.status) == (f"Customer {customer.id}", CustomerStatus.ARCHIVED)
    page = staff_client.get(f"/admin/customer/details/?id={customer.id}").text
    assert "Anonymised on" in page and "Settled Ltd" not in page
    history = staff_client.get(f"/admin/customer/details/?id={customer.id}&tab=history").text
    assert "Anonymised" in history and "Settled Ltd" not in history
    assert "Settled Ltd" not in staff_client.get("/admin/audit/").text


def test_its_files_are_gone_from_the_disk_too(customer: Customer, staff_client: Browser, by: Actor) -> None:
    name = "0123456789abcdef" * 2
    known = {"name": "passport.pdf", "media_type": "application/pdf", "size": 3, "sha256": "0" * 64}
    add(File(customer_id=customer.id, stored_name=name, uploaded_at=by.at, uploaded_by="x", **known))
    path = uploads.path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"pdf")
    page = staff_client.get(f"/admin/customer/anonymise/?id={customer.id}").text
    assert "Removed: 1 file" in page
    staff_client.post("/admin/customer/anonymise/", data={"id": str(customer.id), "form_token": token(page)})
    assert not path.exists() and db.session.query(File).count() == 0


def test_what_is_in_the_way_is_said_and_there_is_no_button(customer: Customer, staff_client: Browser) -> None:
    make_invoice(customer)
    page = staff_client.get(f"/admin/customer/anonymise/?id={customer.id}").text
    assert "still owes money" in page and 'type="submit">' not in page.split("<main", 1)[1].split("form-actions", 1)[1]
    data = {"id": str(customer.id), "form_token": "a" * 20}
    answer = staff_client.post("/admin/customer/anonymise/", data=data, follow_redirects=True)
    assert "still owes money" in answer.text


def test_the_page_of_archiving_counts_what_is_kept(customer: Customer, staff_client: Browser) -> None:
    page = staff_client.get(f"/admin/customer/archive/?id={customer.id}").text
    assert "Kept: 1 document, 1 payment, 1 contact, 2 notes." in page and "Enable brings it back" in page
    staff_client.post("/admin/customer/archive/", data={"id": str(customer.id)})
    page = staff_client.get(f"/admin/customer/details/?id={customer.id}").text
    assert "Record payment" in page and "New quote" not in page and "Start a service" not in page
    db.session.expire_all()
    assert customer.status is CustomerStatus.ARCHIVED
    staff_client.post("/admin/customer/status/", data={"id": str(customer.id), "to": "active"})
    db.session.expire_all()
    assert customer.status is CustomerStatus.ACTIVE


def test_archiving_says_what_runs(customer: Customer, staff_client: Browser) -> None:
    make_service(customer)
    assert "1 service runs. End it first." in staff_client.get(f"/admin/customer/archive/?id={customer.id}").text


def test_the_page_of_deleting_says_why_not_and_what_else(customer: Customer, staff_client: Browser) -> None:
    page = staff_client.get(f"/admin/customer/delete/confirm/?id={customer.id}").text
    assert "1 document, 1 payment have to be kept" in page and "Archive it instead" in page
    staff_client.post("/admin/customer/delete/", data={"id": str(customer.id)})
    assert db.session.get(Customer, customer.id) is not None


def test_deleting_lists_what_goes_with_it(app: Flask, staff_client: Browser) -> None:
    make_company()
    empty = make_customer(name="Typo Ltd")
    add(Contact(customer_id=empty.id, name="Aoife"))
    db.session.commit()
    page = staff_client.get(f"/admin/customer/delete/confirm/?id={empty.id}").text
    assert "Removed for good, with the details: 1 contact." in page
    staff_client.post("/admin/customer/delete/", data={"id": str(empty.id)})
    db.session.expire_all()
    assert db.session.query(Customer).count() == 0


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("wrong", ["0", "999999", "x", "", "9" * 30])
def test_who_is_not_there_is_not_found(customer: Customer, staff_client: Browser, verb: str, wrong: str) -> None:
    assert staff_client.get(f"/admin/customer/{verb}/?id={wrong}").status_code == 404
    data = {"id": wrong, "form_token": "a" * 20}
    assert staff_client.post(f"/admin/customer/{verb}/", data=data).status_code == 404


@pytest.mark.parametrize("verb", VERBS)
def test_only_those_who_may(customer: Customer, client: Browser, verb: str) -> None:
    sign_in(client, "billing")
    assert client.get(f"/admin/customer/{verb}/?id={customer.id}").status_code == 404
    data = {"id": str(customer.id), "form_token": "a" * 20}
    assert client.post(f"/admin/customer/{verb}/", data=data).status_code == 404
    db.session.expire_all()
    assert customer.status is CustomerStatus.ACTIVE
