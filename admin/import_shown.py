"""What the import pages print."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_babel import gettext as _

from admin import import_words, run_words
from admin.customers.choices import country_names
from admin.links import list_url
from billing import import_drafts, import_guess, import_problems, runs
from billing.import_choices import Choices
from billing.import_fields import SERVICE
from billing.import_store import Store
from models import Customer, ImportFile, ImportState
from web import formatters, sessions
from web.setup import currencies

PAGE = 25


def columns_page(draft: ImportFile, made: Choices) -> dict[str, Any]:
    """The page of columns with what was chosen so far."""
    reader = formatters.locale()
    return {
        "chosen": made,
        "columns": [_column(draft, made, place, name) for place, name in enumerate(draft.sample["header"])],
        "groups": import_words.groups(),
        "meanings": import_words.MEANINGS,
        "services": bool(set(made.columns.values()) & set(SERVICE)),
        "currencies": currencies(reader),
        "countries": country_names(reader),
        "dates": import_words.DATES,
        "saved": import_drafts.saved_mappings(),
        "same": import_drafts.saved_for(draft),
        "system": import_guess.system_of(draft.sample["header"]),
    }


def _column(draft: ImportFile, made: Choices, place: int, name: str) -> dict[str, Any]:
    field = made.columns.get(name, "")
    cells = draft.sample["values"].get(name, [])
    words: list[tuple[str, str]] = []
    meanings = import_guess.meanings(field)
    if meanings:
        known = made.words.get(name, {})
        words = [(cell, known.get(cell, import_guess.meaning(field, cell))) for cell in dict.fromkeys([*cells, *known])]
    return {
        "place": place, "name": name, "field": field, "cells": cells[:3], "words": words, "meanings": meanings,
        "is_identity": made.identity == name,
    }  # fmt: skip


def live(draft: ImportFile, store: Store) -> dict[str, Any]:
    """The card of a check or an import under way."""
    going = draft.state in import_drafts.WAITING
    done, total = store.progress(draft.stored_as) if going and draft.stored_as and draft.tries else (0, 0)
    checking = draft.state is ImportState.CHECKING
    gone = max(sessions.now() - draft.changed_at, sessions.now() - sessions.now())
    return {
        "going": going,
        "waiting": not draft.tries,
        "title": _("Checking every line") if checking else _("Importing"),
        "percent": min(done * 100 // total, 100) if total else 0,
        "gone": run_words.clock_words(gone),
        "whole": Choices.read(draft.choices).whole,
        "alive": runs.scheduler_alive(sessions.now()),
    }


def details(draft: ImportFile, store: Store) -> dict[str, Any]:
    """The page of a file that is checked, being worked on, or over."""
    found = import_problems.count(draft) if "rejected" in draft.counts and draft.stored_as else []
    column, kind = request.args.get("column", ""), request.args.get("kind", "")
    start = request.args.get("start", "")
    first = int(start) if start.isascii() and start.isdigit() and len(start) < 6 else 0
    shown = [n for place, its_kind, n in found if column in ("", place) and kind in ("", its_kind)]
    made = Choices.read(draft.choices)
    return {
        "live": live(draft, store),
        "chosen": made,
        "place": import_words.place,
        "faults": [(one, *import_words.fault(one)) for one in import_problems.page(draft, column, kind, first, PAGE)]
        if found
        else [],
        "columns": _by(found, 0),
        "kinds": [(name, import_words.KINDS.get(name, name), n) for name, n in _by(found, 1)],
        "column": column, "kind": kind, "first": first, "page": PAGE, "matching": sum(shown),
        "made_url": list_url(Customer, tag_is=made.tag) if made.tag else "",
        "customers_url": list_url(Customer),
        "took": run_words.took(draft.run) if draft.run else "",
    }  # fmt: skip


def _by(found: Any, place: int) -> list[tuple[str, int]]:
    """(name, faults) by column or by kind, most first."""
    sums: dict[str, int] = {}
    for row in found:
        sums[row[place]] = sums.get(row[place], 0) + row[2]
    return sorted(sums.items(), key=lambda pair: -pair[1])
