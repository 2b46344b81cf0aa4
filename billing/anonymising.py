"""Anonymising a customer: who it was goes, what the law wants kept stays.

Gone: details, contacts, notes, own fields, payers' names, portal users of this customer alone, addresses and words of
messages, free texts, and all of that in the audit log. Kept: issued documents as they were issued, with their buyer;
payments, the books, services and what was billed, under a number instead of a name. What is kept in external lists
(an id there, so that an import does not bring the person back; refusals of messages, so that nobody is written to
again) holds no name. Customers that were merged into this one are the same person: they go with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, case, cast, delete, exists, func, literal, select, update
from sqlalchemy.orm import selectinload

from models import (
    Attitude,
    Audience,
    AuditEvent,
    BankLine,
    BankPayer,
    BillingError,
    BillingGroup,
    BulkRow,
    Card,
    CardRefund,
    CollectionContact,
    Contact,
    Credit,
    Customer,
    CustomerStatus,
    CustomValue,
    Delivery,
    DeliveryState,
    Discount,
    DunningStep,
    File,
    Invoice,
    InvoiceAddress,
    InvoiceState,
    Mailing,
    MailingCustomer,
    MailingFile,
    MailingState,
    Message,
    Note,
    OneTimeToken,
    OptOut,
    Order,
    PackageChange,
    Payer,
    Payment,
    PaymentAttempt,
    PaymentPromise,
    PhoneCode,
    PortalAccess,
    PortalUser,
    Quote,
    QuoteLine,
    QuoteLink,
    QuoteState,
    QuoteTax,
    Refund,
    RunUnit,
    Service,
    ServiceChange,
    Termination,
    WebhookEvent,
    WebSession,
    WriteOff,
    db,
)
from models.bulk import update_rows

from . import audit, audit_redaction, quote_content
from .actor import Actor
from .ending import running
from .parties import frozen

REMOVED = "Removed"

CUSTOMER = {
    **dict.fromkeys(
        (
            "email", "phone", "phone_extension", "phone_digits", "email_state", "phone_state", "company_name",
            "contact_name", "tax_id", "identity_number", "registration_ip", "po_number", "vendor_number",
            "invoice_note", "about", "phone_e164", "registration_number", "street", "street2", "city", "region",
            "postal_code", "held_why",
        ),
        "",
    ),
    **dict.fromkeys(("username", "phone_verified_at", "latitude", "longitude", "contact_on"), None),
    "attitude": Attitude.NONE,
}  # fmt: skip
"""What the customer's own columns are set to; the name becomes a number."""
DELETED: tuple[Any, ...] = (
    BankPayer,
    CollectionContact,
    Contact,
    InvoiceAddress,
    Note,
    CustomValue,
    PhoneCode,
    WebhookEvent,
)
"""Rows that are nothing but personal."""
ADDRESS = dict.fromkeys(("street", "street2", "city", "region", "postal_code"), "")
EMPTIED: tuple[tuple[Any, dict[str, Any]], ...] = (
    (
        Payer,
        {"name": REMOVED, **dict.fromkeys(("tax_id", "email", "contact_name", "registration_number"), ""), **ADDRESS},
    ),
    (BillingGroup, {"po_number": ""}),
    (Payment, {"reference": ""}),
    (Card, {"brand": REMOVED, "last_four": "", "fingerprint": "", "added_by": REMOVED}),
    (PaymentAttempt, {"begun_by": REMOVED, "error": "", "page_url": ""}),
    (CardRefund, {"reason": REMOVED, "error": ""}),
    (Credit, {"reason": REMOVED}),
    (Discount, {"name": REMOVED, "reason": REMOVED}),
    (Refund, {"reference": "", "reason": REMOVED}),
    (WriteOff, {"reason": REMOVED}),
    (Service, {"cancel_reason": "", "suspend_reason": ""}),
    (Message, {"subject": "", "body": "", "text_body": "", "reply_to": ""}),
    (RunUnit, {"reason": ""}),
    (DunningStep, {"reason": ""}),
    (PaymentPromise, {"note": ""}),
    (Termination, {"reason": "", "reference": ""}),
    (
        Order,
        {
            "name": REMOVED,
            "why_held": REMOVED,
            "details": {},
            "token_hash": None,
            **dict.fromkeys(("email", "email_key", "address", "network", "browser", "reason"), ""),
        },
    ),
)
"""Columns of rows that stay."""


