"""Templates of documents: whoever names one can have it, and what invoices keep of them is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, func, or_, select

from billing.document_choices import SHIPPED
from billing.document_templates import CHOOSERS, COLUMNS
from models import DocumentTemplate, DocumentTemplateVersion, Invoice, TemplateKind, db

from .checks import Check, Query, Scope

TEMPLATES = "template of documents", "templates of documents"
INVOICES = "invoice", "invoices"
MOST = 1000


def unknown_choices(scope: Scope) -> Iterator[tuple[int, str]]:
    """I95: a customer, group, project or company names a template that came with the product, or one of the shop's."""
    for kind, name in COLUMNS.items():
        own = select(DocumentTemplate.key).where(DocumentTemplate.kind == kind)
        for model in CHOOSERS:
            column = getattr(model, name)
            known = or_(column == "", column.in_(SHIPPED[kind]), column.in_(own))
            found = select(model.id, model.name).where(~known).order_by(model.id).limit(MOST)
            yield from (tuple(row) for row in db.session.execute(found))


def without_versions(scope: Scope) -> Query:
    """I95: versions are counted from one, without a gap, and every template has one."""
    counted = (
        select(
            DocumentTemplateVersion.template_id,
            func.count().label("count"),
            func.max(DocumentTemplateVersion.number).label("last"),
        )
        .group_by(DocumentTemplateVersion.template_id)
        .subquery()
    )
    joined = select(DocumentTemplate.id, DocumentTemplate.name).outerjoin(
        counted, counted.c.template_id == DocumentTemplate.id
    )
    return joined.where(or_(counted.c.count.is_(None), counted.c.count != counted.c.last))


def lost_versions(scope: Scope) -> Query:
    """I95: the version noted on an invoice is there, and of the template that is noted."""
    version, template = DocumentTemplateVersion, DocumentTemplate
    joined: Any = select(Invoice.id, func.coalesce(Invoice.number, "draft"))
    joined = joined.outerjoin(version, version.id == Invoice.template_version_id)
    joined = joined.outerjoin(template, template.id == version.template_id)
    right = and_(template.key == Invoice.template, template.kind == TemplateKind.DOCUMENT)
    return joined.where(Invoice.template_version_id.is_not(None), ~func.coalesce(right, False))


CHECKS = (
    Check("I95", ("customer, group or project", "customers, groups or projects"),
          "with a template of documents that is not there", unknown_choices),
    Check("I95", TEMPLATES, "without a version, or with a gap in them", without_versions),
    Check("I95", INVOICES, "printed with a version of a template that is not there", lost_versions),
)  # fmt: skip
