"""Finding a customer's documents: by the beginning of their own number or address, or by any part of the customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, union_all
from sqlalchemy.orm import aliased

from admin.customers.lookup import CUSTOMERS
from models import Customer, find
from models.search import LONGEST, SearchIndex


@dataclass(frozen=True)
class ByCustomer:
    """Stands for `SearchIndex` and for `models.find` in lists whose rows belong to a customer.

    `column` is the row's own; its beginnings have an index of their own.
    """

    table: str
    column: str

    def words(self, typed: str) -> list[str]:
        return CUSTOMERS.words(typed)

    def hits(self, _index: Any, model: Any, words: list[str], dialect: str) -> Any:
        """`SELECT id` of all that match, each once, without gathering them first."""
        customers = find.hits(CUSTOMERS, Customer, words, dialect).subquery("customers")
        theirs = select(model.id).join(customers, customers.c.id == model.customer_id)
        own = self._own(model, words, dialect)
        if own is None:
            return theirs
        others = or_(~own, getattr(model, self.column).is_(None))
        return union_all(select(model.id).where(own), theirs.where(others, *self._unless_own(model, words, dialect)))

    def contains(self, _index: Any, model: Any, words: list[str], dialect: str) -> ColumnElement[bool]:
        """The same test for one row at a time."""
        owner = select(Customer.id).where(Customer.id == model.customer_id).correlate(model)
        theirs = owner.where(find.contains(CUSTOMERS, Customer, words, dialect)).exists()
        own = self._own(model, words, dialect)
        return theirs if own is None else or_(own, and_(*self._unless_own(model, words, dialect), theirs))

    def _unless_own(self, model: Any, words: list[str], dialect: str) -> list[ColumnElement[bool]]:
        """What holds a digit and begins a number means numbers: then customers are not looked through."""
        if not any(letter.isdigit() for letter in words[0]):
            return []
        other = aliased(model)
        return [~select(other.id).where(self.begins(other, words[0], dialect)).exists()]

    def in_order_of_id(self, *_what: Any) -> None:
        return None

    def _own(self, model: Any, words: list[str], dialect: str) -> ColumnElement[bool] | None:
        """None where what is typed has several words: numbers and addresses have none."""
        typed = " ".join(words)[:LONGEST]
        if not typed or " " in typed:
            return None
        return self.begins(model, typed, dialect)

    def begins(self, model: Any, text: str, dialect: str) -> ColumnElement[bool]:
        return find.begins(SearchIndex(self.table, (), (self.column,)), model, text, dialect)


class Described(ByCustomer):
    """For rows known by words of their own, such as an address or a domain."""

    def _own(self, model: Any, words: list[str], dialect: str) -> ColumnElement[bool] | None:
        typed = " ".join(words)[:LONGEST]
        return self.begins(model, typed, dialect) if typed else None


class CustomersOnly(ByCustomer):
    """For rows that are known by nothing of their own."""

    def _own(self, model: Any, words: list[str], dialect: str) -> None:
        return None
