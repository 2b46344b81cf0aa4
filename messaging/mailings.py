"""What a person writes to one or many, from its first word on: kept, looked at, asked for, repeated, stopped.

mailing = begin(by=actor, customers=select(Customer.id).where(...))     # or group=…, project=…, or nothing: all
change(mailing, {"subject": …, "body": …}, by=actor)
mass.tally(draft_of(mailing))                                          # who would get it
ask(mailing, by=actor)                                                 # now, or left to the scheduler
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, insert, literal, select

from billing import audit, message_categories, staff
from billing import company as companies
from billing.actor import Actor
from integrations.letters import BadHeader, check_address
from models import (
    Audience,
    BillingError,
    Channel,
    Customer,
    CustomerGroup,
    Mailing,
    MailingCustomer,
    MailingFile,
    MailingState,
    Message,
    Project,
    Staff,
    db,
)

from . import mass, templates
from .refusals import CannotBeWritten
from .templates import Words

NEWS = "news"
"""What a message is taken for until its writer says something else: people may opt out of it."""
AT_ONCE = 500
"""So many are queued while one waits; more are work for the scheduler."""
MOST_DAYS = 366
NOW, AT, NIGHT = "now", "at", "night"
TEXTS = ("subject", "body", "text_body", "reply_to")
FLAGS = ("by_mail", "by_text", "legal_notice", "with_contacts")


class WrongMailing(BillingError):
    """It cannot be like this: `errors` says by field what is wrong, and how to put it right."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


class NoDraft(BillingError):
    """It was sent or thrown away meanwhile."""


def begin(
    *,
    by: Actor,
    customers: Select[Any] | None = None,
    group: CustomerGroup | None = None,
    project: Project | None = None,
    channels: tuple[Channel, ...] = (Channel.EMAIL,),
) -> Mailing:
    """A draft to the customers selected (ids, fixed now), to a group or project, or to everybody. Flushes.

    Where the same person has one to the same customer, group or project, or to all, with nothing written yet, it is
    that one: a button pressed twice leaves no heap of empty drafts. Raises NotAllowed without ``messages.send``.
    """
    by.require("messages.send")
    if found := _unwritten(by, customers, group, project, channels):
        return found
    mailing = Mailing(
        audience=Audience.ALL, created_at=by.at, created_by=by.name, changed_at=by.at, staff_id=by.staff_id,
        by_mail=Channel.EMAIL in channels, by_text=Channel.SMS in channels, category=NEWS,
    )  # fmt: skip
    if customers is not None:
        mailing.audience = Audience.CHOSEN
    elif group is not None:
        mailing.audience, mailing.group_id = Audience.GROUP, group.id
    elif project is not None:
        mailing.audience, mailing.project_id = Audience.PROJECT, project.id
    db.session.add(mailing)
    db.session.flush()
    if customers is not None:
        ids = customers.subquery().c[0]
        chosen = select(literal(mailing.id), Customer.id).where(Customer.id.in_(select(ids)))
        db.session.execute(insert(MailingCustomer).from_select(["mailing_id", "customer_id"], chosen))
    return mailing


def _unwritten(
    by: Actor,
    customers: Select[Any] | None,
    group: CustomerGroup | None,
    project: Project | None,
    channels: tuple[Channel, ...],
) -> Mailing | None:
    mine = [
        Mailing.staff_id == by.staff_id,
        Mailing.state == MailingState.DRAFT,
        Mailing.changed_at == Mailing.created_at,
        Mailing.group_id == (group.id if group else None),
        Mailing.project_id == (project.id if project else None),
        Mailing.by_mail.is_(Channel.EMAIL in channels),
        Mailing.by_text.is_(Channel.SMS in channels),
        *(getattr(Mailing, name) == "" for name in (*TEXTS, "template")),
        ~select(MailingFile.id).where(MailingFile.mailing_id == Mailing.id).exists(),
    ]
    if customers is not None:
        ids = list(db.session.scalars(customers.limit(2)))
        if len(ids) != 1:
            return None
        theirs = select(MailingCustomer.customer_id).where(MailingCustomer.mailing_id == Mailing.id)
        only = select(func.count()).select_from(theirs.subquery()).scalar_subquery() == 1
        mine += [
            Mailing.audience == Audience.CHOSEN,
            only,
            theirs.where(MailingCustomer.customer_id == ids[0]).exists(),
        ]
    elif group is None and project is None:
        mine.append(Mailing.audience == Audience.ALL)
    return db.session.scalars(select(Mailing).where(*mine).order_by(Mailing.id.desc()).limit(1)).first()


