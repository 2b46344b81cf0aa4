"""The same change of package for many services: frozen, looked at one by one, decided, carried out one by one.

Looking keeps what it found and nothing else: each change is begun, reviewed and taken back within a savepoint. Carrying
out is one transaction for each service, with its result; a process that dies leaves whole services, done or not, and
the next one goes on. A service that is not as it was looked at is left, and told.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import joinedload

from models import (
    BillingError,
    ChangeWhen,
    MassChange,
    MassChangeRow,
    MassRowState,
    MassState,
    Package,
    Service,
    ServiceStatus,
    db,
)
from models.bulk import insert_rows, rows_changed
from models.faults import faultpoint
from models.mass_change import GOING

from . import audit, change_terms, package_changes
from .actor import Actor
from .change_prices import Wanted
from .change_review import Review, sums
from .change_subject import Known
from .document_lines import line_values
from .endings import CREDIT_PERMISSION
from .money import round_half_away
from .prices import check_day, check_period

LEASE = "mass_changes"
"""The lease of whoever looks or carries out just now."""
AT_ONCE = 30
"""Up to so many services are looked at while the person waits."""
MOST = 100_000
MOST_REASON = 400
PERMISSION = package_changes.PERMISSION
_TEXTS = ("reason", "outcome", "currency", "fingerprint", "old_currency", "new_currency")
_NUMBERS = ("due_minor", "old_minor", "old_months", "old_days", "new_minor", "new_months", "new_days")

log = logging.getLogger(__name__)


class InvalidMassChange(BillingError):
    """Many services cannot be changed like that. `field` is where it was asked for."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NotAsShown(BillingError):
    """What would be changed is not what was shown."""


class Stopped(BillingError):
    """Somebody stopped it, or somebody else has done this service."""


@dataclass(frozen=True, slots=True)
class MassWanted:
    """To which package; the billing period (months, days), or None to keep each service's own; from when on."""

    package_id: int
    span: tuple[int, int] | None = None
    when: ChangeWhen = ChangeWhen.NOW
    on: date | None = None

    def plain(self) -> dict[str, Any]:
        """As the row keeps it."""
        on = self.on.isoformat() if self.on else None
        return {"span": list(self.span) if self.span else None, "when": self.when.value, "on": on}

    def of_one(self) -> Wanted:
        """The same for one service: options of the same name stay."""
        months, days = self.span or (0, 0)
        return Wanted(self.package_id, months, days, None, self.when, self.on)


def wanted_of(mass: MassChange) -> MassWanted:
    """What was asked for."""
    kept = mass.wanted
    on = date.fromisoformat(kept["on"]) if kept["on"] else None
    return MassWanted(mass.package_id, tuple(kept["span"]) if kept["span"] else None, ChangeWhen(kept["when"]), on)


def running_of(package_id: int) -> Any:
    """A select of the ids of a package's services that have not ended."""
    return select(Service.id).where(Service.package_id == package_id, Service.status != ServiceStatus.CANCELLED)


def counts() -> dict[int, int]:
    """How many services that have not ended each package has; those with none are left out."""
    rows = select(Service.package_id, func.count()).where(Service.status != ServiceStatus.CANCELLED)
    return {number: count for number, count in db.session.execute(rows.group_by(Service.package_id))}  # noqa: C416


