"""Changing a service by oneself, in the portal: what staff's wizard does, as far as package and settings let the
customer go. Ending it is for own_endings.

`offers` says what can be chosen, `ask` writes it into a draft and `review` shows what it comes to: the same draft, the
same review and the same figures as in the panel (package_changes). `carry_out` does just that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import select

from models import (
    BillingError,
    ChangeState,
    ChangeTo,
    ChangeWhen,
    Customer,
    Direction,
    Invoice,
    InvoiceState,
    Package,
    PackageChange,
    PackagePrice,
    PaymentMethod,
    Service,
    ServiceStatus,
    SuspendedFor,
    db,
)

from . import change_undo, company, fx_prices, package_changes, package_moves
from .actor import Actor
from .change_prices import Wanted
from .change_review import Review
from .change_subject import wanted_of
from .change_terms import Terms
from .package_changes import PERMISSION
from .portal_rights import DECIDES, acting_for

NO, RENEWAL, NOW = "no", "renewal", "now"
ASKED = "asked_by"
"""Among the terms of a change that was asked for in the portal: the portal user's id. Gone once staff write it anew."""


class NotByOneself(BillingError):
    """The customer cannot do this alone; staff can."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A package that the service may become, or its own for other terms (`direction` is None then). `prices` are those
    of its billing periods, the one the service has now first."""

    package: Package
    direction: Direction | None
    prices: Sequence[PackagePrice]


def why_not(service: Service, *, by: Actor) -> str:
    """Why the customer cannot change this service alone today, in a sentence; empty if they can."""
    customer = service.customer
    if service.status == ServiceStatus.SUSPENDED and service.suspended_for == SuspendedFor.UNPAID:
        return "This service is switched off for what is not paid. Pay that first, or write to us for a smaller one."
    if service.status == ServiceStatus.SUSPENDED:
        return "This service is switched off just now. Write to us to change it."
    if service.status != ServiceStatus.ACTIVE:
        return "Only a service that runs can be changed. Write to us about this one."
    if service.free or customer.payment_method == PaymentMethod.FREE:
        return "This service is free of charge. Write to us to change it."
    if service.ends_on is not None:
        return "This service has an end already. Write to us to change it."
    if service.transfer_group_id is not None:
        return "This service is on its way to another account, so it cannot be changed now."
    if service.next_renewal_on < by.today:
        return "A bill of this service is being made. Come back when it is here."
    return ""


def waiting(service: Service) -> PackageChange | None:
    """The change that is put down or waits to be paid, if there is one."""
    open_ = PackageChange.state.in_((ChangeState.SCHEDULED, ChangeState.WAITING))
    return db.session.scalar(select(PackageChange).where(PackageChange.service_id == service.id, open_))


def overdue(customer: Customer, *, by: Actor) -> Invoice | None:
    """The oldest invoice whose day is over: it is paid before anything new is bought."""
    late = select(Invoice).where(
        Invoice.customer_id == customer.id, Invoice.state == InvoiceState.ISSUED, Invoice.open_minor > 0,
        Invoice.kind == "invoice", Invoice.due_on < by.today,
    )  # fmt: skip
    return db.session.scalars(late.order_by(Invoice.due_on, Invoice.id).limit(1)).first()


def offers(service: Service, *, by: Actor) -> list[Offer]:
    """What the customer may choose, its own package first, then the cheapest: empty where it is nothing."""
    if why_not(service, by=by):
        return []
    ways = _ways()
    found = []
    for target in package_changes.allowed(service):
        own = target.package.id == service.package_id
        prices = _prices(service, target.package)
        if not own and (target.why_not or target.direction not in ways or not prices):
            continue
        if not own and target.package.hidden and not _named(service.package, target.package):
            continue
        if own and not _own_terms(service, prices):
            continue
        found.append(Offer(target.package, target.direction, prices))
    return sorted(found, key=lambda one: (one.package.id != service.package_id, _a_month(one)))


def may_look(service: Service, *, by: Actor) -> bool:
    """Whether there may be something to choose, for a link: `offers` knows, and asks more for it."""
    if why_not(service, by=by):
        return False
    if service.package.change_to != ChangeTo.NONE and _ways():
        return True
    return _own_terms(service, _prices(service, service.package))


def ask(service: Service, wanted: Wanted, *, by: Actor) -> PackageChange:
    """A draft of what is wanted, for `review`. When it takes effect is for the settings, not for the customer.

    Raises NotByOneself, NotAllowed, and what `package_changes.write` raises. Flushes.
    """
    actor = _actor(service, by)
    if reason := why_not(service, by=by):
        raise NotByOneself(reason)
    wanted = replace(wanted, price=None, price_reason="", when=ChangeWhen.NOW, on=None)
    _check_offered(service, wanted, by)
    change = package_changes.write(package_changes.begin(service, by=actor), wanted, by=actor)
    shown = package_changes.review(change, by=actor)
    if _put_off(shown):
        package_changes.write(change, replace(wanted, when=ChangeWhen.RENEWAL), by=actor)
    change.terms = {**change.terms, ASKED: by.portal_user_id or 0}
    db.session.flush()
    return change


def asked_here(change: PackageChange) -> bool:
    """Whether a customer's own people wrote it: what staff write into a draft, such as an agreed price, is theirs."""
    return ASKED in change.terms


def review(change: PackageChange, *, nothing_late: bool = False, by: Actor) -> Review:
    """What the change comes to, with what stands against doing it by oneself among its refusals; `nothing_late`: the
    caller knows that no invoice is overdue. Only reads. Raises NotByOneself for one that staff wrote, NotAllowed."""
    _check_asked(change)
    shown = package_changes.review(change, by=_actor(change.service, by))
    return _judged(change, shown, by, nothing_late=nothing_late)


