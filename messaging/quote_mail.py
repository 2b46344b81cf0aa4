"""The mail that brings a quote with its link and PDF, and the note to staff of what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flask import current_app
from flask_babel import force_locale, lazy_gettext
from flask_babel import gettext as _
from sqlalchemy import Select, select

from billing import audit, quote_links
from billing import company as companies
from billing.actor import Actor
from billing.outbox import dedupe_key, distinct
from billing.quote_answers import is_open
from integrations.documents import DocumentError
from integrations.letters import Attachment
from models import BillingError, Contact, Delivery, InvoiceAddress, Message, Payer, Quote, QuoteLink, QuoteState, db

from . import brands, document_parts, outbox, quote_document, template_values, templates
from .compose import Content, framed
from .formats import day, language_of, money
from .refusals import CannotBeWritten, NotNeeded, NotYet
from .template_language import Plain
from .templates import Said

KIND = quote_links.PURPOSE
ANSWERED = "quote_answered"
STATE_WORDS = {QuoteState.ACCEPTED: lazy_gettext("accepted"), QuoteState.DECLINED: lazy_gettext("declined")}


class NobodyToSendTo(BillingError):
    """There is no address, or none was chosen."""


def addresses(quote: Quote) -> list[str]:
    """Where the quote may go: whoever is billed and the customer first, then those who get invoices, then contacts."""
    customer = quote.customer
    payer = db.session.get(Payer, quote.payer_id) if quote.payer_id else None
    mine = select(InvoiceAddress.email).where(InvoiceAddress.customer_id == customer.id).order_by(InvoiceAddress.id)
    people = select(Contact.email).where(Contact.customer_id == customer.id, Contact.email != "")
    further = [*db.session.scalars(mine), *db.session.scalars(people.order_by(Contact.id).limit(50))]
    return list(distinct([payer.email if payer else "", customer.email, *further]).values())


def queue(quote: Quote, to: Sequence[str], *, base_url: str = "", by: Actor) -> list[Message]:
    """Queue a mail to each of the addresses, each with a link of its own; addresses for which one waits are left out.

    `base_url` is where the installation answers, for one without BASE_URL. Raises NotAllowed without
    ``quotes.edit``, NobodyToSendTo. Flushes.
    """
    by.require("quotes.edit")
    known = {address.lower(): address for address in addresses(quote)}
    wanted = {folded: known[folded] for folded in distinct(to) if folded in known}
    if not wanted:
        raise NobodyToSendTo(f"{quote.customer.name} has no such e-mail address. Choose one of those on the page.")
    if not is_open(quote, by.today):
        raise NobodyToSendTo(f"{quote} does not wait for an answer any more, so it is not sent.")
    waiting = _waiting(quote)
    made = [_queue_one(quote, to, base_url, by) for folded, to in wanted.items() if folded not in waiting]
    if made:
        audit.record(by, "quote.mailed", quote, after={"to": ", ".join(wanted.values())})
    db.session.flush()
    return made


def new_link(quote: Quote, *, base_url: str, by: Actor) -> str:
    """The address of a fresh link, to be shown once to staff who hand it over themselves. Flushes."""
    by.require("quotes.edit")
    if not is_open(quote, by.today):
        raise NobodyToSendTo(f"{quote} does not wait for an answer any more, so there is no link to it.")
    _row, token = quote_links.make(quote, key=_secret(), base_url=base_url, by=by)
    audit.record(by, "quote.link_made", quote)
    db.session.flush()
    return f"{base_url.rstrip('/')}{quote_links.PATH}{token}"


def write(message: Message, at: datetime) -> Content:
    """The mail with the link and the PDF. Raises NotNeeded once nobody can answer the quote any more,
    CannotBeWritten, NotYet."""
    row = quote_links.of_message(message)
    quote = db.session.get(Quote, row.quote_id) if row else None
    if row is None or quote is None:
        raise CannotBeWritten("The quote this mail should bring is not there any more.")
    if not is_open(quote, companies.day_of(at)):
        raise NotNeeded("The quote was answered, withdrawn, replaced or over before the mail left.")
    token = quote_links.token_of(row, _secret())
    base = current_app.config["BASE_URL"] or row.base_url
    if token is None or not base:
        raise CannotBeWritten("The link cannot be made any more: SECRET_KEY or BASE_URL was changed. Send it again.")
    link = f"{base.rstrip('/')}{quote_links.PATH}{token}"
    said, brand = words(quote, link=link, at=at)
    return framed(said, brand, quote.customer, attachments=(_pdf(quote, at),), secret=link)


def words(quote: Quote, *, link: str, at: datetime) -> tuple[Said, brands.Brand]:
    """What the mail with this quote says, and in whose name. Raises CannotBeWritten."""
    locale = language_of(quote.customer, companies.settings())
    with force_locale(locale):
        return templates.write(KIND, values(quote, locale, link=link, at=at), locale), brands.of(quote.customer)


def values(quote: Quote, locale: str, *, link: str, at: datetime) -> dict[str, Plain]:
    """What the template of quotes knows."""
    try:
        buyer = document_parts.frozen_party(quote.buyer)
    except document_parts.NotPrintable as error:
        raise CannotBeWritten(str(error)) from error
    return {
        **template_values.common(quote.customer, brands.of(quote.customer), locale, companies.day_of(at)),
        "quote": {
            "number": str(quote.number),
            "title": quote.title,
            "buyer": buyer["name"],
            "total": money(quote.total, locale),
            "sent_on": day(quote.sent_on, locale) if quote.sent_on else "",
            "valid_until": day(quote.valid_until, locale) if quote.valid_until else "",
        },
        "link": link,
    }


def tell_staff(quote: Quote, *, link: str, by: Actor) -> Message | None:
    """Queue a mail to the address for notices that a quote was accepted or declined; None without an address.

    `link` leads to its page in the panel, empty if nobody has said where that is. Flushes.
    """
    seller = companies.settings()
    to = companies.value("notify_email") or seller.email
    if not to or quote.state not in STATE_WORDS:
        return None
    state = str(STATE_WORDS[quote.state])
    subject = _("Quote %(number)s was %(state)s", number=quote.number, state=state)
    lines = [
        _("%(name)s (%(customer)s) %(state)s quote %(number)s of %(total)s.", name=quote.answered_by, state=state,
          customer=quote.customer.name, number=quote.number, total=money(quote.total, seller.locale)),
        _("Comment: %(text)s", text=quote.answer_comment) if quote.answer_comment else "",
        _("It became invoice %(number)s.", number=str(quote.invoice)) if quote.invoice else "",
        _("No invoice was made: %(why)s", why=quote.trouble) if quote.trouble else "",
        link,
    ]  # fmt: skip
    body = "\n\n".join(line for line in lines if line)
    return outbox.queue_message(subject, body, [to], kind=ANSWERED, about=f"{quote.id}:{quote.state}", by=by)


def _queue_one(quote: Quote, to: str, base_url: str, by: Actor) -> Message:
    message = Message(
        kind=KIND, customer_id=quote.customer_id, category=KIND, created_at=by.at, created_by=by.name
    )  # fmt: skip
    db.session.add(message)
    db.session.flush()
    key = dedupe_key(KIND, f"{quote.id}:{message.id}", to.lower())
    message.deliveries = [Delivery(customer_id=quote.customer_id, address=to, dedupe_key=key, next_try_at=by.at)]
    quote_links.make(quote, key=_secret(), message=message, base_url=base_url, by=by)
    return message


def deliveries_of(quote: Quote, limit: int = 20) -> list[Delivery]:
    """The mails that brought it, or are to bring it, the newest first."""
    theirs = select(Delivery).join(Delivery.message).where(Message.id.in_(_messages(quote)))
    return list(db.session.scalars(theirs.order_by(Delivery.id.desc()).limit(limit)))


def _waiting(quote: Quote) -> set[str]:
    """The addresses, in lower case, for which a mail with this quote waits or leaves."""
    theirs = select(Delivery.address).where(Delivery.message_id.in_(_messages(quote)))
    return {address.lower() for address in db.session.scalars(theirs.where(Delivery.state.in_(outbox.ON_ITS_WAY)))}


def _messages(quote: Quote) -> Select[tuple[int]]:
    return select(QuoteLink.message_id).where(QuoteLink.quote_id == quote.id, QuoteLink.message_id.is_not(None))


def _pdf(quote: Quote, at: datetime) -> Attachment:
    try:
        data = quote_document.pdf_of(quote, today=companies.day_of(at))
    except (BillingError, DocumentError, OSError) as error:
        raise NotYet(f"The PDF could not be made, so the mail was not sent: {error}") from error
    return Attachment(quote_document.file_name(quote), "application/pdf", data)


def _secret() -> str:
    return str(current_app.config["SECRET_KEY"])
