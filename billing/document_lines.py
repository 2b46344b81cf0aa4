"""What a line of a document is, and what the lines come to: amounts, discounts, tax. Pure; writes and reads nothing.

Drafts, quotes, credit notes and previews of them all ask `work_out`. Renewals have a faster way to the same figures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

from billing.money import InvalidAmount, Money, UnitPrice, decimals_of
from billing.periods import BillingPeriod
from billing.prices import LARGEST_MINOR, LARGEST_QUANTITY
from billing.tax import DocumentTotals, TaxLine, totals
from billing.tax_rates import Tax, Taxed, TaxTable
from models import BillingError, LineKind
from models.exact import divide_half_away

MOST_LINES = 200
"""Lines of one document. More is a list, and belongs in an attachment."""
ONE = Decimal(1)
_FRACTION = re.compile(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,6})\s*")
_HUNDRED = Decimal(100)


class InvalidLine(BillingError, ValueError):
    """A line, or the discount of a document, that cannot be billed. `line` is its place, from 1; 0 is the document."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(f"Line {line}: {message}" if line else message)
        self.line, self._message = line, message

    @property
    def reason(self) -> str:
        """The sentence without the place of the line."""
        return BillingError.in_words(self._message)


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity as a person typed it: a number, or `number` of `per` parts where they typed 55/60."""

    number: Decimal
    per: int | None = None

    @property
    def exact(self) -> Decimal | Fraction:
        """What amounts are worked out with."""
        return self.number if self.per is None else Fraction(int(self.number), self.per)

    @property
    def stored(self) -> Decimal:
        """The quantity with six decimals, as lines keep it beside `per`."""
        if self.per is None:
            return self.number
        return Decimal(divide_half_away(int(self.number) * 10**6, self.per)).scaleb(-6)

    def __str__(self) -> str:
        return f"{self.number:f}" if self.per is None else f"{self.number:f}/{self.per}"


def read_quantity(text: str) -> Amount:
    """A quantity as people type it: 3, 2.5, 55/60. Raises InvalidLine."""
    fraction = _FRACTION.fullmatch(text)
    if fraction:
        number, per = Decimal(fraction[1]), int(fraction[2])
        if not per:
            raise InvalidLine("A quantity cannot be divided by zero.")
        return _checked(Amount(number, per if per > 1 else None))
    if not re.fullmatch(r"\s*[0-9]{1,9}([.][0-9]{1,20})?\s*", text):
        raise InvalidLine("Enter a quantity such as 1, 2.5 or 55/60.")
    return _checked(Amount(Decimal(text.strip())))


def _checked(quantity: Amount) -> Amount:
    if not 0 < quantity.exact <= LARGEST_QUANTITY:
        raise InvalidLine(f"A quantity is more than zero and at most {LARGEST_QUANTITY:,}.")
    if quantity.per is None and quantity.number != quantity.number.quantize(Decimal("0.000001")):
        raise InvalidLine("A quantity has at most six decimals. A fraction such as 55/60 is exact.")
    return quantity


def quantity_of(line: Any) -> Amount:
    """The quantity of a stored line (its `quantity` and `quantity_per`) as it was typed."""
    if line.quantity_per is None:
        return Amount(line.quantity)
    return Amount(Decimal(round(line.quantity * line.quantity_per)), line.quantity_per)


@dataclass(frozen=True, slots=True)
class LineInput:
    """One line as it is entered, before anything is worked out.

    `unit_price` may be below zero (something taken off), and may be finer than the minor unit; `share` is the part of
    a period that is billed. At most one of `discount_percent` (above 0, at most 100) and `discount` (more than zero,
    at most the line's amount) is given; `discount_id` says that it came by itself (billing.discounts). `taxed_as` is
    the kind of goods (S, R… of the tax table); `tax` says the tax itself and wins, as a credit note has the tax of the
    line it takes back.
    """

    description: str
    unit_price: UnitPrice
    quantity: Amount = Amount(ONE)
    kind: LineKind = LineKind.MANUAL
    details: str = ""
    period: BillingPeriod | None = None
    share: Fraction = Fraction(1)
    taxed_as: str = "S"
    tax: Tax | None = None
    discount_percent: Decimal | None = None
    discount: Money | None = None
    discount_reason: str = ""
    discount_id: int | None = None
    package_id: int | None = None
    service_id: int | None = None
    charge_id: int | None = None
    original_line_id: int | None = None


@dataclass(frozen=True, slots=True)
class WorkedLine:
    """A line with its figures: `full` = quantity × price × share, rounded once; `amount` = full − discount;
    `document_discount` is its share of the document's, not off the amount."""

    input: LineInput
    full: Money
    discount: Money
    amount: Money
    document_discount: Money
    tax: Tax


@dataclass(frozen=True, slots=True)
class WorkedOut:
    """A document's lines and sums. `discount` is the document's own, already off the totals."""

    lines: tuple[WorkedLine, ...]
    discount: Money
    totals: DocumentTotals
    legal_note: str
    period_start: date | None
    period_end: date | None

    @property
    def sum_of_lines(self) -> Money:
        """The amounts of the lines, before the document's discount."""
        return sum((line.amount for line in self.lines), Money.zero(self.discount.currency))


def taxed(account: Any, payer: Any = None) -> Taxed:
    """Whose country and tax number decide the tax: the payer's if there is one, under the switches of the customer.

    `account` is a customer or a row of a run with its columns.
    """
    if payer is None:
        return cast(Taxed, account)
    return cast(
        Taxed,
        SimpleNamespace(
            country=payer.country or account.country,
            account_type=payer.account_type,
            tax_id=payer.tax_id,
            charge_tax=account.charge_tax,
            tax_exempt=account.tax_exempt,
            tax_rate=account.tax_rate,
            language=account.language,
            customer_group_id=getattr(account, "customer_group_id", None) or getattr(account, "group_id", None),
        ),
    )


def work_out(
    lines: Sequence[LineInput],
    *,
    buyer: Taxed,
    currency: str,
    tax: TaxTable,
    on: date,
    prices_include_tax: bool = False,
    discount_percent: Decimal | None = None,
    discount: Money | None = None,
) -> WorkedOut:
    """What the lines come to for `buyer` (see `taxed`) on the day `on`, all of them in `currency`.

    `discount_percent` or `discount` (one of them at most) is the document's, off the sum of all lines before tax,
    shared among the lines above zero pro rata by largest remainder (SPEC 3.6, 3.9). A document without lines comes to
    nothing. Raises InvalidLine, and AmountTooLarge or CurrencyMismatch of money that cannot be added up.
    """
    if len(lines) > MOST_LINES:
        raise InvalidLine(f"A document has at most {MOST_LINES} lines. Make two of it.")
    priced = [_priced(place, line, currency, tax, buyer, on) for place, line in enumerate(lines, 1)]
    off = _document_discount(priced, currency, discount_percent, discount)
    shares = off.allocate([max(line.amount.minor, 0) for line in priced])
    return sum_up(
        [
            WorkedLine(line.input, line.full, line.discount, line.amount, share, line.tax)
            for line, share in zip(priced, shares, strict=True)
        ],
        currency=currency,
        prices_include_tax=prices_include_tax,
    )


def sum_up(lines: Sequence[WorkedLine], *, currency: str, prices_include_tax: bool) -> WorkedOut:
    """The sums of lines whose figures are known already."""
    after = [TaxLine(line.amount - line.document_discount, line.tax.rate, line.tax.category) for line in lines]
    sums = totals(after, currency=currency, prices_include_tax=prices_include_tax)
    periods = [line.input.period for line in lines if line.input.period]
    return WorkedOut(
        tuple(lines),
        sum((line.document_discount for line in lines), Money.zero(currency)),
        sums,
        "\n".join(dict.fromkeys(line.tax.note for line in lines if line.tax.note)),
        min((period.start for period in periods), default=None),
        max((period.end for period in periods), default=None),
    )


def _priced(place: int, line: LineInput, currency: str, tax: TaxTable, buyer: Taxed, on: date) -> WorkedLine:
    try:
        return _work_out_line(line, currency, line.tax or tax.tax_for(buyer, line.taxed_as, on))
    except InvalidLine as error:
        raise InvalidLine(error.reason, place) from None
    except InvalidAmount as error:
        raise InvalidLine(str(error), place) from None


def _work_out_line(line: LineInput, currency: str, tax: Tax) -> WorkedLine:
    if line.unit_price.currency != currency:
        raise InvalidLine(f"The price is in {line.unit_price.currency}, but the document is in {currency}.")
    _checked(line.quantity)
    full = line.unit_price.times(line.quantity.exact if line.share == 1 else Fraction(line.quantity.exact) * line.share)
    if abs(full.minor) > LARGEST_MINOR:
        raise InvalidLine(f"The amount is too large ({full}). Check the number of digits.")
    off = _line_discount(line, full)
    return WorkedLine(line, full, off, full - off, Money.zero(currency), tax)


def _line_discount(line: LineInput, full: Money) -> Money:
    off = _taken_off(full, line.discount_percent, line.discount)
    if off and full.minor < 0:
        raise InvalidLine("There is no discount on an amount below zero.")
    return off


def _document_discount(
    lines: Sequence[WorkedLine], currency: str, percent: Decimal | None, amount: Money | None
) -> Money:
    whole = sum((line.amount for line in lines), Money.zero(currency))
    return _taken_off(max(whole, Money.zero(currency)), percent, amount)


def _taken_off(whole: Money, percent: Decimal | None, amount: Money | None) -> Money:
    """The discount on `whole`: percent of it, rounded once, or the amount, never more than the whole."""
    if percent is not None and amount is not None:
        raise InvalidLine("A discount is a percentage or an amount, not both.")
    if percent is not None:
        return whole.times(check_percent(percent) / _HUNDRED)
    if amount is None:
        return Money.zero(whole.currency)
    if amount.currency != whole.currency:
        raise InvalidLine(f"The discount is in {amount.currency}, but the document is in {whole.currency}.")
    if amount.minor <= 0:
        raise InvalidLine("A discount is more than zero.")
    if amount > whole:
        raise InvalidLine(f"The discount ({amount}) is larger than what it is taken off ({whole}).")
    return amount


def check_percent(percent: Decimal) -> Decimal:
    """More than 0, at most 100, no finer than four decimals; raises InvalidLine."""
    if not isinstance(percent, Decimal) or not percent.is_finite() or not 0 < percent <= 100:
        raise InvalidLine("A discount is more than 0 % and at most 100 %.")
    if percent != percent.quantize(Decimal("0.0001")):
        raise InvalidLine("A discount in percent has at most four decimals.")
    return percent


def unit_price(money: Money) -> UnitPrice:
    """A price of whole minor units as the price of one."""
    return UnitPrice(money.minor * 10 ** (6 - decimals_of(money.currency)), money.currency)


def line_values(line: WorkedLine) -> dict[str, Any]:
    """The columns of a stored line (invoice_line, and every table with the same columns), without its place."""
    given, period = line.input, line.input.period
    return {
        "kind": given.kind,
        "description": given.description,
        "details": given.details,
        "period_start": period.start if period else None,
        "period_end": period.end if period else None,
        "quantity": given.quantity.stored,
        "quantity_per": given.quantity.per,
        "currency": line.amount.currency,
        "unit_price_micro": given.unit_price.micro,
        "discount_percent": given.discount_percent,
        "discount_minor": line.discount.minor,
        "discount_reason": given.discount_reason,
        "discount_id": given.discount_id if line.discount else None,
        "amount_minor": line.amount.minor,
        "document_discount_minor": line.document_discount.minor,
        "tax_category": line.tax.category,
        "tax_rate": line.tax.rate,
        "taxed_as": given.taxed_as,
        "package_id": given.package_id,
        "service_id": given.service_id,
        "charge_id": given.charge_id,
        "original_line_id": given.original_line_id,
    }


def line_of(row: Any) -> LineInput:
    """The line a stored row was made from, to work it out anew. A period was billed as a whole on it."""
    period = BillingPeriod(row.period_start, row.period_end) if row.period_start and row.period_end else None
    fixed = row.discount_minor and row.discount_percent is None
    return LineInput(
        description=row.description,
        unit_price=UnitPrice(row.unit_price_micro, row.currency),
        quantity=quantity_of(row),
        kind=row.kind,
        details=row.details,
        period=period,
        taxed_as=row.taxed_as or "S",
        discount_percent=row.discount_percent,
        discount=Money(row.discount_minor, row.currency) if fixed else None,
        discount_reason=row.discount_reason,
        discount_id=row.discount_id,
        package_id=row.package_id,
        service_id=row.service_id,
        charge_id=row.charge_id,
        original_line_id=row.original_line_id,
    )
