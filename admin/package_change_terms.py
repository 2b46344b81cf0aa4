"""Step 2 of the wizard: the packages to compare, the periods and options of the chosen one, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask import request, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from admin.package_change_form import NOW, ON, RENEWAL, ChangeForm, change_form, fill_options, span
from admin.package_change_review import of_review
from admin.package_change_words import DIRECTIONS
from billing import company, package_changes
from billing.money import round_half_away
from billing.package_moves import a_month
from models import BillingError, Money, Package, PackageChange, PackageGroup, PackagePrice, Service, db
from web import params
from web.change_shown import signed
from web.formatters import money, short_date
from web.permissions import actor
from web.price_words import per_words, period_words, price_words

ABOUT = 90


@dataclass(frozen=True)
class PackageRow:
    """One package to choose, as it is compared with the present one."""

    package: Package
    pill: tuple[str, Any]
    price: str
    per: str
    more: str
    rises: bool
    about: str
    chosen: bool
    heading: str = ""


class Terms:
    """The form of a draft, filled with what was sent, else with what was kept, else with what the service has."""

    def __init__(self, change: PackageChange) -> None:
        self.change, self.service = change, change.service
        sent = request.method == "POST"
        kept = change.to_package_id if not sent else None
        # First: what it reads of the package is not asked for again.
        review = package_changes.review(change, by=actor()) if kept else None
        self.kept = of_review(change, review, effects=False) if review else None
        self.allowed = package_changes.allowed(self.service)
        asked = params.row_id(request.form.get("package", "")) if sent else kept
        self.free = {one.package.id: one.package for one in self.allowed if not one.why_not}
        chosen = self.free.get(asked) if asked is not None else None
        self.form: ChangeForm = change_form(
            self.service, list(self.free), chosen, _span_of(self._asked_period()) if chosen else None
        )
        if kept:
            self.form.fill(change)
        elif chosen is not None:
            fill_options(self.form)
        if chosen is not None and self.form.price_listed is None:
            self.form.period.data = self._usual_period()

    def _asked_period(self) -> str:
        """The period that options are priced for."""
        if request.method == "POST" and "period" in request.form:
            return request.form["period"]
        kept = self.change.terms
        return f"{kept['months']}-{kept['days']}" if kept.get("months") or kept.get("days") else span(self.service)

    def _usual_period(self) -> str:
        """As now, if it is sold like that; else the first."""
        now, offered = span(self.service), [span(one) for one in self.form.offered]
        return now if now in offered else offered[0] if offered else ""

    def values(self) -> dict[str, Any]:
        """What the page shows."""
        form, service = self.form, self.service
        effect, trouble = self._trial()
        return {
            "form": form, "chosen": form.chosen, "trial": effect, "trouble": trouble, "today": actor().today,
            "packages": self._packages(), "others": [one for one in self.allowed if one.why_not],
            "periods": self._periods() if form.chosen else [], "whens": self._whens() if form.chosen else [],
            "options": [f"option_{one.id}" for one in form.chosen.options] if form.chosen else [],
            "now_words": _("free") if service.free else price_words(service.price, service.months, service.days),
            "back_url": self._back(),
        }  # fmt: skip

    def _packages(self) -> list[PackageRow]:
        """The ones that may be chosen: those of the same group, then group by group, the cheapest first."""
        code, own, known = self.service.currency, self.service.package.group_id, _group_names()
        rows = [(a_month(one.package.prices, code), one) for one in self.allowed if not one.why_not]
        rows.sort(key=lambda pair: (pair[0] is None, pair[0] or 0, pair[1].package.name))
        groups = {one.package.group_id for _price, one in rows}
        order = sorted(groups, key=lambda number: (number != own, number is None, known.get(number, "")))
        found = []
        for number in order:
            heading = (known.get(number) or _("Others")) if len(order) > 1 else ""
            for _price, one in (pair for pair in rows if pair[1].package.group_id == number):
                found.append(replace(self._package(one), heading=heading))
                heading = ""
        return found

    def _package(self, one: Any) -> PackageRow:
        service, package = self.service, one.package
        price = _comparable(package, service)
        same = price is not None and span(price) == span(service)
        more = _more(price, service)
        return PackageRow(
            package,
            ("info", _("Now")) if package.id == service.package_id else DIRECTIONS[one.direction],
            money(price.price) if price else _("No price"),
            per_words(price.months, price.days) if price else _("agree one"),
            _more_words(more, service.currency, same),
            more > 0,
            package.description if len(package.description) <= ABOUT else f"{package.description[:ABOUT]}…",
            self.form.chosen is not None and package.id == self.form.chosen.id,
        )

    def _periods(self) -> list[dict[str, Any]]:
        service, named = self.service, self.form.period.data
        fees = company.value("change_setup_fee") or service.next_renewal_on == service.billed_from
        return [
            {
                "value": span(one),
                "words": period_words(one.months, one.days),
                "price": money(one.price),
                "about": _("set-up %(fee)s", fee=money(one.setup_fee)) if fees and one.setup_fee_minor else "",
                "same": span(one) == span(service),
                "chosen": span(one) == named,
            }
            for one in self.form.offered
        ]

    def _whens(self) -> list[dict[str, Any]]:
        service, named = self.service, self.form.when.data
        renewal, today = short_date(service.next_renewal_on), short_date(actor().today)
        offers = [
            (NOW, _("Now"), _("Today, %(day)s. What is unused is credited, to the day.", day=today)),
            (RENEWAL, _("At the renewal"), _("On %(day)s. Nothing is charged until then.", day=renewal)),
            (ON, _("On another day"), _("It is scheduled, and done on that day as a change of that day.")),
        ]
        return [{"value": way, "words": word, "about": told, "chosen": way == named} for way, word, told in offers]

    def _trial(self) -> tuple[dict[str, Any] | None, str]:
        """What it would come to, worked out and taken back; or why that cannot be said."""
        form = self.form
        if request.method != "POST" or form.chosen is None or form.price_listed is None:
            return self.kept, ""
        if form.when.data == ON and not form.on.data:
            return None, ""
        try:
            with db.session.begin_nested() as tried:
                package_changes.write(self.change, form.wanted(), by=actor())
                found = of_review(self.change, package_changes.review(self.change, by=actor()), effects=False)
                tried.rollback()
        except BillingError as refusal:
            return None, str(refusal)
        return found, ""

    def _back(self) -> str:
        return url_for("package-changes.create_view", customer=self.service.customer_id, service=self.service.id)


def _group_names() -> dict[int | None, str]:
    return {row.id: row.name for row in db.session.execute(select(PackageGroup.id, PackageGroup.name))}


def _comparable(package: Package, service: Service) -> PackagePrice | None:
    """Its price for the period the service has now; else the one that is least a month."""
    own = [one for one in package.prices if one.currency == service.currency and (one.months or one.days)]
    same = [one for one in own if span(one) == span(service)]
    return same[0] if same else min(own, key=lambda one: a_month([one], service.currency) or 0, default=None)


def _more(price: PackagePrice | None, service: Service) -> int:
    """How much more it costs than now, in minor units: for the period of now, or a month where that differs."""
    if price is None or service.free:
        return 0
    if span(price) == span(service):
        return price.price_minor - service.price_minor
    new, now = a_month([price], service.currency), a_month([service], service.currency)  # type: ignore[list-item]
    return round_half_away(new - now) if new is not None and now is not None else 0


def _more_words(more: int, currency: str, same: bool) -> str:
    if not more:
        return ""
    words = signed(Money(more, currency))
    return words if same else _("%(amount)s a month", amount=words)


def _span_of(text: str) -> tuple[int, int] | None:
    months, dash, days = text.partition("-")
    return (int(months), int(days)) if dash and months.isdecimal() and days.isdecimal() else None
