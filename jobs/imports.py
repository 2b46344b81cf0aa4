"""Importing customers: what the command and the page share, and the job that works for the page."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from sqlalchemy import select

from billing import import_drafts
from billing.import_choices import Choices, mapping_of
from billing.import_scratch import Scratch
from billing.import_store import FOLDER, Store
from billing.import_tables import renew_statistics
from billing.imports import Counts, Import, begin_run, end_run
from messaging import files
from models import BillingError, ImportFile, ImportState, Run, RunState, db
from models.engine import reading

from . import clock, lease, stopping
from .daily import only_reading
from .lease import LeaseLost, LeaseTaken
from .stopping import Stopping
from .waiting import alone

LEASE = "imports"
MANY = 1000
Advance = Callable[[int], object]

log = logging.getLogger(__name__)


class OneAtATime(BillingError):
    """Somebody else imports just now."""


def store() -> Store:
    """Where uploaded tables lie."""
    return Store(files.folder_of(FOLDER))


def try_out(work: Import, advance: Advance) -> None:
    """Count what would be written; nothing is."""
    with reading():
        try:
            for counts in work.write(keep=False):
                advance(counts.customers + counts.rejected)
        finally:
            db.session.rollback()


def write(work: Import, *, in_steps: bool, advance: Advance) -> Run:
    """Write the good rows under a lease: all in one transaction, or one for each step, kept whatever happens later.

    Raises OneAtATime, FileChanged, Stopping (between two steps).
    """
    try:
        with lease.held(LEASE) as mine:
            run = carry_out(work, mine, in_steps=in_steps, advance=advance)
            db.session.commit()
    except LeaseTaken:
        raise OneAtATime("Another import is going on. Wait until it is done, then start this one again.") from None
    renew(work.counts)
    return run


def carry_out(
    work: Import, mine: lease.Held, *, in_steps: bool, advance: Advance, begun: Callable[[Run], object] = id
) -> Run:
    """The work of `write`, but for its last commit; `begun` is told the new run."""
    mine.hold()
    run = begin_run(work)
    begun(run)
    if in_steps:
        db.session.commit()
    for counts in work.write():
        advance(counts.customers + counts.rejected)
        if in_steps:
            mine.hold()
            run.done, run.counts = counts.customers + counts.rejected, counts.as_dict()
            db.session.commit()
        stopping.check()
    mine.hold()
    end_run(run, work, clock.now())
    return run


def renew(counts: Counts) -> None:
    """After many rows came in, let the database look at them."""
    if counts.new >= MANY:
        renew_statistics()
        db.session.commit()


def run(on: date | None = None) -> dict[str, Any]:
    """Check or import the table that has waited longest, if there is one; `on` is not asked."""
    alone(LEASE, import_drafts.next_waiting, _work_on)
    return {}


def _work_on(draft_id: int, mine: lease.Held) -> None:
    if not _begin(draft_id, mine):
        return
    try:
        _check_and_import(draft_id, mine)
    except Stopping:
        db.session.rollback()
        db.session.get_one(ImportFile, draft_id).tries -= 1
        db.session.commit()
        raise
    except (BillingError, OSError) as refusal:
        db.session.rollback()
        _give_up(draft_id, _sentence(refusal))
    except (LeaseLost, LeaseTaken):
        raise
    except Exception as error:
        db.session.rollback()
        _give_up(draft_id, f"This went wrong and is in the log: {type(error).__name__}.")
        raise


def _sentence(refusal: Exception) -> str:
    if isinstance(refusal, OSError):
        return f"The uploaded file cannot be read any more: {refusal.strerror}. Upload it again."
    return str(refusal)


def _begin(draft_id: int, mine: lease.Held) -> bool:
    """Count the try; False if there is nothing to do, or it took the process down too often."""
    mine.hold()
    draft = db.session.scalar(select(ImportFile).where(ImportFile.id == draft_id).with_for_update())
    if draft is None or draft.state not in import_drafts.WAITING:
        db.session.rollback()
        return False
    draft.tries += 1
    fit = draft.tries <= import_drafts.TRIES
    if not fit:
        import_drafts.give_up(draft, "This was begun three times and never came to its end.", clock.now())
    db.session.commit()
    return fit


def _give_up(draft_id: int, reason: str) -> None:
    draft = db.session.get_one(ImportFile, draft_id)
    import_drafts.give_up(draft, reason, clock.now())
    if draft.run is not None and draft.run.state is RunState.RUNNING:
        draft.run.state, draft.run.error, draft.run.finished_at = RunState.FAILED, reason[:500], clock.now()
    db.session.commit()


def _check_and_import(draft_id: int, mine: lease.Held) -> None:
    with _work(draft_id) as (work, whole, importing, stored_as):
        note = _noting(stored_as, work.file.size)
        with reading():
            bad = work.check(note)
            db.session.rollback()
        stopping.check()
        if not importing or (bad and whole):
            _report(draft_id, work, stored_as, refused=importing)
            return
        note = _noting(stored_as, work.rows)
        with only_reading():
            earlier = _earlier(draft_id)

        def begun(run: Run) -> None:
            draft = db.session.get_one(ImportFile, draft_id)
            run.resumes_id, draft.run_id = draft.run_id, run.id

        ended = carry_out(work, mine, in_steps=not whole, advance=note, begun=begun)
        draft = db.session.get_one(ImportFile, draft_id)
        import_drafts.finish(draft, ended, _in_all(work.counts, earlier), clock.now())
        db.session.commit()
    renew(work.counts)


@contextmanager
def _work(draft_id: int) -> Iterator[tuple[Import, bool, bool, str]]:
    """(the import, all or nothing, whether to write, name of the file) as it was asked for."""
    with only_reading():
        draft = db.session.get_one(ImportFile, draft_id)
        choices, stored_as = Choices.read(draft.choices), draft.stored_as
        importing = draft.state is ImportState.IMPORTING
        by = import_drafts.asked_by(draft, clock.now(), clock.today())
        table = import_drafts.open_table(draft, store())
    with table, Scratch() as scratch:
        with only_reading():
            mapping = mapping_of(choices, table.header)
        yield Import(table, mapping, by, scratch), choices.whole, importing, stored_as


def _noting(stored_as: str, total: int) -> Advance:
    """Tell the page how far it is. The page can do without: a full disk stops no import here."""
    kept = store()

    def note(done: int) -> None:
        stopping.check()
        try:
            kept.note_progress(stored_as, done, total)
        except OSError as error:
            log.warning("progress could not be noted: %s", error)

    note(0)
    return note


def _report(draft_id: int, work: Import, stored_as: str, *, refused: bool) -> None:
    """Keep what the check found, with what an import would do."""
    try_out(work, _noting(stored_as, work.rows))
    draft = db.session.get_one(ImportFile, draft_id)
    import_drafts.keep_report(draft, work.scratch, work.counts.as_dict(), clock.now())
    if refused:
        draft.error = "Since the check, lines have become wrong. Nothing was imported."
    db.session.commit()


def _earlier(draft_id: int) -> Counts:
    """What earlier tries of this import, that were cut off, had kept."""
    found = Counts()
    number = db.session.get_one(ImportFile, draft_id).run_id
    while number is not None:
        before = db.session.get_one(Run, number)
        found.new += before.counts.get("new", 0)
        found.changed += before.counts.get("changed", 0)
        number = before.resumes_id
    return found


def _in_all(counts: Counts, earlier: Counts) -> dict[str, int]:
    """What earlier tries made is unchanged for the last one, and yet this import's doing."""
    kept = earlier.new + earlier.changed
    added = {"new": earlier.new, "changed": earlier.changed, "unchanged": -kept}
    return {name: number + added.get(name, 0) for name, number in counts.as_dict().items()}


def clean() -> int:
    """Remove uploaded tables nobody touched for two weeks; how many. Commits."""
    kept = store()
    old = list(import_drafts.remove_old(kept, clock.now()))
    db.session.commit()
    for name in old:
        kept.remove(name)
    return len(old)
