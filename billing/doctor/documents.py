"""Documents: they add up, their numbers have no gap, and nothing on an issued one has changed since."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, String, and_, case, func, literal, or_, select, type_coerce, union_all

from billing.renewals.safety import MOST_LINES_A_SERVICE
from models import Invoice, InvoiceLine, InvoiceState, InvoiceTax, LineKind, Quote, Series

from .checks import Check, Query, Scope
from .fingerprints import changed_documents
from .money import INVOICES, total
from .sql import as_text, micro_per_minor, rounded, whole

FROZEN = Invoice.state != InvoiceState.DRAFT
LINES = "invoice line", "invoice lines"
BY_NUMBER = Invoice, Quote
SERIES = "number series", "number series"


def wrong_sums(scope: Scope) -> Query:
    """I04: total = net + tax; net (or, where prices include tax, total) = Σ lines − discount; tax = Σ taxes; the
    lines' shares of the document's discount are that discount. Each in the document's currency."""
    lines, taxes = _sums(InvoiceLine, InvoiceLine.amount_minor), _sums(InvoiceTax, InvoiceTax.tax_minor)
    shares = _sums(InvoiceLine, InvoiceLine.document_discount_minor)
    of_lines = case((Invoice.prices_include_tax, Invoice.total_minor), else_=Invoice.net_minor)
    return (
        select(Invoice.id, Invoice.number)
        .outerjoin(lines, and_(lines.c.invoice_id == Invoice.id, lines.c.currency == Invoice.currency))
        .outerjoin(taxes, and_(taxes.c.invoice_id == Invoice.id, taxes.c.currency == Invoice.currency))
        .outerjoin(shares, and_(shares.c.invoice_id == Invoice.id, shares.c.currency == Invoice.currency))
        .where(
            FROZEN,
            or_(
                Invoice.net_minor + Invoice.tax_minor != Invoice.total_minor,
                func.coalesce(lines.c.amount, 0) - Invoice.discount_minor != of_lines,
                func.coalesce(shares.c.amount, 0) != Invoice.discount_minor,
                func.coalesce(taxes.c.amount, 0) != Invoice.tax_minor,
            ),
        )
    )


def _minor(column: Any) -> Any:
    return type_coerce(column, BigInteger)


def _sums(rows: Any, amount: Any) -> Any:
    sums = select(rows.invoice_id, rows.currency, total(amount).label("amount"))
    return sums.group_by(rows.invoice_id, rows.currency).subquery()


def wrong_taxes(scope: Scope) -> Query:
    """I04: each rate's tax is worked out once on the sum of its lines (SPEC 3.6); category O is out of scope.

    Of the credit notes that name one invoice this holds for all of them together: see doctor.credit_notes.
    """
    per_rate = taxes_by_rate(Invoice.id, or_(Invoice.kind != "credit_note", Invoice.original_id.is_(None)))
    joined = select(Invoice.id, Invoice.number).join(per_rate, per_rate.c.owner == Invoice.id)
    return joined.where(FROZEN, ~right_tax(per_rate, scope)).distinct()


def taxes_by_rate(owner: Any, *which: Any) -> Any:
    """Per `owner` (a column of invoice), category and rate: the sum of the lines, and what is stored as taxable and
    tax. Of the documents of which `which` holds."""
    after_discount = _minor(InvoiceLine.amount_minor) - _minor(InvoiceLine.document_discount_minor)
    lines = (
        select(owner, InvoiceLine.tax_category, type_coerce(InvoiceLine.tax_rate, BigInteger),
               after_discount.label("line"), literal(0).label("taxable"), literal(0).label("tax"))
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .where(InvoiceLine.tax_category != "O", *which)
    )  # fmt: skip
    taxes = (
        select(owner, InvoiceTax.category, type_coerce(InvoiceTax.rate, BigInteger), literal(0),
               InvoiceTax.taxable_minor, InvoiceTax.tax_minor)
        .join(Invoice, Invoice.id == InvoiceTax.invoice_id)
        .where(*which)
    )  # fmt: skip
    whose, category, rate, line, taxable, tax = union_all(lines, taxes).subquery().c
    sums = total(line).label("lines"), total(taxable).label("taxable"), total(tax).label("tax")
    return select(whose.label("owner"), rate.label("rate"), *sums).group_by(whose, category, rate).subquery()


