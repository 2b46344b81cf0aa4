"""What the columns of a table probably are: by their names in the exports of other systems, and by what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from models import Attitude, BillingError
from models.currencies import DECIMALS

from . import custom_fields
from .import_fields import CUSTOMER, SERVICE, email

FIRST_NAME, LAST_NAME = "first_name", "last_name"
"""Two columns that together are the name."""

# field -> names of columns, small letters and digits only, most telling first
_NAMES = """
external_id: clientid customerid customerno customernumber customernr clientnumber accountnumber accountno accountid
  userid idnumber publicid id idcode idformat number no nr kundennummer kundennr
name: name fullname displayname customername clientname accountname customer client account
first_name: firstname first givenname forename vorname prenom
last_name: lastname last surname familyname nachname familienname nom
company_name: companyname company organisation organization organisationname organizationname business businessname
  firma
contact_name: contactname contactperson contact attention attn ansprechpartner
email: email emailaddress mail emailid primaryemail billingemail emailadresse mailadresse epost courriel
username: username login loginname benutzername
phone: phonenumber phone telephone telephonenumber tel mobile mobilephone cell telefon workphone homephone
phone_extension: extension ext phoneext
street: address1 address street street1 addressline1 streetaddress strasse line1
street2: address2 street2 addressline2 suite aptsuite apt apartment unit line2
city: city town locality suburb ort stadt
region: state region province stateprovince county stateregion bundesland
postal_code: postcode postalcode zip zipcode zippostalcode plz postleitzahl
country: country countrycode countryname countryid countryiso land
tax_id: vatnumber taxid vatid vat taxnumber taxidnumber gstnumber ustid vatno abn
currency: currency currencycode currencyid accountcurrency
language: language lang locale languagecode
status: status clientstatus accountstatus
account_type: accounttype clienttype customertype type
registered_on: datecreated creationdate createdat created signupdate dateadded registered registeredon registrationdate
  joined customersince dateregistered createdon kundeseit eintrittsdatum beitritt
group: clientgroup customergroup group groupname clientgroupname
payment_method: paymentmethod defaultpaymentmethod gateway defaultgateway paymenttype
payment_days: paymentterms paymentdays terms netdays
tax_exempt: taxexempt exempt istaxexempt
tax_rate: taxrate taxrate1
contract_type: contracttype contract
dunning_plan: dunningplan dunning
reseller: reseller affiliate
project: project brand
attitude: attitude
po_number: ponumber purchaseorder
about: notes adminnotes privatenotes note comments comment remarks description
invoice_note: publicnotes invoicenote
external_source: externalsource
package: package packagename product productname plan planname service servicename
price: price recurringamount amount monthlycharges monthlyfee recurringprice
months: months billingmonths
started_on: startedon regdate startdate activationdate started dateactivated servicestart
next_renewal_on: nextrenewalon nextduedate nextinvoicedate renewaldate nextrenewal renewson nextbillingdate daterenews
"""
_PREFIXES = ("client", "customer", "contact", "contacts", "billing", "account", "primary", "user")
_DATES = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%d %b %Y",
    "%b %d, %Y", "%d/%m/%y", "%m/%d/%y",
)  # fmt: skip
DATE_FORMATS = _DATES
MOST_OF = 0.8

SYSTEMS: Mapping[str, frozenset[str]] = {
    "WHMCS": frozenset({"firstname", "lastname", "companyname", "address1", "postcode"}),
    "Blesta": frozenset({"idcode", "firstname", "lastname", "address1", "zip"}),
    "Invoice Ninja": frozenset({"idnumber", "vatnumber", "contactfirstname"}),
}


def _read(text: str) -> Iterator[tuple[str, str, int]]:
    field = ""
    for word in text.split():
        if word.endswith(":"):
            field, rank = word[:-1], 0
        else:
            yield word, field, rank
            rank += 1


_FIELD_OF = {word: (field, rank) for word, field, rank in _read(_NAMES)}


def plain_name(column: str) -> str:
    """Small letters and digits: ``E-mail Address`` and ``email_address`` are the same."""
    return re.sub(r"[\W_]", "", column.casefold())


def system_of(header: Iterable[str]) -> str:
    """The system that exports such columns; empty if none is known by them."""
    names = {plain_name(column).removeprefix("client") for column in header} | {plain_name(c) for c in header}
    return next((system for system, marks in SYSTEMS.items() if marks <= names), "")


def suggest(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, str]:
    """Column -> field (of the customer, of its service, or a part of the name), each field once at most.

    `rows` are some rows of the table; they speak where names do not.
    """
    found: dict[str, tuple[int, str]] = {}
    for column in header:
        known = _by_name(column)
        if known and (known[0] not in found or known[1] < found[known[0]][0]):
            found[known[0]] = (known[1], column)
    chosen = {column: field for field, (_rank, column) in found.items()}
    for place, column in enumerate(header):
        field = "" if column in chosen else _by_content([row[place] for row in rows if place < len(row)])
        if field and field not in chosen.values():
            chosen[column] = field
    return _tidied(chosen | _own(column for column in header if column not in chosen))


def _own(columns: Iterable[str]) -> dict[str, str]:
    """Columns called like a field of the shop's own: by its name, its key, or ``custom.<key>``."""
    known: dict[str, str] = {}
    for field in custom_fields.fields():
        name = custom_fields.PREFIX + field.key
        known |= {word.casefold(): name for word in (field.name, field.key, name)}
    found = {column: known[column.strip().casefold()] for column in columns if column.strip().casefold() in known}
    return {column: name for name, column in {name: column for column, name in found.items()}.items()}


