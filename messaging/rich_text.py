"""HTML of a text with a little Markdown in it: safe by a list of what is allowed, values put in after the reading.

Values of fields are marks while the Markdown is read, so that nothing in a customer's name becomes a link, a heading
or HTML. The same marked text is read once for any number of recipients.
"""

from __future__ import annotations

import re
import secrets
from functools import lru_cache
from html import escape

import nh3
from markdown_it import MarkdownIt

MARK = f"v{secrets.token_hex(8)}x"
"""Begins the mark of a value: ``v0a1b…x12z`` is the thirteenth."""
_BUTTON = f"b{secrets.token_hex(8)}x"
TAGS = {
    "a", "blockquote", "br", "em", "h1", "h2", "h3", "hr", "li", "ol", "p", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
SAFE_LINK = re.compile(r"(?i)(https?://|mailto:|tel:)\S+")
_MARKED = re.compile(MARK + r"(\d+)z")
_ADDRESS = rf"(?:https?://[^\s<>()]+|{MARK}\d+z)"
_BUTTONED = re.compile(rf"(?m)^([^\n]{{1,200}}?)(:|{MARK}\d+z)\n({_ADDRESS})$")
_BARE = re.compile(r"(?<![\w(<\[/:\"])https?://[^\s<>()\"]*[^\s<>()\".,;:!?]")
_LINK = re.compile(r"\]\(\s*<?([^)\s>]*)")
_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False, "breaks": True})
    .enable("table")
    .disable(["code", "fence", "image", "html_block", "html_inline", "lheading", "reference", "entity", "backticks"])
)


def html_of(marked: str, values: list[str]) -> str:
    """The HTML of a text in which marks stand for `values`; only what is allowed is left."""
    whole = _MARKED.sub(lambda found: _html_value(values[int(found[1])]), _read(_with_buttons(marked, values)))
    return safe(whole)


def safe(html: str) -> str:
    """Only the allowed elements, with links that lead to web, mail and telephone addresses."""
    return nh3.clean(
        html, tags=TAGS, attributes={"a": {"href"}}, allowed_classes={"a": {"button"}, "p": {"figure"}},
        clean_content_tags={"script", "style", "iframe", "math", "svg", "template", "title"},
        attribute_filter=_attribute, link_rel=None, strip_comments=True,
    )  # fmt: skip


def bad_link(source: str) -> tuple[int, str] | None:
    """The first link that leads elsewhere than to a web, mail or telephone address: its line and its target."""
    for number, line in enumerate(source.splitlines(), 1):
        for target in _LINK.findall(line):
            if target and not target.startswith("{{") and not SAFE_LINK.match(target):
                return number, target
    return None


def _with_buttons(marked: str, values: list[str]) -> str:
    """An address on a line of its own, after one that ends with a colon, is a button with that line on it."""

    def button(found: re.Match[str]) -> str:
        words, end, address = found.groups()
        if end == ":" or values[int(_MARKED.match(end)[1])].endswith(":"):  # type: ignore[index]
            if address.startswith(MARK) and not SAFE_LINK.match(values[int(_MARKED.match(address)[1])]):  # type: ignore[index]
                return found[0]
            return f"[{_BUTTON}{words}{'' if end == ':' else end}]({address})"
        return found[0]

    return _BARE.sub(lambda found: f"<{found[0]}>", _BUTTONED.sub(button, marked))


@lru_cache(maxsize=512)
def _read(marked: str) -> str:
    html: str = _MARKDOWN.render(marked)
    html = re.sub(rf'<a href="([^"]*)">{_BUTTON}', r'<a class="button" href="\1">', html).replace(_BUTTON, "")
    return html.replace("<p><strong>", '<p class="figure"><strong>')


def _html_value(value: str) -> str:
    return escape(value).replace("\r\n", "\n").replace("\n", "<br>")


def _attribute(_element: str, name: str, value: str) -> str | None:
    return value if name != "href" or SAFE_LINK.fullmatch(value) else None
