"""All customers as a CSV file: python -m bench.export --n 1000000 --db sqlite

The file is asked for by a signed-in browser and thrown away as it arrives. `limit_seconds` is a bare csv.writer over a
cursor of the driver that reads the same columns of the same database, in batches of the same size; the issue allows
twice that, so `ratio` is to stay above 0.5. `first_byte` is when the first bytes are there. Each number is measured in
a process of its own, so that `peak_mb` is the export's alone; beside it stands what 1,000 rows took.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

from flask_migrate import upgrade
from sqlalchemy import create_engine

from app import create_app
from bench.customers_list import DIALECTS, fill, new_database, server
from bench.report import line, peak_mb
from models import Company, Customer, db
from models.engine import reading
from tests.signing_in import Browser, sign_in

SMALL = 1_000
TIMES = 3
BATCH = 2_000
EXPORT = "/admin/customer/export/csv/"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--n", type=int, default=1_000_000)
    arguments.add_argument("--db", choices=list(DIALECTS), default="sqlite")
    arguments.add_argument("--measure", nargs=2, metavar=("WHAT", "URL"), help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.measure:
        print(json.dumps(MEASURES[chosen.measure[0]](chosen.measure[1])))
        return
    with ExitStack() as stack:
        where = stack.enter_context(server(chosen.db))
        files = stack.enter_context(tempfile.TemporaryDirectory())
        made = {n: make(where, n, files) for n in sorted({SMALL, chosen.n})}
        small = measured("export", made[SMALL])
        bare, ours = take_turns(made[chosen.n])
        line(
            case="export", db=chosen.db, n=chosen.n, seconds=ours["seconds"], limit_seconds=bare["seconds"],
            peak_mb=ours["peak_mb"], peak_mb_small=small["peak_mb"], first_byte=ours["first_byte"],
            bytes=ours["bytes"], bare_bytes=bare["bytes"],
        )  # fmt: skip


def take_turns(url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Bare and ours, one after the other and three times round: a busy moment hits both. The median of each."""
    bare, ours = [], []
    for _time in range(TIMES):
        bare.append(measured("bare", url))
        ours.append(measured("export", url))
    middle = TIMES // 2
    return tuple(sorted(found, key=lambda one: one["seconds"])[middle] for found in (bare, ours))  # type: ignore[return-value]


def measured(what: str, url: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.export", "--measure", what, url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def panel(url: str, files: str) -> Any:
    app = create_app({"SQLALCHEMY_DATABASE_URI": url, "FILES_DIR": files, "TESTING": True, "PASSWORD_COST": 1})
    app.test_client_class = Browser
    return app


def make(where: str, n: int, files: str) -> str:
    url = new_database(where, f"bench_export_{n}")
    with panel(url, files).app_context():
        upgrade()
        fill(n)
        db.session.add(Company(id=1, name="Bench", currency="EUR", country="IE"))
        db.session.commit()
        db.engine.dispose()
    return url


def export(url: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as files:
        app = panel(url, files)
        with app.app_context():
            client = app.test_client()
            sign_in(client)
            client.get("/admin/customer/?search=nobody")  # what any page loads once
            began = perf_counter()
            answer = client.get(EXPORT, buffered=False)
            size, first = 0, None
            for part in answer.response:
                first = first or perf_counter() - began
                size += len(part)
            seconds = perf_counter() - began
            answer.close()
            db.engine.dispose()
    return {"seconds": seconds, "first_byte": round(first or 0, 4), "bytes": size, "peak_mb": peak_mb()}


def bare(url: str) -> dict[str, Any]:
    """The same columns of the same rows, as the driver gives them."""
    engine = create_engine(url)
    names = ", ".join(column.name for column in exported_columns())
    statement = f"SELECT {names} FROM customer ORDER BY id DESC"  # noqa: S608 names of our own columns
    connection: Any = engine.raw_connection()
    began = perf_counter()
    with tempfile.TemporaryDirectory() as folder, reading():
        path = Path(folder) / "bare.csv"
        cursor = connection.cursor() if url.startswith("sqlite") else connection.driver_connection.cursor("bare")
        cursor.execute(statement)
        with path.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            while rows := cursor.fetchmany(BATCH):
                writer.writerows(rows)
        seconds = perf_counter() - began
        size = path.stat().st_size
    return {"seconds": seconds, "bytes": size, "peak_mb": peak_mb()}


def exported_columns() -> list[Any]:
    """The stored columns behind the file, each once."""
    from admin.customers.views import CustomerView

    known = Customer.__table__.c
    names = [f"{name}_minor" if f"{name}_minor" in known else name for name in CustomerView.column_export_list]
    return [known[name] for name in (*names, "currency")]


MEASURES = {"export": export, "bare": bare}

if __name__ == "__main__":
    main()
