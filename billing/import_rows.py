"""From the cells of a row to checked values of one customer and its service, by the mapping."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from models import BillingError, CustomerStatus
from models.exact import shown

from . import import_custom, import_plans
from .import_fields import CUSTOMER, OPTION, SERVICE, BadValue, Field
from .import_mapping import BadMapping, Expression, ImportMapping
from .money import Money

KINDS = ("value", "row", "duplicate", "taken")
"""A cell, the shape of a row, the same thing twice in the file, something that a customer here has already."""


class Problem(NamedTuple):
    """What is wrong with a row. `column` is the file's column where one cell is to blame, else our field's name.

    `kind` is one of KINDS; `value` the text of the cell.
    """

    line: int
    column: str
    message: str
    kind: str = "value"
    value: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}, {self.column}" if self.column else f"line {self.line}"
        return f"{where}: {self.message}"


def key_text(source: str | None, external_id: str | None) -> str:
    """An external key as one text."""
    return f"{source or ''}\0{external_id or ''}"


@dataclass(frozen=True, slots=True)
class ServiceValues:
    """A service as the file has it; days are calendar days, the price is in the customer's currency."""

    package: str
    description: str | None
    price: Money
    free: bool | None
    months: int
    days: int
    anchor_day: int
    started_on: date
    next_renewal_on: date
    cancelled_on: date | None
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class ImportedRow:
    """One good row. `customer` holds the mapped fields only, without the external key."""

    line: int
    source: str
    external_id: str
    customer: dict[str, Any]
    service: ServiceValues | None

    @property
    def key(self) -> tuple[str, str]:
        return self.source, self.external_id

    @property
    def key_text(self) -> str:
        return key_text(*self.key)


class _Reader(NamedTuple):
    """How a field is read from the cells of a row."""

    name: str
    label: str
    text: Callable[[Sequence[str]], str]
    field: Field
    places: tuple[int, ...]

    def cells(self, row: Sequence[str]) -> str:
        """What the file has there."""
        return " ".join(row[place] for place in self.places)


@dataclass(frozen=True, slots=True)
class _Readers:
    """The fields of one part of the mapping; what is the same in every row is read once."""

    constants: dict[str, Any]
    fields: list[_Reader]

    def __bool__(self) -> bool:
        return bool(self.constants or self.fields)


class RowReader:
    """Reads rows under one header. Raises BadMapping when the mapping needs columns that are not there."""

    def __init__(self, mapping: ImportMapping, header: Sequence[str]) -> None:
        self.mapping = mapping
        self.width = len(header)
        positions = {name: place for place, name in enumerate(header)}
        missing = [name for name in mapping.columns() if name not in positions]
        if missing:
            raise BadMapping(
                f"The mapping uses the column {shown(missing[0])}, which the file does not have. "
                f"Its columns are: {', '.join(header[:40])}{', …' if self.width > 40 else ''}."
            )
        self.labels: dict[str, str] = {}
        own = import_custom.known() if import_custom.any_of(mapping.customer) else {}
        plans = import_plans.known() if import_plans.FIELD in mapping.customer else {}
        self.customer = self._readers(mapping.customer, {**CUSTOMER, **own, **plans}, positions)
        self.service = self._readers(mapping.service, SERVICE, positions)
        self.options = self._readers(mapping.options, dict.fromkeys(mapping.options, OPTION), positions)

    def read(self, line: int, cells: Sequence[str]) -> tuple[ImportedRow | None, list[Problem]]:
        """The row, or everything that is wrong with it."""
        if len(cells) != self.width:
            return None, [Problem(line, "", f"the row has {len(cells)} cells, the header has {self.width}.", "row")]
        problems: list[Problem] = []
        values = _values(self.customer, line, cells, problems)
        service = _values(self.service, line, cells, problems)
        options = _values(self.options, line, cells, problems)
        if problems:
            return None, problems
        source, external_id = values.pop("external_source", self.mapping.source), values.pop("external_id")
        try:
            if self.service and values.get("status") is CustomerStatus.ARCHIVED:
                raise _Refused("status", "an archived customer cannot have a service.")
            agreed = self._service(service, options, values["currency"]) if self.service else None
        except _Refused as refused:
            return None, [
                Problem(line, self.label(refused.field), str(refused), value=self.cells(refused.field, cells))
            ]
        return ImportedRow(line, source, external_id, values, agreed), []

    def label(self, field: str) -> str:
        """What to call a field in a report: the one column it comes from, else its own name."""
        return self.labels.get(field, field)

    def cells(self, field: str, row: Sequence[str]) -> str:
        """What the file has for a field."""
        readers = (*self.customer.fields, *self.service.fields)
        return next((reader.cells(row) for reader in readers if reader.name == field), "")

    def _readers(
        self, expressions: Mapping[str, Expression], fields: Mapping[str, Field], positions: Mapping[str, int]
    ) -> _Readers:
        readers = _Readers({}, [])
        for name, expression in expressions.items():
            label = expression.columns[0] if len(expression.columns) == 1 else name
            self.labels[name] = label
            text = expression.bind(positions)
            if expression.columns:
                places = tuple(positions[column] for column in expression.columns)
                readers.fields.append(_Reader(name, label, text, fields[name], places))
            else:
                readers.constants[name] = fields[name].read(text(()))
        return readers

    def _service(self, given: dict[str, Any], options: dict[str, Any], currency: str) -> ServiceValues:
        renewal: date = given["next_renewal_on"]
        anchor = given.get("anchor_day") or renewal.day
        months, days = given.get("months") or 0, given.get("days") or 0
        if not months and not days:
            months = 1
        if months and days:
            raise _Refused("months", "a service renews every so many months or every so many days, not both.")
        if months and renewal.day != min(anchor, monthrange(renewal.year, renewal.month)[1]):
            raise _Refused("next_renewal_on", f"{renewal} is not a renewal date of a service with anchor day {anchor}.")
        if given["started_on"] > renewal:
            raise _Refused("started_on", f"the service starts on {given['started_on']}, after its renewal ({renewal}).")
        ends = given.get("cancelled_on")
        if ends and ends < given["started_on"]:
            raise _Refused("cancelled_on", f"the service ends on {ends}, before it starts ({given['started_on']}).")
        return ServiceValues(
            package=given["package"],
            description=given.get("description"),
            price=_price(given["price"], currency),
            free=given.get("free"),
            months=months,
            days=days,
            anchor_day=anchor,
            started_on=given["started_on"],
            next_renewal_on=renewal,
            cancelled_on=ends,
            options=frozenset(name for name, chosen in options.items() if chosen),
        )


class _Refused(BadValue):
    """A value that is wrong beside the others."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def _values(readers: _Readers, line: int, cells: Sequence[str], problems: list[Problem]) -> dict[str, Any]:
    values = readers.constants.copy()
    for reader in readers.fields:
        try:
            values[reader.name] = reader.field.read(reader.text(cells))
        except BillingError as error:
            problems.append(Problem(line, reader.label, str(error), value=reader.cells(cells)))
    return values


def _price(text: str, currency: str) -> Money:
    try:
        price = Money.of(text, currency)
    except BillingError as error:
        raise _Refused("price", str(error)) from None
    if price.minor < 0:
        raise _Refused("price", f"{shown(text)} is below zero. A price cannot be negative.")
    return price
