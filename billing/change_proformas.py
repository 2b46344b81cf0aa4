"""Days that a proforma has billed and nobody has paid: there is no invoice yet that a credit note could lower. It is
withdrawn, and what is still to pay of it and comes on top is asked for by one in its place.

All that hung on the first hangs on the second then. Where nothing is left to ask for, nothing takes its place; where
more comes back than it asked for, the rest of it stands on a credit note. Changes of package and ends of services ask
here what that comes to; change_swaps does it. Reads only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sqlalchemy import select

from models import (
    BillingError,
    ChangeState,
    Invoice,
    InvoiceLine,
    InvoiceState,
    LineKind,
    Money,
    PackageChange,
    Service,
    db,
)

from . import company
from .balances import lock_invoices
from .change_figures import Figures, Outcome, with_lines
from .document_lines import WorkedLine, WorkedOut, line_of, sum_up
from .tax_rates import Tax
from .unused import Unused

_HUNDRED = Decimal(100)


class ByHand(BillingError):
    """A person has to see to these proformas first."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """The proformas that are withdrawn, which `asked` for so much, and the `worked` figures of what takes their place.
    Lines of which every day is taken back do not stand on it again; those with the ids `kept` are its first. `discount`
    is the document's own, in percent and in words."""

    ids: tuple[int, ...]
    names: tuple[str, ...]
    asked: Money
    due_on: date | None
    worked: WorkedOut
    kept: tuple[int, ...]
    group_id: int
    prices_include_tax: bool = False
    discount: tuple[Decimal | None, str] = (None, "")

    @property
    def proforma(self) -> str:
        """Their numbers."""
        return ", ".join(self.names)

    @property
    def total(self) -> Money:
        """What is asked for then, with tax; below zero where it comes back."""
        return self.worked.totals.gross

    @property
    def makes(self) -> Outcome:
        """What takes their place: a document to be paid, a credit note, or nothing."""
        if not any(line.amount for line in self.worked.lines):
            return Outcome.RECORD
        return Outcome.CREDIT_NOTE if self.total.minor < 0 else Outcome.INVOICE


def unpaid(back: Sequence[Unused]) -> list[int]:
    """The proformas (ids) that billed these days."""
    return sorted({one.document_id for one in back if one.proforma})


def in_their_place(back: Sequence[Unused], more: Sequence[WorkedLine], *, lock: bool) -> Replaced | None:
    """What takes the place of the proformas that billed the days taken back (`back`), together with the lines `more`,
    those that take back among them. None where there is no such. With `lock` they are held until the transaction ends.
    Raises ByHand."""
    ids = unpaid(back)
    if not ids:
        return None
    found = list(lock_invoices(ids).values()) if lock else [db.session.get_one(Invoice, number) for number in ids]
    names = tuple(str(one) for one in found)
    _check(found, " and ".join(names))
    gone = {one.line_id for one in back if one.proforma and one.share == 1 and one.amount == one.left}
    kept = [row for one in found for row in one.lines if row.id not in gone]
    worked = worked_of(
        found, [*map(kept_line, kept), *(line for line in more if line.input.original_line_id not in gone)]
    )
    first = found[0]
    asked, due = sum((one.total for one in found), Money.zero(first.currency)), [o.due_on for o in found if o.due_on]
    told = Replaced(
        tuple(one.id for one in found), names, asked, min(due, default=None), worked, tuple(row.id for row in kept),
        group_of(first), first.prices_include_tax, (first.discount_percent, first.discount_reason),
    )  # fmt: skip
    _check_rest(told, kept)
    return told


def group_of(proforma: Invoice) -> int:
    """The billing group (id) that it is for: one that a person wrote may name none, and is for that of its service."""
    if proforma.billing_group_id is not None:
        return proforma.billing_group_id
    service_id = next(row.service_id for row in proforma.lines if row.service_id)
    return db.session.get_one(Service, service_id).billing_group_id


