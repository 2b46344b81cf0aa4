"""From the names in a view's lists to the columns of the database, on this table or along a many-to-one path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import ColumnProperty, RelationshipProperty, aliased

from admin.export import Figure, plain
from admin.paging import SortKey
from models.currencies import DECIMALS
from models.money import MoneyOf


def along(model: Any, path: str) -> tuple[Any, list[Any]]:
    """The attribute at the end of a dotted path, and the relationships that lead there."""
    *relations, name = path.split(".")
    joins = []
    for relation in relations:
        step = getattr(model, relation)
        if step.property.uselist:
            raise ValueError(f"{path}: {relation} is to-many; sort by a stored count, filter by ExistsFilter")
        joins.append(step)
        model = step.property.mapper.class_
    return getattr(model, name), joins


def sortable(model: Any, listed: Any) -> dict[str, tuple[Any, list[Any]]]:
    """`column_sortable_list` with its columns: names, or (name, path) where the two differ."""
    pairs = [(one, one) if isinstance(one, str) else one for one in listed or ()]
    return {name: along(model, path) for name, path in pairs}


def sort_key(model: Any, known: dict[str, tuple[Any, list[Any]]], name: str, desc: bool) -> tuple[SortKey, list[Any]]:
    """The order of a list; by id where the name says nothing."""
    if name not in known or known[name][0] is model.id:
        return SortKey(model.id, model.id, desc), []
    column, joins = known[name]
    nullable = bool(joins) or column.property.columns[0].nullable
    return SortKey(column, model.id, desc, nullable), joins


Printer = Callable[[Any], str]


def exported(model: Any, names: list[tuple[str, Any]]) -> list[tuple[Any, Any, Printer]]:
    """(heading, column, how it is printed) of the columns to export; the first amount is followed by the currency, and
    other records are told by their name."""
    out: list[tuple[Any, Any, Printer]] = []
    for name, label in names:
        attribute = getattr(model, name)
        if isinstance(attribute, MoneyOf):
            out.append(_amount(model, attribute, label))
            if not any(column is model.currency for _label, column, _print in out):
                out.append((_("Currency"), model.currency, plain))
        elif isinstance(getattr(attribute, "property", None), RelationshipProperty):
            out.append((label, name_of(attribute), plain))
        else:
            out.append((label, attribute, plain))
    return out


def exported_some(model: Any, shown: list[tuple[str, Any]], worked_out: list[Any]) -> list[tuple[Any, Any, Printer]]:
    """The same of some columns of a list; other records are told by their name."""
    known = {one.key: one for one in worked_out}
    out: list[tuple[Any, Any, Printer]] = []
    for name, label in shown:
        if name in known:
            out.append(known[name].exported())
            continue
        attribute = getattr(model, name, None)
        kind = getattr(attribute, "property", None)
        if isinstance(kind, ColumnProperty):
            if not any(column is attribute for _label, column, _print in out):
                out.append((label, attribute, plain))
        elif isinstance(attribute, MoneyOf):
            out.append(_amount(model, attribute, label))
            if not any(column is model.currency for _label, column, _print in out):
                out.append((_("Currency"), model.currency, plain))
        elif isinstance(kind, RelationshipProperty) and not kind.uselist and hasattr(kind.mapper.class_, "name"):
            out.append((label, name_of(attribute), plain))
    return out


def name_of(relation: Any) -> Any:
    """The name of the one record that `relation` leads to, as a value of the row."""
    other = aliased(relation.property.mapper.class_)
    [(here, _there)] = relation.property.local_remote_pairs
    return select(other.name).where(other.id == here).correlate(here.table).scalar_subquery()


def _amount(model: Any, amount: MoneyOf, label: Any) -> tuple[Any, Any, Printer]:
    return label, exact_amount(getattr(model, amount.minor), getattr(model, amount.currency)), read_amount


def exact_amount(minor: Any, currency: Any) -> Any:
    """Both in one column of the database, for `read_amount` to print."""
    return currency.concat("|").concat(minor.cast(currency.type.__class__()))


def read_amount(stored: str | None) -> str:
    """`EUR|-1250` as `-12.50`."""
    if not stored:
        return ""
    currency, _bar, minor = stored.partition("|")
    places = DECIMALS[currency]
    if not places:
        return Figure(minor)
    if len(minor) <= places + 1:
        minor = f"{int(minor):0{places + 1 + (minor[0] == '-')}d}"
    return Figure(f"{minor[:-places]}.{minor[-places:]}")


read_amount.harmless = True  # type: ignore[attr-defined]  # figures, whatever is stored
