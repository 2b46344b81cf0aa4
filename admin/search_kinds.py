"""What the search of everything finds: each kind in one statement, by an index, at a million rows as at ten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, false, func, or_, select, union
from sqlalchemy.orm import joinedload

from admin.customers.lookup import CUSTOMERS
from admin.links import record_url
from admin.order_finding import begins
from admin.order_words import STATES
from billing.order_records import DECIDABLE
from models import (
    Charge,
    Contact,
    Customer,
    CustomerStatus,
    Invoice,
    Order,
    Package,
    Payment,
    PortalAccess,
    PortalUser,
    Quote,
    Series,
    Service,
    Staff,
    db,
    find,
)
from models.search import SearchIndex
from web.formatters import money, short_date

GATHERED = 200  # of a very common beginning only some matches are looked at
CONTACTS = SearchIndex("contact", ("name", "email", "phone"), ("name", "email"))
PORTAL_USERS = SearchIndex("portal_user", ("name", "email"), ("name", "email"))


@dataclass(frozen=True)
class Hit:
    """One line of the results. `url` is empty where the person has no page to open."""

    title: str
    note: str
    url: str


@dataclass(frozen=True)
class Kind:
    """A sort of record. `matches(typed, customer id or None)` selects ids, `hit` prints one row."""

    name: str
    label: Any
    icon: str
    permission: str
    model: Any
    prefixes: tuple[str, ...]
    matches: Callable[[str, int | None], Select[Any] | None]
    hit: Callable[[Any], Hit]
    options: tuple[Any, ...] = ()
    customer: Any = None  # the column that says whose it is
    listed: bool = False  # the search of its list finds the same

    def find(self, typed: str, limit: int, only: int | None) -> list[Hit]:
        """Up to `limit` hits, the newest first; one statement."""
        matching = self.matches(typed, only)
        if matching is None:
            return []
        ids = matching.limit(GATHERED).subquery()
        query = select(self.model).where(self.model.id.in_(select(ids.c[0])))
        ordered = query.order_by(*self.order(typed)).limit(limit)
        return self._hits(ordered)

    def opened(self, ids: Sequence[int], only: int | None) -> dict[int, Hit]:
        """Those of these ids that are still there, one statement."""
        query = select(self.model).where(self.model.id.in_(ids))
        if only is not None and self.customer is not None:
            query = query.where(self.customer == only)
        rows = db.session.scalars(query.options(*self.options)).unique()
        return {row.id: hit for row in rows if (hit := self.hit(row)).url}

    def order(self, typed: str) -> list[Any]:
        number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else 0
        return [(self.model.id == number).desc(), self.model.id.desc()]

    def _hits(self, query: Select[Any]) -> list[Hit]:
        hits = [self.hit(row) for row in db.session.scalars(query.options(*self.options)).unique()]
        return [hit for hit in hits if hit.url]


class CustomerKind(Kind):
    """Archived ones last, those of that name first."""

    def order(self, typed: str) -> list[Any]:
        archived = Customer.status == CustomerStatus.ARCHIVED
        return [archived.asc(), (func.lower(Customer.name) == typed.lower()).desc(), *super().order(typed)]


def _dialect() -> str:
    return db.session.get_bind().dialect.name


def _of(query: Select[Any], column: Any, only: int | None) -> Select[Any]:
    return query if only is None else query.where(column == only)


def _by_words(index: SearchIndex, model: Any, column: Any) -> Callable[[str, int | None], Select[Any] | None]:
    """Any three letters of it, by the index of trigrams."""

    def matches(typed: str, only: int | None) -> Select[Any] | None:
        words = index.words(typed)
        if not words:
            return None
        if only is not None and column is not None:  # few rows: they are looked at one by one
            return select(model.id).where(column == only, find.contains(index, model, words, _dialect()))
        found = find.hits(index, model, words, _dialect()).limit(GATHERED).subquery()
        return select(found.c[0])

    return matches


def _begins(model: Any, column: str, typed: str) -> Any:
    return find.begins(SearchIndex(model.__tablename__, (), (column,)), model, typed, _dialect())


def _either(model: Any, *arms: Select[Any]) -> Select[Any]:
    """Matches of several ways, each by its own index and bounded by itself."""
    parts = [select(arm.limit(GATHERED).subquery().c[0]) for arm in arms]
    return select(parts[0].subquery().c[0]) if len(parts) == 1 else select(union(*parts).subquery().c[0])


def _numbered(typed: str) -> int | None:
    """A number as people say it: 123 for INV-00123."""
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else None


def _invoices(typed: str, only: int | None) -> Select[Any]:
    arms = [_of(select(Invoice.id).where(_begins(Invoice, "number", typed)), Invoice.customer_id, only)]
    number = _numbered(typed)
    if number is not None:
        by_number = select(Invoice.id).where(Invoice.series_id.in_(select(Series.id)), Invoice.sequence == number)
        arms.append(_of(by_number, Invoice.customer_id, only))
    return _either(Invoice, *arms)


def _quotes(typed: str, only: int | None) -> Select[Any]:
    arms = [_of(select(Quote.id).where(_begins(Quote, "number", typed)), Quote.customer_id, only)]
    number = _numbered(typed)
    if number is not None:
        by_number = select(Quote.id).where(Quote.series_id.in_(select(Series.id)), Quote.sequence == number)
        arms.append(_of(by_number, Quote.customer_id, only))
    return _either(Quote, *arms)


def _orders(typed: str, only: int | None) -> Select[Any]:
    arms = [select(Order.id).where(one) for one in begins([typed])] or [select(Order.id).where(false())]
    waiting = select(Order.id).where(Order.state.in_(DECIDABLE), Order.name.icontains(typed, autoescape=True))
    return _either(Order, *(_of(arm, Order.customer_id, only) for arm in (*arms, waiting)))


def _payments(typed: str, only: int | None) -> Select[Any]:
    arms = [_of(select(Payment.id).where(_begins(Payment, "reference", typed)), Payment.customer_id, only)]
    number = _numbered(typed)
    if number is not None:
        arms.append(_of(select(Payment.id).where(Payment.id == number), Payment.customer_id, only))
    return _either(Payment, *arms)


def _services(typed: str, only: int | None) -> Select[Any]:
    packages = select(Package.id).where(func.lower(Package.name).contains(typed.lower(), autoescape=True)).limit(50)
    arms = [
        select(Service.id).where(_begins(Service, "description", typed)),
        select(Service.id).where(Service.package_id.in_(select(packages.subquery().c[0]))),
    ]
    return _either(Service, *(_of(arm, Service.customer_id, only) for arm in arms))


def _charges(typed: str, only: int | None) -> Select[Any]:
    return _of(select(Charge.id).where(_begins(Charge, "description", typed)), Charge.customer_id, only)


def _portal_users(typed: str, only: int | None) -> Select[Any] | None:
    words = PORTAL_USERS.words(typed)
    if not words:
        return None
    if only is None:
        return select(find.hits(PORTAL_USERS, PortalUser, words, _dialect()).limit(GATHERED).subquery().c[0])
    theirs = select(PortalAccess.portal_user_id).where(PortalAccess.customer_id == only)
    return select(PortalUser.id).where(
        PortalUser.id.in_(theirs), find.contains(PORTAL_USERS, PortalUser, words, _dialect())
    )


def _named(model: Any, *columns: Any) -> Callable[[str, int | None], Select[Any]]:
    """Any part of it, in small tables."""

    def matches(typed: str, _only: int | None) -> Select[Any]:
        return select(model.id).where(
            or_(*(func.lower(column).contains(typed.lower(), autoescape=True) for column in columns))
        )

    return matches


def _customer(row: Customer) -> Hit:
    note = [_("No. %(id)s", id=row.id), row.email]
    note += [_("archived")] if row.status == CustomerStatus.ARCHIVED else []
    return Hit(row.name, " · ".join(part for part in note if part), record_url(row))


def _invoice(row: Invoice) -> Hit:
    parts = [row.customer.name, money(row.total), short_date(row.issued_on)]
    return Hit(str(row), " · ".join(str(part) for part in parts if part), record_url(row, Invoice))


def _quote(row: Quote) -> Hit:
    parts = [row.customer.name, row.title, money(row.total)]
    return Hit(str(row), " · ".join(str(part) for part in parts if part), record_url(row))


def _order(row: Order) -> Hit:
    parts = [row.name, row.chosen["package"], str(STATES[row.state][1])]
    return Hit(str(row), " · ".join(parts), record_url(row))


def _payment(row: Payment) -> Hit:
    parts = [row.customer.name, row.reference, short_date(row.received_on)]
    return Hit(money(row.amount), " · ".join(str(part) for part in parts if part), record_url(row))


def _service(row: Service) -> Hit:
    parts = [row.customer.name, row.package.name if row.description != row.package.name else ""]
    return Hit(str(row), " · ".join(part for part in parts if part), record_url(row))


def _package(row: Package) -> Hit:
    return Hit(row.name, "", record_url(row))


def _charge(row: Charge) -> Hit:
    tab = record_url(row.customer)
    return Hit(row.description, row.customer.name, f"{tab}&tab=services" if tab else "")


def _contact(row: Contact) -> Hit:
    parts = [row.customer.name, row.role, row.email]
    return Hit(row.name, " · ".join(part for part in parts if part), record_url(row.customer))


def _portal_user(row: PortalUser) -> Hit:
    first = row.accesses[0].customer if row.accesses else None
    return Hit(row.name, " · ".join([row.email, *([first.name] if first else [])]), record_url(first) if first else "")


def _staff(row: Staff) -> Hit:
    return Hit(row.name, row.email, record_url(row))


_WHOSE = (joinedload(Invoice.customer, innerjoin=True),)

KINDS: tuple[Kind, ...] = (
    CustomerKind("customer", _l("Customers"), "users", "customers.view", Customer, ("cust", "c"),
                 _by_words(CUSTOMERS, Customer, Customer.id), _customer, (), Customer.id, True),
    Kind("invoice", _l("Invoices"), "receipt-text", "invoices.view", Invoice, ("inv", "i"), _invoices, _invoice,
         _WHOSE, Invoice.customer_id),
    Kind("quote", _l("Quotes"), "file-check", "quotes.view", Quote, ("qu", "q"), _quotes, _quote,
         (joinedload(Quote.customer, innerjoin=True),), Quote.customer_id),
    Kind("order", _l("Orders"), "shopping-cart", "orders.view", Order, ("order", "ord", "o"), _orders, _order, (),
         Order.customer_id),
    Kind("payment", _l("Payments"), "credit-card", "payments.view", Payment, ("pay",), _payments, _payment,
         (joinedload(Payment.customer, innerjoin=True),), Payment.customer_id),
    Kind("service", _l("Services"), "server", "services.view", Service, ("svc", "s"), _services, _service,
         (joinedload(Service.customer), joinedload(Service.package)), Service.customer_id),
    Kind("package", _l("Packages"), "package", "packages.view", Package, ("pkg",), _named(Package, Package.name),
         _package),
    Kind("charge", _l("Charges"), "coins", "services.view", Charge, (), _charges, _charge,
         (joinedload(Charge.customer),), Charge.customer_id),
    Kind("contact", _l("Contacts"), "user", "customers.view", Contact, (),
         _by_words(CONTACTS, Contact, Contact.customer_id), _contact,
         (joinedload(Contact.customer),), Contact.customer_id),
    Kind("user", _l("Portal users"), "key-round", "customers.view", PortalUser, ("login",), _portal_users,
         _portal_user, (joinedload(PortalUser.accesses).joinedload(PortalAccess.customer),)),
    Kind("staff", _l("Staff"), "user-cog", "staff.edit", Staff, (), _named(Staff, Staff.name, Staff.email), _staff),
)  # fmt: skip


def kind_of_model(model: Any) -> Kind | None:
    return next((kind for kind in KINDS if kind.model is model), None)
