"""What an order comes to: at once, and with each further bill. By the renewals' own rules; writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from models import (
    AccountType,
    BillingError,
    Coupon,
    Customer,
    CustomerGroup,
    LineKind,
    Money,
    OrderForm,
    db,
)

from . import company, coupons, inheritance, order_once
from .discount_table import CustomerDiscounts, DiscountTable, Uses
from .fx import NoExchangeRate
from .order_choices import ChoiceRefused, Picked
from .periods import BillingPeriod
from .renewals import Tables
from .renewals.bill import Bill, Line, NotBillable
from .renewals.build import add_lines, sum_up
from .renewals.due import Row

NOBODY = 0
"""Stands for the customer and the service that are not there yet."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of the first bill: its words, days and amount after `discount`."""

    kind: LineKind
    description: str
    period: BillingPeriod | None
    amount: Money
    discount: Money
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TaxOf:
    """The tax at one rate; `category` as on documents."""

    rate: Decimal
    category: str
    tax: Money


@dataclass(frozen=True, slots=True)
class Figures:
    """What an order comes to. `total` is due at once, `later` (tax included) with each full period from `later_on`
    on; a trial is free until `trial_until`. `rate` tells how prices of another currency were converted. `tables` are
    what it was looked up in."""

    picked: Picked
    lines: tuple[OrderLine, ...]
    net: Money
    taxes: tuple[TaxOf, ...]
    total: Money
    includes_tax: bool
    later: Money | None
    later_on: date | None
    trial_until: date | None
    rate: str
    tables: Tables = field(repr=False, compare=False)

    @property
    def tax(self) -> Money:
        return self.total - self.net


def figures(
    form: OrderForm,
    picked: Picked,
    *,
    on: date,
    coupon: str = "",
    buyer: Customer | None = None,
    details: Mapping[str, Any] | None = None,
) -> Figures:
    """What it comes to on the day `on` for a customer there is (`buyer`), or for somebody new who says `details`
    (country, company_name, tax_id). It is in the currency of the account: what has no price in it is converted, as on
    every bill (SPEC 3.1). A code that does nothing is refused. Raises ChoiceRefused, BillingError."""
    tables = Tables.load(company.settings())
    account = _account(form, buyer, details or {})
    found = _discounts(tables.discounts, account.customer_id, coupon, picked, account, on)
    service = _service(form, picked, on)
    try:
        first = _bill(account, service, picked, tables, found, on)
        later = _later(account, service, first, picked, tables, found)
    except (NotBillable, NoExchangeRate):
        if account.currency == form.currency:
            raise
        raise ChoiceRefused(
            f"Your account is kept in {account.currency}. {picked.package.name} has no price in it, and we have no "
            f"exchange rate from {picked.price.currency}. Ask us."
        ) from None
    trial_until = service.billed_from if service.trial_days else None
    return _told(picked, first, later, trial_until, tables)


def _account(form: OrderForm, buyer: Customer | None, details: Mapping[str, Any]) -> Any:
    """What bills look at of a customer; of a new one, what it will be."""
    if buyer is not None:
        names = (
            "group_id", "project_id", "account_type", "tax_id", "country", "currency", "payment_method", "charge_tax",
            "tax_exempt", "tax_rate", "language",
        )  # fmt: skip
        mine = {name: getattr(buyer, name) for name in names}
        return SimpleNamespace(**mine, customer_id=buyer.id, customer_group_id=buyer.group_id, usual_minor=None)
    group = db.session.get(CustomerGroup, form.group_id) if form.group_id else None
    handed = {name: inheritance.inherited(name, group)[0] for name in ("payment_method", "charge_tax")}
    return SimpleNamespace(
        customer_id=NOBODY, customer_group_id=form.group_id, group_id=form.group_id, project_id=form.project_id,
        account_type=account_type(details), tax_id=details.get("tax_id", ""), country=details.get("country", ""),
        currency=form.currency, tax_exempt=False, tax_rate=None, language=form.language, usual_minor=None, **handed,
    )  # fmt: skip


def account_type(details: Mapping[str, Any]) -> AccountType:
    """Who names a company or a tax number orders for a business."""
    business = details.get("company_name") or details.get("tax_id")
    return AccountType.COMPANY if business else AccountType.INDIVIDUAL


