"""The three steps of the guide: when and what, the last bill, and what comes after. Each is kept as it is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin import ending_shown, ending_tables
from admin.doors import kept, once, told
from admin.service_ending import reasons
from admin.termination_forms import AfterForm, BillForm, WhenForm, plan_of, title_of
from billing import terminations
from billing.terminations import Plan, Preview
from models import AfterEnd, BillingError, Customer, RestOfCredit, Termination, TerminationState, db
from web import params
from web.formatters import money, short_date
from web.forms import put_error
from web.params import row_id
from web.permissions import actor


@dataclass(frozen=True, slots=True)
class Panel:
    """What stands beside the steps."""

    review: Any
    fingerprint: str
    refusals: tuple[str, ...]
    effects: list[ending_shown.Effect]
    tables: list[ending_tables.Table]
    figures: list[tuple[str, str, bool]]


class TerminationSteps:
    """Mixed into TerminationsView."""

    @expose("/when/", methods=("GET", "POST"))
    def when_view(self) -> Any:
        """Step 1, of a draft (`id`) or for a customer (`customer`) who has none yet."""
        draft, customer = self._about()
        if draft is None and terminations.open_of(customer) is not None:
            return redirect(self.row_url(terminations.open_of(customer)))  # type: ignore[attr-defined]
        running = terminations.running_of(customer)
        if request.method == "GET":
            return self._step("when", customer, draft, form=WhenForm.open(draft, running, actor().today))
        form = WhenForm(running)
        if form.validate_on_submit():
            try:
                return redirect(once(lambda: self._when(customer, draft, form)))
            except BillingError as refusal:
                put_error(form.on, str(refusal))
        return self._step("when", customer, draft, form=form), 400

    def _when(self, customer: Customer, draft: Termination | None, form: WhenForm) -> str:
        found = draft or terminations.begin(customer, by=actor())
        chosen = {
            "on": form.on.data, "services": form.chosen(), "reason": form.reason.data or "",
            "reason_id": form.reason_id.data,
        }  # fmt: skip
        plan = Plan(**chosen) if found.on is None else plan_of(found, **chosen)
        terminations.write(found, plan, by=actor())
        return self.get_url(".bill_view", id=found.id)  # type: ignore[attr-defined, no-any-return]

    @expose("/bill/", methods=("GET", "POST"))
    def bill_view(self) -> Any:
        """Step 2: the last bill as it will be made. Sent with `show` it only says what the choice comes to."""
        draft = self._draft(dated=True)
        form = BillForm(obj=draft) if request.method == "GET" else BillForm()
        if request.method == "POST" and form.validate_on_submit():
            kept(lambda: self._write_bill(draft, form))
            if "show" not in request.form:
                return redirect(self.get_url(".after_view", id=draft.id))  # type: ignore[attr-defined]
        status = 400 if form.errors and "show" not in request.form else 200
        return self._step("bill", draft.customer, draft, form=form, panel=_panel(draft)), status

    def _write_bill(self, draft: Termination, form: BillForm) -> None:
        choice = {"credit": bool(form.credit.data), "rest": RestOfCredit(form.rest.data)}
        paid = {"method": form.method.data or "", "reference": form.reference.data or ""}
        terminations.write(draft, plan_of(draft, **choice, **paid), by=actor())

    @expose("/after/", methods=("GET", "POST"))
    def after_view(self) -> Any:
        """Step 3: what is sent, what becomes of the customer, and the button that does it all."""
        draft = self._draft(dated=True)
        form = AfterForm(obj=draft) if request.method == "GET" else AfterForm()
        since = ""
        if request.method == "POST" and form.validate_on_submit():
            if "show" in request.form:
                kept(lambda: self._write_after(draft, form))
                return self._step("after", draft.customer, draft, form=form, panel=_panel(draft))
            try:
                return redirect(once(lambda: self._do(draft, form)))
            except terminations.ChangedSince as refusal:
                since = str(refusal)
                kept(lambda: self._write_after(draft, form))
            except BillingError as refusal:
                flash(str(refusal), "danger")
        status = 200 if request.method == "GET" else 409 if since else 400
        return self._step("after", draft.customer, draft, form=form, panel=_panel(draft), since=since), status

    def _write_after(self, draft: Termination, form: AfterForm) -> None:
        choice = {"send": bool(form.send.data), "after": AfterEnd(form.after.data)}
        terminations.write(draft, plan_of(draft, **choice), by=actor())

    def _do(self, draft: Termination, form: AfterForm) -> str:
        self._write_after(draft, form)
        terminations.carry_out(draft, seen=params.only(request.form, "seen"), by=actor())
        flash(_("%(name)s: the end is set and the last bill is made", name=draft.customer.name), "toast")
        return self.row_url(draft)  # type: ignore[attr-defined, no-any-return]

    @expose("/drop/", methods=("POST",))
    def drop_view(self) -> Any:
        draft = self._draft()
        told(lambda: terminations.drop(draft, by=actor()), _("The draft is thrown away"))
        return redirect(self.get_url(".index_view"))  # type: ignore[attr-defined]

    def _about(self) -> tuple[Termination | None, Customer]:
        if "id" in request.values:
            draft = self._draft()
            return draft, draft.customer
        number = row_id(request.values.get("customer", ""))
        customer = db.session.get(Customer, number) if number is not None else None
        if customer is None or not self.may_change:  # type: ignore[attr-defined]
            abort(404)
        return None, customer

    def _draft(self, *, dated: bool = False) -> Termination:
        """The draft that is named. Whoever comes back to one that is decided, or that needs its day first, is led there
        instead."""
        found: Termination = self._found(self.may_change)  # type: ignore[attr-defined]
        if found.state != TerminationState.DRAFT:
            abort(redirect(self.row_url(found)))  # type: ignore[attr-defined]
        if dated and found.on is None:
            abort(redirect(self.get_url(".when_view", id=found.id)))  # type: ignore[attr-defined]
        return found

    def _step(self, step: str, customer: Customer, draft: Termination | None, **values: Any) -> Any:
        return self.render(  # type: ignore[attr-defined]
            f"admin/terminations/{step}.html",
            customer=customer,
            draft=draft,
            title=title_of(customer),
            today=actor().today,
            has_reasons=bool(reasons()),
            **{"since": "", "panel": None, **values},
        )


def _panel(draft: Termination) -> Panel:
    preview = terminations.review(draft, by=actor())
    today, shown = actor().today, preview.review
    said = ending_shown.sentences(
        ending_shown.of_services(shown, today), ending_shown.effects(shown), _afterwards(draft, preview)
    )
    figures = ending_shown.figures(shown)
    if preview.paid_out:
        figures.append((_("Paid out of it"), money(-preview.paid_out), False))
    return Panel(shown, preview.fingerprint, preview.refusals, said, ending_tables.tables(shown), figures)


def _afterwards(draft: Termination, preview: Preview) -> list[ending_shown.Effect]:
    said: list[ending_shown.Effect] = []
    if preview.paid_out:
        words = _("%(amount)s is paid out today. Pay it out yourself; this keeps the books.",
                  amount=money(preview.paid_out))  # fmt: skip
        said.append(("warn", "banknote", words))
    if preview.goes_on:
        names = ", ".join(str(one) for one in preview.goes_on[:5])
        said.append(("ok", "play", _("These run on: %(names)s. So the customer stays as it is.", names=names)))
    elif draft.after is not AfterEnd.NOTHING:
        word = _("disabled") if draft.after is AfterEnd.DISABLE else _("archived")
        said.append(("warn", "user", _("On %(day)s the customer is %(word)s.", day=short_date(draft.on), word=word)))
    said.append(("", "mail", _("The documents are mailed.")) if draft.send else ("", "mail", _("No mail is sent.")))
    return said
