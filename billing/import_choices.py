"""From what is chosen on the import pages to a mapping, the same one that the command reads from a TOML file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from models import BillingError, FieldKind

from . import custom_fields, import_custom
from . import import_guess as guess
from .import_fields import CUSTOMER, SERVICE, Field
from .import_guess import FIRST_NAME, LAST_NAME
from .import_mapping import BadMapping, ImportMapping, parse_mapping

REASON = "What is wrong"
"""The first column of a file of wrong lines; an import takes no notice of it."""
DAYS = ("registered_on", "archived_on", "starts_on", "ends_on", "started_on", "next_renewal_on", "cancelled_on")
FIELDS: Mapping[str, Field | None] = {
    **{name: one for name, one in CUSTOMER.items() if name != "external_id"},
    **{FIRST_NAME: None, LAST_NAME: None},
    **SERVICE,
}
"""What a column can become; two of them are parts of the name."""


def fields() -> dict[str, Field | None]:
    """What a column can become, the shop's own fields among it."""
    return {**FIELDS, **import_custom.known()}


FIXED = ("currency", "country", "package", "started_on", "next_renewal_on", "months")
"""What may be the same in every row instead."""


class WrongChoice(BillingError):
    """Something cannot be imported like this; `place` is the choice that is to blame, or a column in `columns.`."""

    def __init__(self, message: str, place: str = "columns") -> None:
        super().__init__(message)
        self.place = place


@dataclass(slots=True)
class Choices:
    """What was chosen for a table. `columns`: column -> field; `words`: column -> cell -> meaning.

    `identity` is the column that tells customers apart. `fixed` holds what is the same in every row. `whole`: one
    wrong row means that nothing is imported. `tag` is empty for none.
    """

    source: str = "csv"
    identity: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    words: dict[str, dict[str, str]] = field(default_factory=dict)
    fixed: dict[str, str] = field(default_factory=dict)
    date_format: str = "%Y-%m-%d"
    decimal: str = "."
    updates: bool = True
    adopts: bool = True
    whole: bool = False
    tag: str = ""
    saved_as: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Choices:
        """What `plain` gave; keys of another time are left out."""
        known = cls.__dataclass_fields__
        return cls(**{name: value for name, value in kept.items() if name in known})

    def for_columns(self, header: Iterable[str]) -> Choices:
        """The same without columns that the table does not have."""
        here = set(header)
        kept = Choices.read(self.plain())
        kept.columns = {column: name for column, name in self.columns.items() if column in here}
        kept.words = {column: words for column, words in self.words.items() if column in here}
        kept.identity = self.identity if self.identity in here else ""
        return kept


def columns_hash(header: Sequence[str]) -> str:
    """The same for tables with the same columns, in whatever order; the column of reasons does not count."""
    names = sorted(name for name in header if name != REASON)
    return hashlib.sha256("\0".join(names).encode()).hexdigest()


def first_choices(header: Sequence[str], rows: Sequence[Sequence[str]], currency: str) -> Choices:
    """What to suggest for a new table; `rows` are some of its rows, `currency` the company's."""
    columns = guess.suggest([name for name in header if name != REASON], _without_reason(header, rows))
    system = guess.system_of(header)
    made = Choices(source=system.lower().replace(" ", "-") or "csv", columns=columns, fixed={"currency": currency})
    places = {column: header.index(column) for column in columns}
    cells = {c: [row[p] for row in rows if p < len(row)] for c, p in places.items()}
    made.date_format = guess.date_format(x for c, name in columns.items() if name in DAYS for x in cells[c])
    made.decimal = guess.decimal_sign(x for c, name in columns.items() if name == "price" for x in cells[c])
    made.identity = _first(columns, "external_id") or _first(columns, "email")
    columns.pop(_first(columns, "external_id"), None)
    for column, name in columns.items():
        if guess.meanings(name):
            made.words[column] = {cell: guess.meaning(name, cell) for cell in dict.fromkeys(cells[column]) if cell}
    return made


