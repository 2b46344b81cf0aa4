"""Orders: placed on a form, confirmed by mail, held or approved, refused, expired. Accepted ones are order_making's.

No answer tells a stranger whether an e-mail address is known: an order for a known one takes the way of every other
order, up to the mail, which only the owner of the mailbox reads.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from models import (
    BillingError,
    Customer,
    CustomerStatus,
    FormState,
    Order,
    OrderForm,
    OrderState,
    PortalAccess,
    PortalRight,
    PortalUser,
    db,
)

from . import audit, company, order_blocks, order_checks, order_fields, portal_users, webhook_events
from .actor import Actor, NotAllowed
from .coupons import LETTERS
from .order_checks import Came
from .order_choices import Choice, pick
from .order_deciding import WhoseLogin as WhoseLogin
from .order_deciding import WrongState as WrongState
from .order_deciding import approve as approve
from .order_deciding import decide, lock, told
from .order_deciding import login_of as login_of
from .order_deciding import refuse as refuse
from .order_figures import Figures, figures
from .order_making import TotalHasChanged, figures_of
from .order_records import frozen, tell_sums

VIEW = "orders.view"
MAY_ORDER = frozenset({PortalRight.OWNER, PortalRight.BILLING})
"""What a portal user may do for a customer, to be able to order for it."""


class FormClosed(BillingError):
    """The form takes no orders now."""


class NoTerms(BillingError):
    """The terms were not accepted."""

    field = "terms"


class SignInFirst(BillingError):
    """Whoever has this e-mail address has a login, and confirms the order signed in."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed on a form. `details` are name, e-mail and the fields asked, as text; somebody who is signed in
    orders for one of their customers instead, and types none of them."""

    choice: Choice
    details: Mapping[str, str] = field(default_factory=dict)
    coupon: str = ""
    terms: bool = False
    language: str = ""
    customer: Customer | None = None


def new_number() -> str:
    """What tells an order from all others: nobody guesses it."""
    return "".join(secrets.choice(LETTERS) for _ in range(8))


def place(form: OrderForm, typed: Typed, came: Came, *, number: str = "", seen: int | None = None, by: Actor) -> Order:
    """Take an order. It is accepted at once where nothing speaks against it, its form asks for no approval, and the
    e-mail address needs no confirming; else its `state` says what it waits for. The caller queues the mail that the
    state calls for (messaging.order_mail), and commits. `number` is one of `new_number`, `seen` the total in minor
    units that the page showed.

    Raises FormClosed, ChoiceRefused and DetailsRefused (fields), NoTerms, TotalHasChanged, TooManyOrders, NotAllowed.
    Flushes.
    """
    _check_may_order(form, typed, by)
    details = _details(form, typed, by)
    if form.has_terms and not typed.terms:
        raise NoTerms("Tick that you accept the terms.")
    before = order_checks.before(came, details["email"], by.at)
    order_checks.refuse_floods(before)
    coupon = typed.coupon.strip() if form.coupons else ""
    picked = pick(form, typed.choice, typed.customer.currency if typed.customer else "")
    found = figures(
        form, picked, on=by.today, coupon=coupon, buyer=typed.customer, details=details
    )  # fmt: skip
    if seen is not None and seen != found.total.minor:
        raise TotalHasChanged(found.total)
    order = _new(form, typed, details, found, coupon, came, by)
    order.number = number or new_number()
    order.why_held = order_checks.why_held(came, details, before, home=company.settings().country)
    _go_on(order, form, found, before.known, by)
    db.session.add(order)
    db.session.flush()
    after = {"form": form.name, "email": order.email, "total_minor": order.total_minor, "state": str(order.state)}
    audit.record(by, "order.placed", order, after={**after, "held": order.why_held, "trouble": order.trouble})
    webhook_events.order(order, "order.placed", by)
    if order.state == OrderState.ACCEPTED:
        webhook_events.order(order, "order.approved", by)
    return order


def confirm(order: Order, *, seen: int | None = None, customer: Customer | None = None, by: Actor) -> Order:
    """Whoever holds the link of its mail says yes. A stranger's order goes on as its form says; who has a login
    confirms it signed in, for one of their customers. `seen` is the total in minor units that they were shown.

    Raises SignInFirst, TotalHasChanged, WrongState, NotAllowed, and what making it raises. Flushes.
    """
    if by.real_staff_id is not None:
        raise NotAllowed("Only the customer orders here. Accept the order in the panel instead.")
    order = lock(order)
    if order.state != OrderState.BEGUN or by.at >= order.expires_at:
        raise WrongState("This order does not wait to be confirmed any more.")
    login = owner_of(order)
    if login is not None and by.portal_user_id != login.id:
        raise SignInFirst("You have an account with us. Sign in to finish your order.")
    if login is not None:
        _check_access(customer, by)
        assert customer is not None
        if customer.currency != order.currency:
            _in_currency_of(order, customer, seen, by)
        order.customer_id, order.portal_user_id = customer.id, login.id
        db.session.flush()
        db.session.expire(order, ["customer"])
    order.confirmed_at = by.at
    audit.record(by, "order.confirmed", order)
    known = portal_users.by_email(order.email) if login is None else login
    if login is None and (why := _unclear(order.email, known)):
        order.state, order.why_held, order.token_hash = OrderState.HELD, why[:400], None
    else:
        decide(order, order.form, by, seen=seen, nobody=known is None)
    db.session.flush()
    if order.state == OrderState.ACCEPTED:
        told(order, by)
    elif order.trouble:
        audit.record(by, "order.not_made", order, after={"reason": order.trouble})
        db.session.flush()
    return order


def go_on_as_guest(order: Order, *, by: Actor) -> Order:
    """Whoever placed it, in the same browser, goes on without the link of its mail, as its form allows everybody. Of a
    known e-mail address nothing is shown or changed by that: the order is of a new customer. Who signs in with the
    address is asked whether that is theirs, and has to sign in to say so; who has no login yet gets one by mail. Staff
    are told to look. Raises WrongState, NotAllowed, TotalHasChanged. Flushes."""
    if by.real_staff_id is not None:
        raise NotAllowed("Only the customer orders here. Accept the order in the panel instead.")
    order = lock(order)
    if order.state != OrderState.BEGUN or order.form.confirm_email or by.at >= order.expires_at:
        raise WrongState("This order does not wait any more.")
    link, look = order.token_hash, _look_at(order.email)
    decide(order, order.form, by, seen=order.total_minor, proven=False)
    if order.state == OrderState.ACCEPTED:
        order.token_hash, order.trouble = link, look
        db.session.flush()
        told(order, by)
    elif order.trouble:
        audit.record(by, "order.not_made", order, after={"reason": order.trouble})
        db.session.flush()
    return order


def owner_of(order: Order) -> PortalUser | None:
    """The person who has a login with the order's e-mail address and reaches some customer; None for everybody else.
    To be told only to whoever holds the link of the order's mail."""
    user = portal_users.by_email(order.email)
    return user if user is not None and user.active and portal_users.accesses(user) else None


