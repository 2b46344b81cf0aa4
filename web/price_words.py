"""Prices as people say them: ``€49.00 a month``."""

from __future__ import annotations

from flask_babel import gettext as _

from models import Money

from .formatters import money


def price_words(price: Money, months: int, days: int) -> str:
    """The price with its period: a month, a year, every 3 months, every 30 days, once."""
    amount = money(price)
    if not (months or days):
        return _("%(amount)s once", amount=amount)
    if months and months % 12 == 0:
        if months == 12:
            return _("%(amount)s a year", amount=amount)
        return _("%(amount)s every %(n)s years", amount=amount, n=months // 12)
    if months:
        if months == 1:
            return _("%(amount)s a month", amount=amount)
        return _("%(amount)s every %(n)s months", amount=amount, n=months)
    if days == 1:
        return _("%(amount)s a day", amount=amount)
    return _("%(amount)s every %(n)s days", amount=amount, n=days)


def per_words(months: int, days: int) -> str:
    """What stands below a price: a month, a year, every 3 months, every 30 days, once."""
    if not (months or days):
        return _("once")
    if months and months % 12 == 0:
        return _("a year") if months == 12 else _("every %(n)s years", n=months // 12)
    if months:
        return _("a month") if months == 1 else _("every %(n)s months", n=months)
    return _("a day") if days == 1 else _("every %(n)s days", n=days)


def period_words(months: int, days: int) -> str:
    """The period alone, as a choice: Monthly, Yearly, Every 3 months, Every 30 days, Once."""
    if not (months or days):
        return _("Once")
    if months == 1:
        return _("Monthly")
    if months and months % 12 == 0:
        return _("Yearly") if months == 12 else _("Every %(n)s years", n=months // 12)
    if months:
        return _("Every %(n)s months", n=months)
    return _("Daily") if days == 1 else _("Every %(n)s days", n=days)
