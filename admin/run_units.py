"""What runs did, customer by customer."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from admin import columns, run_words
from admin.base import StaffView
from admin.cells import pill
from admin.export import plain
from admin.filter_kinds import choice
from admin.filters import NumberFilter
from admin.links import record_url
from billing.runs import KINDS
from models import BillingGroup, Customer, Invoice, Run, RunUnit, db
from web.formatters import with_amounts

OFFERED = 50


class RunFilter(NumberFilter):
    """A run by its number; the newest ones are offered."""

    def choices(self) -> list[tuple[str, str]]:
        newest = select(Run).where(Run.kind.in_(KINDS)).order_by(Run.id.desc()).limit(OFFERED)
        return [(str(run.id), _named(run)) for run in db.session.scalars(newest)]

    def printed(self, value: str) -> str:
        run = db.session.get(Run, self.clean(value))
        return _named(run) if run else value


def _named(run: Run) -> str:
    return f"{run_words.title(run)} ({_('No. %(id)s', id=run.id)})"


def _invoice(_view: Any, _context: Any, row: RunUnit, _key: str) -> Any:
    url = record_url(row.invoice, Invoice)
    return Markup('<a href="{}">{}</a>').format(url, row.invoice) if url else str(row.invoice or "")


class RunUnitsView(StaffView):
    needs = "runs.view"
    of_customer = "customer_id"
    under = "runs"
    can_export = True
    column_list = ("customer", "billing_group", "on", "state", "invoice", "amount", "reason")
    column_labels = {
        "customer": _l("Customer"), "billing_group": _l("Billing group"), "on": _l("For day"), "state": _l("Result"),
        "invoice": _l("Invoice"), "amount": _l("Amount"), "reason": _l("Why"),
    }  # fmt: skip
    column_default_sort = ("id", False)
    column_link = "customer"
    column_numeric = ("amount",)
    column_phone = {"customer": "title", "reason": "sub", "state": "end", "amount": "end2"}
    column_formatters = {
        "customer": lambda view, context, row, name: row.customer.name,
        "billing_group": lambda view, context, row, name: row.billing_group.name,
        "state": lambda view, context, row, name: pill(*run_words.UNITS[row.state]),
        "invoice": _invoice,
        "reason": lambda view, context, row, name: with_amounts(row.reason),
    }
    column_filters = (
        RunFilter(RunUnit.run_id, _l("Run"), "is", "run"),
        *choice(RunUnit.state, _l("Result"), [(state.value, word) for state, (_kind, word) in run_words.UNITS.items()]),
        NumberFilter(RunUnit.customer_id, _l("Customer number"), "is", "customer"),
    )
    empty_title = _l("No results yet")
    empty_text = _l("A run writes down here what it did for each customer.")

    def is_visible(self) -> bool:
        return False  # the page of a run leads here

    def list_options(self) -> tuple[Any, ...]:
        return joinedload(RunUnit.customer), joinedload(RunUnit.billing_group), joinedload(RunUnit.invoice)

    def row_url(self, row: RunUnit) -> str:
        return record_url(row.customer)

    def export_columns(self) -> list[tuple[Any, Any, Any]]:
        words = self.column_labels
        customer = select(Customer.name).where(Customer.id == RunUnit.customer_id).scalar_subquery()
        group = select(BillingGroup.name).where(BillingGroup.id == RunUnit.billing_group_id).scalar_subquery()
        invoice = select(Invoice.number).where(Invoice.id == RunUnit.invoice_id).scalar_subquery()
        own = columns.exported(RunUnit, [(name, words[name]) for name in ("on", "state", "amount", "reason")])
        head = [(_("Run"), RunUnit.run_id, plain), (_("Customer number"), RunUnit.customer_id, plain)]
        named = [(words["customer"], customer, plain), (words["billing_group"], group, plain)]
        return [*head, *named, (words["invoice"], invoice, plain), *own]
