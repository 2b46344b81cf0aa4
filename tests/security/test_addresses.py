"""Hostile arguments in the address of any list: an answer in words, never a breakdown, nothing lost (S04)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from security.conftest import changed, prints
from security.test_doors import address_of, doors
from signing_in import Browser

HOSTILE = ("'", '"', "%27--", "1) OR 1=1", "'; DROP TABLE customer; --", "\x00", "é" * 300, "9" * 40, "{{7*7}}", "-1")
ARGUMENTS = ("search", "sort", "desc", "page", "page_size", "after", "before", "id", "url", "tab", "edit", "columns",
             "saved", "set", "op", "value", "list", "last")  # fmt: skip


def lists(app: Flask) -> list[str]:
    ends = (".index_view", ".export", ".choose_columns", ".saved_view")
    rules = [rule for verb, rule in doors(app) if verb == "GET" and rule.endpoint.endswith(ends)]
    return [address_of(app, rule).split("?")[0] for rule in rules]


def test_hostile_arguments(world: Flask, owner: Browser) -> None:
    before = prints()
    for address in lists(world):
        for hostile in HOSTILE:
            answer = owner.get(f"{address}?{urlencode(dict.fromkeys(ARGUMENTS, hostile))}")
            assert answer.status_code < 500, f"{address} with {hostile!r}"
    assert changed(before, prints()) == []


def together(names: Iterable[str], values: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Each filter with each value once, ten filters at a time: one that is wrong is left out, the others are asked."""
    for some in batched(enumerate(names), 10):
        for turn in range(len(values)):
            yield {f"flt{i % 10}_{name}": values[(i + turn) % len(values)] for i, name in some}


def batched(all_of: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(all_of)
    while some := list(islice(rest, size)):
        yield some


def test_hostile_values_in_every_filter(world: Flask, owner: Browser) -> None:
    views = [view for panel in world.extensions["admin"] for view in panel._views if hasattr(view, "filters_by_arg")]
    assert len(views) > 15
    for view in views:
        with world.test_request_context():
            names, address = list(view.filters_by_arg()), f"{view.url}/"
        for asked in together(names, HOSTILE[4:8]):
            answer = owner.get(address, query_string=asked)
            assert answer.status_code < 500, f"{address} {asked}"
