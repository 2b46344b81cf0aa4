"""Files that go with what a person writes. They are looked at before they are kept (messaging.uploads)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from billing import audit
from billing.actor import Actor
from models import BillingError, Mailing, MailingFile, MailingState, db

from .uploads import Stored

MOST = 10
MOST_BYTES = 15 * 1024 * 1024
"""Of all together: more than that many mail servers refuse, once it is written as text."""


class TooMuch(BillingError):
    """So much cannot go with one mail."""


def add(mailing: Mailing, stored: Sequence[Stored], *, by: Actor) -> list[MailingFile]:
    """Put these stored files to the draft. Raises TooMuch, NotAllowed. Flushes."""
    by.require("messages.send")
    _only_draft(mailing)
    there = select(func.count(), func.coalesce(func.sum(MailingFile.size), 0))
    count, size = db.session.execute(there.where(MailingFile.mailing_id == mailing.id)).one()
    if count + len(stored) > MOST:
        raise TooMuch(f"A mail carries {MOST} files at the most.")
    if int(size) + sum(one.size for one in stored) > MOST_BYTES:
        raise TooMuch(f"All files of a mail together have {MOST_BYTES // 1024**2} MB at the most.")
    found = [
        MailingFile(
            mailing_id=mailing.id, stored_name=one.stored_name, name=one.name, media_type=one.media_type,
            size=one.size, sha256=one.sha256, uploaded_at=by.at,
        )
        for one in stored
    ]  # fmt: skip
    db.session.add_all(found)
    db.session.flush()
    audit.record(by, "mailing.files_added", mailing, after={"files": [one.name for one in stored]})
    db.session.flush()
    return found


def remove(file: MailingFile, mailing: Mailing, *, by: Actor) -> list[str]:
    """Take it away from the draft; the name its bytes lie under, to be forgotten after the commit. Flushes."""
    by.require("messages.send")
    _only_draft(mailing)
    audit.record(by, "mailing.file_removed", mailing, before={"file": file.name})
    name = file.stored_name
    db.session.delete(file)
    db.session.flush()
    return [name]


def _only_draft(mailing: Mailing) -> None:
    state = db.session.scalar(select(Mailing.state).where(Mailing.id == mailing.id).with_for_update())
    if state != MailingState.DRAFT:
        raise TooMuch("This message was sent already, with the files it had.")
