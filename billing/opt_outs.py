"""Who wants no messages. Asked when messages are queued, and again before each leaves.

Essential mail and audited legal notices pass; a number that said STOP gets nothing at all, for whichever customer,
until it says START: the network would refuse it anyway (Twilio's error 21610).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, literal, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from models import Channel, Contact, Customer, Delivery, Message, OptOut, db

from . import audit
from .actor import Actor
from .phones import WrongNumber, number_of

STOP, CARRIER, LINK, STAFF, PORTAL = "stop", "carrier", "link", "staff", "portal"
"""Where an opt-out came from: a text, the network's refusal, the link in a mail, a member of staff, the portal."""


def who_is(*, address: str = "", customer: Customer | None = None, contact: Contact | None = None) -> str:
    """How one of the three is named in an opt-out."""
    if contact is not None:
        return f"contact:{contact.id}"
    if customer is not None:
        return f"customer:{customer.id}"
    return f"address:{address.strip().lower()}"


def add(
    channel: Channel,
    *,
    source: str,
    by: Actor,
    address: str = "",
    customer: Customer | None = None,
    contact: Contact | None = None,
    category: str = "",
    about: Customer | None = None,
) -> bool:
    """No more messages of `category` (empty: of any) to this address, customer or contact; False if so already.

    `about` is the customer in whose history it stands where only the address is named. Flushes.
    """
    who = who_is(address=address, customer=customer, contact=contact)
    customer_id = contact.customer_id if contact else customer.id if customer else None
    dialect = postgresql if db.session.get_bind().dialect.name == "postgresql" else sqlite
    values = {
        "channel": channel, "who": who, "customer_id": customer_id, "contact_id": contact.id if contact else None,
        "category": category, "by_carrier": source in (STOP, CARRIER), "source": source, "since": by.at,
    }  # fmt: skip
    insert = dialect.insert(OptOut).values(values).on_conflict_do_nothing().returning(OptOut.id)
    made = db.session.scalar(insert)
    if made is None:
        _harden(channel, who, category, source in (STOP, CARRIER))
        return False
    _written_down(by, "opt_out.added", channel, who, category, source, about or customer, made)
    return True


def remove(
    channel: Channel,
    *,
    by: Actor,
    source: str = STAFF,
    address: str = "",
    customer: Customer | None = None,
    contact: Contact | None = None,
    category: str | None = None,
    about: Customer | None = None,
) -> int:
    """They want messages again: of `category`, or of all (None). Returns how many opt-outs ended. Flushes."""
    who = who_is(address=address, customer=customer, contact=contact)
    named = OptOut.who == who
    if customer is not None and contact is None:
        named = and_(OptOut.customer_id == customer.id, OptOut.contact_id.is_(None))  # also of one merged into it
    rows = select(OptOut).where(OptOut.channel == channel, named)
    found = list(db.session.scalars(rows if category is None else rows.where(OptOut.category == category)))
    for row in found:
        _written_down(by, "opt_out.removed", channel, who, row.category, source, about or customer, row.id)
        db.session.delete(row)
    db.session.flush()
    return len(found)


def refused(customer: Customer, channel: Channel) -> set[str]:
    """The categories that mails or texts to the customer's own address are not wanted of; an empty one: of any."""
    about = (row for row in of(customer) if row.channel == channel and row.contact_id is None)
    return {row.category for row in about}


def silenced(customer: Customer) -> bool:
    """Whether the customer's number has said STOP, which only a text from that number takes back."""
    return any(row.by_carrier for row in of(customer) if row.channel == Channel.SMS)


def choose(customer: Customer, channel: Channel, wanted: Collection[str], among: Collection[str], *, by: Actor) -> None:
    """Of the categories `among` the customer wants these and no others from now on, at their own address too. What
    was refused altogether is spelt out by category. Flushes."""
    before = refused(customer, channel)
    everything = "" in before
    address = next((one for one in _addresses(customer) if ("@" in one) == (channel == Channel.EMAIL)), "")
    for category in sorted(among):
        if category in wanted and (category in before or everything):
            _want_again(customer, channel, address, category, by)
    if everything and wanted:
        _want_again(customer, channel, address, "", by)
    for category in sorted(set(among) - set(wanted)):
        if category not in before:
            add(channel, source=PORTAL, customer=customer, category=category, by=by)
    db.session.flush()


def _want_again(customer: Customer, channel: Channel, address: str, category: str, by: Actor) -> None:
    remove(channel, by=by, source=PORTAL, customer=customer, category=category)
    if address:
        named = address.removeprefix("address:")
        remove(channel, by=by, source=PORTAL, address=named, category=category, about=customer)


def heard_start(number: str, *, by: Actor, about: Customer | None = None) -> int:
    """The number said START: the network lets texts through again. What staff wrote down stays. Flushes."""
    who = who_is(address=number)
    said = select(OptOut).where(OptOut.channel == Channel.SMS, OptOut.who == who, OptOut.by_carrier)
    found = list(db.session.scalars(said))
    for row in found:
        _written_down(by, "opt_out.removed", Channel.SMS, who, row.category, "start", about, row.id)
        if row.source in (STOP, CARRIER):
            db.session.delete(row)
        else:
            row.by_carrier = False
    db.session.flush()
    return len(found)


