"""What the demo company sells."""

from __future__ import annotations

from billing import packages
from billing.actor import Actor
from billing.money import Money
from models import ChangeTo, OptionKind, Package

CURRENCIES = {"EUR": 100, "GBP": 86, "JPY": 16_400}
"""How many minor units (pence, yen × 100) a hundred cents cost abroad, before rounding."""

Listed = dict[str, tuple[int, tuple[int, ...], int]]
"""name -> (cents a month, the months it is sold for, set-up fee in cents)"""

LISTED: Listed = {
    "Fibre 100": (34_90, (1,), 49_00),
    "Fibre 300": (49_00, (1,), 49_00),
    "Fibre 1000": (79_00, (1,), 49_00),
    "Fibre 300 Business": (89_00, (1, 3), 99_00),
    "Fibre 1000 Business": (169_00, (1, 3), 149_00),
    "Hosting S": (6_90, (3, 12), 0),
    "Hosting M": (14_90, (1, 3, 12), 0),
    "Hosting L": (49_00, (1, 3, 12), 25_00),
    "Managed hosting": (149_00, (1, 3), 190_00),
    "Managed backup": (19_00, (1, 12), 0),
    "Domain": (1_40, (12,), 0),
}
_ABOUT = {
    "Fibre 100": "100 Mbit/s for homes, no term.",
    "Fibre 300": "300 Mbit/s for homes that work and stream.",
    "Fibre 1000": "1,000 Mbit/s for homes with many people.",
    "Fibre 300 Business": "300 Mbit/s both ways, repaired within eight hours.",
    "Fibre 1000 Business": "1,000 Mbit/s both ways, repaired within four hours.",
    "Hosting S": "One website, 10 GB, mail for five people.",
    "Hosting M": "Five websites, 50 GB, mail for 25 people.",
    "Hosting L": "As many websites as you like, 250 GB, daily copies.",
    "Managed hosting": "A server of your own, looked after by us.",
    "Managed backup": "Every night, kept for 90 days in another town.",
    "Domain": "Registration and name servers for a year.",
}
_OPTIONS = {
    "Fibre": (("Static address", "", 5_00), ("Router", "Standard", 0), ("Router", "Mesh, two rooms", 4_50)),
    "Hosting": (("Extra space, 10 GB", "#", 1_50), ("Staging copy", "", 5_00)),
    "Managed": (("Extra space, 100 GB", "#", 6_00),),
}
SUPPORT, SUPPORT_PRICE = "Support hours", 85_00


def build(by: Actor) -> dict[str, Package]:
    """All packages by name."""
    made = {name: _package(name, by) for name in LISTED}
    once = [packages.Price(money(SUPPORT_PRICE, currency), months=0) for currency in CURRENCIES]
    made[SUPPORT] = packages.create(
        SUPPORT, prices=once, description="Help beyond what the package has in it, by the hour.", by=by
    )
    old = packages.create("ADSL 24 (no longer sold)", prices=[packages.Price(money(29_90, "EUR"))], by=by)
    packages.archive([old], by=by)
    return made


def money(cents: int, currency: str, quantity: int = 1) -> Money:
    """A list price abroad: whole tens of pence, whole hundreds of yen."""
    if currency not in CURRENCIES or currency == "EUR":
        return Money(cents * quantity, currency)
    worth = cents * quantity * CURRENCIES[currency] // 100
    if currency == "JPY":
        return Money(max(worth // 100 // 100, 1) * 100, currency) if cents else Money.zero(currency)
    return Money(worth // 10 * 10, currency)


def for_period(cents: int, months: int) -> int:
    """The price for `months`: two months of a year are free."""
    return cents * (10 if months == 12 and cents > 2_00 else months)


def _package(name: str, by: Actor) -> Package:
    cents, periods, fee = LISTED[name]
    prices = [
        packages.Price(money(for_period(cents, months), currency), months, setup_fee=money(fee, currency))
        for currency in CURRENCIES
        for months in periods
    ]
    options = _options(_OPTIONS.get(name.split()[0], ()), periods)
    group = group_of(name)
    to = ChangeTo.GROUP if group else ChangeTo.NONE
    return packages.create(
        name, prices=prices, options=options, description=_ABOUT[name], group=group, change_to=to, by=by
    )


def group_of(name: str) -> str:
    """Fibre for homes, fibre for businesses, hosting, what is managed; the domain stands alone."""
    first, *rest = name.split()
    if first == "Fibre":
        return "Fibre for businesses" if "Business" in rest else "Fibre for homes"
    return {"Hosting": "Hosting", "Managed": "Managed"}.get(first, "")


def _options(listed: tuple[tuple[str, str, int], ...], periods: tuple[int, ...]) -> list[packages.Option]:
    found: dict[str, packages.Option] = {}
    for name, value, cents in listed:
        kind = OptionKind.QUANTITY if value == "#" else OptionKind.CHOICE if value else OptionKind.YES_NO
        prices = [
            packages.ChoicePrice(money(for_period(cents, months), currency), value.strip("#"), months)
            for currency in CURRENCIES
            for months in periods
        ]
        before = found[name].prices if name in found else []
        found[name] = packages.Option(name, kind, [*before, *prices])
    return list(found.values())
