"""What state a credit is in, where it came from, and filters by both."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import and_, func, select

from admin.cells import pill
from admin.filters import ChoiceFilter
from admin.invoice_states import today
from models import Credit, CreditOutflow, Outflow, db

SOON = timedelta(days=30)
STATES = {
    "usable": ("money", _l("In hand")),
    "over": ("warn", _l("Runs out tonight")),
    "used": ("", _l("Used up")),
    "expired": ("warn", _l("Ran out")),
    "paid_out": ("", _l("Paid out")),
    "taken_back": ("", _l("Taken back")),
}
ENDS = {Outflow.EXPIRED: "expired", Outflow.PAID_OUT: "paid_out", Outflow.TAKEN_BACK: "taken_back"}
ORIGINS = {"given": _l("Given"), "paid": _l("Paid by the customer"), "note": _l("Credit note")}
OUTFLOWS = {
    Outflow.EXPIRED: _l("Ran out"), Outflow.PAID_OUT: _l("Paid out"), Outflow.TAKEN_BACK: _l("Taken back"),
}  # fmt: skip


def ends(credits: Iterable[Credit]) -> dict[int, Outflow]:
    """How the last of each used-up credit left, where it was not for an invoice; asked once for all of them."""
    ids = [one.id for one in credits if not one.remaining_minor]
    if not ids:
        return {}
    last = select(func.max(CreditOutflow.id)).where(CreditOutflow.credit_id.in_(ids)).group_by(CreditOutflow.credit_id)
    found = select(CreditOutflow.credit_id, CreditOutflow.kind).where(CreditOutflow.id.in_(last))
    return dict(db.session.execute(found).all())  # type: ignore[arg-type]


def state(credit: Credit, on: date, end: Outflow | None) -> str:
    if credit.remaining_minor:
        return "over" if credit.expires_on is not None and credit.expires_on < on else "usable"
    return ENDS[end] if end else "used"


def state_pill(credit: Credit, on: date, end: Outflow | None) -> Markup:
    return pill(*STATES[state(credit, on, end)])


def origin(credit: Credit) -> str:
    if credit.payment_id is not None:
        return str(ORIGINS["paid"])
    return str(ORIGINS["given" if credit.invoice_id is None else "note"])


class StateFilter(ChoiceFilter):
    """By what is left of it, and until when."""

    def __init__(self) -> None:
        options = (("usable", _l("In hand")), ("soon", _l("Runs out within 30 days")), ("gone", _l("Nothing left")))
        super().__init__(Credit.remaining_minor, _l("State"), "is", "state", options)

    def where(self, value: str) -> Any:
        left = Credit.remaining_minor > 0
        until = today() + SOON
        return {"usable": left, "soon": and_(left, Credit.expires_on <= until)}.get(value, Credit.remaining_minor == 0)

    def clean(self, value: str) -> str:
        return str(super().clean(value))

    @property
    def equality(self) -> bool:
        return False

    def bounds(self, column: Any) -> bool:
        return False


class OriginFilter(ChoiceFilter):
    def __init__(self) -> None:
        super().__init__(Credit.payment_id, _l("From"), "is", "origin", list(ORIGINS.items()))

    def where(self, value: str) -> Any:
        paid, note = Credit.payment_id.is_not(None), Credit.invoice_id.is_not(None)
        return {"paid": paid, "note": and_(~paid, note)}.get(value, and_(~paid, ~note))

    @property
    def equality(self) -> bool:
        return False

    def bounds(self, column: Any) -> bool:
        return False
