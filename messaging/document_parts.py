"""What all printed documents have in common: who sells, who reads, fixed words, addresses, the logo."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _

from billing import company as companies
from billing import document_lines
from integrations.documents import Fact, InvoiceLabels, Logo, Party, Sum
from models import BillingError, Customer, Money
from models.document import PricedLine, TaxSum

from .formats import country, money, number, percent

# How a place is written: "Austin, TX 78701"; "Dublin D01 K2T9"; elsewhere "10115 Berlin".
CITY_FIRST, CODE_LAST = {"US", "CA", "AU"}, {"GB", "IE"}
REVERSE_CHARGE = "AE"
PNG, JPEG = b"\x89PNG\r\n", b"\xff\xd8\xff"


class NotPrintable(BillingError):
    """There is no document of this to be had."""


def labels(price: str = "") -> InvoiceLabels:
    """The fixed words, in the language that is set; `price` heads the column of prices."""
    return {
        "invoice": _("Invoice"),
        "credit_note": _("Credit note"),
        "billed_to": _("Billed to"),
        "seller": _("From"),
        "facts": _("Details"),
        "position": _("No."),
        "description": _("Description"),
        "quantity": _("Quantity"),
        "price": price or _("Price"),
        "tax": _("Tax"),
        "amount": _("Amount"),
        "page": _("Page {page} of {pages}"),
    }


def quantity(line: PricedLine, locale: str) -> str:
    """As it was typed: 55/60 is no round number."""
    typed = document_lines.quantity_of(line)
    return number(typed.number, locale) if typed.per is None else str(typed)


def tax_sums(net: Money, taxes: Sequence[TaxSum], locale: str) -> list[Sum]:
    """The net, and the tax at each rate."""
    return [{"label": _("Net"), "amount": money(net, locale)}, *(_tax_sum(tax, locale) for tax in taxes)]


def _tax_sum(tax: TaxSum, locale: str) -> Sum:
    words = {"rate": percent(tax.rate, locale), "amount": money(tax.taxable, locale)}
    if tax.category == REVERSE_CHARGE:
        label = _("Reverse charge, %(rate)s on %(amount)s", **words)
    else:
        label = _("Tax %(rate)s on %(amount)s", **words)
    return {"label": label, "amount": money(tax.tax, locale)}


def frozen_party(text: str, nameless: bool = False) -> dict[str, str]:
    """A frozen buyer or seller as words. Raises NotPrintable, also if the name is missing unless `nameless`."""
    try:
        words = json.loads(text)
        if not isinstance(words, dict) or not (words.get("name") or nameless):
            raise ValueError
    except ValueError:
        raise NotPrintable("The names frozen on this invoice cannot be read.") from None
    return {"name": "", **{str(key): str(value) for key, value in words.items()}}


def party(words: Mapping[str, str], locale: str) -> Party:
    """The seller or the buyer as it is printed: company, person, address, tax number."""
    name, person = words.get("company") or words["name"], words["name"]
    lines = ([person] if person != name else []) + address_lines(words, locale)
    tax_id = words.get("tax_id", "")
    return {"name": name, "lines": lines, "ids": [_("Tax no. %(number)s", number=tax_id)] if tax_id else []}


def address_lines(words: Mapping[str, str], locale: str) -> list[str]:
    """Street to country, one line each, blank ones left out."""
    get = words.get
    city, region, code = get("city", ""), get("region", ""), get("postal_code", "")
    if get("country") in CITY_FIRST:
        place = [", ".join(filter(None, [city, f"{region} {code}".strip()]))]
    elif get("country") in CODE_LAST:
        place = [f"{city} {code}".strip(), region]
    else:
        place = [f"{code} {city}".strip(), region]
    lines = [get("street"), get("street2"), *place]
    return [line for line in (*lines, country(get("country", ""), locale)) if line]


def bank_facts(text: str) -> list[Fact]:
    """The company's bank details line by line, each parted at its first colon: ``IBAN: IE29…``."""
    pairs = [line.partition(":") for line in text.splitlines() if line.strip()]
    return [{"label": (a if colon else "").strip(), "value": (b if colon else a).strip()} for a, colon, b in pairs]


def footer(seller: Mapping[str, Any]) -> list[str]:
    """What stands at the foot of each page: who sells, and how to reach them."""
    get = seller.get
    lines = ([seller["name"], get("registration")], [get("email"), get("phone"), get("website")])
    return [" · ".join(filter(None, words)) for words in lines if any(words)]


def logo_of(customer: Customer, seller: str) -> Logo | None:
    """The logo of the customer's project, else the company's."""
    project = customer.project
    return picture((project.logo if project else None) or companies.settings().logo, seller)


def picture(file: bytes | None, seller: str) -> Logo | None:
    """A PNG or JPEG as a document takes it; None for anything else."""
    if not file or not file.startswith((PNG, JPEG)):
        return None
    return {"data": base64.b64encode(file).decode(), "alt": _("Logo of %(name)s", name=seller)}
