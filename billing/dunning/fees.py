"""Late fees: once for each invoice, on what was billed itself and never on another fee."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from sqlalchemy import select

from billing import charges, company, drafts, invoices, next_bills, numbering, services
from billing.actor import Actor
from billing.document_lines import LineInput, unit_price
from billing.drafts import Content
from billing.fx import FxTable, NoExchangeRate
from billing.money import Money, convert
from models import (
    BillingGroup,
    Charge,
    Customer,
    DunningAmount,
    DunningPlan,
    DunningStep,
    FeeKind,
    Invoice,
    InvoiceLine,
    Payer,
    Series,
    db,
)
from models.bulk import among
from models.exact import round_half_away

WORDS = "late_fee_text"
"""The setting that says what stands on the line; {invoice} is the number."""


@dataclass(frozen=True, slots=True)
class Billed:
    """What a fee was billed by: an invoice of its own, or a charge that comes on the next bill."""

    amount: Money
    invoice: Invoice | None = None
    charge: Charge | None = None


def amount(plan: DunningPlan, asked: Money, seller_currency: str, on: date, customer: Customer) -> Money:
    """The fee for an invoice on which `asked` is open, before tax; zero where the plan has no figure for its currency
    and there is no exchange rate either."""
    figures = figures_in(plan, asked.currency, seller_currency, on, customer)
    if plan.fee_kind == FeeKind.PERCENT:
        share = Fraction(plan.fee_percent or 0) / 100
        found = Money(round_half_away(asked.minor * share), asked.currency)
    else:
        found = figures.fee if figures else Money.zero(asked.currency)
    if figures is None:
        return found
    found = max(found, figures.fee_least)
    return min(found, figures.fee_most) if figures.fee_most else found


def figures_in(
    plan: DunningPlan, currency: str, seller_currency: str, on: date, customer: Customer | None
) -> DunningAmount | None:
    """The plan's figures in a currency: its own, else the company's at the day's rate; None without either."""
    known = {row.currency: row for row in plan.amounts}
    base = known.get(seller_currency)
    if currency in known or base is None:
        return known.get(currency)
    who: dict[str, Any] = {"customer_id": customer.id, "group_id": customer.group_id} if customer else {}
    try:
        rate = FxTable().exchange(seller_currency, currency, on, **who).rate
    except NoExchangeRate:
        return None
    names = ("fee", "fee_least", "fee_most", "least_open")
    return DunningAmount(
        currency=currency, **{f"{name}_minor": convert(getattr(base, name), rate, currency).minor for name in names}
    )


def fees_on(invoice_ids: Collection[int]) -> dict[int, int]:
    """How much of these invoices, with tax and in minor units, are late fees for other invoices."""
    gross = InvoiceLine.amount_minor - InvoiceLine.document_discount_minor
    lines = (
        select(InvoiceLine.invoice_id, gross, InvoiceLine.tax_rate, Invoice.prices_include_tax)
        .join(DunningStep, DunningStep.fee_charge_id == InvoiceLine.charge_id)
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .where(among(db.session, InvoiceLine.invoice_id, invoice_ids))
    )
    found: dict[int, int] = {}
    for invoice_id, minor, rate, inclusive in db.session.execute(lines):
        whole = minor if inclusive else round_half_away(Fraction(minor) * (100 + Fraction(rate)) / 100)
        found[invoice_id] = found.get(invoice_id, 0) + whole
    return found


def charge(plan: DunningPlan, invoice: Invoice, fee: Money, on: date, *, by: Actor) -> Billed:
    """Bill a fee for this invoice, on the day `on`: at once, or on the next bill of its billing group."""
    words = str(company.value(WORDS)).replace("{invoice}", str(invoice))[:200]
    group = db.session.get(BillingGroup, invoice.billing_group_id) if invoice.billing_group_id else None
    if group is None or group.closed_on is not None or group.customer_id != invoice.customer_id:
        group = services.main_group(invoice.customer)
    if not plan.fee_invoice:
        starts_on = max(next_bills.next_day(group) or on, on)
        row = charges.add_charge(group, words, fee, starts_on=starts_on, tax_category=plan.fee_tax, by=by)
        return Billed(fee, charge=row)
    line = LineInput(words, unit_price(fee), taxed_as=plan.fee_tax)
    payer = db.session.get(Payer, invoice.payer_id) if invoice.payer_id else None
    draft = drafts.begin(invoice.customer, group=group, of_quote=True, by=by)  # also where invoices come from quotes
    content = Content(lines=(line,), group=group, payer=payer, issued_on=_issue_day(on, by.today))
    draft = drafts.write(draft, content, version=draft.version, told=False, by=by)
    return Billed(fee, invoice=invoices.issue(draft, by=by))


def _issue_day(on: date, today: date) -> date:
    """Its true day, unless a later document has its number already: numbers follow the days."""
    seller = company.settings()
    kind = "proforma" if seller.number_when_paid else "invoice"
    mine = Series.prefix == numbering.style(seller, kind).prefix
    newest = select(Invoice.issued_on).join(Series, Series.id == Invoice.series_id).where(mine)
    last = db.session.scalar(newest.order_by(Invoice.series_id.desc(), Invoice.sequence.desc()).limit(1))
    return min(max(on, last or on), today)
