"""Tax in words: the names of kinds of goods, and why a customer pays what."""

from __future__ import annotations

from typing import Any

from flask import g
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from billing import tax_categories

WHY: dict[str, Any] = {
    "small_business": _l("You are exempt as a small business, so nobody is charged tax."),
    "not_charged": _l("“Charge tax” is off for this customer."),
    "own_rate": _l("The customer has a rate of its own, and that comes before everything else."),
    "exempt_customer": _l("The customer is marked as exempt."),
    "kind_of_goods": _l("What is sold carries no tax, whoever buys it."),
    "home": _l("The customer is in your country and pays its rate on that day."),
    "reverse_charge": _l(
        "A business in another member state with a VAT number of a valid form: it pays the tax itself (reverse charge)."
    ),
    "registered": _l("You are registered in the customer’s country, so its rate is charged."),
    "their_country": _l("A private customer in another member state pays the rate of its country (one-stop shop)."),
    "our_rate": _l("A private customer in another member state pays the rate of your country, as you chose."),
    "abroad": _l("The customer is abroad, and the table has a rate for its country."),
    "export": _l("The customer is abroad, where you charge nothing."),
    "no_rate": _l("The table has no rate for this country, kind of goods and day."),
}
"""A sentence for each of billing.tax_rates.REASONS."""


def category_words() -> dict[str, str]:
    """code -> name of every kind of goods, asked once for a page."""
    if "tax_categories" not in g:
        g.tax_categories = {one.code: one.name if one.own else gettext(one.name) for one in tax_categories.every()}
    return g.tax_categories  # type: ignore[no-any-return]