def blocks(delivery: Delivery, message: Message) -> OptOut | None:
    """The opt-out that keeps this delivery from leaving, if there is one."""
    rule = obeyed(delivery.channel, message.category, essential=message.essential, legal_notice=message.legal_notice)
    named = _named(delivery.address.lower(), delivery.customer_id)
    return db.session.scalars(select(OptOut).where(rule, named).order_by(OptOut.by_carrier.desc()).limit(1)).first()


def blocked(deliveries: Sequence[Delivery], message: Message) -> set[int]:
    """The ids of those deliveries of one message that an opt-out keeps from leaving: as `blocks`, for many at once."""
    rule = obeyed(
        deliveries[0].channel, message.category, essential=message.essential, legal_notice=message.legal_notice
    )
    folded = {each.id: each.address.lower() for each in deliveries}
    customers = {each.customer_id for each in deliveries} - {None}
    email = func.lower(Contact.email)
    contacts = select(Contact.id).where(Contact.customer_id.in_(customers), email.in_(set(folded.values())))
    named = or_(
        OptOut.who.in_({f"address:{address}" for address in folded.values()}),
        and_(OptOut.customer_id.in_(customers), OptOut.contact_id.is_(None)),
        OptOut.contact_id.in_(contacts),
    )
    found = select(OptOut.who, OptOut.customer_id, OptOut.contact_id, Contact.customer_id, email)
    rows = db.session.execute(found.outerjoin(Contact, Contact.id == OptOut.contact_id).where(rule, named)).all()
    by_address = {who for who, *_rest in rows}
    by_customer = {customer_id for _who, customer_id, contact_id, *_rest in rows if contact_id is None}
    by_contact = {(customer_id, address) for *_rest, customer_id, address in rows if customer_id is not None}
    return {
        each.id
        for each in deliveries
        if f"address:{folded[each.id]}" in by_address
        or (each.customer_id is not None and each.customer_id in by_customer)
        or (each.customer_id, folded[each.id]) in by_contact
    }


def obeyed(channel: Channel, category: str, *, essential: bool, legal_notice: bool) -> ColumnElement[bool]:
    """Which opt-outs hold for a message like this."""
    here = OptOut.channel == channel
    if channel == Channel.EMAIL:
        if essential or legal_notice:
            return false()
        return and_(here, OptOut.category.in_(("", category)))
    if legal_notice:
        return and_(here, OptOut.by_carrier)
    categories = ("",) if essential else ("", category)
    return and_(here, or_(OptOut.by_carrier, OptOut.category.in_(categories)))


def holds_for(rule: ColumnElement[bool], address: Any, customer_id: Any) -> ColumnElement[bool]:
    """As part of a larger query: whether one of the opt-outs `rule` describes is for these columns."""
    by_address = and_(rule, OptOut.who == literal("address:") + func.lower(address))
    by_customer = and_(rule, OptOut.customer_id == customer_id, OptOut.contact_id.is_(None))
    return or_(*(select(OptOut.id).where(each).exists() for each in (by_address, by_customer)))


def of(customer: Customer) -> list[OptOut]:
    """What stands against messages to a customer: its own, its contacts', its addresses'."""
    query = select(OptOut).where(or_(OptOut.customer_id == customer.id, OptOut.who.in_(_addresses(customer))))
    return list(db.session.scalars(query.order_by(OptOut.since, OptOut.id)))


def _named(folded: str, customer_id: int | None) -> ColumnElement[bool]:
    by_address = OptOut.who == f"address:{folded}"
    if customer_id is None:
        return by_address
    contacts = select(Contact.id).where(Contact.customer_id == customer_id, func.lower(Contact.email) == folded)
    by_customer = and_(OptOut.customer_id == customer_id, OptOut.contact_id.is_(None))
    return or_(by_address, by_customer, OptOut.contact_id.in_(contacts))


def _addresses(customer: Customer) -> list[str]:
    found = [f"address:{customer.email.strip().lower()}"] if customer.email else []
    try:
        number = number_of(customer) if customer.phone else ""
    except WrongNumber:
        number = ""
    return [*found, f"address:{number}"] if number else found


def _harden(channel: Channel, who: str, category: str, by_carrier: bool) -> None:
    """A number that staff had opted out has now said STOP itself."""
    if by_carrier:
        row = db.update(OptOut).where(OptOut.who == who, OptOut.channel == channel, OptOut.category == category)
        db.session.execute(row.values(by_carrier=True))


def _written_down(
    by: Actor, verb: str, channel: Channel, who: str, category: str, source: str, about: Customer | None, row_id: int
) -> None:
    after = {"channel": channel.value, "who": who.partition(":")[2], "category": category, "source": source}
    event = audit.record(by, verb, about or db.session.get_one(OptOut, row_id), after=after)
    if about is not None:
        event.customer_id = about.id
