"""The import pages: from a file to customers in four steps, with everything that may be wrong on the way."""

from __future__ import annotations

import csv
import io
import re
import tomllib
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from factories import make_company, make_customer
from flask import Flask
from signing_in import Browser, make_role, sign_in
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from billing import custom_fields
from billing.import_drafts import display_name
from billing.import_mapping import parse_mapping
from jobs import imports
from models import (
    AuditEvent,
    Company,
    Customer,
    FieldKind,
    ImportFile,
    ImportMappingSaved,
    ImportProblem,
    ImportState,
    Run,
    RunState,
    Service,
    Tag,
    db,
)

LIST, NEW = "/admin/imports/", "/admin/imports/new/"
DETAILS, START = "/admin/imports/details/", "/admin/imports/start/"
HEADER = "Id,First Name,Last Name,Email,Country,Status,Date Created\n"
ANN = "1,Ann,Byrne,ann@mail.example,Ireland,Active,31/12/2024\n"
BOB = "2,Bob,Díaz,bob@mail.example,ES,Closed,01/02/2025\n"


@pytest.fixture
def panel(staff_client: Browser) -> Browser:
    make_company()
    db.session.commit()
    return staff_client


def token(page: str) -> str:
    return re.search(r'name="form_token" value="([^"]+)"', page)[1]  # type: ignore[index]


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def upload(panel: Browser, content: bytes | str, name: str = "customers.csv", **more: Any) -> TestResponse:
    data = {
        "csrf_token": panel.csrf_token(),
        "form_token": token(panel.get(NEW).text),
        "file": (io.BytesIO(content if isinstance(content, bytes) else content.encode()), name),
        **more,
    }
    answer = panel.post(NEW, data=data, content_type="multipart/form-data", csrf=False)
    answer.request.environ["wsgi.input"].close()
    return answer


def fields(page: str) -> dict[str, Any]:
    """What a browser would send of the page's form of columns."""
    form = page.split('<form method="post" novalidate>', 1)[1].split("</form>", 1)[0]
    sent: dict[str, list[str]] = {}
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        values = re.findall(r'<option value="([^"]*)"( selected)?', options)
        chosen = [value for value, selected in values if selected]
        sent.setdefault(name, []).append(chosen[0] if chosen else values[0][0])
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = (re.search(rf'{key}="([^"]*)"', tag) for key in ("name", "value"))
        if name and (not re.search("radio|checkbox", tag) or "checked" in tag):
            sent.setdefault(name[1], []).append(value[1] if value else "on")
    return {name: values if len(values) > 1 else values[0] for name, values in sent.items()}


def draft_of(answer: TestResponse) -> ImportFile:
    assert answer.status_code == 302, text(answer.text)
    return newest()


def newest() -> ImportFile:
    db.session.rollback()
    return db.session.scalars(select(ImportFile).order_by(ImportFile.id.desc())).first()  # type: ignore[return-value]


def columns_url(draft: ImportFile) -> str:
    return f"/admin/imports/columns/?id={draft.id}"


def check(panel: Browser, draft: ImportFile, **changed: Any) -> str:
    """Send the columns as they are suggested, or `changed`, let the job do it; the page of what it found."""
    number, url = draft.id, columns_url(draft)
    answer = panel.post(url, data={**fields(panel.get(url).text), "do": "check", **changed})
    assert answer.status_code == 302, text(answer.text)
    work()
    return panel.get(f"{DETAILS}?id={number}").text


def work() -> None:
    db.session.rollback()
    imports.run()
    db.session.rollback()


def start(panel: Browser, draft: ImportFile, mode: str = "whole", **more: str) -> str:
    number = draft.id
    page = panel.get(f"{DETAILS}?id={number}").text
    data = {"form_token": token(page), "mode": mode, **more}
    panel.post(f"{START}?id={number}", data=data)
    work()
    return panel.get(f"{DETAILS}?id={number}").text


def customers() -> dict[str, Customer]:
    db.session.rollback()
    return {one.email: one for one in db.session.scalars(select(Customer))}


# The way through


