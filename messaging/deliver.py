"""One delivery, step by step: reserve, begin, record how it ended. The caller commits after each step.

    queued ──begin──▶ sending ──▶ sent | bounced | failed | queued again (later) | unknown

A delivery is `sending`, and that is committed, before a word is said to the mail server; no transaction is open
while it talks. Whoever dies in between leaves it `sending`; when its claim has run out it becomes `unknown`:
it may have arrived, so only a person sends it again.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flask import current_app
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import func, or_, select, update

from billing import audit, message_settings
from billing.actor import Actor
from integrations.letters import Letter
from integrations.smtp import Answer, Ending
from models import AuditEvent, Channel, Delivery, DeliveryState, Invoice, db

from . import invoice_document
from .bounces import flag_email
from .compose import CannotBeWritten, NotBefore, NotNeeded, NotWritten, NotYet, sender_address
from .files import FileLost

RESERVED = timedelta(minutes=5)
"""How long a worker may keep deliveries that it has not begun."""
TALKING = timedelta(minutes=10)
"""How long a conversation may take before its delivery counts as lost; well above integrations.smtp's limits."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
ALERT_AFTER = 5
MOST_ATTEMPTS = 24
"""Some four days; then the mail has failed."""
QUIET = timedelta(hours=6)
"""At most one alert about the mail server in this time."""

