"""Files that staff import customers from: what each was read as, what was chosen for it, and what is wrong in it."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .run import Run
from .types import Moment, choice


class ImportState(enum.StrEnum):
    """CHECKING and IMPORTING also while that waits to begin; CHECKED may be imported or changed; DONE is history."""

    OPEN = "open"
    CHECKING = "checking"
    CHECKED = "checked"
    IMPORTING = "importing"
    DONE = "done"
    FAILED = "failed"


class ImportFile(Model):
    """One uploaded table on its way to becoming customers.

    `stored_as` names the file on disk until it is removed (empty then). `sample` holds some of its cells for the
    pages, `choices` what was chosen there, `counts` what the check found or the import did.
    """

    __table_args__ = (
        Index("ix_import_file_state", "state", "id"),
        Index("ix_import_file_changed_at", "changed_at"),
        Index("ix_import_file_columns_hash", "columns_hash", "id"),
    )

    id: Mapped[int] = key()
    file_name: Mapped[str] = mapped_column(String(200))
    stored_as: Mapped[str] = mapped_column(String(40))
    size: Mapped[int] = mapped_column(default=0)
    rows: Mapped[int] = mapped_column(default=0)
    encoding: Mapped[str] = mapped_column(String(20))
    delimiter: Mapped[str] = mapped_column(String(1))
    quote: Mapped[str] = mapped_column(String(1))
    sample: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    columns_hash: Mapped[str] = mapped_column(String(64))
    choices: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[ImportState] = mapped_column(choice(ImportState, "state"), default=ImportState.OPEN)
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    error: Mapped[str] = mapped_column(String(500), default="")
    tries: Mapped[int] = mapped_column(default=0)
    run_id: Mapped[int | None] = ref("run.id", nullable=True, ondelete="SET NULL")
    staff_id: Mapped[int | None] = ref("staff.id", nullable=True, ondelete="SET NULL")
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)

    run: Mapped[Run | None] = relationship()

    def __str__(self) -> str:
        return self.file_name


class ImportProblem(Model):
    """Something wrong in a file, found by its last check."""

    __table_args__ = (Index("ix_import_problem_line", "import_file_id", "line", "id"),)

    id: Mapped[int] = key()
    import_file_id: Mapped[int] = ref("import_file.id", index=False, ondelete="CASCADE")
    line: Mapped[int]
    kind: Mapped[str] = mapped_column(String(12))
    place: Mapped[str] = mapped_column(String(120))
    value: Mapped[str] = mapped_column(String(200))
    message: Mapped[str] = mapped_column(Text)


class ImportMappingSaved(Model):
    """What was chosen for a table of these columns, kept under a name for the next one like it."""

    __tablename__ = "import_mapping"

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(60), unique=True)
    columns_hash: Mapped[str] = mapped_column(String(64), index=True)
    choices: Mapped[dict[str, Any]] = mapped_column(JSON)
    saved_by: Mapped[str] = mapped_column(String(200))
    saved_at: Mapped[datetime] = mapped_column(Moment)

    def __str__(self) -> str:
        return self.name
