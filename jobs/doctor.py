"""`flask doctor`: whether everything we promise about the data holds. Changes nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from sqlalchemy import text

from billing import doctor
from billing.doctor import Finding, belongings
from billing.doctor.checks import Sample
from messaging import deliver, uploads
from models import db
from models.engine import reading

from . import card_charges, clock, schema
from .commands import command_errors, one_line


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--gateway", is_flag=True, help="Ask the card gateway too what it took that is not here.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="The same, from that day on instead of a week ago.")
@command_errors
def command(as_json: bool, gateway: bool, since: datetime | None) -> None:
    """Check that the books balance, documents are unchanged, nothing was billed twice, and more.

    Ends with exit code 1 if anything was found.
    """
    started = time.monotonic()
    findings = examine()
    if gateway or since:
        findings += elsewhere(since.replace(tzinfo=UTC) if since else None)
    seconds = time.monotonic() - started
    click.echo(_as_json(findings, seconds) if as_json else _as_text(findings, seconds))
    if findings:
        raise click.exceptions.Exit(1)


def examine() -> list[Finding]:
    """What the doctor finds now, in a transaction of its own."""
    with snapshot():
        at = clock.now()
        lying = uploads.stored_before(at - belongings.YOUNG)
        scope = doctor.Scope(at, schema=schema.wanted(), mail_leaves=mail_leaves(), uploads=lying)
        return doctor.examine(scope)


def elsewhere(since: datetime | None = None) -> list[Finding]:
    """I10: what the card gateway took or gave back and is not here, as after a restored backup (F42). Asks the gateway.
    Raises NotTold."""
    _lost, words = card_charges.lost(since)
    wrong = "at the gateway are not in the books; book them in the panel under Payments, Not in the books"
    samples = tuple(Sample(0, line) for line in words)
    return [Finding("I10", "card payments or refunds", wrong, len(words), samples)] if words else []


@contextmanager
def snapshot() -> Iterator[None]:
    """A transaction that cannot write and sees one state of everything, however long it looks; undone at the end."""
    db.session.rollback()
    with reading():
        is_sqlite = db.session.get_bind().dialect.name == "sqlite"
        if is_sqlite:
            db.session.execute(text("PRAGMA query_only=ON"))
        else:
            db.session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            # Compiling a query that runs once takes longer than running it.
            db.session.execute(text("SET LOCAL jit = off"))
        try:
            yield
        finally:
            if is_sqlite:
                db.session.execute(text("PRAGMA query_only=OFF"))
            db.session.rollback()


def mail_leaves() -> bool:
    """Whether mails can leave: before mail is set up they are meant to wait."""
    return not deliver.why_not_set_up()


def _as_json(findings: list[Finding], seconds: float) -> str:
    return json.dumps(
        {
            "findings": [finding.as_dict() for finding in findings],
            "checks": len(doctor.CHECKS),
            "seconds": round(seconds, 3),
        }
    )


def _as_text(findings: list[Finding], seconds: float) -> str:
    count = f"{len(findings)} finding{'' if len(findings) == 1 else 's'}"
    lines = [one_line(str(finding)) for finding in findings]
    return "\n".join([*lines, f"{count} ({len(doctor.CHECKS)} checks, {seconds:.2f} s)"])
