"""The last bill of what ends: all days up to the end that no bill has come for, on one bill for each billing group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from billing.actor import Actor
from billing.document_lines import taxed
from models import BillingError, Charge, NewPrice, NewPriceState, Service, UnitState, db
from models.bulk import among, update_rows

from . import due
from .bill import Bill, period_from
from .build import Tables, add_lines, sum_up, use_credit
from .keep import keep
from .prepaid import LEFT, draw


@dataclass(frozen=True, slots=True)
class Last:
    """What a last bill is about: services and charges by id, each with the first day that is not billed any more. With
    `prepaid` the groups' prepayments are taken off; `rests_go_back`: what is left of them waits for no further bill."""

    services: dict[int, date]
    charges: dict[int, date]
    prepaid: bool = True
    rests_go_back: bool = False


class _Piece(SimpleNamespace):
    """A service or charge as it is for one of its periods."""

    def __str__(self) -> str:
        return str(self.description)


def build_last(last: Last, on: date, tables: Tables, *, lock: bool = True) -> list[Bill]:
    """The bills, dated `on`, in the order of their groups; a bill over nothing is left out where nothing moves on.

    One that cannot be made comes back with state PARKED and the reason. Credit in hand is not used yet: `use_credit`.
    Without `lock` nothing is held: they are only to be looked at.
    """
    services = _by_group(_service_pieces(last.services))
    charges = _by_group(_charge_pieces(last.charges, lock))
    groups = sorted({*services, *charges})
    if not groups:
        return []
    day = on + timedelta(days=tables.company.issue_days_ahead)
    prepaid = _by_group(due.prepayments(groups, day, lock=lock)) if last.prepaid else {}
    accounts = due.accounts(groups)
    payers = due.payers(sorted({account.payer_id for account in accounts} - {None}))
    discounts = tables.discounts.of(list({account.customer_id for account in accounts}))
    bills = []
    for account in accounts:
        bill = Bill(account, day, payers.get(account.payer_id), asked_for=True)
        group = account.group_id
        try:
            for start, pieces in _by(services.get(group, ()), "next_renewal_on").items():
                options = _by(due.options([piece.id for piece in pieces], start), "service_id")
                add_lines(bill, pieces, (), options, tables, discounts)
            add_lines(bill, (), charges.get(group, ()), {}, tables, discounts)
            left = "left, given back" if last.rests_go_back else LEFT
            draw(bill, prepaid.get(group, ()), _tax_for(bill, tables), left)
            sum_up(bill, tables)
        except BillingError as error:
            bill.state, bill.reason = UnitState.PARKED, str(error)
        bills.append(bill)
    return bills


def keep_last(
    bills: Sequence[Bill], last: Last, on: date, tables: Tables, *, send: bool = True, by: Actor
) -> list[int]:
    """Use credit in hand and write the bills down, as a run does; `bills` are those of `build_last` with a lock. The
    ids of the documents."""
    day = on + timedelta(days=tables.company.issue_days_ahead)
    for bill in bills:
        assert bill.state is not UnitState.PARKED
    use_credit([bill for bill in bills if bill.makes_invoice], day - timedelta(days=tables.company.issue_days_ahead))
    made = keep(bills, run_id=None, on=on, tables=tables, send=send, by=by)
    # Several periods of one thing stand on such a bill: its next one comes after the last of them.
    for table, column, key in ((Service, "next_renewal_on", "service_id"), (Charge, "next_on", "charge_id")):
        newest: dict[int, Any] = {}
        for billed in sorted((b for bill in bills for b in bill.billed), key=lambda b: b.period.start):
            if getattr(billed, key):
                newest[getattr(billed, key)] = billed.next_on
        update_rows(db.session, table.__table__, (column,), [(next_on, number) for number, next_on in newest.items()])
    db.session.flush()
    db.session.expire_all()
    return made


def _tax_for(bill: Bill, tables: Tables) -> Any:
    return lambda goods: tables.tax.tax_for(taxed(bill.account, bill.payer), goods, bill.day)


def _by_group(rows: Any) -> dict[int, list[Any]]:
    return _by(rows, "billing_group_id")


def _by(rows: Any, key: str) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        found[getattr(row, key)].append(row)
    return found


def _service_pieces(until: dict[int, date]) -> Iterator[_Piece]:
    rows = due.services_of(list(until)) if until else ()
    waiting = _new_prices(list(until)) if until else {}
    for row in rows:
        stop, start = min(until[row.id], row.ends_on or until[row.id]), row.next_renewal_on
        pause = (row.paused_from, row.paused_until)
        while start < stop and pause[0] != start:
            price = waiting.get(row.id)
            minor = price.new_minor if price and price.from_on <= start else row.agreed_minor
            for_now = {"next_renewal_on": start, "ends_on": stop, "paused_from": pause[0], "paused_until": pause[1]}
            yield _Piece(**{**row._mapping, **for_now, "price_minor": minor})
            end = period_from(start, row.months, row.days, row.anchor_day, row.anchor_month)[0].end
            if pause[0] and pause[0] < min(end, stop):
                if pause[1] is None or pause[1] != row.rhythm_from:
                    break
                end, pause = pause[1], (None, None)
            start = end


def _new_prices(ids: list[int]) -> dict[int, Any]:
    waiting = select(NewPrice.service_id, NewPrice.from_on, NewPrice.new_minor)
    waiting = waiting.where(
        among(db.session, NewPrice.service_id, ids),
        NewPrice.state == NewPriceState.WAITING,
        NewPrice.service_option_id.is_(None),
    )
    return {row.service_id: row for row in db.session.execute(waiting)}


def _charge_pieces(until: dict[int, date], lock: bool) -> Iterator[_Piece]:
    if not until:
        return
    wanted = select(Charge).where(
        among(db.session, Charge.id, list(until)), Charge.next_on.is_not(None), Charge.price_minor >= 0
    )
    wanted = wanted.order_by(Charge.billing_group_id, Charge.id).execution_options(populate_existing=True)
    for charge in db.session.scalars(wanted.with_for_update() if lock else wanted):
        start = charge.next_on
        assert start is not None
        if not (charge.months or charge.days):
            yield _copy(charge, start, charge.ends_on)
            continue
        stop = min(filter(None, (until[charge.id], charge.ends_on)))
        while start < stop:
            yield _copy(charge, start, stop)
            start = period_from(start, charge.months, charge.days, charge.anchor_day, None)[0].end


def _copy(charge: Charge, next_on: date, ends_on: date | None) -> _Piece:
    names = (
        "id", "billing_group_id", "description", "quantity", "currency", "price", "tax_category", "months", "days",
        "anchor_day", "proratable",
    )  # fmt: skip
    return _Piece(next_on=next_on, ends_on=ends_on, **{name: getattr(charge, name) for name in names})