def begin(
    ids: Iterable[int], wanted: MassWanted, *, narrowed: str = "", rest_of: MassChange | None = None, by: Actor
) -> MassChange:
    """Freeze which services are to be changed and to what. Nothing is done; `look` says what it would do.

    `narrowed` is the address of the list they come from. Raises InvalidMassChange, InvalidTerms, NotAllowed.
    """
    by.require(PERMISSION)
    chosen = sorted(set(ids))
    package = _check(chosen, wanted, by)
    mass = MassChange(
        package_id=wanted.package_id, wanted=wanted.plain(), narrowed=narrowed[:1000], total=len(chosen),
        asked_by=by.name, staff_id=by.staff_id, address=by.address, asked_at=by.at,
        rest_of_id=rest_of.id if rest_of else None,
    )  # fmt: skip
    db.session.add(mass)
    db.session.flush()
    waiting = MassRowState.WAITING.value
    empty = [""] * len(_TEXTS) + [0] * len(_NUMBERS)
    rows = [(mass.id, one, waiting, *empty) for one in chosen]
    columns = "mass_change_id", "service_id", "state", *_TEXTS, *_NUMBERS
    insert_rows(db.session, MassChangeRow.__table__, columns, rows)
    audit.record(by, "mass_change.asked_for", mass, after={"package": package.name, "services": len(chosen)})
    db.session.flush()
    return mass


def _check(chosen: Sequence[int], wanted: MassWanted, by: Actor) -> Package:
    if not chosen:
        raise InvalidMassChange("There is no service left to do this with.")
    if len(chosen) > MOST:
        raise InvalidMassChange(f"{len(chosen):,} services are more than one go may change ({MOST:,}). Narrow it.")
    package = db.session.get(Package, wanted.package_id)
    if package is None or package.archived:
        raise InvalidMassChange("Choose a package that is sold.", "package")
    if wanted.span is not None:
        check_period(*wanted.span)
    if wanted.when is ChangeWhen.ON:
        if wanted.on is None:
            raise InvalidMassChange("Choose the day it begins.", "on")
        if check_day(wanted.on, by.today, "The day") < by.today:
            raise InvalidMassChange(f"Choose today ({by.today}) or a later day.", "on")
    return package


# Looking


def look(mass_id: int, limit: int, *, by: Actor) -> int:
    """Look at up to `limit` services that wait: what it would do to each. How many it were; with the last of them the
    whole is READY. The caller commits. Raises NotAllowed, Stopped."""
    by.require(PERMISSION)
    mass = locked(mass_id, MassState.LOOKING)
    wanted, known = wanted_of(mass).of_one(), Known.load()
    waiting = MassChangeRow.mass_change_id == mass_id, MassChangeRow.state == MassRowState.WAITING
    rows = select(MassChangeRow).where(*waiting).order_by(MassChangeRow.id).limit(limit)
    found = db.session.scalars(rows.options(joinedload(MassChangeRow.service))).all()
    for row in found:
        for name, value in _looked_at(row.service, wanted, known, by).items():
            setattr(row, name, value)
    mass.done, mass.tries = mass.done + len(found), 0
    db.session.flush()
    if len(found) < limit:
        mass.state, mass.to_do = MassState.READY, count(mass_id, MassRowState.CAN)
        db.session.flush()
    return len(found)


def _looked_at(service: Service, wanted: Wanted, known: Known, by: Actor) -> dict[str, Any]:
    """What it finds is kept, what it tried is not."""
    tried = db.session.begin_nested()
    try:
        return _found(_reviewed(service, wanted, known, by)[1])
    except OperationalError:
        raise
    except BillingError as refusal:
        return {"state": MassRowState.CANNOT, "reason": str(refusal)[:MOST_REASON]}
    except Exception as error:
        log.exception("looking at service %s broke off", service.id)
        return {"state": MassRowState.CANNOT, "reason": broken(error)}
    finally:
        tried.rollback()


def _reviewed(service: Service, wanted: Wanted, known: Known, by: Actor) -> tuple[Any, Review]:
    change = package_changes.begin(service, by=by)
    package_changes.write(change, wanted, by=by)
    return change, package_changes.review(change, by=by, known=known)