def test_an_export_of_another_system_becomes_customers(panel: Browser) -> None:
    draft = draft_of(upload(panel, HEADER + ANN + BOB))
    assert (draft.rows, draft.file_name, draft.encoding, draft.delimiter) == (2, "customers.csv", "utf-8-sig", ",")
    assert "bob@mail.example" in panel.get(f"/admin/imports/file/?id={draft.id}").text
    page = panel.get(columns_url(draft)).text
    sent = fields(page)
    assert [sent[f"column-{n}"] for n in range(7)] == [
        "", "first_name", "last_name", "email", "country", "status", "registered_on",
    ]  # fmt: skip
    assert (sent["identity"], sent["date_format"], sent["currency"]) == ("0", "%d/%m/%Y", "EUR")
    assert sent["word-5"] == ["active", "archived"]
    shown = text(check(panel, draft))
    assert "New 2 customers Changed 0" in shown and "No line is wrong." in shown and not customers()
    done = start(panel, draft, tagged="1", tag="from WHMCS")
    assert "New 2 customers" in text(done) and "tag_is=from" in done
    found = customers()
    ann, bob = found["ann@mail.example"], found["bob@mail.example"]
    assert (ann.name, ann.country, ann.status, str(ann.registered_on)) == ("Ann Byrne", "IE", "active", "2024-12-31")
    assert (bob.name, bob.status, bob.external_id, bob.currency) == ("Bob Díaz", "archived", "2", "EUR")
    assert [tag.name for tag in ann.tags] == ["from WHMCS"]
    draft = newest()
    assert (draft.state, draft.run.kind, draft.run.state) == (ImportState.DONE, "import", RunState.FINISHED)
    trail = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "customer.imported")).all()
    assert {(event.actor, event.staff_id) for event in trail} == {("Owner", draft.staff_id)}
    assert "customers.csv" in panel.get(LIST).text


def test_the_same_file_again_makes_nothing_and_needs_no_choosing(panel: Browser) -> None:
    first = draft_of(upload(panel, HEADER + ANN + BOB))
    check(panel, first, **{"source": "old-shop"})
    start(panel, first)
    again = draft_of(upload(panel, HEADER + ANN.replace("Byrne", "Burke") + BOB, "again.csv"))
    assert again.choices["source"] == "old-shop"
    assert "New 0 customers Changed 1 here already Same as now 1" in text(check(panel, again))
    start(panel, again)
    assert len(customers()) == 2 and customers()["ann@mail.example"].name == "Ann Burke"


def test_wrong_lines_come_back_to_be_mended_and_then_go_in(panel: Browser) -> None:
    wrong = (
        "3,=Cy,X,cy,IE,Active,\n1,Ann,Twice,an2@mail.example,IE,Active,\n5,Eve,E,eve@mail.example,Nowhere,Active,x\n"
    )
    draft = draft_of(upload(panel, HEADER + ANN + wrong + BOB))
    page = check(panel, draft, **{"word-5": ["active", "archived"], "cell-5": ["Active", "Closed"]})
    shown = text(page)
    assert "New 2 customers" in shown and "Wrong 3 1 of them twice in the file" in shown
    assert "“cy” is not an e-mail address. It looks like name@company.example." in shown
    assert "The same external id stands on line 2 already. Keep one of the two lines" in shown
    one = text(panel.get(f"{DETAILS}?id={draft.id}&column=Email").text)
    assert "“cy” is not" in one and "1–1 of 1" in one and "Nowhere" not in one
    done = text(start(panel, draft, mode="good"))
    assert "3 lines were wrong and are not here." in done and len(customers()) == 2
    table = panel.get(f"/admin/imports/wrong-lines/?id={draft.id}")
    assert table.headers["Content-Disposition"].startswith("attachment; filename=wrong-lines-customers.csv")
    rows = list(csv.reader(io.StringIO(table.get_data(as_text=True).removeprefix("\ufeff"))))
    assert rows[0] == ["What is wrong", *HEADER.strip().split(",")]
    assert [row[1] for row in rows[1:]] == ["3", "1", "5"] and rows[1][2] == "'=Cy"
    rows[1][4], rows[2][1], rows[3][5], rows[3][7] = "cy@mail.example", "4", "FR", ""
    mended = io.StringIO()
    csv.writer(mended).writerows(rows)
    second = draft_of(upload(panel, mended.getvalue(), "mended.csv"))
    assert "New 3 customers Changed 0 here already Same as now 0" in text(check(panel, second))
    start(panel, second)
    assert len(customers()) == 5 and customers()["cy@mail.example"].name == "=Cy X"


