"""Changing the currency of a customer's account: guided, in one transaction, and never mixing two currencies (F35).

The account has to be square first: nothing open, no credit, no drafts or offers on the way, no prepaid money, no new
prices planned. Then agreed prices of running services, their options and what recurs are recalculated at the rate of
the day, or keep their figures in the new currency, as chosen from a table that was shown. What lies before stays in
the old currency and can be read; the sums of the account begin anew at nothing.

Locks: billing groups first, as a run of renewals takes them, then services and charges by id, the customer last.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, func, select

from models import (
    BillingError,
    BillingGroup,
    Charge,
    Customer,
    Invoice,
    InvoiceState,
    Money,
    NewPrice,
    NewPriceState,
    PaymentAttempt,
    Quote,
    QuoteState,
    Service,
    ServiceOption,
    ServiceStatus,
    db,
)
from models.currencies import DECIMALS

from . import audit, card_payments, service_changes
from .actor import Actor
from .balances import ChangedMeanwhile
from .fx import Exchange, FxTable
from .money import convert
from .prices import check_price


class CannotChangeCurrency(BillingError):
    """The account is not square, or the currency cannot be chosen."""


class How(enum.StrEnum):
    """What becomes of agreed prices: other figures of the same worth, or the same figures in the new currency."""

    RECALCULATE = "recalculate"
    KEEP_FIGURES = "keep_figures"


@dataclass(frozen=True, slots=True)
class Blocker:
    """What has to be settled first: `what` (invoices, drafts, quotes …), how many of it, and how much where told."""

    what: str
    count: int
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class NewAmount:
    """A price that changes: of the `row` (a service, an option of one, a charge), in words, before and after."""

    row: Service | ServiceOption | Charge
    field: str
    words: str
    old: Money
    new: Money


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the change would do. `seen` names it: give it back to `change` so that nothing else is done."""

    currency: str
    how: How
    exchange: Exchange | None
    amounts: Sequence[NewAmount]
    seen: str


def blockers(customer: Customer) -> list[Blocker]:
    """What has to be settled before the currency can change; nothing when it can. One statement."""
    mine, own = Invoice.customer_id == customer.id, customer.currency
    opened = mine, Invoice.state == InvoiceState.ISSUED, Invoice.open_minor > 0
    drafts = mine, Invoice.state == InvoiceState.DRAFT
    offers = Quote.customer_id == customer.id, Quote.state.in_([QuoteState.DRAFT, QuoteState.SENT])
    prepaid = Charge.customer_id == customer.id, Charge.left_minor > 0, Charge.next_on.is_not(None)
    planned = select(func.count(NewPrice.id)).join(Service, Service.id == NewPrice.service_id)
    waiting = planned.where(Service.customer_id == customer.id, NewPrice.state == NewPriceState.WAITING)
    paying = PaymentAttempt.customer_id == customer.id, PaymentAttempt.state.in_(card_payments.OPEN)
    asked = {
        "open_invoices": _count(Invoice, *opened), "open_minor": select(func.sum(Invoice.open_minor)).where(*opened),
        "drafts": _count(Invoice, *drafts), "quotes": _count(Quote, *offers), "prepaid": _count(Charge, *prepaid),
        "prepaid_minor": select(func.sum(Charge.left_minor)).where(*prepaid), "planned_prices": waiting,
        "card_payments": _count(PaymentAttempt, *paying),
        "balance": select(Customer.balance_minor).where(Customer.id == customer.id),
        "credit": select(Customer.credit_minor).where(Customer.id == customer.id),
    }  # fmt: skip
    found = db.session.execute(select(*(each.scalar_subquery().label(name) for name, each in asked.items()))).one()
    money = {name: Money(int(getattr(found, name) or 0), own) for name in ("open_minor", "prepaid_minor", "credit")}
    balance = Money(int(found.balance), own)
    listed = [
        Blocker("open_invoices", found.open_invoices, money["open_minor"]),
        Blocker("credit", 1 if found.credit else 0, money["credit"]),
        Blocker("drafts", found.drafts), Blocker("quotes", found.quotes),
        Blocker("prepaid", found.prepaid, money["prepaid_minor"]), Blocker("planned_prices", found.planned_prices),
        Blocker("card_payments", found.card_payments),
    ]  # fmt: skip
    if found.balance and not found.open_invoices and not found.credit:
        listed.append(Blocker("balance", 1, balance))
    return [each for each in listed if each.count]


def plan(customer: Customer, currency: str, how: How, on: date) -> Plan:
    """What the change would do on the day, with a table of every price. Changes nothing. Raises CannotChangeCurrency,
    NoExchangeRate, and InvalidPrice for a price too large."""
    if currency not in DECIMALS:
        raise CannotChangeCurrency("Choose a currency from the list.")
    if currency == customer.currency:
        raise CannotChangeCurrency(f"The account is kept in {currency} already.")
    exchange = None
    if how is How.RECALCULATE:
        who = {"customer_id": customer.id, "group_id": customer.group_id}
        exchange = FxTable().exchange(customer.currency, currency, on, **who)
    amounts = [
        NewAmount(row, field, words, old, _new(old, currency, exchange, words))
        for row, field, words, old in _prices(customer)
    ]
    return Plan(currency, how, exchange, amounts, _fingerprint(customer, currency, how, exchange, amounts))


