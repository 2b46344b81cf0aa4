"""What happens to services of the demo company: one rests, one is held back, one waits, one is tried, one moves."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select

from billing import service_pauses, service_transfers, services
from models import Customer, CustomerStatus, Package, Service, ServiceStatus, WaitsFor, db

from .diary import Diary, Moment


def plan(diary: Diary, last: date) -> None:
    """Write it down for the weeks up to `last`, the day the story ends on."""
    for ago, deed in ((61, _rest_a_month), (17, _rest), (9, _hold_back), (6, _hand_over), (4, _try), (2, _wait)):
        diary.plan(last - timedelta(days=ago), deed)


def _running(turn: int) -> Service | None:
    """A service that only runs, of a customer that is billed."""
    found = (
        select(Service)
        .join(Customer, Customer.id == Service.customer_id)
        .where(
            Customer.status == CustomerStatus.ACTIVE, Service.status == ServiceStatus.ACTIVE,
            Service.next_renewal_on > Service.billed_from, Service.ends_on.is_(None), Service.months == 1,
            Service.paused_from.is_(None), Service.free.is_(False),
        )
        .order_by(Service.id)
        .offset(7 * turn)
        .limit(1)
    )  # fmt: skip
    return db.session.scalars(found).first()


def _rest_a_month(moment: Moment) -> None:
    """Over by now: the days that were paid came after it."""
    if (service := _running(1)) is not None:
        until = moment.today + timedelta(days=30)
        service_pauses.pause(service, moment.today, until, "House is being rebuilt", by=moment.by("support"))


def _rest(moment: Moment) -> None:
    if (service := _running(2)) is not None:
        service_pauses.pause(service, moment.today, None, "Closed for the winter", by=moment.by("support"))


def _hold_back(moment: Moment) -> None:
    if (service := _running(3)) is not None:
        services.suspend([service], reason="Sends spam; waiting for an answer", by=moment.by("support"))


def _hand_over(moment: Moment) -> None:
    """With its next renewal, to another customer in the same currency."""
    service, other = _running(4), _running(5)
    if service is None or other is None or other.customer_id == service.customer_id:
        return
    if other.customer.currency == service.customer.currency:
        group = services.main_group(other.customer)
        service_transfers.transfer(service, group, at_renewal=True, by=moment.by("support"))


def _try(moment: Moment) -> None:
    _start(moment, 6, trial_days=14)


def _wait(moment: Moment) -> None:
    _start(moment, 7, waits_for=WaitsFor.ACTIVATION)


def _start(moment: Moment, turn: int, *, trial_days: int = 0, waits_for: WaitsFor | None = None) -> None:
    """One more of what the customer of another service has already."""
    if (there := _running(turn)) is not None:
        package = db.session.get_one(Package, there.package_id)
        services.start(
            there.customer, package, start=moment.today, price=there.price, trial_days=trial_days,
            waits_for=waits_for, description=f"{package.name}, second", by=moment.by("sales"),
        )  # fmt: skip
