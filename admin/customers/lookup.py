"""Finding a customer for another form: by number, or by any part of what the list is searched by."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, CompoundSelect, Select, func, or_, select, union
from wtforms import StringField

from models import Customer, CustomerStatus, Invoice, db, find
from models.search import SearchIndex
from web.params import LARGEST_ID

CUSTOMERS = SearchIndex(
    "customer",
    ("name", "company_name", "contact_name", "username", "email", "phone", "phone_digits", "tax_id", "external_id"),
    ("name", "email"),
    digits="phone_digits",
)
SHOWN = 20
GATHERED = 200  # of a very common word only some matches are sorted
_NUMBERED = re.compile(r"(?:.*\(No\. |No\. )?(\d{1,18})\)?", re.DOTALL | re.ASCII)


class WithInvoices:
    """Stands for `models.find`: whoever was sent the invoice of that number is found too."""

    def hits(self, index: SearchIndex, model: Any, words: list[str], dialect: str) -> Any:
        found, theirs = find.hits(index, model, words, dialect), self._theirs(words, dialect)
        parts = found.selects if isinstance(found, CompoundSelect) else [found]
        return found if theirs is None else union(*parts, theirs)

    def contains(self, index: SearchIndex, model: Any, words: list[str], dialect: str) -> ColumnElement[bool]:
        found, theirs = find.contains(index, model, words, dialect), self._theirs(words, dialect)
        return found if theirs is None else or_(found, model.id.in_(theirs))

    def in_order_of_id(self, index: SearchIndex, model: Any, words: list[str], dialect: str) -> Any:
        known = self._theirs(words, dialect) is not None
        return None if known else find.in_order_of_id(index, model, words, dialect)

    def _theirs(self, words: list[str], dialect: str) -> Select[Any] | None:
        """Numbers are one word with a figure in it, whole, in small letters or capitals."""
        if len(words) != 1 or not any(letter.isdigit() for letter in words[0]):
            return None
        number, word = Invoice.number, words[0]
        same = number.collate("NOCASE") == word if dialect == "sqlite" else func.lower(number) == word.lower()
        return select(Invoice.customer_id.label("id")).where(same)


WITH_INVOICES = WithInvoices()


def find_customers(typed: str) -> list[Customer]:
    """Up to 20 customers that are not archived and hold every word, the one with that number first, then by name."""
    words = CUSTOMERS.words(typed)
    if not words:
        return []
    hits = find.hits(CUSTOMERS, Customer, words, db.session.get_bind().dialect.name).limit(GATHERED).subquery()
    query = select(Customer).join(hits, hits.c.id == Customer.id).where(Customer.status != CustomerStatus.ARCHIVED)
    query = query.order_by((Customer.id == _number(typed)).desc(), Customer.name, Customer.id)
    return list(db.session.scalars(query.limit(SHOWN)))


def label(customer: Customer) -> str:
    """How a customer is offered, and read again: ``Lindqvist Design Ltd (No. 10482)``."""
    return f"{customer.name} (No. {customer.id})"


def _number(typed: str) -> int:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else 0


class CustomerField(StringField):
    """A customer: chosen from the suggestions, or typed; several that match are offered. `data` is the Customer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.typed = ""
        self.matches: list[Customer] = []

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        # The last one is the button of an offered match, if one was pressed.
        self.typed, self.data = valuelist[-1].strip(), None
        if self.typed:
            self.data = self._read(self.typed)

    def _read(self, typed: str) -> Customer:
        numbered = _NUMBERED.fullmatch(typed)
        if numbered and int(numbered[1]) <= LARGEST_ID:
            found = db.session.get(Customer, int(numbered[1]))
            if found:
                return found
        self.matches = find_customers(typed)
        if len(self.matches) == 1:
            return self.matches[0]
        if self.matches:
            raise ValueError(_("Several customers match. Choose one of them."))
        raise ValueError(_("No customer holds these words. Look for a shorter part of the name or e-mail."))

    def _value(self) -> str:
        return label(self.data) if self.data else self.typed
