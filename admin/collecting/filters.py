"""What the worklist is built on, sorted and narrowed by: one row a customer of what is overdue (billing.arrears)."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, select

from admin.customers.choices import Rows
from admin.customers.filters import CurrencyChoice, RecordFilter
from admin.filter_kinds import money
from admin.filters import ChoiceFilter, StaffFilter
from admin.invoice_states import today
from admin.link_filters import LinkFilter, by_id
from billing import arrears
from models import Customer, CustomerGroup, DunningStep, Staff, StepState, customer_salesperson
from web import formatters
from web.setup import currencies

from .rows import STEPS

LATE = arrears.late(today)
SORTS: dict[str, Any] = {
    "name": Customer.name, "overdue": LATE.c.overdue_minor, "oldest": LATE.c.oldest_on, "invoices": LATE.c.invoices,
    "contact_on": Customer.contact_on,
}  # fmt: skip
AGE_WORDS = [
    ("0", _l("1 to 30 days")), ("1", _l("31 to 60 days")), ("2", _l("61 to 90 days")), ("3", _l("Over 90 days")),
]  # fmt: skip
PROMISES = [("open", _l("Promised")), ("broken", _l("Broken")), ("none", _l("None"))]
CONTACTS = [("due", _l("Due to call today")), ("later", _l("Later")), ("none", _l("Not planned"))]
HOLDS = [("yes", _l("On hold")), ("no", _l("Not on hold"))]


class Worked(ChoiceFilter):
    """A choice whose words are worked out of several columns; no index leads along it."""

    @property
    def equality(self) -> bool:
        return False

    def bounds(self, column: Any) -> bool:
        return False


class AgeFilter(Worked):
    """Owes something that is so many days late."""

    def where(self, value: str) -> ColumnElement[bool]:
        return LATE.c[f"age_{value}"] > 0  # type: ignore[no-any-return]


class PromiseFilter(Worked):
    def where(self, value: str) -> ColumnElement[bool]:
        known = {
            "open": LATE.c.promised_on >= today(), "broken": LATE.c.broken_on.is_not(None),
            "none": LATE.c.promised_on.is_(None),
        }  # fmt: skip
        return known[value]


class ContactFilter(Worked):
    def where(self, value: str) -> ColumnElement[bool]:
        known = {
            "due": Customer.contact_on <= today(), "later": Customer.contact_on > today(),
            "none": Customer.contact_on.is_(None),
        }  # fmt: skip
        return known[value]


class HoldFilter(Worked):
    def where(self, value: str) -> ColumnElement[bool]:
        held = Customer.held_until.is_not(None) & (Customer.held_until > today())
        return held if value == "yes" else ~held


class StepFilter(Worked):
    """The plan has taken a step of this kind for an invoice that is overdue still."""

    def where(self, value: str) -> ColumnElement[bool]:
        taken = DunningStep.customer_id == Customer.id, DunningStep.kind == value, DunningStep.state == StepState.DONE
        return select(1).where(*taken).correlate(Customer).exists()


class LetterFilter(Worked):
    """A plan has asked for a letter that nobody has printed yet."""

    def where(self, value: str) -> ColumnElement[bool]:
        waits = DunningStep.to_print, DunningStep.printed_at.is_(None)
        return Customer.id.in_(select(DunningStep.customer_id).where(*waits))


def _currencies() -> list[tuple[str, str]]:
    return currencies(formatters.locale())


FILTERS: tuple[StaffFilter, ...] = (
    AgeFilter(Customer.id, _l("Age"), "is", "age", AGE_WORDS),
    *money(LATE.c.overdue_minor, Customer.currency, _l("Overdue"), "overdue")[:2],
    PromiseFilter(Customer.id, _l("Promise"), "is", "promise", PROMISES),
    ContactFilter(Customer.id, _l("Next contact"), "is", "contact", CONTACTS),
    StepFilter(Customer.id, _l("Step taken"), "is", "step", [(kind.value, word) for kind, word in STEPS.items()]),
    LetterFilter(Customer.id, _l("Letter"), "is", "letter", [("wait", _l("To be printed"))]),
    HoldFilter(Customer.id, _l("Hold"), "is", "hold", HOLDS),
    *(RecordFilter(Customer.group_id, _l("Group"), way, "group", Rows(CustomerGroup)) for way in
      ("is", "not", "empty")),
    *(LinkFilter(Customer.id, customer_salesperson.c.customer_id, by_id(customer_salesperson.c.staff_id),
                 _l("Salesperson"), way, "salesperson", Rows(Staff)) for way in ("is", "not", "empty")),
    *(CurrencyChoice(Customer.currency, _l("Currency"), way, None, _currencies) for way in ("is", "not")),
)  # fmt: skip