def carry_out(change: PackageChange, seen: str, *, by: Actor) -> PackageChange:
    """Do what the review with the fingerprint `seen` shows. Raises NotByOneself and what `package_changes.carry_out`
    raises; ChangedSince brings a review of here. Flushes."""
    actor = _actor(change.service, by)
    _check_asked(change)
    against = why_not(change.service, by=by) or _against(change, package_changes.review(change, by=actor), by)
    if against:
        raise NotByOneself(against)
    if change.state is ChangeState.DRAFT and change.to_package is not None:  # it may be closed since it was asked for
        _check_offered(change.service, wanted_of(change, change.to_package), by)
    try:
        return package_changes.carry_out(change, seen, by=actor)
    except package_changes.ChangedSince as moved:
        raise package_changes.ChangedSince(_judged(change, moved.review, by)) from None


def may_withdraw(change: PackageChange) -> bool:
    """Whether it is theirs to call off: they asked for it, it has not taken effect, and nothing was paid on it."""
    if change.state not in (ChangeState.SCHEDULED, ChangeState.WAITING):
        return False
    if change.invoice is not None and change.invoice.open_minor != change.invoice.total_minor:
        return False
    return asked_here(change)


def withdraw(change: PackageChange, *, by: Actor) -> None:
    """Call it off: the service stays as it is. Raises NotByOneself, WrongState, NotAllowed. Flushes."""
    actor = _actor(change.service, by)
    if not may_withdraw(change):
        raise NotByOneself("This change cannot be called off here. Write to us.")
    change_undo.let_go(change, reason="Withdrawn by the customer", by=actor)


def _check_asked(change: PackageChange) -> None:
    if not asked_here(change):
        raise NotByOneself("This change was begun by us. Write to us about it.")


def _actor(service: Service, by: Actor) -> Actor:
    return acting_for(service.customer, DECIDES, PERMISSION, by=by)


def _ways() -> set[Direction]:
    """The directions that are open to customers."""
    ways: set[Direction] = set()
    if company.value("portal_upgrades"):
        ways |= {Direction.UPGRADE, Direction.SIDEWAYS}
    if company.value("portal_downgrades") != NO:
        ways.add(Direction.DOWNGRADE)
    return ways


def _prices(service: Service, package: Package) -> list[PackagePrice]:
    """Those of its billing periods in the account's currency, else those each invoice converts: that of now first."""
    currency = service.customer.currency
    listed = [price for price in package.prices if price.currency == currency]
    listed = listed or fx_prices.elsewhere(package, currency)
    periodic = [price for price in listed if price.months or price.days]
    now = (service.months, service.days)
    if not company.value("portal_periods"):
        periodic = [price for price in periodic if (price.months, price.days) == now]
    return sorted(periodic, key=lambda price: ((price.months, price.days) != now, price.days, price.months))


def _named(package: Package, to: Package) -> bool:
    """Whether the one names the other, which opens it also where it is hidden from those who order."""
    return package.change_to == ChangeTo.CHOSEN and to.id in {row.to_id for row in package.targets}


def _a_month(offer: Offer) -> Fraction:
    """The least it costs a month."""
    return package_moves.a_month(offer.prices, offer.prices[0].currency) or Fraction(0)


def _own_terms(service: Service, prices: Sequence[PackagePrice]) -> bool:
    """Whether its own package has something else to choose: another period, or options."""
    others = any((price.months, price.days) != (service.months, service.days) for price in prices)
    return bool(prices) and (others or bool(service.package.options and _ways()))


def _check_offered(service: Service, wanted: Wanted, by: Actor) -> None:
    found = next((one for one in offers(service, by=by) if one.package.id == wanted.package_id), None)
    if found is None:
        raise NotByOneself("This package cannot be chosen here. Write to us.")
    if (wanted.months, wanted.days) not in {(price.months, price.days) for price in found.prices}:
        raise NotByOneself("Choose how often it is billed.")


def _put_off(shown: Review) -> bool:
    """Whether the settings put this off to the renewal: a downgrade of package or options, not another period."""
    down = shown.direction is Direction.DOWNGRADE and not _only_period(shown)
    return down and company.value("portal_downgrades") == RENEWAL


def _only_period(shown: Review) -> bool:
    before, after = shown.before, shown.after
    same = after is not None and after.package_id == before.package_id and _picked(after) == _picked(before)
    return after is not None and same and after.period != before.period


def _picked(terms: Terms) -> list[tuple[str, str, Decimal]]:
    """Its options, whatever they cost."""
    return sorted((option.name.casefold(), option.value, option.quantity) for option in terms.options)


def _judged(change: PackageChange, shown: Review, by: Actor, *, nothing_late: bool = False) -> Review:
    against = why_not(change.service, by=by) or _against(change, shown, by, nothing_late=nothing_late)
    if not against or against in shown.refusals:
        return shown
    return replace(shown, refusals=(*shown.refusals, against))


def _against(change: PackageChange, shown: Review, by: Actor, *, nothing_late: bool = False) -> str:
    """What the settings have against this very change, in a sentence."""
    if shown.after is None:
        return ""
    if not _only_period(shown) and shown.direction is not None and shown.direction not in _ways():
        return "This package cannot be chosen here. Write to us."
    if change.state is ChangeState.DRAFT and change.asked_for is ChangeWhen.NOW and _put_off(shown):
        return "A smaller package begins with the next renewal. Choose it once more, and you see the sums for that day."
    if shown.total.minor > 0 and not nothing_late and (late := overdue(change.service.customer, by=by)):
        return f"{late} is overdue. Pay it first, then change the package."
    return ""
