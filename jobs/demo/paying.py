"""How the demo company's customers pay: most in time, some late, in parts, too much, twice, or not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from billing import payments
from billing.actor import system
from billing.money import Money
from billing.payments import Receipt
from models import Card, Customer, Invoice, InvoiceState, PaymentMethod, db

from . import carded
from .diary import Diary, Moment
from .dice import Dice


class Habit(StrEnum):
    PROMPT = "prompt"
    CARD = "card"
    LATE = "late"
    PARTS = "parts"
    ROUND = "round"
    GATHERED = "gathered"
    STOPS = "stops"


_HABITS = {Habit.PROMPT: 66, Habit.LATE: 13, Habit.PARTS: 4, Habit.ROUND: 4, Habit.GATHERED: 6, Habit.STOPS: 7}
CARD, TRANSFER, CASH = "Card", "Bank transfer", "Cash"
STATEMENTS = (0, 2, 4)
"""The bank statement comes on Mondays, Wednesdays and Fridays."""
ROUND_TO = {"JPY": 1000}
"""Who rounds up pays whole tens, in minor units; yen in whole thousands."""


def habit_of(method: PaymentMethod, dice: Dice) -> Habit:
    return Habit.CARD if method == PaymentMethod.CARD and not dice.chance(6) else dice.weighed(_HABITS)


@dataclass(slots=True)
class Payer:
    """How one customer pays; who stops, stops for good on `stops_on`."""

    habit: Habit
    dice: Dice
    stops_on: date | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Money that will come in for an invoice: `percent` of what is open then, or the whole total once more."""

    invoice_id: int
    on: date
    percent: int = 100
    method: str = TRANSFER
    round_up: bool = False
    again: bool = False
    step: int = 0


class Till:
    """Everything the firm will be paid, by day."""

    def __init__(self, diary: Diary) -> None:
        self._diary = diary
        self._plans: dict[date, list[Plan]] = defaultdict(list)
        self._seen = 0
        self.payers: dict[int, Payer] = {}
        # The ids of those whose saved card is charged, and of their cards; of whom the next charge is declined.
        self.cards: dict[int, int] = {}
        self.declines: set[int] = set()

    def see_new_invoices(self, today: date) -> None:
        """Decide when the invoices that were made since the last time will be paid."""
        new = select(Invoice.id, Invoice.customer_id, Invoice.due_on, Invoice.open_minor).where(Invoice.id > self._seen)
        for row in db.session.execute(new.order_by(Invoice.id)):
            self._seen = row.id
            payer = self.payers[row.customer_id]
            if row.open_minor and not (payer.stops_on and payer.stops_on <= today):
                for plan in _plans(row, payer, today):
                    self._expect(plan)

    def _expect(self, plan: Plan) -> None:
        day = next(day for day in (plan.on + timedelta(days=n) for n in range(7)) if day.weekday() in STATEMENTS)
        if day not in self._plans:
            self._diary.plan(day, lambda moment: self._take_in(day, moment))
        self._plans[day].append(plan)

    def _take_in(self, day: date, moment: Moment) -> None:
        """The bank statement, entered in one go."""
        plans = self._plans.pop(day)
        rows = _open_invoices(plan.invoice_id for plan in plans)
        receipts = []
        for plan in plans:
            invoice = rows[plan.invoice_id]
            if invoice.open_minor and plan.method == CARD and invoice.customer_id in self.cards:
                self._charge(invoice, plan, moment)
            elif invoice.open_minor or plan.again:
                receipts.append(_receipt(plan, invoice))
        if receipts:
            payments.record_all(receipts, by=moment.by("billing"))

    def _charge(self, invoice: Invoice, plan: Plan, moment: Moment) -> None:
        """The saved card, or once, of some, without success: then it is tried again some days later."""
        card = db.session.get_one(Card, self.cards[invoice.customer_id])
        declined = invoice.customer_id in self.declines
        carded.charge(invoice, card, declined=declined, step=plan.step, by=system(moment.at, moment.today))
        if declined:
            self.declines.remove(invoice.customer_id)
            self._expect(replace(plan, on=moment.today + timedelta(days=3), step=plan.step + 1))

    def settle(self, customer: Customer, moment: Moment) -> None:
        """One transfer for everything that is open."""
        mine = (Invoice.customer_id == customer.id, Invoice.kind == "invoice", Invoice.state == InvoiceState.ISSUED)
        owed = db.session.scalar(select(func.sum(Invoice.open_minor)).where(*mine)) or 0
        if owed:
            amount = Money(int(owed), customer.currency)
            payments.record(
                customer, amount, method=TRANSFER, received_on=moment.today, oldest_first=True, by=moment.by("billing")
            )


def _open_invoices(ids: Iterable[int]) -> dict[int, Invoice]:
    wanted = select(Invoice).where(Invoice.id.in_(set(ids))).options(joinedload(Invoice.customer))
    rows = db.session.scalars(wanted.execution_options(populate_existing=True))
    return {invoice.id: invoice for invoice in rows}


def _receipt(plan: Plan, invoice: Invoice) -> Receipt:
    minor = invoice.total_minor if plan.again else max(invoice.open_minor * plan.percent // 100, 1)
    if plan.round_up:
        step = ROUND_TO.get(invoice.currency, 1000)
        minor = -(-minor // step) * step
    amount = Money(minor, invoice.currency)
    return Receipt(invoice.customer, amount, plan.method, plan.on, [invoice], reference=invoice.number or "")


def _plans(row: Any, payer: Payer, today: date) -> list[Plan]:
    dice, habit, invoice = payer.dice, payer.habit, row.id
    in_time = today + timedelta(days=dice.between(1, max((row.due_on - today).days, 2)))
    if habit is Habit.CARD:
        return [Plan(invoice, today, method=CARD)]
    if habit is Habit.LATE:
        return [Plan(invoice, max(row.due_on, today) + timedelta(days=dice.weighed(_DELAYS)))]
    if habit is Habit.PARTS:
        rest = in_time + timedelta(days=dice.between(20, 45))
        return [Plan(invoice, in_time, dice.between(40, 75)), Plan(invoice, rest)]
    if habit is Habit.GATHERED:
        return [Plan(invoice, (row.due_on.replace(day=1) + timedelta(days=62)).replace(day=2))]
    if habit is Habit.PROMPT and dice.chance(1):
        return [Plan(invoice, in_time), Plan(invoice, in_time + timedelta(days=3), again=True)]
    method = CASH if dice.chance(2) else TRANSFER
    return [Plan(invoice, in_time, method=method, round_up=habit is Habit.ROUND)]


_DELAYS = {3: 30, 8: 30, 13: 15, 21: 12, 34: 8, 52: 5}
"""Days after the due day, and how often."""