def _service(form: OrderForm, picked: Picked, on: date) -> Any:
    """The service as it will be on its first day."""
    trial = picked.package.trial_days if picked.recurs else 0
    first = on + timedelta(days=trial)
    price = picked.price
    return Row(
        id=NOBODY, package_id=picked.package.id, package=picked.package.name, description=picked.package.name,
        tax_category=picked.package.tax_category, currency=price.currency, price_minor=price.price_minor,
        setup_fee_minor=price.setup_fee_minor, months=price.months, days=price.days,
        anchor_day=(form.anchor_day if price.months else None) or first.day,
        anchor_month=first.month if price.months >= 12 else None, started_on=on, billed_from=first,
        next_renewal_on=first, trial_days=trial, free=False, ends_on=None, paused_from=None, paused_until=None,
        rhythm_from=None,
    )  # fmt: skip


def _discounts(
    table: DiscountTable, customer_id: int, code: str, picked: Picked, account: Any, on: date
) -> CustomerDiscounts | None:
    """The discounts as they will be once the code is given in. Raises ChoiceRefused for a code that does nothing."""
    found = table.of([customer_id])
    if not code.strip():
        return found
    coupon = db.session.scalar(select(Coupon).where(Coupon.code == coupons.normalised(code)))
    if coupon is None or found is None:
        raise ChoiceRefused("This code does nothing here. Check its letters and digits.", "coupon")
    try:
        coupons.check_order(coupon, account, picked.package.id, picked.price.months, picked.price.days, on)
    except BillingError as refusal:
        raise ChoiceRefused(str(refusal), "coupon") from None
    return found.with_code(coupon, customer_id, on)


def _bill(
    account: Any, service: Any, picked: Picked, tables: Tables, discounts: CustomerDiscounts | None, on: date
) -> Bill:
    """The bill of the first day: nothing while it is tried."""
    bill = Bill(account, on, asked_for=True)
    if service.trial_days:
        pass  # free to try
    elif picked.recurs:
        add_lines(bill, [service], (), {NOBODY: _billed_options(picked)}, tables, discounts)
    else:
        order_once.add_to(bill, picked, tables, discounts)
    sum_up(bill, tables)
    return bill


def _later(
    account: Any, service: Any, first: Bill, picked: Picked, tables: Tables, discounts: CustomerDiscounts | None
) -> Bill | None:
    """The first bill of a full period: that after the first, or after the trial."""
    if not picked.recurs:
        return None
    start = first.billed[0].period.end if first.billed else service.billed_from
    if not service.trial_days:
        service.next_renewal_on = start
        discounts = _used(discounts, account.customer_id, first)
    bill = Bill(account, start, asked_for=True)
    add_lines(bill, [service], (), {NOBODY: _billed_options(picked)}, tables, discounts)
    sum_up(bill, tables)
    return bill


def _used(discounts: CustomerDiscounts | None, customer_id: int, first: Bill) -> CustomerDiscounts | None:
    """The discounts once the first bill has used some."""
    cuts = [line.cut.discount_id for line in first.lines if line.cut]
    if discounts is None or not cuts:
        return discounts
    day = first.billed[0].period.start if first.billed else first.day
    mine = dict.fromkeys(cuts, day)
    whose = {(customer_id, NOBODY): mine}
    used = Uses({**discounts.used.first, **whose}, {**discounts.used.bills, NOBODY: dict.fromkeys(cuts, 1)})
    return CustomerDiscounts(discounts.table, discounts.own, used, discounts.codes)


def _billed_options(picked: Picked) -> list[Any]:
    """The options as a run reads them: those that cost something."""
    return [
        SimpleNamespace(
            id=NOBODY, service_id=NOBODY, name=one.option.name, value=one.value, quantity=one.quantity, price=one.price
        )
        for one in picked.options
        if one.price
    ]


def _told(picked: Picked, first: Bill, later: Bill | None, trial_until: date | None, tables: Tables) -> Figures:
    sums = first.totals
    assert sums is not None
    return Figures(
        picked=picked,
        lines=tuple(_line(line) for line in first.lines),
        net=sums.net,
        taxes=tuple(TaxOf(one.rate, one.category, one.tax) for one in sums.subtotals if one.category != "O"),
        total=sums.gross,
        includes_tax=tables.company.prices_include_tax,
        later=later.amount if later else None,
        later_on=later.day if later else None,
        trial_until=trial_until,
        rate=_rate(picked, first, later),
        tables=tables,
    )


def _rate(picked: Picked, *bills: Bill | None) -> str:
    """The words on the lines of a converted price; empty where nothing is converted."""
    found = (
        line.details for bill in bills if bill and bill.account.currency != picked.price.currency for line in bill.lines
    )
    return next((words for words in found if words), "")


def _line(line: Line) -> OrderLine:
    off = Money(line.cut.minor if line.cut else 0, line.amount.currency)
    return OrderLine(line.kind, line.description, line.period, line.amount, off, line.cut.reason if line.cut else "")
