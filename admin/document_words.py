"""What people call templates of documents and what is chosen about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing import document_templates
from billing.document_choices import SHIPPED
from models import TemplateKind
from web.forms import choices

KINDS = {TemplateKind.DOCUMENT: _l("Documents"), TemplateKind.WEB: _l("Web pages")}
KIND_OF = {column: kind for kind, column in document_templates.COLUMNS.items()}
"""By the field that names a template."""
NAMES: dict[tuple[TemplateKind, str], tuple[Any, Any]] = {
    (TemplateKind.DOCUMENT, "standard"): (_l("Standard"), _l("Clear and calm, fit for every screen and printer.")),
    (TemplateKind.DOCUMENT, "letter"): (_l("Letter"), _l("The address stands in the window of an envelope.")),
    (TemplateKind.DOCUMENT, "compact"): (_l("Compact"), _l("Small print and narrow margins, for many lines.")),
    (TemplateKind.WEB, "standard"): (_l("Standard"), _l("As the printed document, made for the screen.")),
    (TemplateKind.WEB, "plain"): (_l("Plain"), _l("Without logo and rules; only the words and figures.")),
}
"""Name and sentence of each that came with the product."""


def offered(kind: str | TemplateKind, value: str = "") -> list[tuple[str, Any]]:
    """What one can choose from: those that came with the product, then the shop's own; and `value`, the stored one."""
    kind = TemplateKind(kind)
    own = document_templates.own(kind)
    found = [(key, NAMES[kind, key][0]) for key in SHIPPED[kind]]
    return found + [(each.key, each.name) for each in own if each.archived_on is None or each.key == value]


def name_of(kind: str | TemplateKind, key: str) -> Any:
    """What a template is called; its key where there is none."""
    kind = TemplateKind(kind)
    if (kind, key) in NAMES:
        return NAMES[kind, key][0]
    found = document_templates.get(kind, key)
    return found.name if found else key


def listed(fields: Mapping[str, Any], path: str = "") -> list[tuple[str, Any]]:
    """(how it is written, what it means) of each field."""
    found: list[tuple[str, Any]] = []
    for name, what in fields.items():
        whole = f"{path}{name}"
        if isinstance(what, dict):
            found += listed(what, f"{whole}.")
        elif isinstance(what, list):
            item = "row" if isinstance(what[0], dict) else "one"
            found.append((f"{{% for {item} in {whole} %}}", what[0] if item == "one" else _("A list, row by row")))
            found += listed(what[0], f"{item}.") if item == "row" else []
        else:
            found.append((f"{{{{ {whole} }}}}", what))
    return found


def or_as_before(name: str, value: str, nothing: Any = "") -> list[tuple[str, Any, dict[str, Any]]]:
    """What a group or project can choose in the field `name`; `nothing` says what it follows without."""
    return choices([("", nothing or _("As the company")), *offered(KIND_OF[name], value)])
