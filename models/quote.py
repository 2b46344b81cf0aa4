"""Quotes: what is offered to a customer, frozen when it is sent, and what became of it."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .customer import Customer
from .document import PricedLine, TaxSum
from .invoice import Invoice, LineKind
from .money import MoneyOf
from .types import MinorUnits, Moment, Percent, choice


class QuoteState(enum.StrEnum):
    DRAFT = "draft"
    SENT = "sent"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


class QuoteAnswer(enum.StrEnum):
    """The way by which an answer came."""

    LINK = "link"
    PORTAL = "portal"
    STAFF = "staff"


class QuoteBecomes(enum.StrEnum):
    """What happens as soon as a quote is accepted."""

    INVOICE = "invoice"
    DRAFT = "draft"
    NOTHING = "nothing"


class Quote(Model):
    """One version of an offer. All versions share their sequence; a draft that revises a version takes it when sent."""

    __table_args__ = (
        UniqueConstraint("series_id", "sequence", "revision"),
        Index("ix_quote_customer_id", "customer_id", "id"),
        Index("ix_quote_state", "state", "id"),
        Index("ix_quote_valid_until", "state", "valid_until"),
        Index("ix_quote_sent_on", "sent_on", "id"),
        Index("ix_quote_total_minor", "total_minor", "id"),
        Index("ix_quote_currency", "currency", "id"),
        CheckConstraint("(state = 'draft') = (number IS NULL)", name="numbered_when_sent"),
        CheckConstraint("(number IS NULL) = (content_hash IS NULL)", name="hashed_when_sent"),
        CheckConstraint("invoice_id IS NULL OR state = 'accepted'", name="invoiced_when_accepted"),
        CheckConstraint("revision >= 1", name="revision"),
    )

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id", index=False)
    billing_group_id: Mapped[int | None] = ref("billing_group.id", nullable=True)
    payer_id: Mapped[int | None] = ref("payer.id", nullable=True)
    # The version that this one takes the place of: each has one successor at the most.
    revises_id: Mapped[int | None] = ref("quote.id", index=False, nullable=True, unique=True)
    # What it became: one invoice, once.
    invoice_id: Mapped[int | None] = ref("invoice.id", index=False, nullable=True, unique=True)
    series_id: Mapped[int | None] = ref("series.id", index=False, nullable=True)
    sequence: Mapped[int | None]
    revision: Mapped[int] = mapped_column(default=1)
    number: Mapped[str | None] = mapped_column(String(48), unique=True)
    state: Mapped[QuoteState] = mapped_column(choice(QuoteState, "state"), default=QuoteState.DRAFT)
    title: Mapped[str] = mapped_column(String(200), default="")
    sent_on: Mapped[date | None]
    # The last day on which it can be accepted.
    valid_until: Mapped[date | None]
    # The first day of the services it is about; without one, the day it becomes an invoice.
    starts_on: Mapped[date | None]

    currency: Mapped[str] = mapped_column(String(3))
    net_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    tax_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    total_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    discount_percent: Mapped[Decimal | None] = mapped_column(Percent)
    discount_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    discount_reason: Mapped[str] = mapped_column(String(200), default="")

    # Frozen when sent, as on an invoice.
    buyer: Mapped[str] = mapped_column(Text, default="")
    seller: Mapped[str] = mapped_column(Text, default="")
    po_number: Mapped[str] = mapped_column(String(60), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    terms: Mapped[str] = mapped_column(Text, default="")
    legal_note: Mapped[str] = mapped_column(Text, default="")
    content_hash: Mapped[str | None] = mapped_column(String(64))
    # For staff only; never on the document.
    internal_note: Mapped[str] = mapped_column(Text, default="")

    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    answered_by: Mapped[str] = mapped_column(String(200), default="")
    answered_from: Mapped[str] = mapped_column(String(45), default="")
    answered_how: Mapped[QuoteAnswer | None] = mapped_column(choice(QuoteAnswer, "answered_how"))
    answer_comment: Mapped[str] = mapped_column(Text, default="")
    # Why an accepted quote did not become an invoice by itself.
    trouble: Mapped[str] = mapped_column(String(400), default="")

    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[str] = mapped_column(String(200), default="")
    # Counts the changes of a draft, so that two people at one draft see each other.
    version: Mapped[int] = mapped_column(default=1)

    net = MoneyOf("net_minor")
    tax = MoneyOf("tax_minor")
    total = MoneyOf("total_minor")
    discount = MoneyOf("discount_minor")

    customer: Mapped[Customer] = relationship()
    invoice: Mapped[Invoice | None] = relationship()
    revises: Mapped[Quote | None] = relationship(remote_side="Quote.id")
    lines: Mapped[list[QuoteLine]] = relationship(order_by="QuoteLine.position")
    taxes: Mapped[list[QuoteTax]] = relationship(order_by="QuoteTax.id")

    def __str__(self) -> str:
        return self.number or f"Draft quote {self.id}"


class QuoteLine(PricedLine, Model):
    """One line. A service line of a package starts a service when the quote becomes an invoice; its options and
    set-up fee follow it."""

    __table_args__ = (
        UniqueConstraint("quote_id", "position"),
        CheckConstraint("months >= 0 AND days >= 0 AND (months = 0 OR days = 0)", name="one_period"),
        CheckConstraint("discount_minor >= 0", name="discount"),
    )

    id: Mapped[int] = key()
    quote_id: Mapped[int] = ref("quote.id", index=False, ondelete="CASCADE")
    position: Mapped[int]
    kind: Mapped[LineKind] = mapped_column(choice(LineKind, "kind"), default=LineKind.MANUAL)
    package_id: Mapped[int | None] = ref("package.id", nullable=True)
    option_id: Mapped[int | None] = ref("package_option.id", nullable=True, ondelete="SET NULL")
    choice: Mapped[str] = mapped_column(String(120), default="")
    # The service that this line started.
    service_id: Mapped[int | None] = ref("service.id", nullable=True)
    months: Mapped[int] = mapped_column(default=0)
    days: Mapped[int] = mapped_column(default=0)
    # The first days of the service are free to try: the line comes to nothing, its price holds from the first bill on.
    trial_days: Mapped[int] = mapped_column(default=0)
    # Whether its discount comes off every bill of the service, not only off the first.
    discount_always: Mapped[bool] = mapped_column(default=False)
    # What kind of goods the tax was looked up for (S, R…); category and rate are what that means for this customer.
    taxed_as: Mapped[str] = mapped_column(String(12), default="S")


class QuoteTax(TaxSum, Model):
    """The tax of a quote at one rate."""

    id: Mapped[int] = key()
    quote_id: Mapped[int] = ref("quote.id", ondelete="CASCADE")


class QuoteLink(Model):
    """A link by which somebody without a login reads and answers one quote. Only its hash is kept."""

    id: Mapped[int] = key()
    quote_id: Mapped[int] = ref("quote.id", ondelete="CASCADE")
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    seed: Mapped[str] = mapped_column(String(64))
    message_id: Mapped[int | None] = ref("message.id", nullable=True, ondelete="CASCADE")
    # Where the installation answered when the link was made, in case BASE_URL does not say it.
    base_url: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(Moment)
    # The first day on which it no longer opens anything.
    ends_on: Mapped[date]