def _check(found: Sequence[Invoice], names: str) -> None:
    """Whether these can be withdrawn together. Raises ByHand."""
    if any(one.became_id or one.state != InvoiceState.ISSUED for one in found):
        raise ByHand(f"{names} was paid or withdrawn just now. Look at the sums again.")
    ids = [one.id for one in found]
    waits = PackageChange.invoice_id.in_(ids), PackageChange.state == ChangeState.WAITING
    if waiting := db.session.scalars(select(PackageChange).where(*waits).limit(1)).first():
        raise ByHand(
            f"{names} asks for a change of {waiting.service} too, which waits until it is paid. Take its payment, or "
            "withdraw that change, first."
        )
    if len(found) > 1 and len({(one.billing_group_id, one.payer_id, one.prices_include_tax) for one in found}) > 1:
        raise ByHand(f"{names} ask different payers for these days. Take their payments, or withdraw them, first.")
    if len(found) > 1 and any(one.discount_minor for one in found):
        raise ByHand(
            f"{names} have billed these days, not all at the same discount. Take their payments, or withdraw them, "
            "first."
        )


def _check_rest(told: Replaced, kept: Sequence[InvoiceLine]) -> None:
    """What comes back was paid, or is owed: nothing else makes credit. Raises ByHand."""
    if told.makes is Outcome.INVOICE and told.total and not company.settings().number_when_paid:
        raise ByHand(
            f"{told.proforma} is not paid yet, and your settings make no proformas any more. Take its payment, or "
            "withdraw it, first."
        )
    off = told.worked.discount or any(row.amount_minor < 0 and row.kind is not LineKind.UNUSED for row in kept)
    if off and told.makes is not Outcome.RECORD and told.total.minor <= 0:
        raise ByHand(
            f"{told.proforma} takes a prepayment or a discount off, and nothing would be left to take it off. Take its "
            "payment, or withdraw it, first."
        )


def discounted(figures: Figures, back: Sequence[Unused]) -> Figures:
    """The figures of a change with the own discount of the proforma that billed the days taken back: it goes on to what
    is charged in their place, in percent, or as much of an amount as was off the days that come back."""
    ids = unpaid(back)
    document = db.session.get_one(Invoice, ids[0]) if len(ids) == 1 else None
    if document is None or not document.discount_minor:
        return figures
    charged = [line.amount if line.input.kind is not LineKind.UNUSED else None for line in figures.lines]
    whole = sum(filter(None, charged), Money.zero(document.currency))
    if document.discount_percent is not None:
        off = whole.times(document.discount_percent / _HUNDRED)
    else:
        off = min(whole, _came_back(document, back))
    if not off:
        return figures
    shares = off.allocate([amount.minor if amount else 0 for amount in charged])
    lines = [replace(line, document_discount=share) for line, share in zip(figures.lines, shares, strict=True)]
    return with_lines(figures, lines)


def _came_back(document: Invoice, back: Sequence[Unused]) -> Money:
    """What of its discount was off the days taken back."""
    off = {row.id: row for row in document.lines}
    mine = (one for one in back if one.document_id == document.id)
    parts = (off[one.line_id].amount.times(one.share) - one.amount for one in mine)
    return sum((max(part, Money.zero(document.currency)) for part in parts), Money.zero(document.currency))


def worked_of(proformas: Sequence[Invoice], lines: Sequence[WorkedLine]) -> WorkedOut:
    """These lines on a document in the place of the proformas."""
    first = proformas[0]
    worked = sum_up(lines, currency=first.currency, prices_include_tax=first.prices_include_tax)
    said = "\n".join([*(one.legal_note for one in proformas), worked.legal_note]).split("\n")
    return replace(worked, legal_note="\n".join(filter(None, dict.fromkeys(said))))


def kept_line(row: InvoiceLine) -> WorkedLine:
    """A line as it stands there, to be written once more."""
    off, share = Money(row.discount_minor, row.currency), Money(row.document_discount_minor, row.currency)
    return WorkedLine(line_of(row), row.amount + off, off, row.amount, share, Tax(row.tax_rate, row.tax_category))
