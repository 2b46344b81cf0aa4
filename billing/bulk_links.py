"""Tags and salespeople of many customers: what each gets and loses is kept, so that it can be undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, delete, func, select

from models import BillingError, RowResult, Staff, Tag, customer_salesperson, customer_tag, db
from models.bulk import among, insert_rows

from . import audit
from .actor import Actor
from .bulk_results import Result, gone, locked
from .texts import one_line

WAYS = ("add", "remove", "set")
MOST = 50


class WrongChoice(BillingError):
    """This cannot be given to customers."""


@dataclass(frozen=True)
class Link:
    """Customers on one side, the rows of `model` on the other."""

    name: str
    table: Table
    model: Any

    @property
    def other(self) -> Any:
        (column,) = (c for c in self.table.c if c.name != "customer_id")
        return column

    def names(self, ids: Sequence[int]) -> dict[int, str]:
        """Of those that are there still, locked so that they stay."""
        wanted = select(self.model.id, self.model.name).where(self.model.id.in_(ids)).order_by(self.model.id)
        return {row.id: row.name for row in db.session.execute(wanted.with_for_update(read=True, key_share=True))}

    def of(self, customers: Sequence[int]) -> dict[int, set[int]]:
        """The others of each customer."""
        found: dict[int, set[int]] = {one: set() for one in customers}
        for row in db.session.execute(select(self.table).where(among(db.session, self.table.c.customer_id, customers))):
            found[row.customer_id].add(row[1])
        return found


TAGS = Link("tags", customer_tag, Tag)
SALESPEOPLE = Link("salespeople", customer_salesperson, Staff)
LINKS = {link.name: link for link in (TAGS, SALESPEOPLE)}

Change = tuple[list[int], list[int]]
"""What was taken away, and what was added."""


def clean_tags(params: Mapping[str, Any]) -> dict[str, Any]:
    """`{"way": "add" or "remove", "tags": names}` with ids instead of names; words that are new become tags.

    Raises WrongChoice, InvalidText.
    """
    way = params.get("way")
    names = list(dict.fromkeys(one_line(str(name), 60, "The tag") for name in params.get("tags") or ()))
    if way not in ("add", "remove") or not names or len(names) > MOST:
        raise WrongChoice(f"Name one tag or several, at most {MOST}.")
    known = {tag.name.lower(): tag for tag in db.session.scalars(select(Tag).where(_is_one_of(names)))}
    for name in names:
        if name.lower() not in known and way == "add":
            known[name.lower()] = Tag(name=name)
            db.session.add(known[name.lower()])
    db.session.flush()
    found = [known[name.lower()] for name in names if name.lower() in known]
    if not found:
        raise WrongChoice("No customer has a tag of this name.")
    return {"way": way, "ids": [tag.id for tag in found], "names": [tag.name for tag in found]}


def _is_one_of(names: Sequence[str]) -> Any:
    return func.lower(Tag.name).in_([name.lower() for name in names])


def clean_salespeople(params: Mapping[str, Any]) -> dict[str, Any]:
    """`{"way": one of WAYS, "ids": staff}`, checked, with their names. Raises WrongChoice."""
    ids = sorted(set(params.get("ids") or ()))
    if params.get("way") not in WAYS or len(ids) > MOST or not (ids or params["way"] == "set"):
        raise WrongChoice("Choose one person or several.")
    names = dict(db.session.execute(select(Staff.id, Staff.name).where(Staff.id.in_(ids))).all())
    if set(ids) - names.keys():
        raise WrongChoice("One of these people is not on the staff any more. Look at the page again.")
    return {"way": params["way"], "ids": ids, "names": [names[one] for one in ids]}


def change_tags(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """Give customers tags or take them off; `params` as from `clean_tags`. Raises NotAllowed."""
    by.require("customers.edit")
    rows = locked(ids)
    changes = change(TAGS, list(rows), params["way"], params["ids"], by, rows)
    told: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
    return [*gone(ids, rows), *(_tagged(row, changes.get(row.id), told) for row in rows.values())]


def _tagged(row: Any, change: Change | None, told: dict[int, tuple[dict[str, Any], dict[str, Any]]]) -> Result:
    """`told` keeps what is the same for many: writing it out once is what makes a thousand rows quick."""
    if change is None:
        return Result(row.id, row.name, RowResult.UNCHANGED, "Had it that way already.")
    both = told.get(id(change)) or told.setdefault(id(change), ({"tags": change[0]}, {"tags": change[1]}))
    return Result(row.id, row.name, RowResult.DONE, "", *both)


def change(
    link: Link, customers: Sequence[int], way: str, others: Sequence[int], by: Actor, rows: Mapping[int, Any]
) -> dict[int, Change]:
    """Add `others` to each of the locked customers, remove them, or set exactly them; (taken, added) of those changed.

    What is no longer there to be added is left out.
    """
    names, before = link.names(others), link.of(customers)
    wanted = set(names)
    same: dict[frozenset[int], Change] = {}
    changes = {}
    for one in customers:
        has = frozenset(before[one])
        found = same.get(has) or same.setdefault(has, _difference(has, way, set(others), wanted))
        if found[0] or found[1]:
            changes[one] = found
    write(link, changes, by, rows)
    return changes


def _difference(has: frozenset[int], way: str, others: set[int], wanted: set[int]) -> Change:
    if way == "remove":
        return sorted(has & others), []
    return sorted(has - wanted) if way == "set" else [], sorted(wanted - has)


def write(link: Link, changes: Mapping[int, Change], by: Actor, rows: Mapping[int, Any]) -> None:
    """Carry the changes out and leave the trace of them; `rows` have the customers' names."""
    if not changes:
        return
    gone_ids = {other for taken, _added in changes.values() for other in taken}
    for other in gone_ids:
        theirs = [one for one, (taken, _added) in changes.items() if other in taken]
        # "+ 0": by the customers, a thousand of them, not by all who have this tag.
        where = among(db.session, link.table.c.customer_id, theirs), link.other + 0 == other
        db.session.execute(delete(link.table).where(*where))
    pairs = [(one, other) for one, (_taken, added) in changes.items() for other in added]
    insert_rows(db.session, link.table, ("customer_id", link.other.name), pairs)
    (_trace_tags if link is TAGS else _trace_salespeople)(changes, by, rows)


