"""What customers get from groups, and the shop's own fields: that what is stored is what the rules would store."""

from __future__ import annotations

from sqlalchemy import and_, func, literal, or_, select

from billing import inheritance
from billing.custom_fields import COLUMN
from models import Customer, CustomField, CustomValue

from .checks import Check, Query, Scope

CUSTOMERS = "customer", "customers"


def astray(scope: Scope) -> Query:
    """I52: a customer that follows its group has what the group, else the company, says."""
    return inheritance.astray()


def by_hand_into_nothing(scope: Scope) -> Query:
    """I52: nobody is put by hand into no group."""
    return select(Customer.id, Customer.name).where(Customer.group_by_hand, Customer.group_id.is_(None))


def misplaced_values(scope: Scope) -> Query:
    """I53: a value stands in the column of its field's kind, and in no other."""
    columns = sorted(set(COLUMN.values()))
    right = or_(
        *(
            and_(
                CustomField.kind.in_([kind for kind, column in COLUMN.items() if column == name]),
                getattr(CustomValue, name).is_not(None),
                *(getattr(CustomValue, other).is_(None) for other in columns if other != name),
            )
            for name in columns
        )
    )
    joined = select(CustomValue.customer_id, func.coalesce(CustomField.name, literal(""))).join(
        CustomField, CustomField.id == CustomValue.field_id
    )
    return joined.where(~right)


CHECKS = (
    Check("I52", CUSTOMERS, "with other defaults than their group or the company says", astray),
    Check("I52", CUSTOMERS, "put by hand into no group", by_hand_into_nothing),
    Check("I53", ("own field", "own fields"), "with a value of another kind", misplaced_values),
)
