"""Packages that were changed in the demo company: up, down, up and back, one at its renewal, many to decide on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from sqlalchemy import select

from billing import change_undo, mass_changes, package_changes
from billing.mass_changes import MassWanted
from billing.package_changes import Wanted
from models import (
    ChangeState,
    ChangeWhen,
    Customer,
    CustomerStatus,
    Package,
    PackageChange,
    Service,
    ServiceStatus,
    db,
)

from .diary import Deed, Diary, Moment

Then = Callable[[PackageChange, Moment], None]


def plan(diary: Diary, last: date) -> None:
    """Write it down for the weeks up to `last`, the day the story ends on."""
    diary.plan(last - timedelta(days=47), _change("Hosting M", "Hosting L"))
    diary.plan(last - timedelta(days=26), _change("Fibre 1000", "Fibre 300"))
    diary.plan(last - timedelta(days=8), _change("Fibre 100", "Fibre 1000", then=_take_back))
    diary.plan(last - timedelta(days=6), _change("Fibre 300", "Fibre 100", ChangeWhen.RENEWAL))
    diary.plan(last - timedelta(days=5), _begin)
    diary.plan(last - timedelta(days=4), _look_at_many)


def _change(old: str, new: str, when: ChangeWhen = ChangeWhen.NOW, *, then: Then | None = None) -> Deed:
    def deed(moment: Moment) -> None:
        found, to, by = _running(old), _named(new), moment.by("billing")
        if found is None or to is None:
            return
        change = package_changes.begin(found, by=by)
        package_changes.write(change, Wanted(to.id, when=when), by=by)
        review = package_changes.review(change, by=by)
        if not review.refusals:
            change = package_changes.carry_out(change, review.fingerprint, by=by)
            if then is not None:
                then(change, moment)

    return deed


def _take_back(change: PackageChange, moment: Moment) -> None:
    """A slip of the finger."""
    if change.state is ChangeState.DONE and not change_undo.why_not(change, by=moment.by("owner")):
        change_undo.undo(change, by=moment.by("owner"))


def _begin(moment: Moment) -> None:
    """A draft that nobody has gone on with."""
    found, by = _running("Fibre 300 Business"), moment.by("sales")
    to = _named("Fibre 1000 Business")
    if found is not None and to is not None:
        change = package_changes.begin(found, by=by)
        package_changes.write(change, Wanted(to.id), by=by)


def _look_at_many(moment: Moment) -> None:
    """Everybody on the small hosting package to the next one; looked at, not decided."""
    old, new, by = _named("Hosting S"), _named("Hosting M"), moment.by("owner")
    ids = list(db.session.scalars(mass_changes.running_of(old.id))) if old else []
    if new is None or not ids:
        return
    mass = mass_changes.begin(ids, MassWanted(new.id, when=ChangeWhen.RENEWAL), by=by)
    mass_changes.look(mass.id, len(ids) + 1, by=by)


def _named(name: str) -> Package | None:
    return db.session.scalars(select(Package).where(Package.name == name)).one_or_none()


def _running(package: str) -> Service | None:
    """The newest service of that package that has been billed and that nothing else happens to."""
    busy = select(PackageChange.id).where(PackageChange.service_id == Service.id)
    found = (
        select(Service)
        .join(Customer, Customer.id == Service.customer_id)
        .join(Package, Package.id == Service.package_id)
        .where(
            Package.name == package, Customer.status == CustomerStatus.ACTIVE,
            Service.status == ServiceStatus.ACTIVE, Service.next_renewal_on > Service.billed_from,
            Service.ends_on.is_(None), Service.months == 1, Service.paused_from.is_(None), Service.free.is_(False),
            ~busy.exists(),
        )
        .order_by(Service.id.desc())
        .limit(1)
    )  # fmt: skip
    return db.session.scalars(found).first()
