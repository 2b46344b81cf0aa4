"""What is said to customers about unpaid invoices: queueing it, in the transaction of the steps it tells of.

The words are written when a message leaves (messaging.dunning_mail), from what is still open then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from billing import dunning_plans, inheritance, message_categories, outbox
from billing.actor import Actor
from billing.dunning_plans import BACK, BEFORE, CANCELLED, FEE, MAIL, SUSPENDED, TEXT, WARNING
from models import Channel, Contact, Customer, Delivery, DeliveryState, DunningPlan, Message, Payer, Service, db
from models.bulk import among, insert_rows, reserve_ids

CATEGORY = "reminder"
FIRST, LATER = "first", "later"
KINDS = {
    name: f"dunning_{name}" for name in (BEFORE, FIRST, LATER, FEE, WARNING, SUSPENDED, CANCELLED, BACK)
}  # fmt: skip
"""What is said -> the kind of its message, which is also its template's."""
STAFF = "dunning_staff"
"""The kind of what tells the staff."""
STERNER = (CANCELLED, SUSPENDED, WARNING, LATER, FIRST, FEE, BEFORE)
"""Of what is said on one day, the first of these is the message; the others stand in it."""
_COLUMNS = ("id", *outbox.MESSAGE_COLUMNS, "category", "about")


@dataclass(slots=True)
class Saying:
    """A message to one customer. `occasion` makes it come once; `about` is what its writer looks at."""

    name: str
    customer_id: int
    occasion: str
    channels: Sequence[str]
    email: str = ""
    phone: str = ""
    payer_id: int | None = None
    invoice_id: int | None = None
    about: dict[str, Any] = field(default_factory=dict)


def queue(sayings: Sequence[Saying], *, by: Actor) -> list[int | None]:
    """The ids of the messages, in the same order; None where nobody can be reached. A few statements for any number."""
    more = _contacts({one.customer_id for one in sayings})
    payers = _payers({one.payer_id for one in sayings if one.payer_id})
    reached = [_addresses(one, more, payers) for one in sayings]
    wanted = [(one, to) for one, to in zip(sayings, reached, strict=True) if to]
    ids = reserve_ids(db.session, Message.__table__, len(wanted))
    essential = message_categories.is_essential(CATEGORY) if wanted else True
    messages: list[tuple[Any, ...]] = []
    deliveries: list[tuple[Any, ...]] = []
    for message_id, (one, to) in zip(ids, wanted, strict=True):
        kind = KINDS[one.name]
        messages.append(
            (message_id, kind, one.customer_id, one.invoice_id, "", "", essential, by.at, by.name, CATEGORY, one.about)
        )
        for channel, address in to:
            key = outbox.dedupe_key(kind, f"{one.occasion}:{channel}", address.lower())
            waits = DeliveryState.QUEUED.value
            deliveries.append(
                (message_id, one.customer_id, channel.value, address, key, waits, 0, by.at, "", "", "", "")
            )
    insert_rows(db.session, Message.__table__, _COLUMNS, messages)
    insert_rows(db.session, Delivery.__table__, outbox.DELIVERY_COLUMNS, deliveries)
    left = iter(ids)
    return [next(left) if to else None for to in reached]


def queue_back(customer_id: int, services: Sequence[Service], *, by: Actor) -> None:
    """Tell a customer that these services are on again, if the plan says so."""
    customer = db.session.get_one(Customer, customer_id)
    plan = plan_of(customer)
    if plan is None or not plan.channels.get(BACK):
        return
    occasion = f"{services[0].id}:{services[0].version}"
    about = {"services": [service.id for service in services]}
    one = Saying(BACK, customer_id, occasion, plan.channels[BACK], customer.email, customer.phone_e164, about=about)
    queue([one], by=by)


def queue_for_staff(address: str, occasion: str, about: dict[str, Any], *, by: Actor) -> None:
    """Tell whoever of the staff the plan names. `about` holds customer, invoice, what was done, and the services."""
    key = outbox.dedupe_key(STAFF, occasion, address.lower())
    message = Message(kind=STAFF, about=about, created_at=by.at, created_by=by.name)
    message.deliveries = [Delivery(address=address, dedupe_key=key, next_try_at=by.at)]
    db.session.add(message)


def plan_of(customer: Customer) -> DunningPlan | None:
    """The plan in force for a customer."""
    plan_id = inheritance.effective(customer, "dunning_plan_id").value
    return db.session.get(DunningPlan, plan_id) if plan_id else None


def sternest(names: Iterable[str], plan: DunningPlan) -> str:
    """Which of what would be said is said: the sternest for which the plan names a way; empty if it names none."""
    there = set(names)
    return next((name for name in STERNER if name in there and channels_of(plan, name)), "")


def channels_of(plan: DunningPlan, name: str) -> Sequence[str]:
    """By which ways the plan says it; first and later reminders share theirs."""
    return plan.channels.get(dunning_plans.AFTER if name in (FIRST, LATER) else name, ())


def _contacts(customer_ids: Collection[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    if customer_ids:
        wants = among(db.session, Contact.customer_id, customer_ids), Contact.gets_reminders, Contact.email != ""
        people = select(Contact.customer_id, Contact.email).where(*wants).order_by(Contact.id)
        for customer_id, email in db.session.execute(people):
            found.setdefault(customer_id, []).append(email)
    return found


def _payers(payer_ids: Collection[int]) -> dict[int, str]:
    if not payer_ids:
        return {}
    wanted = select(Payer.id, Payer.email).where(among(db.session, Payer.id, payer_ids))
    return dict(db.session.execute(wanted).all())


def _addresses(one: Saying, more: dict[int, list[str]], payers: dict[int, str]) -> list[tuple[Channel, str]]:
    found: list[tuple[Channel, str]] = []
    if MAIL in one.channels:
        main = payers.get(one.payer_id or 0) or one.email
        mails = outbox.distinct([main, *more.get(one.customer_id, ())])
        found += [(Channel.EMAIL, address) for address in mails.values()]
    if TEXT in one.channels and one.phone:
        found.append((Channel.SMS, one.phone))
    return found
