"""Notes about a customer: written, changed, and deleted so that it can be undone for a while."""

from __future__ import annotations

from models import BillingError, Customer, Note, db

from . import audit
from .actor import Actor
from .texts import InvalidText, many_lines


class NoteGone(BillingError):
    """The note was deleted meanwhile."""


def add_note(
    customer: Customer, text: str, *, pinned: bool = False, shown_to_customer: bool = False, by: Actor
) -> Note:
    """Write a note about the customer, under the actor's name. Raises InvalidText, NotAllowed."""
    by.require("customers.edit")
    note = Note(customer_id=customer.id, text=_words(text), pinned=pinned, shown_to_customer=shown_to_customer)
    note.written_at, note.written_by = by.at, by.name
    db.session.add(note)
    db.session.expire(customer, ["notes"])
    audit.record(by, "customer.note_added", customer, after={"pinned": pinned, "shown_to_customer": shown_to_customer})
    db.session.flush()
    return note


def edit_note(
    note: Note,
    *,
    text: str | None = None,
    pinned: bool | None = None,
    shown_to_customer: bool | None = None,
    by: Actor,
) -> Note:
    """Change a note; what is None stays. The audit log holds that the words were changed, not the words: a note can
    be taken back. Raises NoteGone, InvalidText, NotAllowed."""
    by.require("customers.edit")
    if note.deleted_at:
        raise NoteGone("Somebody deleted this note meanwhile.")
    wanted = {"pinned": pinned, "shown_to_customer": shown_to_customer}
    before, after = audit.changes(note, {name: value for name, value in wanted.items() if value is not None})
    words = note.text if text is None else _words(text)
    if words != note.text:
        note.text, note.edited_at, note.edited_by = words, by.at, by.name
        after["text"] = "changed"
    for name in before:
        setattr(note, name, wanted[name])
    if after:
        audit.record(by, "customer.note_changed", _customer(note), before=before, after=after)
    db.session.flush()
    return note


def delete_note(note: Note, *, by: Actor) -> None:
    """Take a note away; `restore_note` brings it back for thirty days. Raises NotAllowed."""
    by.require("customers.edit")
    if note.deleted_at is None:
        note.deleted_at = by.at
        _record(note, "customer.note_deleted", by)


def restore_note(note: Note, *, by: Actor) -> None:
    """Bring a deleted note back as it was. Raises NotAllowed."""
    by.require("customers.edit")
    if note.deleted_at is not None:
        note.deleted_at = None
        _record(note, "customer.note_restored", by)


def _words(text: str) -> str:
    words = many_lines(text, "The note")
    if not words:
        raise InvalidText("The note is empty.")
    return words


def _customer(note: Note) -> Customer:
    return db.session.get_one(Customer, note.customer_id)


def _record(note: Note, verb: str, by: Actor) -> None:
    customer = _customer(note)
    audit.record(by, verb, customer, after={"written_by": note.written_by})
    db.session.flush()
    db.session.expire(customer, ["notes"])
