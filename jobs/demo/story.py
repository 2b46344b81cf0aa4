"""The life of the demo company's customers: they come, order more, call, fall behind, and some leave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import select

from billing import credits, customers, services
from billing.actor import Actor
from billing.ending import running
from billing.money import Money
from messaging import outbox
from models import Customer, EndReason, PaymentMethod, Service, db

from . import baskets
from .accounts import Account, first_bill, installed, joined, spread, too_short
from .baskets import Item
from .catalogue import SUPPORT, SUPPORT_PRICE, money
from .company import REASONS, Firm
from .diary import Diary, Moment
from .dice import Dice
from .names import MARTA, SWISS
from .paying import Habit, Payer, Till, habit_of
from .people import Kind, Person, Register

BEFORE = 56
"""How many of a hundred customers were there before the story begins."""
LEAVING_PERCENT = 1
"""How many of a hundred leave in a month."""
NEVER_SENT = "Made with the demo company, never sent."

_ANCHORS = {1: 52, 15: 18, 5: 12, 31: 6, None: 12}
_CALLS = (
    "Called about the Wi-Fi upstairs; moved the router, works.",
    "Asked for copies of the last three invoices, sent.",
    "Wants to know about the next faster line. Call again in spring.",
    "Reported slow mail in the morning; nothing found, asked to try the other server.",
    "Praised the engineer who came on Saturday.",
)
_SORRY = ("Sorry for the outage on the south quay", "Goodwill: late installation", "Two days without mail")


class Story:
    def __init__(self, firm: Firm, diary: Diary, till: Till, first: date, last: date, size: int) -> None:
        self._firm, self._diary, self._till = firm, diary, till
        self._first, self._last = first, last
        self._register = Register(firm)
        self._plan_arrivals(size)

    # Coming

    def _plan_arrivals(self, size: int) -> None:
        dice = Dice("arrivals")
        there = size * BEFORE // 100
        fates = {
            3: (PaymentMethod.INVOICE, self._sell_up),
            5: (PaymentMethod.FREE, self._plan_life),
            7: (PaymentMethod.INVOICE, self._fall_behind),
        }
        for turn in range(there):
            joined = self._first - timedelta(days=dice.between(20, 2400))
            if turn not in fates:
                self._come(self._first, self._register.next(joined), moved=True)
                continue
            method, fate = fates[turn]
            person = self._register.next(joined, payment_method=method)
            self._come(self._first, person, moved=True, items=[Item("Hosting M")], then=fate)
        for on in sorted(spread(size - there - 2, self._first, self._last, dice)):
            self._come(on, self._register.next(on))
        self._come_late()

    def _come_late(self) -> None:
        """Two accounts that a run sets aside: no exchange rate, and a bill many times the usual one."""
        swiss, marta = self._last - timedelta(days=26), max(self._last - timedelta(days=230), self._first)
        self._come(
            swiss, self._register.next(swiss, SWISS, country="CH", city="Zürich", postal_code="8001", currency="CHF",
                                       phone="", tax_id="", payment_method=PaymentMethod.INVOICE),
            items=[Item("Managed hosting", description="Managed hosting, cafezurich.example")],
        )  # fmt: skip
        fibre = [Item("Fibre 300", description="Fibre 300, 12 Sea View Terrace")]
        person = self._register.next(marta, MARTA, payment_method=PaymentMethod.INVOICE)
        self._come(marta, person, items=fibre, then=self._lay_cable)

    def _come(
        self,
        on: date,
        person: Person,
        *,
        moved: bool = False,
        items: list[Item] | None = None,
        then: Callable[[Account], None] | None = None,
    ) -> None:
        def deed(moment: Moment) -> None:
            account = self._welcome(person, items or baskets.fill(person), moment, moved)
            (then or self._plan_life)(account)

        self._diary.plan(on, deed)

    def _welcome(self, person: Person, items: list[Item], moment: Moment, moved: bool) -> Account:
        turn = person.dice.below(2)
        sales = moment.by("owner") if moved else moment.by("sales", turn)
        row = customers.create(person.values | {"registered_on": joined(person, moment)}, by=sales)
        if person.tags:
            customers.add_tags([row], person.tags, by=sales)
        if person.contacts:
            customers.set_contacts(row, person.contacts, by=sales)
        if person.kind is not Kind.HOME:
            customers.set_salespeople(row, [self._firm.people["sales"][turn].staff_id or 0], by=sales)
            if person.dice.chance(18):
                customers.add_invoice_address(row, f"invoices@{person.domain}", by=sales)
        account = Account(row.id, person, items, moment.today)
        self._start_all(account, row, moment, moved, sales)
        self._till.payers[row.id] = Payer(habit_of(row.payment_method, person.dice), person.dice)
        return account

    def _start_all(self, account: Account, row: Customer, moment: Moment, moved: bool, by: Actor) -> None:
        dice, anchor = account.dice, account.dice.weighed(_ANCHORS)
        start = installed(moment.today + timedelta(days=dice.between(2, 9)))
        for item in account.items:
            if moved:
                late = dice.below(item.months) if account.monthly_cents else 0
                billed = first_bill(anchor or 20, moment.today, late)
                self._start(row, item, row.registered_on, billed, None, by)
            else:
                day = None if item.months > 1 or not anchor or too_short(start, anchor) else anchor
                self._start(row, item, start, None, day, by)
        if account.person.kind is Kind.FIRM and account.monthly_cents and dice.chance(18):
            self._rack(account, row, by)

    def _start(
        self, row: Customer, item: Item, start: date, billed_from: date | None, anchor: int | None, by: Actor
    ) -> Service:
        package = self._firm.packages[item.name]
        return services.start(
            row, package, start=start, price=item.price(row.currency), months=item.months, anchor_day=anchor,
            billed_from=billed_from, options=item.chosen(package), description=item.description, free=item.free, by=by,
        )  # fmt: skip

    def _rack(self, account: Account, row: Customer, by: Actor) -> None:
        words, cents = account.dice.pick((("Rack space, 2 units", 38_00), ("Telephone numbers, block of ten", 9_50)))
        price = money(cents, row.currency)
        if (first := self._next_bill(account)) is not None:
            group = services.main_group(row)
            services.add_charge(group, words, price, starts_on=first, months=1, proratable=True, by=by)

    # Living

    def _plan_life(self, account: Account) -> None:
        dice, day = account.dice, account.first_on + timedelta(days=30)
        payer = self._till.payers[account.id]
        if payer.habit is Habit.STOPS:
            self._plan_trouble(account, payer)
        while day <= self._last:
            on = day + timedelta(days=dice.below(28))
            if dice.chance(LEAVING_PERCENT):
                self._diary.plan(on, self._leaving(account, away=dice.chance(35)))
                return
            self._plan_month(account, on)
            day += timedelta(days=30)

    def _plan_month(self, account: Account, on: date) -> None:
        dice = account.dice
        if dice.chance(3):
            self._diary.plan(on, lambda moment: self._call(account, moment))
        if dice.chance(1):
            self._diary.plan(on, lambda moment: self._say_sorry(account, moment))
        if account.person.kind in (Kind.FIRM, Kind.TRADER) and dice.chance(5) and account.monthly_cents:
            self._diary.plan(on, lambda moment: self._help(account, moment))
        if account.person.kind is not Kind.HOME and dice.chance(1):
            self._diary.plan(on, lambda moment: self._add(account, moment))

    def _call(self, account: Account, moment: Moment) -> None:
        customers.add_note(account.row, account.dice.pick(_CALLS), by=moment.by("support", account.dice.below(2)))

    def _say_sorry(self, account: Account, moment: Moment) -> None:
        row, dice = account.row, account.dice
        amount = money(dice.pick((10_00, 15_00, 25_00, 40_00)), row.currency)
        credits.grant(row, amount, reason=dice.pick(_SORRY), on=moment.today, by=moment.by("billing"))

    def _help(self, account: Account, moment: Moment) -> None:
        """Support by the hour, never so many hours that the bill looks like a slip."""
        most = max(min(account.monthly_cents * 6 // SUPPORT_PRICE, 4), 1)
        if account.monthly_cents * 6 < SUPPORT_PRICE:
            return
        row, hours = account.row, account.dice.between(1, most)
        services.add_charge(
            services.main_group(row), SUPPORT, money(SUPPORT_PRICE, row.currency), quantity=Decimal(hours),
            starts_on=self._next_bill(account) or moment.today, by=moment.by("support", hours),
        )  # fmt: skip

    def _add(self, account: Account, moment: Moment) -> None:
        item, start = baskets.more(account.person, account.items), self._next_bill(account)
        if item and start and start > moment.today:
            self._start(account.row, item, start, None, None, moment.by("sales", account.dice.below(2)))
            account.items.append(item)

    def _next_bill(self, account: Account) -> date | None:
        """When the customer's next monthly bill comes, so that what is new can be on it."""
        wanted = select(Service.next_renewal_on).where(
            Service.customer_id == account.id, Service.months == 1, running()
        )
        return db.session.scalar(wanted.order_by(Service.next_renewal_on).limit(1))

    # Trouble

    def _plan_trouble(self, account: Account, payer: Payer) -> None:
        """Somebody stops paying. Half of them settle it all when they are called, some are disabled in the end."""
        dice = account.dice
        days = max((self._last - account.first_on).days - 40, 1)
        payer.stops_on = stops = account.first_on + timedelta(days=dice.below(days))
        self._diary.plan(stops + timedelta(days=50), lambda moment: self._remind(account, moment))
        if dice.chance(50):
            self._diary.plan(stops + timedelta(days=dice.between(70, 110)), lambda m: self._settle(account, payer, m))
        elif dice.chance(60):
            self._diary.plan(stops + timedelta(days=dice.between(95, 130)), lambda m: self._disable(account, m))

    def _fall_behind(self, account: Account) -> None:
        """Somebody who has not paid since the spring and is switched off."""
        payer = self._till.payers[account.id]
        payer.habit, payer.stops_on = Habit.STOPS, self._last - timedelta(days=150)
        self._diary.plan(self._last - timedelta(days=95), lambda moment: self._remind(account, moment))
        self._diary.plan(self._last - timedelta(days=40), lambda moment: self._disable(account, moment))

    def _remind(self, account: Account, moment: Moment) -> None:
        row = account.row
        words = f"Called {row.contact_name or row.name} about the open invoices: will pay at the end of the month."
        customers.add_note(row, words, pinned=True, by=moment.by("billing"))
        customers.add_tags([row], ["slow payer"], by=moment.by("billing"))

    def _settle(self, account: Account, payer: Payer, moment: Moment) -> None:
        payer.habit, payer.stops_on = Habit.LATE, None
        self._till.settle(account.row, moment)

    def _disable(self, account: Account, moment: Moment) -> None:
        row = account.row
        customers.add_note(
            row, "No answer for three months. Switched off until the invoices are paid.", by=moment.by("admin")
        )
        customers.disable([row], by=moment.by("admin"))

    # Leaving

    def _sell_up(self, account: Account) -> None:
        """Somebody who pays in time, leaves half-way through and is put away."""
        self._till.payers[account.id].habit = Habit.PROMPT
        self._diary.plan(self._first + (self._last - self._first) / 2, self._leaving(account, away=True))

    def _leaving(self, account: Account, *, away: bool) -> Callable[[Moment], None]:
        reason = account.dice.pick(REASONS)

        def deed(moment: Moment) -> None:
            mine = select(Service).where(Service.customer_id == account.id, running()).order_by(Service.id)
            ends, reason_id = moment.today, db.session.scalar(select(EndReason.id).where(EndReason.name == reason))
            for service in db.session.scalars(mine).all():
                stop = max(service.next_renewal_on if service.months == 1 else moment.today, service.started_on)
                by = moment.by("support", account.dice.below(2))
                services.cancel(service, stop, "", reason_id=reason_id, by=by)
                ends = max(ends, stop)
            if away:
                self._diary.plan(ends + timedelta(days=40), lambda later: self._put_away(account, later))

        return deed

    def _put_away(self, account: Account, moment: Moment) -> None:
        if account.row.balance_minor <= 0:
            outbox.call_off(NEVER_SENT, by=moment.by("owner"))
            customers.archive([account.row], by=moment.by("owner"))

    def _lay_cable(self, account: Account) -> None:
        """A large job among small bills, entered a few days ago: the run asks somebody to look."""

        def deed(moment: Moment) -> None:
            row = account.row
            group = services.main_group(row)
            net = (group.usual_minor or 0) * 14 * 100 // 123
            services.add_charge(
                group, "Cable to the new garden house, trench and laying", Money(net // 100 * 100 + 100, row.currency),
                starts_on=moment.today + timedelta(days=1), by=moment.by("support"),
            )  # fmt: skip

        self._diary.plan(self._last - timedelta(days=7), deed)