def _names(link: Link, changes: Mapping[int, Change]) -> dict[int, str]:
    ids = {other for change in changes.values() for side in change for other in side}
    found = db.session.execute(select(link.model.id, link.model.name).where(link.model.id.in_(ids)))
    return {row.id: row.name for row in found}


def _trace_tags(changes: Mapping[int, Change], by: Actor, rows: Mapping[int, Any]) -> None:
    names = _names(TAGS, changes)
    told: dict[tuple[int, ...], dict[str, Any]] = {}
    for verb, side in (("customer.untagged", 0), ("customer.tagged", 1)):
        events = []
        for one, sides in changes.items():
            ids = tuple(sides[side])
            if ids:
                after = told.setdefault(ids, {"tags": sorted(names[i] for i in ids if i in names)})
                events.append((one, rows[one].name, None, after))
        audit.record_customers(by, verb, events)


def _trace_salespeople(changes: Mapping[int, Change], by: Actor, rows: Mapping[int, Any]) -> None:
    now = SALESPEOPLE.of(list(changes))
    names = _names(SALESPEOPLE, {**changes, 0: (sorted(set().union(*now.values())), [])})
    events = []
    for one, (taken, added) in changes.items():
        was = (now[one] - set(added)) | set(taken)
        before, after = ({"salespeople": sorted(names[i] for i in side if i in names)} for side in (was, now[one]))
        events.append((one, rows[one].name, before, after))
    audit.record_customers(by, "customer.salespeople_set", events)
