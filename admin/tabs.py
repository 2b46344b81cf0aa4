"""Saved views with their counts: all in one statement, each counted up to a thousand."""

from __future__ import annotations

from typing import Any

from flask import g
from flask_babel import format_number
from markupsafe import Markup
from sqlalchemy import func, select

from admin.listrequest import ListRequest
from admin.lists import Lister

MOST = 1000


class Tabs:
    """Mixed into a StaffView: `tabs` are (word, address of the list); the first one, everything, is not counted."""

    tabs: tuple[tuple[Any, dict[str, str]], ...] = ()

    @property
    def saved_views(self) -> tuple[tuple[Any, dict[str, str]], ...]:
        words = [
            self.tabs[0][0],
            *(counted(word, n) for (word, _args), n in zip(self.tabs[1:], self.counts(), strict=True)),
        ]
        return tuple((word, args) for word, (_word, args) in zip(words, self.tabs, strict=True))

    def counts(self) -> list[int]:
        """How many rows each further view has; a thousand and one stands for more."""
        known: list[int] | None = g.pop(self._counts_key, None)
        if known is not None:
            return known
        wanted = self.also_counted()
        return list(self.db_session.execute(select(*wanted)).one()) if wanted else []  # type: ignore[attr-defined]

    def also_counted(self) -> list[Any]:
        session = self.db_session  # type: ignore[attr-defined]
        asked = [ListRequest.read(self, args) for _word, args in self.tabs[1:]]
        capped = [Lister(self, one, session).matching().limit(MOST + 1).subquery() for one in asked]
        return [select(func.count()).select_from(one).scalar_subquery() for one in capped]

    def keep_counted(self, numbers: list[int]) -> None:
        setattr(g, self._counts_key, numbers)

    @property
    def _counts_key(self) -> str:
        return f"tab_counts_{self.endpoint}"  # type: ignore[attr-defined]


def counted(word: Any, n: int) -> Markup:
    number = f"{format_number(MOST)}+" if n > MOST else format_number(n)
    return Markup('{} <span class="count">{}</span>').format(word, number)