def right_tax(per_rate: Any, scope: Scope) -> Any:
    """Whether what is stored is the rate on the lines, for documents joined as Invoice."""
    amount, percent = whole(per_rate.c.lines, scope), whole(per_rate.c.rate, scope)
    hundred = 1_000_000  # rates have four decimals
    gross_tax = rounded(amount * percent, hundred + percent, scope)
    net_tax = rounded(amount * percent, hundred, scope)
    inclusive = and_(per_rate.c.taxable + per_rate.c.tax == per_rate.c.lines, per_rate.c.tax == gross_tax)
    exclusive = and_(per_rate.c.taxable == per_rate.c.lines, per_rate.c.tax == net_tax)
    return case((Invoice.prices_include_tax, inclusive), else_=exclusive)


def wrong_line_amounts(scope: Scope) -> Query:
    """I04: quantity × price, rounded once, less the discount; a line for a period may be a share of that, never more.

    A quantity typed as a fraction is worked out with the fraction: the whole number nearest quantity × quantity_per,
    over quantity_per.
    """
    quantity, price = whole(InvoiceLine.quantity, scope), whole(InvoiceLine.unit_price_micro, scope)
    per, micro = whole(InvoiceLine.quantity_per, scope), micro_per_minor(InvoiceLine.currency)
    of_fraction = rounded(rounded(quantity * per, 1_000_000, scope) * price, micro * per, scope)
    of_number = rounded(quantity * price, micro * 1_000_000, scope)
    full = case((InvoiceLine.quantity_per.is_not(None), of_fraction), else_=of_number)
    discount = _minor(InvoiceLine.discount_minor)
    amount = _minor(InvoiceLine.amount_minor) + discount
    share = case((full >= 0, amount.between(0, full)), else_=amount.between(full, 0))
    worked_out = or_(amount == full, and_(InvoiceLine.period_start.is_not(None), share))
    within = or_(discount == 0, and_(discount > 0, discount <= amount))
    right = and_(worked_out, within, InvoiceLine.document_discount_minor >= 0)
    shown = Invoice.number + literal(" line ", String) + as_text(InvoiceLine.position)
    return select(InvoiceLine.id, shown).join(Invoice, Invoice.id == InvoiceLine.invoice_id).where(FROZEN, ~right)


def gaps_in_numbers(scope: Scope) -> Query:
    """I15: as many documents as numbers given out, from the first to the counter; no number comes twice by UNIQUE.
    The versions of a quote share theirs."""
    invoices = select(Invoice.series_id, Invoice.sequence).where(Invoice.series_id.is_not(None))
    quotes = select(Quote.series_id, Quote.sequence).where(Quote.series_id.is_not(None)).distinct()
    series_id, sequence = union_all(invoices, quotes).subquery().c
    first, last = func.min(sequence).label("first"), func.max(sequence).label("last")
    drawn = select(series_id, func.count().label("count"), first, last).group_by(series_id).subquery()
    given_out = Series.last_number - Series.first_number + 1
    right = or_(
        and_(drawn.c.count == given_out, drawn.c.first == Series.first_number, drawn.c.last == Series.last_number),
        and_(drawn.c.count.is_(None), given_out == 0),
    )
    year = case((Series.year > 0, literal("-", String) + as_text(Series.year)), else_="")
    joined = select(Series.id, Series.prefix + year).outerjoin(drawn, drawn.c.series_id == Series.id)
    return joined.where(func.coalesce(~right, True))


