"""The demo company: eighteen months of a believable firm, made by the rules that bill real ones.

The story is told day by day. At night the renewals run makes the bills, by day people come, pay, call and leave.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import click
from flask import current_app
from flask.cli import with_appcontext

from billing import passwords, renewals, setup, staff
from billing.actor import system
from messaging import outbox
from models import BillingError, db
from models.engine import hurrying

from .. import clock
from .. import dunning as dunning_job
from .. import renewals as renewals_job
from ..commands import command_errors
from ..terminal import Watch, progress_bar
from . import carded, changes, collected, company, handled, leaving, lives, logins, ordered, quoted, told
from .diary import MORNING, Diary, at_night, moment
from .paying import Till
from .story import NEVER_SENT, Story

MONTHS, CUSTOMERS = 18, 360


class NotEmpty(BillingError):
    """The demo company would get mixed up with a real one."""


@dataclass(frozen=True, slots=True)
class Login:
    """How the owner signs in; the password is known nowhere else."""

    email: str
    password: str


@click.command("demo")
@click.option("--months", type=click.IntRange(1, 60), default=MONTHS, show_default=True, help="How long its past is.")
@click.option("--customers", type=click.IntRange(5, 5000), default=CUSTOMERS, show_default=True, help="How many.")
@with_appcontext
@command_errors
def command(months: int, customers: int) -> None:
    """Fill an empty database with a demo company and its past, and print the owner's password once."""
    fill_and_tell(months=months, customers=customers)


def fill_and_tell(*, months: int = MONTHS, customers: int = CUSTOMERS) -> None:
    """Fill with a progress bar, and print how to get in. Raises NotEmpty."""
    with progress_bar("Making the demo company") as watch:
        login = fill(watch, months=months, customers=customers)
    click.echo(f"The demo company is ready. {company.OWNER}, its owner, signs in with {login.email} and this password,")
    click.echo("shown only once:")
    click.echo(login.password)


def fill(watch: Watch | None = None, *, months: int = MONTHS, customers: int = CUSTOMERS) -> Login:
    """Make the company, its customers and their `months` up to now; the owner's login. Commits as it goes on.

    The same day gives the same company. Raises NotEmpty unless the database is empty. The owner's password is set
    last: nobody can sign in to half a company.
    """
    check_empty()
    db.session.rollback()
    password = passwords.generate()
    password_hash = current_app.extensions["passwords"].hash(password)
    now = clock.now()
    today = now.astimezone(ZoneInfo(company.ZONE)).date()
    first = _months_before(today, months)
    firm = company.found(first, today, system(moment(first, MORNING), first))
    db.session.commit()
    diary = Diary(today - timedelta(days=1))
    till = Till(diary)
    Story(firm, diary, till, first, today, customers)
    quoted.plan(diary, today)
    ordered.plan(diary, today)
    handled.plan(diary, today)
    lives.plan(diary, today)
    collected.plan(diary, today)
    changes.plan(diary, today)
    leaving.plan(diary, today)
    logins.plan(diary, today)
    carded.plan(diary, till, today)
    with hurrying(db.engine):
        for day in _days(first, today, watch):
            _live(firm, diary, till, day, now)
    dunning_job.run(today)
    outbox.call_off(NEVER_SENT, by=clock.actor())
    told.tell()
    staff.set_password(staff.by_email(company.EMAIL), password_hash, clock.actor())
    db.session.commit()
    return Login(company.EMAIL, password)


def check_empty() -> None:
    """Raises NotEmpty, saying why, unless nothing at all was set up yet."""
    check_whole()
    if not setup.is_open():
        raise NotEmpty("This database is in use: it has a company or customers already. The demo needs an empty one.")


def check_whole() -> None:
    """Raises NotEmpty if making the demo company broke off here; there is nobody then who could sign in."""
    owner = staff.by_email(company.EMAIL)
    if owner is None or owner.password_hash:
        return
    url = db.engine.url
    again = f"delete {url.database}" if url.get_backend_name() == "sqlite" else "empty the database"
    raise NotEmpty(f"Making the demo company was interrupted, half of it is here. To begin again, {again}.")


def _live(firm: company.Firm, diary: Diary, till: Till, day: date, now: datetime) -> None:
    """One day: the bills at night, then what people do."""
    due = renewals.next_day(day) is not None
    db.session.rollback()
    if due:
        renewals_job.run(day, by=at_night(day, now))
        till.see_new_invoices(day)
    diary.live(firm, day)
    db.session.commit()


def _days(first: date, last: date, watch: Watch | None) -> Iterator[date]:
    count = (last - first).days + 1
    for done in range(count):
        yield first + timedelta(days=done)
        if watch:
            watch(done + 1, count)


def _months_before(day: date, months: int) -> date:
    """A few days before the first of the month that many months ago."""
    index = day.year * 12 + day.month - 1 - months
    return date(index // 12, index % 12 + 1, 1) - timedelta(days=4)
