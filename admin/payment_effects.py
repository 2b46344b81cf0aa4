"""What giving money back or writing it off does, in the words of the page that asks first."""

from __future__ import annotations

from flask_babel import gettext as _

from billing import refunds
from models import Invoice, Money, Payment
from web.formatters import money

Effects = list[tuple[str, str, str]]


def of_refund(payment: Payment, planned: refunds.Plan, card: str = "") -> Effects:
    """`card`: it goes back there by itself."""
    back = money(planned.amount)
    words = _("%(amount)s goes back. Pay it out yourself; this keeps the books.", amount=back)
    if card:
        words = _("%(amount)s goes back to %(card)s; the bank takes some days.", amount=back, card=card)
    rows = [("warn", "credit-card" if card else "banknote", words)]
    if planned.rest:
        rows.append(("", "coins", _("%(amount)s of it comes out of what is not used.", amount=money(planned.rest))))
    for invoice, part in planned.reopened:
        rows.append(_reopened(invoice, part))
    if planned.credit:
        rows.append(("ok", "receipt-text", _("It comes out of the credit note's credit: no invoice opens again.")))
    rows.append(_owes(payment, planned.reopened))
    return rows


def of_reversal(payment: Payment, planned: refunds.Plan) -> Effects:
    rows = [("warn", "undo-2", _("The books are put right from today on; what was booked stays readable."))]
    if planned.rest:
        rows.append(("warn", "coins", _("%(amount)s of credit is gone.", amount=money(planned.rest))))
    rows += [_reopened(invoice, part) for invoice, part in planned.reopened]
    rows.append(_owes(payment, planned.reopened))
    rows.append(("ok", "banknote", _("No money moves. To give money back that did come in, refund it.")))
    return rows


def of_write_off(invoice: Invoice, amount: Money) -> Effects:
    left = invoice.open - amount
    rest = _("%(amount)s of it stays open.", amount=money(left)) if left else _("Nothing of it stays open.")
    return [
        (
            "warn",
            "ban",
            _("%(amount)s of %(invoice)s is expected no more.", amount=money(amount), invoice=str(invoice)),
        ),
        ("", "receipt-text", rest),
        ("ok", "lock", _("The invoice stays in force with its number, revenue and tax. It is not void.")),
        ("ok", "undo-2", _("It can be taken back; money that comes after all does it by itself.")),
    ]


def of_taking_off(invoice: Invoice, amount: Money) -> Effects:
    still = money(invoice.open + amount)
    return [
        ("warn", "receipt-text", _("%(invoice)s is open with %(amount)s then.", invoice=str(invoice), amount=still)),
        ("ok", "coins", _("What is taken off is credit of the customer, unless it moves to another invoice.")),
        ("ok", "history", _("The history keeps both: that it was put on, and that it was taken off.")),
    ]


def _reopened(invoice: Invoice, part: Money) -> tuple[str, str, str]:
    words = _("%(invoice)s is open again with %(amount)s.", invoice=str(invoice), amount=money(invoice.open + part))
    return "bad", "receipt-text", words


def _owes(payment: Payment, reopened: list[tuple[Invoice, Money]]) -> tuple[str, str, str]:
    customer = payment.customer
    more = sum((part for _invoice, part in reopened), Money.zero(payment.currency))
    owed = sum((invoice.open for invoice, _part in reopened), Money.zero(payment.currency)) + more
    if not more:
        return "ok", "user", _("%(name)s owes no more than before.", name=customer.name)
    return "warn", "user", _("%(name)s owes %(amount)s on these invoices then.", name=customer.name, amount=money(owed))
