"""Filters of lists: each is one field with one way of comparing. Addresses name them (`flt0_status_is=active`)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_admin.contrib.sqla.filters import BaseSQLAFilter
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, Enum, Select, and_, or_

from billing import company
from models import Money
from models.types import ExactDecimal

LARGEST = 2**63 - 1

Compare = Callable[[Any, Any], Any]
WAYS: dict[str, tuple[Any, Compare]] = {
    "is": (_l("is"), lambda c, v: c == v),
    "not": (_l("is not"), lambda c, v: _other(c, v)),
    "has": (_l("contains"), lambda c, v: c.icontains(v, autoescape=True)),
    "begins": (_l("begins with"), lambda c, v: c.istartswith(v, autoescape=True)),
    "above": (_l("above"), lambda c, v: c > v),
    "below": (_l("below"), lambda c, v: c < v),
    "from": (_l("from"), lambda c, v: c >= v),
    "before": (_l("before"), lambda c, v: c < v),
    "empty": (_l("is empty"), lambda c, _v: _blank(c)),
    "filled": (_l("is not empty"), lambda c, _v: _filled(c)),
}
BARE = ("empty", "filled")  # ways that need no value; addresses say 1


def _other(column: Any, value: Any) -> Any:
    """Not that value, in the words of an index: the other choices, or what lies before and after it; and blank ones."""
    kind = stored(column).type
    others = [one for one in kind.enum_class if one != value] if isinstance(kind, Enum) and kind.enum_class else []
    apart = column.in_(others) if others else or_(column < value, column > value)
    return or_(apart, column.is_(None)) if stored(column).nullable else apart


def _blank(column: Any) -> Any:
    return column.is_(None) if stored(column).nullable else column == ""


def _filled(column: Any) -> Any:
    return column.is_not(None) if stored(column).nullable else column > ""


class WrongValue(ValueError):
    """The value cannot be compared with this field; str(error) is shown beside it."""


class StaffFilter(BaseSQLAFilter):
    """One field, one way. `key` and `way` make its name in addresses, in every language the same."""

    type = "text"
    mode = ""

    def __init__(self, column: Any, name: Any, way: str, key: str | None = None, options: Any = None) -> None:
        super().__init__(column, name, options)
        self.key, self.way = key or column.key, way

    def operation(self) -> Any:
        return WAYS[self.way][0]

    def get_options(self, view: Any) -> None:
        """Flask-Admin would ask once, at the start; we ask when the editor opens."""

    @property
    def takes_value(self) -> bool:
        return self.way not in BARE

    def read(self, value: str) -> Any:
        """The value to compare with; raises WrongValue."""
        return self.clean(value) if self.takes_value else True

    def clean(self, value: str) -> Any:
        return value.replace("\0", "")

    def where(self, value: Any) -> ColumnElement[bool]:
        return WAYS[self.way][1](self.column, value)

    def holds(self, value: Any) -> ColumnElement[bool]:
        """The same test for one row at a time, while another index is walked."""
        return self.where(value)

    def ids(self, value: Any) -> Select[Any] | None:
        """`SELECT id` of all rows that pass, each once and straight from an index, where that is not this table's."""
        return None

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        return query.where(self.where(value))

    @property
    def equality(self) -> bool:
        """Whether an index of this column leads straight to the rows, in the order of their id."""
        return self.way in ("is", "empty")

    def leads(self, value: Any) -> bool:
        """The same for one value, where it depends on that."""
        return self.equality

    def bounds(self, column: Any) -> bool:
        """Whether it only says where to begin and end in the index of `column`."""
        return stored(self.column) is stored(column)

    def printed(self, value: str) -> str:
        """The value as a chip shows it."""
        return "" if not self.takes_value else self.words(value)

    def words(self, value: str) -> str:
        return str(dict(self.choices()).get(value, value))

    def choices(self) -> list[tuple[str, Any]]:
        options = self.options() if callable(self.options) else self.options
        return [(str(code), word) for code, word in options or ()]


class ChoiceFilter(StaffFilter):
    """One of a few words."""

    def clean(self, value: str) -> Any:
        if value not in dict(self.choices()):
            raise WrongValue(_("Choose one of the list."))
        kind = getattr(self.column.type, "enum_class", None)
        return kind(value) if kind else value


class RowFilter(ChoiceFilter):
    """One row of a small table, by its id."""

    def clean(self, value: str) -> int:
        return int(super().clean(value))


class FlagFilter(ChoiceFilter):
    """Yes or no."""

    def choices(self) -> list[tuple[str, Any]]:
        return [("1", _("Yes")), ("0", _("No"))]

    def clean(self, value: str) -> bool:
        return super().clean(value) == "1"


class NumberFilter(StaffFilter):
    mode = "numeric"

    def clean(self, value: str) -> Any:
        number = read_decimal(value)
        if isinstance(self.column.type, ExactDecimal):
            places = self.column.type.scale
            if number != round(number, places):
                raise WrongValue(_("Not more than %(places)s decimals.", places=places))
            return number
        if number != int(number) or abs(number) > LARGEST:
            raise WrongValue(_("Write a whole number, such as 12."))
        return int(number)


class MoneyFilter(StaffFilter):
    """Amounts compare within one currency: `12.50`, in the company's, or `12.50 USD`."""

    mode = "decimal"

    def __init__(self, column: Any, currency: Any, name: Any, way: str, key: str) -> None:
        super().__init__(column, name, way, key)
        self.currency = currency

    def clean(self, value: str) -> Money:
        amount, _blank, currency = value.strip().replace(",", "").partition(" ")
        try:
            read_decimal(amount)
            return Money.of(amount, currency.strip().upper() or own_currency())
        except Exception as error:
            raise WrongValue(_("Write an amount, such as 12.50 or 12.50 USD.")) from error

    def where(self, value: Money) -> ColumnElement[bool]:
        return and_(self.currency == value.currency, super().where(value.minor))

    def bounds(self, column: Any) -> bool:
        return False  # the currency too has an index, which would be taken

    def words(self, value: str) -> str:
        return str(self.clean(value))

    @property
    def equality(self) -> bool:
        return False


class ExistsFilter(ChoiceFilter):
    """To-many fields, by EXISTS: a customer with two matching tags is still one row, in the list and in its count.

    `related` is the relationship, `column` the compared column on its far side.
    """

    def __init__(self, related: Any, column: Any, name: Any, way: str, key: str, options: Any = None) -> None:
        super().__init__(column, name, way, key, options)
        self.related = related

    def clean(self, value: str) -> Any:
        return super().clean(value) if self.options else StaffFilter.clean(self, value)

    def where(self, value: Any) -> ColumnElement[bool]:
        if self.way == "not":
            return ~self.related.any(self.column == value)
        return self.related.any(super().where(value))

    @property
    def equality(self) -> bool:
        return False


def stored(column: Any) -> Any:
    """The column of the table, also where the attribute of the class is given."""
    known = getattr(column, "property", None)
    return known.columns[0] if known is not None else column


def read_decimal(text: str) -> Decimal:
    """A finite number of a length a person would type, in the digits 0 to 9."""
    typed = text.isascii() and "_" not in text and len(text) <= 40
    try:
        number = Decimal(text.strip()) if typed else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or abs(number.adjusted()) > 30:
        raise WrongValue(_("Write a number, such as 12."))
    return number


def own_currency() -> str:
    """The company's currency; without a company, amounts must name theirs."""
    seller = company.get()
    return seller.currency if seller else ""
