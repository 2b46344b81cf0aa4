"""Customers in and out: `flask customers import` and `flask customers export`."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click
from flask.cli import AppGroup

from billing.csv_cells import defuse
from billing.customer_export import columns, exported_rows
from billing.import_files import CsvFile
from billing.import_mapping import read_mapping
from billing.import_scratch import Scratch
from billing.imports import Import
from models import db
from models.engine import reading

from . import clock, imports
from .commands import command_errors, one_line

SHOWN = 20
PATH = click.Path(path_type=Path)

customers = AppGroup("customers", help="Import and export customers.")


@customers.command("import")
@click.argument("file", type=PATH)
@click.option("--mapping", type=PATH, required=True, help="TOML file that says which column becomes which field.")
@click.option("--dry-run", is_flag=True, help="Check everything and say what would happen; write nothing.")
@click.option("--good-rows-only", is_flag=True, help="Import the rows without problems; report the others.")
@click.option("--report", type=PATH, help="CSV file for all problems, by line and column.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@command_errors
def import_customers(
    file: Path, mapping: Path, dry_run: bool, good_rows_only: bool, report: Path | None, as_json: bool
) -> None:
    """Import customers and their services from the CSV file FILE.

    Unless --good-rows-only is given, one row with a problem means that nothing is imported.
    """
    began = time.monotonic()
    by = clock.actor("flask customers import")
    db.session.rollback()
    table = read_mapping(mapping)
    with (
        CsvFile(file, delimiter=table.delimiter, encoding=table.encoding, quote=table.quote) as source,
        Scratch() as scratch,
    ):
        work = Import(source, table, by, scratch)
        with reading(), progress("Checking", source.size) as advance:
            bad = work.check(advance)
            db.session.rollback()
        if bad:
            show_problems(scratch, report)
        refused = bool(bad) and not good_rows_only
        if not refused:
            _write(work, dry_run=dry_run, in_steps=good_rows_only)
        _tell(work, dry_run=dry_run, refused=refused, as_json=as_json, seconds=time.monotonic() - began)
    if refused:
        raise click.exceptions.Exit(1)


def _write(work: Import, *, dry_run: bool, in_steps: bool) -> None:
    with progress("Importing", work.rows) as advance:
        if dry_run:
            imports.try_out(work, advance)
        else:
            imports.write(work, in_steps=in_steps, advance=advance)


def show_problems(scratch: Scratch, report: Path | None) -> None:
    """The first ones to the terminal, all of them into the report."""
    for problem in scratch.report(SHOWN):
        click.echo(one_line(str(problem)), err=True)
    if scratch.problems > SHOWN:
        rest = f"and {scratch.problems - SHOWN:,} more problems"
        click.echo(f"{rest}." if report else f"{rest}; --report FILE writes all of them to a file.", err=True)
    if report:
        with report.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["line", "column", "problem"])
            writer.writerows([one.line, defuse(one.column), defuse(one.message)] for one in scratch.report())


def _tell(work: Import, *, dry_run: bool, refused: bool, as_json: bool, seconds: float) -> None:
    counts = work.counts
    if as_json:
        result = counts.as_dict() | {
            "problems": work.scratch.problems,
            "dry_run": dry_run,
            "written": not (dry_run or refused),
        }
        click.echo(json.dumps(result | {"seconds": round(seconds, 3)}))
        return
    rejected = f"{counts.rejected:,} of {work.rows:,} rows have problems"
    if refused:
        click.echo(f"{rejected}. Nothing was imported; correct them, or add --good-rows-only.", err=True)
        return
    click.echo(
        f"{counts.customers:,} customers: {counts.new:,} new, {counts.changed:,} changed, "
        f"{counts.unchanged:,} unchanged; {counts.services:,} services"
    )
    if counts.rejected:
        click.echo(f"{rejected} and were left out.", err=True)
    if dry_run:
        click.echo("This was a dry run: nothing was written.")


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal, if there is one; the function is told how far the work is."""
    if not sys.stderr.isatty() or not total:
        yield lambda position: None
        return
    with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
        yield lambda position: bar.update(position - bar.pos)
        bar.update(total - bar.pos)


@customers.command("export")
@click.option("--out", type=PATH, help="The file to write; without it the table goes to the terminal.")
@command_errors
def export_customers(out: Path | None) -> None:
    """Export all customers with their balances as CSV (UTF-8)."""
    db.session.rollback()
    with reading():
        if out is None:
            text = io.TextIOWrapper(sys.stdout.buffer, "utf-8", newline="")
            write_table(text)
            text.detach()
            return
        count = write_whole_file(out)
    click.echo(f"{count:,} customers written to {out}.", err=True)


def write_table(file: TextIO) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns())
    count = 0
    for rows in exported_rows():
        writer.writerows(rows)
        count += len(rows)
    file.flush()
    return count


def write_whole_file(path: Path) -> int:
    """The finished file takes the place of an older one at once: nobody ever finds half a table."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("x", encoding="utf-8", newline="") as file:
            count = write_table(file)
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count