def customers_of(mailing: Mailing) -> Select[Any]:
    """The ids of those it is for."""
    if mailing.audience == Audience.CHOSEN:
        return select(MailingCustomer.customer_id).where(MailingCustomer.mailing_id == mailing.id)
    if mailing.audience == Audience.GROUP:
        return select(Customer.id).where(Customer.group_id == mailing.group_id)
    if mailing.audience == Audience.PROJECT:
        return select(Customer.id).where(Customer.project_id == mailing.project_id)
    return select(Customer.id)


def asked_for(mailing: Mailing) -> int:
    """How many customers it is addressed to, before anybody is left out."""
    return db.session.scalar(select(func.count()).select_from(customers_of(mailing).subquery())) or 0


def only_customer(mailing: Mailing) -> Customer | None:
    """Whom it is for, if it is for one chosen customer."""
    if mailing.audience != Audience.CHOSEN:
        return None
    ids = list(db.session.scalars(customers_of(mailing).limit(2)))
    return db.session.get(Customer, ids[0]) if len(ids) == 1 else None


def channels_of(mailing: Mailing) -> tuple[Channel, ...]:
    chosen = ((Channel.EMAIL, mailing.by_mail), (Channel.SMS, mailing.by_text))
    return tuple(channel for channel, on in chosen if on)


def draft_of(mailing: Mailing, *, send_at: datetime | None = None) -> mass.Draft:
    """As mass counts and queues it."""
    words = words_of(mailing)
    return mass.Draft(
        customers=customers_of(mailing), subject=words.subject, body=words.body, text_body=words.text_body,
        category=mailing.category, channels=channels_of(mailing), legal_notice=mailing.legal_notice,
        reply_to=mailing.reply_to, language=mailing.language, with_contacts=mailing.with_contacts, send_at=send_at,
    )  # fmt: skip


def words_of(mailing: Mailing) -> Words:
    """What it says: its own words, or those of its template in the language asked for, else the company's."""
    if not mailing.template:
        return Words(mailing.subject, mailing.body, mailing.text_body)
    try:
        return templates.source(mailing.template, mailing.language or companies.settings().locale)
    except CannotBeWritten:
        return Words()


def change(mailing: Mailing, values: Mapping[str, Any], *, by: Actor) -> None:
    """Keep what was written so far, however unfinished. `send_at` is aware; other names are those of the columns.

    Raises NotAllowed (a legal notice needs ``messages.legal``), NoDraft. Flushes.
    """
    by.require("messages.send")
    if values.get("legal_notice") and not mailing.legal_notice:
        by.require("messages.legal")
    _draft(mailing)
    for name in (*TEXTS, *FLAGS, "category", "language", "template", "send_when", "send_at", "every_days"):
        if name in values:
            setattr(mailing, name, values[name])
    mailing.subject = " ".join(mailing.subject.split())[:300]
    mailing.changed_at = by.at
    db.session.flush()


def check(mailing: Mailing, *, at: datetime) -> None:
    """Raises WrongMailing if it cannot be sent like this."""
    errors: dict[str, str] = {}
    if not channels_of(mailing):
        errors["by_mail"] = "Choose e-mail, text, or both."
    if mailing.send_when == AT and (mailing.send_at is None or mailing.send_at <= at):
        errors["send_at"] = "Choose a time that is still to come."
    if not 0 <= mailing.every_days <= MOST_DAYS:
        errors["every_days"] = f"Choose 1 to {MOST_DAYS} days, or leave it empty."
    _check_words(mailing, errors)
    _check_around(mailing, errors)
    if errors:
        raise WrongMailing(errors)