STOPPED, STUCK = "mail.stopped", "delivery.stuck"
_STATES = {
    Ending.SENT: DeliveryState.SENT,
    Ending.BOUNCED: DeliveryState.BOUNCED,
    Ending.REFUSED: DeliveryState.FAILED,
    Ending.UNKNOWN: DeliveryState.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class MailState:
    """Whether mails can leave, how many wait, and how many of those have failed often."""

    is_set_up: bool
    waiting: int
    stuck: int
    sentence: str


def mail_state() -> MailState:
    """What the panel says about outgoing mail; `sentence` is empty while all is well."""
    of = select(func.count()).select_from(Delivery).where(Delivery.state == DeliveryState.QUEUED)
    of = of.where(Delivery.channel == Channel.EMAIL)
    waiting = db.session.scalar(of) or 0
    stuck = db.session.scalar(of.where(Delivery.attempts >= ALERT_AFTER)) or 0
    trouble = why_not_set_up()
    if trouble and waiting:
        trouble += " " + ngettext("%(num)d mail waits.", "%(num)d mails wait.", waiting)
    elif stuck:
        trouble = ngettext("%(num)d mail cannot leave.", "%(num)d mails cannot leave.", stuck)
    return MailState(not why_not_set_up(), waiting, stuck, trouble)


def why_not_set_up() -> str:
    """What is missing before any mail can leave; empty if nothing is."""
    if not current_app.config.get("MAIL_SERVER"):
        return _("Mail is not set up: MAIL_SERVER is missing.")
    if not sender_address():
        return _("Mail is not set up: give the company an e-mail address, or set MAIL_DEFAULT_SENDER.")
    return ""


def new_worker() -> str:
    """A name for one process' turn, told apart from all others."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(6)}"


def wait_after(attempts: int) -> timedelta:
    """One minute after the first attempt, doubled each time, six hours at most."""
    return min(FIRST_WAIT * 2 ** min(max(attempts, 1) - 1, 20), LONGEST_WAIT)


def claim(limit: int, *, worker: str, by: Actor, channel: Channel = Channel.EMAIL) -> list[int]:
    """Reserve up to `limit` deliveries that are due, oldest first, for this worker; returns their ids."""
    due = (
        select(Delivery.id)
        .where(Delivery.state == DeliveryState.QUEUED, Delivery.next_try_at <= by.at)
        .where(Delivery.channel == channel)
        .where(or_(Delivery.claimed_until.is_(None), Delivery.claimed_until < by.at))
        .order_by(Delivery.next_try_at, Delivery.id)
        .limit(min(limit, _allowed(by.at, channel)))
        .with_for_update(skip_locked=True)
    )
    ids = list(db.session.scalars(due))
    if ids:
        mine = update(Delivery).where(Delivery.id.in_(ids)).values(claimed_by=worker, claimed_until=by.at + RESERVED)
        db.session.execute(mine, execution_options={"synchronize_session": False})
    return ids


def _allowed(at: datetime, channel: Channel) -> int:
    """How many may leave now without more than the limit in any minute: of the settings, or MAIL_PER_MINUTE."""
    limits = message_settings.get()
    if channel == Channel.EMAIL:
        chosen = (limits.mails_per_minute, int(current_app.config.get("MAIL_PER_MINUTE") or 0))
    else:
        chosen = (limits.texts_per_minute, 0)
    most = min(filter(None, chosen), default=0)
    if not most:
        return 1_000_000
    recent = (Delivery.sent_at > at - timedelta(minutes=1), Delivery.channel == channel)
    sent = db.session.scalar(select(func.count()).select_from(Delivery).where(*recent))
    return max(most - (sent or 0), 0)


def begin(delivery_id: int, letter: Letter, *, worker: str, by: Actor) -> Letter | None:
    """As begin_all, for one. Raises NotYet if its PDF cannot be stored."""
    found = begin_all({delivery_id: letter}, worker=worker, by=by).get(delivery_id)
    if isinstance(found, NotYet):
        raise found
    return found


def begin_all(letters: Mapping[int, Letter], *, worker: str, by: Actor) -> dict[int, Letter | NotYet]:
    """Mark reserved deliveries as leaving with these letters; those that are not this worker's to send are left out.

    Stores an invoice's PDF if this is its first; the letter returned has the PDF that is the invoice's for good.
    It is NotYet where the PDF cannot be stored: that delivery is not begun.
    """
    begun: dict[int, Letter | NotYet] = {}
    for delivery in _all_of(worker, letters, DeliveryState.QUEUED):
        try:
            letter = begun[delivery.id] = _with_stored_pdf(delivery, letters[delivery.id])
        except NotYet as why:
            begun[delivery.id] = why
            continue
        delivery.state, delivery.attempts = DeliveryState.SENDING, delivery.attempts + 1
        delivery.claimed_until = by.at + TALKING
        delivery.sent_subject, delivery.sent_text = letter.subject[:300], letter.text_to_keep
    db.session.flush()
    return {number: begun[number] for number in letters if number in begun}


def _with_stored_pdf(delivery: Delivery, letter: Letter) -> Letter:
    if not letter.attachments or delivery.message.invoice_id is None:
        return letter
    invoice = db.session.get_one(Invoice, delivery.message.invoice_id)
    (made,) = letter.attachments
    try:
        data = invoice_document.store_pdf(invoice, made.data)
    except (OSError, FileLost) as error:
        raise NotYet(f"The PDF could not be stored, so the mail was not sent: {error}") from error
    return replace(letter, attachments=(replace(made, data=data),))


def finish(delivery_id: int, answer: Answer, *, worker: str, by: Actor) -> DeliveryState | None:
    """As finish_all, for one; None if the delivery is no longer this worker's."""
    return finish_all({delivery_id: (answer, by.at)}, worker=worker, by=by).get(delivery_id)


def finish_all(answers: Mapping[int, tuple[Answer, datetime]], *, worker: str, by: Actor) -> dict[int, DeliveryState]:
    """Record how sending ended, and when; returns the new states of those that are this worker's still.

    Also holds for a delivery that was given up as `unknown` meanwhile: now it is known.
    """
    found = _all_of(worker, answers, DeliveryState.SENDING, DeliveryState.UNKNOWN)
    for delivery in found:
        answer, at = answers[delivery.id]
        end_with(delivery, answer, replace(by, at=at))
    db.session.flush()
    return {delivery.id: delivery.state for delivery in found}


def end_with(delivery: Delivery, answer: Answer, by: Actor) -> None:
    """Record on a locked delivery how sending it ended."""
    let_go(delivery, answer.reason)
    if answer.ending == Ending.SENT:
        delivery.state, delivery.sent_at = DeliveryState.SENT, by.at
    elif answer.ending in _STATES:
        end(delivery, _STATES[answer.ending], by)
        if answer.ending == Ending.BOUNCED:
            flag_email(delivery)
    else:
        try_later(delivery, by, for_ever=answer.ending == Ending.NO_SERVER)


def take_back(delivery_ids: Sequence[int], *, worker: str, release: bool = True) -> int:
    """These were begun or reserved, and not handed over: they wait again, and that was no attempt; how many.

    Without `release` they stay reserved for this worker.
    """
    states = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNKNOWN)
    found = _all_of(worker, delivery_ids, *states)
    for delivery in found:
        take_it_back(delivery)
        delivery.claimed_by = "" if release else worker
    db.session.flush()
    return len(found)


