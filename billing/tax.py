"""Tax of a document: once per rate, on the sum of that rate's lines (SPEC 3.6; EN 16931 BG-23, BR-CO-17)."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from billing.money import CurrencyMismatch, InvalidAmount, Money, divide_half_away
from models.errors import BillingError

UNTAXED = frozenset({"Z", "E", "AE", "K", "G", "O"})
"""Categories (UNCL 5305) that never carry tax: zero rated, exempt, reverse charge, EU goods, export, out of
scope."""
RATE_DECIMALS = 9

_Groups = dict[tuple[str, Decimal], int]


class InvalidTaxRate(BillingError, ValueError):
    """A tax rate is a percentage from 0 to 100."""


@dataclass(frozen=True, slots=True)
class TaxLine:
    """What a line adds to the document: its rounded amount, tax rate in percent (`Decimal("19")`),
    category."""

    amount: Money
    rate: Decimal
    category: str = "S"


@dataclass(frozen=True, slots=True)
class TaxSubtotal:
    """All lines of one category and rate: their sum without tax, and the tax on it."""

    category: str
    rate: Decimal
    taxable: Money
    tax: Money


@dataclass(frozen=True, slots=True)
class DocumentTotals:
    """A document's sums; net + tax = gross, and each is the sum of its subtotals."""

    net: Money
    tax: Money
    gross: Money
    subtotals: tuple[TaxSubtotal, ...]


def totals(
    lines: Iterable[TaxLine],
    *,
    currency: str,
    prices_include_tax: bool = False,
    allowances: Iterable[TaxLine] = (),
    charges: Iterable[TaxLine] = (),
) -> DocumentTotals:
    """Net, tax and gross of a document, and one subtotal per category and rate in order of appearance.

    Lines may be negative (credit halves of a change); allowances and charges are positive and are subtracted
    from and added to their rate's sum before tax. Tax is rounded once per rate, half away from zero. With
    `prices_include_tax` all amounts are gross, and the tax in them is gross × rate ÷ (100 + rate). Raises
    InvalidTaxRate, CurrencyMismatch, and InvalidAmount for a negative allowance or charge.
    """
    groups: _Groups = {}
    _add(groups, lines, currency)
    _add(groups, _positive(charges), currency)
    _add(groups, _positive(allowances), currency, sign=-1)
    subtotals = tuple(
        _subtotal(category, rate, amount, currency, prices_include_tax) for (category, rate), amount in groups.items()
    )
    net = sum(subtotal.taxable.minor for subtotal in subtotals)
    tax = sum(subtotal.tax.minor for subtotal in subtotals)
    return DocumentTotals(Money(net, currency), Money(tax, currency), Money(net + tax, currency), subtotals)


def _add(groups: _Groups, lines: Iterable[TaxLine], currency: str, sign: int = 1) -> None:
    """Put each line's minor units into the sum of its category and rate."""
    for line in lines:
        amount, rate = line.amount, line.rate
        if amount.currency != currency:
            raise CurrencyMismatch(f"A line in {amount.currency} cannot stand on a document in {currency}.")
        # Before the rate becomes a key: a float or True would be taken for the Decimal it equals.
        if type(rate) is not Decimal or not rate.is_finite():
            raise InvalidTaxRate(f"A tax rate is a percentage from 0 to 100, not {rate}.")
        key = (line.category, rate)
        groups[key] = groups.get(key, 0) + sign * amount.minor


def _positive(lines: Iterable[TaxLine]) -> Iterable[TaxLine]:
    for line in lines:
        if line.amount.minor < 0:
            raise InvalidAmount("Discounts and surcharges of a document are written as positive amounts.")
        yield line


def _subtotal(category: str, rate: Decimal, amount: int, currency: str, inclusive: bool) -> TaxSubtotal:
    percent, hundred = _ratio(category, rate)
    tax = divide_half_away(amount * percent, hundred + percent if inclusive else hundred)
    taxable = amount - tax if inclusive else amount
    return TaxSubtotal(category, rate, Money(taxable, currency), Money(tax, currency))


@lru_cache(maxsize=1024)
def _ratio(category: str, rate: Decimal) -> tuple[int, int]:
    """The rate as a ratio of whole numbers, percent : hundred; worked out once per rate, not per document."""
    if not 0 <= rate <= 100:
        raise InvalidTaxRate(f"A tax rate is a percentage from 0 to 100, not {rate}.")
    if rate.as_tuple().exponent < -RATE_DECIMALS:  # type: ignore[operator]  # finite, so a number
        raise InvalidTaxRate(f"A tax rate has at most {RATE_DECIMALS} decimals.")
    if rate and category in UNTAXED:
        raise InvalidTaxRate(f"Lines of tax category {category} carry no tax, so their rate is 0, not {rate}.")
    percent, per = rate.as_integer_ratio()
    return percent, 100 * per
