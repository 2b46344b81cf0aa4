"""From what is due to bills: prices, shares of periods, tax, exchange rate, credit in hand. Writes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, cast

from billing import credit, fx_prices
from billing.discount_table import CustomerDiscounts, DiscountTable
from billing.document_lines import taxed
from billing.fx import Exchange, FxTable, NoExchangeRate
from billing.money import Money
from billing.tax import totals
from billing.tax_rates import Tax, TaxTable
from models import BillingError, Charge, Company, PaymentMethod, Service, UnitState

from . import due
from .bill import Bill, NotBillable, bill_charge, bill_service, tax_lines
from .prepaid import draw
from .safety import refuse_absurd, refuse_very_late


@dataclass(slots=True)
class Tables:
    """What every bill of a run looks up: read once, so that one run uses one snapshot of prices and rates."""

    company: Company
    tax: TaxTable
    fx: FxTable
    discounts: DiscountTable

    @classmethod
    def load(cls, company: Company) -> Tables:
        return cls(_copy(company), TaxTable.of(company), FxTable(), DiscountTable())


def _copy(company: Company) -> Company:
    """Its values without the session: a commit would make the run read it anew, and a change would split the run."""
    names = [name for name in company.__mapper__.columns.keys() if name != "logo"]  # noqa: SIM118
    return cast(Company, SimpleNamespace(**{name: getattr(company, name) for name in names}))


def build(
    groups: Sequence[int],
    day: date,
    on: date,
    tables: Tables,
    *,
    lock: bool = True,
    only_service: int | None = None,
) -> list[Bill]:
    """One bill per billing group for what is due on `day`, as of the run's date `on`, in group order.

    A group that cannot be billed comes back with state PARKED and the reason; nothing is raised for it.
    Without `lock` nothing is held for keeping the bills: they are only to be looked at. With `only_service` nothing
    but that service (id) is billed, as somebody asked for: also while it is not active, and however large the bill.
    """
    services = due.services(groups, day, only_service)
    charges = () if only_service else due.charges(groups, day)
    options = due.options([service.id for service in services], day)
    return _build(
        groups, _Due(day, services, options, charges, only_service is not None), on, tables, lock=lock
    )  # fmt: skip


def build_first(service: Service, on: date, tables: Tables) -> Bill:
    """The bill of the first period of a service that was started just now, as of the day `on`; it may be PARKED, as
    with `build`."""
    found = _Due(service.next_renewal_on, [due.started(service)], due.started_options(service), (), asked_for=True)
    return _build([service.billing_group_id], found, on, tables, lock=True)[0]


@dataclass(frozen=True, slots=True)
class _Due:
    """What is due on a day; whether somebody asked for just that."""

    day: date
    services: Sequence[Any]
    options: Sequence[due.Option]
    charges: Sequence[Charge]
    asked_for: bool


def _build(groups: Sequence[int], found: _Due, on: date, tables: Tables, *, lock: bool) -> list[Bill]:
    day = found.day
    services, charges = _by(found.services, "billing_group_id"), _by(found.charges, "billing_group_id")
    options, accounts = _by(found.options, "service_id"), due.accounts(groups)
    with_more = [account.group_id for account in accounts if account.prepaid]
    prepaid = _by(due.prepayments(with_more, day, lock=lock) if with_more else (), "billing_group_id")
    named = {account.payer_id for account in accounts} - {None}
    payers = due.payers(sorted(named)) if named else {}
    discounts = tables.discounts.of(list({account.customer_id for account in accounts}))
    bills = []
    for account in accounts:
        bill = Bill(account, day, payers.get(account.payer_id), asked_for=found.asked_for)
        group = account.group_id
        _try(
            bill,
            on,
            services.get(group, ()),
            charges.get(group, ()),
            options,
            prepaid.get(group, ()),
            tables,
            discounts,
        )
        bills.append(bill)
    issued_on = day - timedelta(days=tables.company.issue_days_ahead)
    use_credit([bill for bill in bills if bill.makes_invoice and bill.account.credit_minor], issued_on, lock)
    return bills


def _by(rows: Sequence[Any], key: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[getattr(row, key)].append(row)
    return found


def _try(
    bill: Bill,
    on: date,
    services: Sequence[Any],
    charges: Sequence[Charge],
    options: dict[int, list[due.Option]],
    prepaid: Sequence[Any],
    tables: Tables,
    discounts: CustomerDiscounts | None,
) -> None:
    try:
        refuse_very_late(bill, on)
        add_lines(bill, services, charges, options, tables, discounts)
        draw(bill, prepaid, lambda goods: tables.tax.tax_for(taxed(bill.account, bill.payer), goods, bill.day))
        sum_up(bill, tables)
    except BillingError as error:
        bill.state, bill.reason = UnitState.PARKED, str(error)


def add_lines(
    bill: Bill,
    services: Sequence[Any],
    charges: Sequence[Charge],
    options: dict[int, list[due.Option]],
    tables: Tables,
    discounts: CustomerDiscounts | None,
) -> None:
    account, tax = bill.account, tables.tax
    buyer = taxed(account, bill.payer)
    for thing in charges:
        if thing.currency != account.currency:
            raise NotBillable(f"{thing} is priced in {thing.currency}, but the account is in {account.currency}.")
    for service in services:
        rate = tax.tax_for(buyer, service.tax_category, bill.day)
        if service.currency == account.currency:
            bill_service(service, options.get(service.id, ()), rate, bill, discounts)
        else:
            _bill_converted(service, options.get(service.id, ()), rate, bill, discounts, tables)
    for charge in charges:
        bill_charge(charge, tax.tax_for(buyer, charge.tax_category, bill.day), bill)


def _bill_converted(
    service: Any,
    options: Sequence[due.Option],
    rate: Tax,
    bill: Bill,
    discounts: CustomerDiscounts | None,
    tables: Tables,
) -> None:
    """A service priced in another currency: every amount is converted at the rate of the issue day, which its lines
    tell (SPEC 3.1)."""
    currency, before = bill.account.currency, len(bill.lines)
    try:
        exchange = _exchange(bill, service.currency, currency, tables)
    except NoExchangeRate as missing:
        name = service.description or service.package
        raise NotBillable(
            f"{name} is priced in {service.currency}, but the account is in {currency}. {missing}"
        ) from None
    ours = fx_prices.converted(service, exchange, currency)
    bill_service(ours, fx_prices.converted_options(options, exchange, currency), rate, bill, discounts)
    for line in bill.lines[before:]:
        line.details = line.details or fx_prices.note(service.currency, exchange, currency)


def _exchange(bill: Bill, base: str, quote: str, tables: Tables) -> Exchange:
    account, issued_on = bill.account, bill.day - timedelta(days=tables.company.issue_days_ahead)
    who = {"customer_id": account.customer_id, "group_id": account.customer_group_id}
    return tables.fx.exchange(base, quote, issued_on, **who)


def sum_up(bill: Bill, tables: Tables) -> None:
    account, company = bill.account, tables.company
    bill.totals = totals(tax_lines(bill), currency=account.currency, prices_include_tax=company.prices_include_tax)
    refuse_absurd(bill)
    bill.still_due = bill.totals.gross.minor
    if account.payment_method == PaymentMethod.FREE:
        bill.state, bill.reason = UnitState.SKIPPED, "Free customer: no bill"
    elif not bill.still_due and not bill.drawn:
        bill.state, bill.reason = UnitState.SKIPPED, "Nothing to pay: no bill"
    elif company.currency and company.currency != account.currency:
        bill.exchange = _exchange(bill, account.currency, company.currency, tables)


def use_credit(bills: Sequence[Bill], on: date, lock: bool = True) -> None:
    """Credit in hand pays first, oldest first; bills of one customer share it in group order.

    In hand on the day of the invoice, so that a day caught up later comes to the same.
    """
    if not bills:
        return
    in_hand: dict[int, list[list[Any]]] = defaultdict(list)
    for found in due.credits([bill.account.customer_id for bill in bills], on, lock=lock):
        in_hand[found.customer_id].append([found.id, Money(found.remaining_minor, found.currency)])
    for bill in bills:
        rows = [row for row in in_hand[bill.account.customer_id] if row[1].currency == bill.amount.currency]
        used, still_due = credit.apply(bill.amount, [row[1] for row in rows])
        bill.still_due = still_due.minor
        for row, part in zip(rows, used, strict=True):
            row[1] -= part
            if part:
                bill.credit_used.append((row[0], part.minor))
