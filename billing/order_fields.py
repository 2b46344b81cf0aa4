"""The fields an order form may ask beside name and e-mail: those of a customer, and fields of the shop's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models import BillingError, CustomField, FieldKind

from . import custom_fields
from .customer_fields import clean, put_in_form
from .texts import InvalidText

PREFIX = custom_fields.PREFIX
STANDARD: dict[str, str] = {
    "company_name": "Company",
    "phone": "Phone",
    "tax_id": "VAT or tax number",
    "registration_number": "Registration number",
    "street": "Street and number",
    "street2": "Further line of the address",
    "postal_code": "Postal code",
    "city": "City",
    "region": "Region",
    "country": "Country",
    "po_number": "Your order number",
}
"""Fields of a customer that may be asked, with what they are called."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A field of a form. `custom` is the shop's own field, where it is one."""

    name: str
    label: str
    required: bool = False
    custom: CustomField | None = None

    @property
    def kind(self) -> str:
        """What asks for it: text, long_text, choice, date, number, yes_no, or country, phone."""
        if self.custom:
            return str(self.custom.kind)
        return self.name if self.name in ("country", "phone") else str(FieldKind.TEXT)


def askable() -> list[Asked]:
    """Every field that a form may ask, the customer's own first."""
    standard = [Asked(name, label) for name, label in STANDARD.items()]
    return standard + [Asked(PREFIX + field.key, field.name, field.required, field) for field in custom_fields.fields()]


def asked(fields: Sequence[Mapping[str, Any]]) -> list[Asked]:
    """The fields of a form in its order; one of the shop's own that is archived or gone is left out."""
    custom = any(one["name"].startswith(PREFIX) for one in fields)
    known = {PREFIX + field.key: field for field in custom_fields.fields()} if custom else {}
    found = []
    for one in fields:
        name, required = one["name"], bool(one["required"])
        if name in STANDARD:
            found.append(Asked(name, STANDARD[name], required))
        elif name in known:
            found.append(Asked(name, known[name].name, required, known[name]))
    return found


def read(fields: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The fields as a form keeps them. Raises InvalidText for what no form can ask, or asks twice."""
    known = {one.name for one in askable()}
    found: dict[str, dict[str, Any]] = {}
    for one in fields:
        name, required = one.get("name"), one.get("required", False)
        if name not in known or type(required) is not bool:
            raise InvalidText("One of the fields does not exist any more. Take it off the form.")
        if name in found:
            raise InvalidText("A field is asked once. Take the second one out.")
        found[name] = {"name": name, "required": required}
    return list(found.values())


def check(fields: Sequence[Asked], typed: Mapping[str, str], *, home: str) -> dict[str, Any]:
    """What was typed into name, email and these fields, in the form an order keeps it: plain values, empty ones left
    out. Raises DetailsRefused with a sentence for every field that is wrong."""
    errors: dict[str, str] = {}
    found: dict[str, Any] = {}
    for name, label in (("name", "Your name"), ("email", "Your e-mail address")):
        _take(found, errors, name, label, typed.get(name, ""), True)
    for one in fields:
        if one.custom:
            _take_custom(found, errors, one, typed.get(one.name, ""))
        else:
            _take(found, errors, one.name, one.label, typed.get(one.name, ""), one.required)
    errors = {**_strictly(found, home), **errors}
    if errors:
        raise DetailsRefused(errors)
    return found


class DetailsRefused(BillingError):
    """Something that was typed cannot be; `errors` has a sentence for each of the fields."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


def for_customer(details: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(fields of a customer, values of the shop's own fields by key) of an order's details."""
    own = {name.removeprefix(PREFIX): value for name, value in details.items() if name.startswith(PREFIX)}
    return {name: value for name, value in details.items() if not name.startswith(PREFIX)}, own


def _take(found: dict[str, Any], errors: dict[str, str], name: str, label: str, text: str, required: bool) -> None:
    if not text.strip():
        if required:
            errors[name] = f"{label} is missing."
        return
    try:
        found[name] = clean({name: text})[name]
    except BillingError as refusal:
        errors[name] = str(refusal)


def _take_custom(found: dict[str, Any], errors: dict[str, str], one: Asked, text: str) -> None:
    assert one.custom is not None
    if not text.strip():
        if one.required:
            errors[one.name] = f"{one.label} is missing."
        return
    try:
        found[one.name] = custom_fields.written(custom_fields.clean(one.custom, text))
    except BillingError as refusal:
        errors[one.name] = str(refusal)


def _strictly(found: dict[str, Any], home: str) -> dict[str, str]:
    """Phone and tax numbers that are none are refused, as forms of staff do; tax numbers get their usual form."""
    values: dict[str, Any] = {name: found[name] for name in ("phone", "country", "tax_id") if name in found}
    try:
        put_in_form(values, {}, home, strict=True)
    except BillingError as refusal:
        return dict(getattr(refusal, "errors", {"tax_id": str(refusal)}))
    if "tax_id" in found:
        found["tax_id"] = values["tax_id"]
    return {}
