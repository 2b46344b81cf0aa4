"""One bill in the making: the lines of a billing group for one day, its sums, and what becomes of its services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from billing.discount_rules import Cut, Live, cut
from billing.discount_table import CustomerDiscounts, Sold
from billing.fx import Exchange
from billing.money import Money, decimals_of
from billing.periods import BillingPeriod, full_period, next_renewal, renewal_dates_by_days
from billing.proration import share
from billing.tax import DocumentTotals, TaxLine
from billing.tax_rates import Tax
from models import BillingError, Charge, LineKind, Payer, UnitState

ONE = Decimal(1)


class NotBillable(BillingError):
    """Why a billing group cannot be billed; it is set aside until a person has looked."""


@dataclass(slots=True)
class Line:
    """One line of the bill, before it has an id; `amount` is what is left after the discount `cut`. `part_of` are the
    days of the whole period where only some of it is billed, else 0."""

    kind: LineKind
    description: str
    period: BillingPeriod | None
    quantity: Decimal
    price: Money
    amount: Money
    tax: Tax
    service_id: int | None = None
    charge_id: int | None = None
    details: str = ""
    cut: Cut | None = None
    part_of: int = 0


@dataclass(slots=True)
class Billed:
    """That a service or a charge is done for a period, what it cost, and when it comes next."""

    period: BillingPeriod
    amount: Money
    next_on: date | None
    service_id: int | None = None
    charge_id: int | None = None
    steps_over: bool = False
    """Whether days that are not billed lie behind the period, and are done with now."""


@dataclass(slots=True)
class Bill:
    """What the run found for one billing group and day. `account` is the row of `due.accounts`, `payer` who is
    billed where it is not the customer itself. `drawn` are prepayments: id, how much, and whether that was all;
    `invoice_id` is its document, once it is kept."""

    account: Any
    day: date
    payer: Payer | None = None
    asked_for: bool = False
    lines: list[Line] = field(default_factory=list)
    billed: list[Billed] = field(default_factory=list)
    totals: DocumentTotals | None = None
    exchange: Exchange | None = None
    credit_used: list[tuple[int, int]] = field(default_factory=list)
    drawn: list[tuple[int, int, bool]] = field(default_factory=list)
    still_due: int = 0
    state: UnitState = UnitState.DONE
    reason: str = ""
    invoice_id: int | None = None

    @property
    def amount(self) -> Money:
        """What the invoice comes to, in the account's currency."""
        return self.totals.gross if self.totals else Money(0, self.account.currency)

    @property
    def due_money(self) -> Money:
        """What is to be paid once credit in hand is used."""
        return Money(self.still_due, self.account.currency)

    @property
    def makes_invoice(self) -> bool:
        return self.state is UnitState.DONE


@lru_cache(maxsize=4096)
def period_from(
    start: date, months: int, days: int, anchor_day: int, anchor_month: int | None
) -> tuple[BillingPeriod, BillingPeriod]:
    """(the period that begins on `start`, the full period between anchors that it is part of)."""
    if days:
        whole = BillingPeriod(start, renewal_dates_by_days(start, days, 1)[0])
        return whole, whole
    end = next_renewal(start, months, anchor_day, anchor_month)
    return BillingPeriod(start, end), full_period(start, months, anchor_day, anchor_month)


def bill_service(
    service: Any,
    options: Sequence[Any],
    tax: Tax,
    bill: Bill,
    discounts: CustomerDiscounts | None = None,
) -> None:
    """Add a service's lines for its next period, prorated where the period is cut short by its start, its end or a
    pause, each less the discount that wins for it."""
    period, whole = period_from(
        service.next_renewal_on, service.months, service.days, service.anchor_day, service.anchor_month
    )
    stop = min(period.end, service.ends_on) if service.ends_on else period.end
    next_on, over = period.end, False
    if service.paused_from and service.paused_from < stop:
        over = service.paused_until is not None and service.paused_until == service.rhythm_from
        stop, next_on = service.paused_from, service.paused_until if over else service.paused_from
    billed = BillingPeriod(period.start, stop) if stop != period.end else period
    price = Money(0 if service.free else service.price_minor, service.currency)
    amount = _part(price, whole, billed)
    name = service.description or service.package
    part_of = _part_of(whole, billed)
    line = Line(LineKind.SERVICE, name, billed, ONE, price, amount, tax, service_id=service.id, part_of=part_of)
    live = _discounts(service, billed, bill, discounts) if discounts and not service.free else ()
    if live:
        _discount(line, live, billed)
    bill.billed.append(Billed(billed, line.amount, next_on, service_id=service.id, steps_over=over))
    if service.free:
        return
    bill.lines.append(line)
    for option in options:
        _bill_option(option, service.id, whole, billed, tax, bill, live)
    tried = service.started_on + timedelta(days=service.trial_days)
    if service.setup_fee_minor and service.next_renewal_on == service.billed_from == tried:
        _bill_setup(service, name, tax, bill, live)


