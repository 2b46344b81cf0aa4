"""`flask start`, as `make run` calls it: from nothing to a panel that answers, and every way it can be refused."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from pathlib import Path

import pytest
from processes import Process, flask, run_flask
from sqlalchemy import create_engine, inspect, text

from web.config import ConfigError, secret_key


@pytest.fixture
def settings(empty_database: str, tmp_path: Path) -> dict[str, str]:
    """A new installation on any free port, without the demo company."""
    return {"DATABASE_URL": empty_database, "PORT": "0", "DEMO": "0", "FILES_DIR": str(tmp_path / "files")}


def ready(process: Process) -> str:
    """The address the process answers on."""
    return process.wait_for("Tillbook is ready").split()[3].removesuffix("/admin/")


def health(address: str) -> dict[str, str]:
    with urllib.request.urlopen(f"{address}/healthz", timeout=30) as answer:
        found: dict[str, str] = json.load(answer)
    return found


def rows(url: str) -> dict[str, list[str]]:
    """Everything in the database but who leads."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            tables = set(inspect(connection).get_table_names()) - {"lease"}
            found = {name: sorted(map(repr, connection.execute(text(f"SELECT * FROM {name}")))) for name in tables}
    finally:
        engine.dispose()
    return found


def test_from_nothing_to_a_panel_and_again_without_a_trace(settings: dict[str, str]) -> None:
    with flask("start", **settings) as first:
        setup = first.wait_for("/setup").split()[6]
        address = ready(first)
        assert setup == f"{address}/setup"
        assert health(address) == {"status": "ok", "database": "ok", "schema": "ok"}
        with urllib.request.urlopen(setup, timeout=30) as page:
            assert b"Company name" in page.read()
        assert first.stop(signal.SIGTERM) == 0
        first.wait_for("Tillbook has stopped")
    before = rows(settings["DATABASE_URL"])
    with flask("start", **settings) as second:
        assert health(ready(second))["status"] == "ok"
        assert second.stop(signal.SIGINT) == 0
    assert rows(settings["DATABASE_URL"]) == before


def test_after_a_kill_it_starts_again(settings: dict[str, str]) -> None:
    for _ in range(2):
        with flask("start", **settings) as process:
            assert health(ready(process))["status"] == "ok"
            assert process.stop(signal.SIGKILL) == -signal.SIGKILL


def test_two_that_start_together_make_the_tables_once(settings: dict[str, str]) -> None:
    with flask("start", **settings) as one, flask("start", **settings) as other:
        assert health(ready(one)) == health(ready(other)) == {"status": "ok", "database": "ok", "schema": "ok"}


def test_a_port_in_use_is_one_line_and_nothing_is_written(settings: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_flask("start", **settings | {"PORT": str(port)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"Error: Port {port} is in use. Stop the program that uses it (is Tillbook running already?), "
        f"or choose another one: make run PORT={port + 1}\n"
    )
    assert rows(settings["DATABASE_URL"]) == {}


def test_a_database_of_a_newer_tillbook_is_left_alone(settings: dict[str, str]) -> None:
    assert run_flask("db", "upgrade", **settings).returncode == 0
    engine = create_engine(settings["DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    before = rows(settings["DATABASE_URL"])
    done = run_flask("start", **settings)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: This database belongs to a newer Tillbook (version 9999 is unknown here).")
    assert done.stderr.count("\n") == 1
    assert rows(settings["DATABASE_URL"]) == before


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL cannot be read."),
        ({"DATABASE_URL": "mysql://host/base"}, "DATABASE_URL asks for mysql;"),
        ({"DATABASE_URL": "sqlite:////no/such/folder/x.sqlite3"}, "The folder /no/such/folder for the database"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, "The database cannot be reached."),
        ({"SECRET_KEY": "changeme"}, "SECRET_KEY is too easy to guess."),
        ({"PORT": "http"}, "PORT must be a whole number, not 'http'."),
        ({"PORT": "99999"}, "There is no port 99999."),
    ],
)
def test_a_wrong_setting_is_one_line(wrong: dict[str, str], words: str, tmp_path: Path) -> None:
    done = run_flask("start", **{"DATABASE_URL": f"sqlite:///{tmp_path}/x.sqlite3", "PORT": "0"} | wrong)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: {words}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "command", [[], ["--help"], ["db", "upgrade"], ["routes"], ["run"], ["jobs", "list"], ["no-such-command"]]
)
def test_every_command_says_a_wrong_setting_in_one_line(command: list[str]) -> None:
    done = run_flask(*command, SECRET_KEY="dev")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: SECRET_KEY is too easy to guess.")
    assert done.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"The folder .*file/instance cannot be written: Not a directory"):
        secret_key(None, tmp_path / "file" / "instance")
