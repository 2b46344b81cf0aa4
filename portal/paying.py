"""Paying: some or all open invoices, or money onto the account; with the credit in hand, by card, by bank transfer, or
in the shop's own ways.

What is ticked stands in the address: the page can be sent to whoever really pays. Nothing here moves money; the card
button leads to the gateway's own page (portal.card_payments), credit is used by portal.own_credit, a transfer comes by
the bank.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from flask import abort, render_template, request
from flask_babel import gettext as _
from sqlalchemy import func, select

from billing import card_payments, cards, company, own_credit, parties, payment_ways
from integrations import qr_codes
from integrations.documents import Fact
from messaging import cards as gateway_questions
from messaging import payment_code
from messaging.documents import bank_facts, frozen_party
from models import BillingError, Card, Customer, Invoice, Money, PaymentMethod, PaymentWay, PortalAccess, db
from web.params import only, row_id
from web.permissions import actor

from .invoice_list import is_open, seen_by
from .navigation import MAY_PAY, SEE_MONEY, check_on
from .pages import ID, for_customer, needs, others, pages

MOST = 50
"""Invoices that are offered at once, those due first in front."""
LONGEST_REFERENCE = 140
"""Letters of a SEPA transfer."""
LONGEST_AMOUNT = 20
MOST_CARDS = 4
"""Saved cards that have a button of their own."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How an amount can be paid: by card here and now (with which saved ones), to which bank account, and what else the
    shop takes."""

    by_card: bool
    saved: list[Card]
    bank: list[Fact]
    reference: str
    code: str
    own: list[PaymentWay]

    @property
    def any(self) -> bool:
        return bool(self.by_card or self.bank or self.own)


@pages.get(f"/<{ID}:customer_id>/pay")
@for_customer
@needs(SEE_MONEY)
def pay(access: PortalAccess) -> str:
    """``invoice`` (any number) is ticked; without any all that are due are, unless ``chosen`` says that none is."""
    customer = access.customer
    named = [row_id(text) or abort(404) for text in request.args.getlist("invoice")[:MOST]]
    found = _open(customer, named)
    running = card_payments.running(one.id for one in found)
    owed = any(one.kind == "invoice" for one in found)
    ticked = {one.id for one in found if one.id not in running and _is_ticked(one, named, owed)}
    chosen = [one for one in found if one.id in ticked]
    total = Money(sum(card_payments.to_pay(one).minor for one in chosen), customer.currency)
    return render_template(
        "portal/pay.html", customer=customer, others=others(), invoices=found, running=running, ticked=ticked,
        chosen=chosen, total=total, to_pay=card_payments.to_pay, today=actor().today, may_pay=access.right in MAY_PAY,
        credit=_credit(customer, chosen), more=len(found) >= MOST,
        ways=_ways(access, total, reference_of(customer, chosen)),
    )  # fmt: skip


def _credit(customer: Customer, chosen: list[Invoice]) -> Money:
    """How much of what is ticked the credit in hand would pay."""
    if not company.value("portal_credit"):
        return Money.zero(customer.currency)
    return own_credit.usable(customer, chosen, on=actor().today)


@pages.get(f"/<{ID}:customer_id>/credit/top-up")
@for_customer
@needs(SEE_MONEY)
def top_up(access: PortalAccess) -> str:
    """Money onto the account before anything is billed: ``amount`` is what was typed."""
    check_on("portal_top_up")
    customer, typed = access.customer, only(request.args, "amount")[:LONGEST_AMOUNT]
    amount, wrong = _typed(typed, customer) if typed.strip() else (None, "")
    ways = _ways(access, amount, reference_of(customer, [])) if amount else None
    return render_template(
        "portal/top_up.html", customer=customer, others=others(), typed=typed, amount=amount, wrong=wrong,
        may_pay=access.right in MAY_PAY, ways=ways, credit_on=company.value("portal_credit"),
    )  # fmt: skip


def _open(customer: Customer, named: list[int]) -> list[Invoice]:
    """Those named and those due first. One named that is not theirs is not there; one settled meanwhile is left out."""
    _check_theirs(customer, named)
    query = select(Invoice).where(*seen_by(customer), is_open(), Invoice.currency == customer.currency)
    found = list(db.session.scalars(query.where(Invoice.id.in_(named)))) if named else []
    first = db.session.scalars(query.order_by(Invoice.due_on, Invoice.id).limit(MOST))
    both = list(dict.fromkeys((*found, *first)))[:MOST]
    return sorted(both, key=lambda one: (one.due_on is None, one.due_on or one.issued_on, one.id))


def _check_theirs(customer: Customer, named: list[int]) -> None:
    mine = select(func.count()).select_from(Invoice).where(*seen_by(customer), Invoice.id.in_(named))
    if named and (db.session.scalar(mine) or 0) < len(set(named)):
        abort(404)


def _is_ticked(invoice: Invoice, named: list[int], owed: bool) -> bool:
    """Without a choice, what is owed is; proformas only where there is nothing else."""
    if named or "chosen" in request.args:
        return invoice.id in named
    return invoice.kind == "invoice" or not owed


def _typed(text: str, customer: Customer) -> tuple[Money | None, str]:
    plain = text.strip().replace(" ", "").replace(",", ".")
    try:
        amount = Money.of(plain, customer.currency)
    except BillingError:
        return None, _("Type an amount, such as 25.00.")
    if amount.minor <= 0:
        return None, _("Type an amount above zero.")
    return amount, ""


def reference_of(customer: Customer, invoices: list[Invoice]) -> str:
    """What tells whose money it is: the invoices' numbers, or the customer's."""
    numbers = " ".join(str(one.number) for one in invoices)
    if numbers and len(numbers) <= LONGEST_REFERENCE:
        return numbers
    return _("Customer no. %(number)s", number=customer.id)


def _ways(access: PortalAccess, amount: Money, reference: str) -> Ways:
    customer = access.customer
    by_card = access.right in MAY_PAY and gateway_questions.offered(customer)
    gateway = gateway_questions.gateway().name
    saved = cards.chargeable(customer, gateway, on=actor().today)[:MOST_CARDS] if by_card else []
    return ways_of(customer, amount, reference, by_card=by_card, saved=saved)


def ways_of(customer: Customer, amount: Money, reference: str, *, by_card: bool, saved: Sequence[Card] = ()) -> Ways:
    """How this customer's amount can be paid, and which of its cards whoever asks may use."""
    bank = bank_details(customer)
    name = str(frozen_party(parties.seller(company.settings(), customer.project))["name"])
    code = payment_code.text(name, bank, amount, reference)
    facts: list[Fact] = [{"label": _("To"), "value": name}, *bank_facts(bank)] if bank.strip() else []
    own = [way for way in payment_ways.offered() if way.instructions and _is_for(way, customer)]
    return Ways(by_card, list(saved), facts, reference, _picture(code), own)


def bank_details(customer: Customer) -> str:
    """Where to pay: the account of the customer's project, or the company's."""
    project = customer.project
    return (project.bank_details if project else "") or company.settings().bank_details


def _is_for(way: PaymentWay, customer: Customer) -> bool:
    return way.shown_to != PaymentMethod.FREE and way.shown_to in (None, customer.payment_method)


def _picture(code: str) -> str:
    return b64encode(qr_codes.png(code, scale=4)).decode() if code else ""
