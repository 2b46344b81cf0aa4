"""What a package change is about, read at once: the service with its customer, who is billed, the package wanted, what
was billed ahead; and what stands against any change of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, bindparam, select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import aliased
from sqlalchemy.orm.attributes import set_committed_value

from models import (
    BillingError,
    BillingGroup,
    ChangeState,
    Customer,
    CustomerStatus,
    Discount,
    NewPrice,
    NewPriceState,
    Package,
    PackageChange,
    Payer,
    PaymentMethod,
    Service,
    ServiceOption,
    ServiceStatus,
    db,
)
from models.bulk import standstill
from models.objects import prepared_objects

from . import company, groups, package_moves, payers
from .actor import Actor
from .change_prices import Wanted, package_for, read_options, terms_of
from .change_terms import Terms
from .discount_table import IN_FORCE
from .prices import check_day
from .renewals import Tables
from .unused import Unused, unused


@dataclass(slots=True)
class Known:
    """What a review and the commit after it, or many of them, need not read twice: taxes, rates, discounts, packages;
    and the review itself, where nothing can have changed since. Only for one transaction."""

    tables: Tables
    packages: dict[int, Package] = field(default_factory=dict)
    # The services' packages and billing groups: a session forgets what nobody holds.
    held: set[Any] = field(default_factory=set)
    _last: tuple[Any, Any, Any] = field(default=(None, None, None), init=False)

    @classmethod
    def load(cls) -> Known:
        return cls(Tables.load(company.settings()))

    def package(self, package_id: int) -> Package:
        if package_id not in self.packages:
            found = package_for(package_id)
            assert found is not None  # kept by the foreign key
            self.packages[package_id] = found
        return self.packages[package_id]

    def keep(self, asked: Any, review: Any) -> None:
        """Remember what was worked out last, and for which question."""
        self._last = standstill(db.session()), asked, review

    def forget(self) -> None:
        """What was worked out last is carried out: what only it needed can go, before a commit looks through it."""
        self._last = None, None, None

    def kept(self, asked: Any) -> Any:
        """The same answer once more, where nothing can have changed since; else None."""
        when, question, review = self._last
        return review if when is not None and question == asked and when == standstill(db.session()) else None


@dataclass(slots=True)
class Subject:
    """Everything a review is worked out from."""

    change: PackageChange
    service: Service
    customer: Customer
    payer: Payer | None
    package: Package
    before: Terms
    tables: Tables
    other_id: int | None
    new_price_id: int | None
    discounted: bool

    @property
    def free(self) -> bool:
        """Whether no document is ever made for it."""
        return self.service.free or self.customer.payment_method == PaymentMethod.FREE

    @property
    def never_billed(self) -> bool:
        """Not a day of it was billed here yet: it has just begun, is on trial, or was billed elsewhere so far."""
        return self.before.next_on == self.service.billed_from

    def unbilled(self, on: date) -> bool:
        """Whether the bill for the day `on` is still to come."""
        return self.never_billed or on >= self.before.next_on

    def back(self, on: date) -> list[Unused]:
        return unused(self.service, on)


def subject(change: PackageChange, known: Known | None, *, lock: bool = False) -> Subject:
    """Read it; with `lock` the service and the change are held until the transaction ends."""
    ask = _locked if lock else _read
    rows = ask(service=change.service_id, change=change.id)
    if lock and rows and rows[0][0].version != rows[0][3]:  # it was waited for
        rows = ask(service=change.service_id, change=change.id)
    if not rows:
        raise NoResultFound(f"There is no change {change.id} of service {change.service_id} any more.")
    service, change, _option, _version, other_id, new_price_id, discounted, *around = rows[0]
    for name, value in zip(_AROUND, around, strict=not lock):
        set_committed_value(service, name, value)
    set_committed_value(service, "options", [option for row in rows if (option := row[2])])
    known = known or Known.load()
    known.held |= {service.package, service.billing_group}
    return Subject(
        change=change,
        service=service,
        customer=service.customer,
        payer=payers.billed(service.customer, service.billing_group),
        package=known.package(change.to_package_id or change.from_package_id),
        before=terms_of(service),
        tables=known.tables,
        other_id=other_id,
        new_price_id=new_price_id,
        discounted=discounted,
    )


_AROUND = {"customer": Customer, "billing_group": BillingGroup, "package": Package}


def _subject(*, lock: bool) -> Any:
    """The service and its change, another change of it that waits, a new price that waits, and whether there is any
    discount: a row for each option. With `lock` what stands around the service is not asked for: a row that was waited
    for is left out of the answer where it stands elsewhere since. All but the service and its change is as it was
    before the wait then, the service's version that stands beside it too."""
    service, change = bindparam("service", type_=BigInteger), bindparam("change", type_=BigInteger)
    other = aliased(PackageChange, name="other_change")
    waits = other.state.in_((ChangeState.SCHEDULED, ChangeState.WAITING))
    elsewhere = select(other.id).where(other.service_id == service, other.id != change, waits).limit(1)
    coming = select(NewPrice.id).where(NewPrice.service_id == service, NewPrice.state == NewPriceState.WAITING).limit(1)
    some = select(Discount.id).where(IN_FORCE).exists()
    as_asked = aliased(Service, name="service_as_asked")
    version = select(as_asked.version).where(as_asked.id == service)
    also = version.scalar_subquery(), elsewhere.scalar_subquery(), coming.scalar_subquery(), some
    around = () if lock else _AROUND.values()
    wanted = select(Service, PackageChange, ServiceOption, *also, *around).select_from(Service)
    wanted = wanted.join(PackageChange, PackageChange.service_id == Service.id)
    for name in () if lock else _AROUND:
        wanted = wanted.join(getattr(Service, name))
    wanted = wanted.outerjoin(ServiceOption, ServiceOption.service_id == Service.id)
    wanted = wanted.where(Service.id == service, PackageChange.id == change).order_by(ServiceOption.id)
    return wanted.with_for_update(of=(Service, PackageChange), key_share=True) if lock else wanted


