"""The documents of an end with credit: notes for what was billed and is not used, and what takes the place of proformas
that nobody has paid. A proforma is no debt that a note could lower: it is withdrawn, and the days up to the end are
asked for by another. Where less than nothing is left of it, the rest of it stands on the note.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date

from models import BillingGroup, Customer, db

from . import change_documents, change_figures, change_proformas, change_swaps, credit_parts, line_origins, payers
from .actor import Actor
from .balances import lock_invoices
from .change_documents import Head, Made
from .change_figures import Outcome
from .change_proformas import ByHand, Replaced
from .document_lines import WorkedLine, WorkedOut, sum_up
from .ending_review import Note
from .unused import Unused

Back = Sequence[tuple[int, Unused]]
"""What is given back, line by line, with the billing groups."""


def in_their_place(back: Back, *, lock: bool) -> tuple[list[Replaced], list[str]]:
    """What takes the place of the unpaid proformas among what is given back, one by one, and what a person has to see
    to first, in sentences. With `lock` the documents are held until the transaction ends."""
    lines: dict[int, list[Unused]] = defaultdict(list)
    for _group, line in back:
        if line.proforma:
            lines[line.document_id].append(line)
    if lock and lines:
        lock_invoices({line.document_id for _group, line in back})
    found, against = [], []
    for _document, mine in sorted(lines.items()):
        try:
            one = change_proformas.in_their_place(mine, [change_figures.back_line(line) for line in mine], lock=lock)
        except ByHand as why:
            against.append(str(why))
            continue
        if one is not None:
            found.append(one)
    return found, against


@dataclass(slots=True)
class _Parts:
    """What a note is put together from; first of all copies of the lines `kept` of proformas."""

    kept: list[int] = field(default_factory=list)
    copies: list[WorkedLine] = field(default_factory=list)
    lines: list[WorkedLine] = field(default_factory=list)
    documents: set[int] = field(default_factory=set)


def notes(customer: Customer, back: Back, replaced: Sequence[Replaced], *, lock: bool) -> list[Note]:
    """A credit note for each billing group, and for prices with and without tax."""
    parts: dict[tuple[int, bool], _Parts] = defaultdict(_Parts)
    for one in replaced:
        if one.makes is Outcome.CREDIT_NOTE:
            mine, many = parts[one.group_id, one.prices_include_tax], len(one.kept)
            mine.kept += one.kept
            mine.copies += one.worked.lines[:many]
            mine.lines += one.worked.lines[many:]
            mine.documents |= set(one.ids)
    for group_id, line in back:
        if not line.proforma:
            mine = parts[group_id, line.prices_include_tax]
            mine.lines.append(change_figures.back_line(line))
            mine.documents.add(line.document_id)
    made = []
    for (group_id, include), mine in sorted(parts.items(), key=lambda part: part[0]):
        worked = sum_up([*mine.copies, *mine.lines], currency=customer.currency, prices_include_tax=include)
        if worked.totals.gross.minor < 0:
            made.append(note(group_id, worked, include, mine.documents, lock=lock, kept=mine.kept))
    return made


def note(
    group_id: int, worked: WorkedOut, include: bool, documents: Collection[int] = (), *, lock: bool = False,
    prepaid: bool = False, kept: Sequence[int] = (),
) -> Note:  # fmt: skip
    """With the plan of where its total goes."""
    plan = credit_parts.plan_note(-worked.totals.gross, documents, lock=lock)
    return Note(group_id, include, worked, plan, prepaid, tuple(kept))


def write_note(customer: Customer, found: Note, ends_on: date, *, send: bool, by: Actor) -> Made:
    """It is written and booked. Flushes."""
    group = db.session.get_one(BillingGroup, found.group_id)
    head = Head(
        customer, group, payers.billed(customer, group), by.today, prices_include_tax=found.prices_include_tax,
        send=send,
    )  # fmt: skip
    reason = f"Unused days, given back as the service ends on {ends_on.day} {ends_on:%b %Y}."
    if found.prepaid:
        reason = "What was paid in advance and not used."
    made = change_documents.make_note(head, found.worked, found.plan, reason=reason, by=by)
    line_origins.point_within(found.kept, made.document)
    return change_documents.note_down(made)


def withdraw(found: Replaced, ends_on: date, *, send: bool, by: Actor) -> Made | None:
    """The proforma is void; what takes its place, if anything is asked for. Flushes."""
    if found.makes is not Outcome.INVOICE:
        change_swaps.withdraw(found, reason=f"Ends on {ends_on}", by=by)
        return None
    made = change_documents.make_invoice(change_swaps.head_of(found, on=by.today, send=send), found.worked, by=by)
    change_swaps.put_in_place(made, found, by=by)
    return change_documents.note_down(made)
