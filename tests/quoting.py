"""Quotes for tests to work on."""

from __future__ import annotations

from typing import Any

from billing import quote_links, quotes
from billing.actor import Actor
from billing.document_lines import LineInput, read_quantity
from billing.money import UnitPrice
from billing.quote_lines import QuoteItem
from billing.quotes import Offer
from models import Customer, LineKind, Package, Quote


def line(description: str = "Cabling", price: str = "80", quantity: str = "1", **values: Any) -> QuoteItem:
    return QuoteItem(LineInput(description, UnitPrice.of(price, "EUR"), read_quantity(quantity), **values))


def sold(package: Package, price: str = "45", quantity: str = "1", months: int = 1, **values: Any) -> QuoteItem:
    """A line of a package; it starts a service, billed every so many months."""
    given = LineInput(
        package.name, UnitPrice.of(price, "EUR"), read_quantity(quantity), LineKind.SERVICE, package_id=package.id,
        **values,
    )  # fmt: skip
    return QuoteItem(given, months=months)


def follows(package: Package, kind: LineKind, price: str = "5", quantity: str = "1", **values: Any) -> QuoteItem:
    """An option or the set-up fee of the package above it."""
    given = LineInput(
        f"{kind} of {package}", UnitPrice.of(price, "EUR"), read_quantity(quantity), kind, package_id=package.id
    )
    return QuoteItem(given, **values)


def sent_quote(customer: Customer, *items: QuoteItem, by: Actor, **values: Any) -> Quote:
    return quotes.send(quotes.draft(customer, Offer(items or [line()], **values), by=by), by=by)


def link_of(quote: Quote, by: Actor, key: str) -> str:
    """The path of a fresh link to it."""
    _row, token = quote_links.make(quote, key=key, by=by)
    return f"{quote_links.PATH}{token}"
