"""Bank statements in the panel: upload, columns, lines confirmed, put on customers by hand, ignored, taken back."""

from __future__ import annotations

import csv
import io
import re

import pytest
from factories import make_company, make_customer, make_invoice
from signing_in import make_role, sign_in
from sqlalchemy import select
from statements import spoken

from jobs import bank_reading as job
from models import BankLine, BankStatement, Payment, db

HERE = "/admin/bank-statements/"
HEAD = "Date,Name,IBAN,Text,Amount\n"


@pytest.fixture
def panel(staff_client):
    make_company()
    db.session.commit()
    return staff_client


def get(client, url, status=200):
    answer = client.get(url)
    assert answer.status_code == status, answer.text[:400]
    return answer.text


def value(page, name):
    return re.search(f'name="{name}" value="([^"]*)"', page)[1]


def chosen(page):
    """What the page of columns would send."""
    form = {}
    for name, options in re.findall(r'<select[^>]* name="([\w-]+)">(.*?)</select>', page, re.DOTALL):
        picked = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
        form[name] = (picked[1] if picked[1] is not None else picked[2]) if picked else ""
    return form


def upload(client, text, name="bank.csv"):
    token = value(get(client, f"{HERE}new/"), "form_token")
    file = (io.BytesIO(text if isinstance(text, bytes) else text.encode()), name)
    return client.post(f"{HERE}new/", data={"file": file, "form_token": token})


def read_in(client, *rows):
    url = upload(client, HEAD + "\n".join(rows) + "\n").location
    page = get(client, url)
    form = {**chosen(page), "do": "read", "form_token": value(page, "form_token")}
    return client.post(url, data=form).location


def lines():
    db.session.expire_all()
    return list(db.session.scalars(select(BankLine).order_by(BankLine.id)))


def test_a_long_one_is_read_in_the_background_and_watched(panel):
    here = read_in(panel, *(f"2026-11-20,Doyle {n},,INV {n},49.00" for n in range(600)))
    page = get(panel, here)
    assert "Waiting to begin" in page and "nobody is there to carry it out" in page and "data-poll=" in page
    assert "of about 601 lines" in page
    statement = db.session.scalars(select(BankStatement)).one()
    for door in ("sure", "look-again"):
        answer = panel.post(f"{HERE}{door}/", data={"id": statement.id}, follow_redirects=True)
        assert "is not read yet" in answer.text
    job.run()
    assert "Doyle 0" in get(panel, here)
    assert "data-poll=" not in get(panel, f"{HERE}live/?id={statement.id}")


def test_from_the_file_to_a_paid_invoice(panel):
    invoice = make_invoice(make_customer(name="Doyle"), 4900)
    db.session.commit()
    url = upload(panel, HEAD + '2026-11-20,Doyle J,IE29AIBK93115212345678,"INV 1",49.00\nsoon,x,,y,1\n').location
    page = get(panel, url)
    assert "Doyle J" in page and "Read in 1 line" in page and "is not a day" in page
    form = {**chosen(page), "form_token": value(page, "form_token")}
    assert form["column-0"] == "date" and form["column-4"] == "amount"
    wrong = panel.post(url, data={**form, "column-0": "", "do": "try"})
    assert wrong.status_code == 400 and "which column holds the day" in wrong.text
    here = panel.post(url, data={**form, "do": "read"}).location
    page = get(panel, here)
    assert "exactly what is open" in page and "Book 1 sure one" in page and "INV-00001" in page
    sent = {"line": lines()[0].id, "guess": value(page, "guess"), "form_token": value(page, "form_token")}
    assert panel.post(f"{HERE}confirm/", data={**sent, "guess": "1.99"}, follow_redirects=True).text.count("Look again")
    page = get(panel, here)
    for _time in range(2):
        panel.post(f"{HERE}confirm/", data={**sent, "form_token": value(page, "form_token")})
    assert db.session.scalars(select(Payment.amount_minor)).all() == [4900]
    db.session.refresh(invoice)
    paid = db.session.scalars(select(Payment.id)).one()
    assert invoice.open_minor == 0 and f"Payment {paid}" in get(panel, f"{here}&tab=booked")
    assert "0 To do" not in get(panel, HERE) and "bank.csv" in get(panel, HERE)


def test_faults_of_a_file_are_told_at_the_field(panel):
    for data, words in (
        (b"", "is empty"), (b"\0\1\2", "not a text file"), (b"hello\n", "names the columns"),
        (("Date,Text,Amount\n2026-11-20," + "x" * 200_000 + ",1\n").encode(), "longer than"),
    ):  # fmt: skip
        answer = upload(panel, data)
        assert answer.status_code == 400 and words in answer.text and 'role="alert"' in answer.text
    assert not db.session.query(BankStatement).count()


