"""Templates of messages: what is said, in which languages, and every word it ever said."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .types import Moment


class MessageTemplate(Model):
    """One thing that is said often. `builtin`: the system says it by itself, and has words of its own for it."""

    id: Mapped[int] = key()
    key: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    category: Mapped[str] = mapped_column(String(40), default="")
    by_mail: Mapped[bool] = mapped_column(default=True)
    by_text: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    builtin: Mapped[bool] = mapped_column(default=False)

    def __str__(self) -> str:
        return self.name


class TemplateVersion(Model):
    """The words of a template in one language as they were saved once; the highest `number` holds. Never changed.

    `is_taken_back`: from here on there are no own words in this language, and the system's own are said again.
    """

    __table_args__ = (Index("uq_template_version_number", "template_id", "language", "number", unique=True),)

    id: Mapped[int] = key()
    template_id: Mapped[int] = ref("message_template.id", index=False, ondelete="CASCADE")
    language: Mapped[str] = mapped_column(String(16))
    number: Mapped[int]
    subject: Mapped[str] = mapped_column(String(300), default="")
    body: Mapped[str] = mapped_column(Text, default="")
    text_body: Mapped[str] = mapped_column(Text, default="")
    is_taken_back: Mapped[bool] = mapped_column(default=False)
    saved_at: Mapped[datetime] = mapped_column(Moment)
    saved_by: Mapped[str] = mapped_column(String(200))

    template: Mapped[MessageTemplate] = relationship()

    def __str__(self) -> str:
        return f"{self.language} {self.number}"
