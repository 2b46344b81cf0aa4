"""What belongs to customers: files with their bytes, payers that are billed, logins that can be managed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import and_, or_, select

from billing import files
from models import BillingGroup, Customer, File, Payer, PortalAccess, PortalRight, db

from .checks import Check, Query, Scope

YOUNG = timedelta(hours=1)
"""Files this young may still be on their way to their row."""


def files_without_bytes(scope: Scope) -> Iterable[tuple[int, str]]:
    """I32, one way: every row has its file on the disk."""
    if scope.uploads is None:
        return
    rows = select(File.id, File.name, File.stored_name).where(File.uploaded_at < scope.at - YOUNG)
    for row in db.session.execute(rows.execution_options(yield_per=1000)):
        if row.stored_name not in scope.uploads:
            yield row.id, row.name


def bytes_without_file(scope: Scope) -> Iterable[tuple[int, str]]:
    """I32, the other way: nothing lies there that no row knows."""
    if scope.uploads:
        known = files.names_before(scope.at)
        yield from ((0, name) for name in sorted(scope.uploads - known))


def billed_elsewhere(scope: Scope) -> Query:
    """I57: a billing group is billed to a payer of its own customer, and to one that is not archived."""
    joined = select(BillingGroup.id, BillingGroup.name).join(Payer, Payer.id == BillingGroup.payer_id)
    return joined.where(or_(Payer.customer_id != BillingGroup.customer_id, Payer.archived_on.is_not(None)))


def lost_defaults(scope: Scope) -> Query:
    """I57: the payer billed by default is one of the customer's own that is in use."""
    own = and_(Payer.id == Customer.default_payer_id, Payer.customer_id == Customer.id, Payer.archived_on.is_(None))
    found = select(Customer.id, Customer.name).where(Customer.default_payer_id.is_not(None))
    return found.where(~select(Payer.id).where(own).exists())


def ownerless(scope: Scope) -> Query:
    """I55: where people sign in for a customer, one of them is an owner."""
    theirs = select(PortalAccess.id).where(PortalAccess.customer_id == Customer.id)
    owner = theirs.where(PortalAccess.right == PortalRight.OWNER, PortalAccess.active, PortalAccess.accepted)
    return select(Customer.id, Customer.name).where(theirs.exists(), ~owner.exists())


CHECKS = (
    Check("I32", ("file", "files"), "missing on the disk", files_without_bytes),
    Check("I32", ("stored file", "stored files"), "that no customer has", bytes_without_file),
    Check("I57", ("billing group", "billing groups"), "billed to a payer of somebody else, or to an archived one",
          billed_elsewhere),
    Check("I57", ("customer", "customers"), "whose default payer is gone", lost_defaults),
    Check("I55", ("customer", "customers"), "with logins but without an owner", ownerless),
)  # fmt: skip