def test_all_or_nothing_is_refused_while_a_line_is_wrong(panel: Browser) -> None:
    draft = draft_of(upload(panel, HEADER + ANN + "2,B,B,none,,,\n"))
    check(panel, draft)
    start(panel, draft, mode="whole")
    assert newest().state is ImportState.CHECKED and not customers()


def test_all_or_nothing_stops_at_what_became_wrong_since_the_check(panel: Browser) -> None:
    draft = draft_of(upload(panel, HEADER + ANN + BOB))
    check(panel, draft)
    make_customer(email="ann@mail.example", external_source="other", external_id="9")
    done = text(start(panel, draft, mode="whole"))
    assert "Since the check, lines have become wrong. Nothing was imported." in done
    assert set(customers()) == {"ann@mail.example"} and "Ann" not in customers()["ann@mail.example"].name


def test_who_is_here_already_is_left_alone_if_asked(panel: Browser) -> None:
    make_customer(name="Old Ann", email="ann@mail.example")
    draft = draft_of(upload(panel, HEADER + ANN + BOB))
    assert "New 1 customers Changed 0 here already Same as now 1" in text(check(panel, draft, existing="skip"))
    start(panel, draft)
    assert customers()["ann@mail.example"].name == "Old Ann" and len(customers()) == 2


def test_services_come_with_their_customers(panel: Browser) -> None:
    table = "No;Customer;Mail;Product;Price;Next Due Date\n7;Ann;a@m.example;Fibre;1.029,50;15.12.2026\n"
    draft = draft_of(upload(panel, table))
    sent = fields(panel.get(columns_url(draft)).text)
    assert (draft.delimiter, sent["decimal"], sent["date_format"]) == (";", ",", "%d.%m.%Y")
    refused = panel.post(columns_url(draft), data={**sent, "do": "check"})
    assert refused.status_code == 400 and "A service needs a package" in refused.text
    check(panel, draft, started_on="2026-01-01")
    start(panel, draft)
    service = db.session.scalars(select(Service)).one()
    assert (service.price_minor, str(service.next_renewal_on), service.package.name) == (102950, "2026-12-15", "Fibre")


def test_fields_of_the_shops_own_are_recognised_and_filled(panel: Browser, by: Any) -> None:
    size = custom_fields.create({"name": "Shoe size", "kind": FieldKind.NUMBER}, by=by)
    born = custom_fields.create({"name": "Born", "kind": FieldKind.DATE}, by=by)
    table = "No,Name,E-mail,Shoe Size,custom.born\n1,Ann,a@m.example,42,24/12/1990\n2,Bob,b@m.example,big,01/02/1980\n"
    draft = draft_of(upload(panel, table))
    sent = fields(panel.get(columns_url(draft)).text)
    assert (sent["column-3"], sent["column-4"]) == ("custom.shoe_size", "custom.born")
    shown = text(check(panel, draft, date_format="%d/%m/%Y"))
    assert "New 1 customers" in shown and "does not fit Shoe size" in shown
    start(panel, draft, mode="good")
    found = custom_fields.values_of(customers()["a@m.example"].id)
    assert (found[size.id], str(found[born.id])) == (42, "1990-12-24")


# Choosing


