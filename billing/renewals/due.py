"""What is due: which day comes next, which billing groups have something on it, and everything needed to bill them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Select, and_, exists, func, or_, select, text, union

from billing import new_prices
from models import (
    BillingGroup,
    Charge,
    Credit,
    Customer,
    CustomerStatus,
    Money,
    NewPrice,
    Package,
    Payer,
    Project,
    Service,
    ServiceOption,
    ServiceStatus,
    db,
)
from models.bulk import among

SERVICE_DUE = and_(
    Service.status == ServiceStatus.ACTIVE,
    or_(Service.ends_on.is_(None), Service.ends_on > Service.next_renewal_on),
    or_(Service.paused_from.is_(None), Service.paused_from > Service.next_renewal_on),
)
# Prepayments are never due by themselves: they wait for a bill.
CHARGE_DUE = and_(
    Charge.next_on.is_not(None),
    Charge.price_minor >= 0,
    or_(Charge.ends_on.is_(None), Charge.ends_on > Charge.next_on),
)
_BILLABLE = and_(
    Customer.status == CustomerStatus.ACTIVE,
    BillingGroup.parked_at.is_(None),
)

_SERVICE = (
    Service.id, Service.billing_group_id, Service.customer_id, Service.package_id, Service.currency,
    new_prices.PRICE.label("price_minor"), Service.setup_fee_minor, Service.months, Service.days, Service.anchor_day,
    Service.anchor_month, Service.started_on, Service.billed_from, Service.next_renewal_on, Service.ends_on,
    Service.paused_from, Service.paused_until, Service.rhythm_from, Service.trial_days, Service.free,
    Service.description, Package.name.label("package"), Package.tax_category,
)  # fmt: skip
_ACCOUNT = (
    BillingGroup.id.label("group_id"),
    func.coalesce(BillingGroup.payer_id, Customer.default_payer_id).label("payer_id"),
    BillingGroup.po_number.label("group_po_number"),
    BillingGroup.usual_minor, Customer.id.label("customer_id"), Customer.group_id.label("customer_group_id"),
    Customer.name, Customer.company_name, Customer.email, Customer.tax_id, Customer.account_type, Customer.language,
    Customer.street, Customer.street2, Customer.city, Customer.region, Customer.postal_code, Customer.country,
    Customer.currency, Customer.payment_method, Customer.payment_days, Customer.charge_tax, Customer.tax_exempt,
    Customer.tax_rate, Customer.po_number, Customer.invoice_note, Customer.credit_minor, Customer.project_id,
    Customer.invoice_template,
    # The index of prepayments is found by the figure as it stands there, not by a parameter.
    exists().where(Charge.billing_group_id == BillingGroup.id, Charge.left_minor > text("0")).label("prepaid"),
)  # fmt: skip


class Row(SimpleNamespace):
    """Something that is read as a row of what is due is."""

    def _asdict(self) -> dict[str, Any]:
        return dict(vars(self))


def _only(statement: Select[Any], table: Any, customers: Sequence[int] | None) -> Select[Any]:
    return statement if customers is None else statement.where(among(db.session, table.customer_id, customers))


def next_day(until: date, *, after: date | None = None, customers: Sequence[int] | None = None) -> date | None:
    """The first day up to `until` (and past `after`) on which something is due; for `customers` only, if given."""
    days = [
        db.session.scalar(
            _only(_first(Service, Service.next_renewal_on, SERVICE_DUE, until, after), Service, customers)
        ),
        db.session.scalar(_only(_first(Charge, Charge.next_on, CHARGE_DUE, until, after), Charge, customers)),
    ]
    return min((day for day in days if day is not None), default=None)


def _first(table: Any, day: Any, due: Any, until: date, after: date | None) -> Select[Any]:
    found = (
        select(day)
        .select_from(table)
        .join(Customer, Customer.id == table.customer_id)
        .join(BillingGroup, BillingGroup.id == table.billing_group_id)
        .where(due, day <= until, _BILLABLE)
    )
    return (found if after is None else found.where(day > after)).order_by(day).limit(1)


def groups_on(day: date, *, past: int, limit: int, customers: Sequence[int] | None = None) -> tuple[list[int], int]:
    """The next billing groups with id over `past` that can be billed for exactly this day, and the last id looked at.

    Looks at `limit` groups at the most, along the indexes of what is due, so that a run of n groups costs n; those
    set aside or of customers without bills are left out. The others are locked until the transaction ends.
    (), `past` when nothing is left to look at.
    """
    halves = [
        _only(_groups(Service, SERVICE_DUE, Service.next_renewal_on == day, past), Service, customers),
        _only(_groups(Charge, CHARGE_DUE, Charge.next_on == day, past), Charge, customers),
    ]
    found: set[int] = set()
    for half in halves:
        found.update(db.session.scalars(half.distinct().order_by(half.selected_columns[0]).limit(limit)))
    ids = sorted(found)[:limit]
    wanted = select(BillingGroup.id).join(Customer, Customer.id == BillingGroup.customer_id)
    billable = wanted.where(among(db.session, BillingGroup.id, ids), _BILLABLE).order_by(BillingGroup.id)
    locked = db.session.scalars(billable.with_for_update(of=BillingGroup)) if ids else ()
    return list(locked), ids[-1] if ids else past


def _groups(table: Any, due: Any, on: Any, past: int) -> Select[Any]:
    return select(table.billing_group_id).where(due, on, table.billing_group_id > past)


def customers_past(past: int, until: date, limit: int) -> list[int]:
    """The next `limit` customers with id over `past` that have something due up to `until`."""
    named = union(
        select(Service.customer_id).where(SERVICE_DUE, Service.next_renewal_on <= until, Service.customer_id > past),
        select(Charge.customer_id).where(CHARGE_DUE, Charge.next_on <= until, Charge.customer_id > past),
    ).subquery()
    return list(db.session.scalars(select(named.c.customer_id).order_by(named.c.customer_id).limit(limit)))


def count(until: date) -> int:
    """How many billing groups have something due up to `until`; for a progress bar, not for money."""
    named = union(
        _groups(Service, SERVICE_DUE, Service.next_renewal_on <= until, 0),
        _groups(Charge, CHARGE_DUE, Charge.next_on <= until, 0),
    ).subquery()
    return db.session.scalar(select(func.count()).select_from(named)) or 0


def refresh_statistics() -> None:
    """Tell PostgreSQL how large the tables are: right after an import it knows nothing and plans by guesses."""
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(text("ANALYZE customer, billing_group, service, charge"))


def accounts(groups: Sequence[int]) -> Sequence[Any]:
    """Billing group and customer of each id, in id order; `prepaid` where something is left of prepayments."""
    wanted = select(*_ACCOUNT).join(Customer, Customer.id == BillingGroup.customer_id)
    return db.session.execute(wanted.where(among(db.session, BillingGroup.id, groups)).order_by(BillingGroup.id)).all()


def services(groups: Sequence[int], day: date, only: int | None = None) -> Sequence[Any]:
    """The services of these groups that renew on `day`, with what is printed and taxed, at the price of that day.
    `only` is the id of one that is billed whether it is active or not."""
    wanted = select(*_SERVICE).select_from(Service).join(Package, Package.id == Service.package_id)
    wanted = wanted.outerjoin(NewPrice, new_prices.DUE)
    is_due = SERVICE_DUE if only is None else Service.id == only
    due = wanted.where(is_due, Service.next_renewal_on == day, among(db.session, Service.billing_group_id, groups))
    return db.session.execute(due.order_by(Service.billing_group_id, Service.id)).all()


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a service, at the price of the day."""

    id: int
    service_id: int
    name: str
    value: str
    quantity: Decimal
    price: Money


