"""Who the demo company's customers are: every field of a customer, told by the dice."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from stdnum.eu import vat

from billing.customers import ContactDetails
from models import AccountType, Attitude, PaymentMethod

from .company import Firm
from .dice import Dice
from .names import ABROAD_AT_HOME, CAST, CLUBS, COUNTRIES, IRELAND, JAPAN, MARTA, ROMAN, SWISS, Country, Known, listed


class Kind(StrEnum):
    HOME = "home"
    FIRM = "firm"
    TRADER = "trader"
    CLUB = "club"


_KINDS = {Kind.HOME: 44, Kind.FIRM: 40, Kind.TRADER: 16}
_TYPES = {
    Kind.HOME: AccountType.INDIVIDUAL,
    Kind.FIRM: AccountType.COMPANY,
    Kind.TRADER: AccountType.SOLE_PROPRIETOR,
    Kind.CLUB: AccountType.COMPANY,
}
_GROUPS = {Kind.HOME: "Homes", Kind.FIRM: "Business", Kind.TRADER: "Business", Kind.CLUB: "Clubs and charities"}
_MAILBOXES = ("mail.example", "post.example", "inbox.example")
_DESKS = {"en": "accounts", "de": "buchhaltung", "fr": "compta", "nb": "faktura", "nl": "administratie", "ja": "keiri"}
_ATTITUDES = {Attitude.NONE: 78, Attitude.EASY: 12, Attitude.CAREFUL: 7, Attitude.DIFFICULT: 3}
_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "Ø": "O", "ı": "i", "ł": "l", "æ": "ae", "å": "a"}
)
_TAGS = {"own router": 10, "newsletter": 25, "pilot": 5, "referred": 9, "paper invoice": 4, "phone first": 6}


@dataclass(frozen=True, slots=True)
class Person:
    """A customer to be: the fields, and what is kept beside them."""

    kind: Kind
    country: Country
    values: dict[str, Any]
    tags: list[str]
    contacts: list[ContactDetails]
    domain: str
    dice: Dice


class Register:
    """Invents customers; no two share a name or an address."""

    def __init__(self, firm: Firm) -> None:
        self._firm = firm
        self._names = {known.name for known in (*CAST, SWISS, MARTA)}
        self._cast = list(CAST)
        self._clubs = list(CLUBS)
        self._scripts = list(ABROAD_AT_HOME)
        self._numbers = 0

    def next(self, registered_on: date, known: Known | None = None, **fixed: Any) -> Person:
        """Somebody new, or somebody `known`; `fixed` are fields that the dice do not decide."""
        self._numbers += 1
        dice = Dice(f"customer {self._numbers}")
        if known is None and self._numbers % 11 == 0 and self._cast:
            known = self._cast.pop(0)
        known = known or self._invent(dice)
        kind, country, name, contact, handle = Kind(known.kind), known.country, known.name, known.person, known.handle
        short = name.removesuffix(" & Co. KG").removesuffix(" (haftungsbeschränkt)")
        for form in country.forms:
            short = short.removesuffix(f" {form.removeprefix('& ')}")
        domain = f"{slug(short if country is not JAPAN else handle)}.example"
        email = self._email(kind, country, handle, domain, dice)
        values = {
            "name": name,
            "email": email,
            "contact_name": contact if kind is not Kind.HOME else "",
            "company_name": name if kind in (Kind.FIRM, Kind.CLUB) else "",
            "registered_on": registered_on,
            **_place(name, country, dice),
            **self._terms(kind, country, dice),
            **self._extras(kind, dice),
            **fixed,
        }
        contacts = self._contacts(kind, contact, domain, country, dice)
        return Person(kind, country, values, self._tags(kind, country, dice), contacts, domain, dice)

    def _invent(self, dice: Dice) -> Known:
        """A name that was never there before."""
        country, kind = dice.weighed(COUNTRIES), dice.weighed(_KINDS)
        person, handle = _full(country, dice)
        if country is IRELAND and self._clubs and dice.chance(6):
            return Known(Kind.CLUB, country, self._clubs.pop(0), person, "treasurer")
        if kind is Kind.HOME and country is IRELAND and self._scripts and dice.chance(10):
            name, handle = self._scripts.pop(0)
            return Known(kind, country, name, name, handle)
        name = person
        while name in self._names or (kind is not Kind.HOME and name == person):
            person, handle = _full(country, dice)
            name = _business(kind, country, dice) if kind is not Kind.HOME else person
        self._names.add(name)
        return Known(kind, country, name, person, handle)

    def _email(self, kind: Kind, country: Country, handle: str, domain: str, dice: Dice) -> str:
        if kind is Kind.HOME:
            wanted = f"{handle}@{dice.pick(_MAILBOXES)}"
        else:
            wanted = f"{dice.pick((_DESKS[country.language], 'hello', 'office'))}@{domain}"
        if wanted in self._names:
            wanted = wanted.replace("@", f"{self._numbers}@")
        self._names.add(wanted)
        return wanted

    def _terms(self, kind: Kind, country: Country, dice: Dice) -> dict[str, Any]:
        values: dict[str, Any] = {
            "account_type": _TYPES[kind],
            "currency": country.currency,
            "language": country.language,
            "group_id": self._firm.groups[_GROUPS[kind]],
            "payment_method": dice.weighed(_METHODS[kind]),
            "contract_type_id": self._firm.contracts[dice.pick(tuple(self._firm.contracts))],
            "attitude": dice.weighed(_ATTITUDES),
        }
        if kind is Kind.FIRM:
            values["tax_id"] = vat_number(country.code, self._numbers)
            values["payment_days"] = dice.weighed({None: 80, 14: 10, 60: 5, 45: 5})
        if kind is Kind.CLUB:
            values["tax_exempt"] = dice.chance(50)
        return values

    def _extras(self, kind: Kind, dice: Dice) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if dice.chance(45):
            values["registration_ip"] = f"{dice.pick(('192.0.2', '198.51.100', '203.0.113'))}.{dice.between(1, 254)}"
        if kind is Kind.FIRM and dice.chance(20):
            values["po_number"] = f"PO-{dice.between(10_000, 99_999)}"
        if kind is Kind.FIRM and dice.chance(8):
            values["vendor_number"] = f"V{dice.between(100_000, 999_999)}"
        if kind is Kind.HOME and dice.chance(6):
            values["identity_number"] = f"9{dice.between(100_000, 999_999)}XX"
        if dice.chance(12):
            values["reseller_id"] = dice.pick(self._firm.resellers)
        if dice.chance(9):
            values["project_id"] = self._firm.brand
        if dice.chance(10):
            values["about"] = dice.pick(_ABOUTS)
        return values

    def _contacts(self, kind: Kind, person: str, domain: str, country: Country, dice: Dice) -> list[ContactDetails]:
        if kind is Kind.HOME or dice.chance(45):
            return []
        first = ContactDetails(person, "Treasurer" if kind is Kind.CLUB else "Owner", "", gets_reminders=True)
        name, handle = _full(country, dice)
        desk = ContactDetails(name, dice.pick(_ROLES), f"{handle}@{domain}", gets_invoices=dice.chance(30))
        return [first, desk] if dice.chance(60) else [first]

    def _tags(self, kind: Kind, country: Country, dice: Dice) -> list[str]:
        tags = [tag for tag, percent in _TAGS.items() if dice.chance(percent)]
        if country is not IRELAND:
            tags.append("abroad")
        return [*tags, "club"] if kind is Kind.CLUB else tags


_METHODS = {
    Kind.HOME: {PaymentMethod.INVOICE: 70, PaymentMethod.CARD: 29, PaymentMethod.FREE: 1},
    Kind.FIRM: {PaymentMethod.INVOICE: 91, PaymentMethod.CARD: 9},
    Kind.TRADER: {PaymentMethod.INVOICE: 85, PaymentMethod.CARD: 15},
    Kind.CLUB: {PaymentMethod.INVOICE: 80, PaymentMethod.FREE: 20},
}
_ROLES = ("Bookkeeping", "Technical contact", "Office manager", "Managing director")
_ABOUTS = (
    "Found us at the harbour festival.",
    "Moved here from another provider; their old line ends when ours works.",
    "Prefers calls in the morning.",
    "Wants one invoice a year as soon as we can.",
    "Two sites; the second one is to follow.",
)


def _place(name: str, country: Country, dice: Dice) -> dict[str, Any]:
    place, number, street = dice.pick(country.places), dice.between(1, 148), dice.pick(country.streets)
    place = next((one for one in country.places if name.startswith(one.city)), place)
    values: dict[str, Any] = {
        "street": f"{number} {street}" if country.number_first else f"{street} {number}",
        "city": place.city,
        "region": place.region,
        "postal_code": place.postal_code,
        "country": country.code,
        "phone": _digits(dice.pick(country.phones), dice),
    }
    if place.latitude and dice.chance(60):
        values |= {"latitude": Decimal(place.latitude), "longitude": Decimal(place.longitude)}
    return values


def slug(name: str) -> str:
    """The name as a domain: letters without their marks, nothing else."""
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS)).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in plain if letter.isalnum())[:40]


def vat_number(country: str, number: int) -> str:
    """A VAT number of a valid form that nobody has been given; empty where we know no such form."""
    return next((found for found in _candidates(country, number) if vat.is_valid(found)), "")


def _candidates(country: str, number: int) -> Iterable[str]:
    if country == "DE":
        return (f"DE99999{number % 1000:03d}{check}" for check in range(10))
    if country == "IE":
        return (f"IE99{number:05d}{check}" for check in "ABCDEFGHIJKLMNOPQRSTUVW")
    if country == "NL":
        return (f"NL99{(number * 10 + step) % 1_000_000:06d}{check}B01" for step in range(3) for check in range(10))
    if country == "FR":
        sirens = [f"00{number:06d}{check}" for check in range(10)]
        return (f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}" for siren in sirens)
    return ()


def _full(country: Country, dice: Dice) -> tuple[str, str]:
    """(name as it is written, the same for an e-mail address)."""
    names = country.given, country.family
    if country.others and dice.chance(35):
        names = tuple(map(listed, dice.pick(country.others)))
    given, family = map(dice.pick, names)
    if country is JAPAN:
        return f"{family} {given}", f"{ROMAN[given]}.{ROMAN[family]}"
    return f"{given} {family}", f"{slug(given)}.{slug(family)}"


def _business(kind: Kind, country: Country, dice: Dice) -> str:
    family, trade = dice.pick(country.family), dice.pick(country.trades)
    if kind is Kind.TRADER:
        return f"{family} {trade}" if country is not JAPAN else f"{family}{trade}"
    if country is JAPAN:
        return f"{dice.pick(country.forms)}{family}{trade}"
    if country is IRELAND and dice.chance(35):
        town = dice.pick(country.places).city
        return f"{town} {trade} Ltd"
    form = dice.pick(country.forms)
    return f"{family} {form}" if form.startswith("& ") else f"{family} {trade} {form}"


def _digits(pattern: str, dice: Dice) -> str:
    return "".join(str(dice.below(10)) if sign == "#" else sign for sign in pattern)
