"""The shop's own fields as an import knows them: ``custom.<key>`` in a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from models import BillingError, CustomField
from models.exact import shown

from . import custom_fields
from .import_fields import BadValue, Field


def known() -> dict[str, Field]:
    """Every own field in use, under its name in mappings."""
    return {
        custom_fields.PREFIX + field.key: Field(partial(_read, field), required=field.required, empty=None)
        for field in custom_fields.fields()
    }


def flat(customer: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping's customer with its part ``custom``, which TOML reads as a table of its own, joined to the rest."""
    found = {name: value for name, value in customer.items() if name != "custom"}
    given = customer.get("custom")
    if isinstance(given, Mapping):
        found |= {custom_fields.PREFIX + str(name): value for name, value in given.items()}
    elif given is not None:
        found["custom"] = given
    return found


def any_of(names: Any) -> bool:
    """Whether one of these names is an own field's."""
    return any(name.startswith(custom_fields.PREFIX) for name in names)


def _read(field: CustomField, text: str) -> Any:
    try:
        return custom_fields.clean(field, text)
    except BillingError as error:
        raise BadValue(f"{shown(text)} does not fit {field.name}. {error}") from None
