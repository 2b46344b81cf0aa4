"""The web page of an invoice: HTML that its template makes of plain values, and nothing that could do harm.

The source is checked when it is saved: only known fields, only known elements and classes, each refusal with its place.
What comes out is cleaned once more by a list of what is allowed, so that no value can make an element either. Pictures
are the document's own; a page can ask for nothing from elsewhere.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nh3
from flask_babel import gettext as _

from billing import credit_notes
from integrations.documents import Fact, InvoiceDocument, Party, Sum
from models import Invoice, Money

from . import template_language
from .document_fields import WEB
from .document_looks import Look, dressed, text_values
from .formats import money
from .rich_text import SAFE_LINK
from .template_language import BadTemplate, HtmlOut, Plain, render

SHIPPED = Path(__file__).resolve().parent.parent / "templates" / "documents" / "web" / "invoice.html"
LONGEST_SOURCE = 100_000
LONGEST_PAGE = 2_000_000
"""Letters. A thousand lines take a third of it."""
TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "em", "figcaption", "figure", "footer",
    "h2", "h3", "h4", "header", "hr", "i", "img", "li", "ol", "p", "section", "small", "span", "strong", "sub", "sup",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
ATTRIBUTES: dict[str, set[str]] = {
    "*": {"class", "lang", "dir", "title"}, "a": {"href"}, "img": {"src", "alt"}, "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope", "abbr"}, "abbr": {"title"},
}  # fmt: skip
CLASS = "doc-"
"""All classes begin with it, so that a page cannot put on what belongs to the portal around it."""
LOGO, CODE = "doc:logo", "doc:code"
"""Stand for the pictures until everything is cleaned."""
SILENT = {"script", "style", "iframe", "math", "svg", "template", "title", "noscript", "textarea", "object", "select"}
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.S)
_PICTURE = re.compile(r'src="(doc:(?:logo|code))"')


@dataclass(frozen=True, slots=True)
class Standing:
    """What has become of an invoice since: what is paid, taken back or not expected any more, and still to pay. What
    was taken back of what had been paid already, `to_credit`, is the customer's credit."""

    paid: Money
    taken_back: Money
    written_off: Money
    to_credit: Money
    open: Money

    @classmethod
    def of(cls, invoice: Invoice) -> Standing:
        """As it is now."""
        to_credit = credit_notes.became_credit(invoice)
        settled = invoice.total - invoice.open
        paid = settled - invoice.credited - invoice.written_off + to_credit
        return cls(paid, invoice.credited, invoice.written_off, to_credit, invoice.open)


@lru_cache(maxsize=1)
def shipped_source() -> str:
    """The page that comes with the product."""
    return SHIPPED.read_text(encoding="utf-8")


def check(source: str) -> None:
    """Raises BadTemplate, with the place, for a field, element, class or link that there is not."""
    try:
        template_language.check(source, WEB, longest=LONGEST_SOURCE)
    except BadTemplate as wrong:
        raise BadTemplate(wrong.line, wrong.why, _column(source, wrong)) from wrong
    reader = _Reader()
    reader.feed(_JINJA.sub(_blank, source))
    reader.close()


def page(document: InvoiceDocument, look: Look, locale: str, standing: Standing | None = None) -> str:
    """The inside of the page as clean HTML. gettext is set to the reader's language, `locale`.

    With `standing`, what is paid by now stands on it; without, what was when it was issued. Raises CannotBeWritten,
    DocumentError.
    """
    worn = dressed(document, look, locale)
    values = _values(worn, look, locale, standing)
    html = clean(render(look.source or shipped_source(), values, HtmlOut(longest=LONGEST_PAGE)))
    return _PICTURE.sub(lambda found: f'src="{_pictures(worn)[found[1]]}"', html)


def clean(html: str) -> str:
    """Only the elements, attributes, classes and links that are allowed."""
    return nh3.clean(
        html, tags=TAGS, attributes=ATTRIBUTES, attribute_filter=_attribute, clean_content_tags=SILENT,
        url_schemes={"http", "https", "mailto", "tel", "doc"}, link_rel="noopener noreferrer", strip_comments=True,
    )  # fmt: skip


def style(look: Look) -> str:
    """The look's colour and font, for a style sheet that the page's own rules (static/web/document.css) ask."""
    return f'.doc{{--doc-accent:{look.choices["accent"]};--doc-font:"{look.choices["font"]}"}}'


def layout(look: Look) -> str:
    """The class of the element around the page."""
    return f"doc doc-{look.choices['layout']} doc-logo-{look.choices['logo_height']}"


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "class":
        return " ".join(each for each in value.split() if each.startswith(CLASS)) or None
    if name == "src":
        return value if value in (LOGO, CODE) else None
    if name == "href":
        return value if SAFE_LINK.fullmatch(value) else None
    return value