def _check_words(mailing: Mailing, errors: dict[str, str]) -> None:
    words = words_of(mailing)
    if mailing.template and not (words.body or words.text_body):
        errors["template"] = "This template has no words any more. Choose another, or write your own."
        return
    if mailing.by_mail and not words.subject.strip():
        errors["subject"] = "A mail needs a subject."
    if mailing.by_mail and not words.body.strip():
        errors["body"] = "Write what the mail is to say."
    if mailing.by_text and not (words.text_body or words.body).strip():
        errors["text_body"] = "Write what the text is to say."
    if mailing.by_text and len(words.text_body or words.body) > mass.segments.LONGEST:
        errors["text_body"] = f"A text has at most {mass.segments.LONGEST:,} letters. Write shorter words for it."
    if not mailing.template:
        wrong = templates.check_words(words, channels=(mailing.by_mail, mailing.by_text))
        errors |= {name: str(error) for name, error in wrong.items()}


def _check_around(mailing: Mailing, errors: dict[str, str]) -> None:
    try:
        if mailing.reply_to:
            check_address(mailing.reply_to)
    except BadHeader as error:
        errors["reply_to"] = str(error)
    known = {each.key for each in message_categories.every()} | set(message_categories.BUILTIN)
    if mailing.category not in known:
        errors["category"] = "Choose a category."


def ask(mailing: Mailing, *, by: Actor) -> None:
    """Send it: at once for a few, else the scheduler queues it in a moment. Audited.

    Raises NotAllowed, NoDraft, WrongMailing, mass.CannotSend (nobody is left to write to). Flushes.
    """
    by.require("messages.send")
    if mailing.legal_notice:
        by.require("messages.legal")
    mailing = _draft(mailing)
    check(mailing, at=by.at)
    mailing.state, mailing.asked_at, mailing.asked_by, mailing.staff_id = (
        MailingState.ASKED,
        by.at,
        by.name,
        by.staff_id,
    )
    mailing.next_at, count = by.at, asked_for(mailing)
    after = {
        "subject": mailing.subject, "audience": mailing.audience.value, "customers": count,
        "category": mailing.category, "legal_notice": mailing.legal_notice, "every_days": mailing.every_days,
        "files": [file.name for file in mailing.files],
    }  # fmt: skip
    audit.record(by, "mailing.asked_for", mailing, after=after)
    if count <= AT_ONCE:
        queue(mailing, by=by)
    db.session.flush()


def queue(mailing: Mailing, *, by: Actor) -> Message | None:
    """Put its deliveries into the outbox, and say when that is due again. Raises NotAllowed, mass.CannotSend.

    None, and the next time is planned, if nobody is left to write to this time of several. Flushes.
    """
    first, begins = mailing.state == MailingState.ASKED, _begins(mailing, by.at)
    if mailing.every_days and first and begins is not None:
        mailing.state, mailing.next_at = MailingState.REPEATING, begins
        return None
    message = None
    try:
        with db.session.begin_nested():
            message = mass.queue(draft_of(mailing, send_at=begins if first else None), by=by)
            message.mailing_id = mailing.id
            if mailing.template:
                message.template, message.template_mark = templates.marked(mailing.template)
            if one := only_customer(mailing):
                message.customer_id = one.id
    except mass.CannotSend as refusal:
        if first:
            raise
        mailing.error = str(refusal)[:500]
    if message is not None:
        mailing.total, mailing.error = mass.progress(message).total, ""
    mailing.tries = 0
    mailing.state = MailingState.REPEATING if mailing.every_days else MailingState.QUEUED
    mailing.next_at = _again(mailing, by.at) if mailing.every_days else None
    db.session.flush()
    return message


def _begins(mailing: Mailing, at: datetime) -> datetime | None:
    """When it may leave; None at once."""
    if mailing.send_when == AT:
        return mailing.send_at
    return mass.tonight(at) if mailing.send_when == NIGHT else None


