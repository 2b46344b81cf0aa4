"""Notes: changed and taken away by whoever may, brought back for a while, with a trace that holds no words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from factories import make_customer
from sqlalchemy import select

from billing import cleaning, notes
from billing.actor import Actor, NotAllowed
from billing.texts import InvalidText
from models import AuditEvent, Note, db


@pytest.fixture
def note(app, by):
    return notes.add_note(make_customer(), "Call before noon", by=by)


def last_event() -> AuditEvent:
    return db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)).one()


def test_a_note_is_changed_with_a_trace_that_holds_no_words(note, by):
    notes.edit_note(note, text="Call after noon", pinned=True, by=by)
    assert (note.text, note.pinned, note.edited_by, note.edited_at) == ("Call after noon", True, by.name, by.at)
    event = last_event()
    assert (event.verb, event.before, event.after) == (
        "customer.note_changed",
        {"pinned": False},
        {"pinned": True, "text": "changed"},
    )
    notes.edit_note(note, text="Call after noon", pinned=True, by=by)
    assert last_event() is event
    with pytest.raises(InvalidText):
        notes.edit_note(note, text="  ", by=by)


def test_a_deleted_note_comes_back_for_thirty_days(note, by):
    customer_id = note.customer_id
    notes.delete_note(note, by=by)
    assert last_event().verb == "customer.note_deleted"
    with pytest.raises(notes.NoteGone):
        notes.edit_note(note, pinned=True, by=by)
    notes.restore_note(note, by=by)
    assert (note.deleted_at, last_event().verb) == (None, "customer.note_restored")
    notes.delete_note(note, by=by)
    cleaning.clean(by.at + timedelta(days=29))
    assert db.session.scalar(select(Note.id).where(Note.customer_id == customer_id))
    assert cleaning.clean(by.at + timedelta(days=30))["notes"] == 1


def test_only_by_those_who_may(note, by):
    nobody = Actor(name="Viewer", at=by.at, today=by.today)
    for do in (notes.delete_note, notes.restore_note, notes.edit_note):
        with pytest.raises(NotAllowed):
            do(note, by=nobody)
