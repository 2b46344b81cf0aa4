"""The search of everything: a dialog on every page of the panel, and a page of its own that works without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, redirect, request, session, url_for
from flask_admin import BaseView, expose
from flask_babel import gettext as _

from admin import search_pages
from admin.links import view_of
from admin.search_kinds import KINDS, Hit, Kind, kind_of_model
from models.search import LONGEST
from web import only_customer
from web.permissions import allows, signed_in_staff, to_sign_in

IN_DIALOG = 5  # of each kind
OF_ONE_KIND = 20
ON_PAGE = 10
RECENT = 8
PAGES = ("page", "go", "p")


@dataclass(frozen=True)
class Group:
    """Results of one kind; `more_url` leads to the list of all of them."""

    label: Any
    icon: str
    hits: Sequence[Any]
    more_url: str = ""


@dataclass(frozen=True)
class Asked:
    """What was typed: words, and the kind that a prefix names (None: all of them)."""

    words: str
    kind: str | None = None

    @classmethod
    def read(cls, typed: str) -> Asked:
        typed = " ".join(typed.replace("\0", " ")[:LONGEST].split())
        prefix, separator, rest = typed.partition(":")
        named = prefix.strip().lower()
        for kind in KINDS:
            if separator and named in (kind.name, f"{kind.name}s", *kind.prefixes):
                return cls(rest.strip(), kind.name)
        if separator and named in (*PAGES, "pages"):
            return cls(rest.strip(), "page")
        return cls(typed)


def groups(asked: Asked, each: int) -> list[Group]:
    """What is found, by kind; at most one statement for each kind that this person may see."""
    if not asked.words:
        return []
    limit = OF_ONE_KIND if asked.kind else each
    found = [_pages(asked.words, limit)] if asked.kind in (None, "page") else []
    only = only_customer.id_()
    for kind in KINDS:
        if asked.kind in (None, kind.name) and allows(kind.permission):
            found.append(_group(kind, asked.words, limit, only))
    found.sort(key=lambda group: group.label == _("Go to") and not _is_verb(asked.words, group))
    return [group for group in found if group.hits]


def _is_verb(words: str, group: Group) -> bool:
    """A page stands above the records only when its name begins with what was typed."""
    return any(hit.title.lower().startswith(words.lower()) for hit in group.hits)


def _pages(words: str, limit: int) -> Group:
    return Group(_("Go to"), "arrow-right", search_pages.find(words, limit))


def _group(kind: Kind, words: str, limit: int, only: int | None) -> Group:
    hits = kind.find(words, limit, only)
    return Group(kind.label, kind.icon, hits, _more(kind, words, limit) if len(hits) == limit else "")


def _more(kind: Kind, words: str, shown: int) -> str:
    """Where the rest is: the list, if it looks for the same; else this page, with that kind alone."""
    view = view_of(kind.model)
    if view is not None and kind.listed:
        return view.get_url(f"{view.endpoint}.index_view", search=words)
    return url_for("search.index", q=f"{kind.name}:{words}", stay=1) if shown < OF_ONE_KIND else ""


def recent() -> list[Group]:
    """What this browser's person opened last, newest first, as far as it is still there and still theirs to see."""
    opened = _opened()
    only, found = only_customer.id_(), {}
    for kind in KINDS:
        ids = [number for name, number in opened if name == kind.name]
        if ids and allows(kind.permission):
            found.update({(kind.name, number): hit for number, hit in kind.opened(ids, only).items()})
    icons = {kind.name: kind.icon for kind in KINDS}
    hits = [_with_icon(found[one], icons[one[0]]) for one in opened if one in found]
    return [Group(_("Opened last"), "history", hits)] if hits else []


def _with_icon(hit: Hit, icon: str) -> search_pages.Door:
    return search_pages.Door(hit.title, hit.note, hit.url, icon, "")


def _opened() -> list[tuple[str, int]]:
    """Kept in the session's signed cookie: ids only, gone when the person signs out."""
    kept = session.get("opened", [])
    return [(str(one[0]), int(one[1])) for one in kept if isinstance(one, list) and len(one) == 2]


def note_opened(response: Response) -> Response:
    """Remember a record whose page was shown."""
    endpoint, _dot, door = (request.endpoint or "").rpartition(".")
    if request.method != "GET" or door != "details_view" or response.status_code != 200 or not signed_in_staff():
        return response
    kind, number = _kind_of(endpoint), request.args.get("id", "")
    if kind is not None and number.isascii() and number.isdigit() and len(number) < 19:
        one = [kind.name, int(number)]
        before = [old for old in session.get("opened", []) if old != one]
        if session.get("opened", [])[:1] != [one]:
            session["opened"] = [one, *before][:RECENT]
    return response


def _kind_of(endpoint: str) -> Kind | None:
    from flask import current_app

    for panel in current_app.extensions["admin"]:
        for view in panel._views:
            if view.endpoint == endpoint:
                return kind_of_model(getattr(view, "model", None))
    return None


class SearchView(BaseView):
    def is_accessible(self) -> bool:
        return signed_in_staff() is not None

    def is_visible(self) -> bool:
        return False  # the top bar leads there

    def inaccessible_callback(self, name: str, **_kwargs: Any) -> Any:
        return to_sign_in()

    @expose("/")
    def index(self) -> Any:
        """The page. One single hit is opened at once; `stay` shows it in the page nevertheless."""
        typed = request.args.get("q", "")[:LONGEST]
        asked = Asked.read(typed)
        found = groups(asked, ON_PAGE)
        hits = [hit for group in found for hit in group.hits]
        if len(hits) == 1 and "stay" not in request.args:
            return redirect(hits[0].url)
        shown = found or ([] if asked.words else recent())
        return self.render("admin/search/page.html", typed=typed, asked=asked, groups=shown, kinds=self.kinds())

    @expose("/suggest/")
    def suggest(self) -> Any:
        """The inside of the dialog's list."""
        asked = Asked.read(request.args.get("q", ""))
        found = groups(asked, IN_DIALOG) if asked.words else recent()
        return self.render("admin/search/results.html", asked=asked, groups=found, kinds=self.kinds())

    def kinds(self) -> list[tuple[str, Any]]:
        """The prefixes this person can use."""
        return [*((k.name, k.label) for k in KINDS if allows(k.permission)), ("page", _("Pages"))]


def init_app(app: Flask) -> None:
    app.after_request(note_opened)
    app.context_processor(lambda: {"global_search_url": url_for("search.index")})
