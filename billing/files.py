"""Files kept about a customer. The bytes are stored before the row is made and removed after the row is gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import func, select

from models import BillingError, Customer, File, MailingFile, db

from . import audit
from .actor import Actor
from .texts import one_line

MOST = 500
"""Files of one customer."""


class TooManyFiles(BillingError):
    """A customer keeps only so many files."""


class Stored(Protocol):
    """A file that lies on the disk already."""

    @property
    def stored_name(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...


def add(
    customer: Customer, stored: Sequence[Stored], *, description: str = "", shown_to_customer: bool = False, by: Actor
) -> list[File]:
    """Keep these stored files with the customer. Raises TooManyFiles, InvalidText, NotAllowed. Flushes."""
    by.require("customers.edit")
    words = one_line(description, 200, "The description", empty=True)
    there = db.session.scalar(select(func.count(File.id)).where(File.customer_id == customer.id)) or 0
    if there + len(stored) > MOST:
        raise TooManyFiles(f"A customer keeps {MOST} files at the most. Remove some first.")
    found = [
        File(
            customer_id=customer.id, stored_name=one.stored_name, name=one.name, media_type=one.media_type,
            size=one.size, sha256=one.sha256, description=words, shown_to_customer=shown_to_customer,
            uploaded_at=by.at, uploaded_by=by.name,
        )
        for one in stored
    ]  # fmt: skip
    db.session.add_all(found)
    db.session.flush()
    for file in found:
        audit.record(by, "file.added", file, after={"name": file.name, "shown_to_customer": shown_to_customer})
    db.session.flush()
    return found


def describe(file: File, description: str, *, shown_to_customer: bool, by: Actor) -> None:
    """Change what is said about a file and who sees it. Raises InvalidText, NotAllowed. Flushes."""
    by.require("customers.edit")
    words = one_line(description, 200, "The description", empty=True)
    values = {"description": words, "shown_to_customer": shown_to_customer}
    before, after = audit.changes(file, values)
    for name in after:
        setattr(file, name, values[name])
    if after:
        audit.record(by, "file.changed", file, before=before, after=after)
    db.session.flush()


def remove(files: Sequence[File], *, by: Actor) -> list[str]:
    """Take files away; the names under which their bytes lie, to be forgotten after the commit. Raises NotAllowed."""
    by.require("customers.edit")
    names = [file.stored_name for file in files]
    for file in files:
        audit.record(by, "file.removed", file, before={"name": file.name})
        db.session.delete(file)
    db.session.flush()
    return names


def of(customer: Customer, limit: int = MOST) -> list[File]:
    """The customer's files, the newest first."""
    theirs = select(File).where(File.customer_id == customer.id).order_by(File.id.desc())
    return list(db.session.scalars(theirs.limit(limit)))


def names_before(at: datetime) -> set[str]:
    """The stored names of all files uploaded before `at` (aware UTC), of customers and of messages."""
    tables = (File, MailingFile)
    return {
        name for each in tables for name in db.session.scalars(select(each.stored_name).where(each.uploaded_at < at))
    }
