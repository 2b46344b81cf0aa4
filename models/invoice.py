"""Documents about money: invoices and credit notes, with what was frozen when they were issued."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Model, key, ref
from .customer import Customer
from .document import PricedLine, TaxSum
from .money import MoneyOf
from .types import MinorUnits, Moment, Percent, Rate, choice

WAITING = "kind = 'proforma' AND state NOT IN ('draft', 'void') AND became_id IS NULL"
"""Proformas that nobody has paid, in the words of an index. That they are issued is told by what they are not: SQLite
would look at the index of all that are issued."""


class InvoiceState(enum.StrEnum):
    DRAFT = "draft"
    ISSUED = "issued"
    VOID = "void"


class LineKind(enum.StrEnum):
    """UNUSED takes back days of another line (its original) that the service is not, or not like that, used for."""

    SERVICE = "service"
    OPTION = "option"
    SETUP = "setup"
    CHARGE = "charge"
    MANUAL = "manual"
    UNUSED = "unused"


class Series(Model):
    """A run of gapless document numbers. `last_number` is the last one given out."""

    __table_args__ = (UniqueConstraint("prefix", "year"),)

    id: Mapped[int] = key()
    prefix: Mapped[str] = mapped_column(String(20))
    year: Mapped[int] = mapped_column(default=0)
    first_number: Mapped[int] = mapped_column(default=1)
    last_number: Mapped[int] = mapped_column(default=0)
    digits: Mapped[int] = mapped_column(default=5)


class Invoice(Model):
    __table_args__ = (
        UniqueConstraint("series_id", "sequence"),
        Index("ix_invoice_customer_id", "customer_id", "id"),
        Index("ix_invoice_issued_on", "issued_on", "id"),
        Index("ix_invoice_total_minor", "total_minor", "id"),
        Index("ix_invoice_due_on", "due_on", "id"),
        Index("ix_invoice_open_minor", "open_minor", "id"),
        Index("ix_invoice_currency", "currency", "open_minor", "id"),
        Index("ix_invoice_state", "state", "open_minor", "id"),
        Index(
            "ix_invoice_open",
            "due_on",
            "id",
            sqlite_where=text("open_minor > 0"),
            postgresql_where=text("open_minor > 0"),
        ),
        # With all that the list of overdue customers adds up, so that it need not look at the invoices themselves.
        Index(
            "ix_invoice_customer_open",
            "customer_id",
            "due_on",
            "open_minor",
            "promised_on",
            sqlite_where=text("open_minor > 0"),
            postgresql_where=text("open_minor > 0"),
        ),
        # What the next run looks at: those never looked at in front (no day), then by the day of their next step.
        Index(
            "ix_invoice_dunning_on",
            "dunning_on",
            "id",
            sqlite_where=text("open_minor > 0"),
            postgresql_where=text("open_minor > 0"),
        ),
        Index(
            "ix_invoice_proforma_dunning_on",
            "dunning_on",
            "id",
            sqlite_where=text(WAITING),
            postgresql_where=text(WAITING),
        ),
        Index(
            "ix_invoice_promised_on",
            "promised_on",
            "id",
            sqlite_where=text("promised_on IS NOT NULL"),
            postgresql_where=text("promised_on IS NOT NULL"),
        ),
        Index(
            "ix_invoice_became_id",
            "became_id",
            sqlite_where=text("became_id IS NOT NULL"),
            postgresql_where=text("became_id IS NOT NULL"),
        ),
        Index(
            "ix_invoice_template_version_id",
            "template_version_id",
            sqlite_where=text("template_version_id IS NOT NULL"),
            postgresql_where=text("template_version_id IS NOT NULL"),
        ),
        CheckConstraint("(state = 'draft') = (number IS NULL)", name="numbered_when_issued"),
        CheckConstraint("open_minor >= 0", name="open_not_negative"),
    )

    id: Mapped[int] = key()
    kind: Mapped[str] = mapped_column(String(16), default="invoice")
    customer_id: Mapped[int] = ref("customer.id", index=False)
    billing_group_id: Mapped[int | None] = ref("billing_group.id", nullable=True)
    payer_id: Mapped[int | None] = ref("payer.id", nullable=True)
    original_id: Mapped[int | None] = ref("invoice.id", nullable=True)
    # Of a proforma: the invoice it became when it was paid.
    became_id: Mapped[int | None] = ref("invoice.id", index=False, nullable=True)
    series_id: Mapped[int | None] = ref("series.id", index=False, nullable=True)
    sequence: Mapped[int | None]
    number: Mapped[str | None] = mapped_column(String(40), unique=True)
    state: Mapped[InvoiceState] = mapped_column(choice(InvoiceState, "state"), default=InvoiceState.DRAFT)
    issued_on: Mapped[date | None]
    due_on: Mapped[date | None]
    period_start: Mapped[date | None]
    period_end: Mapped[date | None]

    currency: Mapped[str] = mapped_column(String(3))
    net_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    tax_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    total_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    open_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    # Of the whole document, already off the net; each line knows its share.
    discount_percent: Mapped[Decimal | None] = mapped_column(Percent)
    discount_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    discount_reason: Mapped[str] = mapped_column(String(200), default="")
    # What issued credit notes took back of it.
    credited_minor: Mapped[int] = mapped_column(MinorUnits, default=0, server_default="0")
    written_off_minor: Mapped[int] = mapped_column(MinorUnits, default=0, server_default="0")
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    fx_currency: Mapped[str] = mapped_column(String(3), default="")
    fx_rate: Mapped[Decimal | None] = mapped_column(Rate)
    fx_source: Mapped[str] = mapped_column(String(60), default="")

    # Frozen at issue, as canonical JSON text: who bought, who sold. Never read from the live rows again.
    buyer: Mapped[str] = mapped_column(Text, default="")
    seller: Mapped[str] = mapped_column(Text, default="")
    po_number: Mapped[str] = mapped_column(String(60), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    terms: Mapped[str] = mapped_column(Text, default="")
    legal_note: Mapped[str] = mapped_column(Text, default="")
    content_hash: Mapped[str | None] = mapped_column(String(64))
    pdf_hash: Mapped[str | None] = mapped_column(String(64))
    # How it is printed, noted at issue: the template, and (no foreign key, for SQLite's sake; the doctor looks) its
    # version where it is one of the shop's own.
    template: Mapped[str] = mapped_column(String(60), default="")
    template_version_id: Mapped[int | None] = mapped_column(BigId)
    # The day of the next dunning step; empty: the next run looks. See billing.dunning.
    dunning_on: Mapped[date | None]
    # By the end of this day the customer said it would pay; see billing.promises.
    promised_on: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(Moment)
    # When a person issued it; empty for what a run made.
    issued_at: Mapped[datetime | None] = mapped_column(Moment)
    # Counts the changes of a draft, so that two people at one draft see each other.
    version: Mapped[int] = mapped_column(default=1)

    net = MoneyOf("net_minor")
    tax = MoneyOf("tax_minor")
    total = MoneyOf("total_minor")
    open = MoneyOf("open_minor")
    discount = MoneyOf("discount_minor")
    credited = MoneyOf("credited_minor")
    written_off = MoneyOf("written_off_minor")

    customer: Mapped[Customer] = relationship()
    lines: Mapped[list[InvoiceLine]] = relationship(order_by="InvoiceLine.position")
    taxes: Mapped[list[InvoiceTax]] = relationship(order_by="InvoiceTax.id")

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "invoice"}

    def __str__(self) -> str:
        return self.number or f"Draft {self.id}"


class CreditNote(Invoice):
    """Takes back all or part of an issued invoice."""

    __tablename__ = None
    __mapper_args__ = {"polymorphic_identity": "credit_note"}


class Proforma(Invoice):
    """Asks for money before there is an invoice: no debt, no tax, a series of its own. Paid, it becomes an invoice."""

    __tablename__ = None
    __mapper_args__ = {"polymorphic_identity": "proforma"}


class InvoiceLine(PricedLine, Model):
    """One line. The amount is quantity × unit price (× the share of the period), rounded once, less the discount."""

    __table_args__ = (
        Index("ix_invoice_line_invoice_id", "invoice_id", "position"),
        *(
            Index(
                f"ix_invoice_line_{name}",
                name,
                sqlite_where=text(f"{name} IS NOT NULL"),
                postgresql_where=text(f"{name} IS NOT NULL"),
            )
            for name in ("charge_id", "package_id", "original_line_id", "discount_id")
        ),
    )

    id: Mapped[int] = key()
    invoice_id: Mapped[int] = ref("invoice.id", index=False, ondelete="CASCADE")
    position: Mapped[int]
    kind: Mapped[LineKind] = mapped_column(choice(LineKind, "kind"))
    service_id: Mapped[int | None] = ref("service.id", nullable=True)
    charge_id: Mapped[int | None] = ref("charge.id", index=False, nullable=True)
    package_id: Mapped[int | None] = ref("package.id", index=False, nullable=True)
    # The line that it takes back, all or part of.
    original_line_id: Mapped[int | None] = ref("invoice_line.id", index=False, nullable=True)
    period_start: Mapped[date | None]
    period_end: Mapped[date | None]
    # What kind of goods the tax was looked up for (S, R…), so that a draft can look it up again.
    taxed_as: Mapped[str] = mapped_column(String(12), default="")


class InvoiceTax(TaxSum, Model):
    """The tax of a document at one rate, as it was when the document was issued."""

    id: Mapped[int] = key()
    invoice_id: Mapped[int] = ref("invoice.id", ondelete="CASCADE")
