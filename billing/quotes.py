"""Quotes up to the answer: drafts are free, what is sent is frozen and numbered, a change is a new version of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import delete as deletion
from sqlalchemy import select

from models import (
    BillingError,
    BillingGroup,
    Company,
    Customer,
    CustomerStatus,
    Money,
    Payer,
    Quote,
    QuoteLine,
    QuoteState,
    QuoteTax,
    db,
)

from . import audit, company, numbering, parties, payers, quote_checks, quote_content, quote_drafts, quote_lines
from .actor import Actor
from .balances import ChangedMeanwhile
from .document_lines import WorkedOut
from .prices import check_day
from .quote_drafts import quotes_first as quotes_first
from .quote_lines import QuoteItem
from .texts import many_lines, one_line

REVISABLE = frozenset(
    {QuoteState.SENT, QuoteState.ACCEPTED, QuoteState.DECLINED, QuoteState.EXPIRED, QuoteState.WITHDRAWN}
)
LONGEST_DAYS = 366
"""Days a quote may be valid."""


class InvalidQuote(BillingError):
    """A quote cannot be like that. `field` names what is wrong, where it is one thing."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


class WrongState(InvalidQuote):
    """This cannot be done with a quote in its state."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything its writer chooses. `valid_until` is the last day it can be accepted (without one, as many days
    after sending as the settings say), `starts_on` the first day of its services (without one, the day it is
    accepted); `discount_percent` or `discount` is off the whole."""

    items: Sequence[QuoteItem] = ()
    title: str = ""
    note: str = ""
    terms: str = ""
    internal_note: str = ""
    po_number: str = ""
    valid_until: date | None = None
    starts_on: date | None = None
    billing_group: BillingGroup | None = None
    discount_percent: Decimal | None = None
    discount: Money | None = None
    discount_reason: str = ""


def draft(customer: Customer, offer: Offer, *, by: Actor) -> Quote:
    """A new draft. Raises NotAllowed, InvalidQuote, InvalidLine, InvalidText. Flushes."""
    by.require("quotes.edit")
    quote_drafts.check_on()
    if customer.status == CustomerStatus.ARCHIVED:
        raise InvalidQuote(f"{customer.name} is archived. Enable the customer first.", "customer")
    quote = Quote(customer_id=customer.id, currency=customer.currency, created_at=by.at, created_by=by.name)
    quote.customer = customer
    with db.session.no_autoflush:
        _fill(quote, offer, by)
    audit.record(by, "quote.drafted", quote, after=_summary(quote))
    db.session.flush()
    return quote


def edit(quote: Quote, offer: Offer, *, seen: int, told: bool = True, by: Actor) -> Quote:
    """Put this in place of what the draft says. `seen` is the `version` that the writer looked at; `told` False leaves
    no audit event, for what is kept while one types.

    Raises NotAllowed, WrongState, ChangedMeanwhile, InvalidQuote, InvalidLine, InvalidText. Flushes.
    """
    by.require("quotes.edit")
    quote = lock(quote)
    _must_be_draft(quote)
    if quote.version != seen:
        raise ChangedMeanwhile(
            "Somebody else changed this draft meanwhile. Nothing was saved; what you typed is still here. "
            "Open the draft in another window and compare."
        )
    before = _summary(quote)
    quote.version += 1
    _fill(quote, offer, by)
    after = _summary(quote)
    if told and before != after:
        audit.record(by, "quote.changed", quote, before=before, after=after)
        db.session.flush()
    return quote


def preview(customer: Customer, offer: Offer, *, on: date) -> tuple[list[QuoteItem], WorkedOut]:
    """The lines of this as a quote keeps them, and what they would come to on that day. Writes nothing. Raises as
    `draft` does."""
    payer = payers.billed(customer, offer.billing_group)
    items = quote_checks.tidy(offer.items, customer)
    return items, _worked_out(customer, payer, items, offer, on)


def set_internal_note(quote: Quote, text: str, *, by: Actor) -> None:
    """What staff want to remember about it; on no document, so it may change at any time. Flushes."""
    by.require("quotes.edit")
    before, quote.internal_note = quote.internal_note, many_lines(text, "The internal note")
    if before != quote.internal_note:
        audit.record(by, "quote.note_changed", quote)
    db.session.flush()


def delete(quote: Quote, *, by: Actor) -> None:
    """Delete a draft; whatever it would have revised stays. Raises NotAllowed, WrongState. Flushes."""
    by.require("quotes.edit")
    quote = lock(quote)
    _must_be_draft(quote)
    audit.record(by, "quote.deleted", quote, before=_summary(quote))
    for table in (QuoteLine, QuoteTax):
        db.session.execute(deletion(table).where(table.quote_id == quote.id))
    db.session.expire(quote, ["lines", "taxes"])
    db.session.delete(quote)
    db.session.flush()