def test_a_mapping_is_kept_by_name_offered_again_and_read_by_the_command(panel: Browser) -> None:
    draft = draft_of(upload(panel, HEADER + ANN))
    url = columns_url(draft)
    sent = fields(panel.get(url).text)
    assert panel.post(url, data={**sent, "do": "save", "save_as": " "}).status_code == 400
    saved = {**sent, "do": "save", "save_as": "Old shop", "source": "shop"}
    assert panel.post(url, data=saved, follow_redirects=True).status_code == 200
    assert db.session.scalars(select(ImportMappingSaved)).one().name == "Old shop"
    again = draft_of(upload(panel, HEADER + BOB))
    assert "the mapping “Old shop” is filled in" in panel.get(columns_url(again)).text
    toml = panel.get(f"/admin/imports/mapping/?id={again.id}")
    read = parse_mapping(tomllib.loads(toml.get_data(as_text=True)))
    assert (read.source, read.adopt_by_email, sorted(read.customer)[:3]) == (
        "shop",
        True,
        ["country", "currency", "email"],
    )
    other = draft_of(upload(panel, "A,B\nx,y\n"))
    number = db.session.scalars(select(ImportMappingSaved.id)).one()
    panel.post(columns_url(other), data={"do": "use", "saved": str(number)})
    assert newest().choices["columns"] == {} and newest().choices["source"] == "shop"
    panel.post("/admin/imports/forget/", data={"saved": str(number)})
    assert not db.session.scalars(select(ImportMappingSaved)).all()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"column-3": ""}, "Say which column holds the e-mail address."),
        ({"column-1": ""}, "Say which column holds the name"),
        ({"column-0": "email"}, "Two columns cannot become the same"),
        ({"identity": ""}, "Choose the column that tells customers apart."),
        ({"currency": ""}, "Choose the currency"),
        ({"currency": "EURO"}, "is not a currency"),
    ],
)
def test_what_is_wrong_with_a_choice_is_said_and_the_rest_stays(
    panel: Browser, changed: dict[str, str], words: str
) -> None:
    draft = draft_of(upload(panel, HEADER + ANN))
    url = columns_url(draft)
    answer = panel.post(url, data={**fields(panel.get(url).text), "source": "kept", "do": "check", **changed})
    assert answer.status_code == 400 and words in answer.text and 'value="kept"' in answer.text
    assert newest().state is ImportState.OPEN


def test_words_nobody_understands_are_asked_about(panel: Browser) -> None:
    draft = draft_of(upload(panel, HEADER.replace("Status", "Zustand") + ANN.replace("Active", "aktiv")))
    url = columns_url(draft)
    sent = {**fields(panel.get(url).text), "column-5": "status", "do": "check"}
    asked = panel.post(url, data=sent)
    assert "Say what these words mean." in asked.text and newest().state is ImportState.OPEN
    check(panel, draft, **{"column-5": "status", "word-5": "disabled", "cell-5": "aktiv"})
    start(panel, draft)
    assert customers()["ann@mail.example"].status == "disabled"


def test_a_file_may_be_read_otherwise(panel: Browser) -> None:
    draft = draft_of(upload(panel, "Name|Mail\nZoë|z@m.example\n".encode("mac_roman")))
    assert (draft.encoding, draft.delimiter) == ("cp1252", "|")
    url = f"/admin/imports/file/?id={draft.id}"
    read = {"encoding": "mac_roman", "delimiter": "|", "quote": '"'}
    assert panel.post(url, data=read).status_code == 302
    assert "Zoë" in panel.get(url).text
    wrong = panel.post(url, data={**read, "encoding": "utf-16"})
    assert wrong.status_code == 400 and "customers.csv" in wrong.text and newest().encoding == "mac_roman"
    assert panel.post(url, data={**read, "encoding": "zip"}).status_code == 400
    assert panel.post(url, data={**read, "next": "1"}).location.endswith(f"columns/?id={draft.id}")


# Files one would rather not have


def zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"0" * 10_000_000)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x01", "is not a text file"),
        (zip_bomb(), "is not a text file"),
        (b"Name,Mail\nA\0nn,a@m.example\n", "is not a text file"),
        (b"Name,Mail\n", "no row below them"),
        (b"Name,Name\na,b\n", "names the column “Name” twice"),
        (b"Name,\na,b\n", "column 2 has no name"),
        (b"Name,Mail\nAnn," + b"x" * 1_000_000 + b"\n", "line 2"),
        (b'Name,Mail\n"Ann,a@m.example\n', "is opened and never closed"),
        (",".join(f"c{n}" for n in range(300)).encode() + b"\n1\n", "300 columns"),
        (b"Name,Mail\n" + b"x,y\n" * 4_000_000, "larger than 15 MB"),
    ],
)  # fmt: skip
def test_hopeless_files_are_refused_and_leave_nothing(panel: Browser, app: Flask, content: bytes, words: str) -> None:
    before = sorted(imports.store().folder.glob("*"))
    answer = upload(panel, content)
    assert answer.status_code == 400 and words in answer.text
    assert db.session.scalar(select(func.count()).select_from(ImportFile)) == 0
    assert sorted(imports.store().folder.glob("*")) == before


