"""Changes of package: asked for, reviewed and carried out as reviewed; now, on a day, or once they are paid.

`begin` writes a draft, `write` says what is wanted, `review` shows what that does, `carry_out` does it if nothing has
changed since it was shown. Scheduled ones and those that wait to be paid are in change_due, undoing in change_undo.

Locks are taken in one order: the service, its change, documents by id, the number's series, the customer by its
posting. What takes a change back holds its documents before them, as payments do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from models import (
    BillingError,
    ChangeState,
    ChangeWhen,
    Direction,
    LineKind,
    Money,
    Package,
    PackageChange,
    PackageTarget,
    Service,
    db,
)
from models.faults import faultpoint
from models.writing import write_now

from . import (
    audit,
    change_documents,
    change_prices,
    change_reviewing,
    change_sending,
    change_service,
    change_swaps,
    change_terms,
    company,
    groups,
    package_moves,
)
from .actor import Actor
from .change_documents import Head, Made
from .change_figures import Outcome
from .change_prices import ChangeRefused, Wanted
from .change_review import Review, sums
from .change_reviewing import Reviewed
from .change_subject import Known
from .prices import check_day, check_period, check_price, in_account
from .texts import one_line

__all__ = [
    "ChangeRefused",
    "ChangedSince",
    "Known",
    "Review",
    "Target",
    "Wanted",
    "WrongState",
    "allowed",
    "begin",
    "carry_out",
    "review",
    "write",
]

PERMISSION = "services.edit"
"""All that is needed for an invoice: it is made by right of the change. A credit note needs its own right too, see
change_reviewing."""
DRAFT_DAYS = 14
"""So long a draft is kept that nobody goes on with."""


class WrongState(BillingError):
    """This change is not at that point, or not any more."""


class ChangedSince(BillingError):
    """Something is not as it was when the review was shown; `review` is how it is now."""

    def __init__(self, fresh: Review) -> None:
        super().__init__("Something has changed since this was shown. Look at the sums again, then confirm them.")
        self.review = fresh


@dataclass(frozen=True, slots=True)
class Target:
    """A package and whether the service may be changed to it: `why_not` is a sentence, empty if it may."""

    package: Package
    direction: Direction | None
    why_not: str = ""


def begin(service: Service, *, by: Actor) -> PackageChange:
    """A draft for changing this service: the newest one of this person that is still a draft, else a new one. It
    remembers the service as it is seen now. Raises NotAllowed. Flushes."""
    by.require(PERMISSION)
    mine = (
        PackageChange.service_id == service.id,
        PackageChange.state == ChangeState.DRAFT,
        PackageChange.made_by == by.name,
    )
    found = db.session.scalars(select(PackageChange).where(*mine).order_by(PackageChange.id.desc()).limit(1)).first()
    if found is None:
        found = PackageChange(
            customer_id=service.customer_id, service_id=service.id, made_by=by.name, made_at=by.at,
            currency=service.customer.currency, terms={}, sums={},
        )  # fmt: skip
        db.session.add(found)
    found.from_package_id, found.service_version = service.package_id, service.version
    found.expires_on = by.today + timedelta(days=DRAFT_DAYS)
    db.session.flush()
    return found


def write(change: PackageChange, wanted: Wanted, *, by: Actor) -> PackageChange:
    """Say what is wanted in place of what was said before. What stands against it is told by `review`. Raises
    WrongState, ChangeRefused, InvalidPrice, InvalidTerms, InvalidText, NotAllowed. Flushes."""
    by.require(PERMISSION)
    _check_draft(change)
    package = db.session.get(Package, wanted.package_id)
    if package is None:
        raise ChangeRefused("This package is not there any more. Choose another one.")
    if wanted.months or wanted.days:
        check_period(wanted.months, wanted.days)
    change.on = _day(wanted, by)
    change.to_package_id, change.asked_for = package.id, wanted.when
    change.terms = {**change_prices.plain(wanted), **change_sending.kept(change.terms)}
    price = in_account(change.customer, check_price(wanted.price)) if wanted.price is not None else None
    change.currency = change.customer.currency
    change.agreed_minor = price.minor if price is not None else None
    change.price_reason = one_line(wanted.price_reason, 200, "The reason", empty=True)
    change.expires_on = by.today + timedelta(days=DRAFT_DAYS)
    change.service_version = db.session.scalar(select(Service.version).where(Service.id == change.service_id)) or 0
    db.session.flush()
    return change


def _day(wanted: Wanted, by: Actor) -> date | None:
    if wanted.when is not ChangeWhen.ON:
        return None
    if wanted.on is None:
        raise ChangeRefused("Choose the day of the change.")
    return check_day(wanted.on, by.today, "The day of the change")


def review(change: PackageChange, *, by: Actor, known: Known | None = None) -> Review:
    """What the change does, with the sums shown; writes nothing. `known` saves reading taxes, discounts and packages
    again within one transaction, and in `carry_out` all the rest where nothing can have changed since. Raises
    NotAllowed."""
    if not by.may(PERMISSION):
        by.require("services.view")
    return change_reviewing.work_out(change, by=by, known=known).review


def carry_out(change: PackageChange, seen: str, *, by: Actor, known: Known | None = None) -> PackageChange:
    """Do what the review with the fingerprint `seen` shows: its document made and queued for mail, the service changed,
    or all of it put down for its day.

    Raises ChangedSince (with a fresh review) when anything is not as it was shown, WrongState when it was carried out
    already, ChangeRefused, NotIssuable, NotAllowed. Flushes.
    """
    by.require(PERMISSION)
    found = change_reviewing.work_out(change, by=by, known=known, lock=True)
    change = found.subject.change
    _check_draft(change)
    if found.review.fingerprint != seen:
        raise ChangedSince(found.review)
    if found.review.refusals:
        raise ChangeRefused(*found.review.refusals)
    if known:
        known.forget()
    try:
        return do(found, by=by)
    except IntegrityError:
        raise ChangeRefused(f"Another change of {found.subject.service} is waiting already.") from None


def do(found: Reviewed, *, by: Actor, by_run: bool = False, send: bool = True) -> PackageChange:
    """Write what a review says, whose subject is locked. Flushes."""
    with db.session.no_autoflush:  # the change is written once, with all that is known in the end
        return _do(found, by, by_run, send)


def _do(found: Reviewed, by: Actor, by_run: bool, send: bool) -> PackageChange:
    change, shown = found.subject.change, found.review
    if shown.outcome is Outcome.SCHEDULED:
        _decided(found, ChangeState.SCHEDULED, by)
        audit.record(by, "package_change.scheduled", change, after=_summary(shown))
        db.session.flush()
        return change
    assert shown.after is not None
    made = _made(found, by, by_run=by_run, send=send)
    document = made.document if made else None
    faultpoint("package_change.document")
    before, first = _kept(found), shown.begins or shown.on
    billed = shown.figures.sum_of(LineKind.SERVICE) if shown.figures else Money.zero(shown.currency)
    if shown.outcome is not Outcome.WAITING and before["new_period"]:
        pays = () if shown.replaces else shown.back  # what is withdrawn pays for nothing
        before["renewals"] = change_service.begin_period(
            found.subject.service, shown.after, first, document, billed, pays
        )  # fmt: skip
    elif shown.outcome is not Outcome.WAITING and shown.figures is not None:
        before["renewals"] = change_service.stop_at_end(found.subject.service, shown.after, first)
    if shown.replaces is not None:
        before["replaced"] = change_swaps.swap(made, shown.replaces, change, first, by=by)
    number = document.id if document else None
    kept = {"before": before, "after": change_terms.plain(shown.after), "invoice_id": number}
    if shown.outcome is Outcome.WAITING:
        assert made is not None and document is not None and document.due_on is not None
        change_documents.note_down(made)
        lapses = document.due_on + timedelta(days=int(company.value("change_lapses_after")))
        _decided(found, ChangeState.WAITING, by, **kept, expires_on=lapses)
        audit.record(by, "package_change.waits", change, after={**_summary(shown), "invoice": str(document)})
    else:
        _decided(found, ChangeState.DONE, by, **kept)
        _take_effect(found, made, by)
    if made is not None:
        change_documents.tell(made, by=by)
    if shown.replaces is not None:
        change_swaps.nothing_asked(shown.replaces, by=by)
    db.session.flush()
    faultpoint("package_change.done")
    return change


def _decided(found: Reviewed, state: ChangeState, by: Actor, **more: Any) -> None:
    """What is kept of the review that is carried out. Flushes."""
    shown = found.review
    values = {
        "state": state, "on": shown.on, "fingerprint": shown.fingerprint, "customer_id": found.subject.customer.id,
        "service_version": shown.service_version, "from_package_id": shown.before.package_id, "sums": sums(shown),
        "decided_by": by.name, "decided_at": by.at, "expires_on": None, "error": "", **more,
    }  # fmt: skip
    write_now(found.subject.change, values)


def _take_effect(found: Reviewed, made: Made | None, by: Actor) -> None:
    """The service runs what the review says from now on; its trace and the document's are written at once. Flushes."""
    shown, service = found.review, found.subject.service
    assert shown.after is not None
    change_service.stop_new_price(found.subject.new_price_id)
    change_service.give(service, shown.after)
    if made is None:
        change_service.record(service, shown.before, shown.after, shown.on, by)
        return
    traces, made.traces = made.traces, []
    change_service.record(service, shown.before, shown.after, shown.on, by, traces, document=str(made.document))