def services_of(ids: Sequence[int]) -> Sequence[Any]:
    """These services, whether they are due or not, with the price agreed (`agreed_minor`) beside that of their next
    renewal."""
    wanted = select(*_SERVICE, Service.price_minor.label("agreed_minor")).select_from(Service)
    wanted = wanted.join(Package, Package.id == Service.package_id).outerjoin(NewPrice, new_prices.DUE)
    found = wanted.where(among(db.session, Service.id, ids))
    return db.session.execute(found.order_by(Service.billing_group_id, Service.id)).all()


def options(services: Sequence[int], day: date) -> list[Option]:
    """The options of these services that cost something of their own, at the price of that day."""
    its = ServiceOption.id, ServiceOption.service_id, ServiceOption.name, ServiceOption.value, ServiceOption.quantity
    price = func.coalesce(NewPrice.new_minor, ServiceOption.price_minor)
    wanted = select(*its, price, ServiceOption.currency).select_from(ServiceOption)
    wanted = wanted.outerjoin(NewPrice, new_prices.due_of_option(day))
    mine = wanted.where(among(db.session, ServiceOption.service_id, services), ServiceOption.price_minor != 0)
    rows = db.session.execute(mine.order_by(ServiceOption.service_id, ServiceOption.id))
    return [Option(*row[:5], Money(row[5], row[6])) for row in rows]


