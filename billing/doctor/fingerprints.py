"""Whether issued documents still say what they said: each one's fingerprint, computed anew from its rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Date, String, select, type_coerce

from billing import content
from models import Invoice, InvoiceLine, InvoiceState, InvoiceTax, db

from .checks import Scope

CHUNK = 2000


def changed_documents(scope: Scope) -> Iterator[tuple[int, str]]:
    """I16: issued documents, void ones too, whose content is not what was hashed, or never was hashed."""
    last = 0
    while documents := _documents(scope, last):
        first, last = documents[0][0], documents[-1][0]
        lines = _children(scope, InvoiceLine, (*content.LINE, *content.FURTHER_LINE), "position", first, last)
        taxes = _children(scope, InvoiceTax, content.TAX, "id", first, last)
        for number, name, stored, *shown in documents:
            if content.fingerprint(shown, lines.get(number, ()), taxes.get(number, ())) != stored:
                yield number, name


def _documents(scope: Scope, past: int) -> Sequence[Any]:
    table, names = Invoice.__table__, (*content.DOCUMENT, *content.FURTHER_DOCUMENT)
    wanted = select(table.c.id, table.c.number, table.c.content_hash, *_columns(scope, table, names))
    issued = wanted.where(table.c.id > past, table.c.state != InvoiceState.DRAFT)
    return db.session.execute(issued.order_by(table.c.id).limit(CHUNK)).all()


def _children(
    scope: Scope, model: Any, names: Sequence[str], order: str, first: int, last: int
) -> dict[int, list[Sequence[Any]]]:
    """The lines, or the taxes, of the documents from id `first` to `last`, each in the order it was hashed."""
    table = model.__table__
    wanted = select(table.c.invoice_id, *_columns(scope, table, names))
    mine = wanted.where(table.c.invoice_id.between(first, last))
    found: dict[int, list[Sequence[Any]]] = defaultdict(list)
    for invoice_id, *values in db.session.execute(mine.order_by(table.c.invoice_id, table.c[order], table.c.id)):
        found[invoice_id].append(values)
    return found


def _columns(scope: Scope, table: Any, names: Sequence[str]) -> list[Any]:
    """SQLite keeps days as ISO text, just as they are hashed: there is no need to make dates of them and back."""
    return [
        type_coerce(table.c[name], String) if scope.sqlite and isinstance(table.c[name].type, Date) else table.c[name]
        for name in names
    ]
