"""Which tax a customer pays: the order of SPEC 3.6, asked once per customer and category."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from babel import Locale, UnknownLocaleError
from sqlalchemy import select
from stdnum.eu import vat

from models import AccountType, Company, CustomerGroup, TaxRate, db
from models.prepared import prepared

from . import company as companies
from . import tax_categories, tax_texts
from .tax_countries import EU, registered

__all__ = ["EU", "Decision", "Rules", "Tax", "TaxTable", "Taxed"]

NOTHING = Decimal(0)
REVERSE_CHARGE_NOTE = tax_texts.BUILT_IN[tax_texts.REVERSE_CHARGE]["en"]


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


@dataclass(frozen=True, slots=True)
class Decision:
    """The tax, whose country's it is, and why: one word of `REASONS`."""

    tax: Tax
    country: str
    reason: str


REASONS = (
    "small_business", "not_charged", "own_rate", "exempt_customer", "kind_of_goods", "home", "reverse_charge",
    "registered", "their_country", "our_rate", "abroad", "export", "no_rate",
)  # fmt: skip
"""Every answer to why: see admin.tax_words for the sentences."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the company chose about tax; the defaults are those of the settings."""

    small_business: bool = False
    # Private customers in other member states pay their country's rate (one-stop shop), not ours.
    theirs_in_eu: bool = True
    # Elsewhere abroad nothing is charged, unless the company is registered there, even if the table has a rate.
    only_registered_abroad: bool = False
    registered: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"

    @classmethod
    def of(cls, seller: Company) -> Rules:
        return cls(
            companies.value("small_business", seller),
            companies.value("tax_in_eu", seller) == "theirs",
            companies.value("tax_abroad", seller) == "registered",
            registered(companies.value("registrations", seller)),
            seller.locale,
        )


@prepared
def _every_rate() -> Any:
    columns = TaxRate.country, TaxRate.category, TaxRate.valid_from, TaxRate.valid_to, TaxRate.rate
    return select(*columns).order_by(TaxRate.valid_from.desc())


class TaxTable:
    """All tax rates, read once and asked often; so a bill, and a run of them, has one snapshot (F36)."""

    def __init__(self, seller_country: str, rules: Rules | None = None) -> None:
        self.seller_country = seller_country
        self.rules = rules or Rules()
        self._texts = tax_texts.Texts(self.rules.language)
        self._letters: dict[str, str] | None = None
        self._group_languages: dict[int, str] | None = None
        self._rates: dict[tuple[str, str], list[tuple[date, date | None, Tax]]] = defaultdict(list)
        for row in _every_rate():
            tax = Tax(row.rate, "S" if row.rate else "Z")
            self._rates[row.country, row.category].append((row.valid_from, row.valid_to, tax))

    @classmethod
    def of(cls, company: Company) -> TaxTable:
        """The table as the company sees it: from its country, with its registrations and choices."""
        return cls(company.country, Rules.of(company))

    def tax_for(self, customer: Taxed, category: str, on: date) -> Tax:
        """Own rate, else exempt flag, else the country's rate on that day, else outside the scope of tax.

        `category` is the package's: S standard, R reduced, and so on as the table names them.
        """
        return self.decide(customer, category, on).tax

    def decide(self, customer: Taxed, category: str, on: date) -> Decision:
        """The same, with the reason."""
        home = self.seller_country
        if self.rules.small_business:
            return Decision(self._untaxed(customer, "E", tax_texts.SMALL_BUSINESS), home, "small_business")
        if not customer.charge_tax:
            return Decision(OUTSIDE, home, "not_charged")
        if customer.tax_rate is not None:
            rate = customer.tax_rate
            return Decision(Tax(rate, "S" if rate else "Z"), customer.country or home, "own_rate")
        if customer.tax_exempt:
            return Decision(self._untaxed(customer, "E", tax_texts.EXEMPT), home, "exempt_customer")
        letter = self._letter(category)
        if letter != "S":
            return Decision(self._of_goods(customer, letter), customer.country or home, "kind_of_goods")
        country = customer.country or home
        return self._home(category, on) if country == home else self._foreign(customer, country, category, on)

    def _letter(self, category: str) -> str:
        """Those that come with the product are known; the shop's own are read when one is met."""
        if category in tax_categories.BUILT_IN:
            return tax_categories.BUILT_IN[category][1]
        if self._letters is None:
            self._letters = tax_categories.letters()
        return self._letters.get(category, "S")

    def _home(self, category: str, on: date) -> Decision:
        tax = self._rate_on(self.seller_country, category, on)
        return Decision(tax or OUTSIDE, self.seller_country, "home" if tax else "no_rate")

    def _foreign(self, customer: Taxed, country: str, category: str, on: date) -> Decision:
        """Another country: reverse charge for businesses in the Union; else theirs, ours or nothing."""
        union = self.seller_country in EU and country in EU
        if union and customer.account_type != AccountType.INDIVIDUAL and vat.is_valid(customer.tax_id):
            return Decision(self._untaxed(customer, "AE", tax_texts.REVERSE_CHARGE), country, "reverse_charge")
        here = country in self.rules.registered
        if union and not here and not self.rules.theirs_in_eu:
            return Decision(self._home(category, on).tax, self.seller_country, "our_rate")
        charged = union or here or not self.rules.only_registered_abroad or not self.seller_country
        tax = self._rate_on(country, category, on) if charged else None
        if tax is None:
            note = tax_texts.EXPORT if self.seller_country and not union else ""
            return Decision(self._untaxed(customer, "O", note), country, "no_rate" if union else "export")
        if here:
            return Decision(self._registered(customer, tax, country), country, "registered")
        return Decision(tax, country, "their_country" if union else "abroad")

    def _rate_on(self, country: str, category: str, on: date) -> Tax | None:
        for valid_from, valid_to, tax in self._rates.get((country, category), ()):
            if valid_from <= on and (valid_to is None or on <= valid_to):
                return tax
        return None

    def _of_goods(self, customer: Taxed, letter: str) -> Tax:
        said = {"E": tax_texts.EXEMPT, "AE": tax_texts.REVERSE_CHARGE}
        return self._untaxed(customer, letter, said.get(letter, ""))

    def _untaxed(self, customer: Taxed, category: str, kind: str) -> Tax:
        return Tax(NOTHING, category, self._texts.say(kind, self._language(customer)) if kind else "")

    def _registered(self, customer: Taxed, tax: Tax, country: str) -> Tax:
        number = self.rules.registered[country]
        if not number:
            return tax
        language = self._language(customer) or self.rules.language
        note = self._texts.say(tax_texts.REGISTERED, language, country=_country_name(country, language), number=number)
        return Tax(tax.rate, tax.category, note)

    def _language(self, customer: Any) -> str:
        """The customer's, else the group's; empty for the company's."""
        own = getattr(customer, "language", "")
        if own:
            return str(own)
        # In the row of a run `group_id` is that of the billing group.
        group = getattr(customer, "customer_group_id", None) or (
            None if hasattr(customer, "customer_group_id") else getattr(customer, "group_id", None)
        )
        if group is None:
            return ""
        if self._group_languages is None:
            spoken = select(CustomerGroup.id, CustomerGroup.language).where(CustomerGroup.language != "")
            self._group_languages = {row.id: row.language for row in db.session.execute(spoken)}
        return self._group_languages.get(group, "")


def _country_name(code: str, language: str) -> str:
    try:
        return str(Locale.parse(language).territories.get(code, code))
    except (UnknownLocaleError, ValueError):
        return code
