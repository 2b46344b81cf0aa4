"""What becomes of a quote that was sent: accepted, declined, or over. Each once, and never by looking at it.

The rule itself asks who may answer: somebody who holds a link to this very quote, a portal user who sees the
customer's money, or staff on the customer's word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import select

from models import BillingError, PortalAccess, PortalRight, Quote, QuoteAnswer, QuoteBecomes, QuoteState, db

from . import audit, company, quote_invoices
from .actor import Actor, NotAllowed
from .quote_links import Opened
from .quotes import STATES, InvalidQuote, WrongState, lock
from .texts import many_lines, one_line

CHUNK = 200
LONGEST_COMMENT = 2000
MAY_ANSWER = frozenset({PortalRight.OWNER, PortalRight.BILLING})
"""What a portal user may do for the customer, to be able to answer."""


class TooLate(WrongState):
    """The last day of the quote is over."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What whoever answers says. `agreed`: they ticked that they accept the quote and its terms."""

    name: str
    comment: str = ""
    agreed: bool = False


def accept(quote: Quote, answer: Answer, *, opened: Opened | None = None, by: Actor) -> Quote:
    """The quote is accepted, and becomes what the settings say in the same transaction. If that cannot be done, the
    acceptance stands, and `trouble` says why; a person then makes the invoice.

    `opened` is the link it was read by, for somebody without a login. Raises NotAllowed, WrongState, TooLate,
    InvalidQuote (with `field`), InvalidText. Flushes.
    """
    quote, how = _answerable(quote, opened, by)
    if not answer.agreed:
        raise InvalidQuote("Tick that you accept the quote and its terms.", "agreed")
    _write(quote, QuoteState.ACCEPTED, answer, how, by)
    wanted = company.value("quote_becomes")
    if wanted != QuoteBecomes.NOTHING:
        _make_invoice(quote, wanted == QuoteBecomes.INVOICE, by)
    return quote


def decline(quote: Quote, answer: Answer, *, opened: Opened | None = None, by: Actor) -> Quote:
    """The quote is turned down. Raises as `accept` does. Flushes."""
    quote, how = _answerable(quote, opened, by)
    _write(quote, QuoteState.DECLINED, answer, how, by)
    return quote


def is_open(quote: Quote, today: date) -> bool:
    """Whether it can be answered on that day, in the business's time zone."""
    return quote.state == QuoteState.SENT and quote.valid_until is not None and today <= quote.valid_until


def expire(today: date, *, by: Actor) -> Iterator[int]:
    """Quotes whose last day is over are expired, some hundred at a time; how many each time. The caller commits
    after each."""
    by.require("quotes.edit")
    while True:
        over = (Quote.state == QuoteState.SENT, Quote.valid_until < today)
        some = select(Quote).where(*over).order_by(Quote.valid_until, Quote.id).limit(CHUNK)
        found = db.session.scalars(some.with_for_update(skip_locked=True)).all()
        for quote in found:
            _expire(quote, by)
        db.session.flush()
        if found:
            yield len(found)
        if len(found) < CHUNK:
            return


def expire_one(quote: Quote, *, by: Actor) -> Quote:
    """End a quote that waits for an answer now, before its last day is over. Raises NotAllowed, WrongState."""
    by.require("quotes.edit")
    quote = lock(quote)
    if quote.state != QuoteState.SENT:
        raise WrongState(f"{quote} {STATES[quote.state]}; only a quote that waits for an answer can expire.")
    _expire(quote, by)
    db.session.flush()
    return quote


def _expire(quote: Quote, by: Actor) -> None:
    quote.state = QuoteState.EXPIRED
    until = quote.valid_until.isoformat() if quote.valid_until else None
    audit.record(by, "quote.expired", quote, after={"valid_until": until})


def _answerable(quote: Quote, opened: Opened | None, by: Actor) -> tuple[Quote, QuoteAnswer]:
    """The locked quote and the way by which it is answered."""
    how = _way(quote, opened, by)
    quote = lock(quote)
    if quote.state != QuoteState.SENT:
        raise WrongState(f"{quote} {STATES[quote.state]}. It cannot be answered any more.")
    if not is_open(quote, by.today):
        raise TooLate(f"{quote} was valid until {quote.valid_until}. Ask for a new one.")
    return quote, how


def _way(quote: Quote, opened: Opened | None, by: Actor) -> QuoteAnswer:
    if opened is not None:
        if opened.quote.id != quote.id or opened.ended:
            raise NotAllowed("This link does not open this quote. Use the link of its own mail.")
        return QuoteAnswer.LINK
    if by.real_staff_id is not None:
        raise NotAllowed("Only the customer answers here. What they told you is noted on the page of the quote.")
    if by.portal_user_id is None:
        by.require("quotes.edit")
        return QuoteAnswer.STAFF
    mine = (PortalAccess.portal_user_id == by.portal_user_id, PortalAccess.customer_id == quote.customer_id)
    right = db.session.scalar(select(PortalAccess.right).where(*mine, PortalAccess.active, PortalAccess.accepted))
    if right not in MAY_ANSWER:
        raise NotAllowed("Your login can read this quote, but not answer it. Ask an owner of the account.")
    return QuoteAnswer.PORTAL


def _write(quote: Quote, state: QuoteState, answer: Answer, how: QuoteAnswer, by: Actor) -> None:
    try:
        name = one_line(answer.name, 200, "Your name")
        comment = many_lines(answer.comment, "The comment")
    except BillingError as error:
        raise InvalidQuote(str(error), "name" if "name" in str(error) else "comment") from None
    if len(comment) > LONGEST_COMMENT:
        raise InvalidQuote(f"The comment is too long: at most {LONGEST_COMMENT:,} letters.", "comment")
    quote.state, quote.answered_at, quote.answered_how = state, by.at, how
    quote.answered_by, quote.answered_from, quote.answer_comment = name, by.address, comment
    after = {"name": name, "how": str(how), "number": quote.number, "total_minor": quote.total_minor}
    audit.record(by, f"quote.{state}", quote, after={**after, "content_hash": quote.content_hash})
    db.session.flush()


def _make_invoice(quote: Quote, issue: bool, by: Actor) -> None:
    """As the settings say, by the system itself: whoever answers has no right to write invoices."""
    system = replace(by, name="Tillbook", permissions=None, portal_user_id=None)
    try:
        with db.session.begin_nested():
            quote_invoices.convert(quote, issue=issue, by=system)
    except BillingError as error:
        db.session.refresh(quote)
        quote.trouble = str(error)[:400]
        audit.record(system, "quote.not_invoiced", quote, after={"reason": quote.trouble})
        db.session.flush()
