"""Bank statements: the lines of files that banks hand out, what each was booked as, and who pays from which account."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .customer import Customer
from .money import MoneyOf
from .payment import Payment
from .types import MinorUnits, Moment, choice


class StatementState(enum.StrEnum):
    """OPEN while its columns are chosen; READING while a job reads a long one; READ once its lines are here."""

    OPEN = "open"
    READING = "reading"
    READ = "read"


class BankLineState(enum.StrEnum):
    OPEN = "open"
    BOOKED = "booked"
    IGNORED = "ignored"


class BankStatement(Model):
    """One uploaded file. `stored_as` names it on disk until it was read; `mapping` says what its columns are.

    While a job reads it for `staff_id`, it has come `done` of `total` steps; `error` says why it gave up.
    """

    __table_args__ = (Index("ix_bank_statement_state", "state", "id"),)

    id: Mapped[int] = key()
    file_name: Mapped[str] = mapped_column(String(200))
    stored_as: Mapped[str] = mapped_column(String(40), default="")
    content_hash: Mapped[str] = mapped_column(String(64), index=True)
    header_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[StatementState] = mapped_column(choice(StatementState, "state"), default=StatementState.OPEN)
    layout: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    mapping: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    lines: Mapped[int] = mapped_column(default=0)
    known: Mapped[int] = mapped_column(default=0)
    first_on: Mapped[date | None]
    last_on: Mapped[date | None]
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(400), default="")
    staff_id: Mapped[int | None] = ref("staff.id", nullable=True, ondelete="SET NULL")
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime] = mapped_column(Moment)

    def __str__(self) -> str:
        return self.file_name


class BankMapping(Model):
    """What the columns of a table with this header were the last time."""

    id: Mapped[int] = key()
    header_hash: Mapped[str] = mapped_column(String(64), unique=True)
    mapping: Mapped[dict[str, Any]] = mapped_column(JSON)
    saved_at: Mapped[datetime] = mapped_column(Moment)


class BankLine(Model):
    """One movement on the account. The same line comes only once: `fingerprint` says what it says, `running` which of
    several that say the same. `score` (0 to 100) is how sure the best guess was when it was last looked for."""

    __table_args__ = (
        UniqueConstraint("fingerprint", "running"),
        Index("ix_bank_line_state", "bank_statement_id", "state", "id"),
        Index("ix_bank_line_open", "state", "score", "id"),
        CheckConstraint("(state = 'booked') = (payment_id IS NOT NULL)", name="booked_has_payment"),
        CheckConstraint("amount_minor <> 0", name="amount"),
        CheckConstraint("score BETWEEN 0 AND 100", name="score"),
    )

    id: Mapped[int] = key()
    bank_statement_id: Mapped[int] = ref("bank_statement.id", index=False, ondelete="CASCADE")
    number: Mapped[int]
    fingerprint: Mapped[str] = mapped_column(String(64))
    running: Mapped[int] = mapped_column(default=1)
    on: Mapped[date]
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    payer_name: Mapped[str] = mapped_column(String(200), default="")
    payer_key: Mapped[str] = mapped_column(String(200), default="")
    iban: Mapped[str] = mapped_column(String(34), default="")
    text: Mapped[str] = mapped_column(String(1000), default="")
    reference: Mapped[str] = mapped_column(String(200), default="")
    state: Mapped[BankLineState] = mapped_column(choice(BankLineState, "state"), default=BankLineState.OPEN)
    reason: Mapped[str] = mapped_column(String(200), default="")
    score: Mapped[int] = mapped_column(default=0)
    payment_id: Mapped[int | None] = ref("payment.id", index=False, nullable=True, unique=True)
    decided_by: Mapped[str] = mapped_column(String(200), default="")
    decided_at: Mapped[datetime | None] = mapped_column(Moment)

    amount = MoneyOf("amount_minor")
    statement: Mapped[BankStatement] = relationship()
    payment: Mapped[Payment | None] = relationship()

    def __str__(self) -> str:
        return f"{self.amount} on {self.on}"


class BankPayer(Model):
    """That money from this account, or from somebody of this name, was for this customer before."""

    __table_args__ = (UniqueConstraint("iban", "payer_key", "customer_id"), Index("ix_bank_payer_key", "payer_key"))

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id", ondelete="CASCADE")
    iban: Mapped[str] = mapped_column(String(34), default="")
    payer_key: Mapped[str] = mapped_column(String(200), default="")
    times: Mapped[int] = mapped_column(default=1)
    last_on: Mapped[date]

    customer: Mapped[Customer] = relationship()
