"""Who sells: the company with its choices, its brands, and the people customers come through."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Model, key


class PostalAddress:
    """The columns of an address, shared by everybody who has one."""

    street: Mapped[str] = mapped_column(String(200), default="")
    street2: Mapped[str] = mapped_column(String(200), default="")
    city: Mapped[str] = mapped_column(String(120), default="")
    region: Mapped[str] = mapped_column(String(120), default="")
    postal_code: Mapped[str] = mapped_column(String(24), default="")
    country: Mapped[str] = mapped_column(String(2), default="")


class Company(PostalAddress, Model):
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
    payment_days: Mapped[int] = mapped_column(default=14)
    issue_days_ahead: Mapped[int] = mapped_column(default=0)
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    invoice_terms: Mapped[str] = mapped_column(Text, default="")
    invoice_note: Mapped[str] = mapped_column(Text, default="")

    renewals_hour: Mapped[int] = mapped_column(default=2)
    renewals_on: Mapped[bool] = mapped_column(default=True)

    def __str__(self) -> str:
        return self.name


class Project(PostalAddress, Model):
    """A brand: customers of a project get its name, address and currency on what they are sent."""

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(120), unique=True)
    legal_name: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    tax_id: Mapped[str] = mapped_column(String(40), default="")
    currency: Mapped[str] = mapped_column(String(3), default="")
    logo: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)

    def __str__(self) -> str:
        return self.name


class Reseller(Model):
    """Somebody who brings customers."""

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(120), unique=True)
    email: Mapped[str] = mapped_column(String(254), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")

    def __str__(self) -> str:
        return self.name


class ContractType(Model):
    """A word of the shop's own for the kind of contract."""

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(120), unique=True)

    def __str__(self) -> str:
        return self.name


class CustomerGroup(Model):
    """Customers that share a colour and defaults."""

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(120), unique=True)
    colour: Mapped[str] = mapped_column(String(12), default="")
    payment_days: Mapped[int | None]
    never_suspend: Mapped[bool] = mapped_column(default=False)

    def __str__(self) -> str:
        return self.name


class Tag(Model):
    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(60), unique=True)

    def __str__(self) -> str:
        return self.name
