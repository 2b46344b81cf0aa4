"""A change of a period that a proforma has billed and nobody has paid: there is no invoice yet that a credit note could
lower. The proforma is withdrawn, and one in its place asks for the same and what the change comes to.

All that hung on the first hangs on the second then. Undoing the change asks anew for what the first one said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import delete, select, update

from models import (
    BillingGroup,
    DiscountUse,
    Invoice,
    InvoiceLine,
    InvoiceState,
    Money,
    Order,
    PackageChange,
    Payer,
    Renewal,
    db,
)

from . import audit, change_documents, company, line_origins
from .actor import Actor
from .balances import lock_invoices
from .change_documents import Head, Made
from .change_figures import Figures
from .document_lines import WorkedLine, WorkedOut, line_of, sum_up
from .tax_rates import Tax
from .unused import Unused

_HANG_ON_IT = Renewal, PackageChange, Order


@dataclass(frozen=True, slots=True)
class Replaced:
    """The proforma that is withdrawn, and the `worked` figures of the document in its place. Lines of which every day
    is taken back are not asked for again at all; those with the ids `kept` are its first."""

    proforma_id: int
    proforma: str
    asked: Money
    due_on: date | None
    worked: WorkedOut
    kept: tuple[int, ...]

    @property
    def total(self) -> Money:
        """What is asked for then, with tax."""
        return self.worked.totals.gross


def in_its_place(back: Sequence[Unused], figures: Figures | None, *, lock: bool) -> Replaced | None:
    """What takes the place of the proforma that billed the days taken back. None where there is no such, or where it
    has to be withdrawn or paid by hand: there are two, its lines share a discount, or nothing would be left to ask for.
    With `lock` it is held until the transaction ends."""
    ids = {one.document_id for one in back if one.proforma}
    if figures is None or len(ids) != 1 or not company.settings().number_when_paid:
        return None
    (number,) = ids
    found = lock_invoices([number]).get(number) if lock else db.session.get(Invoice, number)
    if found is None or found.became_id or found.state != InvoiceState.ISSUED or found.discount_minor:
        return None
    gone = {one.line_id for one in back if one.document_id == number and one.share == 1 and one.amount == one.left}
    more = [line for line in figures.lines if line.input.original_line_id not in gone]
    kept = [row for row in found.lines if row.id not in gone]
    worked = _worked(found, [*map(_kept, kept), *more])
    if worked.totals.gross.minor <= 0:
        return None
    return Replaced(number, str(found), found.total, found.due_on, worked, tuple(row.id for row in kept))


def _worked(proforma: Invoice, lines: Sequence[WorkedLine]) -> WorkedOut:
    worked = sum_up(lines, currency=proforma.currency, prices_include_tax=proforma.prices_include_tax)
    said = f"{proforma.legal_note}\n{worked.legal_note}".split("\n")
    return replace(worked, legal_note="\n".join(filter(None, dict.fromkeys(said))))


def _kept(row: InvoiceLine) -> WorkedLine:
    off, nothing = Money(row.discount_minor, row.currency), Money.zero(row.currency)
    return WorkedLine(line_of(row), row.amount + off, off, row.amount, nothing, Tax(row.tax_rate, row.tax_category))


def swap(
    made: Made, found: Replaced, change: PackageChange, first: date, billed: Money, *, by: Actor
) -> dict[str, Any]:
    """The document that was made takes the place of the proforma, which is void from now on. `first` is the first day
    of the new package, `billed` what it costs. What undoing it needs to know. Flushes."""
    proforma = db.session.get_one(Invoice, found.proforma_id)
    line_origins.point_within(found.kept, made.document)
    _hand_over(proforma, made.document, change, by)
    whole = Renewal.invoice_id == made.document.id, Renewal.service_id == change.service_id, ~Renewal.void
    amounts = []
    for renewal in db.session.scalars(select(Renewal).where(*whole, Renewal.period_start == first)).all():
        amounts.append([renewal.id, renewal.amount_minor])
        renewal.amount_minor = billed.minor
    db.session.flush()
    return {"proforma": proforma.id, "amounts": amounts}


def restore(change: PackageChange, *, by: Actor) -> Invoice:
    """The change does not hold: its document is void, and one is made that asks for what the proforma did that it had
    replaced. Flushes. Raises NotIssuable, NoExchangeRate."""
    assert change.before is not None and change.invoice_id is not None
    kept, there = change.before["replaced"], lock_invoices([change.invoice_id])[change.invoice_id]
    old = db.session.get_one(Invoice, kept["proforma"])
    group = db.session.get_one(BillingGroup, old.billing_group_id)
    payer = db.session.get(Payer, old.payer_id) if old.payer_id else None
    head = Head(change.service.customer, group, payer, by.today, old.prices_include_tax, last_due=old.due_on)
    made = change_documents.make_invoice(head, _worked(old, [_kept(row) for row in old.lines]), by=by)
    for renewal_id, minor in kept["amounts"]:
        db.session.get_one(Renewal, renewal_id).amount_minor = minor
    line_origins.point_within([row.id for row in old.lines], made.document)
    _hand_over(there, made.document, change, by)
    return change_documents.tell(made, by=by)


def _hand_over(old: Invoice, new: Invoice, change: PackageChange, by: Actor) -> None:
    """What hangs on the one hangs on the other, and the one is void; `change` keeps the document that was its own."""
    for table in _HANG_ON_IT:
        mine = [table.invoice_id == old.id]
        if table is PackageChange:
            mine.append(PackageChange.id != change.id)
        moved = update(table).where(*mine).values(invoice_id=new.id)
        db.session.execute(moved, execution_options={"synchronize_session": "fetch"})
    uses = delete(DiscountUse).where(DiscountUse.invoice_id == old.id)
    db.session.execute(uses.execution_options(synchronize_session=False))
    before = {"state": str(old.state)}
    old.state, old.open_minor = InvoiceState.VOID, 0
    audit.record(by, f"{old.kind}.voided", old, before=before, after={"state": "void", "reason": f"Replaced by {new}"})
    db.session.flush()
