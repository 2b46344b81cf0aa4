"""A customer: the account that orders, owes and pays. Logins are portal users, people are contacts."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from .base import BigId, Model, db, key, ref
from .company import ContractType, CustomerGroup, PaymentMethod, PostalAddress, Project, Reseller, Tag
from .money import MoneyOf
from .types import MinorUnits, Moment, Percent, choice


class CustomerStatus(enum.StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"
    ARCHIVED = "archived"


class AccountType(enum.StrEnum):
    INDIVIDUAL = "individual"
    COMPANY = "company"
    SOLE_PROPRIETOR = "sole_proprietor"


class Attitude(enum.StrEnum):
    """How a customer is to deal with; seen by staff only."""

    NONE = "none"
    EASY = "easy"
    CAREFUL = "careful"
    DIFFICULT = "difficult"


def _link(name: str, other: str) -> Table:
    return Table(
        name,
        db.metadata,
        Column("customer_id", BigId, ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True),
        Column(f"{other}_id", BigId, ForeignKey(f"{other}.id", ondelete="CASCADE"), primary_key=True, index=True),
    )


customer_tag = _link("customer_tag", "tag")
customer_salesperson = _link("customer_salesperson", "staff")
customer_project = _link("customer_project", "project")


# Sorted and filtered by in the list of customers, each by an index of its own.
LISTED = (
    "country", "city", "language", "payment_method", "account_type", "attitude", "company_name", "contact_name",
    "phone", "tax_id", "phone_verified_at", "ends_on",
)  # fmt: skip


def _where(words: str) -> dict[str, Any]:
    """An index of the rows that have something there."""
    return {"sqlite_where": text(words), "postgresql_where": text(words)}


class Customer(PostalAddress, Model):
    __table_args__ = (
        UniqueConstraint("external_source", "external_id"),
        Index("ix_customer_balance", "balance_minor", "id"),
        Index("ix_customer_status", "status", "id"),
        Index("ix_customer_name", "name", "id"),
        Index("ix_customer_email", "email", "id"),
        Index("ix_customer_registered_on", "registered_on", "id"),
        Index("ix_customer_service_count", "service_count", "id"),
        Index("ix_customer_credit", "credit_minor", "id"),
        Index("ix_customer_currency", "currency", "balance_minor", "id"),
        Index("ix_customer_currency_credit", "currency", "credit_minor", "id"),
        *(Index(f"ix_customer_{name}", name, "id") for name in LISTED),
        Index(
            "ix_customer_merged_into_id",
            "merged_into_id",
            sqlite_where=text("merged_into_id IS NOT NULL"),
            postgresql_where=text("merged_into_id IS NOT NULL"),
        ),
        # Who may be the same customer is asked before one is added: see billing.duplicates.
        Index("ix_customer_phone_e164", "phone_e164", "id", **_where("phone_e164 <> ''")),
        Index("ix_customer_phone_digits", "phone_digits", "id", **_where("phone_digits <> ''")),
        Index("ix_customer_postal_code", "postal_code", "name", "id", **_where("postal_code <> ''")),
        Index("ix_customer_contact_on", "contact_on", "id", **_where("contact_on IS NOT NULL")),
        Index("ix_customer_held_until", "held_until", "id", **_where("held_until IS NOT NULL")),
        CheckConstraint("credit_minor >= 0", name="credit_not_negative"),
        CheckConstraint("service_count >= 0", name="service_count_not_negative"),
    )

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254))
    username: Mapped[str | None] = mapped_column(String(64), unique=True)
    phone: Mapped[str] = mapped_column(String(40), default="")
    phone_extension: Mapped[str] = mapped_column(String(12), default="")
    phone_digits: Mapped[str] = mapped_column(String(24), default="")
    # +353861234567 (ITU-T E.164), for texting; empty where the number as it was typed is no number of its country.
    phone_e164: Mapped[str] = mapped_column(String(20), default="", server_default="")
    phone_verified_at: Mapped[datetime | None] = mapped_column(Moment)
    # Empty while nothing is known against it; "bounced" or "invalid" since a delivery came to that end.
    email_state: Mapped[str] = mapped_column(String(24), default="")
    phone_state: Mapped[str] = mapped_column(String(24), default="")
    account_type: Mapped[AccountType] = mapped_column(
        choice(AccountType, "account_type"), default=AccountType.INDIVIDUAL
    )
    company_name: Mapped[str] = mapped_column(String(200), default="")
    contact_name: Mapped[str] = mapped_column(String(200), default="")
    tax_id: Mapped[str] = mapped_column(String(40), default="")
    registration_number: Mapped[str] = mapped_column(String(60), default="", server_default="")
    # Read through billing.customers.reveal_identity_number, which leaves a trace.
    identity_number: Mapped[str] = mapped_column(String(60), default="", deferred=True)
    latitude: Mapped[float | None] = mapped_column(Float)
    longitude: Mapped[float | None] = mapped_column(Float)
    language: Mapped[str] = mapped_column(String(12), default="")
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[CustomerStatus] = mapped_column(choice(CustomerStatus, "status"), default=CustomerStatus.ACTIVE)

    registered_on: Mapped[date]
    registration_ip: Mapped[str] = mapped_column(String(45), default="")
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    archived_on: Mapped[date | None]
    # Nothing here says any more who this was.
    anonymised_on: Mapped[date | None]
    # Everything of this customer is another one's now; what is left of it leads there.
    merged_into_id: Mapped[int | None] = ref("customer.id", index=False, nullable=True)
    group_id: Mapped[int | None] = ref("customer_group.id", nullable=True)
    # False: the groups' rules decide; see billing.group_rules.
    group_by_hand: Mapped[bool] = mapped_column(default=False)
    project_id: Mapped[int | None] = ref("project.id", nullable=True)
    reseller_id: Mapped[int | None] = ref("reseller.id", nullable=True)
    contract_type_id: Mapped[int | None] = ref("contract_type.id", nullable=True)

    # Empty values are the group's, else the company's. Where a column cannot be empty it holds what is in force, and
    # own_… says whether that is the customer's own; see billing.inheritance and doctor.
    payment_method: Mapped[PaymentMethod] = mapped_column(
        choice(PaymentMethod, "payment_method"), default=PaymentMethod.INVOICE
    )
    own_payment_method: Mapped[bool] = mapped_column(default=False)
    payment_days: Mapped[int | None]
    dunning_plan_id: Mapped[int | None] = mapped_column(BigId)
    # Billed wherever a billing group names no payer of its own. No foreign key: payer points here already.
    default_payer_id: Mapped[int | None] = mapped_column(BigId)
    charge_tax: Mapped[bool] = mapped_column(default=True)
    own_charge_tax: Mapped[bool] = mapped_column(default=False)
    tax_exempt: Mapped[bool] = mapped_column(default=False)
    tax_rate: Mapped[Decimal | None] = mapped_column(Percent)
    never_suspend: Mapped[bool] = mapped_column(default=False)
    own_never_suspend: Mapped[bool] = mapped_column(default=False)
    po_number: Mapped[str] = mapped_column(String(60), default="")
    vendor_number: Mapped[str] = mapped_column(String(60), default="")
    invoice_template: Mapped[str] = mapped_column(String(60), default="")
    web_template: Mapped[str] = mapped_column(String(60), default="")
    invoice_note: Mapped[str] = mapped_column(Text, default="")
    about: Mapped[str] = mapped_column(Text, default="")
    attitude: Mapped[Attitude] = mapped_column(choice(Attitude, "attitude"), default=Attitude.NONE)

    # Sums of the ledger and counts of services, changed in the transaction that changes those; see doctor.
    balance_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    credit_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    service_count: Mapped[int] = mapped_column(default=0)

    # Of collecting overdue money: when somebody last spoke with the customer and will again, and a hold on all steps.
    contacted_at: Mapped[datetime | None] = mapped_column(Moment)
    contact_on: Mapped[date | None]
    held_until: Mapped[date | None]
    held_why: Mapped[str] = mapped_column(String(200), default="", server_default="")

    external_source: Mapped[str | None] = mapped_column(String(60))
    external_id: Mapped[str | None] = mapped_column(String(120))
    version: Mapped[int] = mapped_column(default=1)

    balance = MoneyOf("balance_minor")
    credit = MoneyOf("credit_minor")

    group: Mapped[CustomerGroup | None] = relationship()
    merged_into: Mapped[Customer | None] = relationship(remote_side="Customer.id", viewonly=True)
    project: Mapped[Project | None] = relationship()
    reseller: Mapped[Reseller | None] = relationship()
    contract_type: Mapped[ContractType | None] = relationship()
    tags: Mapped[list[Tag]] = relationship(secondary=customer_tag, order_by=Tag.name)
    contacts: Mapped[list[Contact]] = relationship(back_populates="customer", order_by="Contact.id")
    invoice_addresses: Mapped[list[InvoiceAddress]] = relationship(order_by="InvoiceAddress.id")
    notes: Mapped[list[Note]] = relationship(
        primaryjoin="and_(Customer.id == Note.customer_id, Note.deleted_at.is_(None))",
        order_by="Note.id.desc()",
        viewonly=True,
    )

    __mapper_args__ = {"version_id_col": version}

    @validates("email", "phone")
    def _know_nothing_against_a_new_one(self, name: str, value: str) -> str:
        if getattr(self, name) != value:
            setattr(self, f"{name}_state", "")
        return value

    def __str__(self) -> str:
        return self.name

    @property
    def full_name(self) -> str:
        """The name, with the user name in brackets if there is one."""
        return f"{self.name} ({self.username})" if self.username else self.name


class Contact(Model):
    """A person at a customer. Has no login; says which mails should reach them too."""

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id", ondelete="CASCADE")
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(120), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    gets_invoices: Mapped[bool] = mapped_column(default=False)
    gets_reminders: Mapped[bool] = mapped_column(default=False)
    gets_news: Mapped[bool] = mapped_column(default=False)

    customer: Mapped[Customer] = relationship(back_populates="contacts")

    def __str__(self) -> str:
        return self.name


class InvoiceAddress(Model):
    """A further e-mail address that gets every invoice of the customer."""

    __table_args__ = (UniqueConstraint("customer_id", "email"),)

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id", index=False, ondelete="CASCADE")
    email: Mapped[str] = mapped_column(String(254))


class Note(Model):
    __table_args__ = (
        Index("ix_note_pinned", "customer_id", "id", sqlite_where=text("pinned"), postgresql_where=text("pinned")),
    )

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id", ondelete="CASCADE")
    text: Mapped[str] = mapped_column(Text)
    pinned: Mapped[bool] = mapped_column(default=False)
    shown_to_customer: Mapped[bool] = mapped_column(default=False)
    written_at: Mapped[datetime] = mapped_column(Moment)
    written_by: Mapped[str] = mapped_column(String(200))
    edited_at: Mapped[datetime | None] = mapped_column(Moment)
    edited_by: Mapped[str] = mapped_column(String(200), default="", server_default="")
    # Kept for a while, so that deleting can be undone; see billing.cleaning.
    deleted_at: Mapped[datetime | None] = mapped_column(Moment)


class Payer(PostalAddress, Model):
    """A legal bill-to identity of a customer, where it is not the customer itself."""

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id", ondelete="CASCADE")
    account_type: Mapped[AccountType] = mapped_column(choice(AccountType, "account_type"), default=AccountType.COMPANY)
    name: Mapped[str] = mapped_column(String(200))
    contact_name: Mapped[str] = mapped_column(String(200), default="", server_default="")
    tax_id: Mapped[str] = mapped_column(String(40), default="")
    registration_number: Mapped[str] = mapped_column(String(60), default="", server_default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    archived_on: Mapped[date | None]

    def __str__(self) -> str:
        return self.name
