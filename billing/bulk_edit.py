"""The same values for many customers: a safe list of fields, and who looks after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update

from models import (
    Attitude,
    ContractType,
    Customer,
    CustomerGroup,
    PaymentMethod,
    Project,
    Reseller,
    RowResult,
    db,
)
from models.bulk import among

from . import audit
from .actor import Actor
from .bulk_links import SALESPEOPLE, Change, change, clean_salespeople
from .bulk_results import Result, gone, locked
from .customer_fields import InvalidCustomer, clean

REFERENCES = {
    "group_id": CustomerGroup,
    "project_id": Project,
    "reseller_id": Reseller,
    "contract_type_id": ContractType,
}
FIELDS = (
    *REFERENCES, "language", "country", "payment_method", "payment_days", "charge_tax", "never_suspend", "attitude",
    "invoice_note",
)  # fmt: skip
"""What may be set on many at once: nothing that is one customer's own, and no money."""
WORDS = {"payment_method": PaymentMethod, "attitude": Attitude}
SAME = "Had these values already."


def clean_edit(params: Mapping[str, Any]) -> dict[str, Any]:
    """`{"set": {field: value}, "salespeople": {"way", "ids"}}`, checked and plain; either may be left out.

    Raises InvalidCustomer with a sentence for every field that is wrong.
    """
    wanted = dict(params.get("set") or {})
    unknown = {name: f"{name} cannot be set on many customers at once." for name in wanted if name not in FIELDS}
    if unknown:
        raise InvalidCustomer(unknown)
    cleaned = clean(wanted)
    names = _named(cleaned)
    out: dict[str, Any] = {"set": audit.plain(cleaned), "names": names}
    if params.get("salespeople"):
        out["salespeople"] = clean_salespeople(params["salespeople"])
    if not out["set"] and "salespeople" not in out:
        raise InvalidCustomer({"set": "Choose at least one field to set."})
    return out


def _named(cleaned: Mapping[str, Any]) -> dict[str, str]:
    """The names of what is referred to, as they are now; raises InvalidCustomer where there is none any more."""
    names, errors = {}, {}
    for name, model in REFERENCES.items():
        if cleaned.get(name) is not None:
            found = db.session.scalar(select(model.name).where(model.id == cleaned[name]))
            if found is None:
                errors[name] = "This does not exist any more. Choose another one from the list."
            else:
                names[name] = found
    if errors:
        raise InvalidCustomer(errors)
    return names


def typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values of FIELDS as the columns want them."""
    return {name: WORDS[name](value) if name in WORDS else value for name, value in values.items()}


def edit_many(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """Set the values on these customers; `params` as from `clean_edit`. Raises NotAllowed, and InvalidCustomer when
    something chosen was removed meanwhile."""
    by.require("customers.edit")
    wanted = typed(params["set"])
    _named(wanted)
    rows = locked(ids, *(getattr(Customer, name) for name in wanted))
    changed = _set(list(rows.values()), wanted, by)
    links: dict[int, Change] = {}
    if "salespeople" in params:
        people = params["salespeople"]
        links = change(SALESPEOPLE, list(rows), people["way"], people["ids"], by, rows)
    return [*gone(ids, rows), *(_result(row, changed.get(row.id), links.get(row.id)) for row in rows.values())]


def _set(rows: Sequence[Any], wanted: Mapping[str, Any], by: Actor) -> dict[int, tuple[dict[str, Any], dict[str, Any]]]:
    """Before and after of those that differ; written in one statement, since they all become the same."""
    told: dict[tuple[Any, ...], tuple[dict[str, Any], dict[str, Any]]] = {}
    names, new = list(wanted), tuple(wanted.values())
    changed = {}
    for row in rows:
        old = tuple(row[2:])
        if old == new:
            continue
        if old not in told:
            differ = [n for n, was, now in zip(names, old, new, strict=True) if was != now]
            before = audit.plain({n: was for n, was in zip(names, old, strict=True) if n in differ})
            told[old] = before, audit.plain({n: wanted[n] for n in differ})
        changed[row.id] = told[old]
    if changed:
        where = among(db.session, Customer.id, list(changed))
        values = {**wanted, "version": Customer.version + 1}
        db.session.execute(update(Customer).where(where).values(values).execution_options(synchronize_session=False))
        name_of = {row.id: row.name for row in rows}
        audit.record_customers(by, "customer.changed", ((i, name_of[i], *both) for i, both in changed.items()))
    return changed


def _result(row: Any, changed: tuple[dict[str, Any], dict[str, Any]] | None, links: Change | None) -> Result:
    if changed is None and links is None:
        return Result(row.id, row.name, RowResult.UNCHANGED, SAME)
    before, after = changed or ({}, {})
    if links is not None:
        before, after = {**before, "salespeople": links[0]}, {**after, "salespeople": links[1]}
    return Result(row.id, row.name, RowResult.DONE, "", before, after)
