"""What the page of a customer is made of: tabs with their own addresses, and the cards that stand on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models import Customer


def nothing(_customer: Customer) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Tab:
    """`counts` is a model with a `customer_id`: the customer's rows of it are counted beside the words."""

    name: str
    words: Any
    needs: str = "customers.view"
    counts: Any = None


@dataclass(frozen=True, slots=True)
class Card:
    """A card of a tab: the template ``admin/customers/cards/<name>.html``, which reads as `this` what `fill` gives."""

    name: str
    tab: str
    fill: Callable[[Customer], dict[str, Any]] = nothing
    needs: str = "customers.view"
    aside: bool = False

    @property
    def template(self) -> str:
        return f"admin/customers/cards/{self.name}.html"


@dataclass(frozen=True, slots=True)
class EditCard(Card):
    """A card with a `form` (see edits.card_form): ``?edit=<name>`` shows that in its place; `words` head it."""

    form: Any = None
    words: Any = ""