def test_a_body_that_is_larger_still_is_refused_at_once(panel: Browser) -> None:
    body = b"--b\r\n" + b"x" * (17 << 20)
    kind = "multipart/form-data; boundary=b"
    assert panel.post(NEW, data=body, content_type=kind, csrf=False).status_code == 413


def test_the_name_of_a_file_is_made_harmless() -> None:
    odd = ["..\\..\\x.csv", "C:\\x.csv", "/abs/x.csv", "a\r\nX: y/x.csv", "x\0.csv", " ../ x.csv"]
    assert {display_name(name) for name in odd} == {"x.csv"}
    assert display_name("../..") == display_name("") == "table.csv" and len(display_name("é" * 900)) == 200


@pytest.mark.parametrize("name", ["../../../etc/x.csv", "/abs/x.csv"])
def test_what_a_file_is_called_leads_nowhere(panel: Browser, name: str) -> None:
    draft = draft_of(upload(panel, HEADER + ANN, name))
    assert draft.file_name == "x.csv" and re.fullmatch("[0-9a-f]{32}", draft.stored_as)
    assert imports.store().path(draft.stored_as).is_file()


def test_no_file_at_all_and_a_form_sent_twice(panel: Browser) -> None:
    empty = panel.post(NEW, data={"form_token": token(panel.get(NEW).text)})
    assert empty.status_code == 400 and "Choose a file." in empty.text
    same = token(panel.get(NEW).text)
    first, second = (upload(panel, HEADER + ANN, form_token=same) for _ in range(2))
    assert first.location == second.location and db.session.scalar(select(func.count(ImportFile.id))) == 1
    assert sum(1 for path in imports.store().folder.glob("*") if path.stem == newest().stored_as) == 1


def test_what_a_file_holds_is_only_ever_text(panel: Browser) -> None:
    bad = "<script>alert(1)</script>"
    draft = draft_of(upload(panel, f"{bad},Mail,N\n{bad},{bad},1\n", f"{bad}.csv".replace("/", "")))
    pages = [panel.get(f"/admin/imports/file/?id={draft.id}").text, panel.get(columns_url(draft)).text]
    pages.append(check(panel, draft, **{"column-0": "name", "column-1": "email", "identity": "2"}))
    assert "is not an e-mail address" in pages[-1]
    assert all("<script>alert" not in page for page in pages)


# Who may, and what is not there


DOORS = ["file", "columns", "details", "live", "mapping", "wrong-lines"]


@pytest.mark.parametrize("door", DOORS)
def test_numbers_that_name_nothing_lead_nowhere(panel: Browser, door: str) -> None:
    for number in ("0", "999999", "-1", "x", "9" * 30, ""):
        assert panel.get(f"/admin/imports/{door}/?id={number}").status_code == 404, number


@pytest.mark.parametrize("door", ["file", "columns", "start", "discard"])
def test_nobody_changes_anything_without_the_permission(panel: Browser, app: Flask, door: str) -> None:
    draft = draft_of(upload(panel, HEADER + ANN))
    number, other = draft.id, app.test_client()
    assert panel.post(f"/admin/imports/{door}/?id=999999").status_code == 404
    make_role("Reader", "customers.view", "customers.edit")
    sign_in(other, "Reader", email="reader@staff.example")
    assert other.post(f"/admin/imports/{door}/?id={number}").status_code == 403
    for page in (LIST, NEW, f"{DETAILS}?id={number}", columns_url(newest())):
        assert other.get(page).status_code == 403
    assert "/admin/imports/" not in other.get("/admin/customer/").text
    assert app.test_client().get(f"{DETAILS}?id={number}").status_code == 302


