"""Two at once on PostgreSQL: the one goes on when the other waits for a row that it holds."""

from __future__ import annotations

from sqlalchemy import text

from models import db


def until_one_waits() -> None:
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as apart:
        for _look in range(1000):
            if apart.scalar(text(waits)):
                return
            apart.execute(text("SELECT pg_sleep(0.01)"))
    db.session.rollback()  # or whoever waits for the end of the other would wait for ever
    raise AssertionError("nobody waits")
