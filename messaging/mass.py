"""One message to many: who gets it and who not and why, queueing it for all of them at once, how far it is, stop.

Mails are queued by one statement that reads and writes inside the database. Numbers have to be understood one by
one, so texts are queued in chunks of the same transaction.

    draft = Draft(customers=select(Customer.id).where(...), subject=..., body=..., category="news")
    tally(draft)                 # {"email": Tally(going=…, left_out={"opted_out": …}), …}
    recipients(draft, channel)   # page by page, with the reason of those left out
    message = queue(draft, by=actor)
    progress(message); stop(message, by=actor)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    case,
    cast,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    union_all,
    update,
)

from billing import audit, message_categories, message_settings, opt_outs, phones, segments
from billing import company as companies
from billing.actor import Actor
from billing.outbox import DELIVERY_COLUMNS
from models import (
    BillingError,
    Channel,
    Contact,
    Customer,
    CustomerStatus,
    Delivery,
    DeliveryState,
    Message,
    OptOut,
    db,
)
from models.bulk import insert_rows, rows_changed

KIND = "mass"
NO_ADDRESS, DISABLED, OPTED_OUT, BOUNCED = "no_address", "disabled", "opted_out", "bounced"
COUNTRY, WRONG_NUMBER, TWICE = "country", "wrong_number", "twice"
"""Why somebody is left out; `twice`: the same address gets it already."""
STOPPED = ("Sending was stopped.", "Sending this message was stopped.")
"""Why a delivery was not sent: it waited then, or was about to leave."""
LONGEST_IN_KEY = 150
CHUNK = 2000
EMAIL, SMS = Channel.EMAIL, Channel.SMS


class CannotSend(BillingError):
    """This message cannot be sent like this."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message and whom it is for. `customers` selects ids; `language` (``de``) keeps those who have it.

    `with_contacts` adds the contacts who get mails of this category. `text_body` are the words for texts where they
    differ. `send_at` (aware) is when it may leave; None at once.
    """

    customers: Select[Any]
    subject: str = ""
    body: str = ""
    text_body: str = ""
    category: str = ""
    channels: tuple[Channel, ...] = (EMAIL,)
    legal_notice: bool = False
    reply_to: str = ""
    language: str = ""
    with_contacts: bool = False
    send_at: datetime | None = None

    @property
    def essential(self) -> bool:
        return message_categories.is_essential(self.category)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many get it over one channel, how many are left out by reason; of texts also segments and their cost.

    The cost is in millionths of `currency`; `unpriced` texts go where no price is known.
    """

    going: int
    left_out: dict[str, int] = field(default_factory=dict)
    segments: int = 0
    cost_micro: int = 0
    currency: str = ""
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Recipient:
    """One line of the list; `reason` is empty if they get it."""

    customer_id: int
    contact_id: int
    name: str
    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How many deliveries of a message are in which state; `done` of `total` will not leave by themselves any more."""

    states: dict[str, int]
    done: int
    total: int


def tally(draft: Draft) -> dict[Channel, Tally]:
    """Who would get it, by channel. Reads only; texts take some 50 µs a number."""
    found: dict[Channel, Tally] = {}
    if EMAIL in draft.channels:
        rows = _mails(draft).subquery()
        counted = db.session.execute(select(rows.c.reason, func.count()).group_by(rows.c.reason)).all()
        reasons = {str(reason): int(count) for reason, count in counted}
        found[EMAIL] = Tally(reasons.pop("", 0), reasons)
    if SMS in draft.channels:
        found[SMS] = _tally_texts(draft)
    return found


def recipients(draft: Draft, channel: Channel, *, after: tuple[int, int] = (0, 0), limit: int = 50) -> list[Recipient]:
    """The next recipients by customer and contact (0: the customer itself), those left out among them.

    `after` is the (customer id, contact id) of the last line seen.
    """
    if channel == EMAIL:
        rows = _mails(draft).subquery()
        later = or_(rows.c.customer_id > after[0], and_(rows.c.customer_id == after[0], rows.c.contact_id > after[1]))
        query = select(rows).where(later).order_by(rows.c.customer_id, rows.c.contact_id).limit(limit)
        return [Recipient(r.customer_id, r.contact_id, r.name, r.address, r.reason) for r in db.session.execute(query)]
    page = list(islice(_texts(draft, Customer.id > after[0]), limit))
    return _told_twice(draft, page, after[0]) if after[0] else page


def _told_twice(draft: Draft, page: list[Recipient], after: int) -> list[Recipient]:
    """The page, with the numbers marked that customers before it, up to the id `after`, get the text at already."""
    numbers = [one.address for one in page if not one.reason]
    earlier = _texts(draft, and_(Customer.id <= after, Customer.phone_e164.in_(numbers)))
    told = {one.address for one in earlier if not one.reason}
    return [replace(one, reason=TWICE) if not one.reason and one.address in told else one for one in page]


def queue(draft: Draft, *, by: Actor) -> Message:
    """Queue it for everybody who gets it, each address once. Audited with its counts. Flushes.

    Raises NotAllowed without ``messages.send`` (``messages.legal`` too for a legal notice), CannotSend.
    """
    by.require("messages.send")
    if draft.legal_notice:
        by.require("messages.legal")
    _check(draft)
    message = Message(
        kind=KIND, subject=draft.subject.strip(), body=draft.body, text_body=draft.text_body,
        category=draft.category, essential=draft.essential, legal_notice=draft.legal_notice,
        reply_to=draft.reply_to, send_at=draft.send_at, created_at=by.at, created_by=by.name,
    )  # fmt: skip
    db.session.add(message)
    db.session.flush()
    counts = {}
    if EMAIL in draft.channels:
        counts["mails"] = _queue_mails(draft, message, by)
    if SMS in draft.channels:
        counts["texts"] = _queue_texts(draft, message, by)
    if not any(counts.values()):
        raise CannotSend("Nobody is left to write to. Look at the reasons in the list of recipients.")
    after = {"subject": message.subject, "category": draft.category, "legal_notice": draft.legal_notice, **counts}
    audit.record(by, "message.queued", message, after=after)
    db.session.flush()
    return message


def progress(message: Message) -> Progress:
    """How far it is."""
    rows = select(Delivery.state, func.count()).where(Delivery.message_id == message.id).group_by(Delivery.state)
    states = {state.value: count for state, count in db.session.execute(rows)}
    waiting = sum(states.get(state.value, 0) for state in (DeliveryState.QUEUED, DeliveryState.SENDING))
    total = sum(states.values())
    return Progress(states, total - waiting, total)


def stop(message: Message, *, by: Actor) -> int:
    """What has not left stays here; returns how many deliveries that were. Raises NotAllowed. Flushes.

    What is leaving at this moment still arrives; a worker that has more of it reserved lets go of it.
    """
    by.require("messages.send")
    waiting = update(Delivery).where(Delivery.message_id == message.id, Delivery.state == DeliveryState.QUEUED)
    values = {
        "state": DeliveryState.CANCELLED,
        "error": STOPPED[0],
        "claimed_by": "",
        "claimed_until": None,
    }
    result = db.session.execute(waiting.values(**values), execution_options={"synchronize_session": False})
    count = rows_changed(result)
    if message.stopped_at is None:
        message.stopped_at = by.at
        audit.record(by, "message.stopped", message, after={"count": count})
    db.session.flush()
    db.session.expire_all()
    return count


def again(message: Message, *, by: Actor) -> int:
    """Queue what failed once more, and what was stopped; how many. What may have arrived is left to a person. Flushes.

    Raises NotAllowed.
    """
    by.require("messages.send")
    message.stopped_at = None
    stopped = and_(Delivery.state == DeliveryState.CANCELLED, Delivery.error.in_(STOPPED))
    which = or_(Delivery.state == DeliveryState.FAILED, stopped)
    values = {
        "state": DeliveryState.QUEUED, "error": "", "attempts": 0, "next_try_at": by.at,
        "claimed_by": "", "claimed_until": None,
    }  # fmt: skip
    mine = update(Delivery).where(Delivery.message_id == message.id, which).values(**values)
    result = db.session.execute(mine, execution_options={"synchronize_session": False})
    db.session.flush()
    db.session.expire_all()
    return int(result.rowcount)  # type: ignore[attr-defined]


def tonight(at: datetime) -> datetime:
    """The next night hour of the settings, in the business's time zone."""
    zone = ZoneInfo(companies.settings().timezone)
    local = at.astimezone(zone)
    then = datetime.combine(local.date(), time(message_settings.get().night_hour), zone)
    return then if then > local else datetime.combine(local.date() + timedelta(days=1), then.time(), zone)


