"""Packages that are bought once: they start no service, their lines have no period, and one invoice bills them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from models import Coupon, Customer, Invoice, LineKind, Money, db

from . import coupons, discounts, drafts, fx_prices, invoices, services
from .actor import Actor
from .discount_rules import cut
from .discount_table import CustomerDiscounts, Sold
from .document_lines import Amount, LineInput, taxed, unit_price
from .money import convert
from .order_choices import Picked
from .periods import BillingPeriod
from .renewals import Tables
from .renewals.bill import ONE, Bill, Line


@dataclass(frozen=True, slots=True)
class OnceLine:
    """A line of what is bought once: price of one in the currency of the account, and the rate where it was
    converted."""

    kind: LineKind
    description: str
    price: Money
    quantity: Decimal
    details: str


def lines(picked: Picked, account: Any, tables: Tables, on: date) -> Iterator[OnceLine]:
    """The lines for an account (customer_id, customer_group_id, currency), at the rate of the day where the package
    has no price in its currency (SPEC 3.1). Raises NoExchangeRate."""
    base, note = picked.price.currency, ""
    who = {"customer_id": account.customer_id or None, "group_id": account.customer_group_id}
    exchange = tables.fx.exchange(base, account.currency, on, **who)
    if base != account.currency:
        note = fx_prices.note(base, exchange, account.currency)
    for kind, words, price, quantity in _listed(picked):
        ours = price if base == account.currency else convert(price, exchange.rate, account.currency)
        yield OnceLine(kind, words, ours, quantity, note)


def add_to(bill: Bill, picked: Picked, tables: Tables, known: CustomerDiscounts | None) -> None:
    """Put the lines on a bill, with the discounts that are `known`. Raises NoExchangeRate."""
    account = bill.account
    day = BillingPeriod(bill.day, bill.day + timedelta(days=1))
    sold = Sold(account.customer_id, account.customer_group_id, account.project_id, picked.package.id, 0, 0)
    tax = tables.tax.tax_for(taxed(account), picked.package.tax_category, bill.day)
    live = known.live(sold, day) if known else ()
    for one in lines(picked, account, tables, bill.day):
        line = Line(one.kind, one.description, None, one.quantity, one.price, one.price.times(one.quantity), tax)
        line.details = one.details
        line.cut = cut(live, one.kind, line.amount, one.price.minor, day) if live else None
        if line.cut:
            line.amount -= Money(line.cut.minor, line.amount.currency)
        bill.lines.append(line)


def bill(
    customer: Customer, picked: Picked, tables: Tables, *, total: Money, coupon: str = "", by: Actor
) -> Invoice | None:
    """The invoice for it, issued; none where `total`, what it comes to, is nothing. A code that is given in is used up.
    Raises what coupons, drafts and invoices raise."""
    code = None
    if coupon:
        code = db.session.scalar(select(Coupon).where(Coupon.code == coupons.normalised(coupon)))
        coupons.redeem(coupon, customer, once=picked.package, by=by)
    if not total:
        return None
    found = discounts.discounted(_typed(customer, picked, tables, by.today), customer, on=by.today, code=code)
    draft = drafts.begin(customer, group=services.main_group(customer), of_quote=True, by=by)
    content = drafts.Content(found, note=draft.note, terms=draft.terms, po_number=draft.po_number)
    return invoices.issue(drafts.write(draft, content, version=draft.version, told=False, by=by), by=by)


def _typed(customer: Customer, picked: Picked, tables: Tables, on: date) -> list[LineInput]:
    """The lines as a document by hand takes them."""
    package = picked.package
    return [
        LineInput(
            one.description, unit_price(one.price), Amount(one.quantity), one.kind, details=one.details,
            taxed_as=package.tax_category, package_id=package.id,
        )
        for one in lines(picked, _account(customer), tables, on)
    ]  # fmt: skip


def _account(customer: Customer) -> Any:
    return _Account(customer.id, customer.group_id, customer.currency)


@dataclass(frozen=True, slots=True)
class _Account:
    customer_id: int
    customer_group_id: int | None
    currency: str


def _listed(picked: Picked) -> Iterator[tuple[LineKind, str, Money, Decimal]]:
    """Kind, words, price of one and quantity of each line, in the currency of the price list."""
    name = picked.package.name
    yield LineKind.SERVICE, name, picked.price.price, ONE
    for one in picked.options:
        if one.price:
            words = f"{one.option.name}: {one.value}" if one.value else one.option.name
            yield LineKind.OPTION, words, one.price, one.quantity
    if picked.price.setup_fee_minor:
        yield LineKind.SETUP, f"Set-up: {name}", picked.price.setup_fee, ONE
