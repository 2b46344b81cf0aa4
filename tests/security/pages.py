"""Walking through every page somebody can reach by links, and what stands on it: links, forms, elements."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException

SHOWS = ("tab", "edit", "section")  # arguments whose values make other pages of the same address
EMPTY = {"checkbox", "radio"}


@dataclass
class Field:
    name: str
    value: str
    kind: str
    inputmode: str = ""


@dataclass
class Form:
    """A form as a browser would send it, untouched."""

    page: str
    action: str
    method: str
    upload: bool = False
    fields: list[Field] = field(default_factory=list)

    def values(self) -> dict[str, list[str]]:
        sent: dict[str, list[str]] = {}
        for one in self.fields:
            if one.name and one.name != "csrf_token":
                sent.setdefault(one.name, []).append(one.value)
        return sent


class Page(HTMLParser):
    """The links, forms and elements of one answer."""

    def __init__(self, address: str, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.address = address
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.ids: set[str] = set()
        self.handlers: list[str] = []
        self._choice: dict[str, str] = {}
        self._area: Field | None = None
        self._known: dict[str, Form] = {}
        self._open: Form | None = None
        self._row = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids.add(given.get("id", ""))
        self.handlers += [name for name in given if name.startswith("on")]
        if given.get("name") == "rowid":
            self._row = given.get("value", "")
        if "href" in given and tag == "a":
            # The menu that all rows of a list share stands for each of them (admin.cells.OF_ROW); here for the last.
            self.links.append(urljoin(self.address, given["href"].replace("~", self._row)))
        handle = {"form": self._form, "input": self._input, "textarea": self._textarea}.get(tag)
        if handle:
            handle(given)
        if tag == "select":
            self._choice = given
        if tag == "option" and "selected" in given and self._choice.get("name"):
            self._add(self._choice, "select", given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        if tag == "textarea":
            self._area = None
        if tag == "select":
            self._choice = {}

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area.value += data

    def _form(self, given: dict[str, str]) -> None:
        action = urljoin(self.address, given.get("action") or self.address)
        upload = given.get("enctype", "").startswith("multipart")
        self._open = Form(self.address, action, given.get("method", "get").lower(), upload)
        self.forms.append(self._open)
        if given.get("id"):
            self._known[given["id"]] = self._open

    def _add(self, given: dict[str, str], kind: str, value: str) -> Field:
        made = Field(given.get("name", ""), value, kind, given.get("inputmode", ""))
        form = self._known.get(given["form"]) if given.get("form") else self._open
        if form is not None and "disabled" not in given:
            form.fields.append(made)
        return made

    def _input(self, given: dict[str, str]) -> None:
        kind = given.get("type", "text").lower()
        if kind in EMPTY and "checked" not in given or kind in ("file", "submit", "button"):
            return
        self._add(given, kind, given.get("value", "on" if kind in EMPTY else ""))

    def _textarea(self, given: dict[str, str]) -> None:
        self._area = self._add(given, "textarea", "")


def endpoint_of(app: Flask, path: str, method: str = "GET") -> str:
    """The endpoint behind a path; empty if there is none."""
    try:
        return str(app.url_map.bind("localhost").match(path, method=method)[0])
    except HTTPException:
        return ""


class Walk:
    """Follows links breadth first; of addresses that differ in values only, one is looked at."""

    def __init__(self, client: FlaskClient, starts: Iterable[str], *, each: int = 1) -> None:
        self.client, self.each = client, each
        self.waiting = deque(starts)
        self.seen: dict[tuple[str, ...], int] = {}
        self.answers: list[tuple[str, int, str]] = []

    def signature(self, address: str) -> tuple[str, ...]:
        parts = urlsplit(address)
        endpoint = endpoint_of(self.client.application, parts.path)
        given = parse_qsl(parts.query, keep_blank_values=True)
        shows = [f"{name}={value}" for name, value in given if name in SHOWS]
        return (endpoint, *sorted({name for name, _value in given}), *shows)

    def __iter__(self) -> Iterator[Page]:
        while self.waiting:
            address = self.waiting.popleft()
            known = self.signature(address)
            if not known[0] or known[0].endswith("static") or self.seen.get(known, 0) >= self.each:
                continue
            self.seen[known] = self.seen.get(known, 0) + 1
            answer = self.client.get(address)
            text = answer.text if answer.mimetype.startswith("text/") else ""  # read to its end: a file is no page,
            shown = "" if answer.mimetype == "text/csv" else text  # but the next one waits until it has arrived
            self.answers.append((address, answer.status_code, shown))
            if answer.location:
                self.waiting.append(urljoin(address, answer.location))
            if answer.mimetype == "text/html":
                page = Page(address, answer.text)
                self.waiting.extend(link for link in page.links if not urlsplit(link).netloc)
                yield page
