"""How documents look: templates of printed documents and of the web pages of invoices, with all they ever were."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .types import Moment, choice


class TemplateKind(enum.StrEnum):
    """What a template makes: a PDF, or a page of the portal."""

    DOCUMENT = "document"
    WEB = "web"


class DocumentTemplate(Model):
    """A template of the shop's own. Customers, groups, projects and the company name it by its `key`."""

    __table_args__ = (
        Index("uq_document_template_key", "kind", "key", unique=True),
        Index("uq_document_template_name", "kind", "name", unique=True),
    )

    id: Mapped[int] = key()
    kind: Mapped[TemplateKind] = mapped_column(choice(TemplateKind, "kind"))
    key: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(120))
    archived_on: Mapped[date | None]

    def __str__(self) -> str:
        return self.name


class TemplatePicture(Model):
    """A logo of a template's own, kept once however many versions show it."""

    id: Mapped[int] = key()
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


class DocumentTemplateVersion(Model):
    """A template as it was saved once; the highest `number` holds. Never changed.

    `choices` are as billing.document_choices keeps them; `source` is empty where the shipped one is used.
    """

    __table_args__ = (Index("uq_document_template_version_number", "template_id", "number", unique=True),)

    id: Mapped[int] = key()
    template_id: Mapped[int] = ref("document_template.id", index=False, ondelete="CASCADE")
    number: Mapped[int]
    choices: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    source: Mapped[str] = mapped_column(Text, default="")
    picture_id: Mapped[int | None] = ref("template_picture.id", index=False, nullable=True)
    saved_at: Mapped[datetime] = mapped_column(Moment)
    saved_by: Mapped[str] = mapped_column(String(200))

    template: Mapped[DocumentTemplate] = relationship()
    picture: Mapped[TemplatePicture | None] = relationship()

    def __str__(self) -> str:
        return f"{self.template} {self.number}"