def _made(found: Reviewed, by: Actor, *, by_run: bool, send: bool) -> Made | None:
    """The document, if there is one."""
    shown, subject = found.review, found.subject
    if shown.figures is None or shown.makes is Outcome.RECORD:
        return None
    waits = shown.outcome is Outcome.WAITING
    head = Head(
        subject.customer, subject.service.billing_group, subject.payer, shown.on, shown.figures.prices_include_tax,
        by_run=by_run, last_due=_last_due(shown, waits=waits), send=send and change_sending.is_sent(subject.change),
        note=change_sending.note(subject.change),
        discount=shown.replaces.discount if shown.replaces else (None, ""),
    )  # fmt: skip
    worked = shown.replaces.worked if shown.replaces else shown.figures.worked
    if shown.makes is Outcome.CREDIT_NOTE:
        assert shown.plan is not None
        reason = f"{subject.service}: {subject.before.package} → {subject.package.name}"
        return change_documents.make_note(head, worked, shown.plan, reason=reason, by=by)
    return change_documents.make_invoice(head, worked, by=by)


def _last_due(shown: Review, *, waits: bool) -> date | None:
    """What a change waits for is due before the next renewal; what was asked for already does not wait longer."""
    before = shown.before.next_on - timedelta(days=1) if waits else None
    asked = shown.replaces.due_on if shown.replaces else None
    return min((day for day in (before, asked) if day), default=None)


