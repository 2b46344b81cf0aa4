"""How long somebody stays signed in, without a sign of life and at the longest."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_

from models import WebSession

STAFF_IDLE, STAFF_LONGEST = timedelta(minutes=30), timedelta(hours=12)
PORTAL_IDLE, PORTAL_LONGEST = timedelta(hours=2), timedelta(days=30)


def is_alive(row: WebSession, at: datetime) -> bool:
    """Whether the session counts at the moment `at` (aware UTC)."""
    idle, longest = (STAFF_IDLE, STAFF_LONGEST) if row.staff_id else (PORTAL_IDLE, PORTAL_LONGEST)
    return at < row.seen_at + idle and at < row.started_at + longest


def expired(at: datetime) -> ColumnElement[bool]:
    """The condition for the rows that are not alive at the moment `at` (aware UTC)."""

    def too_old(face: ColumnElement[bool], idle: timedelta, longest: timedelta) -> ColumnElement[bool]:
        return and_(face, or_(WebSession.seen_at <= at - idle, WebSession.started_at <= at - longest))

    return or_(
        too_old(WebSession.staff_id.is_not(None), STAFF_IDLE, STAFF_LONGEST),
        too_old(WebSession.portal_user_id.is_not(None), PORTAL_IDLE, PORTAL_LONGEST),
    )
