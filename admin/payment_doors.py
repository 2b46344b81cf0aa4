"""What is done with a payment that is there: put on invoices, given back, taken back as a slip, and its receipt."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin import doors, payment_effects
from admin.payment_form import PutForm
from admin.refund_form import TO_CARD, RefundForm, ReverseForm
from billing import allocations, card_refunds, receipts, refunds
from billing.refunds import Plan
from integrations.documents import DocumentError
from messaging import cards, receipt_document
from models import BillingError, CardRefund, CardRefundState, Payment, db
from web.formatters import money
from web.permissions import actor, refuse


class PaymentDoors:
    """Mixed into PaymentsView."""

    can_create: Any
    may_undo: Any
    may_send: Any

    @expose("/receipt/")
    def receipt(self) -> Any:
        payment = self._found(True)  # type: ignore[attr-defined]
        try:
            data = receipt_document.pdf_of(payment)
        except (BillingError, DocumentError) as error:
            flash(str(error), "danger")
            return redirect(self.row_url(payment))  # type: ignore[attr-defined]
        name = receipt_document.file_name(payment)
        return Response(data, mimetype="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}"'})

    @expose("/send-receipt/", methods=("POST",))
    def send_receipt(self) -> Any:
        if not self.may_send:
            refuse("messages.send")
        payment = self._found(True)  # type: ignore[attr-defined]
        doors.told(lambda: receipts.send(payment, by=actor()), _("The receipt waits to be sent"))
        return redirect(self.row_url(payment))  # type: ignore[attr-defined]

    @expose("/put/", methods=("GET", "POST"))
    def put(self) -> Any:
        """Put what is left of it on further invoices."""
        payment = self._found(self.can_create)  # type: ignore[attr-defined]
        credit = allocations.credit_of(payment)
        if credit is None or not credit.remaining_minor:
            flash(_("Nothing of this payment is left to be put on invoices."), "info")
            return redirect(self.row_url(payment))  # type: ignore[attr-defined]
        form = PutForm.open(payment.customer, credit.remaining)
        if form.ready(credit.remaining):
            words = _("%(amount)s put on invoices", amount=money(sum_of(form, payment)))
            done = self._once(form.spread, lambda: allocations.put(payment, form.parts(), by=actor()), payment, words)
            if done:
                return done
        page = {"form": form, "model": payment, "left": credit.remaining}
        return self._render("admin/payments/put.html", **page), _status(form)  # type: ignore[attr-defined]

    @expose("/refund/", methods=("GET", "POST"))
    def refund(self) -> Any:
        payment = self._found(self.may_undo)  # type: ignore[attr-defined]
        form = RefundForm.open(payment)
        valid, planned = form.validate_on_submit(), form.planned(payment)
        told, valid = planned is not None and form.told(planned), valid and not form.amount.errors
        if planned and valid and told:
            amount = planned.amount

            if form.method.data == TO_CARD:
                done = self._to_card(form, payment, planned)
                return done or (self._refund_page(form, payment, planned), 400)

            def give_back() -> None:
                refunds.refund(
                    payment, amount, method=form.method.data, refunded_on=form.refunded_on.data,
                    reason=form.reason.data, reference=form.reference.data, credit=planned.credit, by=actor(),
                )  # fmt: skip

            done = self._once(form.amount, give_back, payment, _("%(amount)s refunded", amount=money(amount)))
            if done:
                return done
        return self._refund_page(form, payment, planned, valid and not told), _status(form)

    def _refund_page(self, form: RefundForm, payment: Payment, planned: Plan | None, look_again: bool = False) -> Any:
        card = form.card if form.method.data == TO_CARD else ""
        effects = payment_effects.of_refund(payment, planned, card) if planned else []
        page = {"form": form, "model": payment, "effects": effects, "look_again": look_again}
        return self._render("admin/payments/refund.html", **page)  # type: ignore[attr-defined]

    def _to_card(self, form: RefundForm, payment: Payment, planned: Plan) -> Any:
        """Written down and committed; then the gateway is asked, once."""
        begun: list[CardRefund] = []

        def begin() -> None:
            reason, credit = form.reason.data or "", planned.credit
            begun.append(card_refunds.begin(payment, planned.amount, reason=reason, credit=credit, by=actor()))

        done = self._once(form.amount, begin, payment, "")
        for row in begun:
            _send_back(row)
        return done

    @expose("/reverse/", methods=("GET", "POST"))
    def reverse(self) -> Any:
        payment = self._found(self.may_undo)  # type: ignore[attr-defined]
        form = ReverseForm()
        try:
            planned = refunds.plan_reversal(payment)
        except BillingError as refusal:
            flash(str(refusal), "danger")
            return redirect(self.row_url(payment))  # type: ignore[attr-defined]
        if form.validate_on_submit():

            def take_back() -> None:
                refunds.reverse(payment, reason=form.reason.data, by=actor())

            done = self._once(form.reason, take_back, payment, _("Payment taken back"))
            if done:
                return done
        page = {"form": form, "model": payment, "effects": payment_effects.of_reversal(payment, planned)}
        return self._render("admin/payments/reverse.html", **page), _status(form)  # type: ignore[attr-defined]

    def _once(self, field: Any, do: Any, payment: Payment, words: str) -> Any:
        """Done once for this form, and back to the payment; a refusal is told at the field."""
        url: str = self.row_url(payment)  # type: ignore[attr-defined]
        if "form_token" not in request.form:
            abort(400)
        try:
            redirected = redirect(doors.once(lambda: do() and url or url))
        except BillingError as refusal:
            field.errors = [*field.errors, str(refusal)]
            return None
        if words:
            flash(words, "toast")
        return redirected


def _send_back(row: CardRefund) -> None:
    """Nothing is open in the database while the gateway is asked."""
    asked = cards.ask_refund(row)
    db.session.rollback()
    row = card_refunds.settle(row, cards.gateway().refund(asked), by=actor())
    db.session.commit()
    if row.refund_id:
        flash(_("%(amount)s is on its way back to the card", amount=money(row.amount)), "toast")
    elif row.state == CardRefundState.DECLINED:
        flash(_("Nothing went back. %(why)s", why=row.error), "danger")


def sum_of(form: PutForm, payment: Payment) -> Any:
    return allocations.total(form.parts().values(), payment.currency)


def _status(form: Any) -> int:
    return 400 if form.errors else 200
