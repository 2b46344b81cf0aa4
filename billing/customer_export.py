"""All customers as a table, one row each, for spreadsheets and for another Tillbook (examples/tillbook.toml)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import case, select

from models import ContractType, Customer, CustomerGroup, DunningPlan, Money, Project, Reseller, db

from . import custom_fields
from .csv_cells import defuse
from .inheritance import STORED

COLUMNS = (
    "id", "external_source", "external_id", "name", "email", "username", "phone", "phone_extension", "account_type",
    "company_name", "contact_name", "tax_id", "street", "street2", "city", "region", "postal_code", "country",
    "language", "currency", "status", "group", "project", "reseller", "contract_type", "payment_method",
    "payment_days", "charge_tax", "tax_exempt", "tax_rate", "never_suspend", "dunning_plan", "po_number",
    "vendor_number", "registered_on", "starts_on", "ends_on", "archived_on", "service_count", "balance", "credit",
    "attitude", "invoice_note", "about",
)  # fmt: skip
_NAMED = {
    "group": CustomerGroup.name,
    "project": Project.name,
    "reseller": Reseller.name,
    "contract_type": ContractType.name,
    "dunning_plan": DunningPlan.name,
}
_AMOUNTS = {"balance": "balance_minor", "credit": "credit_minor"}


def columns() -> list[str]:
    """COLUMNS, and ``custom.<key>`` for every field of the shop's own that is in use, in their order."""
    return [*COLUMNS, *(custom_fields.PREFIX + field.key for field in custom_fields.fields())]


def exported_rows(chunk: int = 2000) -> Iterator[list[list[str]]]:
    """The cells of all customers under `columns()`, by id, in lists of at most `chunk` rows, in constant memory.

    Text is safe to open in a spreadsheet (`csv_cells.undefuse` gives it back); amounts are decimals in the
    customer's currency, a positive balance is owed; days are ISO, yes and no are words. Identity numbers stay here.
    """
    query = select(*(_column(name).label(name) for name in COLUMNS)).select_from(Customer)
    for relation in (Customer.group, Customer.project, Customer.reseller, Customer.contract_type):
        query = query.outerjoin(relation)
    query = query.outerjoin(DunningPlan, DunningPlan.id == Customer.dunning_plan_id)
    query = query.order_by(Customer.id).execution_options(yield_per=chunk)
    currency = COLUMNS.index("currency")
    amounts = {COLUMNS.index(name) for name in _AMOUNTS}
    own = [field.id for field in custom_fields.fields()]
    for rows in db.session.execute(query).partitions():
        values = custom_fields.values_for([row.id for row in rows], own) if own else {}
        yield [
            [
                str(Money(value, row[currency]).decimal()) if place in amounts else _cell(value)
                for place, value in enumerate(row)
            ]
            + [_cell(values.get(row.id, {}).get(field_id)) for field_id in own]
            for row in rows
        ]


def _column(name: str) -> Any:
    """What a customer follows its group in stays empty, so that it goes on to follow where it is imported."""
    if name in STORED:
        return case((getattr(Customer, f"own_{name}"), getattr(Customer, name)))
    return _NAMED.get(name) or getattr(Customer, _AMOUNTS.get(name, name))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Decimal):
        return f"{value:f}"
    return defuse(value) if isinstance(value, str) else str(value)
