"""Credit notes that take back lines of several documents: for which invoices they count, and how they are booked.

A note of a package change has no one original. Each invoice behind its lines takes a part of it: first what is open on
them, then what was written off, then what was paid, and never more than is left of an invoice. What no money is asked
for any more is the customer's credit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any

from sqlalchemy import CTE, BigInteger, Date, Select, bindparam, select
from sqlalchemy.orm import aliased

from models import (
    Account,
    Credit,
    CreditNote,
    CreditNotePart,
    Customer,
    Invoice,
    InvoiceLine,
    LineKind,
    Money,
    db,
)
from models.bulk import insert_rows
from models.objects import prepared_objects
from models.prepared import among_given
from models.writing import blank, insert_now, write_now

from . import ledger, write_offs
from .actor import Actor
from .unused import COVERING, is_issued


@dataclass(frozen=True, slots=True)
class Part:
    """What a note takes of one invoice: of `amount`, so much was open, and so much written off."""

    invoice_id: int
    invoice: str
    amount: Money
    off_open: Money
    off_written_off: Money


@dataclass(frozen=True, slots=True)
class NotePlan:
    """Where a credit note's total goes."""

    total: Money
    parts: tuple[Part, ...]
    invoices: Mapping[int, Invoice] = field(default_factory=dict, compare=False, repr=False)

    @property
    def off_open(self) -> Money:
        return sum((part.off_open for part in self.parts), Money.zero(self.total.currency))

    @property
    def off_written_off(self) -> Money:
        return sum((part.off_written_off for part in self.parts), Money.zero(self.total.currency))

    @property
    def to_credit(self) -> Money:
        """What becomes the customer's credit."""
        return self.total - self.off_open - self.off_written_off


def plan_note(total: Money, documents: Collection[int], *, lock: bool = False) -> NotePlan:
    """Share out the total of a note that takes back lines of these documents (ids). With `lock` the invoices are
    locked until the transaction ends, in the order of their ids."""
    return share_note(total, behind_documents(documents, lock=lock))


def share_note(total: Money, invoices: Iterable[Invoice]) -> NotePlan:
    """The same among the invoices that are `behind` its lines."""
    found = {invoice.id: invoice for invoice in invoices}
    return replace(share_out(total, [_Left.of(row) for row in found.values()]), invoices=found)


@dataclass(slots=True)
class _Left:
    """An invoice and what of it no note has taken yet."""

    id: int
    number: str
    left: int
    open: int
    written_off: int
    amount: int = 0
    off_open: int = 0
    off_written_off: int = 0

    @classmethod
    def of(cls, row: Invoice) -> _Left:
        left = row.total_minor - row.credited_minor
        return cls(row.id, row.number or "", left, min(row.open_minor, left), min(row.written_off_minor, left))

    def take(self, wanted: int, attribute: str) -> int:
        """As much of what is wanted as the invoice has of it."""
        there = self.left if attribute == "amount" else getattr(self, attribute[4:])
        part = min(wanted, there, self.left)
        if attribute != "amount":
            setattr(self, attribute, getattr(self, attribute) + part)
        self.amount += part
        self.left -= part
        return part


def share_out(total: Money, invoices: Sequence[_Left]) -> NotePlan:
    """Open sums first, the newest invoice in front; then written-off ones; then what is left of each. Pure."""
    rest, newest = total.minor, sorted(invoices, key=lambda one: -one.id)
    for attribute in ("off_open", "off_written_off", "amount"):
        for one in newest:
            rest -= one.take(rest, attribute)
    currency = total.currency
    parts = [
        Part(o.id, o.number, Money(o.amount, currency), Money(o.off_open, currency), Money(o.off_written_off, currency))
        for o in sorted(invoices, key=lambda one: one.id)
        if o.amount
    ]
    return NotePlan(total, tuple(parts))


def behind(service_id: int, day: date, *, lock: bool = False) -> list[Invoice]:
    """The invoices that charged for the days of a service from `day` on, and those whose lines theirs took back, back
    to the first. With `lock` they are as they are now, and held until the transaction ends: ask before you read what
    is left of their lines."""
    return [invoice for (invoice,) in (_behind_locked if lock else _behind)(service=service_id, day=day)]


def behind_documents(documents: Collection[int], *, lock: bool = False) -> list[Invoice]:
    """The same for lines of these documents (ids)."""
    return [invoice for (invoice,) in (_of_documents_locked if lock else _of_documents)(ids=documents)]


