"""Fields of the shop's own on the list, the form and the page of customers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from flask import g, request
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import select

from admin.filters import BARE, WAYS, WrongValue
from admin.link_filters import LinkFilter
from admin.list_columns import ListColumn
from billing import custom_fields
from models import BillingError, Customer, CustomField, CustomValue, FieldKind
from web.formatters import number, short_date

COMPARED: dict[FieldKind, tuple[str, ...]] = {
    FieldKind.TEXT: ("has", "is", "begins", *BARE),
    FieldKind.LONG_TEXT: ("has", *BARE),
    FieldKind.CHOICE: ("is", "not", *BARE),
    FieldKind.DATE: ("from", "before", "is", *BARE),
    FieldKind.NUMBER: ("is", "above", "below", *BARE),
    FieldKind.YES_NO: ("is", *BARE),
}
KEY = "own_"
"""Begins the name of such a field in addresses and among columns."""
FORM = "own-"
"""Begins the name of its input."""


def fields() -> list[CustomField]:
    """The fields in use, asked once a page."""
    if "own_fields" not in g:
        g.own_fields = custom_fields.fields()
    return g.own_fields  # type: ignore[no-any-return]


class OwnFilter(LinkFilter):
    """Customers by what they have in a field, along the index of its kind."""

    def __init__(self, field: CustomField, way: str) -> None:
        super().__init__(Customer.id, CustomValue.customer_id, self._compared, field.name, way, KEY + field.key)
        self.field = field
        self.type = "date" if field.kind is FieldKind.DATE else "text"
        self.mode = "decimal" if field.kind is FieldKind.NUMBER else ""

    def _compared(self, value: Any) -> Any:
        column = getattr(CustomValue, custom_fields.COLUMN[self.field.kind])
        compare = WAYS["is" if self.way == "not" else self.way][1]
        return CustomValue.field_id == self.field.id, compare(column, value)

    def _which(self, value: Any) -> Any:
        return self._compared(value) if self.takes_value else (CustomValue.field_id == self.field.id,)

    def choices(self) -> list[tuple[str, Any]]:
        if self.field.kind is FieldKind.YES_NO:
            return [("1", _("Yes")), ("0", _("No"))]
        return [(word, word) for word in self.field.choices] if self.field.kind is FieldKind.CHOICE else []

    def clean(self, value: str) -> Any:
        try:
            if self.field.kind in (FieldKind.TEXT, FieldKind.LONG_TEXT):
                return value.replace("\0", "")
            return custom_fields.clean(self.field, value)
        except BillingError as error:
            raise WrongValue(str(error)) from error


def filters() -> list[Any]:
    return [OwnFilter(field, way) for field in fields() for way in COMPARED[field.kind]]


def columns() -> list[ListColumn]:
    return [_column(field) for field in fields()]


def _column(field: CustomField) -> ListColumn:
    column = getattr(CustomValue, custom_fields.COLUMN[field.kind])
    theirs = select(column).where(CustomValue.customer_id == Customer.id, CustomValue.field_id == field.id)
    value = theirs.correlate(Customer).scalar_subquery()
    return ListColumn(
        KEY + field.key, field.name, lambda: value, lambda _row, found: shown(found), custom_fields.written,
        numeric=field.kind is FieldKind.NUMBER,
    )  # fmt: skip


def shown(value: Any) -> Any:
    """A value as people read it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, date):
        return short_date(value)
    return number(value) if isinstance(value, Decimal) else str(value)


def as_shown(field: CustomField | None, text: str) -> str:
    """What is written for a value, as people read it; as it stands where the field cannot hold it any more."""
    try:
        return str(shown(custom_fields.clean(field, text)) or "") if field is not None else text
    except BillingError:
        return text


class OwnFields:
    """The fields on a form: what is stored, or what was sent, with the sentence of each that was wrong."""

    def __init__(self, customer: Customer | None = None) -> None:
        self.sent = request.method == "POST"
        stored = custom_fields.values_of(customer.id) if customer and not self.sent and fields() else {}
        self.texts = {
            field.key: request.form.get(FORM + field.key, "") if self.sent else _typed(stored.get(field.id))
            for field in fields()
        }
        self.errors: dict[str, str] = {}

    def values(self) -> dict[str, str]:
        """What was sent, by key; a field that the form did not have is left alone."""
        return {key: text for key, text in self.texts.items() if FORM + key in request.form}

    def take(self, errors: dict[str, str]) -> dict[str, str]:
        """Keep the sentences about own fields; the others come back."""
        mine = {key: text for key, text in errors.items() if key.startswith(custom_fields.PREFIX)}
        self.errors |= {key.removeprefix(custom_fields.PREFIX): text for key, text in mine.items()}
        return {key: text for key, text in errors.items() if key not in mine}

    def wrong(self) -> list[tuple[str, str]]:
        """(id of its input, name) of those with a sentence."""
        return [(FORM + field.key, field.name) for field in fields() if field.key in self.errors]

    def rows(self) -> list[dict[str, Any]]:
        """What the template prints of each field."""
        return [
            {"id": FORM + field.key, "name": field.name, "kind": str(field.kind), "help": field.help,
             "options": _options(field), "required": field.required, "value": self.texts[field.key],
             "error": self.errors.get(field.key, "")}
            for field in fields()
        ]  # fmt: skip


def _options(field: CustomField) -> list[tuple[str, Any]]:
    if field.kind is FieldKind.YES_NO:
        return [("yes", _("Yes")), ("no", _("No"))]
    return [(word, word) for word in field.choices]


def _typed(value: Any) -> str:
    return custom_fields.written(value)


def card(customer: Customer) -> dict[str, Any]:
    """What the card on the customer's page shows."""
    editing = request.args.get("edit") == "own_fields"
    if editing:
        return {"form": OwnFields(customer), "fields": fields()}
    stored = custom_fields.values_of(customer.id) if fields() else {}
    printed = [(field.name, shown(stored.get(field.id))) for field in fields()]
    return {"form": None, "fields": fields(), "values": [(name, _lines(value)) for name, value in printed]}


def _lines(value: Any) -> Any:
    return (
        Markup('<span class="pre-line">{}</span>').format(value) if isinstance(value, str) and "\n" in value else value
    )
