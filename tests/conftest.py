"""One app per database for the whole run; every test that asks for `app` starts with empty tables.

To keep the run short:
- `sign_in` and `staff_client` open a session without the form, `Browser.post` brings its token without a page.
- The small demo company comes from `worlds.small_company`: made once a run and database, copied for everybody else.
- A process that is to be killed is a `forked.Forked`; `processes` starts commands the way people do, which takes long.
- A file whose tests take long belongs into LONG, so that no worker begins with it when the other one is done.
- Rules run on both databases. What stands above them (pages, mails, the browser) runs on one, half of the tests on
  each, as their names have it or as `@pytest.mark.database("sqlite")` says; with TEST_BOTH=1 all run on both.
- The databases lie in memory where the machine has a file system for that: it is not the disk that is tested.
Rows, files and settings that a test leaves behind are gone before the next one begins.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import databases
import psycopg
import pytest
from flask import Flask
from flask_migrate import upgrade
from signing_in import Browser, sign_in
from sqlalchemy import text

from app import create_app
from billing.actor import Actor, system
from models import db

LONG = (
    "security/test_forms.py", "security/test_doors.py", "security/test_looking.py", "security/test_addresses.py",
    "jobs/test_demo.py", "browser/test_accessibility.py", "test_start.py", "security/test_portal.py",
)  # fmt: skip
EVERYTHING = bool(os.environ.get("CI") or os.environ.get("TEST_EVERYTHING"))
DATABASES = ("sqlite", "postgresql")
ON_BOTH = (
    "tests/billing/", "tests/models/", "tests/integrations/", "tests/jobs/test_bulk",
    "tests/jobs/test_renewals", "tests/jobs/test_dunning", "tests/jobs/test_package_changes", "tests/jobs/test_doctor",
    "tests/jobs/test_cards", "tests/jobs/test_deliveries",
    "tests/security/test_races", "tests/security/test_money_races",
    "tests/security/test_all_or_nothing",
)  # fmt: skip
IN_MEMORY = Path("/dev/shm")
ROOM_NEEDED = 4 * 1024**3


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "database(name): the one database a test runs on unless TEST_BOTH is set")
    if "TMPDIR" not in os.environ and os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ROOM_NEEDED:
        os.environ["TMPDIR"] = str(IN_MEMORY)
        tempfile.tempdir = None
    gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest comes first: workers that end with short tests end together."""
    if not os.environ.get("TEST_BOTH"):
        left = [item for item in items if not on_its_database(item)]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]
    items.sort(key=lambda item: not str(item.path).endswith(LONG))


def on_its_database(item: pytest.Item) -> bool:
    """Whether the test is asked for on this database."""
    own = getattr(item, "callspec", None) and item.callspec.params.get("backend")  # type: ignore[attr-defined]
    marked = item.get_closest_marker("database")
    if own and marked:
        return bool(own == marked.args[0])
    return not own or item.nodeid.startswith(ON_BOTH) or own == DATABASES[zlib.crc32(item.originalname.encode()) % 2]


def pytest_collection_finish() -> None:
    """The program and thousands of tests stay until the end: looking through them for garbage is of no use."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 20, 50)


def leave_out(reason: str) -> None:
    """Skip, saying why; in CI nothing may be left out, so fail."""
    if EVERYTHING:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class Clock:
    """The app's clock, set by tests."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def set(self, day: date, hour: int = 9) -> None:
        self.now = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    try:
        with databases.postgresql() as address:
            yield address
    except databases.Unavailable as reason:
        leave_out(f"{reason}: these tests ran on SQLite only")


@dataclass
class Backend:
    """A migrated database that the tests may fill and empty."""

    name: str
    url: str


@pytest.fixture(scope="session")
def apps() -> Iterator[dict[str, Flask]]:
    """The app of each database, kept when the tests go from one to the other and back."""
    made: dict[str, Flask] = {}
    yield made
    for app in made.values():
        with app.app_context():
            db.engine.dispose()