def test_another_encoding_and_delimiter_read_the_file_again(panel):
    url = upload(panel, "Datum|Name|Text|Betrag\n20.11.2026|Müller|x|5,00\n".encode("cp1252")).location
    assert "Müller" in get(panel, url)
    panel.post(url, data={"do": "again", "encoding": "cp1252", "delimiter": ";"})
    assert db.session.scalars(select(BankStatement)).one().layout["delimiter"] == "|"  # ; makes no columns: refused
    panel.post(url, data={"do": "again", "encoding": "utf-8", "delimiter": "|"}, follow_redirects=True)
    page = get(panel, url)
    assert panel.post(f"{HERE}discard/", data={"id": url.rpartition("=")[2]}).location == HERE and page
    assert not db.session.query(BankStatement).count()


def test_a_line_is_put_on_a_customer_by_hand_and_taken_back(panel):
    doyle = make_customer(name="Doyle")
    first, second = make_invoice(doyle, 4900), make_invoice(doyle, 1000)
    db.session.commit()
    read_in(panel, "2026-11-20,Somebody,,rent,20.00")
    (line,) = lines()
    assert "Doyle" not in get(panel, f"{HERE}line/?line={line.id}")
    page = get(panel, f"{HERE}line/?line={line.id}&customer=Doyle")
    assert "Open invoices of Doyle" in page and "INV-00002" in page
    form = {"line": line.id, "customer": doyle.id, "invoice": [second.id, first.id]}
    panel.post(f"{HERE}book/", data={**form, "form_token": value(page, "form_token")})
    db.session.expire_all()
    assert (first.open_minor, second.open_minor) == (2900, 1000)
    page = get(panel, f"{HERE}line/?line={line.id}")
    form = {"line": line.id, "form_token": value(page, "form_token")}
    refused = panel.post(f"{HERE}take-back/", data={**form, "reason": ""}, follow_redirects=True)
    assert "reason is missing" in refused.text
    panel.post(f"{HERE}take-back/", data={**form, "reason": "Not theirs"})
    db.session.expire_all()
    assert (first.open_minor, lines()[0].state) == (4900, "open")
    assert "Several customers match" not in get(panel, f"{HERE}line/?line={line.id}&customer=nobody")


def test_sure_lines_are_booked_at_once_and_others_ignored(panel):
    for n in range(3):
        make_invoice(make_customer(name=f"Person {n}"), 1000 + n)
    here = read_in(
        panel, *(f"2026-11-20,P{n},,INV-{n + 1},10.0{n}" for n in range(3)), "2026-11-21,Bank,,Interest,1.11"
    )
    assert (
        "3 lines booked" in panel.post(f"{HERE}sure/", data={"id": here.rpartition("=")[2]}, follow_redirects=True).text
    )
    last = lines()[-1]
    page = get(panel, f"{HERE}line/?line={last.id}")
    form = {"line": last.id, "reason": "Private", "own": "Interest", "form_token": value(page, "form_token")}
    panel.post(f"{HERE}ignore/", data=form)
    assert [(line.state, line.reason) for line in lines()][-1] == ("ignored", "Interest")
    assert "All lines are decided about" in get(panel, f"{here}&tab=open")
    panel.post(
        f"{HERE}restore/",
        data={"line": last.id, "form_token": value(get(panel, f"{HERE}line/?line={last.id}"), "form_token")},
    )
    assert lines()[-1].state == "open"


def test_a_long_statement_is_paged_in_few_statements_and_exported_whole(panel):
    rows = [f"2026-11-20,=cmd(),,text {n},{n + 1}.00" for n in range(45)]
    here = read_in(panel, *rows)
    with spoken() as seen:
        page = get(panel, here)
    assert len(seen) <= 15, "\n".join(seen)
    following = re.search(r'rel="next" href="([^"]+)"', page)[1].replace("&amp;", "&")
    assert page.count('class="bank-amount') == 30 and get(panel, following).count('class="bank-amount') == 15
    _head, *exported = csv.reader(io.StringIO(panel.get(f"{HERE}lines/?id={here.rpartition('=')[2]}").text))
    assert len(exported) == 45 and exported[0][4] == "'=cmd()"


def test_who_may_only_look_books_nothing(client):
    make_company()
    make_invoice(make_customer(), 4900)
    sign_in(client)
    here = read_in(client, "2026-11-20,Doyle,,INV-1,49.00")
    line = lines()[0].id
    make_role("reader", "payments.view")
    sign_in(client, "reader")
    page = get(client, here)
    assert "exactly what is open" in page and "confirm" not in page and "Book 1" not in page
    for door in ("confirm/", "sure/", "book/", "ignore/", "restore/", "take-back/", "discard/", "look-again/"):
        answer = client.post(f"{HERE}{door}", data={"line": line, "id": here.rpartition("=")[2], "customer": 1})
        assert answer.status_code in (302, 403), door
    assert lines()[0].state == "open" and not db.session.query(Payment).count()
    for url in ("line/?line=999", "details/?id=999", "lines/?id=x"):
        get(client, f"{HERE}{url}", 404)