def started(service: Service) -> Any:
    """A service that was started just now, as `services` would read it: no new price can wait for it."""
    of_package = {"package": service.package.name, "tax_category": service.package.tax_category}
    mine = {column.key: getattr(service, column.key) for column in _SERVICE if column.key not in of_package}
    return Row(**mine, **of_package)


def started_options(service: Service) -> list[Option]:
    """Its options, as `options` would."""
    return [
        Option(one.id, service.id, one.name, one.value, one.quantity, Money(one.price_minor, one.currency))
        for one in service.options
        if one.price_minor
    ]


def charges(groups: Sequence[int], day: date) -> Sequence[Charge]:
    """The further charges of these groups due on `day`."""
    wanted = select(Charge).where(CHARGE_DUE, Charge.next_on == day, among(db.session, Charge.billing_group_id, groups))
    return db.session.scalars(wanted.order_by(Charge.billing_group_id, Charge.id)).all()


def prepayments(groups: Sequence[int], day: date, *, lock: bool = True) -> Sequence[Any]:
    """What is left of the prepayments of these groups on `day`, locked until the transaction ends if it is to be
    taken off."""
    wanted = select(
        Charge.id, Charge.billing_group_id, Charge.description, Charge.currency, Charge.left_minor, Charge.tax_category
    ).where(
        Charge.left_minor > 0,
        Charge.next_on <= day,
        or_(Charge.ends_on.is_(None), Charge.ends_on > day),
        among(db.session, Charge.billing_group_id, groups),
    )
    ordered = wanted.order_by(Charge.billing_group_id, Charge.next_on, Charge.id)
    return db.session.execute(ordered.with_for_update() if lock else ordered).all()


def credits(customers: Sequence[int], on: date, *, lock: bool = True) -> Sequence[Any]:
    """What these customers have in hand on `on`, oldest first, locked until the transaction ends if it is to be
    used."""
    wanted = select(Credit.id, Credit.customer_id, Credit.remaining_minor, Credit.currency).where(
        among(db.session, Credit.customer_id, customers),
        Credit.remaining_minor > 0,
        Credit.granted_on <= on,
        or_(Credit.expires_on.is_(None), Credit.expires_on >= on),
    )
    ordered = wanted.order_by(Credit.customer_id, Credit.granted_on, Credit.id)
    return db.session.execute(ordered.with_for_update() if lock else ordered).all()


def payers(ids: Sequence[int]) -> dict[int, Payer]:
    """Bill-to identities by id."""
    return {payer.id: payer for payer in db.session.scalars(select(Payer).where(Payer.id.in_(ids)))}


def projects(ids: Sequence[int]) -> dict[int, Project]:
    """Brands by id."""
    return {project.id: project for project in db.session.scalars(select(Project).where(Project.id.in_(ids)))}
