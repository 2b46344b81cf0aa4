"""The demo company itself: Harbour Fibre & Hosting, its people, its rates and the lists it keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from billing import audit, setup, staff
from billing.actor import Actor
from billing.document_choices import defaults
from messaging import document_template_rules as rules
from models import (
    Company,
    ContractType,
    CustomerGroup,
    EndReason,
    FxRate,
    Model,
    Package,
    Project,
    Reseller,
    Staff,
    TaxRate,
    TemplateKind,
    db,
)

from . import catalogue, offers
from .dice import Dice

OWNER, EMAIL = "Maeve Brennan", "owner@harbour.example"
ZONE = "Europe/Dublin"

_DETAILS = {
    "legal_name": "Harbour Fibre & Hosting Ltd",
    "email": "billing@harbour.example",
    "phone": "+353 20 910 0142",
    "website": "https://harbour.example",
    "tax_id": "IE9999999WH",
    "registration": "Companies Registration Office, Dublin, no. 999142",
    "bank_details": "Quayside Savings Bank\nIBAN: IE39 QUAY 0000 0012 3456 78",
    "street": "3 Custom House Slip",
    "city": "Dublin",
    "postal_code": "D01 Z9Z9",
    "locale": "en_IE",
    "help_url": "https://help.harbour.example",
    "yearly_numbers": True,
    "invoice_terms": "Please write the invoice number on your transfer.",
    "invoice_note": "Thank you for being with us.",
}
_COLLEAGUES = (
    ("Tomás Ó Briain", "tomas", "admin"),
    ("Nuala Keane", "nuala", "billing"),
    ("Kofi Mensah", "kofi", "support"),
    ("Ingrid Solberg", "ingrid", "support"),
    ("Claire Garnier", "claire", "sales"),
    ("Jonas Weber", "jonas", "sales"),
    ("Fiona Lacey (accountant)", "fiona", "viewer"),
)
_VAT = {"IE": "23", "DE": "19", "FR": "20", "NL": "21", "AT": "20", "BE": "21", "ES": "21", "IT": "22", "SE": "25"}
_GROUPS = {"Homes": ("blue", None), "Business": ("slate", 30), "Clubs and charities": ("green", 30),
           "Partners": ("purple", 30)}  # fmt: skip
_RESELLERS = ("Quayside IT", "Atlantic Web Studio", "Shannon Office Supplies")
REASONS = ("Moved away", "Too expensive", "Went to another provider", "Closed the business", "No longer needed")
"""Why services end, in the words of the shop."""
_CONTRACTS = ("No term", "12 months", "24 months")
FX = {"GBP": (1_160_0, 40), "JPY": (61_0, 3)}
"""Ten-thousandths of a euro (yen: hundred-thousandths) for one unit, and how far it moves in a month."""


@dataclass(frozen=True, slots=True)
class Firm:
    """Everything the story needs to refer to, by name."""

    people: Mapping[str, tuple[Actor, ...]]
    packages: Mapping[str, Package]
    groups: Mapping[str, int]
    resellers: tuple[int, ...]
    contracts: Mapping[str, int]
    brand: int

    def acting(self, role: str, at: datetime, today: date, turn: int = 0) -> Actor:
        """Somebody with that role at that moment; colleagues take turns."""
        there = self.people[role]
        return replace(there[turn % len(there)], at=at, today=today)


def found(first: date, last: date, by: Actor) -> Firm:
    """The company, its staff and its catalogue as on the `first` day, exchange rates up to the `last`.
    The owner has no password yet."""
    wanted = setup.FirstRun(OWNER, EMAIL, "", "Harbour Fibre & Hosting", "IE", "EUR", ZONE)
    owner = setup.first_run(wanted, by)
    by = _as(owner, by)
    _describe(by)
    people = _hire(owner, by)
    _set_rates(first, last, by)
    groups = {
        name: _kept(CustomerGroup(name=name, colour=colour, payment_days=days), by)
        for name, (colour, days) in _GROUPS.items()
    }
    resellers = tuple(
        _kept(Reseller(name=name, email=f"partner@{name.lower().replace(' ', '')}.example"), by) for name in _RESELLERS
    )
    contracts = {name: _kept(ContractType(name=name), by) for name in _CONTRACTS}
    for name in REASONS:
        _kept(EndReason(name=name), by)
    brand = _kept(Project(name="Quayside Hosting", email="hello@quayside.example"), by)
    sold = catalogue.build(by)
    offers.make(sold, groups["Clubs and charities"], last, by)
    _dress(groups["Business"], brand, by)
    return Firm(people, sold, groups, resellers, contracts, brand)


def _describe(by: Actor) -> None:
    company = db.session.get_one(Company, 1)
    before, after = audit.changes(company, _DETAILS)
    for name, value in _DETAILS.items():
        setattr(company, name, value)
    company.logo = Path(__file__).with_name("logo.png").read_bytes()
    audit.record(by, "company.changed", company, before=before, after=after)
    db.session.flush()


def _dress(business: int, brand: int, by: Actor) -> None:
    """Businesses get letters with a payment code; the brand has a page of its own colour."""
    texts = {"": {"intro": "Dear {{ buyer }},\nthank you for your business."}}
    letter = defaults(TemplateKind.DOCUMENT, layout="letter", accent="#0b5f62", qr=True, texts=texts)
    page = defaults(TemplateKind.WEB, accent="#5a36a3", font="Source Serif 4")
    made = [
        rules.create(kind, name, rules.Draft(kind, look), by=by).key
        for kind, name, look in (
            (TemplateKind.DOCUMENT, "Business letter", letter), (TemplateKind.WEB, "Quayside page", page),
        )
    ]  # fmt: skip
    db.session.get_one(CustomerGroup, business).invoice_template = made[0]
    db.session.get_one(Project, brand).web_template = made[1]
    db.session.flush()


def _as(person: Staff, by: Actor) -> Actor:
    return Actor(person.name, by.at, by.today, staff.permissions_of(person.role), staff_id=person.id)


def _hire(owner: Staff, by: Actor) -> dict[str, tuple[Actor, ...]]:
    """Colleagues have no password: only the owner can sign in, until somebody gives them one."""
    people: dict[str, tuple[Actor, ...]] = {"owner": (_as(owner, by),)}
    for name, short, role in _COLLEAGUES:
        person = staff.create(f"{short}@harbour.example", name, staff.role_named(role), "", by)
        people[role] = (*people.get(role, ()), _as(person, by))
    return people


def _set_rates(first: date, last: date, by: Actor) -> None:
    since = first.replace(year=first.year - 5, day=1)
    for country, rate in _VAT.items():
        _kept(TaxRate(country=country, name="VAT", rate=Decimal(rate), valid_from=since), by)
    for currency, rates in _rates(first, last).items():
        for on, rate in rates:
            _kept(FxRate(base=currency, quote="EUR", rate=rate, on=on, source="Entered by hand"), by)


def _rates(first: date, last: date) -> dict[str, list[tuple[date, Decimal]]]:
    return {currency: list(_monthly(currency, first, last)) for currency in FX}


def _monthly(currency: str, first: date, last: date) -> Iterator[tuple[date, Decimal]]:
    """A rate for the first day of each month that wanders a little."""
    units, step = FX[currency]
    dice, on = Dice(f"rate of {currency}"), first.replace(day=1)
    while on <= last:
        yield on, Decimal(units).scaleb(-4 if currency != "JPY" else -5)
        units += dice.between(-step, step)
        on = (on + timedelta(days=32)).replace(day=1)


def _kept(row: Model, by: Actor) -> int:
    """A row of a list that has no rule of its own, with its trace; its id."""
    db.session.add(row)
    db.session.flush()
    audit.record(by, f"{row.__tablename__}.created", row)
    row_id: int = row.id  # type: ignore[attr-defined]
    return row_id
