"""Lines of one document that take back others of the same: where it is written anew they mean its own."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from models import Invoice, InvoiceLine, db


def point_within(copied: Sequence[int], document: Invoice) -> None:
    """Its first lines are copies of those with the ids `copied`: lines that take one of these back take back its
    copy. Flushes."""
    mine = InvoiceLine.invoice_id == document.id
    meant = select(InvoiceLine.original_line_id).where(mine, InvoiceLine.original_line_id.in_(copied))
    wanted = set(db.session.scalars(meant))
    if not wanted:
        return
    ids = db.session.scalars(select(InvoiceLine.id).where(mine).order_by(InvoiceLine.position)).all()
    for old, new in zip(copied, ids, strict=False):
        if old in wanted:
            same = update(InvoiceLine).where(mine, InvoiceLine.original_line_id == old).values(original_line_id=new)
            db.session.execute(same, execution_options={"synchronize_session": "fetch"})
