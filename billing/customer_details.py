"""What is kept about a customer beside its fields: tags, contacts, further addresses for invoices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from models import (
    BillingError,
    Contact,
    Customer,
    InvoiceAddress,
    Staff,
    Tag,
    customer_salesperson,
    customer_tag,
    db,
)

from . import audit
from .actor import Actor
from .contact_details import email_address, phone_number
from .texts import InvalidText, one_line

CHUNK = 1000
MOST_TAGS = 50
"""Given to a customer at once."""


class InvalidDetails(BillingError):
    """This cannot be kept about the customer."""


@dataclass(frozen=True, slots=True)
class ContactDetails:
    """A person at a customer. `id` is that of the contact to change; None makes a new one."""

    name: str
    role: str = ""
    email: str = ""
    phone: str = ""
    gets_invoices: bool = False
    gets_reminders: bool = False
    gets_news: bool = False
    id: int | None = None


def add_tags(customers: Iterable[Customer], names: Sequence[str], *, by: Actor) -> int:
    """Give every customer these tags; new ones are made. How many customers had not all of them before.
    Raises InvalidText, NotAllowed."""
    by.require("customers.edit")
    wanted = dict.fromkeys(one_line(name, 60, "The tag") for name in names)
    if len(wanted) > MOST_TAGS:
        raise InvalidText(f"At most {MOST_TAGS} tags can be given at once.")
    tags = [_tag(name) for name in wanted]
    return sum(_add_tags(chunk, tags, by) for chunk in _chunks(customers))


def remove_tags(customers: Iterable[Customer], names: Sequence[str], *, by: Actor) -> int:
    """Take these tags off every customer. How many customers had one of them. Raises NotAllowed."""
    by.require("customers.edit")
    lowered = [name.strip().lower() for name in names if "\0" not in name]
    tags = list(db.session.scalars(select(Tag).where(func.lower(Tag.name).in_(lowered))))
    return sum(_remove_tags(chunk, tags, by) for chunk in _chunks(customers))


def set_contacts(customer: Customer, contacts: Sequence[ContactDetails], *, by: Actor) -> list[Contact]:
    """These are the customer's contacts from now on: those with an id are changed, those without one are new, the
    others go. Raises InvalidText, InvalidContact, InvalidDetails, NotAllowed.
    """
    by.require("customers.edit")
    there = {contact.id: contact for contact in customer.contacts}
    wanted = [_checked(contact) for contact in contacts]
    ids = [values["id"] for values in wanted if values["id"] is not None]
    if set(ids) - set(there) or len(set(ids)) < len(ids):
        raise InvalidDetails("One of these contacts is not the customer's any more. Look at the page again.")
    before = sorted(str(contact) for contact in there.values())
    for contact_id in set(there) - set(ids):
        db.session.delete(there[contact_id])
    kept = [_written(customer, there, values) for values in wanted]
    db.session.flush()
    db.session.expire(customer, ["contacts"])
    after = sorted(contact.name for contact in kept)
    audit.record(by, "customer.contacts_set", customer, before={"contacts": before}, after={"contacts": after})
    db.session.flush()
    return kept


def add_invoice_address(customer: Customer, email: str, *, by: Actor) -> InvoiceAddress:
    """A further e-mail address that gets every invoice. Raises InvalidContact, InvalidDetails, NotAllowed."""
    by.require("customers.edit")
    found = email_address(email)
    if found == customer.email or found in {address.email for address in customer.invoice_addresses}:
        raise InvalidDetails(f"{found} gets the invoices already.")
    address = InvoiceAddress(email=found)
    customer.invoice_addresses.append(address)
    audit.record(by, "customer.invoice_address_added", customer, after={"email": found})
    db.session.flush()
    return address


def remove_invoice_address(address: InvoiceAddress, *, by: Actor) -> None:
    """No more invoices to this address. Raises NotAllowed."""
    by.require("customers.edit")
    customer = db.session.get_one(Customer, address.customer_id)
    audit.record(by, "customer.invoice_address_removed", customer, before={"email": address.email})
    db.session.delete(address)
    db.session.flush()
    db.session.expire(customer, ["invoice_addresses"])


def set_salespeople(customer: Customer, people: Sequence[int], *, by: Actor) -> None:
    """These members of the staff (ids) look after the customer from now on. Raises InvalidDetails, NotAllowed."""
    by.require("customers.edit")
    wanted = set(people)
    links = customer_salesperson.c.customer_id == customer.id
    before = set(db.session.scalars(select(customer_salesperson.c.staff_id).where(links)))
    if wanted == before:
        return
    names = dict(db.session.execute(select(Staff.id, Staff.name).where(Staff.id.in_(wanted | before))).all())
    if wanted - names.keys():
        raise InvalidDetails("One of these people is not on the staff any more. Look at the page again.")
    db.session.execute(delete(customer_salesperson).where(links, customer_salesperson.c.staff_id.in_(before - wanted)))
    rows = [{"customer_id": customer.id, "staff_id": one} for one in sorted(wanted - before)]
    if rows:
        db.session.execute(insert(customer_salesperson), rows)
    was, now = (sorted(names[one] for one in ids) for ids in (before, wanted))
    audit.record(by, "customer.salespeople_set", customer, before={"salespeople": was}, after={"salespeople": now})
    db.session.flush()


def _tag(name: str) -> Tag:
    """The tag of this name, made if there is none; of two who make it at the same moment, one does."""
    known = select(Tag).where(func.lower(Tag.name) == name.lower())
    tag = db.session.scalars(known).first()
    if tag is None:
        dialect = postgresql if db.session.get_bind().dialect.name == "postgresql" else sqlite
        db.session.execute(dialect.insert(Tag).values(name=name).on_conflict_do_nothing())
        tag = db.session.scalars(known).one()
    return tag


def _chunks(customers: Iterable[Customer]) -> Iterable[list[Customer]]:
    everybody = list(dict.fromkeys(customers))
    return (everybody[start : start + CHUNK] for start in range(0, len(everybody), CHUNK))


def _pairs(customers: Sequence[Customer], tags: Sequence[Tag]) -> set[tuple[int, int]]:
    """(customer, tag) that exist."""
    both = customer_tag.c.customer_id.in_([c.id for c in customers]), customer_tag.c.tag_id.in_([t.id for t in tags])
    return {(row.customer_id, row.tag_id) for row in db.session.execute(select(customer_tag).where(*both))}


def _add_tags(customers: list[Customer], tags: list[Tag], by: Actor) -> int:
    there = _pairs(customers, tags)
    missing = {c: [t for t in tags if (c.id, t.id) not in there] for c in customers}
    rows = [{"customer_id": c.id, "tag_id": t.id} for c, new in missing.items() for t in new]
    if rows:
        db.session.execute(insert(customer_tag), rows)
    return _trace_tags({c: new for c, new in missing.items() if new}, "customer.tagged", by)


def _remove_tags(customers: list[Customer], tags: list[Tag], by: Actor) -> int:
    there = _pairs(customers, tags)
    gone = {c: [t for t in tags if (c.id, t.id) in there] for c in customers}
    ids = [c.id for c in customers], [t.id for t in tags]
    where = customer_tag.c.customer_id.in_(ids[0]), customer_tag.c.tag_id.in_(ids[1])
    db.session.execute(delete(customer_tag).where(*where))
    return _trace_tags({c: old for c, old in gone.items() if old}, "customer.untagged", by)


def _trace_tags(changed: dict[Customer, list[Tag]], verb: str, by: Actor) -> int:
    for customer, tags in changed.items():
        audit.record(by, verb, customer, after={"tags": [tag.name for tag in tags]})
        db.session.expire(customer, ["tags"])
    db.session.flush()
    return len(changed)


def _checked(contact: ContactDetails) -> dict[str, Any]:
    return asdict(contact) | {
        "name": one_line(contact.name, 200, "The contact's name"),
        "role": one_line(contact.role, 120, "The contact's role", empty=True),
        "email": email_address(contact.email) if contact.email.strip() else "",
        "phone": phone_number(contact.phone),
    }


def _written(customer: Customer, there: dict[int, Contact], values: dict[str, Any]) -> Contact:
    contact = there.get(values["id"]) or Contact(customer_id=customer.id)
    for name, value in values.items():
        if name != "id":
            setattr(contact, name, value)
    db.session.add(contact)
    return contact
