"""What is overdue in several currencies, as a figure and the words beneath it."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import gettext as _
from flask_babel import ngettext

from billing import company
from models import Money
from web.formatters import money, number


def in_words(sums: Sequence[Money], customers: int) -> tuple[str, str]:
    """The amount in the company's own currency, if there is one, else the first; then who owes, and the others."""
    own = company.settings().currency
    first, *others = sorted(sums, key=lambda amount: (amount.currency != own, amount.currency)) or [None]
    who = ngettext("%(n)s customer", "%(n)s customers", customers, n=number(customers))
    words = [who, *(_("and %(amount)s", amount=money(other)) for other in others)]
    return money(first) if first is not None else "–", ", ".join(words)