def _invoices_behind(*, lock: bool) -> Any:
    covering = (
        select(InvoiceLine.invoice_id.label("id"))
        .where(InvoiceLine.service_id == bindparam("service", type_=BigInteger), InvoiceLine.kind.in_(COVERING))
        .where(InvoiceLine.original_line_id.is_(None), InvoiceLine.period_end > bindparam("day", type_=Date))
        .cte("behind", recursive=True)
    )
    return _invoices(covering, lock)


def _invoices_of_documents(*, lock: bool) -> Any:
    first = select(Invoice.id.label("id")).where(among_given(Invoice.id, "ids")).cte("behind", recursive=True)
    return _invoices(first, lock)


def _invoices(first: CTE, lock: bool) -> Select[Any]:
    """Those invoices, and the ones whose lines their own lines took back, back to the first."""
    original = aliased(InvoiceLine)
    older = (
        select(original.invoice_id)
        .join(InvoiceLine, InvoiceLine.original_line_id == original.id)
        .where(InvoiceLine.invoice_id == first.c.id, InvoiceLine.kind == LineKind.UNUSED)
    )
    known = first.union(older)
    wanted = select(Invoice).where(Invoice.id.in_(select(known.c.id)), Invoice.kind == "invoice", is_issued(Invoice))
    return (wanted.with_for_update(key_share=True) if lock else wanted).order_by(Invoice.id)


_SHARED = (
    "number", "customer_id", "currency", "issued_on", "state", "total_minor", "open_minor", "credited_minor",
    "written_off_minor",
)  # fmt: skip
"""What is printed on them need not be read."""
_asked = partial(prepared_objects, only={Invoice: _SHARED})
_behind, _of_documents = (_asked(partial(one, lock=False)) for one in (_invoices_behind, _invoices_of_documents))
_behind_locked, _of_documents_locked = (
    _asked(partial(one, lock=True), anew=(Invoice,)) for one in (_invoices_behind, _invoices_of_documents)
)


def book(note: CreditNote, plan: NotePlan, customer: Customer, by: Actor) -> Credit | None:
    """Book a numbered note: its parts, what is lowered on the invoices (locked by `behind`), and the rest as credit,
    which is returned. Flushes."""
    assert note.issued_on is not None
    postings = []
    for part in plan.parts:
        invoice = plan.invoices[part.invoice_id]
        if part.off_written_off:
            back = write_offs.bring_back(
                invoice, part.off_written_off, reason=str(note), on=note.issued_on, by=by
            )  # fmt: skip
            postings.append(back[1])
        lowered = invoice.open_minor - (part.off_open + part.off_written_off).minor
        credited = invoice.credited_minor + part.amount.minor
        write_now(invoice, {"open_minor": lowered, "credited_minor": credited})
    rows = [(note.id, part.invoice_id, note.currency, part.amount.minor) for part in plan.parts]
    columns = ("credit_note_id", "invoice_id", "currency", "amount_minor")
    insert_rows(db.session, CreditNotePart.__table__, columns, rows)
    given = give(note, plan.to_credit) if plan.to_credit else None
    entries = {
        Account.RECEIVABLE: plan.to_credit - plan.total, Account.CREDIT: -plan.to_credit,
        Account.REVENUE: Money(note.net_minor, note.currency), Account.TAX: Money(note.tax_minor, note.currency),
    }  # fmt: skip
    known = {"invoice_id": note.id, "credit_id": given.id if given else None}
    postings.append(ledger.Posting("credit_note", customer, note.issued_on, entries, **known))
    ledger.post_all(postings)
    return given


def give(note: CreditNote, rest: Money) -> Credit:
    """What is left of a note's total, as its customer's credit. Flushes."""
    assert note.issued_on is not None
    given = blank(
        Credit, customer_id=note.customer_id, invoice_id=note.id, reason=f"Credit note {note}", currency=rest.currency,
        amount_minor=rest.minor, remaining_minor=rest.minor, granted_on=note.issued_on,
    )  # fmt: skip
    insert_now(given)
    return given


def originals(note: Invoice) -> list[Invoice]:
    """The invoices a credit note is about: its one original, or those it takes a part of, the oldest first."""
    if note.original_id is not None:
        return [db.session.get_one(Invoice, note.original_id)]
    parts = select(CreditNotePart.invoice_id).where(CreditNotePart.credit_note_id == note.id)
    return list(db.session.scalars(select(Invoice).where(Invoice.id.in_(parts)).order_by(Invoice.id)))
