"""What "filter by customer" leaves of a list. Each list names in `of_customer` the column that holds the customer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, false

from web import only_customer

NOBODY = "nobody"  # of_customer of lists whose rows are about no customer: packages, staff, settings


def narrowed(view: Any, query: Select[Any]) -> Select[Any]:
    """`query` itself where nothing is narrowed. A list that does not say whose its rows are shows none of them."""
    chosen = only_customer.id_()
    if chosen is None or view.of_customer == NOBODY:
        return query
    return query.where(getattr(view.model, view.of_customer) == chosen if view.of_customer else false())


def kept(view: Any, ids: list[int]) -> list[int]:
    """Of the rows ticked in a list of customers, those that may be shown now."""
    chosen = only_customer.id_()
    return ids if chosen is None or view.of_customer != "id" else [number for number in ids if number == chosen]


def preset(view: Any) -> dict[str, int]:
    """What a form that makes a row of this list begins with: the customer the panel is narrowed to."""
    chosen = only_customer.id_()
    return {} if chosen is None or view.of_customer in ("", "id", NOBODY) else {"customer": chosen}
