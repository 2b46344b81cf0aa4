"""What an order says, as it is kept: what was chosen, the bill as it was shown, what was typed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _

from billing import order_fields, order_making, order_records
from models import BillingError, Customer, CustomField, FieldKind, Money, Order, PortalUser
from web import formatters, languages
from web.formatters import money, number, percent, short_date
from web.permissions import actor
from web.price_words import per_words


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the bill. `off` says what a discount took off."""

    words: str
    days: str
    amount: Money
    off: str


@dataclass(frozen=True, slots=True)
class Bill:
    rows: list[Row]
    sums: list[tuple[str, Money]]
    later: str
    trial: str


def package_words(order: Order) -> str:
    """Fibre 300, a month."""
    return exported(order.chosen)


def exported(chosen: Any) -> str:
    """The same for a file, which has only the column."""
    return f"{chosen['package']}, {per_words(chosen['months'], chosen['days'])}" if chosen else ""


def options(order: Order) -> list[tuple[str, str]]:
    """What was picked of the options, with its price for one."""
    rows = []
    for one in order.chosen["options"]:
        price, quantity = money(Money(one["price_minor"], order_records.listed_in(order))), Decimal(one["quantity"])
        value = one["value"] or (_("Yes") if quantity == 1 else "")
        many = f"{number(quantity)} × " if quantity != 1 else ""
        rows.append((one["name"], ", ".join(filter(None, (value, f"{many}{price}")))))
    return rows


def bill(order: Order) -> Bill:
    """As whoever ordered saw it."""
    chosen, code = order.chosen, order.currency
    rows = [
        Row(
            line.description,
            _days(line.period.start, line.period.end) if line.period else "",
            line.amount,
            _("%(amount)s off: %(why)s", amount=money(line.discount), why=line.reason) if line.discount else "",
        )
        for line in order_records.lines(order)
    ]
    taxes = [
        (_("Tax %(rate)s", rate=percent(Decimal(one["rate"]))), Money(one["tax_minor"], code))
        for one in chosen["taxes"]
        if one["tax_minor"]
    ]
    net = [(_("Net"), Money(chosen["net_minor"], code))] if taxes else []
    return Bill(
        rows, [*net, *taxes, (_("Due at once"), Money(chosen["total_minor"], code))], _later(order), _trial(order)
    )


def _days(first: date, end: date) -> str:
    return _("%(first)s to %(last)s", first=short_date(first), last=short_date(end - timedelta(days=1)))


def _later(order: Order) -> str:
    chosen, on = order.chosen, order.chosen["later_on"]
    if not on:
        return ""
    each = per_words(chosen["months"], chosen["days"])
    day = short_date(date.fromisoformat(on))
    return _("From %(day)s on %(amount)s %(each)s, with tax.", day=day, amount=money(order.later), each=each)


def _trial(order: Order) -> str:
    until = order.chosen["trial_until"]
    return _("Free to try until %(day)s.", day=short_date(date.fromisoformat(until))) if until else ""


def details(order: Order) -> list[tuple[str, Any]]:
    """What was typed in, the form's own fields by the names they have now."""
    typed = {name: value for name, value in order.details.items() if name not in ("name", "email")}
    known = {one.name: one for one in order_fields.askable()} if typed else {}
    rows = [(_("Name"), order.name), (_("E-mail"), order.email)]
    for name, value in typed.items():
        field = known.get(name)
        label = field.label if field else name.removeprefix(order_fields.PREFIX)
        rows.append((label, _value(name, value, field.custom if field else None)))
    spoken = dict(languages.choices())
    return [*rows, (_("Language"), spoken.get(order.language, order.language))] if order.language else rows


def _value(name: str, value: Any, custom: CustomField | None) -> Any:
    if custom is not None and custom.kind == FieldKind.DATE:
        return short_date(date.fromisoformat(str(value)))
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return formatters.locale().territories.get(value, value) if name == "country" else value


def for_customer(order: Order, customer: Customer) -> tuple[str, bool]:
    """What it would come to today for a customer there is, in words, and whether it can be made for it at all."""
    try:
        now = order_making.figures_of(order, order.form, actor().today, customer)
    except BillingError as refusal:
        return str(refusal), False
    return _("%(amount)s at once", amount=money(now.total)), True


def to_approve(order: Order, login: PortalUser | None, known: Sequence[Customer]) -> dict[str, Any]:
    """What approving it would make today, and what stands against it. `login` has its address already, and `known` are
    the customers it may be of."""
    try:
        now = order_making.figures_of(order, order.form, actor().today)
    except BillingError as refusal:
        return {"trouble": str(refusal), "told": []}
    who = order.customer.name if order.customer else order.details.get("company_name") or order.name
    told = [("ok", "server", _("%(name)s gets %(what)s.", name=who, what=package_words(order)))]
    if order.customer_id is None:
        told.insert(0, ("ok", "user-plus", _becomes(who, login, known)))
    if now.total:
        told.append(("", "receipt-text", _("An invoice of %(amount)s is issued and mailed.", amount=money(now.total))))
    if now.total != order.total:
        shown = _(
            "The customer saw %(amount)s: days, taxes or discounts are not as they were.", amount=money(order.total)
        )
        told.append(("warn", "triangle-alert", shown))
    if order.customer_id is None and login is None:
        told.append(("", "mail", _("%(mail)s gets a link to choose a password.", mail=order.email)))
    return {"trouble": "", "told": told}


def _becomes(who: str, login: PortalUser | None, known: Sequence[Customer]) -> str:
    if known:
        return _("%(name)s becomes a customer, unless you choose one below.", name=who)
    if login:
        return _("%(name)s becomes a customer.", name=who)
    return _("%(name)s becomes a customer with a login.", name=who)


def to_refuse(order: Order) -> list[tuple[str, str, str]]:
    return [
        ("bad", "x", _("Nothing was made for it, and nothing will be. This cannot be taken back.")),
        ("", "mail", _("%(mail)s is told, with the reason if you give one.", mail=order.email)),
    ]
