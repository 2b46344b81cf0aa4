"""Quotes of the demo company: one of every kind, in the last weeks before today."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import select

from billing import quote_answers, quotes
from billing.document_lines import LineInput, read_quantity, unit_price
from billing.money import Money
from billing.quote_answers import Answer
from billing.quote_lines import QuoteItem
from billing.quotes import Offer
from models import Customer, CustomerStatus, LineKind, Package, PaymentMethod, Quote, db

from .catalogue import LISTED, SUPPORT, SUPPORT_PRICE
from .diary import Diary, Moment

TERMS = "Payable within 14 days of the invoice.\n\nWork is done on weekdays; waiting time is not charged."
After = Callable[[Quote, Moment], None]


def plan(diary: Diary, last: date) -> None:
    """Write them down for the weeks up to `last`, the day the story ends on."""
    stories: tuple[tuple[int, str, str, After | None], ...] = (
        (62, "Line for the new office", "Fibre 1000 Business", _accepted),
        (55, "Backup of the till", "Managed backup", None),
        (33, "Second line as a spare", "Fibre 300 Business", _declined),
        (21, "Server in Dublin", "Managed hosting", _accepted),
        (12, "Website for the summer", "Hosting L", _revised),
        (6, "Line for the warehouse", "Fibre 300 Business", None),
        (3, "Cloud copy of the archive", "Managed backup", None),
    )
    for turn, (ago, title, package, after) in enumerate(stories):
        diary.plan(last - timedelta(days=ago), _offer(turn, title, package, diary, after))
    diary.plan(last - timedelta(days=4), _draft)


def _offer(turn: int, title: str, package: str, diary: Diary, after: After | None) -> Callable[[Moment], None]:
    def deed(moment: Moment) -> None:
        by = moment.by("sales", turn % 2)
        customer = _customer(turn)
        if customer is None:
            return
        quote = quotes.send(quotes.draft(customer, _written(title, package), by=by), by=by)
        number = quote.id
        if after is not None:
            diary.plan(moment.today + timedelta(days=2), lambda later: after(db.session.get_one(Quote, number), later))
        if quote.valid_until is not None:
            diary.plan(quote.valid_until + timedelta(days=1), _expire)

    return deed


def _draft(moment: Moment) -> None:
    customer = _customer(7)
    if customer is not None:
        quotes.draft(customer, _written("Move to a bigger line", "Fibre 1000 Business"), by=moment.by("sales"))


def _customer(turn: int) -> Customer | None:
    """A business that pays by invoice; another one each time, as long as there are enough."""
    paying = (Customer.status == CustomerStatus.ACTIVE, Customer.currency == "EUR")
    known = select(Customer).where(
        *paying, Customer.payment_method == PaymentMethod.INVOICE, Customer.company_name != ""
    )
    found = list(db.session.scalars(known.order_by(Customer.id).limit(40)))
    return found[turn * 5 % len(found)] if found else None


def _written(title: str, package: str) -> Offer:
    sold = db.session.scalars(select(Package).where(Package.name == package)).one()
    cents, _periods, fee = LISTED[package]
    line = _line(package, cents, LineKind.SERVICE, sold)
    setup = [QuoteItem(_line(f"Set-up: {package}", fee, LineKind.SETUP, sold), months=1)] if fee else []
    hours = replace(_line(SUPPORT, SUPPORT_PRICE), quantity=read_quantity("2.5"), discount_percent=Decimal(10),
                    discount_reason="First order")  # fmt: skip
    items = [QuoteItem(line, months=1), *setup, QuoteItem(hours)]
    return Offer(items, title=title, note="Thank you for your call. This is what we talked about.", terms=TERMS)


def _line(words: str, cents: int, kind: LineKind = LineKind.MANUAL, package: Package | None = None) -> LineInput:
    return LineInput(words, unit_price(Money(cents, "EUR")), kind=kind, package_id=package.id if package else None)


def _accepted(quote: Quote, moment: Moment) -> None:
    answer = Answer(quote.customer.contact_name or quote.customer.name, "Please go ahead.", agreed=True)
    quote_answers.accept(quote, answer, by=moment.by("owner"))


def _declined(quote: Quote, moment: Moment) -> None:
    quote_answers.decline(quote, Answer(quote.customer.name, "Not this year."), by=moment.by("owner"))


def _revised(quote: Quote, moment: Moment) -> None:
    by = moment.by("sales")
    quotes.send(quotes.revise(quote, by=by), by=by)


def _expire(moment: Moment) -> None:
    for _count in quote_answers.expire(moment.today, by=moment.by("owner")):
        pass