def _found(review: Review) -> dict[str, Any]:
    if review.refusals or review.after is None:
        return {"state": MassRowState.CANNOT, "reason": " ".join(review.refusals)[:MOST_REASON]}
    before, after = review.before, review.after
    return {
        "state": MassRowState.CAN, "outcome": review.outcome.value, "currency": review.currency,
        "due_minor": review.total.minor, "old_currency": before.price.currency, "new_currency": after.price.currency,
        "old_minor": round_half_away(before.full_price), "old_months": before.months, "old_days": before.days,
        "new_minor": round_half_away(after.full_price), "new_months": after.months, "new_days": after.days,
        "reason": " ".join(review.reasons)[:MOST_REASON], "fingerprint": fingerprint(review),
    }  # fmt: skip


def fingerprint(review: Review) -> str:
    """Of all that a review says of a service, whichever draft it was made for."""
    after = change_terms.plain(review.after) if review.after else None
    lines = [line_values(line) for line in review.lines]
    told = [sums(review), change_terms.plain(review.before), after, lines, review.reasons]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


# Carrying out


def start(mass: MassChange, *, seen: int, by: Actor) -> MassChange:
    """Let it be carried out for the `seen` services that can be changed, as they were shown. Raises NotAsShown,
    InvalidMassChange, NotAllowed. Flushes."""
    by.require(PERMISSION)
    mass = fresh(mass.id)
    if mass.state is not MassState.READY:
        raise InvalidMassChange("This was started or called off already.")
    if seen != mass.to_do:
        raise NotAsShown("The number of services is not what you saw. Nothing was done; look again.")
    if not mass.to_do:
        raise InvalidMassChange("None of these services can be changed like that.")
    _check_rights(mass, by)
    mass.state, mass.done, mass.tries, mass.started_at = MassState.RUNNING, 0, 0, by.at
    audit.record(by, "mass_change.started", mass, after={"package": mass.package.name, "services": mass.to_do})
    db.session.flush()
    return mass


def _check_rights(mass: MassChange, by: Actor) -> None:
    """Whoever starts it answers for it, also where somebody else has looked."""
    back = select(MassChangeRow.id).where(MassChangeRow.mass_change_id == mass.id, MassChangeRow.due_minor < 0)
    if not by.may(CREDIT_PERMISSION) and db.session.scalar(back.limit(1)):
        raise InvalidMassChange(
            "Your role does not allow credit notes, and some of these changes make one. Ask somebody who may."
        )


def do_next(mass_id: int, *, by: Actor, known: Known | None = None) -> bool:
    """Change the next service; False once none is left, and the whole is FINISHED. The caller commits: one transaction
    for each service, its result and the progress. Raises NotAllowed, Stopped."""
    by.require(PERMISSION)
    mass = locked(mass_id, MassState.RUNNING)
    waiting = MassChangeRow.mass_change_id == mass_id, MassChangeRow.state == MassRowState.CAN
    row = db.session.scalars(select(MassChangeRow).where(*waiting).order_by(MassChangeRow.id).limit(1)).first()
    if row is None:
        finish(mass, by=by)
        return False
    state, reason, change_id = _changed(row, wanted_of(mass).of_one(), known or Known.load(), by)
    faultpoint("mass_change.changed")
    row.state, row.reason, row.package_change_id = state, reason[:MOST_REASON], change_id
    mass.done, mass.tries = mass.done + 1, 0
    db.session.flush()
    faultpoint("mass_change.kept")
    return True


def _changed(row: MassChangeRow, wanted: Wanted, known: Known, by: Actor) -> tuple[MassRowState, str, int | None]:
    try:
        with db.session.begin_nested():
            change, review = _reviewed(row.service, wanted, known, by)
            if fingerprint(review) != row.fingerprint:
                raise NotAsShown("It is not as it was when it was looked at, and was left as it is.")
            change = package_changes.carry_out(change, review.fingerprint, by=by, known=known)
            return MassRowState.DONE, row.reason, change.id
    except OperationalError:
        raise
    except BillingError as refusal:
        return MassRowState.REFUSED, str(refusal), None
    except Exception as error:
        log.exception("changing service %s broke off", row.service_id)
        return MassRowState.FAILED, broken(error), None


def broken(error: Exception) -> str:
    return f"This went wrong and is in the log: {type(error).__name__}."