def take_it_back(delivery: Delivery) -> None:
    """A locked delivery that never left waits again."""
    if delivery.state != DeliveryState.QUEUED:
        delivery.state, delivery.attempts = DeliveryState.QUEUED, delivery.attempts - 1
    let_go(delivery, "")


def give_up(delivery_id: int, why: NotWritten, *, worker: str, by: Actor) -> DeliveryState | None:
    """Record why there was no mail to send: cancelled, failed, or to be tried again later."""
    delivery = mine(delivery_id, worker, DeliveryState.QUEUED)
    if delivery is None:
        return None
    let_go(delivery, str(why))
    if isinstance(why, NotNeeded):
        delivery.state = DeliveryState.CANCELLED
    elif isinstance(why, NotBefore):
        delivery.next_try_at = why.at
    elif isinstance(why, CannotBeWritten):
        end(delivery, DeliveryState.FAILED, by)
    else:
        delivery.attempts += 1
        try_later(delivery, by)
    db.session.flush()
    return delivery.state


def postpone(delivery_ids: Sequence[int], reason: str, *, worker: str, by: Actor) -> int:
    """No mail can leave now: all these wait, each longer the more often it was tried; returns how many."""
    mine = select(Delivery).where(Delivery.id.in_(delivery_ids), Delivery.claimed_by == worker)
    waiting = list(db.session.scalars(mine.where(Delivery.state == DeliveryState.QUEUED).with_for_update()))
    for delivery in waiting:
        delivery.attempts += 1
        let_go(delivery, reason)
        delivery.next_try_at = by.at + wait_after(delivery.attempts)
    worst = max(waiting, key=lambda delivery: delivery.attempts, default=None)
    if worst is not None and worst.attempts >= ALERT_AFTER and not _alerted(by.at):
        audit.record(by, STOPPED, worst, after={"reason": reason[:500], "attempts": worst.attempts})
    db.session.flush()
    return len(waiting)


def mine(delivery_id: int, worker: str, *states: DeliveryState) -> Delivery | None:
    """The delivery, locked, if it is this worker's and in one of these states."""
    return next(iter(_all_of(worker, [delivery_id], *states)), None)


def _all_of(worker: str, ids: Iterable[int], *states: DeliveryState) -> Sequence[Delivery]:
    """Those of the deliveries that are this worker's and in one of these states, locked."""
    known = select(Delivery).where(Delivery.id.in_(list(ids))).order_by(Delivery.id).with_for_update()
    found = db.session.scalars(known.execution_options(populate_existing=True)).all()
    return [each for each in found if each.claimed_by == worker and each.state in states]


def let_go(delivery: Delivery, reason: str) -> None:
    """It is nobody's any more."""
    delivery.claimed_by, delivery.claimed_until, delivery.error = "", None, reason[:500]


def try_later(delivery: Delivery, by: Actor, *, for_ever: bool = False, wait: timedelta = timedelta()) -> None:
    """Queue it for another try, not before `wait` is over; the last of many has failed."""
    if delivery.attempts >= MOST_ATTEMPTS and not for_ever:
        end(delivery, DeliveryState.FAILED, by)
        return
    delivery.state = DeliveryState.QUEUED
    delivery.next_try_at = by.at + max(wait_after(delivery.attempts), wait)
    if delivery.attempts == ALERT_AFTER:
        audit.record(by, STUCK, delivery, after={"reason": delivery.error, "attempts": delivery.attempts})


def end(delivery: Delivery, state: DeliveryState, by: Actor) -> None:
    """An end that is not the one hoped for leaves a trace on the customer's page."""
    delivery.state = state
    audit.record(by, f"delivery.{state}", delivery, after={"reason": delivery.error})


def _alerted(at: datetime) -> bool:
    last = select(AuditEvent.at).where(AuditEvent.verb == STOPPED).order_by(AuditEvent.id.desc()).limit(1)
    moment = db.session.scalar(last)
    return moment is not None and moment > at - QUIET
