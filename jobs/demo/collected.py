"""What the demo company's office does about late payers: calls, promises that hold and that break, a dispute."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from sqlalchemy import func, select

from billing import collecting
from billing.actor import Actor
from models import ContactWay, Customer, Invoice, db

from .diary import Diary, Moment

Work = Callable[[Customer, Actor, date], object]


def plan(diary: Diary, last: date) -> None:
    """Write it down for the days up to `last`, the day the story ends on."""
    for ago, place, work in ((12, 3, _breaks_its_word), (4, 2, _promises), (3, 4, _disputes), (2, 0, _called)):
        diary.plan(last - timedelta(days=ago), _about(place, last, work))
    diary.plan(last - timedelta(days=2), _about(1, last, _not_reached))


def _about(place: int, last: date, work: Work) -> Callable[[Moment], None]:
    """The work is about the customer that owes so manyeth much."""

    def deed(moment: Moment) -> None:
        owed = Invoice.open_minor > 0, Invoice.due_on < moment.today
        most = select(Invoice.customer_id).where(*owed).group_by(Invoice.customer_id)
        most = most.order_by(func.sum(Invoice.open_minor).desc(), Invoice.customer_id).offset(place).limit(1)
        number = db.session.scalar(most)
        if number is not None:
            work(db.session.get_one(Customer, number), moment.by("owner"), last)

    return deed


def _called(customer: Customer, by: Actor, last: date) -> None:
    words = "Reached the office; they look for the invoices and want copies."
    collecting.note(customer, ContactWay.CALL, words, max(last, by.today), by=by)


def _not_reached(customer: Customer, by: Actor, last: date) -> None:
    collecting.note(customer, ContactWay.CALL, "Nobody answered.", last + timedelta(days=2), by=by)


def _promises(customer: Customer, by: Actor, last: date) -> None:
    collecting.promise(customer, last + timedelta(days=5), "After payday", by=by)


def _breaks_its_word(customer: Customer, by: Actor, last: date) -> None:
    collecting.promise(customer, by.today + timedelta(days=5), "Said so on the phone", by=by)


def _disputes(customer: Customer, by: Actor, last: date) -> None:
    collecting.hold(customer, last + timedelta(days=9), "Disputes the second invoice", by=by)