def _bill_option(
    option: Any,
    service_id: int,
    whole: BillingPeriod,
    billed: BillingPeriod,
    tax: Tax,
    bill: Bill,
    live: Sequence[Live],
) -> None:
    name = f"{option.name}: {option.value}" if option.value else option.name
    amount = _part(option.price, whole, billed, option.quantity)
    line = Line(
        LineKind.OPTION, name, billed, option.quantity, option.price, amount, tax, service_id=service_id,
        part_of=_part_of(whole, billed),
    )  # fmt: skip
    if live:
        _discount(line, live, billed)
    bill.lines.append(line)


def _bill_setup(service: Any, name: str, tax: Tax, bill: Bill, live: Sequence[Live]) -> None:
    """Once, with the first bill; a discount has to run on the first day."""
    fee, day = Money(service.setup_fee_minor, service.currency), service.next_renewal_on
    line = Line(LineKind.SETUP, f"Set-up: {name}", None, ONE, fee, fee, tax, service_id=service.id)
    if live:
        _discount(line, live, BillingPeriod(day, day + timedelta(days=1)))
    bill.lines.append(line)


def _discounts(service: Any, billed: BillingPeriod, bill: Bill, discounts: CustomerDiscounts) -> Sequence[Live]:
    """The discounts that run for the service on some day of the period."""
    account = bill.account
    sold = Sold(
        account.customer_id,
        account.customer_group_id,
        account.project_id,
        service.package_id,
        service.months,
        service.days,
        service.started_on,
        service.id,
    )
    return discounts.live(sold, billed)


def _discount(line: Line, live: Sequence[Live], billed: BillingPeriod) -> None:
    line.cut = cut(live, line.kind, line.amount, line.price.minor, billed)
    if line.cut:
        line.amount -= Money(line.cut.minor, line.amount.currency)


def bill_charge(charge: Charge, tax: Tax, bill: Bill) -> None:
    """Add a further charge: once, or for its next period if it recurs."""
    start = charge.next_on
    assert start is not None
    if not (charge.months or charge.days):
        period = BillingPeriod(start, start + timedelta(days=1))
        amount, shown, next_on, part_of = charge.price.times(charge.quantity), None, None, 0
    else:
        period, whole = period_from(start, charge.months, charge.days, charge.anchor_day, None)
        last = charge.ends_on is not None and charge.ends_on <= period.end
        next_on = None if last else period.end
        if charge.ends_on and last:
            period = BillingPeriod(start, charge.ends_on)
        whole = whole if charge.proratable else period
        amount = _part(charge.price, whole, period, charge.quantity)
        shown, part_of = period, _part_of(whole, period)
    line = Line(
        LineKind.CHARGE, charge.description, shown, charge.quantity, charge.price, amount, tax, charge_id=charge.id,
        part_of=part_of,
    )  # fmt: skip
    bill.lines.append(line)
    bill.billed.append(Billed(period, amount, next_on, charge_id=charge.id))


def _part(price: Money, whole: BillingPeriod, billed: BillingPeriod, quantity: Decimal = ONE) -> Money:
    """Quantity × price × share of the period, rounded once."""
    if billed == whole:
        return price if quantity == 1 else price.times(quantity)
    return price.times(share(whole, billed.start, billed.end) * Fraction(quantity))


def _part_of(whole: BillingPeriod, billed: BillingPeriod) -> int:
    return 0 if billed == whole else whole.days


def tax_lines(bill: Bill) -> list[TaxLine]:
    """The bill's lines as the tax rules take them."""
    return [TaxLine(line.amount, line.tax.rate, line.tax.category) for line in bill.lines]


@lru_cache(maxsize=256)
def micro_per_minor(currency: str) -> int:
    """Millionths of the major unit in one minor unit."""
    return int(10 ** (6 - decimals_of(currency)))
