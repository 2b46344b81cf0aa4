"""The very first step: the owner and the company, made once on an empty database and never again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from models import BillingError, Company, Customer, Staff, db
from models.currencies import DECIMALS

from . import audit, dunning_plans, payment_ways, staff
from .actor import Actor
from .permissions import ROLES


class AlreadySetUp(BillingError):
    """There is a company, or somebody on the staff, already."""


class InvalidChoice(BillingError):
    """A currency, country or time zone that does not exist."""


@dataclass(frozen=True, slots=True)
class FirstRun:
    """What the first page asks for; the password comes as its hash."""

    owner: str
    email: str
    password_hash: str
    company: str
    country: str
    currency: str
    timezone: str


def is_open() -> bool:
    """Whether nothing has been set up yet: no company, no staff, no customer."""
    return not any(db.session.scalar(select(table.id).limit(1)) for table in (Company, Staff, Customer))


def first_run(values: FirstRun, by: Actor) -> Staff:
    """Make company and owner, who is returned and acts for themselves.

    The company's key decides between two who try at once. Raises AlreadySetUp, InvalidChoice and what
    `staff.create` raises.
    """
    if not is_open():
        raise AlreadySetUp("Tillbook is set up already.")
    if values.currency not in DECIMALS:
        raise InvalidChoice("Choose a currency from the list.")
    if values.timezone not in available_timezones():
        raise InvalidChoice("Choose a time zone from the list.")
    company = Company(
        id=1,
        name=values.company,
        legal_name=values.company,
        email=values.email,
        country=values.country,
        currency=values.currency,
        timezone=values.timezone,
    )
    db.session.add(company)
    try:
        db.session.flush()
    except IntegrityError as error:
        raise AlreadySetUp("Tillbook is set up already.") from error
    by = replace(by, name=values.owner, permissions=ROLES[staff.OWNER])
    owner = staff.create(values.email, values.owner, staff.ensure_roles()[staff.OWNER], values.password_hash, by)
    after = {"name": values.company, "currency": values.currency, "timezone": values.timezone}
    audit.record(by, "company.created", company, after=after)
    payment_ways.begin()
    dunning_plans.begin(company)
    return owner
