"""The mails that let a customer's people into the portal: welcome, and a new password."""

from __future__ import annotations

from datetime import datetime

from babel import dates
from flask import current_app
from flask_babel import force_locale

from billing import audit, portal_links
from billing import company as companies
from billing.actor import Actor
from billing.outbox import dedupe_key
from models import BillingError, Customer, Delivery, Message, PortalUser, db

from . import brands, template_values, templates
from .compose import Content, in_frame
from .formats import language_of
from .refusals import CannotBeWritten, NotNeeded
from .template_language import Plain
from .templates import Said

PATH = "/portal/set-password/"


class NoAddress(BillingError):
    """Nobody has said where this installation answers, so no link can be made."""


def queue_link(user: PortalUser, customer: Customer, purpose: str, *, base_url: str = "", by: Actor) -> Message:
    """Queue a mail with a link to set a password; earlier links of the person die. Flushes.

    `base_url` is where the installation answers, for one without BASE_URL. Staff need ``customers.edit`` for a
    welcome; a reset is asked for by whoever owns the mailbox.
    """
    if purpose == portal_links.WELCOME:
        by.require("customers.edit")
    message = Message(kind=purpose, customer_id=customer.id, created_at=by.at, created_by=by.name)
    db.session.add(message)
    db.session.flush()
    key = dedupe_key(purpose, message.id, user.email)
    message.deliveries = [Delivery(customer_id=customer.id, address=user.email, dedupe_key=key, next_try_at=by.at)]
    portal_links.make(user, purpose, key=_secret(), at=by.at, message=message, base_url=base_url)
    if purpose == portal_links.WELCOME:
        audit.record(by, "customer.welcome_queued", customer, after={"to": user.email})
    db.session.flush()
    return message


def new_link(user: PortalUser, *, base_url: str, at_customer: Customer, by: Actor) -> str:
    """The address of a fresh link, to be shown once to staff who hand it over themselves. Flushes."""
    by.require("customers.edit")
    _row, token = portal_links.make(user, portal_links.WELCOME, key=_secret(), at=by.at, base_url=base_url)
    audit.record(by, "customer.link_made", at_customer, after={"for": user.email})
    db.session.flush()
    return f"{base_url}{PATH}{token}"


def write(message: Message, at: datetime) -> Content:
    """The mail with the link. Raises NotNeeded once the link is used, dead or replaced, CannotBeWritten."""
    row = portal_links.of_message(message)
    if row is None or row.portal_user_id is None:
        raise CannotBeWritten("The link this mail should bring is not there. Send a new one from the customer's page.")
    if not portal_links.is_alive(row, current_app.clock()):  # type: ignore[attr-defined]
        raise NotNeeded("The link ran out, was used or was replaced by a newer one before the mail left.")
    token = portal_links.token_of(row, _secret())
    base = current_app.config["BASE_URL"] or row.base_url
    if token is None or not base:
        raise CannotBeWritten("The link cannot be made any more: SECRET_KEY or BASE_URL was changed. Send a new one.")
    user, customer = db.session.get_one(PortalUser, row.portal_user_id), db.session.get(Customer, message.customer_id)
    link = f"{base.rstrip('/')}{PATH}{token}"
    said, brand = words(message.kind, user, customer, link=link, home=f"{base.rstrip('/')}/portal/", at=at)
    logo = brands.logo_of(customer)
    html = in_frame(said, brand.name, with_logo=bool(logo))
    return Content(said.subject, said.text, html, brand.name, brand.email, secret=link, logo=logo)


def words(
    kind: str, user: PortalUser, customer: Customer | None, *, link: str, home: str, at: datetime
) -> tuple[Said, brands.Brand]:
    """What the mail with this link says to that person, and in whose name. Raises CannotBeWritten."""
    locale = user.language or language_of(customer, companies.settings())
    values = link_values(kind, (user.name, user.email), customer, locale, link=link, home=home, at=at)
    with force_locale(locale):
        return templates.write(kind, values, locale), brands.of(customer)


def link_values(
    kind: str, reader: tuple[str, str], customer: Customer | None, locale: str, *, link: str, home: str, at: datetime
) -> dict[str, Plain]:
    """What the templates of links know; `reader` is the name and the address of whom it is for."""
    with force_locale(locale):
        return {
            **template_values.common(customer, brands.of(customer), locale, companies.day_of(at)),
            "name": reader[0], "login": reader[1], "username": (customer.username or "") if customer else "",
            "link": link, "home": home,
            "good_for": dates.format_timedelta(portal_links.LIFE[kind], threshold=2, locale=locale),
        }  # fmt: skip


def _secret() -> str:
    return str(current_app.config["SECRET_KEY"])