def _without_reason(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[list[str]]:
    places = [place for place, name in enumerate(header) if name != REASON]
    return [[row[place] if place < len(row) else "" for place in places] for row in rows]


def _first(columns: Mapping[str, str], wanted: str) -> str:
    return next((column for column, name in columns.items() if name == wanted), "")


def mapping_of(choices: Choices, header: Sequence[str], reading: Mapping[str, str] | None = None) -> ImportMapping:
    """The checked mapping. Raises WrongChoice."""
    data = mapping_data(choices, header, reading)
    try:
        return parse_mapping(data)
    except BadMapping as error:
        raise WrongChoice(str(error)) from None


def mapping_data(choices: Choices, header: Sequence[str], reading: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The mapping as a TOML file holds it; `reading` are its [file] settings. Raises WrongChoice."""
    _check(choices, header)
    data: dict[str, Any] = {"source": choices.source}
    if choices.adopts:
        data["adopt_by_email"] = True
    if not choices.updates:
        data["existing"] = "skip"
    if choices.tag:
        data["tag"] = choices.tag
    if reading:
        data["file"] = dict(reading)
    columns = {name: column for column, name in choices.columns.items()}
    customer: dict[str, Any] = {
        name: _expression(choices, name, column) for name, column in columns.items() if _of_customer(name)
    }
    customer["external_id"] = {"column": choices.identity}
    if FIRST_NAME in columns and "name" not in columns:
        customer["name"] = f"{{{columns[FIRST_NAME]}}} {{{columns[LAST_NAME]}}}"
    if "name" not in customer and "company_name" in columns:
        customer["name"] = {"column": columns["company_name"]}
    service: dict[str, Any] = {
        name: _expression(choices, name, column) for name, column in columns.items() if name in SERVICE
    }
    for name in FIXED:
        part = customer if name in CUSTOMER else service
        if choices.fixed.get(name) and name not in part and (part is customer or service):
            part[name] = choices.fixed[name]
    data["customer"] = {"external_id": customer.pop("external_id"), **customer}
    if service:
        data["service"] = service
    return data


def _of_customer(name: str) -> bool:
    return name in CUSTOMER or import_custom.any_of([name])


def _own_of(kind: FieldKind) -> set[str]:
    """The shop's own fields of this kind."""
    return {custom_fields.PREFIX + one.key for one in custom_fields.fields() if one.kind is kind}


def _expression(choices: Choices, name: str, column: str) -> dict[str, Any]:
    made: dict[str, Any] = {"column": column}
    own = import_custom.any_of([name])
    if choices.date_format != "%Y-%m-%d" and (name in DAYS or (own and name in _own_of(FieldKind.DATE))):
        made["format"] = choices.date_format
    if choices.decimal == "," and (name == "price" or (own and name in _own_of(FieldKind.NUMBER))):
        made["decimal"] = ","
    words = {cell: meant for cell, meant in choices.words.get(column, {}).items() if meant}
    if words and guess.meanings(name) and not re.search(r"[{}]", column):
        made |= {"map": words, "default": f"{{{column}}}"}
    return made


def _check(choices: Choices, header: Sequence[str]) -> None:
    """What a sentence about the pages says better than one about the mapping. Raises WrongChoice."""
    here, known = set(header), fields()
    seen: dict[str, str] = {}
    for column, name in choices.columns.items():
        if column not in here or name not in known:
            raise WrongChoice("The columns have changed. Load the page again.")
        if name in seen:
            raise WrongChoice(f"Two columns cannot become the same: {seen[name]} and {column}.", f"columns.{column}")
        seen[name] = column
    if "name" not in seen and not {FIRST_NAME, LAST_NAME} <= set(seen) and "company_name" not in seen:
        raise WrongChoice("Say which column holds the name, or first name and last name in two.", "name")
    if "name" not in seen and any(re.search(r"[{}]", seen.get(part, "")) for part in (FIRST_NAME, LAST_NAME)):
        raise WrongChoice("A column of the name has a brace { or } in its title. Rename it in the file.", "name")
    if "email" not in seen:
        raise WrongChoice("Say which column holds the e-mail address.", "email")
    if choices.identity not in here:
        raise WrongChoice("Choose the column that tells customers apart.", "identity")
    if "currency" not in seen and not choices.fixed.get("currency"):
        raise WrongChoice("Choose the currency, or the column that holds it.", "currency")
    given = set(seen) | {name for name, value in choices.fixed.items() if value}
    for name in ("package", "price", "started_on", "next_renewal_on") if set(seen) & set(SERVICE) else ():
        if name not in given:
            raise WrongChoice("A service needs a package, a price, its start and its next renewal.", name)


def to_toml(data: Mapping[str, Any]) -> str:
    """The mapping as the text of a TOML file that the command reads."""
    lines = [f"{_key(name)} = {_value(value)}" for name, value in data.items() if not isinstance(value, Mapping)]
    for part, values in data.items():
        if isinstance(values, Mapping):
            lines += ["", f"[{_key(part)}]", *(f"{_key(name)} = {_value(value)}" for name, value in values.items())]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_value(one)}" for name, one in value.items()) + " }"
    return _text(str(value))


def _text(text: str) -> str:
    """A basic string (TOML 1.0): quotes, backslashes and control characters escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04X}" for c in escaped) + '"'
