"""All discounts in force, read once and asked often: a run of a hundred thousand bills asks no statement per bill.

What holds for everyone and for groups is read once. What depends on the customer (discounts of its own, codes it gave
in, how long it has had one) is read for many customers at a time, in at most four statements, and only where there is
such a discount at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import func, literal_column, or_, select

from models import (
    Coupon,
    CouponUse,
    Discount,
    DiscountAmount,
    DiscountAudience,
    DiscountLasts,
    DiscountUse,
    Invoice,
    InvoiceState,
    db,
    discount_package,
)
from models.bulk import among

from .discount_rules import Live, Offer, rank, windows
from .periods import BillingPeriod

_COLUMNS = (
    Discount.id, Discount.name, Discount.reason, Discount.audience, Discount.group_id, Discount.customer_id,
    Discount.target, Discount.project_id, Discount.service_id, Discount.months, Discount.days, Discount.kind,
    Discount.percent,
    Discount.covers, Discount.starts_on, Discount.last_on, Discount.lasts_months, Discount.lasts_days,
    Discount.lasts_for, Discount.bills, Discount.service_from, Discount.service_until, Discount.priority,
    Discount.needs_code,
)  # fmt: skip
IN_FORCE = Discount.active & Discount.archived_on.is_(None)
_DAY = timedelta(days=1)
_Shared = dict[tuple[Any, ...], tuple[Offer, ...]]


@dataclass(frozen=True, slots=True)
class Sold:
    """The service that a discount is asked for; without an id it has not begun, without a start it begins with the
    period asked for."""

    customer_id: int
    group_id: int | None
    project_id: int | None
    package_id: int | None
    months: int
    days: int
    started_on: date | None = None
    service_id: int | None = None


class DiscountTable:
    """The discounts for everyone and for groups, and whether there are any that need a look at the customer. They are
    read when they are first asked for, and kept."""

    def __init__(self, *, also: int | None = None) -> None:
        """`also` is a discount that counts though it is switched off or archived, to see what it would do."""
        self.wanted = IN_FORCE if also is None else or_(IN_FORCE, Discount.id == also)
        self._found: _Shared = {}

    @cached_property
    def _audiences(self) -> set[DiscountAudience]:
        return set(db.session.scalars(select(Discount.audience).where(self.wanted).distinct()))

    @cached_property
    def _shared(self) -> list[Offer]:
        others = self.wanted & (Discount.audience != DiscountAudience.CUSTOMER)
        return _offers(others) if self._audiences - {DiscountAudience.CUSTOMER} else []

    @property
    def has_own(self) -> bool:
        return DiscountAudience.CUSTOMER in self._audiences

    def __bool__(self) -> bool:
        return bool(self._shared) or self.has_own

    def of(self, customers: Sequence[int]) -> CustomerDiscounts | None:
        """What holds for these customers; None where there is no discount at all."""
        if not self:
            return None
        own = _by_customer(self.wanted, customers) if self.has_own else {}
        every = [*self._shared, *(offer for offers in own.values() for offer in offers)]
        limited = [offer for offer in every if offer.lasts or offer.bills is not None]
        used = _uses(customers, limited) if limited else Uses()
        codes = _codes(customers) if any(offer.needs_code for offer in every) else {}
        return CustomerDiscounts(self, own, used, codes)

    def shared(self, sold: Sold) -> tuple[Offer, ...]:
        """Those for everyone and the group that the service is in the target of."""
        key = sold.group_id, sold.project_id, sold.package_id, sold.months, sold.days
        if key not in self._found:
            self._found[key] = tuple(
                offer
                for offer in self._shared
                if offer.group_id in (None, sold.group_id)
                and offer.is_for(sold.package_id, sold.project_id, sold.months, sold.days)
            )
        return self._found[key]


@dataclass(slots=True)
class Uses:
    """What was used of limited discounts: by service its first day and number of bills, by customer the first day."""

    first: dict[tuple[int, int], dict[int, date]] = field(default_factory=dict)
    bills: dict[int, dict[int, int]] = field(default_factory=dict)


Code = tuple[int | None, date, bool]
"""(service or all, the day it was given in, for new services only)."""


@dataclass(slots=True)
class CustomerDiscounts:
    """The discounts as they stand for some customers."""

    table: DiscountTable
    own: dict[int, list[Offer]]
    used: Uses
    codes: dict[tuple[int, int], list[Code]]

    def with_code(self, coupon: Coupon, customer_id: int, on: date) -> CustomerDiscounts:
        """The same once the customer has given the code in on the day `on`."""
        key = coupon.discount_id, customer_id
        codes = {**self.codes, key: [*self.codes.get(key, ()), (None, on, coupon.new_services_only)]}
        return CustomerDiscounts(self.table, self.own, self.used, codes)

    def candidates(self, sold: Sold) -> list[Offer]:
        """The offers that the service is in the audience and target of, whatever the day; codes that were not given
        in and services of other days are out."""
        found: list[Offer] = list(self.table.shared(sold))
        for offer in self.own.get(sold.customer_id, ()):
            if offer.is_for(sold.package_id, sold.project_id, sold.months, sold.days):
                found.append(offer)
        return [offer for offer in found if self._is_open(offer, sold)] if found else found

    def live(self, sold: Sold, billed: BillingPeriod) -> list[Live]:
        """The offers that run on some day of the period, for `discount_rules.cut`."""
        found = self.candidates(sold)
        if not found:
            return []
        first = dict(self.used.first.get((sold.customer_id, 0), {}))
        if sold.service_id:
            first |= self.used.first.get((sold.customer_id, sold.service_id), {})
        return windows(found, billed, first, self.used.bills.get(sold.service_id or 0, {}))

    def _is_open(self, offer: Offer, sold: Sold) -> bool:
        if offer.service_id not in (None, sold.service_id):
            return False
        started = sold.started_on
        if started is not None and not offer.service_from <= started <= offer.service_until:
            return False
        if not offer.needs_code:
            return True
        return any(
            service in (None, sold.service_id)
            and (service is not None or not new_only or started is None or started >= given)
            for service, given, new_only in self.codes.get((offer.id, sold.customer_id), ())
        )


def offer_of(row: Any, packages: Iterable[int], amounts: Sequence[tuple[str, int]]) -> Offer:
    """A discount, or a row of its columns, as the rules need it."""
    named = frozenset(packages)
    return Offer(
        id=row.id,
        name=row.name,
        reason=row.reason,
        rank=rank(row.priority, row.audience, row.target, len(named), one_period=bool(row.months or row.days)),
        kind=row.kind,
        covers=row.covers,
        percent=int(row.percent.scaleb(4)) if row.percent is not None else 0,
        amounts=tuple(amounts),
        group_id=row.group_id,
        customer_id=row.customer_id,
        project_id=row.project_id,
        service_id=row.service_id,
        packages=named,
        months=row.months,
        days=row.days,
        starts_on=row.starts_on or date.min,
        stops_on=row.last_on + _DAY if row.last_on and row.last_on < date.max else date.max,
        lasts_months=row.lasts_months,
        lasts_days=row.lasts_days,
        lasts_for=row.lasts_for,
        bills=row.bills,
        service_from=row.service_from or date.min,
        service_until=row.service_until or date.max,
        needs_code=row.needs_code,
    )


def offer_of_row(discount: Discount) -> Offer:
    """A stored discount as the rules need it."""
    amounts = [(amount.currency, amount.amount_minor) for amount in discount.amounts]
    return offer_of(discount, (package.id for package in discount.packages), amounts)


def _offers(where: Any) -> list[Offer]:
    """The discounts in the order of their ids, with their packages and amounts: three statements, or one for none."""
    rows = db.session.execute(select(*_COLUMNS).where(where).order_by(Discount.id)).all()
    if not rows:
        return []
    ids = [row.id for row in rows]
    packages: dict[int, list[int]] = defaultdict(list)
    for key, package in db.session.execute(
        select(discount_package.c.discount_id, discount_package.c.package_id).where(
            among(db.session, discount_package.c.discount_id, ids)
        )
    ):
        packages[key].append(package)
    amounts: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for key, currency, minor in db.session.execute(
        select(DiscountAmount.discount_id, DiscountAmount.currency, DiscountAmount.amount_minor).where(
            among(db.session, DiscountAmount.discount_id, ids)
        )
    ):
        amounts[key].append((currency, minor))
    return [offer_of(row, packages[row.id], amounts[row.id]) for row in rows]


def _by_customer(wanted: Any, customers: Sequence[int]) -> dict[int, list[Offer]]:
    found: dict[int, list[Offer]] = defaultdict(list)
    for offer in _offers(wanted & among(db.session, Discount.customer_id, customers)):
        assert offer.customer_id is not None
        found[offer.customer_id].append(offer)
    return found


def _uses(customers: Sequence[int], limited: Sequence[Offer]) -> Uses:
    """Of these discounts; what stands on an invoice that was made void does not count."""
    of_customer = {offer.id for offer in limited if offer.lasts_for is DiscountLasts.CUSTOMER}
    service_id = func.coalesce(DiscountUse.service_id, literal_column("0"))
    rows = db.session.execute(
        select(
            DiscountUse.discount_id, DiscountUse.customer_id, service_id,
            func.min(DiscountUse.first_on), func.count(),
        )
        .outerjoin(Invoice, Invoice.id == DiscountUse.invoice_id)
        .where(
            among(db.session, DiscountUse.customer_id, customers),
            DiscountUse.discount_id.in_([offer.id for offer in limited]),
            or_(Invoice.id.is_(None), Invoice.state != InvoiceState.VOID),
        )
        .group_by(DiscountUse.discount_id, DiscountUse.customer_id, service_id)
    )  # fmt: skip
    used = Uses()
    for discount, customer, service, first, bills in rows:
        whose = 0 if discount in of_customer else service
        if not whose and discount not in of_customer:
            continue  # a line by hand, for no service
        mine = used.first.setdefault((customer, whose), {})
        mine[discount] = min(first, mine.get(discount, first))
        used.bills.setdefault(service, {})[discount] = bills
    return used


def _codes(customers: Sequence[int]) -> dict[tuple[int, int], list[Code]]:
    rows = db.session.execute(
        select(
            Coupon.discount_id, CouponUse.customer_id, CouponUse.service_id, CouponUse.given_on,
            Coupon.new_services_only,
        )
        .join(Coupon, Coupon.id == CouponUse.coupon_id)
        .where(among(db.session, CouponUse.customer_id, customers), ~CouponUse.once)
    )  # fmt: skip
    found: dict[tuple[int, int], list[Code]] = defaultdict(list)
    for discount, customer, service, given, new_only in rows:
        assert customer is not None  # asked for by it
        found[discount, customer].append((service, given, new_only))
    return found
