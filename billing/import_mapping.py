"""The mapping of an import: a small TOML file that says which field is made from which columns.

`existing = "skip"` leaves customers alone that are here already; `tag = "autumn"` tags those that the import makes or
changes. A field is a text with columns in it (``"Customer {customerID}"``), a constant (text, number, yes or no, day),
or one of these tables: ``{ column, map, default, format, decimal }`` (a cell, its meaning looked up in `map`; `default`
for a blank or an unknown one; `format` of a date, as in ``%d.%m.%Y``; `decimal` = "," for amounts such as 1.234,50) and
``{ months_before, column }`` (the day that lies as many months before `months_before` as the cell says).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from models import BillingError
from models.exact import shown

from . import import_custom
from .import_fields import CUSTOMER, CUSTOMER_NEEDS, OPTION, SERVICE, SERVICE_NEEDS, BadValue, Field, day, text, whole
from .import_files import QUOTES

LARGEST = 1_000_000
_COLUMN = re.compile(r"\{([^{}]*)\}")
_COMMA_NUMBER = re.compile(r"([+-]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+))(?:,([0-9]+))?")

Row = Sequence[str]
Read = Callable[[Row], str]


class BadMapping(BillingError):
    """The mapping file asks for something that does not exist."""


@dataclass(frozen=True, slots=True)
class Expression:
    """How the text of a field is made. `columns` are those it needs; `bind` gives the function for their positions.

    `constants` are the texts that may come out whatever the file holds.
    """

    columns: tuple[str, ...]
    bind: Callable[[Mapping[str, int]], Read]
    constants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportMapping:
    """A checked mapping. `service` is empty when only customers are imported; `options` name yes/no columns.

    `updates` false: customers that are here are left as they are. `tag`: what is made or changed gets it.
    `adopt_by_email`: a customer here without an external key, who has the row's address, becomes that row's customer.
    """

    source: str
    delimiter: str | None
    encoding: str | None
    customer: Mapping[str, Expression]
    service: Mapping[str, Expression] = field(default_factory=dict)
    options: Mapping[str, Expression] = field(default_factory=dict)
    adopt_by_email: bool = False
    updates: bool = True
    tag: str = ""
    quote: str = '"'

    def columns(self) -> list[str]:
        """Every column that is used, once, in the order of first use."""
        expressions = (*self.customer.values(), *self.service.values(), *self.options.values())
        return list(dict.fromkeys(column for expression in expressions for column in expression.columns))


def read_mapping(path: Path) -> ImportMapping:
    """The mapping in the file; raises BadMapping, naming what is wrong, and OSError."""
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise BadMapping(f"{path.name} is too large for a mapping.")
    try:
        return parse_mapping(tomllib.loads(content.decode("utf-8-sig"), parse_float=str))
    except (ValueError, RecursionError) as error:
        raise BadMapping(f"{path.name} is not a TOML file: {_one_line(error)}") from None
    except BadMapping as error:
        raise BadMapping(f"{path.name}: {error}") from None


def parse_mapping(data: Mapping[str, Any]) -> ImportMapping:
    """The mapping in parsed TOML; raises BadMapping."""
    _known(data, ("source", "adopt_by_email", "existing", "tag", "file", "customer", "service"), "The mapping", "part")
    source = data.get("source")
    if not isinstance(source, str) or not source.strip() or len(source) > 60:
        raise BadMapping('The mapping needs a source of at most 60 characters, such as source = "telco".')
    file = _table(data, "file")
    _known(file, ("delimiter", "encoding", "quote"), "[file]", "setting")
    service = dict(_table(data, "service"))
    customer = import_custom.flat(_table(data, "customer"))
    known = CUSTOMER | import_custom.known() if import_custom.any_of(customer) else CUSTOMER  # type: ignore[operator]
    options = {_option_name(name): value for name, value in _table(service, "options").items()}
    service.pop("options", None)
    return ImportMapping(
        source=source.strip(),
        delimiter=_delimiter(file.get("delimiter")),
        encoding=_encoding(file.get("encoding")),
        customer=_fields(customer, known, CUSTOMER_NEEDS, "[customer]"),
        service=_fields(service, SERVICE, SERVICE_NEEDS, "[service]") if "service" in data else {},
        adopt_by_email=data.get("adopt_by_email") is True,
        updates=_existing(data.get("existing", "update")),
        tag=_tag(data.get("tag", "")),
        quote=_quote(file.get("quote", '"')),
        options=_fields(options, dict.fromkeys(options, OPTION), (), "[service.options]"),
    )


def _fields(
    given: Mapping[str, Any], known: Mapping[str, Field], needed: Iterable[str], where: str
) -> dict[str, Expression]:
    _known(given, known, where, "field")
    missing = [name for name in needed if name not in given]
    if missing:
        raise BadMapping(f"{where} lacks {', '.join(missing)}: every import has to say where that comes from.")
    return {name: _checked(value, known[name], f"{where} {name}") for name, value in given.items()}


def _checked(value: Any, field: Field, where: str) -> Expression:
    """A constant that is no value of its field is a mistake in the mapping, not in every row."""
    expression = _expression(value, where)
    for constant in expression.constants:
        try:
            if constant or not expression.columns:
                field.read(constant)
        except BillingError as error:
            raise BadMapping(f"{where}: {error}") from None
    return expression


def _option_name(name: str) -> str:
    try:
        return text(120)(name)
    except BadValue as error:
        raise BadMapping(f"[service.options] {error}") from None


def _expression(value: Any, where: str) -> Expression:
    if isinstance(value, Mapping):
        return _months_before(value, where) if "months_before" in value else _column(value, where)
    return _template(_plain(value, where))


def _template(pattern: str) -> Expression:
    """Literal texts and columns in turn: re.split gives them at even and odd places."""
    parts = _COLUMN.split(pattern)
    if len(parts) == 1:
        return Expression((), lambda positions: lambda row: pattern, (pattern,))

    def bind(positions: Mapping[str, int]) -> Read:
        form = "".join("{}" if n % 2 else part.replace("{", "{{").replace("}", "}}") for n, part in enumerate(parts))
        places = [positions[column] for column in parts[1::2]]
        return lambda row: form.format(*[row[place].strip() for place in places])

    return Expression(tuple(dict.fromkeys(parts[1::2])), bind)


def _column(value: Mapping[str, Any], where: str) -> Expression:
    _known(value, ("column", "map", "default", "format", "decimal"), where, "key")
    column, pattern = _column_name(value, where), value.get("format")
    decimal = _decimal(value.get("decimal", "."), where)
    words = {name: _plain(meaning, where) for name, meaning in _table(value, "map").items()} if "map" in value else None
    default = _template(_plain(value["default"], where)) if "default" in value else None
    if pattern is not None and (not isinstance(pattern, str) or "%" not in pattern):
        raise BadMapping(f"{where}: a format looks like %d.%m.%Y.")

    def bind(positions: Mapping[str, int]) -> Read:
        place = positions[column]
        otherwise = default.bind(positions) if default else None

        def read(row: Row) -> str:
            cell = row[place].strip()
            if words is not None:
                if cell in words:
                    return words[cell]
                return otherwise(row) if otherwise else _unknown_word(cell, words)
            if not cell and otherwise:
                return otherwise(row)
            if decimal == ",":
                return _with_point(cell)
            return _day_in(cell, pattern) if cell and pattern else cell

        return read

    columns = (column, *(default.columns if default else ()))
    constants = (*(words or {}).values(), *(default.constants if default else ()))
    return Expression(columns, bind, constants)


def _months_before(value: Mapping[str, Any], where: str) -> Expression:
    _known(value, ("months_before", "column"), where, "key")
    column = _column_name(value, where)
    try:
        end = day(_plain(value["months_before"], where))
    except BadValue as error:
        raise BadMapping(f"{where}: months_before {error}") from None
    months = whole(0, 12 * (end.year - 1900))

    def bind(positions: Mapping[str, int]) -> Read:
        place = positions[column]
        return lambda row: _earlier(end, months(row[place].strip())).isoformat()

    return Expression((column,), bind)


def _earlier(end: date, months: int) -> date:
    """The same day of the month so many months before, or that month's last day."""
    year, month = divmod(end.year * 12 + end.month - 1 - months, 12)
    for number in range(end.day, 0, -1):
        try:
            return date(year, month + 1, number)
        except ValueError:
            continue
    raise AssertionError("every month has a first day")