class CannotAnonymise(BillingError):
    """The person is still needed by name."""


COUNTED = {
    "contacts": Contact.customer_id,
    "notes": Note.customer_id,
    "portal_users": PortalAccess.customer_id,
    "payers": Payer.customer_id,
    "messages": Message.customer_id,
    "events": AuditEvent.customer_id,
    "files": File.customer_id,
}


@dataclass(frozen=True)
class Found:
    """What anonymising would take away, and what it would keep; numbers of rows."""

    contacts: int
    notes: int
    portal_users: int
    payers: int
    messages: int
    events: int
    files: int
    documents: int
    merged: int


def check(customer: Customer) -> None:
    """Raises CannotAnonymise, with what is in the way."""
    ids = _same_person(customer)
    name = customer.name
    if customer.anonymised_on is not None:
        raise CannotAnonymise(f"{name} was anonymised on {customer.anonymised_on} already.")
    if _any(select(Service.id).where(Service.customer_id.in_(ids), running())):
        raise CannotAnonymise(f"{name} still has running services. End them first, then anonymise.")
    owed = Invoice.kind == "invoice", Invoice.state == InvoiceState.ISSUED, Invoice.open_minor > 0
    if _any(select(Invoice.id).where(Invoice.customer_id.in_(ids), *owed)):
        raise CannotAnonymise(f"{name} still owes money, and is needed by name until that is settled.")
    if _any(select(Invoice.id).where(Invoice.customer_id.in_(ids), Invoice.state == InvoiceState.DRAFT)):
        raise CannotAnonymise(f"{name} has drafts of documents. Issue or delete them first.")
    if _any(select(Delivery.id).where(Delivery.customer_id.in_(ids), Delivery.state == DeliveryState.SENDING)):
        raise CannotAnonymise(f"A message to {name} is just being sent. Try again in a minute.")


def preview(customer: Customer) -> Found:
    """What anonymising it would do, in one statement beside the checks. Changes nothing."""
    ids = _same_person(customer)
    counts = [
        select(func.count()).where(column.in_(ids)).scalar_subquery().label(name) for name, column in COUNTED.items()
    ]
    documents = select(func.count()).where(Invoice.customer_id.in_(ids), Invoice.state != InvoiceState.DRAFT)
    found = db.session.execute(select(*counts, documents.scalar_subquery().label("documents"))).one()
    return Found(**found._mapping, merged=len(ids) - 1)


def anonymise(customer: Customer, *, by: Actor) -> list[str]:
    """Take out who this customer was, and put it away for good; cannot be undone.

    The names under which the bytes of its files lie, to be forgotten after the commit. Raises CannotAnonymise,
    NotAllowed.
    """
    by.require("customers.delete")
    _lock(customer)
    check(customer)
    ids = _same_person(customer)
    event = audit.record(by, audit_redaction.VERB, customer, after={"status": "archived"})
    event.object_label = f"customer {customer.id}"
    db.session.flush()
    _forget_who_asked(ids)
    guests, files = _remove_logins(ids), [*_remove_files(ids), *_mailings(ids)]
    for table in DELETED:
        _run(delete(table).where(table.customer_id.in_(ids)))
    for table, values in EMPTIED:
        _run(update(table).where(table.customer_id.in_(ids)).values(values))
    _run(update(OptOut).where(OptOut.customer_id.in_(ids)).values(customer_id=None))
    for card in db.session.scalars(select(Card).where(Card.customer_id.in_(ids), Card.removed_at.is_(None))):
        card.is_default, card.removed_at, card.to_forget = False, by.at, True
    db.session.flush()
    _groups(ids)
    _quotes(ids)
    _bank_lines(ids)
    _deliveries(ids)
    _customers(ids, by)
    _changes(ids)
    _bulk_results(ids)
    redacted = audit_redaction.redact(ids, guests, event)
    event.after = {"status": "archived", "events": redacted, "digest": audit_redaction.digest(event.id)}
    db.session.flush()
    db.session.expire_all()
    return files