def change(customer: Customer, currency: str, how: How, *, seen: str, by: Actor) -> Plan:
    """Change it; `seen` is that of the plan the person looked at. Returns what was done.
    Raises CannotChangeCurrency, ChangedMeanwhile, NotAllowed and what `plan` raises; then nothing has changed."""
    by.require("customers.edit")
    by.require("services.edit")
    _lock(customer)
    if customer.merged_into_id is not None or customer.anonymised_on is not None:
        raise CannotChangeCurrency("Nothing is booked any more for this customer.")
    if blockers(customer):
        raise CannotChangeCurrency(
            f"The account is not square in {customer.currency}. Settle what is listed here first; nothing was changed."
        )
    done = plan(customer, currency, how, by.today)
    if done.seen != seen:
        raise ChangedMeanwhile("Prices or rates changed since this page was opened. Look at the table again.")
    before = {"currency": customer.currency}
    _write(customer, done, by)
    after = {"currency": currency, "how": str(how), "prices": len(done.amounts)}
    if done.exchange is not None:
        after |= {"rate": f"{done.exchange.rate:f}", "source": done.exchange.source}
    audit.record(by, "customer.currency_changed", customer, before=before, after=after)
    db.session.flush()
    return done


def _count(table: Any, *where: Any) -> Select[Any]:
    return select(func.count(table.id)).where(*where)


def _prices(customer: Customer) -> list[tuple[Service | ServiceOption | Charge, str, str, Money]]:
    """Every price in the account's currency that is still to be billed. A service that is priced in another currency
    is converted on its issue day, and stays."""
    found: list[tuple[Service | ServiceOption | Charge, str, str, Money]] = []
    for service in _running(customer):
        found.append((service, "price_minor", str(service), service.price))
        if service.setup_fee_minor:
            found.append((service, "setup_fee_minor", f"{service}, set-up", service.setup_fee))
        found += [(option, "price_minor", f"{service}, {option.name}", option.price) for option in service.options]
    coming = select(Charge).where(
        Charge.customer_id == customer.id, Charge.currency == customer.currency, Charge.next_on.is_not(None)
    )
    charges = db.session.scalars(coming.order_by(Charge.id))
    return found + [(charge, "price_minor", charge.description, charge.price) for charge in charges]


def _running(customer: Customer) -> Sequence[Service]:
    mine = select(Service).where(
        Service.customer_id == customer.id,
        Service.currency == customer.currency,
        Service.status != ServiceStatus.CANCELLED,
    )
    return db.session.scalars(mine.order_by(Service.id)).all()


def _new(old: Money, currency: str, exchange: Exchange | None, words: str) -> Money:
    if exchange is not None:
        new = convert(old, exchange.rate, currency)
    else:
        try:
            new = Money.of(old.decimal(), currency)
        except BillingError:
            raise CannotChangeCurrency(
                f"{words}: {old} cannot keep its figure, because {currency} has {DECIMALS[currency] or 'no'} decimals."
            ) from None
    check_price(abs(new))
    return new


def _fingerprint(
    customer: Customer, currency: str, how: How, exchange: Exchange | None, amounts: Sequence[NewAmount]
) -> str:
    rows = [(each.row.__tablename__, each.row.id, each.field, each.old.minor, each.new.minor) for each in amounts]
    rate = f"{exchange.rate:f} {exchange.source}" if exchange else ""
    text = json.dumps([customer.id, customer.currency, currency, str(how), rate, rows])
    return hashlib.sha256(text.encode()).hexdigest()


def _lock(customer: Customer) -> None:
    """All that the change touches, in the order in which a run takes it, read anew."""
    for table in (BillingGroup, Service, Charge):
        mine = select(table).where(table.customer_id == customer.id).order_by(table.id).with_for_update()
        db.session.scalars(mine.execution_options(populate_existing=True)).all()
    db.session.refresh(customer, with_for_update=True)


def _write(customer: Customer, done: Plan, by: Actor) -> None:
    services: dict[Service, dict[str, Money]] = {}
    for each in done.amounts:
        setattr(each.row, each.field, each.new.minor)
        each.row.currency = done.currency
        if isinstance(each.row, Service):
            services.setdefault(each.row, {})[each.field] = each.old
    for group in db.session.scalars(select(BillingGroup).where(BillingGroup.customer_id == customer.id)):
        # What its bills used to come to, and one set aside, were in the old currency.
        group.usual_minor = group.parked_minor = None
    customer.currency = done.currency
    db.session.flush()
    for service, old in services.items():
        before = {name: money.minor for name, money in old.items()} | {"currency": next(iter(old.values())).currency}
        after = {name: getattr(service, name) for name in old} | {"currency": done.currency}
        service_changes.record(service, by.today, "currency", "service.currency_changed", before, after, by)
