"""The credit a customer has in hand: how much, until when, and what added to it or took from it."""

from __future__ import annotations

from typing import Any

from flask import render_template, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from billing import company
from billing.balances import usable_credits
from models import Account, Credit, Customer, Invoice, LedgerEntry, LedgerPosting, Money, PortalAccess
from web.permissions import actor

from . import due, paging
from .navigation import MAY_PAY, SEE_MONEY, check_on
from .pages import ID, for_customer, needs, others, pages

ON_A_PAGE = 25
SHOWN = 20
"""Credits that are listed one by one, those used first in front."""


@pages.get(f"/<{ID}:customer_id>/credit/")
@for_customer
@needs(SEE_MONEY)
def credit(access: PortalAccess) -> str:
    check_on("portal_credit")
    customer, today = access.customer, actor().today
    usable = usable_credits(customer, today)
    page = paging.read(_moves(customer), LedgerPosting.id, ON_A_PAGE)
    return render_template(
        "portal/credit.html", customer=customer, others=others(), page=page, credits=usable[:SHOWN],
        left_out=len(usable) - SHOWN, in_hand=sum((one.remaining for one in usable), Money.zero(customer.currency)),
        moves=[_told(row, customer) for row in page.rows], may_pay=access.right in MAY_PAY,
        top_up_on=company.value("portal_top_up"), reason_of=reason_of, owed=due.of(customer).count,
        to=lambda **more: url_for("portal.credit", customer_id=customer.id, **more),
    )  # fmt: skip


def reason_of(reason: str) -> str:
    """Why there is a credit. What the rules wrote themselves is said in the reader's language."""
    known = {"Top-up": _("Top-up"), "Overpayment": _("Overpayment")}
    return known.get(reason, reason)


def _moves(customer: Customer) -> Any:
    """Every posting that moved the credit, by the index of the customer's entries."""
    given = aliased(Credit)
    change = func.sum(LedgerEntry.amount_minor)
    query = select(LedgerPosting.id, LedgerPosting.kind, LedgerPosting.on, -change, Invoice.id, Invoice.number,
                   given.reason).join(LedgerEntry, LedgerEntry.posting_id == LedgerPosting.id)  # fmt: skip
    query = query.outerjoin(Invoice, Invoice.id == LedgerPosting.invoice_id)
    query = query.outerjoin(given, given.id == LedgerPosting.credit_id)
    mine = LedgerEntry.customer_id == customer.id, LedgerEntry.account == Account.CREDIT
    query = query.where(*mine, LedgerEntry.currency == customer.currency).having(change != 0)
    by = LedgerPosting.id, LedgerPosting.kind, LedgerPosting.on, Invoice.id, Invoice.number, given.reason
    return query.group_by(*by)


def _told(row: Any, customer: Customer) -> dict[str, Any]:
    _id, kind, on, minor, invoice_id, number, reason = row
    words = {
        "credit_use": _("Used for an invoice"), "taken_off": _("Taken off an invoice again"),
        "payment": _("Paid in"), "credit": _("Credit given"), "credit_note": _("From a credit note"),
        "credit_expired": _("Ran out"), "payout": _("Paid out"), "credit_taken_back": _("Taken back"),
        "refund": _("Refunded"), "refund_returned": _("Refund that did not arrive"),
        "payment_reversed": _("Payment taken back"), "void": _("From a cancelled invoice"),
        "merge": _("Accounts merged"),
    }  # fmt: skip
    return {
        "on": on, "words": words.get(kind, kind.replace("_", " ").capitalize()), "number": number,
        "change": Money(int(minor), customer.currency), "invoice_id": invoice_id if number else None,
        "reason": reason_of(reason) if reason and kind in ("credit", "credit_expired") else "",
    }  # fmt: skip