def _lock(customer: Customer) -> None:
    mine = select(Customer).where(Customer.id == customer.id).with_for_update(key_share=True)
    db.session.scalars(mine.execution_options(populate_existing=True)).all()


def _same_person(customer: Customer) -> list[int]:
    """The customer and whoever was merged into it."""
    merged = db.session.scalars(select(Customer.id).where(Customer.merged_into_id == customer.id))
    return [customer.id, *merged]


def _any(query: Any) -> bool:
    return db.session.scalar(query.limit(1)) is not None


def _run(statement: Any) -> None:
    db.session.execute(statement.execution_options(synchronize_session=False))


def _forget_who_asked(ids: Sequence[int]) -> None:
    """What the customer's own people did in the portal stays, without their names: as they called themselves then."""
    acted = select(AuditEvent.actor).where(AuditEvent.customer_id.in_(ids), AuditEvent.portal_user_id.is_not(None))
    names = list(db.session.scalars(acted.distinct()))
    theirs = select(Service.id).where(Service.customer_id.in_(ids))
    for mine, column in (
        (PackageChange.customer_id.in_(ids), PackageChange.made_by),
        (PackageChange.customer_id.in_(ids), PackageChange.decided_by),
        (ServiceChange.service_id.in_(theirs), ServiceChange.made_by),
        (Message.customer_id.in_(ids), Message.created_by),
    ):
        _run(update(column.class_).where(mine, column.in_(names)).values({column.key: REMOVED}))


def _remove_logins(ids: Sequence[int]) -> list[int]:
    """Portal users who were there for this customer only have no name and no way in any more; their ids."""
    theirs = select(PortalAccess.portal_user_id).where(PortalAccess.customer_id.in_(ids))
    elsewhere = exists(
        select(PortalAccess.id).where(
            PortalAccess.portal_user_id == PortalUser.id, PortalAccess.customer_id.not_in(ids)
        )
    )
    guests = list(db.session.scalars(select(PortalUser.id).where(PortalUser.id.in_(theirs), ~elsewhere)))
    _run(delete(PortalAccess).where(PortalAccess.customer_id.in_(ids)))
    for table in (WebSession, OneTimeToken):
        _run(delete(table).where(table.portal_user_id.in_(guests)))
    number = cast(PortalUser.id, String)
    gone = {"name": REMOVED, "email": literal("removed-") + number + "@invalid", "password_hash": "", "active": False}
    _run(update(PortalUser).where(PortalUser.id.in_(guests)).values(gone))
    return guests


def _remove_files(ids: Sequence[int]) -> list[str]:
    names = list(db.session.scalars(select(File.stored_name).where(File.customer_id.in_(ids))))
    _run(delete(File).where(File.customer_id.in_(ids)))
    return names


def _mailings(ids: Sequence[int]) -> list[str]:
    """What was written to this person alone loses its words and files, and is not sent any more; the files' names."""
    addressed = select(MailingCustomer.mailing_id).where(MailingCustomer.customer_id.in_(ids))
    others = exists().where(MailingCustomer.mailing_id == Mailing.id, MailingCustomer.customer_id.not_in(ids))
    mine = Mailing.audience == Audience.CHOSEN, Mailing.id.in_(addressed), ~others
    alone = list(db.session.scalars(select(Mailing.id).where(*mine)))
    names = list(db.session.scalars(select(MailingFile.stored_name).where(MailingFile.mailing_id.in_(alone))))
    _run(delete(MailingFile).where(MailingFile.mailing_id.in_(alone)))
    words = dict.fromkeys(("subject", "body", "text_body", "reply_to"), "")
    _run(update(Message).where(Message.mailing_id.in_(alone)).values(words))
    ended = {"state": case((Mailing.state == MailingState.QUEUED, Mailing.state), else_=MailingState.STOPPED)}
    _run(update(Mailing).where(Mailing.id.in_(alone)).values(error="", next_at=None, **ended, **words))
    return names


