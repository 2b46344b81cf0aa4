"""The list as a file: everything that matches, in its order, harmless in a spreadsheet, and readable again exactly."""

from __future__ import annotations

import csv
import io
from datetime import date

from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from statements import spoken

from admin import export
from billing.csv_cells import undefuse
from billing.import_files import CsvFile
from models import Customer, db

URL = "/admin/people/export/csv/"
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)


def rows_of(answer) -> list[list[str]]:
    assert answer.status_code == 200 and answer.mimetype == "text/csv"
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def test_everything_that_matches_in_the_order_of_the_list(owner, people, add_people):
    people.page_size = 5
    add_people(
        {"name": f"Fibre {i:02}" if i % 2 else "x", "balance_minor": i * 10, "ends_on": date(2026, 5, i + 1)}
        for i in range(20)
    )
    add_people([{"name": "Fibre blank", "currency": "JPY", "balance_minor": 7}])
    answer = owner.get(f"{URL}?search=fibre&sort=-ends_on")
    head, *rows = rows_of(answer)
    assert head == ["Id", "Name", "E-mail", "Joined", "Ends On", "Balance", "Currency", "Status"]
    assert [row[1] for row in rows] == [f"Fibre {i:02}" for i in range(19, 0, -2)] + ["Fibre blank"]
    assert rows[0][3:] == ["2026-01-01", "2026-05-20", "1.90", "EUR", "active"]
    assert rows[-1][3:] == ["2026-01-01", "", "7", "JPY", "active"]
    assert 'filename="people-2026-11-22.csv"' in answer.headers["Content-Disposition"]


@how(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(
        texts | st.sampled_from(["=1+1", "'=1", "''x", "-2", "\t@x", "＝1", 'a,b\n"c']), min_size=1, max_size=5
    )
)
def test_any_text_comes_back_exactly_and_starts_no_formula(owner, people, names):
    db.session.query(Customer).delete()
    known = {"currency": "EUR", "country": "IE", "registered_on": date(2026, 1, 1), "email": "a@b.example"}
    db.session.add_all(Customer(name=name, **known) for name in names)
    cells = [row[1] for row in rows_of(owner.get(f"{URL}?sort=id"))[1:]]
    assert [undefuse(cell) for cell in cells] == names
    assert not any(
        cell.lstrip(" \ufeff\u200b").startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋")) for cell in cells
    )


LEADS = st.sampled_from(["=", "+", "-", "@", "\t", "\r", "'", "''", " =", "＝", "\ufeff", ";", '"', "\n", ","])


@how(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.builds(str.__add__, LEADS, texts) | LEADS | texts, min_size=1, max_size=4))
def test_what_was_exported_is_imported_as_it_was(owner, people, tmp_path, names):
    """The importing reader finds delimiter and encoding by itself and gives every text back (S06)."""
    db.session.query(Customer).delete()
    known = {"currency": "EUR", "country": "IE", "registered_on": date(2026, 1, 1), "email": "a@b.example"}
    db.session.add_all(Customer(name=name, **known) for name in names)
    file = tmp_path / "export.csv"
    file.write_bytes(owner.get(f"{URL}?sort=id").data)
    with CsvFile(file) as read:
        assert read.header[:3] == ["Id", "Name", "E-mail"]
        assert [(cells[1], cells[2]) for _line, cells in read.rows()] == [(name, "a@b.example") for name in names]


def test_an_amount_below_zero_stays_a_number(owner, people, add_people):
    add_people([{"name": "-1250", "balance_minor": -1250}])
    row = rows_of(owner.get(URL))[1]
    assert (row[1], row[5:7]) == ("'-1250", ["-12.50", "EUR"])


def test_the_file_leaves_row_by_row(owner, people, add_people, monkeypatch):
    """The first rows go out before the last are read, on a connection of their own, in one statement."""
    monkeypatch.setattr(export, "BATCH", 10)
    add_people({} for _ in range(35))
    with spoken() as said:
        answer = owner.get(URL, buffered=False)
        parts = [next(answer.response) for _ in range(3)]
        assert parts[0].decode("utf-8-sig").startswith("Id,Name") and parts[1].count(b"\r\n") == 10
        assert sum(part.count(b"\r\n") for part in [*parts, *answer.response]) == 36
    assert sum("FROM customer" in one for one in said) == 1
    answer.close()


def test_who_may_not_export_gets_nothing(owner, people, monkeypatch):
    monkeypatch.setattr(people, "can_export", False)
    assert owner.get(URL).status_code == 404
    monkeypatch.setattr(people, "can_export", True)
    assert owner.get("/admin/people/export/xlsx/").status_code == 404
