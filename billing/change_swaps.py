"""Proformas are withdrawn, and another document takes their place, if there is any: all that hung on them hangs on it
then. Undoing the change that it was for asks anew for what they said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import aliased

from models import (
    BillingGroup,
    ChangeState,
    DiscountUse,
    Invoice,
    InvoiceLine,
    InvoiceState,
    LineKind,
    Order,
    PackageChange,
    Payer,
    PromiseState,
    Renewal,
    db,
)

from . import audit, change_documents, line_origins, promises, when_paid
from .actor import Actor
from .balances import lock_invoices
from .change_documents import Head, Made
from .change_figures import Outcome
from .change_proformas import Replaced, group_of, kept_line, worked_of
from .unused import in_force

_HANG_ON_IT = Renewal, PackageChange, Order


def swap(made: Made | None, found: Replaced, change: PackageChange, first: date, *, by: Actor) -> dict[str, Any]:
    """The proformas are void from now on; the document that was made, if there is any, takes their place. `first` is
    the first day of the new package. What undoing it needs to know. Flushes."""
    done: dict[str, Any] = {"proformas": list(found.ids), "kept": list(found.kept), "makes": found.makes.value}
    if made is None or found.makes is not Outcome.INVOICE:
        _point_within(made, found)
        withdraw(found, reason=f"Changed: {change}", by=by)
        return {**done, "amounts": []}
    put_in_place(made, found, by=by, but=change)
    return {**done, "amounts": _bill_anew(made, change, first), "total": made.document.total_minor}


def _bill_anew(made: Made, change: PackageChange, first: date) -> list[list[int]]:
    """The periods that begin on the day `first` or later are billed by the document; what they said before."""
    mine = Renewal.invoice_id == made.document.id, Renewal.service_id == change.service_id, ~Renewal.void
    amounts = []
    for renewal in db.session.scalars(select(Renewal).where(*mine, Renewal.period_start >= first)).all():
        amounts.append([renewal.id, renewal.amount_minor])
        renewal.amount_minor = sum(
            row.amount_minor
            for row in made.lines
            if row.kind is LineKind.SERVICE
            and (row.service_id, row.period_start) == (change.service_id, renewal.period_start)
        )
    db.session.flush()
    return amounts


def put_in_place(made: Made, found: Replaced, *, by: Actor, but: PackageChange | None = None) -> None:
    """The document that was made takes the place of the proformas, which are void from now on; `but` keeps the document
    that was its own. Flushes."""
    _point_within(made, found)
    _hand_over(found.ids, made.document, but)
    withdraw(found, reason=f"Replaced by {made.document}", by=by)


def _point_within(made: Made | None, found: Replaced) -> None:
    if made is not None:
        line_origins.point_within(found.kept, made.document)


def withdraw(found: Replaced, *, reason: str, by: Actor) -> None:
    """The proformas are void, and nothing takes their place but what else is written down. Flushes."""
    for number in found.ids:
        _void(db.session.get_one(Invoice, number), reason, by)


def nothing_asked(found: Replaced, *, by: Actor) -> None:
    """Tell those who waited for the proformas to be paid: nothing is to pay any more. Flushes."""
    if found.makes is not Outcome.INVOICE:
        when_paid.nothing_asked([db.session.get_one(Invoice, number) for number in found.ids], by=by)


def head_of(found: Replaced, *, on: date, send: bool) -> Head:
    """For whom the document in their place is."""
    first = db.session.get_one(Invoice, found.ids[0])
    group, payer = _asked_of(first)
    return Head(
        first.customer, group, payer, on, found.prices_include_tax, last_due=found.due_on, send=send,
        discount=found.discount,
    )  # fmt: skip


def _asked_of(proforma: Invoice) -> tuple[BillingGroup, Payer | None]:
    payer = db.session.get(Payer, proforma.payer_id) if proforma.payer_id else None
    return db.session.get_one(BillingGroup, group_of(proforma)), payer


def replaced_by(change: PackageChange) -> dict[str, Any] | None:
    """What was kept of the proformas that a change has replaced; None where it has not."""
    kept: dict[str, Any] | None = (change.before or {}).get("replaced")
    if kept is None or "proformas" in kept:
        return kept
    return {**kept, "proformas": [kept["proforma"]], "kept": [], "makes": Outcome.INVOICE.value}


def why_not_restore(change: PackageChange) -> str:
    """Why `restore` cannot be done yet, in a sentence; empty where it can."""
    kept, document = replaced_by(change), change.invoice
    if kept is None or document is None:
        return ""
    later = PackageChange.invoice_id == change.invoice_id, PackageChange.id > change.id
    held = PackageChange.state.in_((ChangeState.DONE, ChangeState.WAITING))
    found = db.session.scalars(select(PackageChange).where(*later, held).limit(1)).first()
    if found is not None:
        return f"{document} asks for a later change too, {found}. Undo or withdraw that one first."
    if kept.get("total", document.total_minor) != document.total_minor or _taken_back_since(document):
        return f"Other days of {document} were given back since. Change the service back from today instead."
    return ""


def _taken_back_since(note: Invoice) -> bool:
    """Whether something of what a credit note charged was given back by other documents."""
    original, its = aliased(InvoiceLine), aliased(Invoice)
    back = select(InvoiceLine.id).join(original, original.id == InvoiceLine.original_line_id)
    back = back.join(its, its.id == InvoiceLine.invoice_id).where(in_force(its), its.id != note.id)
    there = back.where(original.invoice_id == note.id).limit(1)
    return note.kind == "credit_note" and db.session.scalar(there) is not None


def restore(change: PackageChange, *, again: Mapping[int, int] | None = None, by: Actor) -> Invoice:
    """The change does not hold: its document is void, and one is made that asks for what the proformas did that it had
    replaced. `again` are lines that bill what a credit note in their place took back, by the lines of theirs that had.
    Flushes. Raises NotIssuable, NoExchangeRate."""
    kept = replaced_by(change)
    assert kept is not None
    there = [change.invoice_id] if kept["makes"] == Outcome.INVOICE.value and change.invoice_id is not None else []
    held = lock_invoices([*kept["proformas"], *there])
    olds = [held[number] for number in kept["proformas"]]
    rows = [row for one in olds for row in one.lines]
    due = min((one.due_on for one in olds if one.due_on), default=None)
    head = Head(
        change.service.customer, *_asked_of(olds[0]), by.today, olds[0].prices_include_tax, last_due=due,
        discount=(olds[0].discount_percent, olds[0].discount_reason),
    )  # fmt: skip
    made = change_documents.make_invoice(head, worked_of(olds, [kept_line(row) for row in rows]), by=by)
    for renewal_id, minor in kept["amounts"]:
        db.session.get_one(Renewal, renewal_id).amount_minor = minor
    line_origins.point_within([row.id for row in rows], made.document)
    if again:
        line_origins.point_anew(made.document, [row.id for row in rows], again)
    _hand_over(there or kept["proformas"], made.document, change)
    for number in there:
        _void(held[number], f"Replaced by {made.document}", by)
    return change_documents.tell(made, by=by)


def _hand_over(olds: Collection[int], new: Invoice, but: PackageChange | None) -> None:
    """What hangs on the ones hangs on the other; `but` keeps the document that was its own. Flushes."""
    db.session.flush()
    for table in _HANG_ON_IT:
        mine: list[ColumnElement[bool]] = [table.invoice_id.in_(olds)]
        if table is PackageChange and but is not None:
            mine.append(PackageChange.id != but.id)
        moved = update(table).where(*mine).values(invoice_id=new.id)
        db.session.execute(moved, execution_options={"synchronize_session": "fetch"})


def _void(old: Invoice, reason: str, by: Actor) -> None:
    uses = delete(DiscountUse).where(DiscountUse.invoice_id == old.id)
    db.session.execute(uses.execution_options(synchronize_session=False))
    before = {"state": str(old.state)}
    old.state, old.open_minor = InvoiceState.VOID, 0
    audit.record(by, f"{old.kind}.voided", old, before=before, after={"state": "void", "reason": reason[:200]})
    db.session.flush()
    if old.promised_on:
        promises.settled([old.id], by=by, state=PromiseState.WITHDRAWN)
