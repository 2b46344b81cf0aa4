"""The unattended jobs: what each is, when it is looked at, and how it is carried out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy.exc import DBAPIError

from billing import (
    bank_statements,
    charges,
    cleaning,
    company,
    credit_outflows,
    group_rules,
    order_expiry,
    price_changes,
    quote_answers,
)
from billing.import_store import Store
from billing.unattended import Work
from messaging import files
from models import BillingError, db

from . import (
    bank_reading,
    bulk,
    card_charges,
    cards,
    clock,
    deliveries,
    digest,
    doctor,
    dunning,
    imports,
    job_states,
    mailings,
    mass_changes,
    package_changes,
    queue,
    rates,
    renewals,
    results,
    terminations,
    texts,
    webhooks,
)
from .audit_seal import seal_audit
from .daily import Daily, only_reading
from .lease import LeaseLost, LeaseTaken
from .stopping import Stopping

log = logging.getLogger(__name__)


class UnknownJob(BillingError):
    """There is no job of this name."""


@dataclass(frozen=True)
class Job:
    """`work` does it and tells what it did; `every` is how often the scheduler looks; `daily` makes it once a day."""

    name: str
    does: str
    every: timedelta
    work: Callable[[date | None], Mapping[str, Any]]
    when: str
    daily: Daily | None = None
    takes_day: bool = False
    writes_own_rows: bool = False
    kinds: tuple[str, ...] = ()

    def described(self) -> Work:
        """What the panel knows of it; `kinds` are those of its runs, where they are others than its name."""
        known = (self.name, self.does, self.every, self.kinds or (self.name,), self.takes_day)
        if self.daily is None:
            return Work(*known)
        return Work(*known, self.daily.hour, self.daily.on, self.daily.hour_setting, self.daily.switch)


def bill(on: date | None) -> Mapping[str, Any]:
    return renewals.run(on, by=clock.actor(results.AUTHOR), wait=False)


def deliver(on: date | None) -> Mapping[str, Any]:
    counts = deliveries.run(on)
    return {name: number for name, number in counts.items() if name != "waiting"}


def deliver_texts(on: date | None) -> Mapping[str, Any]:
    counts = texts.run(on)
    return {name: number for name, number in counts.items() if name != "waiting"}


def clean(on: date | None) -> Mapping[str, Any]:
    counts = cleaning.clean(clock.now())
    db.session.commit()
    old = bank_statements.remove_old(Store(files.folder_of("bank")), clock.now())
    db.session.commit()
    return {**counts, "uploads": imports.clean() + old, "webhooks": webhooks.clean()}


def seal(on: date | None) -> Mapping[str, Any]:
    return {"sealed": seal_audit()}


def place(on: date | None) -> Mapping[str, Any]:
    moved = 0
    for n in group_rules.apply(by=clock.actor(results.AUTHOR)):
        moved += n
        db.session.commit()
    return {"moved": moved}


def change_prices(on: date | None) -> Mapping[str, Any]:
    begun = price_changes.begin_due(on or clock.today(), by=clock.actor(results.AUTHOR))
    db.session.commit()
    return {"begun": begun}


def examine(on: date | None) -> Mapping[str, Any]:
    findings = doctor.examine()
    results.found("doctor", [str(finding) for finding in findings])
    return {"findings": len(findings)}


def expire(on: date | None) -> Mapping[str, Any]:
    """Some at a time, each batch a transaction: what a process that dies leaves is done by the next."""
    by, day, expired = clock.actor(results.AUTHOR), on or clock.today(), 0
    tell = bool(company.value("tell_expired_credit"))
    while n := credit_outflows.expire(day, tell=tell, by=by):
        db.session.commit()
        expired += n
    lapsed = charges.lapse(day, by=by)
    db.session.commit()
    return {"expired": expired, "lapsed": lapsed}


def expire_quotes(on: date | None) -> Mapping[str, Any]:
    """Some hundred at a time, each a transaction."""
    by, expired = clock.actor(results.AUTHOR), 0
    for n in quote_answers.expire(on or clock.today(), by=by):
        db.session.commit()
        expired += n
    return {"expired": expired}


def expire_orders(on: date | None) -> Mapping[str, Any]:
    """Each order a transaction of its own; one that cannot be given up is told, and the others go on."""
    by = clock.actor(results.AUTHOR)
    unconfirmed = sum(_committed(order_expiry.unconfirmed(by.at, by=by)))
    unpaid = sum(_committed(order_expiry.unpaid(on or clock.today(), by=by)))
    return {"unconfirmed": unconfirmed, "unpaid": unpaid}


def _committed(steps: Iterable[int]) -> Iterator[int]:
    for n in steps:
        db.session.commit()
        yield n


RENEWALS = Daily(
    "renewals", hour=lambda company: company.renewals_hour, on=lambda company: company.renewals_on,
    hour_setting="renewals_hour", switch="renewals_on",
)  # fmt: skip
CARDS = Daily(
    "card_charges", hour=lambda seller: int(company.value("card_hour", seller)),
    on=lambda seller: bool(company.value("cards_on", seller)), hour_setting="card_hour", switch="cards_on",
)  # fmt: skip
DUNNING = Daily(
    "dunning", hour=lambda seller: int(company.value("dunning_hour", seller)),
    on=lambda seller: bool(company.value("dunning_on", seller)), hour_setting="dunning_hour", switch="dunning_on",
)  # fmt: skip
CLEANING = Daily("cleaning", hour=lambda company: 3)
CREDIT = Daily("credit", hour=lambda company: 1)
RATES = Daily(
    "rates", hour=lambda seller: 18, on=lambda seller: bool(company.value("fx_feed", seller)), switch="fx_feed"
)
QUOTES = Daily("quotes", hour=lambda company: 0)
ORDERS = Daily("orders", hour=lambda company: 5)
GROUPS = Daily("groups", hour=lambda company: 4)
DIGEST = Daily(
    "digest", hour=lambda seller: int(company.value("digest_hour", seller)),
    on=lambda seller: bool(company.value("digest_on", seller)), hour_setting="digest_hour", switch="digest_on",
)  # fmt: skip
CHANGES = Daily("changes", hour=lambda company: 0)
PRICES = Daily("prices", hour=lambda company: 0)

JOBS = (
    Job(
        "renewals", "Bill everything that is due.", timedelta(seconds=10), bill, "daily, at the hour of the settings",
        daily=RENEWALS, takes_day=True, writes_own_rows=True,
    ),
    Job(
        "queue", "Carry out runs asked for in the panel, and finish runs that were cut off.", timedelta(seconds=1),
        queue.run, "every second", writes_own_rows=True,
    ),
    Job(
        "card_charges", "Charge the saved cards of those who pay by card, and tell whose card expires.",
        timedelta(seconds=10), card_charges.run, "daily, at the hour of the settings", daily=CARDS, takes_day=True,
    ),
    Job(
        "dunning", "Remind of what is not paid, and take the further steps of the customers' plans.",
        timedelta(seconds=10), dunning.run, "daily, at the hour of the settings", daily=DUNNING, takes_day=True,
        writes_own_rows=True,
    ),
    Job(
        "imports", "Check and import the tables that were uploaded in the panel.", timedelta(seconds=1), imports.run,
        "every second", writes_own_rows=True, kinds=("import", "imports"),
    ),
    Job(
        "bank-statements", "Read long bank statements.", timedelta(seconds=1), bank_reading.run, "every second",
        writes_own_rows=True,
    ),
    Job(
        "bulk", "Carry out actions on many customers.", timedelta(seconds=1), bulk.run, "every second",
        writes_own_rows=True,
    ),
    Job(
        "mass_changes", "Look at and carry out changes of package for many services.", timedelta(seconds=1),
        mass_changes.run, "every second", writes_own_rows=True,
    ),
    Job(
        "mailings", "Queue the messages that people wrote, and repeat those that are to be repeated.",
        timedelta(seconds=1), mailings.run, "every second",
    ),
    Job("deliveries", "Send the mails that are due.", timedelta(seconds=5), deliver, "every 5 seconds"),
    Job(
        "texts", "Send the texts that are due, and look up those that may have left.", timedelta(seconds=5),
        deliver_texts, "every 5 seconds",
    ),
    Job(
        "cards", "Carry out what the card gateway told, and look up payments of which nothing was heard.",
        timedelta(seconds=2), cards.run, "every 2 seconds",
    ),
    Job(
        "terminations", "End what customers who leave have, on their day, and put them away.", timedelta(minutes=1),
        terminations.run, "every minute",
    ),
    Job(
        "webhooks", "Tell other systems what happened.", timedelta(seconds=2), webhooks.run, "every 2 seconds",
    ),
    Job(
        "cleaning", "Remove expired sessions, links and tries to sign in.", timedelta(minutes=1), clean,
        "daily, at 3:00", daily=CLEANING,
    ),
    Job(
        "credit", "Book off credit that ran out, and let prepayments lapse whose end has come.", timedelta(minutes=1),
        expire, "daily, at 1:00", daily=CREDIT, takes_day=True,
    ),
    Job(
        "rates", "Fetch the exchange rates of the European Central Bank, if that is switched on.",
        timedelta(minutes=1), rates.run, "daily, at 18:00", daily=RATES,
    ),
    Job(
        "quotes", "Let quotes expire whose last day is over.", timedelta(minutes=1), expire_quotes,
        "daily, at 0:00", daily=QUOTES, takes_day=True,
    ),
    Job(
        "orders", "Give up orders that nobody confirmed, or paid in time.", timedelta(minutes=1), expire_orders,
        "daily, at 5:00", daily=ORDERS, takes_day=True,
    ),
    Job(
        "groups", "Put customers into the groups whose rules they meet.", timedelta(minutes=1), place,
        "daily, at 4:00", daily=GROUPS,
    ),
    Job(
        "prices", "Let planned changes of prices take effect.", timedelta(minutes=1), change_prices,
        "daily, at midnight", daily=PRICES, takes_day=True,
    ),
    Job(
        "digest", "Mail to staff who want it what happened the day before.", timedelta(minutes=1), digest.run,
        "daily, at the hour of the settings", daily=DIGEST, takes_day=True,
    ),
    Job(
        "changes", "Carry out changes of package whose day has come, and withdraw those not paid in time.",
        timedelta(minutes=1), lambda on: package_changes.run(on), "daily, at midnight", daily=CHANGES, takes_day=True,
    ),
    Job(
        "seal", "Seal what was written to the audit trail.", timedelta(minutes=1), seal, "every minute",
        writes_own_rows=True,
    ),
    Job(
        "doctor", "Check that the books balance and nothing was billed twice.", timedelta(minutes=10), examine,
        "every 10 minutes", writes_own_rows=True,
    ),
)  # fmt: skip


def named(name: str) -> Job:
    """Raises UnknownJob, naming the jobs there are."""
    for job in JOBS:
        if job.name == name:
            return job
    raise UnknownJob(f"There is no job {name[:60]!r}. Choose one of: {', '.join(job.name for job in JOBS)}.")


def look(job: Job) -> bool:
    """What the scheduler does each time: the job if it is due. What goes wrong is a row, never an exception.

    False if the database could not be used: better wait a little with everything.
    """
    try:
        wanted = job_states.read(job.name)
        if wanted is not None and wanted.asked_at is not None:
            _do_asked(job, wanted)
        elif not job_states.is_paused(job.name, wanted):
            _do_due(job)
    except (Stopping, LeaseTaken, LeaseLost):
        db.session.rollback()
    except DBAPIError as error:
        db.session.rollback()
        log.warning("the job %s had trouble with the database: %s", job.name, error.orig)
        return False
    except Exception:
        db.session.rollback()
        log.exception("the job %s failed", job.name)
    return True


def _do_due(job: Job) -> None:
    day = job.daily.due() if job.daily else None
    if job.daily and day:
        _do_day(job, job.daily, day)
    elif not job.daily:
        carry_out(job)


def _do_day(job: Job, daily: Daily, day: date) -> None:
    daily.begin()
    try:
        _noted(job, day)
    except (LeaseTaken, Stopping):
        db.session.rollback()
        daily.put_off()
        raise
    daily.done(day)


def _do_asked(job: Job, wanted: Any) -> None:
    """What somebody asked for in the panel, also while the job is paused."""
    if not job_states.take(job.name, wanted):
        return
    try:
        _noted(job, wanted.asked_on, wanted.asked_by)
    except (LeaseTaken, Stopping):
        job_states.give_back(job.name, wanted)
        raise
    if job.daily and wanted.asked_on in (None, clock.today()):
        job.daily.recovered(clock.today())


def _noted(job: Job, on: date | None, by: str = results.AUTHOR) -> None:
    job_states.noted(job.name, lambda: carry_out(job, on, by=by, alone=True), _words)


def _words(error: Exception) -> str:
    """What went wrong; empty where nothing did, it could only not begin or go on."""
    if isinstance(error, (LeaseTaken, LeaseLost, Stopping)):
        return ""
    return str(error) if isinstance(error, BillingError) else f"{type(error).__name__}: {error}"


def carry_out(
    job: Job, on: date | None = None, *, by: str = results.AUTHOR, alone: bool = False
) -> Mapping[str, Any]:  # fmt: skip
    """Do it now and keep a row of what it did, or of what went wrong; returns what it did. Raises what it raises.

    The row is in the name of `by`; `alone`: it is there even if there was nothing to do.
    """
    with only_reading():
        newest = results.last_id(job.name)
    began = clock.now()
    try:
        counts = job.work(on)
    except (LeaseTaken, LeaseLost, Stopping):
        raise
    except Exception as error:
        db.session.rollback()
        if results.last_id(job.name) == newest:
            results.fail(job.name, _words(error), began=began, by=by)
        raise
    if job.writes_own_rows and by != results.AUTHOR:
        results.asked_by(job.name, newest, by)
    if not job.writes_own_rows:
        results.add(job.name, counts, began=began, by=by, alone=alone)
    return counts
