"""What a list's address asks for. The page, its export and an action on all that match read the same address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from admin.filters import StaffFilter, WrongValue

LONGEST_VALUE = 200
MOST_FILTERS = 20


@dataclass(frozen=True)
class Asked:
    """One filter of an address, checked: `clean` is its value in Python."""

    filter: StaffFilter
    value: str
    clean: Any


@dataclass(frozen=True)
class ListRequest:
    search: str = ""
    filters: tuple[Asked, ...] = ()
    sort: str = ""
    desc: bool = False
    after: str = ""
    before: str = ""
    last: bool = False
    saved: str = ""  # id of the saved filter that was opened
    wrong: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, view: Any, args: Mapping[str, str]) -> ListRequest:
        """Read an address; what cannot be understood is left out and, for filters, named in `wrong`."""
        sort, desc = _sort(view, args.get("sort", ""))
        asked, wrong = _filters(view.filters_by_arg(), args, view.before_filters)
        search = args.get("search", "").replace("\0", "")[:LONGEST_VALUE].strip() if view.search_index else ""
        after, before = args.get("after", ""), args.get("before", "")
        saved = args.get("saved", "")
        saved = saved if saved.isascii() and saved.isdigit() and len(saved) < 19 else ""
        return cls(search, asked, sort, desc, after, before, args.get("last") == "1", saved, wrong)

    @property
    def narrowed(self) -> bool:
        return bool(self.search or self.filters)

    def but(self, **changes: Any) -> ListRequest:
        """The same list, changed, from its first page."""
        return replace(self, **{"after": "", "before": "", "last": False, **changes})

    def without(self, position: int) -> ListRequest:
        return self.but(filters=self.filters[:position] + self.filters[position + 1 :])

    def having(self, asked: Asked, position: int | None) -> ListRequest:
        """With one more filter, or with the one at `position` replaced."""
        at = len(self.filters) if position is None else position
        return self.but(filters=(*self.filters[:at], asked, *self.filters[at + 1 :]))

    def pairs(self, leave_out: str = "") -> list[tuple[str, str]]:
        """The address as names and values, in a fixed order."""
        everything = [
            *((f"flt{i}_{a.filter.key}_{a.filter.way}", a.value) for i, a in enumerate(self.filters)),
            ("search", self.search),
            ("sort", ("-" if self.desc else "") + self.sort if self.sort else ""),
            ("saved", self.saved),
            ("after", self.after),
            ("before", self.before),
            ("last", "1" if self.last else ""),
        ]
        return [(name, value) for name, value in everything if value and name != leave_out]

    def query(self) -> str:
        return urlencode(self.pairs())

    def url(self, base: str, *more: tuple[str, str]) -> str:
        query = urlencode([*self.pairs(), *more])
        return f"{base}?{query}" if query else base


def _sort(view: Any, text: str) -> tuple[str, bool]:
    name = text.removeprefix("-")
    if name in view.sort_columns():
        return name, text.startswith("-")
    return "", False


def _filters(
    known: Mapping[str, StaffFilter], args: Mapping[str, str], prepare: Callable[[list[StaffFilter]], None]
) -> tuple[tuple[Asked, ...], tuple[str, ...]]:
    asked, wrong = [], []
    wanted = _filter_args(known, args)
    prepare([found for found, _value in wanted])
    for found, value in wanted:
        try:
            asked.append(Asked(found, value, found.read(value)))
        except WrongValue as error:
            wrong.append(f"{found.name}: {error}")
    return tuple(asked), tuple(wrong)


def _filter_args(known: Mapping[str, StaffFilter], args: Mapping[str, str]) -> list[tuple[StaffFilter, str]]:
    """`flt<place>_<field>_<way>=value`, in the order of place; the place may be left out."""
    found = []
    for arg, value in args.items():
        place, separator, name = arg.removeprefix("flt").partition("_")
        if arg.startswith("flt") and separator and name in known and value:
            found.append((int(place) if place.isascii() and place.isdigit() and len(place) < 4 else 0, name, value))
    found.sort(key=lambda one: one[0])
    return [(known[name], value[:LONGEST_VALUE]) for _place, name, value in found[:MOST_FILTERS]]
