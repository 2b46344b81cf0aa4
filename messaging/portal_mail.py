"""The mails that let a customer's people in: welcome, a new password, another address, one more account."""

from __future__ import annotations

from datetime import datetime

from babel import dates
from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _

from billing import audit, portal_links, portal_people, portal_users
from billing import company as companies
from billing.actor import Actor
from billing.outbox import dedupe_key
from models import BillingError, Customer, Delivery, Message, PortalUser, db
from models.writing import insert_now

from . import brands, outbox, template_values, templates
from .compose import Content, framed
from .formats import language_of
from .refusals import CannotBeWritten, NotNeeded
from .template_language import Plain
from .templates import Said

PATH = "/portal/set-password/"
CONFIRM_PATH = "/portal/confirm-email/"
NOTICE = "portal_email_notice"


class NoAddress(BillingError):
    """Nobody has said where this installation answers, so no link can be made."""


def queue_link(
    user: PortalUser,
    customer: Customer,
    purpose: str,
    *,
    base_url: str = "",
    new_email: str = "",
    first: bool = False,
    by: Actor,
) -> Message:
    """Queue a mail with a link to set a password; earlier links of the person die. Flushes.

    `base_url` is where the installation answers, for one without BASE_URL; `first` as of portal_links.make. Staff need
    ``customers.edit`` for a welcome; a reset is asked for by whoever owns the mailbox. `new_email` is the address that
    is to be confirmed: the mail goes there.
    """
    if purpose == portal_links.WELCOME:
        by.require("customers.edit")
    message = Message(kind=purpose, customer_id=customer.id, created_at=by.at, created_by=by.name)
    insert_now(message)
    to = new_email or user.email
    key = dedupe_key(purpose, message.id, to)
    db.session.add(
        Delivery(message_id=message.id, customer_id=customer.id, address=to, dedupe_key=key, next_try_at=by.at)
    )
    if purpose == portal_links.WELCOME:
        audit.record(by, "customer.welcome_queued", customer, after={"to": user.email})
    portal_links.make(
        user, purpose, key=_secret(), at=by.at, message=message, base_url=base_url, new_email=new_email, first=first
    )
    return message


def ask_to_confirm(user: PortalUser, customer: Customer, email: str, *, base_url: str = "", by: Actor) -> None:
    """Queue the link to the new address, and word of it to the one they have. Raises what
    `portal_people.check_new_email` does. Flushes."""
    email = portal_people.check_new_email(user, email, by=by)
    message = queue_link(user, customer, portal_links.EMAIL, base_url=base_url, new_email=email, by=by)
    with force_locale(_locale_of(user, customer)):
        body = _(
            "Hello %(name)s,\n\nSomebody, probably you, asked to sign in with %(email)s instead of this address.\n"
            "Nothing has changed yet: that takes the link we sent there.\n\nIf it was not you, sign in and change your "
            "password. The link is dead then.",
            name=user.name, email=email,
        )  # fmt: skip
        _notice(_("Another address to sign in with"), body, user.email, customer, f"{message.id}:asked", by)


def tell_changed(user: PortalUser, customer: Customer, old: str, *, by: Actor) -> None:
    """Word to the address they had that it opens nothing any more. Flushes."""
    with force_locale(_locale_of(user, customer)):
        body = _(
            "Hello %(name)s,\n\nFrom now on you sign in with %(email)s; this address opens nothing any more.\n\n"
            "If it was not you, answer this mail at once.",
            name=user.name, email=user.email,
        )  # fmt: skip
        subject = _("You sign in with another address now")
        _notice(subject, body, old, customer, f"{user.id}:{by.at.isoformat()}", by)


def ask_to_accept(user: PortalUser, customer: Customer, *, answer: str, by: Actor) -> None:
    """Word to somebody who signs in already that a further customer wants to let them in; `answer` is where they say
    yes or no. Flushes."""
    with force_locale(_locale_of(user, customer)):
        body = _(
            "Hello %(name)s,\n\n%(who)s invites you into the account of %(customer)s. Sign in as you always do, and "
            "accept or decline it here:\n\n%(answer)s\n\nUntil you accept, they do not see your name.",
            name=user.name, who=by.name, customer=customer.name, answer=answer,
        )  # fmt: skip
        subject = _("You are invited into the account of %(customer)s", customer=customer.name)
    about = f"{user.id}:{customer.id}:{by.at.isoformat()}"
    outbox.queue_message(subject, body, [user.email], kind=portal_people.ADDED, about=about, customer=customer, by=by)


def _notice(subject: str, body: str, to: str, customer: Customer, about: str, by: Actor) -> None:
    outbox.queue_message(subject, body, [to], kind=NOTICE, about=about, customer=customer, category="reset", by=by)


def _locale_of(user: PortalUser, customer: Customer) -> str:
    return user.language or language_of(customer, companies.settings())


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
    link = f"{base.rstrip('/')}{CONFIRM_PATH if row.new_email else PATH}{token}"
    reader = (user.name, row.new_email or user.email)
    said, brand = words(message.kind, user, customer, reader, link=link, home=f"{base.rstrip('/')}/portal/", at=at)
    return framed(said, brand, customer, secret=link)


def words(
    kind: str,
    user: PortalUser,
    customer: Customer | None,
    reader: tuple[str, str],
    *,
    link: str,
    home: str,
    at: datetime,
) -> tuple[Said, brands.Brand]:
    """What the mail with this link says to that person, and in whose name. Raises CannotBeWritten."""
    locale = user.language or language_of(customer, companies.settings())
    values = link_values(kind, reader, customer, locale, link=link, home=home, at=at)
    if portal_users.login_of(str(values["username"])) != user.email:
        values["username"] = ""  # it opens the login of the account's first owner only
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
