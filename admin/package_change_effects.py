"""What pressing the last button of a package change does, sentence by sentence: what is made, and who hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import func, select

from billing import inheritance, invoices, payers
from billing.change_figures import Outcome
from billing.change_proformas import Replaced
from billing.change_review import Review
from models import Invoice, InvoiceState, Money, Service, db
from web.formatters import money, number, short_date, with_amounts
from web.permissions import actor

Effect = tuple[str, str, str]


def due_on(service: Service) -> date:
    """When an invoice of today is due."""
    return actor().today + timedelta(days=int(inheritance.effective(service.customer, "payment_days").value))


def effects(service: Service, review: Review, today: date) -> Iterator[Effect]:
    yield _takes_effect(service, review)
    if review.outcome == Outcome.SCHEDULED:
        yield from _scheduled(review)
    elif review.replaces:
        yield from _in_place(service, review)
    elif review.outcome in (Outcome.INVOICE, Outcome.WAITING):
        amount, day = money(review.total), short_date(due_on(service))
        yield "", "receipt-text", _("An invoice for %(amount)s is issued, due %(day)s.", amount=amount, day=day)
        yield from _mailed(service)
    elif review.outcome == Outcome.CREDIT_NOTE:
        yield from _given_back(review)
        yield from _mailed(service)
    else:
        yield "", "history", _("No document is made: the change is kept in the history of the service.")
    if review.due_today and review.credit_in_hand:
        words = _("%(amount)s of credit stays on the account; it can be put on the invoice by hand.",
                  amount=money(review.credit_in_hand))  # fmt: skip
        yield "money", "coins", words
    for sentence in review.reasons:
        yield "warn", "info", with_amounts(sentence)
    yield from _overdue(service, today)


def _takes_effect(service: Service, review: Review) -> Effect:
    assert review.after is not None
    day = short_date(review.on)
    becomes = _("becomes %(package)s", package=review.after.package)
    if review.before.package == review.after.package:
        becomes = _("changes as shown above")
    words = {"service": str(service), "becomes": becomes, "day": day}
    if review.outcome == Outcome.WAITING:
        told = _("%(service)s stays as it is until the invoice is paid, then %(becomes)s.", **words)
        return "warn", "clock", f"{told} {_('Your setting makes changes wait for their payment.')}"
    if review.outcome == Outcome.SCHEDULED:
        return "", "calendar", _("Nothing changes today. On %(day)s it %(becomes)s.", **words)
    return "ok", "circle-check", _("%(service)s %(becomes)s today.", **words)


def _scheduled(review: Review) -> Iterator[Effect]:
    if review.makes == Outcome.RECORD:
        yield "", "repeat", _("The renewal of that day bills the new package; there is no document before.")
    else:
        yield "", "receipt-text", _("The document is made on that day.")
    yield "ok", "undo-2", _("Until then it can be withdrawn.")


def _in_place(service: Service, review: Review) -> Iterator[Effect]:
    assert review.replaces is not None
    yield withdrawn(review.replaces)
    if review.outcome == Outcome.RECORD:
        yield "", "history", _("Nothing is left to ask for: no document takes its place, and the change is kept in the "
                               "history of the service.")  # fmt: skip
        return
    if review.outcome == Outcome.CREDIT_NOTE:
        yield from _given_back(review)
    elif review.due_today:
        yield _asked_anew(service, review)
    else:
        yield "", "receipt-text", _("What is charged and what comes back are the same: both stand on an invoice over "
                                    "nothing.")  # fmt: skip
    yield from _mailed(service)


def withdrawn(found: Replaced) -> Effect:
    """That unpaid proformas do not count any more."""
    words = ngettext(
        "%(proforma)s has asked for %(amount)s and is not paid: it is withdrawn.",
        "%(proforma)s have asked for %(amount)s and are not paid: they are withdrawn.",
        len(found.ids), proforma=found.proforma, amount=money(found.asked),
    )  # fmt: skip
    return "warn", "ban", words


def _asked_anew(service: Service, review: Review) -> Effect:
    assert review.replaces is not None
    day = short_date(max(filter(None, (actor().today, min(review.replaces.due_on or date.max, due_on(service))))))
    words = ngettext(
        "A new proforma asks for %(amount)s in its place, due %(day)s: the same, with what this change comes to.",
        "A new proforma asks for %(amount)s in their place, due %(day)s: the same, with what this change comes to.",
        len(review.replaces.ids), amount=money(review.due_today), day=day,
    )  # fmt: skip
    return "", "receipt-text", words


def _given_back(review: Review) -> Iterator[Effect]:
    yield "money", "file-minus", _("A credit note for %(amount)s is written.", amount=money(-review.written))
    for words in plan_words(review):
        yield "", "coins", words


def plan_words(review: Review) -> list[str]:
    """Where the total of a credit note goes."""
    plan: Any = review.plan
    if plan is None:
        return []
    rows = []
    for one in plan.parts:
        if one.off_open:
            words = _("%(amount)s comes off what is open on %(invoice)s.")
            rows.append(words % {"amount": money(one.off_open), "invoice": one.invoice})
        if one.off_written_off:
            words = _("%(amount)s of %(invoice)s was written off, and is no loss any more.")
            rows.append(words % {"amount": money(one.off_written_off), "invoice": one.invoice})
    if plan.to_credit:
        rows.append(_("%(amount)s goes to the credit of the account.", amount=money(plan.to_credit)))
    return rows


def _mailed(service: Service) -> Iterator[Effect]:
    if not send_to(service):
        yield "warn", "mail", _("Nobody gets it by mail: the customer has no e-mail address.")


def send_to(service: Service) -> str:
    """Where the document would be mailed to, in words; empty where there is no address."""
    payer = payers.billed(service.customer, service.billing_group)
    to = invoices.addresses(SimpleNamespace(customer=service.customer), payer)  # type: ignore[arg-type]
    more = len(to) - 1
    copies = ngettext("and %(n)s copy address", "and %(n)s copy addresses", more, n=number(more)) if more > 0 else ""
    return " ".join(filter(None, [_("To %(address)s", address=to[0]), copies])) if to else ""


def _overdue(service: Service, today: date) -> Iterator[Effect]:
    owed = Invoice.kind == "invoice", Invoice.state == InvoiceState.ISSUED, Invoice.open_minor > 0
    late = select(func.sum(Invoice.open_minor), func.count(), func.min(Invoice.number)).where(
        Invoice.customer_id == service.customer_id, Invoice.due_on < today, *owed
    )
    total, count, first = db.session.execute(late).one()
    if count:
        amount = money(Money(int(total), service.customer.currency))
        words = (
            _("%(amount)s of %(invoice)s is overdue. The change goes ahead all the same.", amount=amount, invoice=first)
            if count == 1
            else _("%(amount)s of %(n)s invoices is overdue. The change goes ahead all the same.",
                   amount=amount, n=number(count))
        )  # fmt: skip
        yield "warn", "triangle-alert", words
