"""Merging two customers: everything of one becomes the other's, and what is left of it is an archived row that points
there.

What moves is re-attributed: services, billing groups, documents, payments, credits, contacts, notes and whatever else
names the customer. Issued documents stay frozen: number, buyer, seller and fingerprint are those of the day of issue;
only the account they are kept in is another. The books are never rewritten: two postings of kind "merge" take what
the merged customer's accounts come to off one account and put it on the other, each of them balanced. Audit events
are sealed and stay where they happened.

Locks: billing groups first, as a run of renewals takes them, so that the run finishes its chunk or finds the groups
moved; then services, payments, invoices and credits, each by id, and the two customers last (see balances).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Index, Table, UniqueConstraint, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import aliased
from sqlalchemy.sql.schema import Column

from models import (
    BillingError,
    BillingGroup,
    Credit,
    Customer,
    CustomerStatus,
    Invoice,
    OptOut,
    Payment,
    Service,
    db,
)
from models.bulk import add_to_rows, rows_changed

from . import audit, cards, customers, dunning_plans, ledger, payers, service_transfers
from .actor import Actor
from .balances import ChangedMeanwhile
from .customer_fields import CREATE_ONLY, FIELDS
from .pauses import resume

STAYS = frozenset({"ledger_posting", "ledger_entry", "customer", "termination"})
"""What goes on naming the merged customer: the books, which are append-only, its own leaving (the services it gave an
end keep it), and older merges, which are re-pointed."""
PRIMARY_WINS = frozenset(
    {"bank_payer", "customer_tag", "customer_salesperson", "customer_project", "invoice_address", "portal_access"}
)
"""Where both have the same (a tag, an address, somebody's login), one of the two rows is superfluous and goes."""
LEFT_BEHIND = frozenset({"custom_value"})
"""Where both have something of their own under one name, the primary's counts and the other's stays where it was."""
SAME = {"fx_rate": (("base", "quote"),)}
"""What further counts as the same: where the primary has it, the row stays behind and has no effect any more."""
TOGETHER = {"longitude": "latitude", "phone_extension": "phone"}
"""Fields that only make sense beside another one: they go with it."""
NOT_CHOSEN = frozenset({"longitude", "phone_extension", "username"}) | CREATE_ONLY
LONGEST_GROUP = 120


class CannotMerge(BillingError):
    """These two cannot be merged as they are."""


@dataclass(frozen=True)
class Difference:
    """A field the two do not agree on. `merged_wins` is what is proposed: the one that says something."""

    field: str
    primary: Any
    merged: Any
    merged_wins: bool


@dataclass(frozen=True)
class Preview:
    """What a merge would do: rows that move, by table, and details to be chosen."""

    counts: dict[str, int]
    running_services: int
    differences: list[Difference]


def check(primary: Customer, merged: Customer) -> None:
    """Raises CannotMerge, with the way out, unless the two can be merged."""
    if primary.id == merged.id:
        raise CannotMerge("Choose two different customers.")
    for one in (primary, merged):
        if one.merged_into_id is not None:
            raise CannotMerge(f"{one.name} (No. {one.id}) was merged into another customer already.")
    if primary.status == CustomerStatus.ARCHIVED:
        raise CannotMerge(f"{primary.name} is archived. Enable it first, or keep the other one of the two.")
    if primary.currency != merged.currency:
        raise CannotMerge(
            f"The account of {primary.name} is kept in {primary.currency}, that of {merged.name} in {merged.currency}."
            " Amounts of different currencies never add up, so these two stay apart."
        )


def preview(primary: Customer, merged: Customer) -> Preview:
    """What merging them would move and which details differ. Changes nothing. Raises CannotMerge."""
    check(primary, merged)
    return Preview(holdings(merged), merged.service_count, differences(primary, merged))


def holdings(customer: Customer) -> dict[str, int]:
    """How many rows of each table name this customer, in one statement."""
    columns = _links()
    counts = db.session.execute(select(*(_count(column, customer) for column in columns))).one()
    return dict(zip((column.table.name for column in columns), counts, strict=True))


def differences(primary: Customer, merged: Customer) -> list[Difference]:
    """The details that are not the same, in the order of FIELDS."""
    found = []
    for name in FIELDS:
        ours, theirs = getattr(primary, name), getattr(merged, name)
        if name not in NOT_CHOSEN and ours != theirs:
            earlier = name == "registered_on" and theirs < ours
            found.append(Difference(name, ours, theirs, earlier or (ours in ("", None) and theirs not in ("", None))))
    return found


def merge(
    primary: Customer,
    merged: Customer,
    *,
    take: Collection[str] = (),
    seen: tuple[int, int] | None = None,
    by: Actor,
) -> None:
    """Make everything of `merged` the primary's. `take` names the fields whose value of `merged` wins.

    `seen` are the versions of both that the person saw: ChangedMeanwhile if one is another by now. Services of a
    customer that was not billed go on from today (see pauses.resume). Raises CannotMerge, InvalidCustomer, NotAllowed.
    """
    by.require("customers.delete")
    check(primary, merged)
    _lock(primary, merged)
    check(primary, merged)
    if seen is not None and seen != (primary.version, merged.version):
        raise ChangedMeanwhile("One of the two was changed after you opened this page. Look at both again, then merge.")
    _details(primary, merged, take, by)
    if merged.status != CustomerStatus.ACTIVE and primary.status == CustomerStatus.ACTIVE:
        resume(merged, by=by)
    _rename_groups(primary, merged)
    payers.name_default(merged, by=by)
    cards.keep_one_default(primary, merged)
    db.session.flush()
    _opt_outs(primary, merged)
    moved = {column.table.name: _move(column, primary.id, merged.id) for column in _links()}
    service_transfers.forget_own(primary)
    ledger.take_over(primary, merged, by.today)
    add_to_rows(
        db.session(),
        Customer.__table__,
        ("service_count",),
        [(merged.service_count, primary.id), (-merged.service_count, merged.id)],
    )
    dunning_plans.look_again(customers=[primary.id])
    _leave_behind(primary, merged, by)
    named = {"name": merged.name, "id": merged.id, **{name: count for name, count in moved.items() if count}}
    audit.record(by, "customer.took_over", primary, after=named)
    audit.record(by, "customer.merged", merged, after={"into": primary.name, "into_id": primary.id})
    db.session.flush()
    db.session.expire_all()


def merged_away(customer: Customer) -> list[Customer]:
    """The customers that were merged into this one, the newest first, at most twenty."""
    query = select(Customer).where(Customer.merged_into_id == customer.id).order_by(Customer.id.desc())
    return list(db.session.scalars(query.limit(20)))


def _links() -> list[Column[Any]]:
    """Every column that names a customer and moves in a merge; a new table is among them by itself."""
    return [
        key.parent
        for table in db.metadata.sorted_tables
        if table.name not in STAYS
        for key in table.foreign_keys
        if key.column.table.name == "customer"
    ]


def _count(column: Column[Any], merged: Customer) -> Any:
    return select(func.count()).select_from(column.table).where(column == merged.id).scalar_subquery()


def _lock(primary: Customer, merged: Customer) -> None:
    """Everything that a run, a payment or a change of a service would take hold of, in the order they do."""
    both = (primary.id, merged.id)
    for model in (BillingGroup, Service, Payment, Invoice, Credit):
        rows = select(model.id).where(model.customer_id.in_(both)).order_by(model.id)
        db.session.execute(rows.with_for_update(key_share=True)).all()
    customers_ = select(Customer).where(Customer.id.in_(both)).order_by(Customer.id)
    db.session.scalars(customers_.with_for_update(key_share=True).execution_options(populate_existing=True)).all()


def _details(primary: Customer, merged: Customer, take: Collection[str], by: Actor) -> None:
    """The values that win, set by the rule for edits; a login name is free once its owner is gone."""
    unknown = set(take) - (set(FIELDS) - NOT_CHOSEN)
    if unknown:
        raise CannotMerge("Choose the details from those on the page. Load it again.")
    values = {name: getattr(merged, name) for name in take}
    values |= {name: getattr(merged, name) for name, other in TOGETHER.items() if other in values}
    username, merged.username = merged.username, None
    db.session.flush()
    if username and not primary.username:
        values["username"] = username
    verified = merged.phone_verified_at if "phone" in values else None
    if values:
        customers.edit(primary, values, allow_duplicate=True, by=by)
    if verified is not None:
        primary.phone_verified_at = verified


def _opt_outs(primary: Customer, merged: Customer) -> None:
    """Who wanted no messages still gets none: what was said for the merged customer holds for the primary."""
    old, new = f"customer:{merged.id}", f"customer:{primary.id}"
    twin = aliased(OptOut)
    same = (twin.who == new, twin.channel == OptOut.channel, twin.category == OptOut.category)
    said = select(twin.id).where(*same).exists()
    for change in (
        delete(OptOut).where(OptOut.who == old, said),
        update(OptOut).where(OptOut.who == old).values(who=new),
    ):
        db.session.execute(change.execution_options(synchronize_session=False))


def _rename_groups(primary: Customer, merged: Customer) -> None:
    """Names of billing groups are a customer's own: those both have get the merged customer's name behind them."""
    names = set(db.session.scalars(select(BillingGroup.name).where(BillingGroup.customer_id == primary.id)))
    mine = db.session.scalars(
        select(BillingGroup).where(BillingGroup.customer_id == merged.id).order_by(BillingGroup.id)
    ).all()
    taken = names | {group.name for group in mine}
    for group in mine:
        if group.name in names:
            group.name = _free_name(group.name, merged.name, taken)
            taken.add(group.name)


def _free_name(name: str, owner: str, taken: Collection[str]) -> str:
    for n in range(1, len(taken) + 2):
        ending = f" ({owner[:60]})" if n == 1 else f" ({owner[:60]} {n})"
        found = name[: LONGEST_GROUP - len(ending)] + ending
        if found not in taken:
            return found
    raise AssertionError("one of so many names is free")


def _move(column: Column[Any], primary_id: int, merged_id: int) -> int:
    """How many rows of a table now name the primary. What it has already goes, or stays behind without effect."""
    table: Table = column.table
    mine = column == merged_id
    has_already = [_same(column, others, primary_id) for others in _keys(column)]
    if has_already and table.name in PRIMARY_WINS:
        db.session.execute(delete(table).where(mine, or_(*has_already)))
        has_already = []
    free = [~or_(*has_already)] if has_already else []
    return rows_changed(db.session.execute(update(table).where(mine, *free).values({column: primary_id})))


def _keys(column: Column[Any]) -> list[Sequence[Column[Any]]]:
    """Beside which other columns the customer makes a row the only one of its kind."""
    table = column.table
    uniques: list[Any] = [table.primary_key, *(c for c in table.constraints if isinstance(c, UniqueConstraint))]
    uniques += [index for index in table.indexes if isinstance(index, Index) and index.unique and not _partial(index)]
    found = [[c for c in one.columns if c is not column] for one in uniques if column in list(one.columns)]
    return [*found, *([table.c[name] for name in names] for names in SAME.get(table.name, ()))]


def _partial(index: Index) -> bool:
    """Of some rows only: what makes two of these one is decided where they are kept (cards.keep_one_default)."""
    return index.dialect_options["sqlite"]["where"] is not None


def _same(column: Column[Any], others: Sequence[Column[Any]], primary_id: int) -> Any:
    twin = column.table.alias("twin")
    equal = [twin.c[other.name] == other for other in others]
    return exists(select(1).select_from(twin).where(and_(twin.c[column.name] == primary_id, *equal)))


def _leave_behind(primary: Customer, merged: Customer, by: Actor) -> None:
    """The row that remains: put away, and the way to the primary. Whoever was merged into it leads there too."""
    older = update(Customer).where(Customer.merged_into_id == merged.id).values(merged_into_id=primary.id)
    db.session.execute(older.execution_options(synchronize_session=False))
    merged.status, merged.merged_into_id = CustomerStatus.ARCHIVED, primary.id
    merged.archived_on = merged.archived_on or by.today
