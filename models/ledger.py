"""The append-only double-entry ledger. Each posting's entries sum to zero in its currency."""

from __future__ import annotations

import enum
from datetime import date

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .money import MoneyOf
from .types import MinorUnits, choice


class Account(enum.StrEnum):
    """Debits are positive. A customer's balance is receivable plus credit (credit in hand is negative)."""

    RECEIVABLE = "receivable"
    CREDIT = "credit"
    CASH = "cash"
    REVENUE = "revenue"
    TAX = "tax"
    WRITE_OFF = "write_off"


class LedgerPosting(Model):
    """One event in the books: what it was, on which day, and the document behind it."""

    __table_args__ = (
        Index("ix_ledger_posting_customer_id", "customer_id", "on", "id"),
        Index(
            "ix_ledger_posting_rare",
            "customer_id",
            "kind",
            "on",
            "id",
            sqlite_where=text("kind NOT IN ('invoice', 'payment', 'credit_use')"),
            postgresql_where=text("kind NOT IN ('invoice', 'payment', 'credit_use')"),
        ),
        Index(
            "uq_ledger_posting_invoice",
            "invoice_id",
            "kind",
            unique=True,
            sqlite_where=text("kind IN ('invoice', 'void')"),
            postgresql_where=text("kind IN ('invoice', 'void')"),
        ),
    )

    id: Mapped[int] = key()
    kind: Mapped[str] = mapped_column(String(24))
    customer_id: Mapped[int] = ref("customer.id", index=False)
    on: Mapped[date]
    invoice_id: Mapped[int | None] = ref("invoice.id", nullable=True)
    payment_id: Mapped[int | None] = ref("payment.id", nullable=True)
    credit_id: Mapped[int | None] = ref("credit.id", nullable=True)

    entries: Mapped[list[LedgerEntry]] = relationship(order_by="LedgerEntry.id")


class LedgerEntry(Model):
    __table_args__ = (Index("ix_ledger_entry_customer_id", "customer_id", "account", "currency", "posting_id"),)

    id: Mapped[int] = key()
    posting_id: Mapped[int] = ref("ledger_posting.id")
    customer_id: Mapped[int] = ref("customer.id", index=False)
    account: Mapped[Account] = mapped_column(choice(Account, "account"))
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)

    amount = MoneyOf("amount_minor")