def _tidied(chosen: dict[str, str]) -> dict[str, str]:
    """A service needs package, price and a day; a name in two parts needs both. Half of either is left out."""
    fields = set(chosen.values())
    without: set[str] = set()
    if not {"package", "price"} <= fields:
        without |= set(SERVICE)
    if not {FIRST_NAME, LAST_NAME} <= fields:
        without |= {FIRST_NAME, LAST_NAME} - ({FIRST_NAME} if "name" not in fields else set())
    elif "name" in fields:
        without |= {FIRST_NAME, LAST_NAME}
    return {column: field for column, field in chosen.items() if field not in without}


def _by_name(column: str) -> tuple[str, int] | None:
    """(field, how telling); our own names count most."""
    lower = column.strip().casefold()
    if lower in CUSTOMER or lower in SERVICE:
        return lower, -1
    name = plain_name(column)
    if name in _FIELD_OF:
        return _FIELD_OF[name]
    for prefix in _PREFIXES:
        rest = name.removeprefix(prefix)
        if rest != name and rest in _FIELD_OF:
            field, rank = _FIELD_OF[rest]
            return field, rank + 20
    return None


def _by_content(cells: Sequence[str]) -> str:
    filled = [cell.strip() for cell in cells if cell.strip()]
    if len(filled) < 2:
        return ""
    if _share(filled, _is_email) >= MOST_OF:
        return "email"
    if _share(filled, DECIMALS.__contains__) >= MOST_OF:
        return "currency"
    return ""


def _share(cells: Sequence[str], test: Any) -> float:
    return sum(1 for cell in cells if test(cell)) / len(cells)


def _is_email(cell: str) -> bool:
    try:
        return bool(email(cell))
    except BillingError:
        return False


def date_format(cells: Iterable[str]) -> str:
    """The format that reads most of the cells, as strptime wants it; ISO days if none reads any."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    return max(_DATES, key=lambda one: sum(_reads(cell, one) for cell in filled))


def _reads(cell: str, pattern: str) -> bool:
    try:
        return cell.isascii() and datetime.strptime(cell, pattern).year >= 1900  # noqa: DTZ007
    except ValueError:
        return False


def decimal_sign(cells: Iterable[str]) -> str:
    """``,`` if amounts are written like 12,50, else ``.``."""
    return "," if any(re.fullmatch(r"[+-]?[0-9.]*,[0-9]{1,2}", cell.strip()) for cell in cells) else "."


# What words of other systems mean: field -> meaning -> small-letter words.
_WORDS: Mapping[str, Mapping[str, str]] = {
    "status": {
        "active": "active enabled open current live",
        "disabled": "inactive disabled suspended blocked onhold locked paused",
        "archived": "closed archived deleted terminated cancelled canceled fraud former",
    },
    "account_type": {
        "individual": "individual person private personal residential consumer",
        "company": "company business corporate organisation organization commercial firm",
        "sole_proprietor": "soleproprietor soletrader freelancer selfemployed",
    },
    "payment_method": {
        "card": "card creditcard stripe visa mastercard cc",
        "invoice": "invoice banktransfer bank wire check cheque mailin paypal cash manual",
        "free": "free none",
    },
    "attitude": {one.value: one.value for one in Attitude},
}
YES_NO = ("charge_tax", "tax_exempt", "never_suspend", "free")
_YES_WORDS, _NO_WORDS = {"x", "enabled", "ja", "si", "oui", "exempt"}, {"disabled", "nein", "non", "-", "n/a"}


def meanings(field: str) -> tuple[str, ...]:
    """What a cell of this field may mean; nothing for fields that are not a choice."""
    if field in YES_NO:
        return ("yes", "no")
    return tuple(_WORDS.get(field, ()))


def meaning(field: str, cell: str) -> str:
    """What a cell of a choice field means; empty if that is not known."""
    text = cell.strip()
    try:
        known = {**CUSTOMER, **SERVICE}[field].read(text)
        return {True: "yes", False: "no"}.get(known, str(known)) if text else ""
    except BillingError:
        word = plain_name(text)
    if field in YES_NO:
        return "yes" if word in _YES_WORDS else "no" if word in _NO_WORDS else ""
    return next((meant for meant, words in _WORDS.get(field, {}).items() if word in words.split()), "")
