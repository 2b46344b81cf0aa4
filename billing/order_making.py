"""An accepted order becomes a customer with a login, a service and an invoice: in one transaction, or nothing does.

Prices are those of the day it was ordered. Each part is made by the rule that makes it elsewhere: the first bill is
that of a renewal, and it has to come to what was shown, or nothing is done.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from models import (
    BillingError,
    BillingGroup,
    Customer,
    Money,
    Order,
    OrderForm,
    Package,
    PackageOption,
    PaymentMethod,
    Service,
    Starts,
    WaitsFor,
    db,
)

from . import (
    coupons,
    custom_fields,
    customers,
    order_fields,
    order_once,
    pending,
    portal_users,
    services,
)
from .actor import Actor
from .order_choices import Picked, PickedOption, in_currency
from .order_figures import Figures, account_type, figures
from .order_records import listed_in, tell_sums
from .services import Chosen

ON = {Starts.AT_ONCE: None, Starts.PAID: WaitsFor.PAYMENT, Starts.STAFF: WaitsFor.ACTIVATION}


class TotalHasChanged(BillingError):
    """It would come to something else than was shown; `now` is what."""

    def __init__(self, now: Money) -> None:
        super().__init__(f"It comes to {now} now: days, prices or taxes have changed since. Look at it once more.")
        self.now = now


def picked_of(order: Order, currency: str = "") -> Picked:
    """What was picked, at the prices of the day it was ordered; for an account of another currency than it was ordered
    in, at today's prices in that currency if all of it has one. Raises BillingError where it is not sold any more."""
    chosen = order.chosen
    package = db.session.get(Package, chosen["package_id"])
    if package is None or package.archived:
        raise BillingError(f"{chosen['package']} is not sold any more.")
    known = {option.id: option for option in package.options}
    price = _price(order)
    found = [_option(order, one, known) for one in chosen["options"]]
    picked = Picked(cast(Any, SimpleNamespace(package=package, package_id=package.id)), price, tuple(found))
    return picked if currency in ("", order.currency) else in_currency(picked, currency) or picked


def figures_of(order: Order, form: OrderForm, on: date, buyer: Customer | None = None) -> Figures:
    """What the order comes to if it is accepted on that day, for its customer or else for `buyer`. Raises
    BillingError."""
    who = order.customer or buyer
    return figures(
        form, picked_of(order, who.currency if who else ""), on=on, coupon=order.coupon, buyer=who,
        details=order.details,
    )  # fmt: skip


def make(
    order: Order,
    form: OrderForm,
    *,
    seen: int | None = None,
    known: Figures | None = None,
    nobody: bool = False,
    login: bool = True,
    proven: bool = True,
    by: Actor,
) -> None:
    """Make what was ordered; the order's customer, login, service and invoice are told on it.

    `seen` are the minor units that whoever says yes was shown; None where it is what the order says or staff decide.
    `known` are the figures where they were worked out just now; `nobody`: it was looked up just now that no login has
    the e-mail address. Without `login` a new customer gets none; unless it is `proven` that the address is theirs, who
    signs in with it is asked first. Raises TotalHasChanged and what the rules of
    customers, services, codes and bills raise. Flushes.
    """
    system = replace(by, permissions=None)
    found = known or figures_of(order, form, by.today)
    if seen is not None and seen != found.total.minor:
        raise TotalHasChanged(found.total)
    with db.session.no_autoflush:  # the order is written once, at the end
        customer, group = (order.customer, None) if order.customer else _customer(order, form, system)
        if login and order.customer is None:
            _let_in(order, customer, nobody, proven, system)
        order.invoice_id, billed = _made(order, form, customer, group, found, system)
        _check_total(customer, billed, found)
        order.customer, order.customer_id = customer, customer.id
        tell_sums(order, found)


