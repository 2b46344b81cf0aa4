"""In which state a payment is, as people say it, and by which way one can look for payments."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from admin.cells import pill
from admin.filters import ChoiceFilter
from billing import payment_ways
from models import AttemptState, Money, Payment, PaymentAttempt


def rest_of(payment: Payment) -> Money:
    """What of it is in hand: on no invoice, and not given back."""
    return sum((one.remaining for one in payment.credits), Money.zero(payment.currency))


def state_pill(payment: Payment) -> Markup:
    """Nothing, for a payment that simply came in."""
    if payment.reversed_on is not None:
        return pill("", _("Taken back"))
    if payment.refunded_minor >= payment.amount_minor:
        return pill("warn", _("Refunded"))
    if payment.refunded_minor:
        return pill("warn", _("Partly refunded"))
    return pill("money", _("Not used up")) if rest_of(payment) else pill("ok", _("Used"))


def attempt_pill(attempt: PaymentAttempt) -> Markup:
    """How a try to pay by card stands."""
    kind, word = ATTEMPTS[attempt.state]
    return pill(kind, word)


ATTEMPTS = {
    AttemptState.BEGUN: ("info", _l("Begun")),
    AttemptState.REDIRECTED: ("info", _l("On the card page")),
    AttemptState.PROCESSING: ("info", _l("Being processed")),
    AttemptState.UNKNOWN: ("warn", _l("Unknown, is looked up")),
    AttemptState.SUCCEEDED: ("ok", _l("Succeeded")),
    AttemptState.DECLINED: ("bad", _l("Declined")),
    AttemptState.EXPIRED: ("", _l("Broken off")),
}


class MethodFilter(ChoiceFilter):
    """The ways in use are offered; an address may name any word that a payment came by."""

    def __init__(self, column: Any, name: Any, way: str) -> None:
        super().__init__(column, name, way, options=lambda: [(name, name) for name in payment_ways.names()])

    def clean(self, value: str) -> str:
        return value.replace("\0", "")[:60]