class _Reader(HTMLParser):
    """Goes through a source and refuses what would be taken out of the page."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self._refuse(_("<%(tag)s> cannot be used in a page.", tag=tag[:30]))
        for name, value in attrs:
            self._look_at(tag, name, value or "")

    def handle_comment(self, data: str) -> None:
        self._refuse(_("Write remarks as {# … #}: then nobody else can read them."))

    def handle_decl(self, decl: str) -> None:
        self._refuse(_("The page begins with what stands on it; the frame around it is there already."))

    def handle_pi(self, data: str) -> None:
        self._refuse(_("This cannot be used in a page."))

    def unknown_decl(self, data: str) -> None:
        self._refuse(_("This cannot be used in a page."))

    def _look_at(self, tag: str, name: str, value: str) -> None:
        if name not in ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set()):
            self._refuse(_("“%(name)s” cannot be used on <%(tag)s>.", name=name[:30], tag=tag))
        if name == "class" and any(not each.startswith((CLASS, _FILLED)) for each in value.split()):
            self._refuse(_("Classes begin with “doc-”, as in doc-muted."))
        if name == "src" and value != _FILLED:
            self._refuse(_("A page shows its own pictures only: {{ logo }} and {{ code }}."))
        if name == "href" and not value.startswith(_FILLED) and not SAFE_LINK.fullmatch(value):
            self._refuse(_("A link begins with https://, mailto: or tel:."))

    def _refuse(self, why: str) -> None:
        line, column = self.getpos()
        raise BadTemplate(line, why, column + 1)


_FILLED = "\x01"
_NAMED = re.compile(r"“\|?([\w.]+)”|\{% (\w+)")


def _column(source: str, wrong: BadTemplate) -> int:
    """Where in its line the thing stands that a refusal names, else the line's first field or tag; 0 if neither."""
    lines = source.split("\n")
    line = lines[wrong.line - 1] if wrong.line <= len(lines) else ""
    named = _NAMED.search(wrong.why)
    for word in (named[1] or named[2] if named else "", "{{", "{%", "{"):
        if word and word in line:
            return line.index(word) + 1
    return 0


def _blank(found: re.Match[str]) -> str:
    """Something in the place of a field, so that places stay what they are."""
    text = found[0]
    if text.startswith("{{"):
        return _FILLED
    return re.sub(r"[^\n]", " ", text)


def _values(document: InvoiceDocument, look: Look, locale: str, standing: Standing | None) -> dict[str, Plain]:
    payment, logo, labels = document.get("payment"), document.get("logo"), document["labels"]
    code = payment.get("qr") if payment else None
    shown = document.get("columns", [])
    due, settled = _standing(document, locale, standing)
    still = standing is None or bool(standing.open)
    return {
        **text_values(document),
        "mark": document.get("mark", ""),
        "logo": LOGO if logo else "",
        "logo_alt": logo["alt"] if logo else "",
        "company": _party(document["seller"]),
        "customer": _party(document["buyer"]),
        "facts": _facts(document["facts"]),
        "intro": list(document.get("intro", [])),
        "lines": _lines(document, bool(look.choices["details"])),
        "show": {name: name in shown for name in ("position", "quantity", "price", "tax")},
        "labels": {name: str(labels.get(name, "")) for name in WEB["labels"]},
        "subtotals": _sums(document["subtotals"]),
        "sum": _sum(document["total"]),
        "included": _sums(document.get("included", [])),
        "settled": _sums(settled),
        "due": _sum(due or {"label": "", "amount": ""}),
        "has_due": due is not None,
        "is_paid": due is not None and not (standing.open if standing else True),
        "terms": list(payment["terms"]) if payment and still else [],
        "bank": _facts(payment["details"]) if payment and still else [],
        "code": CODE if code and still else "",
        "code_label": code["label"] if code else "",
        "notes": list(document.get("notes", [])),
        "foot": list(document.get("footer", [])),
    }


def _standing(document: InvoiceDocument, locale: str, standing: Standing | None) -> tuple[Sum | None, list[Sum]]:
    """What is to pay and what was settled: by now where that is known, else as the document says."""
    due = document.get("due")
    if due is None or standing is None:
        return due, document.get("settled", [])
    parts = (
        (_("Paid"), standing.paid),
        (_("Taken back"), standing.taken_back),
        (_("Written off"), standing.written_off),
        (_("Kept as your credit"), -standing.to_credit),
    )
    settled: list[Sum] = [{"label": label, "amount": money(-amount, locale)} for label, amount in parts if amount]
    return {"label": _("Still to pay"), "amount": money(standing.open, locale)}, settled


def _pictures(document: InvoiceDocument) -> dict[str, str]:
    logo, payment = document.get("logo"), document.get("payment")
    code = payment.get("qr") if payment else None
    return {LOGO: _address(logo["data"]) if logo else "", CODE: _address(code["data"]) if code else ""}


def _address(data: str) -> str:
    """A picture in base64 as the address of itself."""
    kind = "png" if base64.b64decode(data[:8]).startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{data}"


def _lines(document: InvoiceDocument, with_details: bool) -> list[Plain]:
    return [
        {
            "position": str(position),
            "description": line["description"],
            "details": list(line.get("details", [])) if with_details else [],
            **{name: str(line.get(name, "")) for name in ("quantity", "price", "tax", "amount")},
        }
        for position, line in enumerate(document["lines"], 1)
    ]


def _party(who: Party) -> dict[str, Plain]:
    return {"name": who["name"], "lines": list(who["lines"]), "ids": list(who.get("ids", []))}


def _facts(facts: list[Fact]) -> list[Plain]:
    return [{"label": fact["label"], "value": fact["value"]} for fact in facts]


def _sums(sums: list[Sum]) -> list[Plain]:
    return [_sum(each) for each in sums]


def _sum(row: Any) -> dict[str, Plain]:
    return {"label": row["label"], "amount": row["amount"]}
