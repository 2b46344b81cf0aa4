"""`flask renewals run`: bill what is due, from a terminal or from cron."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click
from flask.cli import AppGroup

from .commands import command_errors
from .renewals import run
from .terminal import progress_bar

renewals = AppGroup("renewals", help="Bill what is due.")
DAY = click.DateTime(formats=["%Y-%m-%d"])


@renewals.command("run")
@click.option("--on", "on", type=DAY, help="Bill everything due up to this day, YYYY-MM-DD (default: today).")
@click.option("--dry-run", is_flag=True, help="Do all of it and keep nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@command_errors
def run_renewals(on: datetime | None, dry_run: bool, as_json: bool) -> None:
    """Make one invoice per billing group for everything due. What is billed already is left alone."""
    with progress_bar("Billing") as watch:
        result = run(on.date() if on else None, dry_run=dry_run, watch=watch, waiting=_waiting)
    click.echo(json.dumps(result) if as_json else sentence(result, dry_run))


def _waiting(name: str) -> None:
    click.echo("Another run is going on; waiting for it to end.", err=True)


def sentence(result: Mapping[str, Any], dry_run: bool = False) -> str:
    totals = result.get("totals") or [{"total": result["total"], "currency": result["currency"]}]
    amount = ", ".join(f"{each['total']} {each['currency']}".strip() for each in totals)
    did = "would be made" if dry_run else "made"
    text = f"{result['on']}: {result['invoices']:,} invoices {did} for {result['customers']:,} customers, {amount}."
    aside = [f"{result[word]:,} {said}" for word, said in _ASIDE.items() if result[word]]
    return f"{text} {', '.join(aside).capitalize()}." if aside else text


_ASIDE = {"skipped": "without a bill", "parked": "set aside", "failed": "failed"}
