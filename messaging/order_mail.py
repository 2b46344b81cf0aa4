"""The mails of orders: please confirm, welcome, is this yours, we are sorry; and the word to staff that somebody
ordered.

To an address that nobody has confirmed goes one mail an hour at the most, however often somebody types it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import cast

from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import func, select

from billing import company as companies
from billing import order_links, portal_links, portal_people, portal_users
from billing.actor import Actor
from billing.outbox import dedupe_key
from models import Customer, Delivery, Message, Order, OrderState, PortalUser, db

from . import brands, outbox, portal_mail, template_values, templates
from .compose import Content, framed
from .formats import day, language_of, money
from .refusals import CannotBeWritten, NotNeeded
from .template_language import Plain
from .templates import Said

CONFIRM, REFUSED = order_links.PURPOSE, order_links.REFUSED
PLACED = "order_placed"
ONE_AN_HOUR = timedelta(hours=1)


def after_placing(order: Order, *, base_url: str = "", link: str = "", by: Actor) -> None:
    """Queue what an order that was just placed calls for: the mail to confirm it, or the welcome; and tell staff.
    `link` leads to its page in the panel. Flushes."""
    if order.state == OrderState.BEGUN:
        _ask_to_confirm(order, base_url, by)
    else:
        after_deciding(order, base_url=base_url, by=by)
        tell_staff(order, link=link, by=by)


def after_deciding(order: Order, *, base_url: str = "", by: Actor) -> None:
    """Queue what an order that was accepted or refused calls for. Flushes."""
    if order.state == OrderState.ACCEPTED:
        user = db.session.get(PortalUser, order.portal_user_id) if order.portal_user_id else None
        if user is not None and order.customer is not None and not user.password_hash:
            portal_mail.queue_link(
                user, order.customer, portal_links.WELCOME, base_url=base_url, first=order.made_login, by=_system(by)
            )
        elif user is not None and order.customer is not None and portal_users.invitation(user, order.customer):
            _ask_whether_theirs(order, user, base_url, by)
    elif order.state == OrderState.REFUSED:
        message = Message(kind=REFUSED, about={"order": order.id}, created_at=by.at, created_by=by.name)
        _queue(message, order, by.at, f"{order.id}")
    db.session.flush()


def tell_staff(order: Order, *, link: str = "", by: Actor) -> Message | None:
    """Queue a mail to those whom the form names: somebody ordered, and whether it waits for them. Flushes."""
    if not order.form.notify:
        return None
    seller = companies.settings()
    with force_locale(seller.locale):
        waits = order.state in (OrderState.HELD, OrderState.WAITING)
        words = {"number": order.number, "form": order.form.name}
        subject = _("Order %(number)s waits for you", **words) if waits else _("New order %(number)s", **words)
        lines = [
            _("%(name)s (%(email)s) ordered %(package)s on the form %(form)s.", name=order.name, email=order.email,
              package=order.chosen["package"], form=order.form.name),
            _("Due at once: %(amount)s", amount=money(order.total, seller.locale)),
            _("It is held: %(why)s", why=order.why_held) if order.why_held else "",
            _("It could not be carried out by itself: %(why)s", why=order.trouble) if order.trouble else "",
            link,
        ]  # fmt: skip
    body = "\n\n".join(line for line in lines if line)
    return outbox.queue_message(subject, body, order.form.notify, kind=PLACED, about=order.id, by=by)


def write(message: Message, at: datetime) -> Content:
    """The mail to confirm an order, or that it was refused. Raises NotNeeded once it was confirmed or is over,
    CannotBeWritten."""
    order = order_links.of_message(message)
    if order is None:
        raise CannotBeWritten("The order this mail is about is not there any more.")
    link = _link(order, at) if message.kind == CONFIRM else ""
    said, brand = words(message.kind, order, link=link, at=at)
    return framed(said, brand, order.customer or _as_customer(order), secret=link)


def words(kind: str, order: Order, *, link: str, at: datetime) -> tuple[Said, brands.Brand]:
    """What the mail about this order says, and in whose name. Raises CannotBeWritten."""
    locale = order.language or language_of(order.customer, companies.settings())
    brand = brand_of(order)
    with force_locale(locale):
        return templates.write(kind, values(order, brand, locale, link=link, at=at), locale), brand


def brand_of(order: Order) -> brands.Brand:
    """In whose name it is written about the order: that of its customer, else of its form."""
    return brands.of(order.customer or _as_customer(order))


def values(order: Order, brand: brands.Brand, locale: str, *, link: str, at: datetime) -> dict[str, Plain]:
    """What the templates of orders know."""
    return {
        **template_values.common(order.customer, brand, locale, companies.day_of(at)),
        "order": {
            "number": order.number,
            "name": order.name,
            "package": order.chosen["package"],
            "total": money(order.total, locale),
            "later": money(order.later, locale) if order.later_minor else "",
            "until": day(companies.day_of(order.expires_at), locale),
        },
        "reason": order.reason,
        "link": link,
    }


def _ask_to_confirm(order: Order, base_url: str, by: Actor) -> None:
    """The mail with the link; not before an hour after the last one to the same address."""
    newest = select(func.max(Order.mailed_at)).where(Order.email_key == order.email_key, Order.mailed_at.is_not(None))
    last = db.session.scalar(newest)
    leaves = max(by.at, last + ONE_AN_HOUR) if last else by.at
    order_links.make(order, key=str(current_app.config["SECRET_KEY"]), base_url=base_url)
    message = Message(kind=CONFIRM, about={"order": order.id}, created_at=by.at, created_by=by.name)
    _queue(message, order, leaves, f"{order.id}")
    order.mailed_at, order.message_id = leaves, message.id
    db.session.flush()


def _ask_whether_theirs(order: Order, user: PortalUser, base_url: str, by: Actor) -> None:
    """To who signs in with the address that somebody ordered with, without signing in."""
    with force_locale(user.language or language_of(order.customer, companies.settings())):
        where = f"{(current_app.config['BASE_URL'] or base_url).rstrip('/')}/portal/accounts"
        body = _(
            "Hello %(name)s,\n\nSomebody, probably you, ordered %(package)s with this e-mail address, without signing "
            "in. Was it you? Sign in as you always do, and take the order among your accounts. If it was not you, "
            "decline it there:\n\n%(where)s\n\nUntil you say so, nothing changes in your accounts.",
            name=user.name, package=order.chosen["package"], where=where,
        )  # fmt: skip
        subject = _("Is order %(number)s yours?", number=order.number)
    outbox.queue_message(
        subject, body, [user.email], kind=portal_people.ADDED, about=f"order:{order.id}", customer=order.customer, by=by
    )


def _queue(message: Message, order: Order, leaves: datetime, occasion: str) -> None:
    message.customer_id = order.customer_id
    key = dedupe_key(message.kind, occasion, order.email_key)
    message.deliveries = [
        Delivery(customer_id=order.customer_id, address=order.email, dedupe_key=key, next_try_at=leaves)
    ]
    db.session.add(message)
    db.session.flush()


def _link(order: Order, at: datetime) -> str:
    if order.state != OrderState.BEGUN or at >= order.expires_at:
        raise NotNeeded("The order was confirmed, refused or given up before the mail left.")
    token = order_links.token_of(order, str(current_app.config["SECRET_KEY"]))
    base = current_app.config["BASE_URL"] or order.base_url
    if token is None or not base:
        raise CannotBeWritten("The link cannot be made any more: SECRET_KEY or BASE_URL was changed.")
    return f"{base.rstrip('/')}{order_links.PATH}{token}"


def _as_customer(order: Order) -> Customer:
    """Somebody of the form's brand, for the name that its mails are in."""
    return cast(Customer, SimpleNamespace(project=order.form.project))


def _system(by: Actor) -> Actor:
    """Whoever ordered has no right to write mails."""
    return replace(by, permissions=None)
