"""Lines that take back others: which they mean where documents are written anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


def point_anew(document: Invoice, copied: Sequence[int], again: Mapping[int, int]) -> None:
    """Its first lines are copies of those with the ids `copied`. What of them took lines of other documents back stood
    on a credit note meanwhile, and was billed again: by the lines `again` (of the copied ones), which are taken back
    now. Flushes."""
    own = {row.id for row in document.lines}
    for old, row in zip(copied, document.lines, strict=False):
        if old in again and row.original_line_id is not None and row.original_line_id not in own:
            row.original_line_id = again[old]
    db.session.flush()
