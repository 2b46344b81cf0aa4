"""Who sells: the company with its choices, its brands, and the people customers come through."""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, ForeignKey, LargeBinary, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import BigId, Model, db, key
from .types import Percent, choice


class PaymentMethod(enum.StrEnum):
    """How a customer pays. Free customers get no invoices."""

    FREE = "free"
    INVOICE = "invoice"
    CARD = "card"


class PostalAddress:
    """The columns of an address, shared by everybody who has one."""

    street: Mapped[str] = mapped_column(String(200), default="")
    street2: Mapped[str] = mapped_column(String(200), default="")
    city: Mapped[str] = mapped_column(String(120), default="")
    region: Mapped[str] = mapped_column(String(120), default="")
    postal_code: Mapped[str] = mapped_column(String(24), default="")
    country: Mapped[str] = mapped_column(String(2), default="")


class FurtherSeries:
    """How credit notes, proformas and quotes are numbered; invoices have columns of the company's own."""

    credit_note_prefix: Mapped[str] = mapped_column(String(20), default="CN")
    credit_note_first: Mapped[int] = mapped_column(default=1)
    credit_note_digits: Mapped[int] = mapped_column(default=5)
    credit_note_yearly: Mapped[bool] = mapped_column(default=False)
    proforma_prefix: Mapped[str] = mapped_column(String(20), default="PRO")
    proforma_first: Mapped[int] = mapped_column(default=1)
    proforma_digits: Mapped[int] = mapped_column(default=5)
    proforma_yearly: Mapped[bool] = mapped_column(default=False)
    quote_prefix: Mapped[str] = mapped_column(String(20), default="Q")
    quote_first: Mapped[int] = mapped_column(default=1)
    quote_digits: Mapped[int] = mapped_column(default=5)
    quote_yearly: Mapped[bool] = mapped_column(default=False)


class Company(FurtherSeries, PostalAddress, Model):
    """The one company of this installation and everything its owner chooses."""

    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(200))
    legal_name: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    website: Mapped[str] = mapped_column(String(200), default="")
    tax_id: Mapped[str] = mapped_column(String(40), default="")
    registration: Mapped[str] = mapped_column(String(200), default="")
    bank_details: Mapped[str] = mapped_column(Text, default="")
    logo: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    currency: Mapped[str] = mapped_column(String(3))
    timezone: Mapped[str] = mapped_column(String(64), default="UTC")
    locale: Mapped[str] = mapped_column(String(12), default="en")
    help_url: Mapped[str] = mapped_column(String(400), default="")
    paper: Mapped[str] = mapped_column(String(12), default="a4")

    invoice_prefix: Mapped[str] = mapped_column(String(20), default="INV")
    first_number: Mapped[int] = mapped_column(default=1)
    number_digits: Mapped[int] = mapped_column(default=5)
    yearly_numbers: Mapped[bool] = mapped_column(default=False)
    # Invoices begin as proformas, and get their number when they are paid.
    number_when_paid: Mapped[bool] = mapped_column(default=False)
    payment_days: Mapped[int] = mapped_column(default=14)
    issue_days_ahead: Mapped[int] = mapped_column(default=0)
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    invoice_template: Mapped[str] = mapped_column(String(60), default="standard")
    web_template: Mapped[str] = mapped_column(String(60), default="standard")
    invoice_terms: Mapped[str] = mapped_column(Text, default="")
    invoice_note: Mapped[str] = mapped_column(Text, default="")
    payment_method: Mapped[PaymentMethod] = mapped_column(
        choice(PaymentMethod, "payment_method"), default=PaymentMethod.INVOICE
    )
    charge_tax: Mapped[bool] = mapped_column(default=True)
    never_suspend: Mapped[bool] = mapped_column(default=False)
    # A plan of billing.dunning_plans; no foreign key, for SQLite's sake. None: nobody is reminded of anything.
    dunning_plan_id: Mapped[int | None] = mapped_column(BigId)

    map_tiles: Mapped[bool] = mapped_column(default=False)
    map_tile_address: Mapped[str] = mapped_column(String(200), default="https://tile.openstreetmap.org/{z}/{x}/{y}.png")
    map_tile_credit: Mapped[str] = mapped_column(String(120), default="© OpenStreetMap contributors")

    renewals_hour: Mapped[int] = mapped_column(default=2)
    renewals_on: Mapped[bool] = mapped_column(default=True)
    # Settings without a column of their own, by name; see billing.setting_list.
    chosen: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")

    def __str__(self) -> str:
        return self.name


