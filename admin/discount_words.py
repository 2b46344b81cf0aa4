"""Discounts in plain words: what one does as a sentence, and why one wins against another."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from billing.discount_meetings import NOTHING
from billing.discount_rules import AUDIENCE, LARGER, OLDER, PRIORITY, TARGET
from models import (
    Discount,
    DiscountAudience,
    DiscountCovers,
    DiscountKind,
    DiscountLasts,
    DiscountTarget,
)
from web.formatters import money, percent, short_date

AUDIENCES = [
    (DiscountAudience.EVERYONE, _l("Every customer")),
    (DiscountAudience.GROUP, _l("A group of customers")),
    (DiscountAudience.CUSTOMER, _l("One customer")),
]
TARGETS = [
    (DiscountTarget.ALL, _l("Every package")),
    (DiscountTarget.PROJECT, _l("Services of a project’s customers")),
    (DiscountTarget.PACKAGES, _l("These packages")),
]
KINDS = [
    (DiscountKind.PERCENT, _l("A percentage")),
    (DiscountKind.AMOUNT, _l("An amount")),
    (DiscountKind.SPECIAL, _l("A special price")),
]
COVERS = [
    (DiscountCovers.PRICE, _l("The price")),
    (DiscountCovers.SETUP, _l("The set-up fee")),
    (DiscountCovers.BOTH, _l("Both")),
]
LASTS_FOR = [
    (DiscountLasts.SERVICE, _l("The first use of each service")),
    (DiscountLasts.CUSTOMER, _l("The customer’s first use")),
]
# Why the first one wins against the other.
WHY: dict[str, Any] = {
    PRIORITY: _l("higher priority"),
    AUDIENCE: _l("narrower audience"),
    TARGET: _l("narrower target"),
    LARGER: _l("takes off more"),
    OLDER: _l("just as good, and older"),
    NOTHING: _l("takes nothing off this price"),
}
MOST_NAMED = 3


def sentence(discount: Discount) -> str:
    """What it does: 10 % off Fibre 300 for customers of the group Schools, from 1 Dec 2026 to 31 Dec 2026."""
    parts = [_("%(what)s for %(whom)s", what=what(discount), whom=whom(discount)), window(discount), *_limits(discount)]
    return ", ".join(part for part in parts if part) + "."


def what(discount: Discount) -> str:
    """10 % off Fibre 300 billed yearly"""
    known = {"off": value(discount), "target": _target(discount)}
    if discount.kind is DiscountKind.SPECIAL:
        if discount.covers is DiscountCovers.SETUP:
            return _("a set-up fee of %(off)s with %(target)s", **known)
        return _("%(off)s as the price of %(target)s", **known)
    if discount.covers is DiscountCovers.SETUP:
        return _("%(off)s off the set-up fee of %(target)s", **known)
    if discount.covers is DiscountCovers.BOTH:
        return _("%(off)s off the price and the set-up fee of %(target)s", **known)
    return _("%(off)s off %(target)s", **known)


def value(discount: Discount) -> str:
    """10 %, or the amounts of the currencies."""
    if discount.kind is DiscountKind.PERCENT:
        return percent(discount.percent)
    return " / ".join(money(amount.amount) for amount in discount.amounts)


def short_value(discount: Discount) -> str:
    """For a list: 10 %, −€5.00, €19.00."""
    text = value(discount)
    return f"−{text}" if discount.kind is DiscountKind.AMOUNT else text


def target(discount: Discount) -> str:
    """What it is for, as a list says it."""
    return capital(_target(discount))


def capital(text: str) -> str:
    """With a capital letter in front, as words that stand alone."""
    return text[:1].upper() + text[1:]


def _target(discount: Discount) -> str:
    if discount.service is not None:
        return _(
            "%(service)s (No. %(id)s) alone, without its options", service=str(discount.service), id=discount.service.id
        )
    if discount.target is DiscountTarget.PACKAGES:
        names = [package.name for package in discount.packages]
        more = len(names) - MOST_NAMED
        found = ", ".join(names[:MOST_NAMED])
        if more > 0:
            found = _("%(names)s and %(n)s more", names=found, n=more)
    elif discount.target is DiscountTarget.PROJECT:
        found = _("every package of %(name)s", name=discount.project)
    else:
        found = _("every package")
    return f"{found} {_period(discount)}" if discount.months or discount.days else found


def _period(discount: Discount) -> str:
    if discount.days:
        return ngettext("billed every day", "billed every %(num)d days", discount.days)
    if discount.months % 12 == 0:
        return ngettext("billed yearly", "billed every %(num)d years", discount.months // 12)
    return ngettext("billed monthly", "billed every %(num)d months", discount.months)


def whom(discount: Discount) -> str:
    """Whom it is for."""
    if discount.audience is DiscountAudience.GROUP:
        return _("customers of the group %(name)s", name=discount.group)
    if discount.audience is DiscountAudience.CUSTOMER:
        return str(discount.customer)
    return _("every customer")


def window(discount: Discount) -> str:
    """From when until when, the last day included; nothing where there are no bounds."""
    first, last = discount.starts_on, discount.last_on
    if first and last:
        return _("from %(first)s to %(last)s", first=short_date(first), last=short_date(last))
    if first:
        return _("from %(first)s on", first=short_date(first))
    return _("until %(last)s", last=short_date(last)) if last else ""


def _limits(discount: Discount) -> list[str]:
    found = []
    if discount.lasts_months or discount.lasts_days:
        found.append(_lasts(discount))
    if discount.bills:
        found.append(
            ngettext("on the first bill of each service", "on the first %(num)d bills of each service", discount.bills)
        )
    first, last = discount.service_from, discount.service_until
    if first and last:
        words = _("for services that start from %(first)s to %(last)s")
    elif first or last:
        words = _("for services that start from %(first)s on") if first else _("for services that start by %(last)s")
    else:
        words = ""
    if words:
        found.append(words % {"first": short_date(first), "last": short_date(last)})
    if discount.needs_code:
        found.append(_("with a code"))
    return found


def _lasts(discount: Discount) -> str:
    if discount.lasts_days:
        long = ngettext("%(num)d day", "%(num)d days", discount.lasts_days)
    else:
        long = ngettext("%(num)d month", "%(num)d months", discount.lasts_months)
    if discount.lasts_for is DiscountLasts.CUSTOMER:
        return _("for %(long)s from the customer’s first use", long=long)
    return _("for %(long)s from the first use of each service", long=long)


def state(discount: Discount, today: date) -> tuple[str, Any]:
    """(kind of the pill, word)."""
    if discount.archived_on:
        return "", _("Archived")
    if not discount.active:
        return "warn", _("Switched off")
    if discount.starts_on and discount.starts_on > today:
        return "info", _("Planned")
    if discount.last_on and discount.last_on < today:
        return "", _("Over")
    return "ok", _("Active")
