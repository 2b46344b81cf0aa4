"""What a package change has put beyond a void: its own invoice, and those of which it gave days back."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.orm import aliased

from models import ChangeState, Invoice, InvoiceLine, LineKind, PackageChange, db

from .unused import in_force


def why_not(invoice: Invoice, *, of_change: bool) -> str:
    """Why an invoice is not made void by itself; empty where nothing of a change hangs on it. `of_change`: the change
    that it belongs to is being undone. One statement, and none for an invoice without services."""
    if not any(line.service_id for line in invoice.lines):
        return ""
    original, its = aliased(InvoiceLine), aliased(Invoice)
    made_by = exists().where(
        PackageChange.invoice_id == invoice.id, PackageChange.state.in_((ChangeState.WAITING, ChangeState.DONE))
    )
    given_back = (
        exists()
        .where(InvoiceLine.original_line_id == original.id, original.invoice_id == invoice.id)
        .where(InvoiceLine.kind == LineKind.UNUSED, its.id == InvoiceLine.invoice_id, in_force(its))
    )
    changed, taken = db.session.execute(select(made_by, given_back)).one()
    if taken:
        return (
            f"Unused days of {invoice} were given back when a service was changed or ended. Undo that first, or write "
            "a credit note for the rest."
        )
    if changed and not of_change:
        return f"{invoice} is of a change of package. Undo the change; that makes it void and the service as it was."
    return ""
