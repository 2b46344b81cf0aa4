"""Cells of lists and facts of records as escaped HTML, small enough for fifty rows under 60 kB."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from string import ascii_letters
from types import SimpleNamespace
from typing import Any

from flask_babel import gettext as _
from markupsafe import Markup, escape

from models import Money
from web.formatters import moment, money, number, short_date

OF_ROW = "~"


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
        folds = Markup(" class=fold") if not self.phone and self.key != "id" else ""  # where there is no room for it
        parts = [Markup(' class="num"') if self.numeric else folds, ""]
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
        kind = kind.rstrip()
        classes = (f' class="{kind}"' if " " in kind else f" class={kind}") if kind else ""
        attrs = classes + (f" data-m={self.phone}" if self.phone else "")
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
    folded: int = 0  # those after so many stand in a menu, which the page holds once: see `menu`
    _menu: dict[str, str] = field(default_factory=dict)  # entry -> the letter rows call it by

    @property
    def posts_to(self) -> str:
        return next((action.post for action in self.actions if action.post), "")

    @property
    def menu(self) -> Markup:
        """The entries that the rows printed so far name; in each, OF_ROW stands for the row's id."""
        return Markup("").join(Markup(entry) for entry in self._menu)  # noqa: S704 printed by _entry

    def of(self, row: Any, url: str = "") -> Markup:
        """The title is tip and name in one, the drawing stands once in the page (admin.icons). Without scripts the
        sign of the menu leads to the row's own page, `url`, where all of it can be done too."""
        about = escape(f": {row}" if self.named else "")
        shown = [(action, address) for action in self.actions if (address := action.address(row))]
        icons = self.folded if self.folded and len(shown) > self.folded + 1 else len(shown)
        out = []
        for action, address in shown[:icons]:
            tip = f"{escape(action.label)}{about}"
            out.append(self._tag(action, address, row, f" title={_quoted(tip)}", _drawing(action.icon)))
        if icons < len(shown):
            letters = "".join(self._entry(action, address, row) for action, address in shown[icons:])
            more = escape(_("More"))
            words = f'class=dots href="{escape(url)}" title={_quoted(more)} data-menu={letters}'
            out.append(f"<a {words}></a>")  # its three dots are drawn by the style sheet: fifty rows have them
        return Markup("".join(out))  # noqa: S704 every part was escaped

    def _entry(self, action: RowAction, address: str, row: Any) -> str:
        """The letter of this entry of the menu; most rows have the same ones."""
        there = re.sub(rf"(?<!\w){row.id}(?!\w)", OF_ROW, address)
        kind = ' role="menuitem" class="dropdown-item{}"'.format(" danger" if action.danger else "")
        words = _drawing(action.icon, ' class="icon" aria-hidden="true"') + escape(action.label)
        entry = self._tag(action, there, SimpleNamespace(id=OF_ROW), kind, words)
        return self._menu.setdefault(entry, ascii_letters[len(self._menu)])

    def _tag(self, action: RowAction, address: str, row: Any, attrs: str, body: str) -> str:
        kind = ' class="danger"' if action.danger and "class=" not in attrs else ""
        if action.acts:
            return f'<button{kind} name="one" value="{escape(address)}.{row.id}"{attrs}>{body}</button>'
        if action.post:
            to = "" if action.post == self.posts_to else f' formaction="{escape(action.post)}"'
            sent = f"name={action.sends} value={escape(address)}"
            return f"<button{kind} form=row-post{to} {sent}{attrs}>{body}</button>"
        return f'<a{kind} href="{escape(shortened(address, self.base))}"{attrs}>{body}</a>'


def _quoted(words: str) -> str:
    """An attribute's value, escaped already: a single word of letters needs no quotes, and fifty rows have many."""
    return words if words.isalpha() and words.isascii() else f'"{words}"'


def _drawing(icon: str, attrs: str = "") -> Markup:
    return Markup(f"<svg{attrs}><use href=#{escape(icon)} /></svg>")  # noqa: S704 our own attributes


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
