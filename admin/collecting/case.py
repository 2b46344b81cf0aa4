"""The page of an overdue customer: what is owed, what was done and comes next, and the forms to do something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import ngettext

from admin.customers.inherited import source_words, value_words
from admin.doors import once
from admin.invoice_states import today
from admin.links import list_url, record_url
from billing import arrears, collecting, inheritance, promises
from billing.texts import InvalidText
from models import BillingError, ContactWay, Customer, Invoice, db
from web.formatters import money, short_date
from web.forms import put_error
from web.params import row_id
from web.permissions import actor, allows, refuse

from . import rows, story
from .forms import HoldForm, PromiseForm, ReasonForm, RemindForm, TalkForm

WORDS = ("text", "note", "why")
"""What is written in sentences, in one form or another."""
Effects = list[tuple[str, str, str]]


class CaseDoors:
    """Mixed into CollectionsView."""

    @expose("/details/")
    def details_view(self) -> Any:
        customer = self._customer()
        if not arrears.invoices_of(customer, today()):
            flash(_("%(name)s owes nothing that is overdue.", name=customer.name), "info")
            return redirect(record_url(customer) or self.get_url(".index_view"))  # type: ignore[attr-defined]
        return self._case(customer)

    @expose("/remind/", methods=("POST",))
    def remind_view(self) -> Any:
        customer, form = self._customer("messages.send"), RemindForm()
        done = _("A reminder for %(name)s waits to be sent", name=customer.name)
        return self._do(customer, form, "remind", lambda: collecting.remind(customer, form.by.data, by=actor()), done)

    @expose("/talk/", methods=("POST",))
    def talk_view(self) -> Any:
        customer, form = self._customer(collecting.PERMISSION), TalkForm()

        def do() -> Any:
            way = ContactWay(form.way.data)
            return collecting.note(customer, way, form.text.data, form.next_on.data, by=actor())

        return self._do(customer, form, "talk", do, _("Noted"))

    @expose("/promise/", methods=("POST",))
    def promise_view(self) -> Any:
        customer, form = self._customer(collecting.PERMISSION), PromiseForm()
        done = _("Promise noted: paid by %(day)s", day=short_date(form.on.data) if form.on.data else "")
        do = lambda: collecting.promise(customer, form.on.data, form.note.data or "", by=actor())  # noqa: E731
        return self._do(customer, form, "promise", do, done)

    @expose("/promise/withdraw/", methods=("POST",))
    def withdraw_view(self) -> Any:
        customer = self._customer(collecting.PERMISSION)
        return self._plainly(
            customer, lambda: collecting.withdraw_promise(customer, by=actor()), _("Promise withdrawn")
        )

    @expose("/hold/", methods=("POST",))
    def hold_view(self) -> Any:
        customer, form = self._customer(collecting.PERMISSION), HoldForm()
        do = lambda: collecting.hold(customer, form.until.data, form.why.data, by=actor())  # noqa: E731
        return self._do(customer, form, "hold", do, _("On hold"))

    @expose("/release/", methods=("POST",))
    def release_view(self) -> Any:
        customer = self._customer(collecting.PERMISSION)
        return self._plainly(customer, lambda: collecting.release(customer, by=actor()), _("The hold is over"))

    @expose("/suspend/", methods=("GET", "POST"))
    def suspend_view(self) -> Any:
        """Asked for a reason first, with what it means."""
        customer, form = self._customer("services.edit"), ReasonForm()
        effects = [
            ("warn", "pause", _("All running services of %(name)s are switched off today.", name=customer.name)),
            ("ok", "refresh-cw", _("They come back by themselves when everything overdue is paid.")),
        ]
        do = lambda: collecting.suspend(customer, form.reason.data, by=actor())  # noqa: E731
        return self._asked(customer, form, effects, _("Suspend services"), "pause", do, _("Services suspended"))

    @expose("/write-off/", methods=("GET", "POST"))
    def write_off_view(self) -> Any:
        customer, form = self._customer("payments.refund"), ReasonForm()
        overdue = arrears.invoices_of(customer, today())
        total = sum(invoice.open_minor for invoice in overdue)
        amount = money(type(overdue[0].open)(total, customer.currency)) if overdue else ""
        n = ngettext("%(num)d overdue invoice", "%(num)d overdue invoices", len(overdue))
        effects = [
            (
                "bad",
                "ban",
                _("%(amount)s on %(invoices)s is expected no more, and is a loss.", amount=amount, invoices=n),
            ),
            ("", "undo-2", _("If the money comes after all, a payment or the page of the invoice takes it back.")),
        ]
        do = lambda: collecting.write_off(customer, form.reason.data, by=actor())  # noqa: E731
        return self._asked(customer, form, effects, _("Write off"), "ban", do, _("Written off"))

    def _customer(self, needs: str = "") -> Customer:
        if needs and not allows(needs):
            refuse(needs)
        return self._found(True)  # type: ignore[attr-defined, no-any-return]

    def get_one(self, id: Any) -> Customer | None:
        """Also one who owes nothing any more: whoever had the page open is told so."""
        number = row_id(str(id))
        return db.session.get(Customer, number) if number is not None else None

    def _url(self, customer: Customer) -> str:
        return self.get_url(".details_view", id=customer.id)  # type: ignore[attr-defined, no-any-return]

    def _do(self, customer: Customer, form: Any, name: str, do: Callable[[], Any], done: str) -> Any:
        """Done once, and back to the page; what is refused stands at its field, with all that was typed."""
        if form.validate_on_submit():
            try:
                answer = redirect(once(lambda: do() and "" or self._url(customer)))
                flash(done, "toast")
                return answer
            except BillingError as refusal:
                places = [getattr(refusal, "field", ""), *(WORDS if isinstance(refusal, InvalidText) else ())]
                put_error(next((form[one] for one in places if one in form), next(iter(form))), str(refusal))
        return self._case(customer, **{name: form}), 400

    def _plainly(self, customer: Customer, do: Callable[[], Any], done: str) -> Any:
        try:
            answer = redirect(once(lambda: do() and "" or self._url(customer)))
            flash(done, "toast")
            return answer
        except BillingError as refusal:
            flash(str(refusal), "warning")
            return redirect(self._url(customer))

    def _asked(
        self, customer: Customer, form: Any, effects: Effects, verb: str, icon: str, do: Callable[[], Any], done: str
    ) -> Any:  # fmt: skip
        if form.validate_on_submit():
            try:
                answer = redirect(once(lambda: do() and "" or self.get_url(".index_view")))  # type: ignore[attr-defined]
                flash(done, "toast")
                return answer
            except BillingError as refusal:
                put_error(form.reason, str(refusal))
        shown = {"customer": customer, "form": form, "effects": effects, "verb": verb, "icon_name": icon}
        page = self.render("admin/collecting/ask.html", **shown, back=self._url(customer))  # type: ignore[attr-defined]
        return page, 400 if form.errors else 200

    def _case(self, customer: Customer, **forms: Any) -> Any:
        known = rows.read([customer], with_last=False).get(customer.id)
        overdue = arrears.invoices_of(customer, today())
        given = {
            "remind": RemindForm(formdata=None, by=["mail"]), "talk": TalkForm(formdata=None),
            "promise": PromiseForm(formdata=None), "hold": HoldForm(formdata=None), **forms,
        }  # fmt: skip
        return self.render(  # type: ignore[attr-defined]
            "admin/collecting/case.html", customer=customer, known=known, overdue=overdue, today=today(), **given,
            story=story.lines(customer), held=collecting.is_held(customer, today()), record_url=record_url,
            Invoice=Invoice, rows=rows, broken=promises.is_broken, may_work=allows(collecting.PERMISSION),
            may_send=allows("messages.send"), may_suspend=allows("services.edit") and not customer.never_suspend,
            may_write_off=allows("payments.refund"), customer_url=record_url(customer),
            invoices_url=list_url(Invoice, customer_is=customer.id), plan=_plan(customer),
        )  # fmt: skip


def _plan(customer: Customer) -> tuple[str, str, str]:
    """The dunning plan that holds for the customer, where it comes from, and its page for those who may change it."""
    found = inheritance.effective(customer, "dunning_plan_id")
    where = _("(%(where)s)", where=source_words(found.source, customer))
    url = url_for("dunning_plans.edit", id=found.value) if found.value and allows("settings.edit") else ""
    return value_words("dunning_plan_id", found.value), where, url
