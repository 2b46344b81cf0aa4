"""The scheduler: every unattended job, how it went, when it comes next; doing it now, pausing and resuming it."""

from __future__ import annotations

from typing import Any

from flask import abort, current_app, flash, redirect, request
from flask_admin import BaseView, expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import DateField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from admin import run_words, scheduler_words
from admin.doors import once
from admin.links import list_url, record_url
from admin.narrowing import NOBODY
from admin.run_asking import AskForm
from admin.run_words import STATES
from billing import company, runs, settings, unattended
from billing.setting_list import GROUPS, SETTINGS
from billing.unattended import MANAGE, Work
from models import BillingError, Run, RunState, db
from web import params
from web.forms import choices, put_error, stripped
from web.permissions import actor, allows, refuse, signed_in_staff, to_sign_in
from web.sessions import now

SHOWN = 20
OUTCOMES = (RunState.FINISHED, RunState.FAILED, RunState.STOPPED)


class PauseForm(FlaskForm):
    why = StringField(
        _l("Why"), [InputRequired(_l("Say why: others see it on the dashboard and wonder.")), Length(max=300)],
        description=_l("Stands on the dashboard while it is paused."), filters=[stripped],
    )  # fmt: skip
    until = DateField(
        _l("Works again on"), [Optional()], description=_l("By itself on that day; empty: until somebody resumes it.")
    )


class HourForm(FlaskForm):
    hour = SelectField(_l("Hour"), coerce=int, choices=choices((hour, f"{hour:02}:00") for hour in range(24)))


class SchedulerView(BaseView):
    needs = "runs.view"
    of_customer = NOBODY

    def is_accessible(self) -> bool:
        return allows(self.needs)

    def inaccessible_callback(self, name: str, **_kwargs: Any) -> Any:
        return refuse(self.needs) if signed_in_staff() else to_sign_in()

    @expose("/")
    def index(self) -> Any:
        works = _works()
        seen = scheduler_words.look(now(), works)
        rows = [scheduler_words.row(work, seen) for work in works]
        daily = sorted((row for row in rows if row.work.hour), key=lambda row: row.work.hour(seen.seller))  # type: ignore[misc]
        return self.render(
            "admin/scheduler/index.html", **_common(seen), daily=daily,
            others=[row for row in rows if not row.work.hour], paused=[row for row in rows if row.paused],
            all_runs=list_url(Run) and self._log(),
        )  # fmt: skip

    @expose("/job/")
    def job_view(self) -> Any:
        return self._page(_found())

    @expose("/live/")
    def live_view(self) -> Any:
        """How a job is getting on, for the page that watches it."""
        work = _found()
        seen = scheduler_words.look(now(), [work])
        return self.render("admin/scheduler/live.html", row=scheduler_words.row(work, seen), **_common(seen))

    @expose("/run/", methods=("POST",))
    def run_view(self) -> Any:
        """Have a job done now."""
        work = _managed()
        if work.always:
            abort(404)
        form = AskForm(on=actor().today)
        if work.takes_day and not form.on.validate(form):
            return self._page(work, ask=form), 400
        if not runs.scheduler_alive(now()):
            flash(_("Nothing was begun: there is no scheduler that would carry it out."), "danger")
            return redirect(self._url(work))
        try:
            on = form.on.data if work.takes_day else None
            return redirect(once(lambda: self._asked(work, on)))
        except BillingError as refusal:
            if getattr(refusal, "field", "") != "on":
                flash(str(refusal), "warning")
                return redirect(self._url(work))
            put_error(form.on, str(refusal))
            return self._page(work, ask=form), 400

    @expose("/pause/", methods=("GET", "POST"))
    def pause_view(self) -> Any:
        work, form = _managed(), PauseForm()
        if form.validate_on_submit():
            try:
                return redirect(once(lambda: self._paused(work, form)))
            except BillingError as refusal:
                put_error(form[getattr(refusal, "field", "why")], str(refusal))
        elif request.method == "GET" and (state := unattended.states().get(work.name)) and state.paused_at:
            form.why.data, form.until.data = state.paused_why, state.paused_until
        title = run_words.kind_words(work.name)
        page = self.render(
            "admin/scheduler/pause.html", form=form, work=work, title=title, url=self._url(work),
            effects=_effects(work),
        )  # fmt: skip
        return page, 400 if form.errors else 200

    @expose("/resume/", methods=("POST",))
    def resume_view(self) -> Any:
        work = _managed()
        try:
            return redirect(once(lambda: self._resumed(work)))
        except BillingError as refusal:
            flash(str(refusal), "warning")
            return redirect(self._url(work))

    @expose("/hour/", methods=("POST",))
    def hour_view(self) -> Any:
        """The hour of a daily job, which is a setting."""
        work, form = _found(), HourForm()
        if not (work.hour_setting and allows("settings.edit")) or company.get() is None:
            abort(404)
        if not form.validate_on_submit():
            return self._page(work), 400
        return redirect(once(lambda: self._hour(work, form.hour.data)))

    def _hour(self, work: Work, hour: int) -> str:
        changed = settings.change({work.hour_setting: hour}, by=actor())
        flash(_("From now on at %(hour)02d:00", hour=hour) if changed else _("Nothing was different"), "toast")
        return self._url(work)

    def _asked(self, work: Work, on: Any) -> str:
        unattended.ask_for(work, on, by=actor())
        flash(_("Asked for. It begins within a second or two."), "toast")
        return self._url(work)

    def _paused(self, work: Work, form: PauseForm) -> str:
        unattended.pause(work.name, form.why.data, form.until.data, by=actor())
        flash(_("%(job)s paused", job=run_words.kind_words(work.name)), "toast")
        return self._url(work)

    def _resumed(self, work: Work) -> str:
        unattended.resume(work.name, by=actor())
        flash(_("%(job)s resumed", job=run_words.kind_words(work.name)), "toast")
        return self._url(work)

    def _url(self, work: Work) -> str:
        return self.get_url(".job_view", job=work.name)

    def _log(self, **filters: str) -> str:
        return self.get_url("job-log.index_view", **filters)

    def _page(self, work: Work, ask: AskForm | None = None) -> str:
        seen = scheduler_words.look(now(), [work])
        row = scheduler_words.row(work, seen)
        state = _outcome()
        history = _history(work, state)
        kind = work.kinds[0]
        log = "runs.index_view" if kind in runs.KINDS else "job-log.index_view"
        return self.render(
            "admin/scheduler/job.html", row=row, work=work, **_common(seen), state=state, history=history,
            more=self.get_url(log, flt0_kind_is=kind) if len(history) == SHOWN else "",
            outcomes=[(one, str(STATES[one][1])) for one in OUTCOMES], words=run_words, record_url=record_url,
            in_words=scheduler_words.in_words, ask=ask or AskForm(formdata=None, on=actor().today), kind=kind,
            hour=_hour_form(work, seen), switch=SETTINGS.get(work.switch), busy=runs.current(),
            may_start=allows("runs.start"), at_settings=_settings_of(work),
        )  # fmt: skip


