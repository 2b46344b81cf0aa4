"""How people like to see a list: their columns, and filters saved under a name."""

from __future__ import annotations

from sqlalchemy import JSON, CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .staff import Staff


class SavedList(Model):
    """One list as somebody saved it. Without a name it is how that person sees the list by default.

    `query` is the address: filters, search and order. `columns` are the names of the columns; none means the usual.
    """

    __table_args__ = (
        UniqueConstraint("staff_id", "list_name", "name"),
        Index("ix_saved_list_list_name", "list_name", "shared"),
        CheckConstraint("NOT shared OR name <> ''", name="shared_has_a_name"),
    )

    id: Mapped[int] = key()
    staff_id: Mapped[int] = ref("staff.id", index=False, ondelete="CASCADE")
    list_name: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(60), default="")
    shared: Mapped[bool] = mapped_column(default=False)
    query: Mapped[str] = mapped_column(String(4000), default="")
    columns: Mapped[list[str]] = mapped_column(JSON, default=list)

    staff: Mapped[Staff] = relationship()

    def __str__(self) -> str:
        return self.name
