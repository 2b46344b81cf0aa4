"""The shop's own words for its customers: groups, tags, resellers, contract types and projects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from models import (
    BillingError,
    ContractType,
    Customer,
    CustomerGroup,
    FxRate,
    Project,
    Reseller,
    Tag,
    db,
)
from models.currencies import DECIMALS

from . import audit, staff
from .actor import Actor
from .countries import COUNTRIES
from .texts import one_line

Kind = type[CustomerGroup] | type[Tag] | type[Reseller] | type[ContractType] | type[Project]
Entry = CustomerGroup | Tag | Reseller | ContractType | Project
ADDRESS = ("street", "street2", "postal_code", "city", "region", "country")
FIELDS: dict[Any, tuple[str, ...]] = {
    CustomerGroup: ("name", "colour", "payment_days", "never_suspend"),
    Tag: ("name",),
    Reseller: ("name", "email", "phone"),
    ContractType: ("name",),
    Project: ("name", "legal_name", "email", "tax_id", "currency", *ADDRESS),
}
_COLOUR = re.compile(r"#[0-9a-f]{6}")


class EntryRefused(BillingError):
    """An entry cannot be like this; `field` names what is wrong."""

    def __init__(self, sentence: str, field: str = "name") -> None:
        super().__init__(sentence)
        self.field = field


class InUse(BillingError):
    """Somebody still has it, so it stays."""


def create(kind: Kind, values: Mapping[str, Any], *, by: Actor) -> Entry:
    """Add an entry. Raises NotAllowed, EntryRefused."""
    by.require("settings.edit")
    entry = kind(**_read(kind, values, None))
    db.session.add(entry)
    db.session.flush()
    read = {name: getattr(entry, name) for name in values}
    audit.record(by, f"{kind.__tablename__}.created", entry, after=audit.plain(read))
    return entry


def change(entry: Entry, values: Mapping[str, Any], *, by: Actor) -> None:
    """Change an entry for everybody who has it. Raises NotAllowed, EntryRefused."""
    by.require("settings.edit")
    read = _read(type(entry), values, entry.id)
    before, after = audit.changes(entry, read)
    for name in after:
        setattr(entry, name, read[name])
    db.session.flush()
    if after:
        audit.record(by, f"{entry.__tablename__}.changed", entry, before=before, after=after)


def delete(entry: Entry, *, by: Actor) -> None:
    """Delete an entry that nobody has. Raises NotAllowed, InUse."""
    by.require("settings.edit")
    if in_use(entry):
        raise InUse(f"{entry.name} is in use, so it stays. Take it away from those who have it first.")
    audit.record(by, f"{entry.__tablename__}.deleted", entry, before={"name": entry.name})
    db.session.delete(entry)
    db.session.flush()


def in_use(entry: Entry) -> bool:
    """Whether any customer, or an exchange rate, still has it."""
    if isinstance(entry, CustomerGroup):
        rate = db.session.scalar(select(FxRate.id).where(FxRate.group_id == entry.id).limit(1))
        return rate is not None or _had(Customer.group_id == entry.id)
    if isinstance(entry, Tag):
        return _had(Customer.tags.any(Tag.id == entry.id))
    if isinstance(entry, Reseller):
        return _had(Customer.reseller_id == entry.id)
    if isinstance(entry, ContractType):
        return _had(Customer.contract_type_id == entry.id)
    return _had(Customer.project_id == entry.id)


def _had(condition: Any) -> bool:
    return db.session.scalar(select(Customer.id).where(condition).limit(1)) is not None


def _read(kind: Any, values: Mapping[str, Any], own_id: int | None) -> dict[str, Any]:
    unknown = set(values) - set(FIELDS[kind])
    if unknown:
        raise KeyError(f"{kind.__name__} has no {', '.join(sorted(unknown))} to choose")
    read: dict[str, Any] = {}
    for name, value in values.items():
        try:
            read[name] = _one(kind, name, value)
        except EntryRefused:
            raise
        except BillingError as refusal:
            raise EntryRefused(str(refusal), name) from refusal
    _keep_names_apart(kind, read.get("name"), own_id)
    return read


def _one(kind: Any, name: str, value: Any) -> Any:
    if name == "never_suspend":
        return bool(value)
    if name == "payment_days":
        if value is not None and not (type(value) is int and 0 <= value <= 365):
            raise EntryRefused("The time to pay is a whole number of days from 0 to 365.", name)
        return value
    text = one_line(value or "", kind.__table__.columns[name].type.length, "This", empty=name != "name")
    if text and name == "email":
        return staff.clean_email(text)
    if text and name == "colour" and not _COLOUR.fullmatch(text):
        raise EntryRefused("A colour is written as #rrggbb, such as #2f6fdf.", name)
    if text and ((name == "currency" and text not in DECIMALS) or (name == "country" and text not in COUNTRIES)):
        raise EntryRefused("Choose one from the list.", name)
    return text


def _keep_names_apart(kind: Any, name: str | None, own_id: int | None) -> None:
    if name is None:
        return
    same = select(kind.id).where(func.lower(kind.name) == name.lower(), kind.id != (own_id or 0))
    if db.session.scalar(same.limit(1)):
        raise EntryRefused("There is one of this name already. Choose another name.")
