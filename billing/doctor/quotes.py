"""Quotes: what was sent stays as it was, in a row without gaps, and what was accepted is what was billed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select

from billing import quote_content
from models import Invoice, LineKind, Quote, QuoteLine, QuoteState, QuoteTax, Renewal, Service, db

from .checks import Check, Query, Scope
from .money import total

QUOTES = "quote", "quotes"
CHUNK = 1000
SLACK = timedelta(days=3)
"""Days a quote may wait past its last one: the scheduler may have been off."""
NAME = func.coalesce(Quote.number, "draft")


def changed_quotes(scope: Scope) -> Iterator[tuple[int, str]]:
    """I60: quotes that were sent, whose content is not what was hashed."""
    past = 0
    while rows := _documents(past):
        first, past = rows[0][0], rows[-1][0]
        lines = _children(QuoteLine, (*quote_content.LINE, *quote_content.FURTHER_LINE), "position", first, past)
        taxes = _children(QuoteTax, quote_content.TAX, "id", first, past)
        for key, stored, *shown in rows:
            if quote_content.fingerprint(shown, lines.get(key, ()), taxes.get(key, ())) != stored:
                yield key, shown[0]


def _documents(past: int) -> Sequence[Any]:
    columns = [getattr(Quote, name) for name in quote_content.DOCUMENT]
    sent = select(Quote.id, Quote.content_hash, *columns).where(Quote.id > past, Quote.number.is_not(None))
    return db.session.execute(sent.order_by(Quote.id).limit(CHUNK)).all()


def _children(model: Any, names: Sequence[str], order: str, first: int, last: int) -> dict[int, list[Sequence[Any]]]:
    columns = [getattr(model, name) for name in names]
    mine = select(model.quote_id, *columns).where(model.quote_id.between(first, last))
    found: dict[int, list[Sequence[Any]]] = defaultdict(list)
    for key, *values in db.session.execute(mine.order_by(model.quote_id, getattr(model, order))):
        found[key].append(values)
    return found


def wrong_sums(scope: Scope) -> Query:
    """I60: total = net + tax; net (or, where prices include tax, total) = lines − discount; tax = Σ taxes."""
    lines = _sums(QuoteLine, QuoteLine.amount_minor)
    shares = _sums(QuoteLine, QuoteLine.document_discount_minor)
    taxes = _sums(QuoteTax, QuoteTax.tax_minor)
    joined = select(Quote.id, NAME)
    for sums in (lines, shares, taxes):
        joined = joined.outerjoin(sums, sums.c.quote_id == Quote.id)
    of_lines = func.coalesce(lines.c.amount, 0) - Quote.discount_minor
    wrong = or_(
        Quote.net_minor + Quote.tax_minor != Quote.total_minor,
        and_(Quote.prices_include_tax, of_lines != Quote.total_minor),
        and_(~Quote.prices_include_tax, of_lines != Quote.net_minor),
        func.coalesce(shares.c.amount, 0) != Quote.discount_minor,
        func.coalesce(taxes.c.amount, 0) != Quote.tax_minor,
    )
    return joined.where(wrong)


def _sums(rows: Any, amount: Any) -> Any:
    return select(rows.quote_id, total(amount).label("amount")).group_by(rows.quote_id).subquery()


def billed_otherwise(scope: Scope) -> Query:
    """I61: the invoice of an accepted quote is the same customer's and comes to the same."""
    same = and_(
        Invoice.customer_id == Quote.customer_id,
        Invoice.currency == Quote.currency,
        Invoice.net_minor == Quote.net_minor,
        Invoice.tax_minor == Quote.tax_minor,
        Invoice.total_minor == Quote.total_minor,
    )
    return select(Quote.id, NAME).join(Invoice, Invoice.id == Quote.invoice_id).where(~same)


def not_started(scope: Scope) -> Query:
    """I61: every package of an invoiced quote runs, or ran, as a service of that customer that was billed for, or is
    free to try."""
    renewed = select(Renewal.id).where(Renewal.service_id == QuoteLine.service_id)
    running = select(Service.id).where(Service.id == QuoteLine.service_id, Service.customer_id == Quote.customer_id)
    joined = select(Quote.id, NAME).join(QuoteLine, QuoteLine.quote_id == Quote.id)
    invoiced = joined.where(Quote.invoice_id.is_not(None), QuoteLine.kind == LineKind.SERVICE)
    unbilled = and_(QuoteLine.trial_days == 0, ~renewed.exists())
    return invoiced.where(or_(~running.exists(), unbilled)).distinct()


def unmoved(scope: Scope) -> Query:
    """I36: what nobody answered in time has expired."""
    day = (scope.at - SLACK).date()
    return select(Quote.id, NAME).where(Quote.state == QuoteState.SENT, Quote.valid_until < day)


def two_in_force(scope: Scope) -> Query:
    """I60: of the versions of a quote one can be accepted, or was, at the most."""
    living = Quote.state.in_((QuoteState.SENT, QuoteState.ACCEPTED))
    twice = (
        select(func.max(Quote.id).label("id"))
        .where(living, Quote.sequence.is_not(None))
        .group_by(Quote.series_id, Quote.sequence)
        .having(func.count() > 1)
        .subquery()
    )
    return select(Quote.id, NAME).join(twice, twice.c.id == Quote.id)


CHECKS = (
    Check("I36", QUOTES, "waiting for an answer though their last day is over", unmoved),
    Check("I60", QUOTES, "changed after being sent", changed_quotes),
    Check("I60", QUOTES, "whose total, lines and taxes do not add up", wrong_sums),
    Check("I60", QUOTES, "in force beside another version", two_in_force),
    Check("I61", QUOTES, "billed with another amount than was accepted", billed_otherwise),
    Check("I61", QUOTES, "invoiced without a service for each package", not_started),
)
