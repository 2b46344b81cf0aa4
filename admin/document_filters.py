"""Filters of lists whose rows belong to customers: customer, currency, the beginning of a number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin.customers.lookup import CUSTOMERS
from admin.filters import StaffFilter, WrongValue
from admin.finding import ByCustomer
from admin.listrequest import ListRequest
from models import Customer, db, find
from models.currencies import DECIMALS
from web.params import row_id


class CustomerFilter(StaffFilter):
    """Addresses hold the id; a person may type a name that only one customer has."""

    def __init__(self, column: Any) -> None:
        super().__init__(column, _l("Customer"), "is", "customer")

    def clean(self, value: str) -> int:
        """The id, from itself or from words that only one customer has."""
        value = value.strip()
        number = row_id(value)
        if number is not None:
            return number
        found = customers_like(value, 2)
        if not found:
            raise WrongValue(_("No customer is found by that. Write part of a name or e-mail address."))
        if len(found) > 1:
            raise WrongValue(_("Several customers are found by that. Write more of the name, or the e-mail address."))
        return found[0].id

    def words(self, value: str) -> str:
        customer = db.session.get(Customer, self.clean(value))
        return customer.name if customer else value


class CurrencyFilter(StaffFilter):
    def __init__(self, column: Any) -> None:
        super().__init__(column, _l("Currency"), "is")

    def clean(self, value: str) -> str:
        code = value.strip().upper()
        if code not in DECIMALS:
            raise WrongValue(_("Write the three letters of a currency, such as EUR."))
        return code

    @property
    def equality(self) -> bool:
        return False  # its index goes on with the amount, not with the id


class BeginningFilter(StaffFilter):
    """Beginnings by their index, in small letters or capitals."""

    def __init__(self, search: ByCustomer, column: Any, name: Any) -> None:
        super().__init__(column, name, "begins")
        self.search = search

    def clean(self, value: str) -> str:
        value = super().clean(value).strip()
        if not value:
            raise WrongValue(_("Write a value to compare with."))
        return value

    def where(self, value: str) -> Any:
        return self.search.begins(self.column.class_, value, db.session.get_bind().dialect.name)

    def bounds(self, column: Any) -> bool:
        return False


def customers_like(typed: str, limit: int) -> list[Customer]:
    """Some customers that hold all the words typed, archived ones too."""
    words = CUSTOMERS.words(typed)
    if not words:
        return []
    hits = find.hits(CUSTOMERS, Customer, words, db.session.get_bind().dialect.name).limit(limit).subquery()
    return list(db.session.scalars(select(Customer).join(hits, hits.c.id == Customer.id)))


def along_days(asked: ListRequest, *days: str) -> ListRequest:
    """A list narrowed by one of these days is sorted by it, the last first, unless another order is asked for."""
    narrowed = [one.filter.key for one in asked.filters if one.filter.key in days]
    return replace(asked, sort=narrowed[0], desc=True) if narrowed and not asked.sort else asked
