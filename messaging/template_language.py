"""The language of templates: fields in double braces, conditions, lists. Nothing in it reaches Python.

What is not allowed by name is refused when it is saved, with its line; the sandbox is the second wall, and values
are plain (texts, numbers, yes or no, lists and groups of these), so that there is nothing behind them either.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from time import monotonic
from typing import Any

from flask_babel import gettext as _
from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from models import BillingError

from .refusals import CannotBeWritten

Plain = str | bool | int | list["Plain"] | dict[str, "Plain"]
"""What a template may be fed with."""
Fields = dict[str, Any]
"""Which fields there are: a text is what it means, a dict a group, a list (of one) repeats."""

LONGEST_SOURCE = 50_000
LONGEST_RESULT = 200_000
SECONDS = 2.0
DEEPEST = 2
"""How many lists may stand in one another."""
FILTERS = frozenset(("capitalize", "default", "first", "last", "length", "lower", "title", "trim", "truncate", "upper"))
LOOP = {"first": "", "last": "", "index": ""}
_OUT = " out"
_TAGS = {
    nodes.Include: "include", nodes.Import: "import", nodes.FromImport: "from", nodes.Extends: "extends",
    nodes.Block: "block", nodes.Macro: "macro", nodes.CallBlock: "call", nodes.FilterBlock: "filter",
    nodes.Assign: "set", nodes.AssignBlock: "set", nodes.With: "with", nodes.Scope: "autoescape",
}  # fmt: skip


class BadTemplate(BillingError):
    """This template cannot be kept; `line` and (0: not known) `column` are where, from 1."""

    def __init__(self, line: int, why: str, column: int = 0) -> None:
        place = {"line": line, "column": column, "why": why}
        super().__init__(_("Line %(line)s, column %(column)s: %(why)s", **place) if column else
                         _("Line %(line)s: %(why)s", **place))  # fmt: skip
        self.line, self.column, self.why = line, column, why


@dataclass
class Out:
    """Takes each value that is put into a message. With `marks`, marks stand for them until they are safe."""

    marks: str = ""
    values: list[str] = field(default_factory=list)
    size: int = 0
    until: float = 0.0
    longest: int = LONGEST_RESULT

    def take(self, value: Any) -> str:
        text = (_("yes") if value else _("no")) if isinstance(value, bool) else str(value)
        self.size += len(text)
        if self.size > self.longest or (self.until and monotonic() > self.until):
            raise CannotBeWritten(_("The template makes too much text."))
        if not self.marks:
            return text
        self.values.append(text)
        return f"{self.marks}{len(self.values) - 1}z"


class HtmlOut(Out):
    """Takes values into HTML: what is in them is text, never elements."""

    def take(self, value: Any) -> str:
        return escape(super().take(value))


def check(source: str, fields: Fields, *, needs: tuple[str, ...] = (), longest: int = LONGEST_SOURCE) -> None:
    """Raises BadTemplate unless the source is right, uses only `fields`, and each of `needs` somewhere."""
    if len(source) > longest:
        raise BadTemplate(1, _("A template has at most %(n)s letters.", n=longest))
    try:
        tree = _environment().parse(source)
    except TemplateSyntaxError as error:
        raise BadTemplate(error.lineno, _("This is not written right: %(why)s", why=error.message)) from error
    checker = _Checker()
    for node in tree.body:
        checker.part(node, fields, 0)
    for path in needs:
        if path not in checker.used:
            raise BadTemplate(1, _("It has to say {{ %(field)s }} somewhere: without it, it is of no use.", field=path))


def render(source: str, values: Mapping[str, Plain], out: Out) -> str:
    """The text with its values. Raises CannotBeWritten for a field that is not there, or whatever else is wrong."""
    out.until = monotonic() + SECONDS
    pieces, size = [], 0
    try:
        for piece in _compiled(source).generate({**values, _OUT: out}):
            pieces.append(piece)
            size += len(piece)
            if size > out.longest:
                raise CannotBeWritten(_("The template makes too much text."))
    except CannotBeWritten:
        raise
    except UndefinedError as error:
        raise CannotBeWritten(_("The template uses a field that is not there: %(why)s", why=error.message)) from error
    except TemplateSyntaxError as error:
        raise CannotBeWritten(_("The template is broken in line %(n)s.", n=error.lineno)) from error
    except Exception as error:  # values are plain, so whatever goes wrong is the template's doing
        why = str(error) or type(error).__name__
        raise CannotBeWritten(_("The template cannot be used: %(why)s", why=why)) from error
    return "".join(pieces)


class _Checker:
    """Walks the parts of a template; what is not known by name is refused."""

    def __init__(self) -> None:
        self.used: set[str] = set()

    def part(self, node: nodes.Node, fields: Fields, depth: int) -> None:
        if isinstance(node, nodes.Output):
            for each in node.nodes:
                self._put(each, fields)
        elif isinstance(node, nodes.If):
            self._value(node.test, fields)
            for each in (*node.body, *node.elif_, *node.else_):
                self.part(each, fields, depth)
        elif isinstance(node, nodes.For):
            self._loop(node, fields, depth)
        else:
            tag = _TAGS.get(type(node), "")
            raise BadTemplate(node.lineno or 1, _("{%% %(tag)s %%} cannot be used in a template.", tag=tag))

    def _loop(self, node: nodes.For, fields: Fields, depth: int) -> None:
        item = self._value(node.iter, fields)
        if not isinstance(item, list) or node.recursive or node.test or not isinstance(node.target, nodes.Name):
            raise BadTemplate(node.lineno, _("{% for %} goes through a list: {% for line in terms %}."))
        if depth >= DEEPEST:
            raise BadTemplate(node.lineno, _("Too many lists stand in one another."))
        inner = {**fields, node.target.name: item[0], "loop": LOOP}
        for each in node.body:
            self.part(each, inner, depth + 1)
        for each in node.else_:
            self.part(each, fields, depth)

    def _put(self, node: nodes.Node, fields: Fields) -> None:
        if isinstance(node, nodes.TemplateData):
            return
        found = self._value(node, fields)
        if isinstance(found, dict):
            raise BadTemplate(node.lineno, _("This is a group of fields; say which: %(names)s.", names=_some(found)))
        if isinstance(found, list):
            raise BadTemplate(node.lineno, _("This is a list; go through it with {% for %}."))

    def _value(self, node: nodes.Node, fields: Fields) -> Any:
        """What an expression leads to: a group, a list, or (as a text) a single value."""
        if isinstance(node, nodes.Const) and isinstance(node.value, str | int | bool | None):
            return ""
        if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
            path = self._path(node)
            self.used.add(".".join(path))
            return _find(path, fields, node.lineno)
        if isinstance(node, nodes.Filter) and node.node is not None:
            return self._filter(node, fields)
        if isinstance(node, nodes.Test) and node.name in ("defined", "undefined") and not node.args:
            return self._all(node.lineno, [node.node], fields)
        if isinstance(node, nodes.Not):
            return self._all(node.lineno, [node.node], fields)
        if isinstance(node, nodes.And | nodes.Or):
            return self._all(node.lineno, [node.left, node.right], fields)
        if isinstance(node, nodes.Compare):
            return self._all(node.lineno, [node.expr, *(each.expr for each in node.ops)], fields)
        if isinstance(node, nodes.CondExpr):
            return self._all(node.lineno, [n for n in (node.test, node.expr1, node.expr2) if n is not None], fields)
        if isinstance(node, nodes.Concat):
            return self._all(node.lineno, node.nodes, fields)
        if isinstance(node, nodes.Call):
            raise BadTemplate(node.lineno, _("Functions cannot be called in a template."))
        raise BadTemplate(node.lineno, _("This cannot be used in a template. Fields, conditions and lists can."))

    def _all(self, _line: int, inside: list[Any], fields: Fields) -> str:
        for each in inside:
            self._value(each, fields)
        return ""

    def _filter(self, node: nodes.Filter, fields: Fields) -> str:
        if node.name not in FILTERS:
            known = ", ".join(sorted(FILTERS))
            raise BadTemplate(
                node.lineno, _("“|%(name)s” cannot be used. These can: %(known)s.", name=node.name, known=known)
            )
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise BadTemplate(node.lineno, _("This cannot be used in a template. Fields, conditions and lists can."))
        self._value(node.node, fields)  # type: ignore[arg-type]
        return self._all(node.lineno, [*node.args, *(each.value for each in node.kwargs)], fields)

    def _path(self, node: nodes.Node) -> list[str]:
        if isinstance(node, nodes.Name):
            return [node.name]
        if isinstance(node, nodes.Getattr):
            return [*self._path(node.node), node.attr]
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return [*self._path(node.node), node.arg.value]
        raise BadTemplate(node.lineno, _("Only fields have parts: {{ customer.name }}."))


def _find(path: list[str], fields: Fields, line: int) -> Any:
    found: Any = fields
    for depth, name in enumerate(path):
        if not isinstance(found, dict) or name not in found:
            raise BadTemplate(line, _no_such(".".join(path), ".".join(path[:depth]), found))
        found = found[name]
    return found


def _no_such(path: str, group: str, known: Any) -> str:
    names = [f"{group}.{name}" if group else name for name in known] if isinstance(known, dict) else []
    close = difflib.get_close_matches(path, names, n=1, cutoff=0.6)
    if close:
        return _("There is no field “%(name)s”. Is it “%(close)s”?", name=path, close=close[0])
    return _("There is no field “%(name)s”. The list of fields shows those there are.", name=path)


def _some(group: dict[str, Any]) -> str:
    return ", ".join(list(group)[:6])


@pass_context
def _finalize(context: Context, value: Any) -> str:
    return context[_OUT].take(value)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Names and parts lead into groups of values, and nowhere else."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self._part(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self._part(obj, argument)

    def _part(self, obj: Any, name: Any) -> Any:
        if type(obj) is dict and name in obj:
            return obj[name]
        if type(obj).__name__ == "LoopContext" and name in LOOP:
            return getattr(obj, name)
        return self.undefined(f"“{name}”")


@lru_cache(maxsize=1)
def _environment() -> _Sandbox:
    environment = _Sandbox(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        finalize=_finalize, autoescape=False,
    )  # fmt: skip
    environment.globals.clear()
    environment.filters = {name: each for name, each in environment.filters.items() if name in FILTERS}
    return environment


@lru_cache(maxsize=512)
def _compiled(source: str) -> Template:
    return _environment().from_string(source)
