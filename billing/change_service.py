"""Giving a service its new terms, and the periods that were billed for the old ones their new ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import BigInteger, Date, bindparam, delete, select, update

from models import (
    BillingGroup,
    Invoice,
    Money,
    NewPrice,
    NewPriceState,
    Renewal,
    Service,
    ServiceOption,
    db,
)
from models.bulk import Row, insert_rows
from models.exact import divide_half_away
from models.faults import faultpoint
from models.objects import prepared_objects
from models.prepared import prepared
from models.types import MinorUnits
from models.writing import write_now

from . import change_terms, paid_days, service_changes
from .actor import Actor
from .change_terms import Terms
from .periods import BillingPeriod
from .prices import period_words
from .unused import Unused

_COLUMNS = "package_id", "description", "months", "days", "anchor_day", "anchor_month", "anchored_on"


def give(service: Service, terms: Terms) -> None:
    """The service is as the terms say from now on. Flushes."""
    values = {name: getattr(terms, name) for name in _COLUMNS}
    values |= {"currency": terms.price.currency, "price_minor": terms.price.minor}
    write_now(service, {**values, "setup_fee_minor": terms.setup_fee.minor, "next_renewal_on": terms.next_on})
    _give_options(service, terms)
    db.session.expire(service, ["package"])
    _remember_usual(service, terms)


def _give_options(service: Service, terms: Terms) -> None:
    there = [(o.option_id, o.name, o.value, o.quantity, o.price) for o in service.options]
    if there == [(o.option_id, o.name, o.value, o.quantity, o.price) for o in terms.options]:
        return
    db.session.execute(delete(ServiceOption).where(ServiceOption.service_id == service.id))
    db.session.expire(service, ["options"])
    db.session.add_all(
        [
            ServiceOption(
                service_id=service.id, option_id=one.option_id, name=one.name, value=one.value, quantity=one.quantity,
                currency=one.price.currency, price_minor=one.price.minor,
            )
            for one in terms.options
        ]
    )  # fmt: skip


def _remember_usual(service: Service, terms: Terms) -> None:
    """A bill that is larger because somebody wanted it is not absurd (renewals.safety)."""
    group = service.billing_group
    full = Fraction(terms.full_price)
    whole = divide_half_away(full.numerator, full.denominator)
    if group.usual_minor is not None and group.usual_minor < whole:
        _higher(its_id=group.id, usual=whole)
        db.session.expire(group, ["usual_minor"])


@prepared
def _higher() -> Any:
    groups: Any = BillingGroup.__table__
    higher = groups.c.id == bindparam("its_id"), groups.c.usual_minor < bindparam("usual", type_=MinorUnits)
    return update(groups).where(*higher).values(usual_minor=bindparam("usual", type_=MinorUnits))


def begin_period(
    service: Service, after: Terms, day: date, document: Invoice | None, billed: Money, back: Sequence[Unused] = ()
) -> dict[str, Any]:
    """The periods billed for days from `day` on are over, and the first new one is `billed` by the document; without
    one it is paid by what is left of theirs (`back`). What was done, so that it can be undone."""
    rest, paying = [], _now_paying(service, day)
    for renewal in paying:
        begins, ends = max(renewal.period_start, day), renewal.cut_on or renewal.period_end
        worth = sum(one.amount.minor for one in back if begins <= one.period.start < ends)
        rest.append(Rest(renewal, (ends - begins).days, worth))
    cut, void = _cut(paying, day)
    done: dict[str, Any] = {"cut": cut, "void": void, "rhythm_from": _anew(service, day)}
    period = change_terms.pieces(after, day)[0][0]
    if document is None and (carried := _carried(rest, period)):
        for renewal in (one for one in paying if one.void):  # all of its days lie elsewhere now
            cut.append([renewal.id, renewal.cut_on.isoformat() if renewal.cut_on else None])
            write_now(renewal, {"cut_on": renewal.period_start})
        db.session.add_all(carried)
        db.session.flush()
        return {**done, "made": [row.period_start.isoformat() for row in carried]}
    made = {
        "service_id": service.id, "billing_group_id": service.billing_group_id, "period_start": period.start,
        "period_end": period.end, "invoice_id": document.id if document else None, "currency": billed.currency,
        "amount_minor": billed.minor if document else 0, "void": False,
    }  # fmt: skip
    insert_rows(db.session, Renewal.__table__, list(made), [list(made.values())])
    return {**done, "made": [period.start.isoformat()]}


def stop_at_end(service: Service, after: Terms, day: date) -> dict[str, Any] | None:
    """The days from `day` on were charged anew, but none from the end on that is to come: what was billed goes up to
    there, so that without that end bills go on from it. What was done, as `begin_period` tells it; None without such an
    end. Days that are carried are the last of a renewal: those that stay are one of their own."""
    last = after.ends_on
    if last is None or last >= after.next_on:
        return None
    beyond = [one for one in _now_paying(service, day) if last < (one.cut_on or one.period_end)]
    begins = [max(one.period_start, day) for one in beyond]
    done: dict[str, Any] = {"cut": [], "void": [], "made": []}
    stay = []
    for renewal, first in zip(beyond, begins, strict=True):
        if first < last:
            stay.append(paid_days.carrying(renewal, (last - first).days, first, last))
            stay[-1].invoice_id = None  # its lines are for other days
            done["made"].append(first.isoformat())
        done["cut"].append([renewal.id, renewal.cut_on.isoformat() if renewal.cut_on else None])
        if first == renewal.period_start:
            done["void"].append(renewal.id)
        write_now(renewal, {"cut_on": first, "void": first == renewal.period_start})
    db.session.add_all(stay)
    db.session.flush()
    return done


def _now_paying(service: Service, day: date) -> list[Renewal]:
    return [renewal for (renewal,) in _paying(service=service.id, day=day)]


def _cut(renewals: Sequence[Renewal], day: date) -> tuple[list[list[Any]], list[int]]:
    """None of them pays for days from `day` on: (what was cut and where it was cut before, what is void now)."""
    cut, void = [], []
    for renewal in renewals:
        if renewal.period_start < day:
            cut.append([renewal.id, renewal.cut_on.isoformat() if renewal.cut_on else None])
            write_now(renewal, {"cut_on": day})
        else:
            void.append(renewal.id)
            write_now(renewal, {"void": True})
    return cut, void


def _anew(service: Service, day: date) -> str | None:
    """Bills go on from the first day of the new period now, not from the later one that a pause had moved them to."""
    was = service.rhythm_from
    if was is None or was <= day:
        return None
    write_now(service, {"rhythm_from": None})
    return was.isoformat()


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a renewal: so many days, `worth` that much in minor units."""

    renewal: Renewal
    days: int
    worth: int


