"""Verbs on many rows: ticked ones, or all that match. One call of a rule for each; refusals are listed, not fatal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import wraps
from itertools import islice
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from flask import abort, flash, redirect, request
from flask_admin.actions import action
from flask_babel import format_number, ngettext
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin import narrowing
from admin.listrequest import ListRequest
from admin.lists import Lister
from models import BillingError
from web.params import row_id

BATCH = 500
AT_ONCE = 200  # more rows than this are asked about first, and are work for a job
SHOWN_REFUSALS = 5


@dataclass(frozen=True)
class StaffAction:
    """How a verb looks and who may use it."""

    name: str
    label: Any
    permission: str
    icon: str = "circle-dot"
    danger: bool = False
    confirm: bool = False
    effects: Callable[[Any, int], list[tuple[str, str, str]]] | None = None
    place: int = 0
    when: Callable[[], bool] | None = None  # offered in the bar only then


@dataclass
class Outcome:
    """What became of the rows."""

    done: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)

    def sentence(self) -> str:
        parts = [ngettext("%(number)s done", "%(number)s done", self.done, number=format_number(self.done))]
        if self.refused:
            n = len(self.refused)
            parts.append(ngettext("%(number)s refused", "%(number)s refused", n, number=format_number(n)))
        return ", ".join(parts) + "."

    def reasons(self) -> str:
        shown = [f"{name}: {why}" for name, why in self.refused[:SHOWN_REFUSALS]]
        rest = len(self.refused) - len(shown)
        return " ".join(shown + ([_("And %(number)s more.", number=format_number(rest))] if rest > 0 else []))


def staff_action(name: str, label: Any, *, permission: str, **look: Any) -> Callable[..., Any]:
    """Make a method `(self, row)`, which calls a rule for one row, an action of the list.

    `look`: icon, danger, confirm (always ask first), effects(view, count) for the page that asks, place in the bar.
    """

    def wrap(rule: Callable[[Any, Any], Any]) -> Callable[..., Any]:
        known = StaffAction(name, label, permission, **look)

        @action(name, label)
        @wraps(rule)
        def run(self: Any, ids: list[str]) -> Any:
            return Chosen.read(self, ids).run(known, lambda row: rule(self, row))

        run.staff_action = known  # type: ignore[attr-defined]
        run.rule = rule  # type: ignore[attr-defined]
        return run

    return wrap


class Moved(Exception):
    """The rows that match are not those that were shown; str(error) says so."""


@dataclass
class Chosen:
    """The rows a form is about."""

    view: Any
    ids: list[int]
    asked: ListRequest | None
    shown: str

    @classmethod
    def read(cls, view: Any, ids: list[str]) -> Chosen:
        form = request.form
        everything = form.get("scope") == "all" and "one" not in form
        asked = ListRequest.read(view, dict(parse_qsl(form.get("list", "")))) if everything else None
        numbers = [number for number in map(row_id, ids) if number is not None]
        return cls(view, narrowing.kept(view, numbers), asked, form.get("count", ""))

    @property
    def session(self) -> Session:
        return self.view.db_session

    def run(self, known: StaffAction, rule: Callable[[Any], Any]) -> Any:
        count = self.counted()
        if "sure" not in request.form and (known.confirm or count > AT_ONCE):
            return self.ask(known, count)
        if count > AT_ONCE and self.view.enqueue(known, self):
            return redirect(self.back())
        self.tell(self.each(rule))
        return redirect(self.back())

    def counted(self) -> int:
        """How many rows, one at least; else back to the list with a sentence, and the request ends here."""
        try:
            count = self.count()
        except Moved as moved:
            self._leave(str(moved))
        if not count:
            self._leave(_("Tick at least one row first."))
        return count

    def _leave(self, why: str) -> NoReturn:
        flash(why, "warning")
        abort(redirect(self.back()))

    def count(self) -> int:
        """How many rows; refuses when the list has changed since it was shown."""
        if self.asked is None:
            return len(set(self.ids))
        lister = Lister(self.view, self.asked, self.session)
        exact = lister.exact()
        if self.asked.wrong or self.shown not in (lister.count().text, f"={exact}"):
            raise Moved(_("The list has changed since you saw it. Nothing was done. Look again, then repeat it."))
        return exact

    def ask(self, known: StaffAction, count: int, verb: str = "", more: Sequence[tuple[str, str, str]] = ()) -> Any:
        """The page that says what will happen, with the exact number, before it happens."""
        number = format_number(count)
        verb = verb or ngettext(
            "%(verb)s %(number)s row", "%(verb)s %(number)s rows", count, verb=known.label, number=number
        )
        effects = [*(known.effects(self.view, count) if known.effects else []), *more]
        return self.view.render(
            "admin/model/confirm_action.html",
            action=known,
            title=f"{verb}?",
            verb=verb,
            fields=self.hidden(known, count),
            effects=effects,
            return_url=self.back(),
        )

    def hidden(self, known: StaffAction, count: int) -> list[tuple[str, str]]:
        """The fields that make a second form be about the same rows."""
        fields = [("action", known.name), ("sure", "1")]
        if self.asked is not None:
            return [*fields, ("scope", "all"), ("count", f"={count}"), ("list", self.asked.query())]
        return [*fields, *(("rowid", str(i)) for i in self.ids), ("list", request.form.get("list", ""))]

    def each(self, rule: Callable[[Any], Any]) -> Outcome:
        """Call the rule for every row, each in its own savepoint; one commit a batch, here at the door."""
        outcome, ids = Outcome(), self.all_ids()
        for batch in iter(lambda: list(islice(ids, BATCH)), []):
            self._one_batch(batch, rule, outcome)
            self.session.commit()
        return outcome

    def _one_batch(self, batch: list[int], rule: Callable[[Any], Any], outcome: Outcome) -> None:
        model = self.view.model
        rows = self.session.scalars(
            self.view.narrowed(select(model)).where(model.id.in_(batch)).order_by(model.id)
        ).all()
        for row in rows:
            name = str(row)
            try:
                with self.session.begin_nested():
                    rule(row)
                outcome.done += 1
            except BillingError as error:
                outcome.refused.append((name, str(error)))

    def all_ids(self) -> Iterator[int]:
        """Ids of the rows, fixed before the first change: a verb may move rows out of its own filter."""
        if self.asked is None:
            return iter(sorted(set(self.ids)))
        return iter(self.session.scalars(Lister(self.view, self.asked, self.session).matching()).all())

    def tell(self, outcome: Outcome) -> None:
        if outcome.refused:
            flash(f"{outcome.sentence()} {outcome.reasons()}", "warning")
        else:
            flash(outcome.sentence(), "toast")

    def back(self) -> str:
        """The list as it was left."""
        base = self.view.get_url(".index_view")
        asked = self.asked or ListRequest.read(self.view, dict(parse_qsl(request.form.get("list", ""))))
        return asked.url(base)