def _check(draft: Draft) -> None:
    if not draft.channels:
        raise CannotSend("Choose e-mail, text, or both.")
    if EMAIL in draft.channels and not (draft.subject.strip() and draft.body.strip()):
        raise CannotSend("A mail needs a subject and a text.")
    if "\n" in draft.subject or "\r" in draft.subject or len(draft.subject) > 300:
        raise CannotSend("The subject is one line of at most 300 letters.")
    if SMS in draft.channels and not _words(draft):
        raise CannotSend("A text needs words.")
    if SMS in draft.channels and len(_words(draft)) > segments.LONGEST:
        raise CannotSend(f"A text has at most {segments.LONGEST:,} letters.")


def _words(draft: Draft) -> str:
    return (draft.text_body or draft.body).replace("\r\n", "\n").strip()


def _asked(draft: Draft) -> ColumnElement[bool]:
    chosen = Customer.id.in_(draft.customers)
    if not draft.language:
        return chosen
    language = draft.language.split("_")[0].lower()
    return and_(chosen, or_(Customer.language == language, Customer.language.startswith(f"{language}_")))


def _mails(draft: Draft) -> Select[Any]:
    """customer_id, contact_id, name, address and reason of everybody asked for."""
    rule = opt_outs.obeyed(EMAIL, draft.category, essential=draft.essential, legal_notice=draft.legal_notice)
    email = func.trim(Customer.email)
    unwanted = opt_outs.holds_for(rule, email, Customer.id)
    passes = draft.essential or draft.legal_notice
    bad = false() if passes else Customer.email_state != ""
    own = select(
        Customer.id.label("customer_id"), literal(0).label("contact_id"), Customer.name.label("name"),
        email.label("address"), _reason(email, bad, unwanted).label("why"),
    ).where(_asked(draft))  # fmt: skip
    everybody = own.subquery()
    if draft.with_contacts and (flag := _contacts_of(draft.category)) is not None:
        everybody = union_all(own, _contact_mails(draft, rule, flag)).subquery()
    each = everybody.c
    rank = func.row_number().over(
        partition_by=(func.lower(each.address), each.why != ""), order_by=(each.contact_id, each.customer_id)
    )
    twice = case((and_(each.why == "", rank > 1), literal(TWICE)), else_=each.why)
    return select(each.customer_id, each.contact_id, each.name, each.address, twice.label("reason"))


