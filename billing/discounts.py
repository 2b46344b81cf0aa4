"""Discounts: making and changing them, and the one that wins for a line. The rule itself is in discount_rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import delete, select

from models import (
    Coupon,
    Customer,
    Discount,
    DiscountAmount,
    DiscountUse,
    Invoice,
    InvoiceLine,
    LineKind,
    Money,
    Service,
    db,
)

from . import audit
from .actor import Actor
from .discount_rules import Cut, cut
from .discount_table import CustomerDiscounts, DiscountTable, Sold
from .discount_terms import DEFAULTS, DiscountRefused, amounts_of, packages_of, read
from .document_lines import LineInput
from .money import UnitPrice, decimals_of
from .periods import BillingPeriod

_UNSAID = {name: ("", None, value) for name, value in audit.plain(DEFAULTS).items()}
"""What goes without saying of a new discount."""


def create(
    values: Mapping[str, Any], *, packages: Iterable[int] = (), amounts: Sequence[Money] = (), by: Actor
) -> Discount:
    """A new discount. `values` are columns of Discount, `packages` ids, `amounts` one per currency for an amount off or
    a special price. Raises DiscountRefused, NotAllowed."""
    by.require("discounts.edit")
    discount = Discount(**read({**DEFAULTS, **values}, amounts))
    discount.packages = packages_of(discount, packages)
    discount.amounts = amounts_of(discount, amounts)
    db.session.add(discount)
    db.session.flush()
    after = {name: value for name, value in _summary(discount).items() if value not in _UNSAID.get(name, ("", None))}
    audit.record(by, "discount.created", discount, after=after)
    return discount


def change(
    discount: Discount,
    values: Mapping[str, Any],
    *,
    packages: Iterable[int] = (),
    amounts: Sequence[Money] = (),
    seen: int | None = None,
    by: Actor,
) -> None:
    """Change a discount for the bills to come; what was billed stays as it is. `seen` is the version that the person
    saw. Raises DiscountRefused, NotAllowed."""
    by.require("discounts.edit")
    if seen is not None and seen != discount.version:
        raise DiscountRefused("Somebody changed this discount since you opened it. Load the page again and look first.")
    before = _summary(discount)
    kept = {name: getattr(discount, name) for name in DEFAULTS}
    for name, value in read({**kept, **values}, amounts).items():
        if getattr(discount, name) != value:
            setattr(discount, name, value)
    found = packages_of(discount, packages)
    if {one.id for one in found} != {one.id for one in discount.packages}:
        discount.packages = found
    _set_amounts(discount, amounts)
    db.session.flush()
    after = _summary(discount)
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        was, now = ({name: of[name] for name in changed} for of in (before, after))
        audit.record(by, "discount.changed", discount, before=was, after=now)
        db.session.flush()


def switch(discount: Discount, on: bool, *, by: Actor) -> None:
    """Let it apply, or not for now. Raises NotAllowed."""
    by.require("discounts.edit")
    if discount.active is not on:
        discount.active = on
        audit.record(by, "discount.switched_on" if on else "discount.switched_off", discount)
        db.session.flush()


def archive(discount: Discount, *, by: Actor) -> None:
    """It applies no more and leaves the list; what it took off stays to be read. Raises NotAllowed."""
    by.require("discounts.edit")
    if discount.archived_on is None:
        discount.archived_on = by.today
        audit.record(by, "discount.archived", discount)
        db.session.flush()


def restore(discount: Discount, *, by: Actor) -> None:
    """Let an archived one apply again. Raises NotAllowed."""
    by.require("discounts.edit")
    if discount.archived_on is not None:
        discount.archived_on = None
        audit.record(by, "discount.restored", discount)
        db.session.flush()


# The one that wins


def best_for(
    customer: Customer,
    price: Money | UnitPrice,
    full: Money,
    *,
    on: date,
    package_id: int | None = None,
    months: int = 0,
    days: int = 0,
    period: BillingPeriod | None = None,
    kind: LineKind = LineKind.SERVICE,
    service: Service | None = None,
    known: CustomerDiscounts | None = None,
) -> Cut | None:
    """What comes off a line for this customer that comes to `full` at `price` for one, or None.

    The package, the billing period (`months` or `days`) and the `service`, where there is one already, say what is
    sold; `period` are the days on the line, without which the day `on` decides. `known` saves reading the customer's
    discounts again for each of several lines. The rule is the one of renewals (discount_rules).
    """
    found = known or DiscountTable().of([customer.id])
    if found is None:
        return None
    sold = Sold(
        customer.id,
        customer.group_id,
        customer.project_id,
        package_id,
        months,
        days,
        service.started_on if service else None,
        service.id if service else None,
    )
    billed = period or BillingPeriod(on, on + timedelta(days=1))
    if isinstance(price, Money):
        return cut(found.live(sold, billed), kind, full, price.minor, billed)
    finer = 10 ** (6 - decimals_of(price.currency))
    return cut(found.live(sold, billed), kind, full, price.micro, billed, per_minor=finer)


def discounted(
    lines: Sequence[LineInput],
    customer: Customer,
    *,
    on: date,
    periods: Sequence[tuple[int, int]] = (),
    code: Coupon | None = None,
) -> list[LineInput]:
    """The same lines, those from the catalogue that carry no discount yet with the one that wins for them.

    For documents by hand, quotes and orders; a person may take it off again. `periods` are the (months, days) that
    each line is billed by, as far as the days on it do not say so. `code` is given in for these lines alone.
    """
    known = DiscountTable().of([customer.id]) if any(_takes(line) for line in lines) else None
    known = known.with_code(code, customer.id, on) if known and code else known
    terms = [*periods, *[(0, 0)] * (len(lines) - len(periods))]
    return [
        _with_discount(line, customer, on, term, known) if known and _takes(line) else line
        for line, term in zip(lines, terms, strict=True)
    ]


def existing(ids: Iterable[int | None]) -> frozenset[int]:
    """Those of the ids that are discounts; what a form names is looked up before it is believed."""
    wanted = {number for number in ids if number is not None}
    return frozenset(db.session.scalars(select(Discount.id).where(Discount.id.in_(wanted)))) if wanted else frozenset()


def record_uses(invoice: Invoice, lines: Sequence[InvoiceLine] | None = None) -> None:
    """Write down what the discounts of an invoice that was just issued took off. `lines` are its own unless given.
    Renewals do it themselves."""
    assert invoice.issued_on is not None
    taken: dict[tuple[int, int | None], list[Any]] = defaultdict(lambda: [date.max, 0])
    for line in invoice.lines if lines is None else lines:
        if line.discount_id is not None:
            row = taken[line.discount_id, line.service_id]
            row[0] = min(row[0], line.period_start or invoice.issued_on)
            row[1] += line.discount_minor
    for (discount_id, service_id), (first_on, minor) in taken.items():
        db.session.add(
            DiscountUse(
                discount_id=discount_id,
                customer_id=invoice.customer_id,
                service_id=service_id,
                invoice_id=invoice.id,
                on=invoice.issued_on,
                first_on=first_on,
                currency=invoice.currency,
                amount_minor=minor,
            )
        )
    db.session.flush()


def _takes(line: LineInput) -> bool:
    return (
        line.package_id is not None
        and line.discount is None
        and line.discount_percent is None
        and line.original_line_id is None
        and line.unit_price.micro > 0
    )


def _with_discount(
    line: LineInput, customer: Customer, on: date, term: tuple[int, int], known: CustomerDiscounts
) -> LineInput:
    quantity = line.quantity.exact if line.share == 1 else line.share * Fraction(line.quantity.exact)
    found = best_for(
        customer,
        line.unit_price,
        line.unit_price.times(quantity),
        on=on,
        package_id=line.package_id,
        months=term[0],
        days=term[1],
        period=line.period,
        kind=line.kind if line.kind in (LineKind.OPTION, LineKind.SETUP) else LineKind.SERVICE,
        service=db.session.get(Service, line.service_id) if line.service_id else None,
        known=known,
    )
    if found is None:
        return line
    return replace(
        line,
        discount_percent=found.percent,
        discount=None if found.percent is not None else Money(found.minor, line.unit_price.currency),
        discount_reason=found.reason,
        discount_id=found.discount_id,
    )


def _summary(discount: Discount) -> dict[str, Any]:
    """Everything about it, for the audit log."""
    values = audit.plain({name: getattr(discount, name) for name in DEFAULTS})
    values["percent"] = f"{discount.percent.normalize():f}" if discount.percent is not None else None
    return {
        **{name: value for name, value in values.items() if name != "active"},
        "packages": ", ".join(sorted(package.name for package in discount.packages)),
        "amounts": ", ".join(sorted(str(amount.amount) for amount in discount.amounts)),
    }


def _set_amounts(discount: Discount, amounts: Sequence[Money]) -> None:
    wanted = amounts_of(discount, amounts)
    if {(a.currency, a.amount_minor) for a in wanted} != {(a.currency, a.amount_minor) for a in discount.amounts}:
        db.session.execute(delete(DiscountAmount).where(DiscountAmount.discount_id == discount.id))
        db.session.expire(discount, ["amounts"])
        discount.amounts = wanted
