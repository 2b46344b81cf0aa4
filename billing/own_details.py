"""What a customer's people change of it by themselves: the details that the settings leave to them, and its payers.

The values are checked as those that staff type; what they may not set is refused, not left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from models import Customer, Payer, db

from . import company, customers, payers
from .actor import Actor, NotAllowed
from .portal_rights import DECIDES, acting_for

FIELDS: dict[str, tuple[str, ...]] = {
    "portal_name": ("name", "company_name"),
    "portal_phone": ("contact_name", "phone", "phone_extension"),
    "portal_address": ("street", "street2", "postal_code", "city", "region", "country"),
    "portal_tax_id": ("tax_id", "registration_number"),
}
"""Setting -> the customer's fields it leaves to them."""
ALWAYS = ("language",)
"""In which language mails and documents are is nobody else's business."""
SEE, ADD, CHOOSE = "see", "add", "choose"
PERMISSION = "customers.edit"


def open_fields() -> frozenset[str]:
    """What the settings leave to customers now."""
    return frozenset(ALWAYS).union(*(names for setting, names in FIELDS.items() if company.value(setting)))


def change(customer: Customer, values: Mapping[str, Any], *, version: int | None = None, by: Actor) -> Customer:
    """Change the customer's details. Raises what `customers.edit` does, and NotAllowed for a field that is closed or
    a login that does not decide. Flushes."""
    actor = acting_for(customer, DECIDES, PERMISSION, by=by)
    if values.keys() - open_fields():
        raise NotAllowed("This is not changed here. Write to us, and we change it for you.")
    return customers.edit(customer, values, version=version, strict=True, by=actor)


def may_add_payers() -> bool:
    return company.value("portal_payers") in (ADD, CHOOSE)


def may_choose_payer() -> bool:
    return company.value("portal_payers") == CHOOSE


def add_payer(customer: Customer, values: Mapping[str, Any], *, by: Actor) -> Payer:
    """A further payer of the customer. Raises InvalidPayer, NotAllowed. Flushes."""
    return payers.add(customer, values, by=_with_payers(customer, may_add_payers(), by))


def change_payer(customer: Customer, payer: Payer, values: Mapping[str, Any], *, by: Actor) -> None:
    """Change a payer of the customer; documents there are keep their words. Raises InvalidPayer, NotAllowed."""
    _check_own(customer, payer)
    payers.edit(payer, values, by=_with_payers(customer, may_add_payers(), by))


def choose_payer(customer: Customer, payer: Payer | None, *, by: Actor) -> None:
    """Bill this payer from now on wherever a billing group names none; None bills the customer itself.
    Raises InvalidPayer, NotAllowed. Flushes."""
    if payer is not None:
        _check_own(customer, payer)
    payers.set_default(customer, payer, by=_with_payers(customer, may_choose_payer(), by))


def payer_of(customer: Customer, number: int) -> Payer | None:
    """One of the customer's payers that is in use; None for everybody else's."""
    mine = select(Payer).where(Payer.id == number, Payer.customer_id == customer.id, Payer.archived_on.is_(None))
    return db.session.scalar(mine)


def _with_payers(customer: Customer, allowed: bool, by: Actor) -> Actor:
    if not allowed:
        raise NotAllowed("This is not changed here. Write to us, and we change it for you.")
    return acting_for(customer, DECIDES, PERMISSION, by=by)


def _check_own(customer: Customer, payer: Payer) -> None:
    if payer.customer_id != customer.id:
        raise NotAllowed("This payer is another customer's.")
