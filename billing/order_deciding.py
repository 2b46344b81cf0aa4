"""What becomes of an order once somebody says so: the form by itself, or staff who approve or refuse it."""

from __future__ import annotations

from sqlalchemy import select

from models import Approval, BillingError, Customer, Order, OrderForm, OrderState, PortalUser, db

from . import audit, portal_users, webhook_events
from .actor import Actor
from .order_figures import Figures
from .order_making import TotalHasChanged, make
from .order_records import DECIDABLE
from .texts import one_line

EDIT = "orders.edit"
LONGEST_REASON = 300


class WrongState(BillingError):
    """The order is not in a state for that."""


class WhoseLogin(BillingError):
    """A login has the order's e-mail address, and nobody has said whether it is the same person's."""


def approve(order: Order, *, customer: Customer | None = None, login: bool | None = None, by: Actor) -> Order:
    """Accept an order that is held or waits: for a customer there is, or as a new one. Where its e-mail address belongs
    to a login (`login_of`), `login` says whether that person's reaches the new customer too, or the customer gets none.

    Raises WhoseLogin, WrongState, NotAllowed, and what making it raises; nothing is done then. Flushes.
    """
    by.require(EDIT)
    order = lock(order)
    _check_decidable(order)
    if customer is not None:
        order.customer_id = customer.id
        db.session.flush()
        db.session.expire(order, ["customer"])
    if login is None and order.customer_id is None and (known := login_of(order)):
        raise WhoseLogin(f"{known.email} signs in here already. Say whether this order is of the same person.")
    with db.session.begin_nested():
        make(order, order.form, login=login is not False, by=by)
        accept(order, by)
        db.session.flush()
    told(order, by)
    return order


def refuse(order: Order, reason: str, *, by: Actor) -> Order:
    """Turn down an order that is held, waits, or was not confirmed. Nothing was made for it, and nothing will be.
    Raises WrongState, InvalidText, NotAllowed. Flushes."""
    by.require(EDIT)
    order = lock(order)
    if order.state != OrderState.BEGUN:
        _check_decidable(order)
    order.reason = one_line(reason, LONGEST_REASON, "The reason", empty=True)
    order.state, order.decided_at, order.decided_by = OrderState.REFUSED, by.at, by.name
    order.token_hash = None
    audit.record(by, "order.refused", order, after={"reason": order.reason})
    db.session.flush()
    webhook_events.order(order, "order.refused", by)
    return order


def login_of(order: Order) -> PortalUser | None:
    """The login that has the order's e-mail address; None if it was ordered signed in, or for a known customer."""
    return portal_users.by_email(order.email) if order.customer_id is None else None


def lock(order: Order) -> Order:
    """The order as it is now, locked until the transaction ends."""
    wanted = select(Order).where(Order.id == order.id).with_for_update(of=Order)
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one()


def decide(
    order: Order,
    form: OrderForm,
    by: Actor,
    *,
    seen: int | None = None,
    known: Figures | None = None,
    nobody: bool = False,
    proven: bool = True,
) -> None:
    """Accept it, or leave it to staff: where the form says so, and where it cannot be made."""
    order.token_hash = None
    if form.approval == Approval.BY_HAND:
        order.state = OrderState.WAITING
        return
    customer, person = order.customer, order.portal_user_id
    try:
        with db.session.begin_nested():
            make(order, form, seen=seen, known=known, nobody=nobody, proven=proven, by=by)
            accept(order, by)
    except TotalHasChanged:
        raise
    except BillingError as refusal:
        order.customer, order.customer_id = customer, customer.id if customer else None
        order.portal_user, order.portal_user_id, order.service, order.service_id = None, person, None, None
        order.state, order.trouble = OrderState.WAITING, str(refusal)[:400]


def accept(order: Order, by: Actor) -> None:
    order.state, order.decided_at, order.decided_by = OrderState.ACCEPTED, by.at, by.name
    order.trouble = ""


def told(order: Order, by: Actor) -> None:
    """The trace of an order that was accepted later than placed."""
    after = {"customer_id": order.customer_id, "invoice_id": order.invoice_id, "total_minor": order.total_minor}
    audit.record(by, "order.accepted", order, after=after)
    db.session.flush()
    webhook_events.order(order, "order.approved", by)


def _check_decidable(order: Order) -> None:
    if order.state not in DECIDABLE:
        raise WrongState(f"{order} is not waiting for a decision any more. Load the page again.")