class Project(PostalAddress, Model):
    """A brand: customers of a project get its name, address and currency on what they are sent."""

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(120), unique=True)
    legal_name: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    sender_email: Mapped[str] = mapped_column(String(254), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    website: Mapped[str] = mapped_column(String(200), default="")
    tax_id: Mapped[str] = mapped_column(String(40), default="")
    registration: Mapped[str] = mapped_column(String(200), default="")
    bank_details: Mapped[str] = mapped_column(Text, default="")
    currency: Mapped[str] = mapped_column(String(3), default="")
    invoice_template: Mapped[str] = mapped_column(String(60), default="")
    web_template: Mapped[str] = mapped_column(String(60), default="")
    invoice_terms: Mapped[str] = mapped_column(Text, default="")
    invoice_note: Mapped[str] = mapped_column(Text, default="")
    logo: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    # The ways to pay its customers may be given; none means every way.
    payment_methods: Mapped[list[str]] = mapped_column(JSON, default=list)
    # False: only for the customers that customer_project names.
    open_to_all: Mapped[bool] = mapped_column(default=True)
    archived_on: Mapped[date | None]

    def __str__(self) -> str:
        return self.name


class Reseller(PostalAddress, Model):
    """Somebody who brings customers."""

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(120), unique=True)
    contact_name: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    website: Mapped[str] = mapped_column(String(200), default="")
    # What was agreed, kept for people to read; nothing is worked out from it.
    commission: Mapped[Decimal | None] = mapped_column(Percent)
    about: Mapped[str] = mapped_column(Text, default="")
    archived_on: Mapped[date | None]

    def __str__(self) -> str:
        return self.name


class ContractType(Model):
    """A word of the shop's own for the kind of contract."""

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(120), unique=True)
    description: Mapped[str] = mapped_column(String(300), default="")
    archived_on: Mapped[date | None]

    def __str__(self) -> str:
        return self.name


class EndReason(Model):
    """A word of the shop's own for why a service ends."""

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(120), unique=True)
    description: Mapped[str] = mapped_column(String(300), default="")
    archived_on: Mapped[date | None]

    def __str__(self) -> str:
        return self.name


class CustomerGroup(Model):
    """Customers that share a colour and defaults. What is empty here is the company's; see billing.inheritance."""

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(120), unique=True)
    description: Mapped[str] = mapped_column(String(300), default="")
    colour: Mapped[str] = mapped_column(String(12), default="")
    priority: Mapped[int] = mapped_column(default=100)
    # Automatic groups take every customer that meets their rules, those of the lowest priority number first.
    automatic: Mapped[bool] = mapped_column(default=False)
    rules: Mapped[list[Any]] = mapped_column(JSON, default=list)

    payment_days: Mapped[int | None]
    payment_method: Mapped[PaymentMethod | None] = mapped_column(choice(PaymentMethod, "payment_method"))
    never_suspend: Mapped[bool | None]
    dunning_plan_id: Mapped[int | None] = mapped_column(BigId)
    charge_tax: Mapped[bool | None]
    language: Mapped[str] = mapped_column(String(12), default="")
    currency: Mapped[str] = mapped_column(String(3), default="")
    invoice_template: Mapped[str] = mapped_column(String(60), default="")
    web_template: Mapped[str] = mapped_column(String(60), default="")
    invoice_note: Mapped[str] = mapped_column(Text, default="")
    # The ways to pay its customers may be given; none means every way.
    payment_methods: Mapped[list[str]] = mapped_column(JSON, default=list)
    archived_on: Mapped[date | None]

    def __str__(self) -> str:
        return self.name


# The packages customers of a group may have; without a row, all.
group_package = Table(
    "group_package",
    db.metadata,
    Column("group_id", BigId, ForeignKey("customer_group.id", ondelete="CASCADE"), primary_key=True),
    Column("package_id", BigId, ForeignKey("package.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Tag(Model):
    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(60), unique=True)
    colour: Mapped[str] = mapped_column(String(12), default="")

    def __str__(self) -> str:
        return self.name