def _made(
    order: Order, form: OrderForm, customer: Customer, group: BillingGroup | None, found: Figures, by: Actor
) -> tuple[int | None, Money]:
    """The id of the first bill, None where there is none, and what it comes to."""
    nothing = Money.zero(found.total.currency)
    if not found.picked.recurs:
        free = customer.payment_method == PaymentMethod.FREE
        if free:
            return None, nothing
        invoice = order_once.bill(
            customer, found.picked, found.tables, total=found.total, coupon=order.coupon, by=by
        )  # fmt: skip
        return (invoice.id, invoice.total) if invoice else (None, nothing)
    service = _service(order, form, customer, group, found, by)
    order.service_id = service.id
    if found.trial_until:
        return None, nothing
    bill = pending.bill_first(service, tables=found.tables, by=by)
    return bill.invoice_id, bill.amount


def _price(order: Order) -> Any:
    chosen, currency = order.chosen, listed_in(order)
    fee = chosen["setup_fee_minor"]
    return SimpleNamespace(
        months=chosen["months"], days=chosen["days"], currency=currency, price_minor=chosen["price_minor"],
        setup_fee_minor=fee, price=Money(chosen["price_minor"], currency), setup_fee=Money(fee, currency),
    )  # fmt: skip


def _option(order: Order, one: Any, known: dict[int, PackageOption]) -> PickedOption:
    option = known.get(one["option_id"])
    if option is None:
        raise BillingError(f"{one['name']} is not an option of {order.chosen['package']} any more.")
    return PickedOption(option, one["value"], Decimal(one["quantity"]), Money(one["price_minor"], listed_in(order)))


def _customer(order: Order, form: OrderForm, by: Actor) -> tuple[Customer, BillingGroup]:
    """The new customer."""
    standard, own = order_fields.for_customer(order.details)
    business = standard.get("company_name", "")
    values = {
        **standard,
        "name": business or order.name,
        "contact_name": order.name if business else "",
        "account_type": account_type(order.details),
        "currency": order.currency,
        "language": order.language,
        "registration_ip": order.address,
        **{name: getattr(form, name) for name in ("project_id", "group_id") if getattr(form, name)},
    }
    customer, group = customers.create_with_group(values, allow_duplicate=True, by=by)
    if own:
        custom_fields.set_values(customer, own, by=by)
    return customer, group


def _let_in(order: Order, customer: Customer, nobody: bool, proven: bool, by: Actor) -> None:
    """Its login, which gets a password by link; one that has the address already reaches this customer too, or is
    invited to."""
    access, _new = portal_users.add(
        customer, order.email, name=order.name, first=True, nobody=nobody, asked=not proven, by=by
    )
    order.made_login, order.mailed_at = nobody, order.mailed_at or by.at
    order.portal_user, order.portal_user_id = access.portal_user, access.portal_user_id


def _service(
    order: Order, form: OrderForm, customer: Customer, group: BillingGroup | None, found: Figures, by: Actor
) -> Service:
    picked = found.picked
    waits_for = ON[form.starts]
    if picked.package.trial_days and waits_for == WaitsFor.PAYMENT:
        waits_for = None  # there is nothing to pay before it is tried
    service = services.start(
        customer,
        picked.package,
        start=by.today,
        price=picked.price.price,
        months=picked.price.months,
        days=picked.price.days,
        anchor_day=form.anchor_day if picked.price.months else None,
        billing_group=group,
        options=[Chosen(one.option, value=one.value, quantity=one.quantity, price=one.price) for one in picked.options],
        setup_fee=picked.price.setup_fee,
        waits_for=waits_for,
        bill=False,
        converted=picked.price.currency != customer.currency,
        by=by,
    )
    if order.coupon:
        coupons.redeem(order.coupon, customer, service=service, by=by)
    return service


def _check_total(customer: Customer, billed: Money, found: Figures) -> None:
    """The last guard: what is billed is what was shown."""
    if customer.payment_method != PaymentMethod.FREE and billed != found.total:
        raise TotalHasChanged(billed)
