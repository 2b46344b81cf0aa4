"""The next bill of a service in words, where a change of its package is to come: for the panel and the portal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask_babel import gettext as _

from billing import next_bills
from billing.change_figures import Outcome
from billing.change_review import Review
from models import ChangeState, Money, PackageChange, Service

from .formatters import money, short_date
from .permissions import actor


@dataclass(frozen=True)
class Changed:
    """The next bill as a change makes it, with tax, and why; `amount` None: no exchange rate tells it yet."""

    day: date
    amount: Money | None
    why: str
    itself: str = ""


def changed(service: Service, change: PackageChange | None) -> Changed | None:
    """The next bill as a change that is put down will make it; None where the service is billed next as it is now."""
    review = next_bills.as_changed(service, change, by=actor()) if change else None
    if review is None or review.next_on is None:
        return None
    return Changed(review.next_on, review.next_amount, _why(review), _itself(review))


def beside(service: Service, change: PackageChange | None) -> str:
    """What is to be said of a change to come beside a bill that it does not touch; empty without one."""
    if change is None:
        return ""
    if change.state == ChangeState.WAITING:
        return _once_paid(change)
    if change.on and change.on > service.next_renewal_on:
        return _("before the change of %(day)s", day=short_date(change.on))
    return _("as it is now")


def _why(review: Review) -> str:
    day = short_date(review.on)
    if review.after is None or review.after.package == review.before.package:
        return _("as changed on %(day)s", day=day)
    return _("for %(package)s, which it becomes on %(day)s", package=review.after.package, day=day)


def _itself(review: Review) -> str:
    """What the change comes to on its own day."""
    known = {"amount": money(abs(review.total)), "day": short_date(review.on)}
    if review.makes == Outcome.INVOICE:
        return _("The change itself bills %(amount)s on %(day)s.", **known)
    if review.makes == Outcome.CREDIT_NOTE:
        return _("The change itself gives back %(amount)s on %(day)s.", **known)
    return ""


def _once_paid(change: PackageChange) -> str:
    day, minor = change.sums.get("next_on"), change.sums.get("next_minor")
    if not day or minor is None:
        return _("as it is now")
    known = {"invoice": str(change.invoice or ""), "day": short_date(date.fromisoformat(day))}
    amount = money(Money(minor, change.sums["currency"]))
    return _("once %(invoice)s is paid: %(amount)s on %(day)s", amount=amount, **known)