def _again(mailing: Mailing, at: datetime) -> datetime:
    """The same time of day, so many days later, in the business's time zone; days that were missed are left out."""
    zone = ZoneInfo(companies.settings().timezone)
    last = (mailing.next_at or at).astimezone(zone)
    day: date = last.date()
    while True:
        day += timedelta(days=mailing.every_days)
        then = datetime.combine(day, time(last.hour, last.minute, last.second), zone)
        if then > at:
            return then


def next_due(at: datetime) -> Mailing | None:
    """The one that has waited longest to be queued, locked."""
    waiting = Mailing.state.in_((MailingState.ASKED, MailingState.REPEATING))
    query = select(Mailing).where(waiting, Mailing.next_at <= at).order_by(Mailing.next_at, Mailing.id).limit(1)
    return db.session.scalars(query.with_for_update(skip_locked=True)).first()


def actor_of(mailing: Mailing, at: datetime, today: date) -> Actor:
    """Whoever asked, with the rights that person has by now."""
    person = db.session.get(Staff, mailing.staff_id) if mailing.staff_id else None
    permissions = staff.permissions_of(person.role) if person and person.active else frozenset()
    return Actor(mailing.asked_by, at, today, permissions, mailing.staff_id)


def give_up(mailing: Mailing, reason: str, *, by: Actor) -> None:
    """It cannot be queued; it stays, with the reason, to be written anew. Flushes."""
    mailing.state, mailing.error, mailing.next_at = MailingState.FAILED, reason[:500], None
    audit.record(by, "mailing.failed", mailing, after={"reason": mailing.error})
    db.session.flush()


def stop(mailing: Mailing, *, by: Actor) -> int:
    """Nothing more of it is queued, and what waits in the outbox stays there; how many that were. Flushes."""
    by.require("messages.send")
    mailing = _locked(mailing)
    if mailing.state == MailingState.DRAFT:
        raise NoDraft("This is a draft: nothing of it is sent.")
    mailing.state, mailing.next_at = MailingState.STOPPED, None
    audit.record(by, "mailing.stopped", mailing)
    return sum(mass.stop(each, by=by) for each in messages(mailing) if each.stopped_at is None)


def again(mailing: Mailing, *, by: Actor) -> int:
    """Try what failed once more, and go on with what was stopped; how many deliveries that are. Flushes."""
    by.require("messages.send")
    mailing = _locked(mailing)
    newest = messages(mailing, 1)
    if not newest:
        raise NoDraft("Nothing of this message was queued yet.")
    count = mass.again(newest[0], by=by)
    if mailing.state == MailingState.STOPPED:
        mailing.state = MailingState.QUEUED
    audit.record(by, "mailing.sent_on", mailing, after={"count": count})
    db.session.flush()
    return count


def messages(mailing: Mailing, limit: int = 20) -> list[Message]:
    """What was queued of it, the newest first: one, or one for each time it was repeated."""
    query = select(Message).where(Message.mailing_id == mailing.id).order_by(Message.id.desc())
    return list(db.session.scalars(query.limit(limit)))


def discard(mailing: Mailing, *, by: Actor) -> list[str]:
    """Throw a draft away; the stored names of its files, to be forgotten after the commit. Raises NoDraft. Flushes."""
    by.require("messages.send")
    mailing = _draft(mailing)
    names = list(db.session.scalars(select(MailingFile.stored_name).where(MailingFile.mailing_id == mailing.id)))
    audit.record(by, "mailing.discarded", mailing, before={"subject": mailing.subject})
    for table in (MailingCustomer, MailingFile):
        db.session.execute(db.delete(table).where(table.mailing_id == mailing.id))
    db.session.delete(mailing)
    db.session.flush()
    return names


def _locked(mailing: Mailing) -> Mailing:
    return db.session.get_one(Mailing, mailing.id, with_for_update=True, populate_existing=True)


def _draft(mailing: Mailing) -> Mailing:
    mailing = _locked(mailing)
    if mailing.state != MailingState.DRAFT:
        raise NoDraft("This message was sent already.")
    return mailing
