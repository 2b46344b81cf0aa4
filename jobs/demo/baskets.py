"""What a customer of the demo company orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.money import Money
from billing.services import Chosen
from models import Package, PaymentMethod

from .catalogue import CURRENCIES, LISTED, for_period, money
from .names import IRELAND
from .people import Kind, Person

_HOME_LINES = {"Fibre 100": 32, "Fibre 300": 46, "Fibre 1000": 22}
_WORK_LINES = {"Fibre 300 Business": 62, "Fibre 1000 Business": 38}
_MOST_TIMES = 6
"""No later bill may be many times the bill of every month, or the run would rightly ask a person to look."""


@dataclass(frozen=True, slots=True)
class Item:
    """One service to be."""

    name: str
    months: int = 1
    percent: int = 100
    description: str = ""
    options: tuple[tuple[str, str, int], ...] = ()
    free: bool = False

    @property
    def cents(self) -> int:
        """The list price of a period in euros."""
        return for_period(LISTED[self.name][0], self.months)

    def price(self, currency: str) -> Money | None:
        """What is agreed, where it is not the list price."""
        if self.percent == 100 and currency in CURRENCIES:
            return None
        return money(self.cents * self.percent // 100, currency)

    def chosen(self, package: Package) -> list[Chosen]:
        there = {option.name: option for option in package.options}
        return [Chosen(there[name], value=value, quantity=Decimal(count)) for name, value, count in self.options]


def fill(person: Person) -> list[Item]:
    """The services of a customer, what is billed every month first."""
    if person.kind is Kind.HOME:
        wanted = _home(person)
    elif person.kind is Kind.CLUB:
        wanted = [_line(person, {"Fibre 100": 70, "Fibre 300": 30}), Item("Hosting S", 12, free=True)]
    else:
        wanted = _business(person)
    return _bearable(wanted)


def more(person: Person, there: Sequence[Item]) -> Item | None:
    """What they add later, if there is something they lack."""
    names = {item.name for item in there}
    monthly = sum(item.cents for item in there if item.months == 1)
    for item in (Item("Managed backup"), Item("Hosting M"), Item("Domain", 12, description=f"Domain {person.domain}")):
        if item.name not in names and item.cents < monthly * _MOST_TIMES and person.kind is not Kind.HOME:
            return item
    return None


def _home(person: Person) -> list[Item]:
    dice = person.dice
    if person.country is not IRELAND:
        site = dice.weighed({("Hosting S", 12): 40, ("Hosting M", 12): 35, ("Hosting M", 1): 25})
        return [Item(*site), Item("Domain", 12, description=f"Domain {person.domain}")]
    items = [_line(person, _HOME_LINES)]
    if dice.chance(18):
        items.append(Item("Hosting S", 12))
    if dice.chance(12):
        items.append(Item("Domain", 12, description=f"Domain {person.domain}"))
    return items


def _business(person: Person) -> list[Item]:
    dice, firm = person.dice, person.kind is Kind.FIRM
    items = []
    if person.country is IRELAND and dice.chance(80):
        items.append(_line(person, _WORK_LINES, months=dice.weighed({1: 86, 3: 14})))
    if firm and dice.chance(34):
        extra = (("Extra space, 100 GB", "", dice.between(1, 4)),) if dice.chance(30) else ()
        months = dice.weighed({1: 80, 3: 20})
        items.append(Item("Managed hosting", months, _discount(person), f"Managed hosting, {person.domain}", extra))
    if not items or dice.chance(35):
        months = dice.weighed({1: 65, 3: 15, 12: 20})
        name = "Hosting L" if firm else dice.pick(("Hosting M", "Hosting L"))
        items.append(
            Item(name, months, _discount(person), f"{name}, {person.domain}", free=len(items) > 0 and dice.chance(12))
        )
    if firm and dice.chance(38):
        items.append(Item("Managed backup"))
    if dice.chance(60):
        items.append(Item("Domain", 12, description=f"Domain {person.domain}"))
    return items


def _line(person: Person, lines: dict[str, int], months: int = 1) -> Item:
    dice = person.dice
    options: list[tuple[str, str, int]] = []
    if dice.chance(35 if person.kind is Kind.HOME else 65):
        options.append(("Router", dice.pick(("Standard", "Mesh, two rooms")), 1))
    if dice.chance(6 if person.kind is Kind.HOME else 40):
        options.append(("Static address", "", 1))
    name = dice.weighed(lines)
    street = person.values["street"]
    return Item(name, months, _discount(person), f"{name}, {street}", tuple(options))


def _discount(person: Person) -> int:
    """The agreed price in percent of the list price."""
    if person.values["payment_method"] == PaymentMethod.FREE:
        return 100
    return person.dice.weighed({100: 80, 95: 6, 90: 8, 80: 5, 50: 1})


def _bearable(wanted: list[Item]) -> list[Item]:
    """Without the long periods that would dwarf what the customer pays every month."""
    monthly = sum(item.cents * item.percent // 100 for item in wanted if item.months == 1)
    kept = [i for i in wanted if i.months == 1 or not monthly or i.cents < monthly * _MOST_TIMES]
    return sorted(kept, key=lambda item: item.months)
