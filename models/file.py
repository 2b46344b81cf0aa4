"""Files kept about customers. The row says what a file is; the bytes lie under a random name in the files folder."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Model, key, ref
from .types import Moment


class File(Model):
    __table_args__ = (
        Index("ix_file_customer_id", "customer_id", "id"),
        CheckConstraint("size > 0", name="size"),
    )

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id", index=False)
    stored_name: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    description: Mapped[str] = mapped_column(String(200), default="")
    shown_to_customer: Mapped[bool] = mapped_column(default=False)
    uploaded_at: Mapped[datetime] = mapped_column(Moment)
    uploaded_by: Mapped[str] = mapped_column(String(200))

    def __str__(self) -> str:
        return self.name