def _day_in(cell: str, pattern: str) -> str:
    try:
        if not cell.isascii():
            raise ValueError
        return datetime.strptime(cell, pattern).date().isoformat()  # noqa: DTZ007
    except ValueError:
        raise BadValue(f"{shown(cell)} is not a date in the format {pattern}.") from None


def _with_point(cell: str) -> str:
    """``1.234,50`` and ``1234,5`` as amounts are read; what is no such number comes out as it is."""
    found = _COMMA_NUMBER.fullmatch(cell)
    if not found:
        return cell
    whole_part = found[1].replace(".", "")
    return f"{whole_part}.{found[2]}" if found[2] else whole_part


def _unknown_word(cell: str, words: Mapping[str, str]) -> str:
    known = ", ".join(list(words)[:8]) + (", …" if len(words) > 8 else "")
    raise BadValue(f"{shown(cell)} has no meaning in the mapping, which knows: {known}.")


def _plain(value: Any, where: str) -> str:
    """A constant as the text a cell would hold."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str | int):
        return str(value)
    raise BadMapping(f"{where} has to be a text, a number, yes or no, a day, or a table with a column in it.")


def _column_name(value: Mapping[str, Any], where: str) -> str:
    name = value.get("column")
    if not isinstance(name, str):
        raise BadMapping(f'{where} lacks the column, such as {{ column = "Price" }}.')
    return name


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name, {})
    if not isinstance(found, Mapping):
        raise BadMapping(f"{name} has to be a table.")
    return found


def _known(given: Iterable[str], known: Iterable[str], where: str, what: str) -> None:
    for name in given:
        if name not in known:
            raise BadMapping(f"{where} has no {what} called {shown(name)}. Known are: {', '.join(known)}.")


def _delimiter(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and len(value) == 1 and value not in '"\r\n '):
        return value
    raise BadMapping("[file] delimiter has to be one character, such as , or ;.")


def _quote(value: Any) -> str:
    if value in QUOTES:
        return str(value)
    raise BadMapping("[file] quote is one quotation mark, or nothing.")


def _decimal(value: Any, where: str) -> str:
    if value in (".", ","):
        return str(value)
    raise BadMapping(f'{where}: decimal is "." or ",".')


def _existing(value: Any) -> bool:
    if value in ("update", "skip"):
        return bool(value == "update")
    raise BadMapping('existing is "update" or "skip".')


def _tag(value: Any) -> str:
    if not isinstance(value, str):
        raise BadMapping("The tag has to be a text.")
    try:
        return text(60)(value.strip())
    except BadValue as error:
        raise BadMapping(f"The tag {error}") from None


def _encoding(value: Any) -> str | None:
    try:
        if value is not None and "é".encode(value) == b"":
            raise LookupError
    except (LookupError, TypeError, UnicodeError):
        raise BadMapping(
            f"[file] encoding {shown(value)} is not known. Leave it out, or use utf-8 or cp1252."
        ) from None
    return None if value is None else str(value)


def _one_line(error: Exception) -> str:
    return (str(error).splitlines() or ["nested too deeply"])[0][:200]
