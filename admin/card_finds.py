"""What the card gateway has and the books have not, as after a restored backup: looked for, and booked one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin import doors, links
from admin.payment_form import WhoForm
from billing import card_finds, company
from integrations.gateways import Made
from messaging import cards
from models import BillingError, Customer, Money, Payment, db
from web import only_customer
from web.formatters import money
from web.permissions import actor
from web.sessions import now

NAMED = 120
"""Letters of the gateway's name for a payment."""


class FindDoors:
    """Mixed into PaymentsView."""

    can_create: Any

    @property
    def may_find(self) -> bool:
        """Whether there is a gateway to look at, and this person may book."""
        return bool(self.can_create) and not cards.missing()

    @expose("/found/")
    def found(self) -> Any:
        """Ask the gateway what it took and gave back since a day, and show what is not here."""
        self._check_finds()
        since, why = _since(request.args.get("since", "")), cards.why_not_set_up()
        page: dict[str, Any] = {"since": since, "why": why, "gateway": cards.gateway().title, "rows": [], "backs": []}
        if not why:
            db.session.rollback()
            told = cards.gateway().made_since(datetime.combine(since, time.min, UTC))
            if isinstance(told, str):
                page["why"] = told
            else:
                name = cards.gateway().name
                page["rows"] = [_row(one, name) for one in card_finds.not_here(told[0], name)]
                backs = card_finds.back_not_here(told[1], name)
                page["backs"] = [(one, paid, Money(one.amount_minor, one.currency)) for one, paid in backs]
        if (only := only_customer.id_()) is not None:
            page["rows"] = [row for row in page["rows"] if row["payer"] and row["payer"].customer.id == only]
            page["backs"] = [row for row in page["backs"] if row[1].customer_id == only]
        return self.render("admin/payments/found.html", **page)  # type: ignore[attr-defined]

    @expose("/found/book/", methods=("GET", "POST"))
    def book_found(self) -> Any:
        """One of them: whose it is and what it pays, and then the books."""
        self._check_finds()
        if cards.missing():
            abort(404)
        name = request.values.get("payment", "")[:NAMED] or abort(404)
        db.session.rollback()
        made = cards.gateway().made(name)
        if isinstance(made, str):
            flash(made, "danger")
            return redirect(self.get_url(".found"))  # type: ignore[attr-defined]
        if made is None or made.site not in ("", card_finds.site()):
            abort(404)
        who = WhoForm(request.values)
        payer = card_finds.payer(made, cards.gateway().name)
        customer = who.customer.data if who.customer.typed else payer.customer if payer and payer.sure else None
        if request.method == "POST" and customer is not None:
            try:
                return redirect(doors.once(lambda: self._book(made, customer)))
            except BillingError as refusal:
                flash(str(refusal), "danger")
        page = _row(made, cards.gateway().name)
        page |= {"form": who, "customer": customer, "payer": payer, "gateway": cards.gateway().title}
        page["effects"] = _effects(made, customer) if customer else []
        return self.render("admin/payments/book_found.html", **page)  # type: ignore[attr-defined]

    def _check_finds(self) -> None:
        if not self.can_create:
            abort(404)

    def _book(self, made: Made, customer: Customer) -> str:
        settled = card_finds.book(made, customer, gateway=cards.gateway().name, by=actor())
        payment = db.session.get_one(Payment, settled.payment_id)
        flash(_("%(amount)s booked for %(name)s", amount=money(payment.amount), name=customer.name), "toast")
        return links.record_url(payment) or self.get_url(".found")  # type: ignore[attr-defined,no-any-return]


def _since(typed: str) -> date:
    try:
        return max(date.fromisoformat(typed), date(2011, 1, 1))
    except ValueError:
        return company.day_of(card_finds.since(now()))


def _row(made: Made, gateway: str) -> dict[str, Any]:
    told = made.answer
    return {
        "made": made, "payer": card_finds.payer(made, gateway), "amount": Money(told.amount_minor, told.currency),
        "on": company.day_of(told.paid_at) if told.paid_at else None,
    }  # fmt: skip


def _effects(made: Made, customer: Customer) -> list[tuple[str, str, str]]:
    amount = Money(made.answer.amount_minor, made.answer.currency)
    paid = card_finds.invoices(made, customer)
    rows = [("ok", "receipt-text", _("It pays %(invoice)s.", invoice=str(one))) for one in paid]
    if not paid:
        words = _("%(amount)s becomes credit of the customer. Put it on invoices afterwards.", amount=money(amount))
        rows.append(("warn", "coins", words))
    back = [one for one in made.answer.refunds if one.state == "succeeded"]
    for one in back:
        gone = Money(one.amount_minor, one.currency)
        rows.append(("warn", "undo-2", _("%(amount)s of it went back, and is booked too.", amount=money(gone))))
    rows.append(("ok", "lock", _("No card is charged: the money moved already. It is booked once, however often.")))
    return rows
