"""Cells of lists and facts of records as escaped HTML, small enough for fifty rows under 60 kB."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from markupsafe import Markup, escape

from models import Money
from web.formatters import moment, money, number, short_date


def printed(value: Any) -> Any:
    """Any value of a record, as people read it."""
    for kind, how in PRINTED:
        if isinstance(value, kind):
            return how(value)
    return str(value)


PRINTED: list[tuple[Any, Callable[[Any], Any]]] = [
    (Markup, lambda value: value),
    (bool, lambda value: _("Yes") if value else _("No")),
    (Money, money),
    (datetime, moment),
    (date, short_date),
    (enum.Enum, lambda value: str(value.value).replace("_", " ").capitalize()),
    ((int, Decimal), number),
    ((list, tuple), lambda value: ", ".join(str(one) for one in value)),
]


def fact(value: Any) -> Any:
    """A value on the record's page; nothing prints a dash."""
    return Markup('<span class="muted">–</span>') if value in (None, "", []) else printed(value)


@dataclass(frozen=True)
class Column:
    """A column of a list, with the attributes all its cells share."""

    key: str
    label: Any
    link: bool = False
    numeric: bool = False
    phone: str = ""  # title, sub, end or end2
    sort_url: str = ""
    sorted: str = ""

    @property
    def head_attrs(self) -> Markup:
        parts = [Markup(' class="num"') if self.numeric else "", ""]
        parts[1] = Markup(' aria-sort="{}"').format(self.sorted) if self.sorted else ""
        return Markup("").join(parts)

    def cell(self, value: Any, url: str) -> str:
        """`<td>` with the value escaped. Plain text put together by hand: Markup.format took half of a page's time.

        It has no end tag and no quotes around our own words: fifty rows have six hundred cells.
        """
        text = "" if value is None else str(value) if self.key == "id" else printed(value)
        kind = ("num " if self.numeric else "") + ("cell-id " if self.key == "id" else "")
        if isinstance(value, Money):
            kind += _money_class(value)
        attrs = (f' class="{kind.rstrip()}"' if kind else "") + (f" data-m={self.phone}" if self.phone else "")
        body = escape(text)
        if self.link:  # the head of its row: what the row's icons are about
            opens = f'<a class="row-link" href="{escape(url)}">{body}</a>' if url else body
            return f"<th scope=row{attrs}>{opens}"
        return f"<td{attrs}>{body}"


def _money_class(value: Money) -> str:
    if value.minor < 0:
        return "neg"
    return "" if value.minor else "muted"


@dataclass(frozen=True)
class RowView:
    id: int
    name: str
    cells: Markup
    actions: Markup


@dataclass(frozen=True)
class RowAction:
    """An icon at the end of each row: `address(row)` says where it leads; None leaves it out for that row.

    `post`: it changes something there, so it is a button of the form `row-post`, and `address` is what it `sends`.
    """

    icon: str
    label: Any
    address: Callable[[Any], str | None]
    danger: bool = False
    post: str = ""
    sends: str = "id"
    acts: bool = False  # a button instead of a link: the address is the verb of an action of the list


def cells(columns: list[Column], values: list[Any], url: str) -> Markup:
    """One row. Every value was escaped by its cell."""
    return Markup("".join(column.cell(value, url) for column, value in zip(columns, values, strict=True)))  # noqa: S704


def shortened(url: str, base: str) -> str:
    """An address as seen from the list itself: fifty rows repeat it."""
    return url[len(base) :] or url if url.startswith(base) else url


@dataclass(frozen=True)
class Icons:
    """How a list prints the icons of its rows."""

    actions: list[RowAction]
    base: str = "\0"  # the list's own address
    named: bool = True  # each says which row it is about, as no head of the row does
    folded: int = 0  # after so many there are words, which a script gathers in a menu

    @property
    def posts_to(self) -> str:
        return next((action.post for action in self.actions if action.post), "")

    def of(self, row: Any) -> Markup:
        """The title is tip and name in one, the drawing stands once in the page (admin.icons)."""
        about = escape(f": {row}" if self.named else "")
        shown = [(action, url) for action in self.actions if (url := action.address(row))]
        icons = self.folded if self.folded and len(shown) > self.folded + 1 else len(shown)
        out = []
        for i, (action, url) in enumerate(shown):
            tag, label = self._tag(action, url, row), escape(action.label)
            end = "button" if action.post or action.acts else "a"
            drawn = f' title="{label}{about}"><svg><use href="#{escape(action.icon)}"/></svg>'
            out.append(f"<{tag}{drawn if i < icons else f'>{label}'}</{end}>")
        return Markup("".join(out))  # noqa: S704 every part was escaped

    def _tag(self, action: RowAction, url: str, row: Any) -> str:
        kind = ' class="danger"' if action.danger else ""
        if action.acts:
            return f'button{kind} name="one" value="{escape(url)}.{row.id}"'
        if action.post:
            to = "" if action.post == self.posts_to else f' formaction="{escape(action.post)}"'
            return f'button{kind} form="row-post"{to} name="{action.sends}" value="{escape(url)}"'
        return f'a{kind} href="{escape(shortened(url, self.base))}"'


def pill(kind: str, word: Any) -> Markup:
    """A status as a word in a pill; kind: ok, warn, bad, info, money or nothing."""
    return Markup('<span class="pill{}">{}</span>').format(f" pill-{kind}" if kind else "", word)


def tone(colour: str, word: Any) -> Markup:
    """A group or tag in the colour people gave it (own_lists.COLOURS); plain words without one."""
    if not colour:
        return Markup("{}").format(word)
    return Markup('<span class="group-mark tone-{}">{}</span>').format(colour, word)


def tags(words: list[str], shown: int = 1) -> Markup:
    """The first of some words, and how many more there are."""
    first = Markup("").join(Markup('<span class="tag">{}</span>').format(word) for word in words[:shown])
    if len(words) <= shown:
        return first
    more = ", ".join(words[shown:])
    return first + Markup('<span class="tag tag-more" title="{}">+{}</span>').format(more, len(words) - shown)
