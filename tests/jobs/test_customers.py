"""`flask customers import` and `export`, as somebody at a terminal meets them."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from conftest import Backend
from factories import make_customer
from flask import Flask
from sqlalchemy import func, select, text

from billing.csv_cells import undefuse
from models import AuditEvent, Customer, PaymentMethod, Run, RunState, Service, ServiceStatus, db

ROOT = Path(__file__).resolve().parent.parent.parent
TELCO = (ROOT / "examples/telco-customers.csv", ROOT / "examples/telco.toml")
MAPPING = """
source = "shop"
[customer]
external_id = "{No}"
name = "{Name}"
email = "{Mail}"
currency = "EUR"
[service]
package = "DSL"
price = { column = "Price" }
started_on = 2026-01-01
next_renewal_on = 2026-12-01
"""
HEADER = "No,Name,Mail,Price\n"
GOOD = HEADER + "1,Ann,ann@mail.example,10.00\n2,Bob,bob@mail.example,20\n"


def flask(app: Flask, *words: Any) -> Result:
    return app.test_cli_runner().invoke(args=["customers", *map(str, words)])


def figures() -> list[int]:
    query = select(func.count(), func.sum(Service.price_minor)).where(
        Service.status == ServiceStatus.ACTIVE, Service.ends_on.is_(None)
    )
    return [int(figure) for figure in db.session.execute(query).one()]


def test_the_telco_customers_arrive_once(app: Flask) -> None:
    first = flask(app, "import", TELCO[0], "--mapping", TELCO[1])
    assert first.exit_code == 0, first.output
    assert first.stdout == "7,043 customers: 7,043 new, 0 changed, 0 unchanged; 7,043 services\n"
    assert figures() == [5174, 31698575]
    contracts = text(
        "SELECT t.name, count(*) FROM customer c JOIN contract_type t ON t.id = contract_type_id GROUP BY 1"
    )
    found = dict(db.session.execute(contracts).all())
    assert found == {"Month-to-month": 3875, "One year": 1473, "Two year": 1695}
    paying = select(func.count()).where(Customer.payment_method == PaymentMethod.CARD)
    assert db.session.scalar(paying) == 1522
    one = db.session.scalar(select(Customer).where(Customer.external_id == "7590-VHVEG"))
    assert (one.name, one.email) == ("Customer 7590-VHVEG", "7590-VHVEG@telco.example")
    assert (one.currency, one.service_count, one.tax_exempt) == ("USD", 1, True)
    service = db.session.scalar(select(Service).where(Service.customer_id == one.id))
    assert (service.package.name, str(service.price)) == ("DSL", "29.85 USD")
    assert (service.started_on, service.anchor_day) == (date(2026, 11, 1), 1)
    assert service.billed_from == service.next_renewal_on == date(2026, 12, 1)
    assert {(option.name, option.price_minor) for option in service.options} == {("Online backup", 0)}
    db.session.rollback()
    again = flask(app, "import", TELCO[0], "--mapping", TELCO[1], "--json")
    assert json.loads(again.stdout) | {"seconds": 0} == {
        "customers": 7043, "new": 0, "changed": 0, "unchanged": 7043, "services": 7043, "rejected": 0,
        "problems": 0, "dry_run": False, "written": True, "seconds": 0,
    }  # fmt: skip
    assert figures() == [5174, 31698575]


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[str]]:
    """Write a table and its mapping; returns the words of the command that imports them."""

    def files(content: bytes | str, mapping: str = MAPPING) -> list[str]:
        (tmp_path / "map.toml").write_text(mapping)
        (tmp_path / "table.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return ["import", str(tmp_path / "table.csv"), "--mapping", str(tmp_path / "map.toml")]

    return files


def stored() -> tuple[int, ...]:
    """How many rows each table holds that an import fills."""
    db.session.rollback()
    return tuple(
        db.session.scalar(select(func.count()).select_from(table)) for table in (Customer, Service, AuditEvent, Run)
    )


def test_one_bad_row_and_nothing_is_imported(app: Flask, files: Any, tmp_path: Path) -> None:
    words = files(GOOD + "3,Cy,cy@mail.example,-5\n")
    done = flask(app, *words)
    assert (done.exit_code, done.stdout, stored()) == (1, "", (0, 0, 0, 0))
    assert done.stderr.splitlines() == [
        "line 4, Price: “-5” is below zero. A price cannot be negative.",
        "1 of 3 rows have problems. Nothing was imported; correct them, or add --good-rows-only.",
    ]


def test_good_rows_only_imports_the_others(app: Flask, files: Any) -> None:
    words = files(GOOD + "3,Cy,cy,5\n")
    done = flask(app, *words, "--good-rows-only")
    assert done.exit_code == 0
    assert done.stdout == "2 customers: 2 new, 0 changed, 0 unchanged; 2 services\n"
    assert done.stderr.splitlines()[-1] == "1 of 3 rows have problems and were left out."
    run = db.session.scalars(select(Run)).one()
    assert (run.kind, run.state, run.done, run.total) == ("import", RunState.FINISHED, 3, 3)
    assert run.counts == {"customers": 2, "new": 2, "changed": 0, "unchanged": 0, "services": 2, "rejected": 1}


def test_a_dry_run_tells_and_writes_nothing(app: Flask, files: Any) -> None:
    done = flask(app, *files(GOOD), "--dry-run")
    assert (done.exit_code, stored()) == (0, (0, 0, 0, 0))
    assert done.stdout.splitlines() == [
        "2 customers: 2 new, 0 changed, 0 unchanged; 2 services",
        "This was a dry run: nothing was written.",
    ]


def test_the_first_problems_are_shown_and_all_are_in_the_report(app: Flask, files: Any, tmp_path: Path) -> None:
    bad = "".join(f"{n},=x{n},nobody,1\n" for n in range(30))
    report = tmp_path / "report.csv"
    done = flask(app, *files(HEADER + bad), "--report", report, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) | {"seconds": 0} == {
        "customers": 0, "new": 0, "changed": 0, "unchanged": 0, "services": 0, "rejected": 30,
        "problems": 30, "dry_run": False, "written": False, "seconds": 0,
    }  # fmt: skip
    shown = done.stderr.splitlines()
    assert shown[0].startswith("line 2, Mail: “nobody” is not") and shown[20:] == ["and 10 more problems."]
    with report.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "column", "problem"]
    assert [row[0] for row in rows[1:]] == [str(n) for n in range(2, 32)]


def test_what_a_file_says_cannot_move_the_cursor(app: Flask, files: Any) -> None:
    done = flask(app, *files(HEADER + "1,Ann,a\x1b[2Ja,1\n"))
    assert done.exit_code == 1 and "\x1b" not in done.output
    assert "\x1b" not in flask(app, *files("N\x1b[2J,b\n1,2\n")).output


@pytest.mark.parametrize(
    ("content", "mapping", "words"),
    [
        (b"", MAPPING, "table.csv is empty"),
        (b"\x89PNG\x00\x01\x02", MAPPING, "table.csv is not a text file"),
        (b"1,Ann,ann@mail.example,10\n", MAPPING, "The mapping uses the column “No”, which the file does not have"),
        (b"No,Name,Mail,No\n1,2,3,4\n", MAPPING, "names the column “No” twice"),
        (GOOD.encode() + b'3,"Cy', MAPPING, 'table.csv, line 4: a quotation mark (") is opened and never closed'),
        (GOOD.encode() + b"3," + b"x" * 1_000_000 + b",m,1\n", MAPPING, "table.csv, line 4: "),
        (GOOD, MAPPING + 'colour = "red"', "[service] has no field called “colour”"),
        (GOOD, "source = [", "map.toml is not a TOML file"),
        (GOOD, MAPPING.replace("EUR", "EURO"), "map.toml: [customer] currency: “EURO” is not a currency"),
    ],
)
def test_a_hopeless_file_is_one_line_and_writes_nothing(
    app: Flask, files: Any, content: bytes | str, mapping: str, words: str
) -> None:
    for mode in ([], ["--good-rows-only"], ["--dry-run"]):
        done = flask(app, *files(content, mapping), *mode)
        assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert words in done.stderr and stored() == (0, 0, 0, 0)


def test_files_that_are_not_there_are_named(app: Flask, files: Any, tmp_path: Path) -> None:
    words = files(GOOD)
    for index in (1, 3):
        wrong = words[:index] + [str(tmp_path / "missing")] + words[index + 1 :]
        done = flask(app, *wrong)
        assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
        assert "missing cannot be used: No such file or directory." in done.stderr


def test_the_address_of_another_customer_is_refused(app: Flask, files: Any) -> None:
    make_customer(name="Bobby", email="bob@mail.example")
    db.session.commit()
    done = flask(app, *files(GOOD))
    assert done.exit_code == 1 and "line 3, Mail: the customer “Bobby” has this e-mail address already" in done.stderr
    assert stored() == (1, 0, 0, 0)


# F32: a large file with bad rows, killed half-way, run again.
ROWS, BAD_EVERY = 8_000, 160


def large_file() -> str:
    lines = [
        f"{n},C{n},{'none' if n % BAD_EVERY == 0 else f'c{n}@mail.example'},{n % 90}.50\n" for n in range(1, ROWS + 1)
    ]
    return HEADER + "".join(lines)


def kill_half_way(url: str, words: list[str], percent: int = 30) -> None:
    """Run the command on a terminal and kill -9 it as soon as its bar says that so much has been written."""
    watching, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "customers", *words], cwd=ROOT, env=os.environ | {"DATABASE_URL": url},
        stderr=terminal, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(terminal)
    seen = ""
    try:
        while True:
            seen += os.read(watching, 4096).decode(errors="replace")
            shown = re.findall(r"(\d+)%", seen.partition("Importing")[2])
            if shown and percent <= int(shown[-1]) < 100:
                return
    except OSError:
        pytest.fail(f"the import ended before it could be killed: {seen[-300:]}")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(watching)


def test_killed_half_way_all_or_nothing_is_nothing(app: Flask, backend: Backend, files: Any) -> None:
    words = files(re.sub(r"(\d+),C\d+,none", r"\1,C\1,c\1@mail.example", large_file()))
    kill_half_way(backend.url, words)
    assert stored() == (0, 0, 0, 0)
    done = flask(app, *words)
    assert done.stdout == f"{ROWS:,} customers: {ROWS:,} new, 0 changed, 0 unchanged; {ROWS:,} services\n"


def test_killed_half_way_good_rows_are_finished_by_the_next_start(app: Flask, backend: Backend, files: Any) -> None:
    words, good = [*files(large_file()), "--good-rows-only"], ROWS - ROWS // BAD_EVERY
    kill_half_way(backend.url, words)
    kept = stored()[0]
    assert 0 < kept < good and kept % 1000 == 0
    done = flask(app, *words)
    assert done.stdout == f"{good:,} customers: {good - kept:,} new, 0 changed, {kept:,} unchanged; {good:,} services\n"
    assert stored()[:2] == (good, good)
    assert db.session.scalar(select(func.count(func.distinct(Customer.external_id)))) == good
    states = db.session.scalars(select(Run.state).order_by(Run.id)).all()
    assert states == [RunState.STOPPED, RunState.FINISHED]


def test_the_export_is_a_whole_safe_table(app: Flask, tmp_path: Path) -> None:
    make_customer(name="=1+1", email="a@mail.example", balance_minor=-1250, about="two\nlines")
    make_customer(name="Zoë", email="z@mail.example", currency="JPY", balance_minor=500)
    db.session.commit()
    out = tmp_path / "all.csv"
    out.write_text("older")
    done = flask(app, "export", "--out", out)
    assert (done.exit_code, done.stdout) == (0, "")
    with out.open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file, strict=True)
    assert (first["name"], undefuse(first["name"]), first["balance"]) == ("'=1+1", "=1+1", "-12.50")
    assert (second["name"], second["balance"], second["about"], first["about"]) == ("Zoë", "500", "", "two\nlines")
    again = flask(app, "export")
    assert again.stdout == out.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [out]


def test_an_export_that_cannot_be_written_leaves_the_older_one(app: Flask, tmp_path: Path) -> None:
    done = flask(app, "export", "--out", tmp_path / "no" / "such" / "all.csv")
    assert done.exit_code == 1 and "cannot be used: No such file or directory" in done.stderr
    assert list(tmp_path.iterdir()) == []