def _kept(found: Reviewed) -> dict[str, Any]:
    """What is needed to take it back: the terms of before, and what else is changed with them."""
    shown = found.review
    begins = shown.new_period and not found.subject.unbilled(shown.begins or shown.on)
    return {
        **change_terms.plain(shown.before),
        "new_price_id": found.subject.new_price_id,
        "new_period": begins,
        "begins": (shown.begins or shown.on).isoformat(),
    }


def _summary(shown: Review) -> dict[str, Any]:
    assert shown.after is not None
    return {
        "from": shown.before.package,
        "to": shown.after.package,
        "on": shown.on.isoformat(),
        "total_minor": shown.total.minor,
        "currency": shown.currency,
    }


def _check_draft(change: PackageChange) -> None:
    if change.state is not ChangeState.DRAFT:
        words = {
            ChangeState.SCHEDULED: f"is put down for {change.on} already",
            ChangeState.WAITING: "waits for its invoice to be paid",
            ChangeState.DONE: "was carried out already",
        }.get(change.state, f"was {change.state.value}")
        raise WrongState(f"This change {words}. Begin a new one.")


def allowed(service: Service) -> list[Target]:
    """All packages on sale by name, the service's own first (for another period, price or option of it): which of them
    it may be changed to, whether that goes up or down, and why the others are not open to it."""
    own, currency = service.package, service.customer.currency
    on_sale = select(Package).where(or_(~Package.archived, Package.id == own.id))
    rows = db.session.scalars(
        on_sale.options(selectinload(Package.prices)).order_by(Package.name).limit(package_moves.MOST_TARGETS)
    )
    chosen = {row.to_id: row for row in own.targets}
    open_ = groups.packages_of(service.customer.group) if service.customer.group else set()
    found = [_target(own, package, chosen, open_, currency) for package in rows]
    return sorted(found, key=lambda one: (one.package.id != own.id, bool(one.why_not)))


def _target(own: Package, package: Package, chosen: dict[int, PackageTarget], open_: set[int], currency: str) -> Target:
    if package.id == own.id:
        return Target(package, None)
    named = chosen.get(package.id)
    way = (named.direction if named else None) or package_moves.direction(own, package, currency)
    why_not = ""
    if not package_moves.may_change(own, package):
        why_not = f"{own.name} may not be changed to it: see Changes on the page of {own.name}."
    elif open_ and package.id not in open_:
        why_not = "The customer's group may not have it."
    elif not any(price.months or price.days for price in package.prices):
        why_not = "It has no price for a billing period."
    return Target(package, way, why_not)
