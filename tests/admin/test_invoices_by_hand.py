"""Writing, issuing, crediting and voiding invoices in the panel, one by one and many at once."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest
from documents import field, press, text_of
from factories import make_company, make_customer, make_package, make_tax_rate
from invoicing import draft_of, issued, line
from sqlalchemy import select

from billing.actor import Actor
from models import CreditNote, Customer, Delivery, Invoice, InvoiceState, db

URL = "/admin/invoices/"


@pytest.fixture
def customer(app: Any) -> Customer:
    make_company()
    make_tax_rate()
    anna = make_customer(name="Anna Lindqvist", email="anna@mail.example")
    db.session.commit()
    return anna


def hidden(page: str, name: str) -> str:
    """A hidden field, whoever printed it."""
    found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', page)
    assert found
    return found[1]


def sent(client: Any, address: str, **data: str) -> Any:
    """Load the form, then send it with its tokens."""
    form = client.get(address).text
    known = {name: hidden(form, name) for name in ("csrf_token", "form_token", "version") if f'name="{name}"' in form}
    return client.post(address, data={**known, **data})


def one_line(**values: str) -> dict[str, str]:
    known = {"description": "Work", "quantity": "55/60", "price": "60", "taxed_as": "S"}
    return {f"lines-0-{name}": value for name, value in {**known, **values}.items()}


def newest() -> Invoice:
    db.session.expire_all()
    found = db.session.scalars(select(Invoice).order_by(Invoice.id.desc())).first()
    assert found
    return found


def test_from_nothing_to_a_mail(staff_client: Any, customer: Customer) -> None:
    answer = sent(staff_client, f"{URL}new/?customer={customer.id}", customer=str(customer.id))
    assert answer.location.startswith(f"{URL}edit/")
    answer = sent(staff_client, answer.location, do="issue", **one_line())
    draft = newest()
    assert (answer.location, draft.total_minor) == (f"{URL}issue/?id={draft.id}", 6765)
    shown = staff_client.get(answer.location).text
    assert "anna@mail.example" in shown
    token = {"form_token": field(shown, "form_token"), "csrf_token": field(shown, "csrf_token"), "send": "1"}
    first, second = (staff_client.post(answer.location, data=token) for _time in range(2))
    assert first.location == second.location, "a form sent twice leads to what the first one did"
    invoice = newest()
    assert (invoice.number, invoice.state) == ("INV-00001", InvoiceState.ISSUED)
    assert db.session.scalars(select(Delivery.address)).all() == ["anna@mail.example"]


def test_buttons_of_the_editor_change_lines_and_save_nothing(staff_client: Any, customer: Customer, by: Actor) -> None:
    package = make_package(4900, name="Fibre 500")
    draft = draft_of(customer, by, line("1"))
    db.session.commit()
    address = f"{URL}edit/?id={draft.id}"
    page = sent(staff_client, address, do="add", **one_line()).text
    assert 'name="lines-1-description"' in page
    page = sent(staff_client, address, do="pick", pick_package=str(package.id), **one_line()).text
    assert "€49.00 a month" in page
    picked = {"pick_package": str(package.id), "pick_period": "1-0", "pick_start": "2026-12-01", "pick_quantity": "2"}
    page = sent(staff_client, address, do="take", **picked, **one_line()).text
    assert 'value="Fibre 500"' in page and 'value="2026-12-31"' in page
    page = sent(staff_client, address, do="remove-0", **one_line()).text
    assert 'value="Work"' not in page
    assert newest().lines[0].amount_minor == 100


def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(
    staff_client: Any, customer: Customer, by: Actor
) -> None:
    draft = draft_of(customer, by)
    db.session.commit()
    wrong = one_line(quantity="1/0", price="12,50", since="2026-12-01")
    answer = sent(staff_client, f"{URL}edit/?id={draft.id}", do="save", **wrong)
    assert answer.status_code == 400
    for words in ("divided by zero", "decimals with a point", "first and a last day"):
        assert words in answer.text
    assert 'value="12,50"' in answer.text
    assert newest().lines[0].description == "Work"


def test_figures_follow_and_the_draft_is_kept_while_one_types(staff_client: Any, customer: Customer, by: Actor) -> None:
    draft = draft_of(customer, by)
    db.session.commit()
    page = staff_client.get(f"{URL}edit/?id={draft.id}").text
    known = {name: hidden(page, name) for name in ("csrf_token", "version")}
    answer = staff_client.post(f"{URL}live/?id={draft.id}", data={**known, **one_line()}).json
    assert answer["amounts"] == {"lines-0": "€55.00"} and "€67.65" in answer["totals"]
    assert (newest().total_minor, answer["version"]) == (6765, newest().version)
    stale = staff_client.post(f"{URL}live/?id={draft.id}", data={**known, **one_line(price="1")}).json
    assert stale["stop"] and "Somebody else" in stale["said"]
    assert newest().total_minor == 6765


def test_whoever_saves_second_sees_both(staff_client: Any, customer: Customer, by: Actor) -> None:
    draft = draft_of(customer, by, line("7"))
    db.session.commit()
    answer = sent(staff_client, f"{URL}edit/?id={draft.id}", do="save", **{**one_line(), "version": "1"})
    assert answer.status_code == 409
    assert "What somebody else saved" in answer.text and "€7.00" in answer.text and 'value="55/60"' in answer.text


def test_a_credit_note_is_looked_at_before_it_is_written(staff_client: Any, customer: Customer, by: Actor) -> None:
    invoice = issued(customer, by, line("10", "3"), line("50"))
    db.session.commit()
    address, number = f"{URL}credit/?id={invoice.id}", invoice.lines[0].id
    some = {"what": "some", f"quantity-{number}": "2", "reason": "Two came back"}
    looked = sent(staff_client, address, do="review", **some).text
    assert "Write credit note over €24.60" in text_of(looked)
    assert not db.session.scalars(select(CreditNote)).all()
    seen = {"seen": field(looked, "seen")}
    assert sent(staff_client, address, do="write", **{**some, f"quantity-{number}": "1"}, **seen).status_code == 200
    assert sent(staff_client, address, do="write", **some, **seen).status_code == 302
    note = newest()
    assert (note.number, note.total_minor, note.note) == ("CN-00001", 2460, "Two came back")
    shown = text_of(staff_client.get(f"{URL}details/?id={invoice.id}").text)
    assert "Taken back by CN-00001" in shown
    wrong = sent(staff_client, address, do="review", what="some", **{f"amount-{number}": "10.01"})
    assert wrong.status_code == 400 and "only €10.00 is left" in wrong.text
    assert "CN-00001" in staff_client.get(f"{URL}?flt0_state_is=credit_note").text


def test_voiding_says_what_it_does_and_asks_why(staff_client: Any, customer: Customer, by: Actor) -> None:
    invoice = issued(customer, by)
    db.session.commit()
    assert sent(staff_client, f"{URL}void/?id={invoice.id}", reason=" ").status_code == 400
    assert sent(staff_client, f"{URL}void/?id={invoice.id}", reason="Wrong customer").status_code == 302
    assert newest().state == InvoiceState.VOID
    answer = staff_client.get(f"{URL}void/?id={invoice.id}", follow_redirects=True)
    assert "is void already" in answer.text


def test_many_are_issued_voided_and_deleted(staff_client: Any, customer: Customer, by: Actor) -> None:
    made = [draft_of(customer, by) for _each in range(3)]
    db.session.commit()
    address = f"{URL}?flt0_state_is=draft"
    rows = {"rowid": [str(one.id) for one in made[:2]], "sure": "1"}
    press(staff_client, URL, "issue", staff_client.get(address).text, **rows)
    db.session.expire_all()
    assert [one.number for one in made] == ["INV-00001", "INV-00002", None]
    answer = press(staff_client, URL, "discard", staff_client.get(URL).text, rowid=[str(made[0].id), str(made[2].id)],
                   sure="1")  # fmt: skip
    assert "1 done, 1 refused." in answer.text
    press(staff_client, URL, "void", staff_client.get(URL).text, rowid=[str(made[1].id)], sure="1")
    db.session.expire_all()
    assert sorted(db.session.scalars(select(Invoice.state))) == ["issued", "void"]


def test_many_pdfs_come_as_one_file(staff_client: Any, customer: Customer, by: Actor, monkeypatch: Any) -> None:
    made = [issued(customer, by), draft_of(customer, by)]
    db.session.commit()
    listed = staff_client.get(URL).text
    answer = press(staff_client, URL, "zip", listed, rowid=[str(one.id) for one in made])
    with zipfile.ZipFile(io.BytesIO(answer.data)) as file:
        assert file.read("INV-00001.pdf").startswith(b"%PDF")
        assert "draft" in file.read("Left out.txt").decode()
    monkeypatch.setattr("admin.invoice_bulk.MOST_IN_A_FILE", 1)
    many = press(staff_client, URL, "zip", listed, rowid=[str(one.id) for one in made])
    assert re.search("2 invoices do not fit into one file, which holds 1", many.text)
    assert staff_client.get(f"{URL}zip/?ids=999999").status_code == 404
