"""Payers: the legal identities a customer is billed under, where it is not the customer itself.

A billing group names its payer, or is billed to the customer's default one, or to the customer. What an issued
document says of its buyer stays what it was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from models import AccountType, BillingError, BillingGroup, Customer, Invoice, Payer, db

from . import audit
from .actor import Actor
from .contact_details import country_code, email_address
from .tax_numbers import tax_number
from .texts import one_line

MOST = 100
"""Payers of one customer."""
_LINES = {
    "contact_name": 200, "registration_number": 60, "street": 200, "street2": 200, "city": 120, "region": 120,
    "postal_code": 24,
}  # fmt: skip
FIELDS = ("account_type", "name", "email", "country", "tax_id", *_LINES)
"""Every field of a payer that may be set."""


class InvalidPayer(BillingError):
    """Some values cannot be kept; `errors` has a sentence for each of their fields."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


class PayerInUse(BillingError):
    """Something is billed to this payer still."""


class CannotMerge(BillingError):
    """These two cannot become one."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What merging one payer into another does."""

    groups: tuple[str, ...]
    documents: int
    was_default: bool


def of(customer: Customer) -> list[Payer]:
    """The customer's payers, those in use first, in the order they were added."""
    theirs = select(Payer).where(Payer.customer_id == customer.id)
    return list(db.session.scalars(theirs.order_by(Payer.archived_on.is_not(None), Payer.id).limit(MOST)))


def billed(customer: Customer, group: BillingGroup | None) -> Payer | None:
    """Who is billed for the group: its payer, else the customer's default one; None: the customer itself."""
    payer_id = (group.payer_id if group else None) or customer.default_payer_id
    return db.session.get(Payer, payer_id) if payer_id else None


def add(customer: Customer, values: Mapping[str, Any], *, by: Actor) -> Payer:
    """A further payer; a name is needed. Raises InvalidPayer, NotAllowed. Flushes."""
    by.require("customers.edit")
    cleaned = _clean({"account_type": AccountType.COMPANY, **values})
    there = db.session.scalar(select(func.count(Payer.id)).where(Payer.customer_id == customer.id)) or 0
    if there >= MOST:
        raise InvalidPayer({"name": f"A customer has {MOST} payers at the most."})
    payer = Payer(customer_id=customer.id, **cleaned)
    db.session.add(payer)
    db.session.flush()
    audit.record(by, "payer.added", payer, after=audit.plain(cleaned))
    db.session.flush()
    return payer


def edit(payer: Payer, values: Mapping[str, Any], *, by: Actor) -> None:
    """Change a payer; documents there are keep their words. Raises InvalidPayer, NotAllowed. Flushes."""
    by.require("customers.edit")
    cleaned = _clean(values, payer)
    before, after = audit.changes(payer, cleaned)
    for name in after:
        setattr(payer, name, cleaned[name])
    if after:
        audit.record(by, "payer.changed", payer, before=before, after=after)
    db.session.flush()


def assign(payer: Payer, groups: Collection[int], *, by: Actor) -> None:
    """These billing groups (ids, of the same customer) and no others name this payer.
    Raises InvalidPayer, NotAllowed."""
    by.require("customers.edit")
    theirs = select(BillingGroup).where(BillingGroup.customer_id == payer.customer_id).order_by(BillingGroup.id)
    known = {group.id: group for group in db.session.scalars(theirs)}
    if set(groups) - known.keys():
        raise InvalidPayer(
            {"groups": "One of these billing groups is not the customer's any more. Load the page again."}
        )
    if groups:
        _in_use_again(payer)
    for group in known.values():
        wanted = payer.id if group.id in groups else None if group.payer_id == payer.id else group.payer_id
        if group.payer_id != wanted:
            _name(group, wanted, by)
    db.session.flush()


def set_default(customer: Customer, payer: Payer | None, *, by: Actor) -> None:
    """Bill this payer wherever a group names none; None bills the customer itself. Raises InvalidPayer, NotAllowed."""
    by.require("customers.edit")
    if payer is not None:
        if payer.customer_id != customer.id:
            raise InvalidPayer({"name": "This payer is another customer's."})
        _in_use_again(payer)
    before, after = customer.default_payer_id, payer.id if payer else None
    if before != after:
        customer.default_payer_id = after
        old = db.session.get(Payer, before) if before else None
        names = ({"default_payer": str(one) if one else "the customer"} for one in (old, payer))
        audit.record(by, "customer.default_payer_set", customer, before=next(names), after=next(names))
    db.session.flush()


def archive(payer: Payer, *, by: Actor) -> None:
    """Bill it no more; its documents stay. Raises PayerInUse while a group or the default names it, NotAllowed."""
    by.require("customers.edit")
    _not_in_use(payer)
    if payer.archived_on is None:
        payer.archived_on = by.today
        audit.record(by, "payer.archived", payer)
    db.session.flush()


def restore(payer: Payer, *, by: Actor) -> None:
    """Let it be billed again. Raises NotAllowed."""
    by.require("customers.edit")
    if payer.archived_on is not None:
        payer.archived_on = None
        audit.record(by, "payer.restored", payer)
    db.session.flush()


