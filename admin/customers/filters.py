"""What the list of customers can be narrowed by."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, Select, select

from admin.filter_kinds import choice, money
from admin.filters import ChoiceFilter, FlagFilter, NumberFilter, StaffFilter, WrongValue
from admin.invoice_states import today
from admin.link_filters import LinkedFilter, LinkFilter, by_id, by_name
from models import (
    ContractType,
    Customer,
    CustomerGroup,
    CustomerStatus,
    Invoice,
    Package,
    PortalAccess,
    Project,
    Reseller,
    Service,
    ServiceStatus,
    Staff,
    Tag,
    customer_salesperson,
    customer_tag,
    db,
    find,
)
from models.search import SHORTEST
from web import formatters, languages
from web.setup import currencies

from .choices import ACCOUNT_TYPES, ATTITUDES, PAYMENT_METHODS, Rows, country_names
from .lookup import CUSTOMERS

STATUSES = {
    CustomerStatus.ACTIVE: ("ok", _l("Active")),
    CustomerStatus.DISABLED: ("", _l("Disabled")),
    CustomerStatus.ARCHIVED: ("", _l("Archived")),
}
STANDINGS = [("owes", _l("Owes money")), ("even", _l("Nothing due")), ("credit", _l("In credit"))]
GROUPS = (
    (_l("Who"), ("id", "name", "username", "email", "phone", "company_name", "contact_name", "status", "account_type",
                 "registered_on", "language", "attitude", "phone_verified", "portal_user", "tax_id")),
    (_l("Sorted into"), ("group", "tag", "project", "reseller", "salesperson", "contract")),
    (_l("Money"), ("balance", "account", "overdue", "credit", "currency", "payment_method")),
    (_l("Services"), ("package", "service_count", "ends_on")),
    (_l("Where"), ("country", "city")),
)  # fmt: skip


class RecordFilter(ChoiceFilter):
    """One of the rows of a small table, by its id."""

    def clean(self, value: str) -> int:
        return int(super().clean(value))


class StandingFilter(ChoiceFilter):
    """Owes, even or in credit, in whatever currency."""

    def where(self, value: str) -> Any:
        minor = Customer.balance_minor
        return {"owes": minor > 0, "even": minor == 0, "credit": minor < 0}[value]

    @property
    def equality(self) -> bool:
        return False


class TextFilter(StaffFilter):
    """Texts that the search looks through: any part of them by its index."""

    def clean(self, value: str) -> str:
        value = " ".join(super().clean(value).split())
        if not value:
            raise WrongValue(_("Write a value to compare with."))
        if self.way == "has" and len(value) < SHORTEST:
            raise WrongValue(_("Write at least three letters of it."))
        return value

    def where(self, value: Any) -> ColumnElement[bool]:
        ids = self.ids(value)
        return self.holds(value) if ids is None else Customer.id.in_(ids)

    def holds(self, value: Any) -> ColumnElement[bool]:
        return super().where(value)

    def ids(self, value: Any) -> Select[Any] | None:
        if self.way != "has":
            return None
        return find.hits_of_text(CUSTOMERS, Customer, value, self.holds(value), db.session.get_bind().dialect.name)


class BeginningFilter(TextFilter):
    """Beginnings of names and addresses, in small letters or capitals, by their index."""

    def where(self, value: str) -> ColumnElement[bool]:
        index = CUSTOMERS.only(self.column.key)
        return find.begins(index, Customer, value, db.session.get_bind().dialect.name)

    holds = where

    def bounds(self, column: Any) -> bool:
        return False


class CurrencyChoice(ChoiceFilter):
    @property
    def equality(self) -> bool:
        return False  # its index goes on with the amount, not with the id


class VerifiedFilter(FlagFilter):
    """Whether the phone number was verified."""

    def where(self, value: bool) -> ColumnElement[bool]:
        return self.column.is_not(None) if value else self.column.is_(None)

    def bounds(self, column: Any) -> bool:
        return False

    @property
    def equality(self) -> bool:
        return False


class PackageFilter(LinkFilter):
    """Has a running service of one package."""

    def clean(self, value: str) -> int:
        return int(super().clean(value))


def _text(name: str, label: Any, *ways: str) -> list[StaffFilter]:
    column = getattr(Customer, name)
    kinds = {"begins": BeginningFilter}
    return [kinds.get(way, TextFilter)(column, label, way) for way in ways]


def _record(column: Any, name: Any, model: Any, key: str) -> list[StaffFilter]:
    return [RecordFilter(column, name, way, key, Rows(model)) for way in ("is", "not", "empty", "filled")]


def _linked(link: Any, conditions: Any, name: Any, key: str, options: Any) -> list[StaffFilter]:
    ways = ("is", "not", "empty", "filled")
    return [LinkFilter(Customer.id, link, conditions, name, way, key, options) for way in ways]


def _or_none(column: Any, name: Any, options: Any, key: str | None = None) -> list[StaffFilter]:
    """A choice that may be left out."""
    bare = [ChoiceFilter(column, name, way, key, options) for way in ("empty", "filled")]
    return [*choice(column, name, options, key), *bare]


def _countries() -> list[tuple[str, str]]:
    return country_names(formatters.locale())


def _currencies() -> list[tuple[str, str]]:
    return currencies(formatters.locale())


def overdue(_value: Any = None) -> list[ColumnElement[bool]]:
    """Which invoices are overdue; read by the partial index of what is open."""
    return [Invoice.open_minor > 0, Invoice.due_on < today()]


def _running(value: int) -> list[ColumnElement[bool]]:
    return [Service.package_id == value, Service.status == ServiceStatus.ACTIVE]


def is_overdue() -> ColumnElement[bool]:
    """Whether the customer of the row has an overdue invoice."""
    return select(1).where(Invoice.customer_id == Customer.id, *overdue()).correlate(Customer).exists()


CUSTOMER_FILTERS = (
    *(NumberFilter(Customer.id, _l("Id"), way) for way in ("is", "above", "below")),
    *choice(Customer.status, _l("Status"), [(s.value, word) for s, (_kind, word) in STATUSES.items()]),
    *_text("name", _l("Name"), "has", "is", "begins"),
    *_text("username", _l("Username"), "is", "has", "empty", "filled"),
    *_text("email", _l("E-mail"), "has", "is", "begins"),
    *_text("phone", _l("Phone"), "has", "is", "empty", "filled"),
    *_text("company_name", _l("Company"), "has", "is", "empty", "filled"),
    *_text("contact_name", _l("Contact person"), "has", "is", "empty", "filled"),
    *_text("tax_id", _l("Tax number"), "filled", "empty", "has", "is"),
    *choice(Customer.account_type, _l("Kind of customer"), ACCOUNT_TYPES),
    "registered_on",
    *_or_none(Customer.language, _l("Language"), languages.choices),
    *choice(Customer.attitude, _l("How to deal with them"), ATTITUDES),
    VerifiedFilter(Customer.phone_verified_at, _l("Phone is verified"), "is", "phone_verified"),
    LinkedFilter(Customer.id, PortalAccess.customer_id, lambda _v: (), _l("Has a portal user"), "is", "portal_user",
                 many=True),
    *_record(Customer.group_id, _l("Group"), CustomerGroup, "group"),
    *_linked(customer_tag.c.customer_id, by_name(Tag, customer_tag.c.tag_id), _l("Tag"), "tag", Rows(Tag, named=True)),
    *_record(Customer.project_id, _l("Project"), Project, "project"),
    *_record(Customer.reseller_id, _l("Reseller"), Reseller, "reseller"),
    *_linked(customer_salesperson.c.customer_id, by_id(customer_salesperson.c.staff_id), _l("Salesperson"),
             "salesperson", Rows(Staff)),
    *_record(Customer.contract_type_id, _l("Contract type"), ContractType, "contract"),
    *money(Customer.balance_minor, Customer.currency, _l("Balance"), "balance"),
    StandingFilter(Customer.balance_minor, _l("Account"), "is", "account", STANDINGS),
    LinkedFilter(Customer.id, Invoice.customer_id, overdue, _l("Has overdue invoices"), "is", "overdue", many=True),
    *money(Customer.credit_minor, Customer.currency, _l("Credit"), "credit"),
    *(CurrencyChoice(Customer.currency, _l("Currency"), way, None, _currencies) for way in ("is", "not")),
    *choice(Customer.payment_method, _l("Pays by"), PAYMENT_METHODS),
    *(PackageFilter(Customer.id, Service.customer_id, _running, _l("Has running"), way, "package", Rows(Package),
                    many=True) for way in ("is", "not")),
    "service_count",
    "ends_on",
    *_or_none(Customer.country, _l("Country"), _countries),
    *_text("city", _l("City"), "is", "empty", "filled"),
)  # fmt: skip