def finish(mass: MassChange, *, error: str = "", by: Actor) -> None:
    """It is over, well or with what ended it. Flushes."""
    done = MassState.UNDONE if mass.state is MassState.UNDOING else MassState.FINISHED
    mass.state = MassState.FAILED if error else done
    mass.error, mass.finished_at = error[:500], by.at
    db.session.flush()


def stop(mass: MassChange, *, by: Actor) -> bool:
    """Let it end after the service it is at; what is done is kept. False if it was over. Raises NotAllowed."""
    by.require(PERMISSION)
    going = MassChange.id == mass.id, MassChange.state.in_(GOING)
    values = {"state": MassState.STOPPED, "finished_at": by.at, "error": f"Stopped by {by.name}."[:500]}
    stopped = update(MassChange).where(*going).values(values).execution_options(synchronize_session=False)
    if rows_changed(db.session.execute(stopped)) != 1:
        return False
    db.session.refresh(mass)
    audit.record(by, "mass_change.stopped", mass, after={"done": mass.done, "services": mass.to_do or mass.total})
    db.session.flush()
    return True


def discard(mass: MassChange, *, by: Actor) -> None:
    """Call off what was only looked at. Raises InvalidMassChange, NotAllowed. Flushes."""
    by.require(PERMISSION)
    mass = fresh(mass.id)
    if mass.state is not MassState.READY:
        raise InvalidMassChange("This was started or called off already.")
    mass.state, mass.finished_at = MassState.DISCARDED, by.at
    audit.record(by, "mass_change.discarded", mass)
    db.session.flush()


def again(mass: MassChange, *, by: Actor) -> MassChange:
    """The same for those that were refused or failed, and those it never came to; looked at anew first. Raises
    InvalidMassChange, NotAllowed."""
    by.require(PERMISSION)
    if mass.state not in (MassState.FINISHED, MassState.STOPPED, MassState.FAILED):
        raise InvalidMassChange("It is not over yet.")
    left = select(MassChangeRow.service_id).where(MassChangeRow.mass_change_id == mass.id, _left())
    ids = list(db.session.scalars(left))
    try:
        with db.session.begin_nested():
            return begin(ids, wanted_of(mass), narrowed=mass.narrowed, rest_of=mass, by=by)
    except IntegrityError:
        raise InvalidMassChange("The rest was begun again already.") from None


def rest_count(mass: MassChange) -> int:
    """How many services `again` would be about; nothing while it goes on, or once it was asked for."""
    over = mass.state in (MassState.FINISHED, MassState.STOPPED, MassState.FAILED)
    if not over or db.session.scalar(select(MassChange.id).where(MassChange.rest_of_id == mass.id)):
        return 0
    wanted = select(func.count()).where(MassChangeRow.mass_change_id == mass.id, _left())
    return db.session.scalar(wanted) or 0


def _left() -> Any:
    return MassChangeRow.state.in_((MassRowState.REFUSED, MassRowState.FAILED, MassRowState.CAN, MassRowState.WAITING))


def next_to_do() -> MassChange | None:
    """The oldest one that is looked at, carried out or taken back."""
    return db.session.scalars(
        select(MassChange).where(MassChange.state.in_(GOING)).order_by(MassChange.id).limit(1)
    ).first()


def count(mass_id: int, state: MassRowState) -> int:
    mine = MassChangeRow.mass_change_id == mass_id, MassChangeRow.state == state
    return db.session.scalar(select(func.count()).select_from(MassChangeRow).where(*mine)) or 0


def fresh(mass_id: int) -> MassChange:
    wanted = select(MassChange).where(MassChange.id == mass_id).with_for_update()
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one()


def locked(mass_id: int, state: MassState) -> MassChange:
    """It, as long as it is in that state. Raises Stopped."""
    mass = fresh(mass_id)
    if mass.state is not state:
        raise Stopped("It was stopped.")
    return mass