_read = prepared_objects(partial(_subject, lock=False))
_locked = prepared_objects(partial(_subject, lock=True), anew=(Service, PackageChange, ServiceOption))


def wanted_of(change: PackageChange, package: Package) -> Wanted:
    """What was written down on a change. Raises ChangeRefused for options that are gone."""
    terms = change.terms
    return Wanted(
        package_id=package.id,
        months=terms.get("months", 0),
        days=terms.get("days", 0),
        options=read_options(terms.get("options"), package),
        when=change.asked_for,
        on=change.on,
        price=change.agreed,
        price_reason=change.price_reason,
    )


def refusals(found: Subject, on: date, by: Actor, *, begins: date | None = None) -> list[str]:
    """All that stands against changing the service on that day, in sentences. `begins` is the first day that is
    charged anew, where it is not that one."""
    return [*_of_service(found, on), *_of_package(found), *_of_day(found, on, begins or on, by)]


def _of_service(found: Subject, on: date) -> Iterator[str]:
    yield from of_service(found.service, on)
    if found.other_id is not None:
        yield f"Another change of {found.service} is waiting already. Withdraw that one first."


def of_service(service: Service, on: date) -> Iterator[str]:
    """What stands against any change of a service on that day, whatever it is to become, in sentences."""
    customer = service.customer
    if service.status == ServiceStatus.CANCELLED:
        yield f"{service} has ended. Start a new service instead."
    elif service.ends_on is not None and service.ends_on <= on:
        yield f"{service} ends on {service.ends_on}. Take the end back first, or start a new service."
    if customer.status != CustomerStatus.ACTIVE:
        yield f"{customer.name} is {customer.status.value}. Enable the customer first."


def _of_package(found: Subject) -> Iterator[str]:
    if found.change.to_package_id is None:
        yield "Choose the new package."
        return
    service, package = found.service, found.package
    if package.id != service.package_id:
        if package.archived:
            yield f"{package.name} is not sold any more. Choose another package."
        elif not package_moves.may_change(service.package, package):
            yield f"{service.package.name} may not be changed to {package.name}; the page of the package says so."
    try:
        groups.check_package(found.customer, package)
    except BillingError as error:
        yield str(error)


def _of_day(found: Subject, on: date, begins: date, by: Actor) -> Iterator[str]:
    before = found.before
    if on < by.today and found.change.state is not ChangeState.SCHEDULED:
        yield f"A change begins today ({by.today}) or later."
    try:
        check_day(on, by.today, "The day of the change")
    except BillingError as error:
        yield str(error)
    is_run = found.service.status != ServiceStatus.SUSPENDED  # no run bills it until it is back
    if is_run and not found.never_billed and before.next_on < begins <= by.today:
        yield (
            f"{found.service} was to be billed on {before.next_on} and is not yet. Run the renewals first, "
            "then change it."
        )
