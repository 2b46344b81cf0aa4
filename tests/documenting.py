"""Templates of documents, as tests make them."""

from __future__ import annotations

from typing import Any

from billing.actor import Actor
from messaging import document_template_rules as rules
from models import DocumentTemplate, TemplateKind, db

DOCUMENT, WEB = TemplateKind.DOCUMENT, TemplateKind.WEB


def make_template(by: Actor, name: str = "Blue", kind: TemplateKind = DOCUMENT, **given: Any) -> DocumentTemplate:
    """A template of the shop's own, committed; `source` and `picture` beside its choices."""
    template = rules.create(kind, name, examined(kind, **given), by=by)
    db.session.commit()
    return template


def change_template(template: DocumentTemplate, by: Actor, **given: Any) -> None:
    """Its next version, committed."""
    rules.save(template, examined(template.kind, **given), by=by)
    db.session.commit()


def examined(kind: TemplateKind, source: str = "", picture: bytes | None = None, **choices: Any) -> rules.Draft:
    return rules.examine(kind, choices, source=source, picture=picture)
