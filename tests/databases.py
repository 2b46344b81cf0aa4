"""A PostgreSQL server for the tests: one that is given, or a private one started for this run."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Unavailable(Exception):
    """Why there is no PostgreSQL here."""


def binaries() -> Path:
    """The folder with initdb and postgres; Debian keeps it off the path."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise Unavailable("PostgreSQL is not installed (initdb was not found)")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgresql() -> Iterator[str]:
    """The address of a server on loopback, without a database name. Stopped and removed afterwards."""
    given = os.environ.get("TEST_POSTGRESQL_URL")
    if given:
        yield given.rstrip("/")
        return
    folder = binaries()
    as_postgres = _run_as()
    data = Path(tempfile.mkdtemp(prefix="tillbook-pg-"))
    if as_postgres:
        shutil.chown(data, "postgres")
    port = free_port()

    def call(*command: str) -> None:
        done = subprocess.run([*as_postgres, *command], capture_output=True, text=True, cwd="/")
        if done.returncode:
            raise Unavailable(f"PostgreSQL did not start: {(done.stderr or done.stdout).strip()[-300:]}")

    call(
        str(folder / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C.UTF-8"
    )
    loose = "".join(f" -c {name}" for name in ("fsync=off", "full_page_writes=off"))
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data}{loose}"
    log = str(data / "log")
    call(str(folder / "pg_ctl"), "-D", str(data), "-o", options, "-l", log, "-w", "start")
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}"
    finally:
        call(str(folder / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(data, ignore_errors=True)


def _run_as() -> list[str]:
    """PostgreSQL refuses to run as root: become the postgres user then."""
    if os.geteuid() != 0:
        return []
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        raise Unavailable("PostgreSQL refuses to run as root and there is no user called postgres") from None
    return ["runuser", "-u", "postgres", "--"]
