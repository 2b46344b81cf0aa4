"""The process that does the unattended work. Several may be started: one leads, the others take over when it is gone.

The lease only spares useless work. That nothing is done twice rests on the jobs' own rows and unique keys.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from threading import Lock

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask
from sqlalchemy.exc import DBAPIError

from billing.runs import SCHEDULER
from models import db

from . import clock, job_states, lease, schedule, stopping

log = logging.getLogger(__name__)
BEATS = 6
"""Times the lease is extended while it lasts."""


class Leader:
    """Whether this process leads, by the lease and by our own clock: a process that slept does not lead."""

    def __init__(self, lasting: timedelta) -> None:
        self.lasting = lasting
        self._held: lease.Held | None = None
        self._until: datetime | None = None
        self._lock = Lock()

    def leads(self) -> bool:
        return self._until is not None and clock.now() < self._until

    def beat(self) -> None:
        """Extend the lease, or take it when nobody has it."""
        with self._lock:
            until = clock.now() + self.lasting
            self._held = self._extended() or lease.acquire(SCHEDULER, self.lasting)
            self._until = until if self._held else None

    def _extended(self) -> lease.Held | None:
        if self._held is None:
            return None
        try:
            self._held.hold()
        except lease.LeaseLost:
            db.session.rollback()
            return None
        db.session.commit()
        return self._held

    def pause(self) -> None:
        """Do nothing until the next beat, which tells whether the database is back."""
        self._until = None

    def resign(self) -> None:
        """Let another process take over at once."""
        with self._lock:
            if self._held:
                lease.release(self._held)
            self._held = self._until = None


class Worker:
    """The jobs on their timers, in threads of this process."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.leader = Leader(timedelta(seconds=app.config["SCHEDULER_LEASE"]))
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a long job is no news, once a second
        self.timers = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(schedule.JOBS) + 2)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        self.timers.add_job(self._beat, "interval", seconds=self.leader.lasting.total_seconds() / BEATS)
        self.timers.add_job(self._wake, "interval", seconds=1)
        for job in schedule.JOBS:
            self.timers.add_job(self._look, "interval", [job], id=job.name, seconds=job.every.total_seconds())

    def start(self) -> None:
        stopping.withdraw()
        self._beat()
        self.timers.start()

    def leads(self) -> bool:
        with self.app.app_context():
            return self.leader.leads()

    def stop(self) -> None:
        """Let the jobs under way end after the step they are at, then let another process take over."""
        stopping.ask()
        self.timers.shutdown(wait=True)
        with self.app.app_context():
            try:
                self.leader.resign()
            except DBAPIError as error:
                log.warning("the lease could not be given back: %s", error.orig)

    def _beat(self) -> None:
        with self.app.app_context():
            try:
                self.leader.beat()
            except DBAPIError as error:
                db.session.rollback()
                log.warning("the scheduler cannot reach the database: %s", error.orig)

    def _wake(self) -> None:
        """What somebody asked for need not wait for its turn; the job's own timer keeps it from being done twice."""
        with self.app.app_context():
            try:
                names = job_states.asked() if self.leader.leads() and not stopping.asked() else []
            except DBAPIError:
                db.session.rollback()
                return
        for name in names:
            if self.timers.get_job(name):
                self.timers.modify_job(name, next_run_time=datetime.now(UTC))

    def _look(self, job: schedule.Job) -> None:
        with self.app.app_context():
            if self.leader.leads() and not stopping.asked() and not schedule.look(job):
                self.leader.pause()
