"""`flask jobs`: the scheduler as a process of its own, one job by hand, and the list of them."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from datetime import datetime
from threading import Event
from types import FrameType
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from models import BillingError

from . import schedule
from .commands import command_errors
from .lease import LeaseTaken
from .renewal_commands import DAY, sentence
from .scheduler import Worker

commands = AppGroup("jobs", help="The unattended work.")


@commands.command("list")
def list_jobs() -> None:
    """Show the jobs and when each is done."""
    width = max(len(job.name) for job in schedule.JOBS)
    when = max(len(job.when) for job in schedule.JOBS)
    for job in schedule.JOBS:
        click.echo(f"{job.name:{width}}  {job.when:{when}}  {job.does}")


@commands.command("run")
@click.argument("name")
@click.option("--on", "on", type=DAY, help="The day to work for, YYYY-MM-DD (default: today). Not for every job.")
@command_errors
def run_job(name: str, on: datetime | None) -> None:
    """Do the job NAME once, now, whether it is due or not."""
    job = schedule.named(name)
    if on and not job.takes_day:
        raise NoDay(f"The job {job.name} works by the moment; leave out --on.")
    try:
        counts = schedule.carry_out(job, on.date() if on else None)
    except LeaseTaken:
        raise Busy(
            f"The job {job.name} is being done by another process just now. Try again when it has ended."
        ) from None
    click.echo(sentence(counts) if job.name == "renewals" else f"{job.name}: {_figures(counts)}.")


class NoDay(BillingError):
    """A day was given to a job that has no use for it."""


class Busy(BillingError):
    """Another process is at it."""


def _figures(counts: Mapping[str, Any]) -> str:
    done = [
        f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items() if isinstance(number, int) and number
    ]
    trouble = [str(counts["error"]).rstrip(".")] if counts.get("error") else []
    return ", ".join(done + trouble) or "nothing to do"


@commands.command("scheduler")
@command_errors
def scheduler() -> None:
    """Do all jobs when they are due, until Ctrl-C. Of several such processes one works, the others stand by."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    told = Event()

    def leave(number: int, frame: FrameType | None) -> None:
        told.set()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    worker = Worker(app)
    worker.start()
    click.echo("The scheduler works." if worker.leads() else "Another scheduler works; this one stands by.")
    told.wait()
    worker.stop()
    click.echo("The scheduler has stopped.")