def delete(payer: Payer, *, by: Actor) -> None:
    """Remove it for good. Raises PayerInUse when it is billed, or was: then archive it; NotAllowed."""
    by.require("customers.edit")
    _not_in_use(payer)
    if count := documents(payer):
        words = "document names" if count == 1 else "documents name"
        raise PayerInUse(f"{count:,} {words} {payer.name} as buyer, so it has to be kept. Archive it instead.")
    audit.record(by, "payer.removed", payer, before={"name": payer.name})
    db.session.delete(payer)
    db.session.flush()


def documents(payer: Payer) -> int:
    """How many documents were issued to it."""
    return db.session.scalar(select(func.count(Invoice.id)).where(Invoice.payer_id == payer.id)) or 0


def effects(primary: Payer, merged: Payer) -> Effects:
    """What `merge` would do. Raises CannotMerge."""
    customer = _check_pair(primary, merged)
    groups = select(BillingGroup.name).where(BillingGroup.payer_id == merged.id).order_by(BillingGroup.id)
    names = tuple(db.session.scalars(groups))
    return Effects(names, documents(merged), customer.default_payer_id == merged.id)


def merge(primary: Payer, merged: Payer, *, by: Actor) -> None:
    """Bill `primary` for everything `merged` was billed for. Documents keep their words and their payer; a merged
    payer that has some is archived, another one goes. Raises CannotMerge, NotAllowed. Flushes."""
    by.require("customers.edit")
    customer = _check_pair(primary, merged)
    done = effects(primary, merged)
    _in_use_again(primary)
    for group in db.session.scalars(select(BillingGroup).where(BillingGroup.payer_id == merged.id)):
        _name(group, primary.id, by)
    if done.was_default:
        set_default(customer, primary, by=by)
    told = {"merged": merged.name, "groups": ", ".join(done.groups), "documents": done.documents}
    audit.record(by, "payer.merged", primary, after=told)
    db.session.flush()
    if done.documents:
        archive(merged, by=by)
    else:
        delete(merged, by=by)


def name_default(customer: Customer, *, by: Actor) -> None:
    """Write the default payer into the groups it is billed for, and have none: before the customer's groups become
    another customer's. Raises NotAllowed. Flushes."""
    by.require("customers.edit")
    if customer.default_payer_id is None:
        return
    unnamed = select(BillingGroup).where(BillingGroup.customer_id == customer.id, BillingGroup.payer_id.is_(None))
    for group in db.session.scalars(unnamed.order_by(BillingGroup.id)):
        _name(group, customer.default_payer_id, by)
    set_default(customer, None, by=by)


def _check_pair(primary: Payer, merged: Payer) -> Customer:
    if primary.id == merged.id:
        raise CannotMerge("Choose two different payers.")
    if primary.customer_id != merged.customer_id:
        raise CannotMerge("These payers belong to different customers. Merge the customers first.")
    return db.session.get_one(Customer, primary.customer_id)


def _name(group: BillingGroup, payer_id: int | None, by: Actor) -> None:
    old, new = (db.session.get(Payer, one) if one else None for one in (group.payer_id, payer_id))
    group.payer_id = payer_id
    before, after = ({"payer": str(one) if one else ""} for one in (old, new))
    audit.record(by, "billing_group.changed", group, before=before, after=after)
    db.session.flush()
    db.session.expire(group, ["payer"])


def _in_use_again(payer: Payer) -> None:
    if payer.archived_on is not None:
        raise InvalidPayer({"name": f"{payer.name} is archived. Bring it back first."})


def _not_in_use(payer: Payer) -> None:
    customer = db.session.get_one(Customer, payer.customer_id)
    groups = db.session.scalars(select(BillingGroup.name).where(BillingGroup.payer_id == payer.id)).all()
    if groups:
        raise PayerInUse(f"{', '.join(groups)} is billed to {payer.name}. Choose another payer there first.")
    if customer.default_payer_id == payer.id:
        raise PayerInUse(f"{payer.name} is billed by default. Choose another default first.")


def _clean(values: Mapping[str, Any], payer: Payer | None = None) -> dict[str, Any]:
    """The values in the form they are kept; with `payer`, its tax number is only looked at when it is another."""
    cleaned: dict[str, Any] = {}
    errors: dict[str, str] = {}
    country = str(values.get("country", payer.country if payer else ""))
    checks: dict[str, Any] = {
        "account_type": AccountType,
        "name": lambda text: one_line(text, 200, "The name"),
        "email": lambda text: email_address(text) if text.strip() else "",
        "country": country_code,
        "tax_id": lambda text: text if payer and text == payer.tax_id else tax_number(text, country),
    }
    for name, value in values.items():
        what = f"The {name.replace('_', ' ')}"
        try:
            if name in checks:
                cleaned[name] = checks[name](value)
            elif name in _LINES:
                cleaned[name] = one_line(value, _LINES[name], what, empty=True)
            else:
                errors[name] = f"{name} is not a field of a payer."
        except BillingError as error:
            errors[name] = str(error)
        except ValueError:
            errors[name] = "Choose one from the list."
    if len(cleaned.get("tax_id", "")) > 40:
        errors["tax_id"] = "The tax number is too long: at most 40 letters."
    if payer is None and "name" not in values:
        errors["name"] = "The name is missing."
    if errors:
        raise InvalidPayer(errors)
    return cleaned