def copy(quote: Quote, *, customer: Customer | None = None, by: Actor) -> Quote:
    """A new draft with the same words and lines, for the same customer or another one of the same currency; it is
    valid for as long as new quotes are. Raises as `draft` does. Flushes."""
    to = customer or quote.customer
    if to.currency != quote.currency:
        raise InvalidQuote(
            f"{to.name}'s account is kept in {to.currency}, this quote is in {quote.currency}. Write a new one."
        )
    offer = replace(offer_of(quote), valid_until=None, starts_on=None)
    if customer is not None and customer.id != quote.customer_id:
        offer = replace(offer, billing_group=None, internal_note="", po_number="")
    return draft(to, offer, by=by)


def send(quote: Quote, *, by: Actor) -> Quote:
    """Number and freeze a draft as of today: buyer, seller, tax and words stay what they are now. The version it
    revises can no longer be accepted. Bringing it to the customer is messaging.quote_mail's part.

    Raises NotAllowed, WrongState, InvalidQuote, and what its lines may raise. Flushes.
    """
    by.require("quotes.edit")
    quote = lock(quote)
    _must_be_draft(quote)
    seller = company.settings()
    _check_sendable(quote, by.today)
    offer = offer_of(quote)
    quote.valid_until = quote.valid_until or by.today + timedelta(days=company.value("quote_days"))
    _fill(quote, replace(offer, valid_until=quote.valid_until), by)
    if quote.total_minor < 0:
        raise InvalidQuote("A quote cannot come to less than nothing. Look at the amounts.")
    _supersede(quote, by)
    series_id, sequence, number = _number(quote, seller, by.today)
    payer = db.session.get(Payer, quote.payer_id) if quote.payer_id else None
    rows = quote.lines, quote.taxes  # read now: the fingerprint is made while nothing may be written
    with db.session.no_autoflush:  # the database takes number, state and fingerprint together only
        quote.buyer, quote.seller = parties.buyer(quote.customer, payer), parties.seller(seller, quote.customer.project)
        quote.series_id, quote.sequence, quote.number = series_id, sequence, number
        quote.sent_on, quote.state = by.today, QuoteState.SENT
        quote.content_hash = quote_content.of(quote)
    del rows
    db.session.flush()
    after = {"number": quote.number, "total_minor": quote.total_minor, "valid_until": quote.valid_until.isoformat()}
    audit.record(by, "quote.sent", quote, after=after)
    db.session.flush()
    return quote


def withdraw(quote: Quote, reason: str = "", *, by: Actor) -> Quote:
    """Take back a quote that waits for an answer: it can no longer be accepted. Raises NotAllowed, WrongState."""
    by.require("quotes.edit")
    quote = lock(quote)
    if quote.state != QuoteState.SENT:
        raise WrongState(f"{quote} {STATES[quote.state]}; only a quote that waits for an answer can be withdrawn.")
    quote.state = QuoteState.WITHDRAWN
    audit.record(by, "quote.withdrawn", quote, after={"reason": one_line(reason, 200, "The reason", empty=True)})
    db.session.flush()
    return quote


def revise(quote: Quote, *, by: Actor) -> Quote:
    """A draft of the next version of a quote. The quote itself stays as it is until that version is sent. If there is
    such a draft already, it is that one. Raises NotAllowed, WrongState. Flushes."""
    by.require("quotes.edit")
    quote_drafts.check_on()
    quote = lock(quote)
    if quote.state not in REVISABLE or quote.invoice_id is not None:
        raise WrongState(f"{quote} {_why_not_revisable(quote)}.")
    known = db.session.scalar(select(Quote).where(Quote.revises_id == quote.id))
    if known is not None:
        return known
    made = draft(quote.customer, replace(offer_of(quote), valid_until=None), by=by)
    made.revises_id = quote.id
    made.revision = quote.revision + 1
    audit.record(by, "quote.revised", quote, after={"revision": made.revision})
    db.session.flush()
    return made


def offer_of(quote: Quote) -> Offer:
    """What the writer of this quote chose."""
    fixed = quote.discount_minor and quote.discount_percent is None
    return Offer(
        items=quote_lines.items_of(quote),
        billing_group=db.session.get(BillingGroup, quote.billing_group_id) if quote.billing_group_id else None,
        discount=quote.discount if fixed else None,
        **{name: getattr(quote, name) for name in (*_TEXTS, "valid_until", "starts_on", "discount_percent")},
    )