def _contact_mails(draft: Draft, rule: ColumnElement[bool], flag: Any) -> Select[Any]:
    email = func.trim(Contact.email)
    contact_only = select(OptOut.id).where(rule, OptOut.contact_id == Contact.id).exists()
    unwanted = or_(opt_outs.holds_for(rule, email, Contact.customer_id), contact_only)
    return (
        select(Contact.customer_id, Contact.id, Contact.name, email, _reason(email, false(), unwanted))
        .join(Customer, Customer.id == Contact.customer_id)
        .where(_asked(draft), flag, email != "")
    )


def _contacts_of(category: str) -> Any:
    """Which contacts get copies of mails of this category."""
    flags = {"invoice": Contact.gets_invoices, "receipt": Contact.gets_invoices, "reminder": Contact.gets_reminders}
    return flags.get(category, None if message_categories.is_essential(category) else Contact.gets_news)


def _reason(address: Any, bad: Any, unwanted: Any) -> Any:
    return case(
        (Customer.status != CustomerStatus.ACTIVE, literal(DISABLED)),
        (address == "", literal(NO_ADDRESS)),
        (unwanted, literal(OPTED_OUT)),
        (bad, literal(BOUNCED)),
        else_=literal(""),
    )


def _queue_mails(draft: Draft, message: Message, by: Actor) -> int:
    rows = _mails(draft).subquery()
    start = literal(f"{KIND}:{message.id}:")
    folded = func.lower(rows.c.address)
    by_id = literal("id-") + cast(rows.c.customer_id, String)
    key = start + case((func.length(folded) > LONGEST_IN_KEY, by_id), else_=folded)
    values = select(
        literal(message.id), rows.c.customer_id, literal(EMAIL.value), rows.c.address, key,
        literal(DeliveryState.QUEUED.value), literal(0), literal(draft.send_at or by.at, Delivery.next_try_at.type),
        literal(""), literal(""), literal(""), literal(""),
    ).where(rows.c.reason == "")  # fmt: skip
    db.session.execute(insert(Delivery).from_select(DELIVERY_COLUMNS, values, include_defaults=False))
    return db.session.scalar(select(func.count()).where(Delivery.message_id == message.id)) or 0