def _groups(ids: Sequence[int]) -> None:
    """Billing groups may be called by anything: they get numbers, and a bill set aside says no more why."""
    number = literal("Group ") + cast(BillingGroup.id, String)
    mine = BillingGroup.customer_id.in_(ids)
    _run(update(BillingGroup).where(mine, BillingGroup.name != "Main").values(name=number))
    reason = case((BillingGroup.parked_at.is_not(None), REMOVED), else_="")
    _run(update(BillingGroup).where(mine).values(parked_reason=reason))


def _quotes(ids: Sequence[int]) -> None:
    """Drafts go, and so do all links. What became an invoice keeps its buyer, as the invoice does; the others keep
    their figures under a number. None can be answered any more."""
    _run(delete(QuoteLink).where(QuoteLink.quote_id.in_(select(Quote.id).where(Quote.customer_id.in_(ids)))))
    theirs = (
        select(Quote).where(Quote.customer_id.in_(ids)).options(selectinload(Quote.lines), selectinload(Quote.taxes))
    )
    for quote in db.session.scalars(theirs).all():
        if quote.state == QuoteState.DRAFT:
            for table in (QuoteLine, QuoteTax):
                _run(delete(table).where(table.quote_id == quote.id))
            _run(delete(Quote).where(Quote.id == quote.id))
            continue
        with db.session.no_autoflush:
            _take_names_out(quote)


def _take_names_out(quote: Quote) -> None:
    quote.internal_note = quote.answer_comment = quote.answered_from = ""
    quote.answered_by = REMOVED if quote.answered_by else ""
    if quote.state == QuoteState.SENT:
        quote.state = QuoteState.WITHDRAWN
    if quote.invoice_id is None:
        quote.buyer, quote.title, quote.note, quote.po_number = frozen({"name": REMOVED}), "", "", ""
        quote.content_hash = quote_content.of(quote)


def _bank_lines(ids: Sequence[int]) -> None:
    """The lines of bank statements that were booked as their payments keep day and amount."""
    theirs = select(Payment.id).where(Payment.customer_id.in_(ids))
    empty = dict.fromkeys(("payer_name", "payer_key", "iban", "text", "reference"), "")
    _run(update(BankLine).where(BankLine.payment_id.in_(theirs)).values(empty))


def _deliveries(ids: Sequence[int]) -> None:
    mine = Delivery.customer_id.in_(ids)
    _run(update(Delivery).where(mine, Delivery.state == DeliveryState.QUEUED).values(state=DeliveryState.CANCELLED))
    key = literal("removed:") + cast(Delivery.id, String)
    words = dict.fromkeys(
        ("address", "error", "sent_subject", "sent_text", "vendor_id", "vendor_state", "sent_digest"), ""
    )
    _run(update(Delivery).where(mine).values(dedupe_key=key, **words))


def _bulk_results(ids: Sequence[int]) -> None:
    """What was done to many at once, and would be undone, without the words."""
    mine = select(BulkRow.before, BulkRow.after, BulkRow.id).where(BulkRow.customer_id.in_(ids))
    plain = audit_redaction.plain
    rows = [(REMOVED, "", plain(b), plain(a), i) for b, a, i in db.session.execute(mine)]
    update_rows(db.session, BulkRow.__table__, ("label", "reason", "before", "after"), rows)


def _changes(ids: Sequence[int]) -> None:
    """What happened to services, without free texts such as the reason of an end."""
    theirs = select(Service.id).where(Service.customer_id.in_(ids))
    columns = ServiceChange.before, ServiceChange.after, ServiceChange.id
    rows = db.session.execute(select(*columns).where(ServiceChange.service_id.in_(theirs))).all()
    plain = audit_redaction.plain
    update_rows(db.session, ServiceChange.__table__, ("before", "after"), [(plain(b), plain(a), i) for b, a, i in rows])


def _customers(ids: Sequence[int], by: Actor) -> None:
    name = literal("Customer ") + cast(Customer.id, String)
    put_away = {"status": CustomerStatus.ARCHIVED, "anonymised_on": by.today, "version": Customer.version + 1}
    day = func.coalesce(Customer.archived_on, by.today)
    _run(update(Customer).where(Customer.id.in_(ids)).values(name=name, archived_on=day, **put_away, **CUSTOMER))