# On the way


def _go_on(order: Order, form: OrderForm, found: Figures, known: bool, by: Actor) -> None:
    """What a new order becomes."""
    if order.why_held:
        order.state = OrderState.HELD
        return
    stranger = order.portal_user_id is None
    if stranger and (form.confirm_email or known):
        order.state = OrderState.BEGUN
    else:
        decide(order, form, by, known=found, nobody=stranger)


def _check_may_order(form: OrderForm, typed: Typed, by: Actor) -> None:
    if form.state != FormState.OPEN:
        raise FormClosed("This form takes no orders now.")
    if by.real_staff_id is not None:
        raise NotAllowed("Only the customer orders here. Start the service in the panel instead.")
    if by.portal_user_id is not None:
        _check_access(typed.customer, by)


def _in_currency_of(order: Order, customer: Customer, seen: int | None, by: Actor) -> None:
    """What was ordered in the form's currency, told in that of the account it is confirmed for. Raises
    TotalHasChanged."""
    found = figures_of(order, order.form, by.today, customer)
    if seen is not None and seen != found.total.minor:
        raise TotalHasChanged(found.total)
    tell_sums(order, found)


def _check_access(customer: Customer | None, by: Actor) -> None:
    if by.real_staff_id is not None:
        raise NotAllowed("Only the customer orders here. Start the service in the panel instead.")
    mine = (PortalAccess.portal_user_id == by.portal_user_id, PortalAccess.active, PortalAccess.accepted)
    theirs = PortalAccess.customer_id == (customer.id if customer else 0)
    right = db.session.scalar(select(PortalAccess.right).where(*mine, theirs))
    if customer is None or right not in MAY_ORDER or customer.status != CustomerStatus.ACTIVE:
        raise NotAllowed("Your login cannot order for this account. Ask an owner of the account.")


def _details(form: OrderForm, typed: Typed, by: Actor) -> dict[str, Any]:
    if by.portal_user_id is not None:
        user = db.session.get_one(PortalUser, by.portal_user_id)
        return {"name": user.name, "email": user.email}
    return order_fields.check(order_fields.asked(form.fields), typed.details, home=company.settings().country)


def _new(
    form: OrderForm, typed: Typed, details: dict[str, Any], found: Figures, coupon: str, came: Came, by: Actor
) -> Order:
    return Order(
        form_id=form.id, name=details["name"],
        email=details["email"], email_key=order_blocks.mailbox_of(details["email"]), language=typed.language[:12],
        chosen=frozen(found), details=details, coupon=coupon[:40],
        accepted_terms=(form.terms or form.terms_url) if form.has_terms else "", currency=found.total.currency,
        total_minor=found.total.minor, later_minor=found.later.minor if found.later else 0,
        address=came.address[:45], network=order_blocks.network_of(came.address), browser=_seen(came.browser)[:200],
        placed_at=by.at, expires_at=by.at + timedelta(days=company.value("order_days")),
        portal_user_id=by.portal_user_id, customer_id=typed.customer.id if typed.customer else None,
        customer=typed.customer, form=form, state=OrderState.BEGUN, decided_by="", reason="", trouble="", why_held="",
        seed="", base_url="", token_hash=None,
    )  # fmt: skip


def _seen(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())


def _unclear(email: str, known: PortalUser | None) -> str:
    """Why somebody who reaches no customer yet, and has this mailbox, is for staff to look at; empty for others."""
    if namesake := _namesake(email):
        return f"{namesake.name} has this e-mail address already. Is it the same customer?"
    return "The login with this e-mail address is switched off." if known is not None and not known.active else ""


def _look_at(email: str) -> str:
    """What staff are told of an order for a known address that nobody has proved."""
    login = portal_users.by_email(email)
    who = f"{email} is known here already"
    if login is not None and not login.active:
        who = f"The login {email} is switched off"
    elif login is not None and portal_users.is_known(login):
        who = f"{email} signs in here already, and was asked to take this among their accounts"
    more = "it was ordered without signing in, so this is a customer of its own. Merge them if they are the same."
    return f"{who}; {more}"[:400]


def _namesake(email: str) -> Customer | None:
    same = select(Customer).where(Customer.email == email, Customer.status != CustomerStatus.ARCHIVED)
    return db.session.scalars(same.order_by(Customer.id).limit(1)).first()
