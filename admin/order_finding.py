"""Finding orders: by the beginning of number or address, by the customer they became, by the name of the others."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, union

from admin.customers.lookup import CUSTOMERS
from admin.finding import ByCustomer
from billing.order_blocks import mailbox_of
from models import Customer, Order, OrderState, find
from models.search import LONGEST

OTHERS = [state for state in OrderState if state is not OrderState.ACCEPTED]


class FindOrders(ByCustomer):
    """Stands for `SearchIndex` and for `models.find`."""

    def hits(self, _index: Any, model: Any, words: list[str], dialect: str) -> Any:
        customers = find.hits(CUSTOMERS, Customer, words, dialect).subquery("customers")
        theirs = select(Order.id).join(customers, customers.c.id == Order.customer_id)
        found = select(Order.id).where(Order.state.in_(OTHERS), _named(words))
        return union(theirs, found, *(select(Order.id).where(one) for one in begins(words)))

    def contains(self, _index: Any, model: Any, words: list[str], dialect: str) -> ColumnElement[bool]:
        """The same test for one row at a time."""
        owner = select(Customer.id).where(Customer.id == Order.customer_id).correlate(Order)
        theirs = owner.where(find.contains(CUSTOMERS, Customer, words, dialect)).exists()
        return or_(theirs, and_(Order.state.in_(OTHERS), _named(words)), *begins(words))


def _named(words: list[str]) -> ColumnElement[bool]:
    return and_(*(Order.name.icontains(word, autoescape=True) for word in words))


def begins(words: list[str]) -> list[ColumnElement[bool]]:
    """By the indexes of number and address; both have no spaces in them."""
    typed = "".join(words)[:LONGEST] if len(words) == 1 else ""
    if not typed:
        return []
    return [_between(Order.number, typed.upper()), _between(Order.email_key, _mailbox(typed.lower()))]


def _mailbox(typed: str) -> str:
    """The beginning of an address as orders are kept by it: what follows a plus is left out."""
    return mailbox_of(typed) if "@" in typed else typed.partition("+")[0] or typed


def _between(column: Any, start: str) -> ColumnElement[bool]:
    return and_(column >= start, column < start + "\U0010ffff")


ORDERS = FindOrders("customer_order", "number")
