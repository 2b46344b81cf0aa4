"""Groups of customers: their defaults and rules, the packages and ways to pay their customers may have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select

from models import BillingError, Customer, CustomerGroup, Package, PaymentMethod, Project, db, group_package

from . import audit, group_conditions, inheritance, own_lists
from .actor import Actor

WORDS = {PaymentMethod.FREE: "free of charge", PaymentMethod.INVOICE: "by invoice", PaymentMethod.CARD: "by card"}


class NotForGroup(BillingError):
    """Customers of this group may not have that."""


def create(
    values: Mapping[str, Any], *, rules: Sequence[Sequence[str]] = (), packages: Iterable[int] = (), by: Actor
) -> CustomerGroup:
    """A new group. `values` are of own_lists.FIELDS, `rules` as people type them, `packages` ids. Raises NotAllowed,
    EntryRefused, BadRule."""
    by.require("settings.edit")
    ready = {**values, "rules": _rules(values, rules)}
    _check(ready)
    group: CustomerGroup = own_lists.create(CustomerGroup, ready, by=by)  # type: ignore[assignment]
    set_packages(group, packages, by=by)
    return group


def change(
    group: CustomerGroup,
    values: Mapping[str, Any],
    *,
    rules: Sequence[Sequence[str]] | None = None,
    packages: Iterable[int] | None = None,
    by: Actor,
) -> None:
    """Change a group; the customers that follow it have its new defaults at once, their places stay until the rules
    are applied. Raises NotAllowed, EntryRefused, BadRule."""
    by.require("settings.edit")
    ready = {**values, **({} if rules is None else {"rules": _rules(values, rules)})}
    _check({name: ready.get(name, getattr(group, name)) for name in (*ready, "payment_methods", "payment_method")})
    own_lists.change(group, ready, by=by)
    if packages is not None:
        set_packages(group, packages, by=by)
    inheritance.hand_down(group_id=group.id)


def set_packages(group: CustomerGroup, packages: Iterable[int], *, by: Actor) -> None:
    """The packages (ids) that customers of the group may have from now on; none means all. Running services stay.
    Raises NotAllowed, EntryRefused."""
    by.require("settings.edit")
    wanted, before = set(packages), packages_of(group)
    if wanted == before:
        return
    names = dict(db.session.execute(select(Package.id, Package.name).where(Package.id.in_(wanted | before))).all())
    if wanted - names.keys():
        raise own_lists.EntryRefused("One of these packages is not there any more. Load the page again.", "packages")
    db.session.execute(delete(group_package).where(group_package.c.group_id == group.id))
    if wanted:
        db.session.execute(insert(group_package), [{"group_id": group.id, "package_id": one} for one in sorted(wanted)])
    was, now = ({"packages": sorted(names[one] for one in ids)} for ids in (before, wanted))
    audit.record(by, "customer_group.packages_set", group, before=was, after=now)
    db.session.flush()


def packages_of(group: CustomerGroup) -> set[int]:
    """Ids of the packages the group's customers may have; empty means all."""
    return set(db.session.scalars(select(group_package.c.package_id).where(group_package.c.group_id == group.id)))


def check_package(customer: Customer, package: Package) -> None:
    """Raises NotForGroup when the customer's group has a list of packages without this one."""
    if customer.group_id is None:
        return
    listed = set(
        db.session.scalars(select(group_package.c.package_id).where(group_package.c.group_id == customer.group_id))
    )
    if listed and package.id not in listed:
        raise NotForGroup(
            f"Customers of the group {customer.group} may not have {package.name}. "
            "Choose another package, or open this one for the group under Settings, Customers, Groups."
        )


def why_not(values: Mapping[str, Any], customer: Customer | None) -> dict[str, str]:
    """What stands against the customer's own way to pay among `values`: a sentence by field, or nothing."""
    method = values.get("payment_method")
    if method is None and customer is not None and {"group_id", "project_id"} & set(values):
        method = customer.payment_method if customer.own_payment_method else None
    if method is None or not values.get("own_payment_method", True):
        return {}
    for name, model in (("group_id", CustomerGroup), ("project_id", Project)):
        number = values[name] if name in values else getattr(customer, name, None)
        owner: Any = db.session.get(model, number) if number else None
        if owner is not None and owner.payment_methods and method not in owner.payment_methods:
            allowed = ", ".join(WORDS[PaymentMethod(one)] for one in owner.payment_methods)
            return {"payment_method": f"Customers of {owner.name} pay {allowed} only."}
    return {}


def _rules(values: Mapping[str, Any], rules: Sequence[Sequence[str]]) -> list[list[Any]]:
    read = group_conditions.read(rules)
    if values.get("automatic") and not read:
        raise own_lists.EntryRefused(
            "Write at least one condition, or let people choose the group by hand.", "automatic"
        )
    return read


def _check(values: Mapping[str, Any]) -> None:
    method, allowed = values.get("payment_method"), values.get("payment_methods")
    if method and allowed and method not in allowed:
        raise own_lists.EntryRefused(
            "This is not among the ways its customers may pay. Change one of the two.", "payment_method"
        )
