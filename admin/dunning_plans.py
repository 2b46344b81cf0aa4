"""Settings, Payments: the dunning plans, what each does step by step, and for how many customers it is in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, abort, flash, redirect, request
from flask_admin import BaseView, expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin.doors import once, told
from admin.dunning_form import PlanForm
from admin.dunning_words import plan_events, short
from admin.settings_parts import SettingsPart
from billing import company, dunning_plans
from models import BillingError, DunningPlan, db
from web import params
from web.forms import put_error
from web.permissions import actor

Page = Response | str | tuple[str, int]


class DunningPlansView(SettingsPart, BaseView):
    card = "payments"
    search_words = _l("dunning reminders overdue late fee suspension suspend cancel grace warning unpaid plan")
    about = _l("When customers are reminded of unpaid invoices, and what follows.")

    @expose("/")
    def index(self) -> Page:
        used = dunning_plans.used_by()
        plans = db.session.scalars(select(DunningPlan).order_by(DunningPlan.archived_on.is_not(None), DunningPlan.name))
        rows = [(plan, short(plan), used.get(plan.id, 0), plan_events(plan)) for plan in plans]
        return self.render("admin/dunning_plans/index.html", rows=rows, ours=company.settings().dunning_plan_id)

    @expose("/new", methods=["GET", "POST"])
    def new(self) -> Page:
        return self._form(None)

    @expose("/edit", methods=["GET", "POST"])
    def edit(self) -> Page:
        return self._form(self._found(request.args))

    @expose("/usual", methods=["POST"])
    def usual(self) -> Page:
        told(lambda: dunning_plans.add_usual(by=actor()), _("Plans added. Choose the one for everybody."))
        return redirect(self.get_url(".index"))

    @expose("/use", methods=["POST"])
    def use(self) -> Page:
        return self._told(dunning_plans.use_for_all, _("In force for everybody now"))

    @expose("/archive", methods=["POST"])
    def archive(self) -> Page:
        return self._told(dunning_plans.archive, _("Plan archived"))

    @expose("/restore", methods=["POST"])
    def restore(self) -> Page:
        return self._told(dunning_plans.restore, _("Plan brought back"))

    def _told(self, do: Callable[..., None], words: str) -> Page:
        plan = self._found(request.form)
        told(lambda: do(plan, by=actor()), words)
        return redirect(self.get_url(".index"))

    def _found(self, given: Any) -> DunningPlan:
        typed = params.only(given, "id")
        found = (
            db.session.get(DunningPlan, int(typed)) if typed.isascii() and typed.isdigit() and len(typed) < 16 else None
        )
        return found or abort(404)

    def _form(self, plan: DunningPlan | None) -> Page:
        form = PlanForm(plan)
        if form.validate_on_submit() and (url := self._keep(form, plan)):
            return redirect(url)
        events = plan_events(plan) if plan else []
        page = {"form": form, "plan": plan, "events": events, "used": dunning_plans.used_by() if plan else {}}
        answer = self.render("admin/dunning_plans/form.html", **page)
        return (answer, 400) if form.errors or form.form_errors else answer

    def _keep(self, form: PlanForm, plan: DunningPlan | None) -> str:
        def do() -> str:
            if plan is None:
                dunning_plans.create(form.values(), form.amounts(), by=actor())
            else:
                dunning_plans.change(plan, form.values(), form.amounts(), by=actor())
            flash(_("Plan saved"), "toast")
            return self.get_url(".index")

        try:
            return once(do)
        except BillingError as refusal:
            self._say(form, refusal)
        return ""

    def _say(self, form: PlanForm, refusal: BillingError) -> None:
        """At the field it is about; amounts have said it themselves."""
        name = getattr(refusal, "field", "name")
        if name == "channels":
            put_error(form.by_after, str(refusal))
        elif name == "amounts":
            form.form_errors.append(str(refusal))
            for row in form.figures.entries[:1]:
                put_error(row.form.fee, str(refusal))
        elif any(field.errors for row in form.figures.entries for field in row.form):
            form.form_errors.append(_("An amount needs a look."))
        else:
            put_error(form[name if name in form else "name"], str(refusal))