def test_a_saved_mapping_of_nobody_is_not_found(panel: Browser) -> None:
    draft = draft_of(upload(panel, HEADER + ANN))
    assert panel.post(columns_url(draft), data={"do": "use", "saved": "77"}).status_code == 404
    assert panel.post("/admin/imports/forget/", data={"saved": "77"}).status_code == 404


def test_what_the_page_does_not_offer_is_not_read(panel: Browser) -> None:
    draft = draft_of(upload(panel, HEADER + ANN))
    more = {"balance_minor": "5", "column-6": "balance_minor", "column-0": "identity_number", "date_format": "%c"}
    check(panel, draft, **more)
    assert set(newest().choices["columns"].values()) == {"first_name", "last_name", "email", "country", "status"}
    assert newest().choices["date_format"] == "%Y-%m-%d"


def test_nothing_is_changed_while_it_is_worked_on_or_over(panel: Browser) -> None:
    draft = draft_of(upload(panel, HEADER + ANN))
    url, number = columns_url(draft), draft.id
    sent = fields(panel.get(url).text)
    panel.post(url, data={**sent, "do": "check"})
    assert "Waiting to begin" in panel.get(f"{DETAILS}?id={number}").text
    assert "data-poll" in panel.get(f"/admin/imports/live/?id={number}").text
    assert "being worked on" in panel.post(url, data={**sent, "do": "check"}, follow_redirects=True).text
    assert panel.get(url).status_code == 302
    work()
    start(panel, newest())
    assert "This import is over" in panel.post(url, data={**sent, "do": "check"}, follow_redirects=True).text
    assert panel.post(f"/admin/imports/discard/?id={number}").status_code == 302 and newest().state is ImportState.DONE


def test_a_draft_is_thrown_away_with_its_file_and_its_faults(panel: Browser) -> None:
    draft = draft_of(upload(panel, HEADER + "1,A,B,none,,,\n"))
    path = imports.store().path(draft.stored_as)
    check(panel, draft)
    assert db.session.scalar(select(func.count(ImportProblem.id))) == 1 and path.exists()
    panel.post(f"/admin/imports/discard/?id={draft.id}")
    assert newest() is None and not path.exists() and not db.session.scalar(select(func.count(ImportProblem.id)))


def test_old_files_go_and_what_was_imported_stays_listed(panel: Browser, clock: Any) -> None:
    done, left = (draft_of(upload(panel, HEADER + ANN, f"{n}.csv")) for n in range(2))
    check(panel, done)
    start(panel, done)
    names = [db.session.get_one(ImportFile, n).stored_as for n in (done.id, left.id)]
    db.session.rollback()
    clock.advance(days=13)
    assert imports.clean() == 0
    clock.advance(days=2)
    assert imports.clean() >= 2
    assert [row.file_name for row in db.session.scalars(select(ImportFile))] == ["0.csv"]
    assert not any(imports.store().path(name).exists() for name in names)
    sign_in(panel)
    assert "Imported" in panel.get(f"{DETAILS}?id={done.id}").text


@pytest.fixture
def runs_of() -> Iterator[Any]:
    yield lambda: db.session.scalars(select(Run).where(Run.kind == "import").order_by(Run.id)).all()


def test_a_tag_is_a_new_one_for_each_import(panel: Browser) -> None:
    db.session.add_all([Tag(name="import-2026-11-22"), Tag(name="import-2026-11-22-2")])
    db.session.commit()
    assert draft_of(upload(panel, HEADER + ANN)).choices["tag"] == "import-2026-11-22-3"


def test_the_tag_has_the_day_of_the_business(panel: Browser, clock: Any) -> None:
    db.session.get_one(Company, 1).timezone = "Pacific/Auckland"
    db.session.commit()
    assert clock().date().isoformat() == "2026-11-22"
    clock.advance(hours=4)
    sign_in(panel)
    assert draft_of(upload(panel, HEADER + ANN)).choices["tag"] == "import-2026-11-23"
