"""Who is signed in: a random token in the browser's signed cookie, its hash in a row. No row, not signed in."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import current_app, g, request, session
from flask_login import LoginManager, UserMixin, login_user, logout_user
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm.attributes import set_committed_value

from billing import company, visits
from billing import staff as staff_rules
from billing.signed_in import expired, is_alive
from models import Company, PortalAccess, PortalUser, Role, Staff, Visit, WebSession, db, engine
from models.objects import prepared_objects

SEEN_EVERY = timedelta(minutes=1)

login_manager = LoginManager()
login_manager.session_protection = None  # the row decides; an address may change on the way to work


class Visitor(UserMixin):
    """Somebody signed in, as Flask-Login's user. Either `staff` or `portal_user` is set, never both.

    Staff on a `visit` are the portal user whose view it is, with this one `access`; nobody once the visit is over.
    """

    def __init__(self, row: WebSession, token: str) -> None:
        self.row = row
        self.token = token
        self.visit: Visit | None = row.visit
        self.staff: Staff | None = None if row.visit else row.staff
        self.access: PortalAccess | None = _looks_through(row.visit, row.staff) if row.visit else None
        self.portal_user: PortalUser | None = self.access.portal_user if self.access else row.portal_user

    def get_id(self) -> str:
        return self.token


def _looks_through(visit: Visit, person: Staff | None) -> PortalAccess | None:
    """The access that the visit sees the portal with, as long as it may."""
    may = person is not None and visits.PERMISSION in staff_rules.permissions_of(person.role)
    return visits.seen_as(visit) if may and visit.is_open(now()) and visits.holds(visit) else None


def now() -> datetime:
    return current_app.clock()  # type: ignore[attr-defined, no-any-return]


def start(person: Staff | PortalUser) -> WebSession:
    """Sign `person` in with a new session; what the browser had before is dead. The caller commits."""
    end_this()
    session.clear()
    at = now()
    _forget_expired(at)
    token = secrets.token_urlsafe(32)
    row = WebSession(
        token_hash=hash_of(token),
        staff=person if isinstance(person, Staff) else None,
        portal_user=person if isinstance(person, PortalUser) else None,
        started_at=at,
        seen_at=at,
        confirmed_at=at,
        address=(request.remote_addr or "")[:45],
        browser=request.user_agent.string[:200],
    )
    db.session.add(row)
    db.session.flush()
    session.permanent = isinstance(person, PortalUser)
    login_user(Visitor(row, token))
    return row


def renew(row: WebSession) -> None:
    """Give the browser of this session a new token; the old one is dead. The caller commits."""
    token = secrets.token_urlsafe(32)
    row.token_hash = hash_of(token)
    db.session.flush()
    session.clear()
    login_user(Visitor(row, token))


def end_this() -> None:
    """Sign this browser out. The caller commits."""
    token = session.get("_user_id")
    if token:
        db.session.execute(delete(WebSession).where(WebSession.token_hash == hash_of(token)))
    logout_user()
    session.clear()


def end(session_id: int, person: Staff | PortalUser) -> bool:
    """End one of the person's sessions; False if it is not theirs or gone already."""
    mine = (WebSession.id == session_id, _is_of(person))
    return db.session.execute(delete(WebSession).where(*mine)).rowcount > 0


def end_others(person: Staff | PortalUser, keep: WebSession | None) -> int:
    """End the person's sessions except `keep`; how many there were."""
    others = (_is_of(person), WebSession.id != (keep.id if keep else 0))
    return db.session.execute(delete(WebSession).where(*others)).rowcount


def of(person: Staff | PortalUser) -> Sequence[WebSession]:
    """The person's living sessions, the one used last first."""
    mine = select(WebSession).where(_is_of(person), ~expired(now()))
    return db.session.scalars(mine.order_by(WebSession.seen_at.desc(), WebSession.id.desc())).all()


def _is_of(person: Staff | PortalUser) -> Any:
    column = WebSession.staff_id if isinstance(person, Staff) else WebSession.portal_user_id
    return column == person.id


@prepared_objects
def _known_by() -> Any:
    """Every page asks this first, so it is asked as fast as can be."""
    wanted = select(WebSession, Staff, Role, PortalUser, Company).select_from(WebSession)
    wanted = wanted.outerjoin(Staff, Staff.id == WebSession.staff_id).outerjoin(Role, Role.id == Staff.role_id)
    wanted = wanted.outerjoin(PortalUser, PortalUser.id == WebSession.portal_user_id)
    wanted = wanted.outerjoin(Company, Company.id == 1)
    return wanted.where(WebSession.token_hash == bindparam("token_hash"))


@login_manager.user_loader
def load(token: str) -> Visitor | None:
    """Flask-Login asks who the token belongs to. The company comes along: every page needs it."""
    rows = _known_by(token_hash=hash_of(token))
    if not rows:
        return None
    row, staff, role, portal_user, seller = rows[0]
    set_committed_value(row, "staff", staff)
    set_committed_value(row, "portal_user", portal_user)
    if staff:
        set_committed_value(staff, "role", role)
    if seller:
        company.hold(seller)
    person = staff or portal_user
    if not (person and person.active and is_alive(row, now())):
        return None
    return Visitor(row, token)


def open_request() -> None:
    """Find out who asks before anything else happens, and note that they were seen.

    A request that writes on SQLite holds the only write lock; noting it on a second connection would then wait for
    ourselves, so the look-up's transaction ends first.
    """
    engine.set_reading(request.method in ("GET", "HEAD", "OPTIONS"))
    g.pop("_login_user", None)
    if is_file() or "_user_id" not in session:
        return
    login_manager._load_user()
    visitor = g.get("_login_user")
    if not isinstance(visitor, Visitor) or now() - visitor.row.seen_at < SEEN_EVERY:
        return
    row_id, staff_id = visitor.row.id, visitor.row.staff_id
    if request.method in ("GET", "HEAD", "OPTIONS"):
        _note_seen(row_id, staff_id, now())
        return
    db.session.rollback()
    _note_seen(row_id, staff_id, now())
    login_manager._load_user()


def is_file() -> bool:
    """Whether a shipped file is asked for (a style sheet), not a page."""
    return request.endpoint is not None and request.endpoint.rpartition(".")[2] == "static"


def _note_seen(row_id: int, staff_id: int | None, at: datetime) -> None:
    with engine.writing(), db.engine.begin() as connection:
        connection.execute(update(WebSession).where(WebSession.id == row_id).values(seen_at=at))
        if staff_id:
            connection.execute(update(Staff.__table__).where(Staff.id == staff_id).values(last_seen_at=at))


def _forget_expired(at: datetime) -> None:
    db.session.execute(delete(WebSession).where(expired(at)))


def close_request(error: BaseException | None = None) -> None:
    """Nothing of this request stays in the thread that serves the next one."""
    engine.set_reading(False)


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
