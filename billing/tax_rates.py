"""Which tax a customer pays: the order of SPEC 3.6, asked once per customer and category."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from sqlalchemy import select
from stdnum.eu import vat

from models import AccountType, Company, TaxRate, db

NOTHING = Decimal(0)
_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EU = frozenset(_EU.split(" "))
REVERSE_CHARGE_NOTE = "Reverse charge: the recipient is liable for the tax (Article 196, Directive 2006/112/EC)."


class Taxed(Protocol):
    """The tax side of a customer; a customer itself is one, and so is a row of a run."""

    country: str
    account_type: AccountType
    tax_id: str
    charge_tax: bool
    tax_exempt: bool
    tax_rate: Decimal | None


@dataclass(frozen=True, slots=True)
class Tax:
    """A rate in percent, its category (UNCL 5305: S standard, AE reverse charge, E exempt, O outside) and note."""

    rate: Decimal
    category: str
    note: str = ""


OUTSIDE = Tax(NOTHING, "O")
EXEMPT = Tax(NOTHING, "E")
REVERSE_CHARGE = Tax(NOTHING, "AE", REVERSE_CHARGE_NOTE)


class TaxTable:
    """All tax rates, read once and asked often."""

    def __init__(self, seller_country: str) -> None:
        self.seller_country = seller_country
        self._rates: dict[tuple[str, str], list[tuple[date, date | None, Decimal]]] = defaultdict(list)
        for row in db.session.scalars(select(TaxRate).order_by(TaxRate.valid_from.desc())):
            self._rates[row.country, row.category].append((row.valid_from, row.valid_to, row.rate))

    @classmethod
    def of(cls, company: Company) -> TaxTable:
        """The table as the company's country sees it."""
        return cls(company.country)

    def tax_for(self, customer: Taxed, category: str, on: date) -> Tax:
        """Own rate, else exempt flag, else the country's rate on that day, else outside the scope of tax.

        `category` is the package's: S standard, R reduced, and so on as the table names them.
        """
        if not customer.charge_tax:
            return OUTSIDE
        if customer.tax_rate is not None:
            return Tax(customer.tax_rate, "S" if customer.tax_rate else "Z")
        if customer.tax_exempt:
            return EXEMPT
        country = customer.country or self.seller_country
        rate = self._rate_on(country, category, on)
        if rate is None:
            return OUTSIDE
        if self._reverse_charged(customer, country):
            return REVERSE_CHARGE
        return Tax(rate, "S" if rate else "Z")

    def _rate_on(self, country: str, category: str, on: date) -> Decimal | None:
        for valid_from, valid_to, rate in self._rates.get((country, category), ()):
            if valid_from <= on and (valid_to is None or on <= valid_to):
                return rate
        return None

    def _reverse_charged(self, customer: Taxed, country: str) -> bool:
        """A business in another member state that shows a VAT number of a valid form."""
        return (
            self.seller_country in EU
            and country in EU
            and country != self.seller_country
            and customer.account_type != AccountType.INDIVIDUAL
            and bool(vat.is_valid(customer.tax_id))
        )