def wrong_numbers(scope: Scope) -> Query:
    """I15: what is printed ends in the number drawn, of its series; drafts have none."""
    digits = as_text(Invoice.sequence)
    ends = func.substr(Invoice.number, func.length(Invoice.number) - func.length(digits) + 1) == digits
    starts = func.substr(Invoice.number, 1, func.length(Series.prefix)) == Series.prefix
    frozen = and_(Invoice.sequence.is_not(None), Series.id.is_not(None), Invoice.issued_on.is_not(None), starts, ends)
    draft = and_(Invoice.sequence.is_(None), Invoice.series_id.is_(None), Invoice.number.is_(None))
    right = func.coalesce(case((FROZEN, frozen), else_=draft), False)
    joined = select(Invoice.id, func.coalesce(Invoice.number, "draft")).outerjoin(
        Series, Series.id == Invoice.series_id
    )
    return joined.where(~right)


def numbers_before_their_day(scope: Scope) -> Query:
    """I15: numbers of one series rise with their days; only a run that catches up may step back."""
    before = Invoice.__table__.alias("before")
    same = and_(before.c.series_id == Invoice.series_id, before.c.sequence == Invoice.sequence - 1)
    joined = select(Invoice.id, Invoice.number).join(before, same)
    return joined.where(Invoice.issued_at.is_not(None), Invoice.issued_on < before.c.issued_on)


def too_many_lines(scope: Scope) -> Query:
    """I20, the bound of billing.renewals.safety, counted on what was issued."""
    counted = (
        select(InvoiceLine.invoice_id)
        .where(InvoiceLine.service_id.is_not(None))
        .group_by(InvoiceLine.invoice_id, InvoiceLine.service_id)
        .having(func.count() > MOST_LINES_A_SERVICE)
        .distinct()
        .subquery()
    )
    joined = select(Invoice.id, func.coalesce(Invoice.number, "draft"))
    return joined.join(counted, counted.c.invoice_id == Invoice.id)


def negative_invoices(scope: Scope) -> Query:
    """I20: what comes to less than nothing is a credit note."""
    return select(Invoice.id, Invoice.number).where(Invoice.kind == "invoice", FROZEN, Invoice.total_minor < 0)


def set_up_twice(scope: Scope) -> Query:
    """I20: one set-up fee per service and package; the later invoice is named. Runs do not name the package."""
    lines = (
        select(func.max(Invoice.id).label("invoice_id"))
        .join(InvoiceLine, InvoiceLine.invoice_id == Invoice.id)
        .where(
            InvoiceLine.kind == LineKind.SETUP,
            Invoice.state == InvoiceState.ISSUED,
            InvoiceLine.service_id.is_not(None),
        )
        .group_by(InvoiceLine.service_id, InvoiceLine.package_id)
        .having(func.count() > 1)
        .subquery()
    )
    return select(Invoice.id, Invoice.number).join(lines, lines.c.invoice_id == Invoice.id).distinct()


CHECKS = (
    Check("I04", INVOICES, "whose total, lines and taxes do not add up", wrong_sums),
    Check("I04", INVOICES, "with a tax that is not its rate on its lines", wrong_taxes),
    Check("I04", LINES, "whose amount is not quantity times price", wrong_line_amounts),
    Check("I15", SERIES, "with a gap: documents and numbers given out differ", gaps_in_numbers),
    Check("I15", INVOICES, "with a number that is not the one drawn", wrong_numbers),
    Check("I15", INVOICES, "by hand dated before the number drawn before it", numbers_before_their_day),
    Check("I16", INVOICES, "changed after being issued", changed_documents),
    Check("I20", INVOICES, "with too many lines for one service", too_many_lines),
    Check("I20", INVOICES, "below zero", negative_invoices),
    Check("I20", INVOICES, "with a set-up fee that was billed before", set_up_twice),
)