@pytest.fixture(scope="session", params=DATABASES)
def backend(
    request: pytest.FixtureRequest, apps: dict[str, Flask], tmp_path_factory: pytest.TempPathFactory
) -> Backend:
    if request.param in apps:
        url = apps[request.param].config["SQLALCHEMY_DATABASE_URI"]
    elif request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'test.sqlite3'}"
    else:
        url = new_postgresql(request.getfixturevalue("postgresql_server"), f"test_{os.getpid()}")
    return Backend(request.param, url)


def new_postgresql(address: str, name: str) -> str:
    """Make an empty database on the server and return its address."""
    with psycopg.connect(address.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{address}/{name}"


@pytest.fixture
def empty_database(backend: Backend, tmp_path: object, request: pytest.FixtureRequest) -> str:
    """The address of a database with nothing in it at all, for tests that start commands of their own."""
    if backend.name == "sqlite":
        return f"sqlite:///{tmp_path}/own.sqlite3"
    return new_postgresql(request.getfixturevalue("postgresql_server"), f"own_{os.getpid()}")


def settings(url: str, files: object) -> dict[str, object]:
    return {
        "TESTING": True,
        "SECRET_KEY": "a key for tests only, long enough to be strong 0123456789",
        "SQLALCHEMY_DATABASE_URI": url,
        "FILES_DIR": str(files),
        # All statements of the program go through one process here.
        "SQLALCHEMY_ENGINE_OPTIONS": {"pool_pre_ping": True, "query_cache_size": 5000},
        "PASSWORD_COST": 1,
        "FIGURES_KEPT": 0,
        "CLOCK": Clock(),
        "MAIL_SERVER": "",
    }


@pytest.fixture(scope="session")
def migrated_app(backend: Backend, apps: dict[str, Flask], tmp_path_factory: pytest.TempPathFactory) -> Flask:
    if backend.name not in apps:
        app = create_app(settings(backend.url, tmp_path_factory.mktemp("files")))
        app.test_client_class = Browser
        with app.app_context():
            upgrade()
        app.extensions["settings_of_tests"] = dict(app.config)
        apps[backend.name] = app
    return apps[backend.name]


@pytest.fixture
def app(migrated_app: Flask) -> Iterator[Flask]:
    """An app whose database is empty, with its context pushed."""
    migrated_app.config.clear()
    migrated_app.config.update(migrated_app.extensions["settings_of_tests"])
    migrated_app.clock.__init__()
    migrated_app.extensions.pop("wrong_links", None)
    shutil.rmtree(migrated_app.config["FILES_DIR"], ignore_errors=True)
    with migrated_app.app_context():
        yield migrated_app
        db.session.remove()
        empty_all_tables()


def empty_all_tables() -> None:
    """Children first, only those that hold something. On PostgreSQL too: TRUNCATE takes longer, by a tenth of a second
    a test, as it makes new files for each table and index."""
    tables = list(reversed(db.metadata.sorted_tables))
    with db.engine.begin() as connection:
        filled = " UNION ALL ".join(f"SELECT '{t.name}' WHERE EXISTS (SELECT 1 FROM {t.name})" for t in tables)
        names = set(connection.execute(text(filled)).scalars())
        for table in tables:
            if table.name in names:
                connection.execute(table.delete())


@pytest.fixture
def clock(app: Flask) -> Clock:
    return app.clock


@pytest.fixture
def by(clock: Clock) -> Actor:
    """The system itself, acting at the test clock's moment."""
    return system(clock(), clock().date())


@pytest.fixture
def client(app: Flask) -> Browser:
    """A browser of somebody who is not signed in."""
    return app.test_client()  # type: ignore[return-value]


@pytest.fixture
def staff_client(client: Browser) -> Browser:
    """A browser in which an owner is signed in."""
    sign_in(client)
    return client
