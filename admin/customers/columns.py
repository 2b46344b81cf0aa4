"""Columns of the list of customers that are more than a field of the row."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import String, cast, func, literal, select

from admin.cells import pill, tone
from admin.cells import tags as tag_words
from admin.columns import name_of
from admin.invoice_states import today
from admin.list_columns import ListColumn
from models import (
    Customer,
    CustomerGroup,
    CustomerStatus,
    Invoice,
    InvoiceState,
    Staff,
    Tag,
    customer_salesperson,
    customer_tag,
    db,
)
from web import languages
from web.formatters import locale

from .choices import ACCOUNT_TYPES, ATTITUDES, PAYMENT_METHODS
from .filters import STATUSES, is_overdue

BETWEEN = "\x1f"  # no name holds it


def _names(model: Any, link: Any, this: Any, other: Any) -> Any:
    """The names of linked rows, all in one value."""
    joined = func.string_agg if db.session.get_bind().dialect.name == "postgresql" else func.group_concat
    names = select(joined(model.name, literal(BETWEEN, String))).select_from(model).join(link, other == model.id)
    return names.where(this == Customer.id).correlate(Customer).scalar_subquery()


def _split(value: str | None) -> list[str]:
    return sorted(value.split(BETWEEN), key=str.casefold) if value else []


def _in_line(value: str | None) -> str:
    return ", ".join(_split(value))


def _tags() -> Any:
    return _names(Tag, customer_tag, customer_tag.c.customer_id, customer_tag.c.tag_id)


def _salespeople() -> Any:
    return _names(Staff, customer_salesperson, customer_salesperson.c.customer_id, customer_salesperson.c.staff_id)


def _group() -> Any:
    """Name and colour in one."""
    both = CustomerGroup.colour.concat(BETWEEN).concat(CustomerGroup.name)
    return select(both).where(CustomerGroup.id == Customer.group_id).correlate(Customer).scalar_subquery()


def _group_cell(_row: Customer, value: str | None) -> Any:
    if not value:
        return None
    colour, _sep, name = value.partition(BETWEEN)
    return tone(colour, name)


def _status(row: Customer, overdue: bool) -> Any:
    if row.status == CustomerStatus.ACTIVE and overdue:
        return pill("bad", _("Overdue"))
    return pill(*STATUSES[row.status])


def _overdue_since() -> Any:
    owed = select(func.min(Invoice.due_on)).where(
        Invoice.customer_id == Customer.id, Invoice.open_minor > 0, Invoice.due_on < today()
    )
    return owed.correlate(Customer).scalar_subquery()


def _last_invoice(column: Any) -> Any:
    last = select(column).where(Invoice.customer_id == Customer.id, Invoice.state == InvoiceState.ISSUED)
    return last.order_by(Invoice.id.desc()).limit(1).correlate(Customer).scalar_subquery()


def _words(known: Any) -> Any:
    """A choice as people read it."""
    return lambda _view, _context, row, key: dict(known).get(getattr(row, key), getattr(row, key))


def _country(_view: Any, _context: Any, row: Customer, _key: str) -> Any:
    return locale().territories.get(row.country, row.country)


def _language(_view: Any, _context: Any, row: Customer, _key: str) -> Any:
    return dict(languages.choices()).get(row.language, row.language)


def _name(_view: Any, _context: Any, row: Customer, _key: str) -> str:
    return row.full_name


FORMATTERS = {
    "name": _name, "country": _country, "language": _language, "account_type": _words(ACCOUNT_TYPES),
    "payment_method": _words(PAYMENT_METHODS),
    "attitude": lambda view, context, row, key: (
        None if row.attitude == "none" else _words(ATTITUDES)(view, context, row, key)
    ),
}  # fmt: skip
CUSTOMER_COLUMNS = (
    ListColumn("tags", _l("Tags"), _tags, lambda _row, value: tag_words(_split(value)), _in_line),
    ListColumn("status", _l("Status"), lambda: is_overdue(), _status, stored=lambda: cast(Customer.status, String)),
    ListColumn("overdue_since", _l("Overdue since"), _overdue_since),
    ListColumn("group", _l("Group"), _group, _group_cell, stored=lambda: name_of(Customer.group)),
    ListColumn("project", _l("Project"), lambda: name_of(Customer.project)),
    ListColumn("reseller", _l("Reseller"), lambda: name_of(Customer.reseller)),
    ListColumn("contract_type", _l("Contract type"), lambda: name_of(Customer.contract_type)),
    ListColumn("salespeople", _l("Salespeople"), _salespeople, lambda _row, value: _in_line(value), _in_line),
    ListColumn("last_invoice", _l("Last invoice"), lambda: _last_invoice(Invoice.number)),
    ListColumn("last_invoice_on", _l("Last invoiced"), lambda: _last_invoice(Invoice.issued_on)),
)