def _texts(draft: Draft, which: ColumnElement[bool] | None = None) -> Iterator[Recipient]:
    """Every customer asked for, or `which` of them, with the number in E.164 where it is one."""
    allowed = message_settings.countries()
    seen: set[str] = set()
    unwanted = _unwanted_numbers(draft)
    for row in _customers(draft, true() if which is None else which):
        number, reason = _number(row, allowed)
        if not reason and (number in unwanted or row.opted_out):
            reason = OPTED_OUT
        if not reason and row.phone_state and not (draft.essential or draft.legal_notice):
            reason = BOUNCED
        if not reason and number in seen:
            reason = TWICE
        if not reason:
            seen.add(number)
        yield Recipient(row.id, 0, row.name, number or row.phone, reason)


def _customers(draft: Draft, which: ColumnElement[bool]) -> Iterator[Any]:
    rule = opt_outs.obeyed(SMS, draft.category, essential=draft.essential, legal_notice=draft.legal_notice)
    own = and_(rule, OptOut.customer_id == Customer.id, OptOut.contact_id.is_(None))
    opted_out = select(OptOut.id).where(own).exists().label("opted_out")
    columns = (Customer.id, Customer.name, Customer.phone, Customer.country, Customer.status, Customer.phone_state)
    after = 0
    while True:
        query = select(*columns, opted_out).where(_asked(draft), which, Customer.id > after)
        rows = db.session.execute(query.order_by(Customer.id).limit(CHUNK)).all()
        yield from rows
        if len(rows) < CHUNK:
            return
        after = rows[-1].id


def _number(row: Any, allowed: frozenset[str]) -> tuple[str, str]:
    if row.status != CustomerStatus.ACTIVE:
        return "", DISABLED
    if not row.phone.strip():
        return "", NO_ADDRESS
    try:
        number = phones.number_of(row)
    except phones.WrongNumber:
        return "", WRONG_NUMBER
    return number, "" if phones.country_of(number) in allowed else COUNTRY


def _unwanted_numbers(draft: Draft) -> frozenset[str]:
    rule = opt_outs.obeyed(SMS, draft.category, essential=draft.essential, legal_notice=draft.legal_notice)
    whose = select(OptOut.who).where(rule, OptOut.who.startswith("address:+"))
    return frozenset(who.removeprefix("address:") for who in db.session.scalars(whose))


def _tally_texts(draft: Draft) -> Tally:
    each = segments.count(_words(draft)).segments
    reasons: Counter[str] = Counter()
    prices: dict[str, int | None] = {}
    cost = unpriced = 0
    for one in _texts(draft):
        reasons[one.reason] += 1
        if one.reason:
            continue
        start = one.address[:7]
        if start not in prices:
            prices[start] = message_settings.price_of(one.address)
        price = prices[start]
        cost, unpriced = cost + each * (price or 0), unpriced + (price is None)
    going = reasons.pop("", 0)
    return Tally(going, dict(reasons), going * each, cost, message_settings.currency(), unpriced)


def _queue_texts(draft: Draft, message: Message, by: Actor) -> int:
    count, chunk = 0, []
    for one in _texts(draft):
        if not one.reason:
            chunk.append(_text_row(one, message.id, draft.send_at or by.at))
            count += 1
        if len(chunk) == CHUNK:
            _insert(chunk)
            chunk = []
    _insert(chunk)
    return count


def _insert(rows: Sequence[tuple[Any, ...]]) -> None:
    insert_rows(db.session(), Delivery.__table__, DELIVERY_COLUMNS, rows)


def _text_row(one: Recipient, message_id: int, at: datetime) -> tuple[Any, ...]:
    key = f"{KIND}:{message_id}:{one.address}"
    return (
        message_id, one.customer_id, SMS.value, one.address, key, DeliveryState.QUEUED.value, 0, at, "", "", "", "",
    )  # fmt: skip
