"""Saved views with their counts: one statement for all of them, each counted up to a thousand."""

from __future__ import annotations

from typing import Any

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
        session = self.db_session  # type: ignore[attr-defined]
        asked = [ListRequest.read(self, args) for _word, args in self.tabs[1:]]
        capped = [Lister(self, one, session).matching().limit(MOST + 1).subquery() for one in asked]
        counts = [select(func.count()).select_from(one).scalar_subquery() for one in capped]
        return list(session.execute(select(*counts)).one()) if counts else []


def counted(word: Any, n: int) -> Markup:
    number = f"{format_number(MOST)}+" if n > MOST else format_number(n)
    return Markup('{} <span class="count">{}</span>').format(word, number)
