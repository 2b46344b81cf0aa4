"""Order forms and orders in words: their states, what becomes of an order, why one waits for a person."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from admin.cells import pill
from billing import order_fields
from models import Approval, BlockKind, FormState, Order, OrderForm, OrderState, Starts

FORM_STATES: dict[FormState, tuple[str, Any]] = {
    FormState.DRAFT: ("", _l("Draft")),
    FormState.OPEN: ("ok", _l("Open")),
    FormState.CLOSED: ("warn", _l("Closed")),
    FormState.ARCHIVED: ("", _l("Archived")),
}
STATES: dict[OrderState, tuple[str, Any]] = {
    OrderState.HELD: ("warn", _l("Held")),
    OrderState.WAITING: ("info", _l("To approve")),
    OrderState.BEGUN: ("", _l("Not confirmed yet")),
    OrderState.ACCEPTED: ("ok", _l("Accepted")),
    OrderState.REFUSED: ("bad", _l("Refused")),
    OrderState.EXPIRED: ("", _l("Expired")),
}
TO_DECIDE = (OrderState.HELD, OrderState.WAITING)
BLOCKS: dict[BlockKind, Any] = {
    BlockKind.NETWORK: _l("Internet address or network"),
    BlockKind.EMAIL: _l("E-mail address"),
    BlockKind.DOMAIN: _l("Mail domain"),
}
APPROVALS = (
    (Approval.AUTOMATIC, _l("Accept at once what nothing speaks against")),
    (Approval.BY_HAND, _l("Every order waits until somebody approves it")),
)
STARTS = (
    (Starts.PAID, _l("When the first invoice is paid")),
    (Starts.AT_ONCE, _l("At once")),
    (Starts.STAFF, _l("When somebody here says so")),
)


def form_pill(form: OrderForm) -> Markup:
    return pill(*FORM_STATES[form.state])


def state_pill(order: Order) -> Markup:
    return pill(*STATES[order.state])


def field_words(form: OrderForm) -> list[str]:
    """What the form asks beside name and e-mail, needed ones told."""
    return [
        _("%(field)s (needed)", field=one.label) if one.required else one.label
        for one in order_fields.asked(form.fields)
    ]
