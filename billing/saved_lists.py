"""Lists as people saved them: their own columns, and filters under a name, private or for the whole team."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from models import FieldError, SavedList, Staff, db

from . import audit
from .actor import Actor, NotAllowed
from .texts import one_line

LONGEST_NAME = 60
LONGEST_QUERY = 4000
MOST_COLUMNS = 60
MOST_SAVED = 100
MANAGE = "lists.manage"


class SavedListRefused(FieldError):
    """A list cannot be saved like this; `field` names what is wrong."""


def of(staff_id: int, list_name: str) -> Sequence[SavedList]:
    """What a member of the staff sees of one list, in one statement: their own and what others share, by name.

    The nameless one among them says which columns they chose.
    """
    own_or_shared = or_(SavedList.staff_id == staff_id, SavedList.shared)
    query = select(SavedList).where(SavedList.list_name == list_name, own_or_shared)
    owner = joinedload(SavedList.staff, innerjoin=True).load_only(Staff.name)
    return db.session.scalars(query.options(owner).order_by(SavedList.name, SavedList.id)).all()


def may_change(saved: SavedList, by: Actor) -> bool:
    """Whether `by` may rename, change or delete it: the owner, and for shared ones whoever looks after those."""
    return saved.staff_id == by.staff_id or (saved.shared and by.may(MANAGE))


def arrange(list_name: str, columns: Sequence[str], *, by: Actor) -> None:
    """Remember which columns `by` sees in a list, in this order; none at all is back to the usual ones.

    A habit of one person, like light or dark: it leaves no line in the audit log. Raises SavedListRefused.
    """
    query = select(SavedList).where(
        SavedList.staff_id == by.staff_id, SavedList.list_name == list_name, SavedList.name == ""
    )
    known = db.session.scalars(query).one_or_none()
    if not columns:
        if known:
            db.session.delete(known)
    elif known:
        known.columns = _columns(columns)
    else:
        db.session.add(SavedList(staff_id=by.staff_id, list_name=list_name, columns=_columns(columns)))
    db.session.flush()


def save(
    list_name: str, name: str, *, query: str, columns: Sequence[str] = (), shared: bool = False, by: Actor
) -> SavedList:
    """Keep filters, search, order (`query`) and columns of a list under a name. Raises SavedListRefused."""
    if by.staff_id is None:
        raise NotAllowed("Only members of the staff can save lists.")
    name = _free_name(name, list_name, by.staff_id)
    if len(of(by.staff_id, list_name)) >= MOST_SAVED:
        raise SavedListRefused("There are a hundred saved filters for this list. Delete one that nobody uses.")
    saved = SavedList(
        staff_id=by.staff_id, list_name=list_name, name=name, shared=shared, query=_query(query),
        columns=_columns(columns),
    )  # fmt: skip
    db.session.add(saved)
    db.session.flush()
    audit.record(by, "saved_list.created", saved, after=_plain(saved))
    return saved


def change(saved: SavedList, *, name: str, shared: bool, by: Actor) -> None:
    """Rename it, share it or keep it to oneself. Raises NotAllowed, SavedListRefused."""
    _require(saved, by)
    before = _plain(saved)
    if name.strip() != saved.name:
        saved.name = _free_name(name, saved.list_name, saved.staff_id)
    saved.shared = shared
    _keep(saved, before, by)


def overwrite(saved: SavedList, *, query: str | None = None, columns: Sequence[str] | None = None, by: Actor) -> None:
    """Put other filters or other columns under the same name. Raises NotAllowed, SavedListRefused."""
    _require(saved, by)
    before = _plain(saved)
    if query is not None:
        saved.query = _query(query)
    if columns is not None:
        saved.columns = _columns(columns)
    _keep(saved, before, by)


def delete(saved: SavedList, *, by: Actor) -> None:
    """Forget it, for everybody who sees it. Raises NotAllowed."""
    _require(saved, by)
    audit.record(by, "saved_list.deleted", saved, before=_plain(saved))
    db.session.delete(saved)
    db.session.flush()


def _require(saved: SavedList, by: Actor) -> None:
    if not may_change(saved, by):
        raise NotAllowed("This filter belongs to somebody else. Save your own under another name.")


def _keep(saved: SavedList, before: dict[str, object], by: Actor) -> None:
    after = _plain(saved)
    changed = [name for name in after if after[name] != before[name]]
    db.session.flush()
    if changed:
        audit.record(
            by, "saved_list.changed", saved,
            before={name: before[name] for name in changed}, after={name: after[name] for name in changed},
        )  # fmt: skip


def _plain(saved: SavedList) -> dict[str, object]:
    return {"name": saved.name, "shared": saved.shared, "query": saved.query, "columns": ", ".join(saved.columns)}


def _free_name(name: str, list_name: str, staff_id: int) -> str:
    name = one_line(name, LONGEST_NAME, "The name", empty=False)
    taken = select(SavedList.id).where(
        SavedList.staff_id == staff_id, SavedList.list_name == list_name, SavedList.name == name
    )
    if db.session.scalar(taken):
        raise SavedListRefused("There is a saved filter of this name already. Choose another name.")
    return name


def _query(query: str) -> str:
    if len(query) > LONGEST_QUERY:
        raise SavedListRefused("These filters are too long to be saved. Leave one out.")
    return query


def _columns(columns: Sequence[str]) -> list[str]:
    if len(columns) > MOST_COLUMNS or any(len(name) > 80 for name in columns):
        raise SavedListRefused("These are too many columns for one list.", "columns")
    return list(dict.fromkeys(columns))