def lock(quote: Quote) -> Quote:
    """The quote as it is now, locked until the transaction ends."""
    locked = select(Quote).where(Quote.id == quote.id).with_for_update(key_share=True)
    found = db.session.scalars(locked.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise WrongState("This quote is not there any more. Somebody else deleted it.")
    return found


_TEXTS = ("title", "note", "terms", "internal_note", "po_number", "discount_reason")
STATES = {
    QuoteState.DRAFT: "is a draft",
    QuoteState.SENT: "was sent",
    QuoteState.ACCEPTED: "was accepted",
    QuoteState.DECLINED: "was declined",
    QuoteState.EXPIRED: "has expired",
    QuoteState.WITHDRAWN: "was withdrawn",
    QuoteState.SUPERSEDED: "was replaced by a newer version",
}


def _must_be_draft(quote: Quote) -> None:
    if quote.state != QuoteState.DRAFT:
        raise WrongState(f"{quote} {STATES[quote.state]} and stays as it is. To change it, write a new version of it.")


def _why_not_revisable(quote: Quote) -> str:
    if quote.invoice_id is not None:
        return "became an invoice already. Copy it to write a new quote"
    return f"{STATES[quote.state]}. Go on with that one"


def _fill(quote: Quote, offer: Offer, by: Actor) -> None:
    """Write the offer into a draft, with its sums as of today."""
    customer = quote.customer
    group = offer.billing_group
    if group is not None and group.customer_id != customer.id:
        raise InvalidQuote(f"The billing group {group.name} belongs to another customer.", "billing_group")
    _check_days(offer, by.today)
    if quote.currency != customer.currency:
        raise InvalidQuote(f"{customer.name}'s account is kept in {customer.currency} now. Write a new quote.")
    quote.title = one_line(offer.title, 200, "The title", empty=True)
    quote.po_number = one_line(offer.po_number, 60, "The order number", empty=True)
    quote.discount_reason = one_line(offer.discount_reason, 200, "The reason of the discount", empty=True)
    quote.note, quote.terms = many_lines(offer.note, "The note"), many_lines(offer.terms, "The terms")
    quote.internal_note = many_lines(offer.internal_note, "The internal note")
    quote.valid_until, quote.starts_on = offer.valid_until, offer.starts_on
    payer = payers.billed(customer, group)
    quote.billing_group_id, quote.payer_id = group.id if group else None, payer.id if payer else None
    items = quote_checks.tidy(offer.items, customer)
    worked = _worked_out(customer, payer, items, offer, by.today)
    quote.prices_include_tax = company.settings().prices_include_tax
    quote.discount_percent = offer.discount_percent
    db.session.add(quote)
    db.session.flush()
    quote_lines.write(quote, items, worked)


def _worked_out(
    customer: Customer, payer: Payer | None, items: Sequence[QuoteItem], offer: Offer, on: date
) -> WorkedOut:
    off = {"discount_percent": offer.discount_percent, "discount": offer.discount}
    return quote_lines.priced(items, customer, payer, on=on, **off)  # type: ignore[arg-type]


def _check_days(offer: Offer, today: date) -> None:
    until, start = offer.valid_until, offer.starts_on
    if until is not None and (until - today).days > LONGEST_DAYS:
        raise InvalidQuote("A quote is valid for a year at the most. Choose an earlier day.", "valid_until")
    if start is not None:
        check_day(start, today, "The start of the services")


def _check_sendable(quote: Quote, today: date) -> None:
    if not quote.lines:
        raise InvalidQuote("There is nothing on this quote yet. Add a line, then send it.")
    if quote.valid_until is not None and quote.valid_until < today:
        raise InvalidQuote("It was valid until a day that has passed. Choose a later day, then send it.", "valid_until")
    if quote.customer.status == CustomerStatus.ARCHIVED:
        raise InvalidQuote(f"{quote.customer.name} is archived. Enable the customer first.")


def _supersede(quote: Quote, by: Actor) -> None:
    """The version before, if it can still be answered, cannot any more."""
    if quote.revises_id is None:
        return
    before = lock(db.session.get_one(Quote, quote.revises_id))
    if before.invoice_id is not None:
        raise WrongState(f"{before} became an invoice meanwhile. Delete this draft, or copy it to write a new quote.")
    was, before.state = before.state, QuoteState.SUPERSEDED
    audit.record(by, "quote.superseded", before, before={"state": str(was)}, after={"revision": quote.revision})


def _number(quote: Quote, seller: Company, on: date) -> tuple[int, int, str]:
    """(series, sequence, number) of the quotes' own series; a later version keeps them and says which version it is."""
    if quote.revises_id is None:
        series_id, sequence = numbering.take(seller, on, 1, "quote")
        return series_id, sequence, numbering.written(seller, on, sequence, "quote")
    before = db.session.get_one(Quote, quote.revises_id)
    assert before.series_id is not None and before.sequence is not None
    same = (Quote.series_id == before.series_id, Quote.sequence == before.sequence)
    first = db.session.scalars(select(Quote.number).where(*same, Quote.revision == 1)).one()
    return before.series_id, before.sequence, f"{first}/{quote.revision}"


def _summary(quote: Quote) -> dict[str, str | int | None]:
    return {
        "title": quote.title,
        "lines": "; ".join(line.description for line in quote.lines)[:400],
        "total_minor": quote.total_minor,
        "currency": quote.currency,
        "valid_until": quote.valid_until.isoformat() if quote.valid_until else None,
    }