def _works() -> tuple[Work, ...]:
    """Every job there is, as the room of jobs told the app when it began."""
    known: tuple[Work, ...] = current_app.extensions.get("unattended", ())
    return known


def _found() -> Work:
    name = params.only(request.values, "job")
    return next((work for work in _works() if work.name == name), None) or abort(404)


def _managed() -> Work:
    if not allows(MANAGE):
        refuse(MANAGE)
    return _found()


def _common(seen: scheduler_words.Seen) -> dict[str, Any]:
    lease = seen.leader
    return {
        "alive": seen.alive, "leader": lease, "owner": scheduler_words.owner_words(lease) if lease else ("", ""),
        "zone": seen.seller.timezone, "may_manage": allows(MANAGE), "now_at": seen.at,
    }  # fmt: skip


def _outcome() -> RunState | None:
    asked = params.only(request.args, "result")
    return next((one for one in OUTCOMES if one.value == asked), None)


def _history(work: Work, state: RunState | None) -> list[Run]:
    """The newest runs of a job, of one outcome or of all."""
    ours = select(Run).where(Run.kind.in_(work.kinds), *([Run.state == state] if state else []))
    return list(db.session.scalars(ours.order_by(Run.id.desc()).limit(SHOWN)))


def _hour_form(work: Work, seen: scheduler_words.Seen) -> HourForm | None:
    if not (work.hour_setting and work.hour and allows("settings.edit")) or company.get() is None:
        return None
    return HourForm(formdata=None, hour=work.hour(seen.seller))


def _settings_of(work: Work) -> str:
    """The page of settings that says whether the job is on."""
    if not (work.switch and allows("settings.edit")):
        return ""
    page = next(group.key for group in GROUPS if any(one.name == work.switch for one in group.settings))
    return f"/admin/settings/{page}/#{work.switch}"


def _effects(work: Work) -> list[tuple[str, str, str]]:
    """What pausing this job means."""
    known = {
        "renewals": _("No bills are made by themselves. Days that pass are caught up when it is resumed."),
        "queue": _("Runs that people ask for wait, and runs that were cut off are not gone on with."),
        "deliveries": _("No mail leaves: invoices, reminders and links to sign in wait."),
        "texts": _("No text leaves, codes to verify a number neither."),
        "mailings": _("Messages that people send wait to be queued."),
        "bulk": _("Actions on many customers wait."),
        "mass_changes": _("Changes of package for many services wait."),
        "imports": _("Uploaded tables wait to be checked and imported."),
    }
    first = known.get(work.name) or _("It is not done by itself. A daily job catches up when it is resumed.")
    out = [("warn", "pause", first)]
    if not work.always:
        out.append(("", "play", _("It can still be run by hand.")))
    out.append(("", "bell", _("The dashboard says so as long as it is paused, with your name and the reason.")))
    return out