def _carried(rest: Sequence[Rest], period: BillingPeriod) -> list[Renewal]:
    """Renewals that pay for a period with what is left of others: each for the part of it that is worth as much, a day
    at least. Those that are worth nothing, or find no day, pay for none."""
    paying = [one for one in rest if one.worth > 0][: period.days]
    whole, worth, found, first = sum(one.worth for one in paying), 0, [], period.start
    for number, one in enumerate(paying, 1):
        worth += one.worth
        share = divide_half_away(period.days * worth, whole)
        latest = period.end - timedelta(days=len(paying) - number)
        last = min(max(period.start + timedelta(days=share), first + timedelta(days=1)), latest)
        found.append(paid_days.carrying(one.renewal, one.days, first, last))
        found[-1].invoice_id = None  # its lines are for other days
        first = last
    return found


@prepared_objects
def _paying() -> Any:
    """The renewals of a service that pay for days from `day` on."""
    mine = Renewal.service_id == bindparam("service", type_=BigInteger), ~Renewal.void
    wanted = select(Renewal).where(*mine, bindparam("day", type_=Date) < paid_days.ENDS)
    return wanted.order_by(Renewal.id)


def end_period(service: Service, done: dict[str, Any]) -> None:
    """Undo `begin_period`."""
    made_on = [done["made"]] if isinstance(done["made"], str) else done["made"]
    begun = Renewal.period_start.in_([date.fromisoformat(one) for one in made_on])
    for made in db.session.scalars(select(Renewal).where(Renewal.service_id == service.id, ~Renewal.void, begun)):
        made.void = True
    db.session.flush()
    for renewal_id, before in done["cut"]:
        db.session.get_one(Renewal, renewal_id).cut_on = date.fromisoformat(before) if before else None
    for renewal_id in done["void"]:
        db.session.get_one(Renewal, renewal_id).void = False
    if was := done.get("rhythm_from"):
        service.rhythm_from = date.fromisoformat(was)
    db.session.flush()


def stop_new_price(new_price_id: int | None) -> None:
    """A price that waited for the old package does not come any more."""
    if new_price_id is not None:
        _set_price(new_price_id, NewPriceState.WAITING, NewPriceState.UNDONE)


def wake_new_price(new_price_id: int | None) -> None:
    """It comes after all, as the change was undone."""
    if new_price_id is not None:
        _set_price(new_price_id, NewPriceState.UNDONE, NewPriceState.WAITING)


def _set_price(new_price_id: int, was: NewPriceState, becomes: NewPriceState) -> None:
    change = update(NewPrice).where(NewPrice.id == new_price_id, NewPrice.state == was).values(state=becomes)
    db.session.execute(change.execution_options(synchronize_session=False))


def record(
    service: Service, before: Terms, after: Terms, on: date, by: Actor, traces: Sequence[Row] = (), **more: Any
) -> None:
    """The history of the service, the trace (behind the `traces` of what else was done), and word to those who listen.
    Flushes."""
    was, now = _said(before), _said(after)
    moved = {name for name in now if was[name] != now[name]}
    changed = [name for name in now if name in moved or (name == "currency" and "price_minor" in moved)]
    sides = ({name: side[name] for name in changed} for side in (was, now))
    first, second = sides
    faultpoint("package_change.service")
    service_changes.record(service, on, "change", "service.package_changed", first, {**second, **more}, by, traces)


def _said(terms: Terms) -> dict[str, Any]:
    return {
        "package": terms.package,
        "package_id": terms.package_id,
        "description": terms.description,
        "price_minor": terms.price.minor,
        "currency": terms.price.currency,
        "period": period_words(*terms.period),
        "next_renewal_on": terms.next_on.isoformat(),
        "options": ", ".join(f"{o.words} × {o.quantity.normalize():f}" for o in terms.options),
    }
